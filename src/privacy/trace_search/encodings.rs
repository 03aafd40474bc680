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
    /// Whether `A` to `Z` match only in the same case: in base64 the case is part of the value. In all other forms
    /// hexadecimal digits and the rest match in either case, also mixed.
    pub exact: bool,
}

/// All encodings of an address. `given` is its spelling as the user typed it.
pub fn all(given: &str, address: &Address) -> Vec<Form> {
    let mut forms = Vec::new();
    for text in spellings(given, address) {
        forms.extend(encodings(&text));
    }
    // Forms that match in either case need be searched once.
    forms.iter_mut().filter(|form| !form.exact).for_each(|form| form.bytes.make_ascii_lowercase());
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
    forms.push(any_case("percent", hexadecimal(text, "%")));
    for keep in ["@.-_+!#$%&'*/?^`{|}~\"", ".-_+!*/", "!*+-/", ""] {
        forms.push(any_case("quoted-printable", escaped(text, '=', keep)));
    }
    forms.push(any_case("quoted-printable", hexadecimal(text, "=")));
    for at in ["@", "\\u0040"] {
        forms.push(any_case("json", json(text).replace('@', at).into_bytes()));
    }
    let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
    forms.push(any_case("json", units.collect::<String>().into_bytes()));
    for at in ["&#64;", "&#x40;", "&commat;"] {
        forms.push(any_case("html", text.replace('@', at).into_bytes()));
    }
    for entity in [|c| format!("&#{};", u32::from(c)), |c| format!("&#x{:x};", u32::from(c))] as [fn(char) -> String; 2]
    {
        let kept = |c: char| if c.is_ascii() { c.to_string() } else { entity(c) };
        let with_at = |c: char| if c.is_ascii() && c != '@' { c.to_string() } else { entity(c) };
        forms.push(any_case("html", text.chars().map(kept).collect::<String>().into_bytes()));
        forms.push(any_case("html", text.chars().map(with_at).collect::<String>().into_bytes()));
        forms.push(any_case("html", text.chars().map(entity).collect::<String>().into_bytes()));
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

/// The text with every byte replaced by `mark` and two hexadecimal digits.
fn hexadecimal(text: &str, mark: &str) -> Vec<u8> {
    text.bytes().flat_map(|byte| format!("{mark}{byte:02X}").into_bytes()).collect()
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
    fn forms_include_what_editors_and_mailers_write() {
        let address = Address::parse("анна.b@почта.рф").expect("an address");
        let forms = all("анна.b@почта.рф", &address);

        for (name, text) in [
            ("html", "&#1072;&#1085;&#1085;&#1072;.b@&#1087;&#1086;&#1095;&#1090;&#1072;.&#1088;&#1092;"),
            ("html", "&#x430;&#x43D;&#x43d;&#x430;.b&#x40;&#x43f;&#x43e;&#x447;&#x442;&#x430;.&#x440;&#x444;"),
            (
                "html",
                "&#1072;&#1085;&#1085;&#1072;&#46;&#98;&#64;&#1087;&#1086;&#1095;&#1090;&#1072;&#46;&#1088;&#1092;",
            ),
            ("quoted-printable", "=D0=b0=d0=BD=d0=bd=D0=B0=2E=62=40=D0=BF=D0=BE=D1=87=D1=82=D0=B0=2E=D1=80=D1=84"),
            ("percent", "%d0%B0%D0%bd%D0%BD%d0%b0.b%40%d0%bf%d0%be%d1%87%d1%82%d0%b0.%d1%80%d1%84"),
            ("json", "\\u0430\\u043D\\u043d\\u0430.b@\\u043f\\u043e\\u0447\\u0442\\u0430.\\u0440\\u0444"),
            ("plain", "анна.b@XN--80A1ACNY.xn--P1AI"),
        ] {
            let is_form =
                |form: &Form| form.name == name && !form.exact && form.bytes.eq_ignore_ascii_case(text.as_bytes());
            assert!(forms.iter().any(is_form), "{name} {text}");
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
