//! Encodings of an address: its spellings, each in every encoding that mail, the web and files use.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use unicode_normalization::UnicodeNormalization;

use crate::audience::address::Address;

/// One byte sequence to search for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// The encoding, as shown to the user.
    pub name: &'static str,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether `A` to `Z` match only in the same case: in base64 the case is part of the value.
    pub exact: bool,
}

/// All encodings of an address. `given` is its spelling as the user typed it.
pub fn all(given: &str, address: &Address) -> Vec<Form> {
    let mut forms = Vec::new();
    for text in spellings(given, address) {
        forms.extend(encodings(&text));
    }
    forms.sort_by(|a, b| (a.exact, &a.bytes).cmp(&(b.exact, &b.bytes)));
    forms.dedup_by(|a, b| a.exact == b.exact && a.bytes == b.bytes);
    forms
}

/// The spellings of an address: local part and domain each as given, in lower, upper and title case, the domain also as
/// A-label, composed and decomposed (NFC, NFD).
pub fn spellings(given: &str, address: &Address) -> Vec<String> {
    let spelled = address.expose();
    let (local, domain) = spelled.rsplit_once('@').unwrap_or_default();
    let (decoded, _) = idna::domain_to_unicode(address.domain());
    let mut domains = cases(domain);
    domains.extend(cases(&decoded));
    domains.extend([address.domain().to_owned(), address.domain().to_uppercase()]);
    let canonical = address.canonical();
    let mut locals = cases(address.local());
    locals.extend(cases(local));
    locals.extend(canonical.rsplit_once('@').map(|(local, _)| local.to_owned()));
    let mut texts = vec![given.trim().to_owned()];
    for local in &locals {
        for domain in &domains {
            let text = format!("{local}@{domain}");
            texts.push(text.nfd().collect());
            texts.push(text);
        }
    }
    texts.sort();
    texts.dedup();
    texts
}

fn cases(text: &str) -> Vec<String> {
    let mut title = String::with_capacity(text.len());
    let mut starts = true;
    for c in text.chars() {
        if starts {
            title.extend(c.to_uppercase())
        } else {
            title.extend(c.to_lowercase())
        }
        starts = !c.is_alphanumeric();
    }
    vec![text.to_owned(), text.to_lowercase(), text.to_uppercase(), title]
}

fn encodings(text: &str) -> Vec<Form> {
    let any_case = |name, bytes: Vec<u8>| Form { name, bytes, exact: false };
    let mut forms = vec![
        any_case("plain", text.as_bytes().to_vec()),
        any_case("utf-16le", text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        any_case("utf-16be", text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        any_case("hex", text.bytes().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()),
    ];
    for keep in ["@.-_+", ".-_~", ".-_~+", "@.-_~!$&'()*+,;=", ""] {
        forms.push(any_case("percent", escaped(text, '%', keep)));
    }
    for keep in ["@.-_+!#$%&'*/?^`{|}~\"", ".-_+!*/", "!*+-/", ""] {
        forms.push(any_case("quoted-printable", escaped(text, '=', keep)));
    }
    for at in ["@", "\\u0040"] {
        forms.push(any_case("json", json(text).replace('@', at).into_bytes()));
    }
    for at in ["&#64;", "&#x40;", "&commat;"] {
        forms.push(any_case("html", text.replace('@', at).into_bytes()));
    }
    for (name, charset) in [("windows-1251", encoding_rs::WINDOWS_1251), ("koi8-r", encoding_rs::KOI8_R)] {
        let (bytes, _, unmappable) = charset.encode(text);
        if !unmappable {
            forms.push(any_case(name, bytes.into_owned()));
        }
    }
    for offset in 0..3 {
        forms.push(Form { name: "base64", bytes: base64(&STANDARD, text, offset), exact: true });
        forms.push(Form { name: "base64url", bytes: base64(&URL_SAFE, text, offset), exact: true });
    }
    forms
}

/// The text with every byte that is neither alphanumeric nor in `keep` replaced by `mark` and two hexadecimal digits.
fn escaped(text: &str, mark: char, keep: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || keep.as_bytes().contains(&byte) {
            bytes.push(byte);
        } else {
            bytes.extend(format!("{mark}{byte:02X}").into_bytes());
        }
    }
    bytes
}

fn json(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_ascii() => out.push(c),
            c => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    out
}

/// The base64 characters that depend on the text alone, when it begins `offset` bytes after a multiple of three in the
/// encoded data.
fn base64(engine: &impl Engine, text: &str, offset: usize) -> Vec<u8> {
    let mut bytes = vec![0; offset];
    bytes.extend(text.as_bytes());
    let whole = bytes.len() * 8 / 6;
    let encoded = engine.encode(&bytes).into_bytes();
    encoded[(offset * 8).div_ceil(6)..whole].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_form_matches_at_every_alignment() {
        for (before, offset) in [("", 0), ("x", 1), ("xy", 2), ("xyz", 0)] {
            let encoded = STANDARD.encode(format!("{before}anna@example.org, more"));
            let form = String::from_utf8(base64(&STANDARD, "anna@example.org", offset)).expect("ASCII");
            assert!(encoded.contains(&form), "{before:?}: {form} in {encoded}");
        }
    }

    #[test]
    fn spellings_include_cases_a_labels_and_decomposed_forms() {
        let address = Address::parse("иван.й@почта.рф").expect("an address");
        let texts = spellings("иван.й@почта.рф", &address);

        for text in ["ИВАН.Й@ПОЧТА.РФ", "Иван.Й@почта.рф", "иван.й@xn--80a1acny.xn--p1ai", "иван.и\u{306}@почта.рф"]
        {
            assert!(texts.iter().any(|found| found == text), "{text}");
        }
        let given = "anna@XN--80A1ACNY.xn--p1ai";
        let address = Address::parse(given).expect("an address");
        assert!(spellings(given, &address).iter().any(|found| found == "anna@почта.рф"));
    }
}
