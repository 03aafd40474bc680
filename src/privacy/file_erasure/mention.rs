//! Finds addresses in text: as a whole, among other words, quoted, percent-encoded, quoted-printable, as HTML entities
//! and in base64.

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use crate::audience::address::Address;

/// The longest local part in bytes (RFC 5321 §4.5.3.1.1), with its quotes and with every byte written twice.
const MAX_LOCAL: usize = 2 * 64 + 2;
/// The shortest base64 text that can hold an address.
const MIN_BASE64: usize = 8;

/// Whether the text is or contains an address that `is_wanted`, in any of the encodings above.
pub fn mentions(text: &str, is_wanted: &impl Fn(&Address) -> bool) -> bool {
    mentions_plainly(text, is_wanted)
        || variants(text).iter().any(|variant| mentions_plainly(variant, is_wanted))
        || base64_runs(text)
            .any(|run| decode(run).iter().any(|decoded| mentions_plainly(&String::from_utf8_lossy(decoded), is_wanted)))
}

/// Whether a file or folder is named after such an address, perhaps with an ending.
pub fn is_named_after(name: &str, is_wanted: &impl Fn(&Address) -> bool) -> bool {
    let endings = name.match_indices('.').map(|(at, _)| &name[..at]).chain([name]);
    endings.into_iter().any(|name| mentions(name, is_wanted))
}

/// The text as some encodings would have it decoded, where it has signs of them.
fn variants(text: &str) -> Vec<String> {
    let mut variants = Vec::new();
    if text.contains('%') {
        variants.push(unescaped(text, b'%'));
    }
    if text.contains("=40") {
        variants.push(unescaped(text, b'='));
    }
    if ["&#", "&commat;"].iter().any(|sign| text.contains(sign)) {
        variants.push(without_entities(text));
    }
    if text.contains("\"\"") {
        variants.push(text.replace("\"\"", "\""));
    }
    variants
}

fn mentions_plainly(text: &str, is_wanted: &impl Fn(&Address) -> bool) -> bool {
    if !text.contains('@') {
        return false;
    }
    let is_one = |word: &str| Address::parse(word).is_ok_and(|address| is_wanted(&address));
    is_one(text) || text.match_indices('@').any(|(at, _)| candidates(text, at).iter().any(|word| is_one(word)))
}

/// The texts around an `@` that can be an address.
fn candidates(text: &str, at: usize) -> Vec<&str> {
    let (before, after) = (&text[..at], &text[at + 1..]);
    let domain = after.find(|c: char| !(c.is_alphanumeric() || "-._".contains(c))).unwrap_or(after.len());
    let end = at + 1 + after[..domain].trim_end_matches(['.', '-', '_']).len();
    let floor = before.floor_char_boundary(at.saturating_sub(MAX_LOCAL));
    if before.ends_with('"') {
        let quotes = before[floor..at - 1].rmatch_indices('"').map(|(start, _)| &text[floor + start..end]);
        return quotes.collect();
    }
    let is_outside = |c: char| c.is_whitespace() || c.is_control() || "<>(),;:\"[]\\".contains(c);
    let outside = before[floor..].rfind(is_outside);
    let start = outside.map_or(floor, |at| floor + at + before[floor + at..].chars().next().map_or(1, char::len_utf8));
    // What may surround an address may also be part of one.
    let inside = before[start..].match_indices(|c| "=&?/'`|{}!#*".contains(c)).map(|(at, _)| start + at + 1);
    [start].into_iter().chain(inside).map(|start| &text[start..end]).collect()
}

/// Decodes `%40` or `=40`, by their first byte.
fn unescaped(text: &str, sign: u8) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let decoded = tail
            .get(..2)
            .filter(|_| *first == sign)
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Decodes `&#64;`, `&#x40;` and `&commat;`.
fn without_entities(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let decoded = rest.split_once(';').and_then(|(entity, after)| Some((character(entity)?, after)));
        match decoded {
            Some((character, after)) => {
                plain.push(character);
                rest = after;
            }
            None => {
                plain.push('&');
                rest = &rest[1..];
            }
        }
    }
    plain + rest
}

fn character(entity: &str) -> Option<char> {
    if entity == "&commat" {
        return Some('@');
    }
    let digits = entity.strip_prefix("&#")?;
    let code = match digits.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    char::from_u32(code.ok()?)
}

fn base64_runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || "+/-_".contains(c))).filter(|run| run.len() >= MIN_BASE64)
}

/// A run decoded from each of the four places where a group of base64 can begin.
fn decode(run: &str) -> Vec<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const ENGINE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
    let run = run.replace('-', "+").replace('_', "/");
    (0..4)
        .filter_map(|from| {
            let run = run.get(from..)?;
            let whole = if run.len() % 4 == 1 { &run[..run.len() - 1] } else { run };
            ENGINE.decode(whole).ok().filter(|decoded| decoded.contains(&b'@'))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_match(wanted: &str, text: &str) -> bool {
        let wanted = Address::parse(wanted).expect("an address").canonical();
        mentions(text, &|found: &Address| found.canonical() == wanted)
    }

    #[test]
    fn address_is_found_in_any_spelling_and_context() {
        for text in [
            "анна@почта.рф",
            "АННА@ПОЧТА.РФ",
            "Anna <анна@почта.рф>",
            "550 5.1.1 <Анна@xn--80a1acny.xn--p1ai>: unknown",
            "https://x.org/?a=1&m=%D0%B0%D0%BD%D0%BD%D0%B0%40%D0%BF%D0%BE%D1%87%D1%82%D0%B0.%D1%80%D1%84",
            "2;анна@почта.рф;Казань",
            "write to анна@почта.рф.",
            "'анна@почта.рф",
            "&#1072;&#1085;&#x43d;&#1072;&commat;почта.рф",
            "=D0=B0=D0=BD=D0=BD=D0=B0=40=D0=BF=D0=BE=D1=87=D1=82=D0=B0.=D1=80=D1=84",
        ] {
            assert!(is_match("анна@почта.рф", text), "{text}");
        }
        for text in ["жанна@почта.рф", "анна@почта.рф.org", "anna@example.org", "почта.рф"]
        {
            assert!(!is_match("анна@почта.рф", text), "{text}");
        }
    }

    #[test]
    fn legal_but_unusual_addresses_are_found() {
        for text in [
            "\"x two\"@example.org",
            "1,\"x two\"@example.org,Kazan",
            "1,\"\"x two\"\"@example.org,Kazan",
            "Anna <\"x two\"@example.org>",
            "\"X\\ two\"@EXAMPLE.org",
        ] {
            assert!(is_match("\"x two\"@example.org", text), "{text}");
        }
        for text in ["=x@example.org", "'=x@example.org", "a,'=x@example.org;b", "mail==x@example.org"] {
            assert!(is_match("=x@example.org", text), "{text}");
        }
        assert!(!is_match("two@example.org", "\"x two\"@example.org"));
    }

    #[test]
    fn address_is_found_in_base64_at_any_place() {
        for before in ["", "a", "ab", "abc"] {
            let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{before} anna@example.org;x"));
            assert!(is_match("anna@example.org", &encoded), "{encoded}");
            assert!(is_match("anna@example.org", &format!("k: ab{encoded}=\n")), "{encoded}");
        }
    }

    #[test]
    fn names_of_files_are_recognised_with_an_ending() {
        let is_wanted = |found: &Address| found.canonical() == "anna@example.org";
        for name in
            ["anna@example.org", "anna@example.org.csv", "export-of=anna@example.org.json.gz", "anna%40example.org.csv"]
        {
            assert!(is_named_after(name, &is_wanted), "{name}");
        }
        for name in ["joanna@example.org.csv", "contacts.csv", "anna@example.organic"] {
            assert!(!is_named_after(name, &is_wanted), "{name}");
        }
    }
}
