//! Encodes values for addresses. Each filter but `address` returns text that needs no escaping in HTML, in styles and in
//! plain text.

use url::Url;

/// The name of a filter, and how it encodes.
type Encoding = (&'static str, fn(&str) -> String);

/// The filters of addresses by name. Only `urlencode` is for marketers; the compiler puts the others around tags.
pub const ENCODINGS: &[Encoding] = &[
    ("urlencode", percent_encode),
    ("urlpath", path),
    ("address", address),
    ("address_raw", address),
    ("mailpath", |value| encode(value, "@+")),
    ("mailvalue", |value| percent_encode(&value.split_whitespace().collect::<Vec<_>>().join(" "))),
    ("mailbody", |value| percent_encode(&value.replace("\r\n", "\n").replace('\n', "\r\n"))),
    ("telnumber", |value| encode(&value.split_whitespace().collect::<String>(), "+*#,;()")),
];

/// Percent-encodes a value for a URL: all but ASCII letters, digits and `-._~` (RFC 3986 §2.3).
pub fn percent_encode(text: &str) -> String {
    encode(text, "")
}

/// The same for a path, whose segments are kept.
fn path(text: &str) -> String {
    encode(text, "/")
}

/// A whole web address, or its beginning: what may stand in a URL is kept. Any other value is encoded as a path, so that
/// it is no address.
fn address(text: &str) -> String {
    let text = text.trim();
    let Some(url) = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
    else {
        return path(text);
    };
    // Parsing adds a slash after the host, which may be in the text that follows.
    let url = if text.ends_with('/') { url.as_str() } else { url.as_str().trim_end_matches('/') };
    url.chars().fold(String::with_capacity(url.len()), |mut out, c| {
        match c {
            '"' | '\'' | '(' | ')' | '<' | '>' | '\\' | '`' | '{' | '|' | '}' => {
                out.push_str(&format!("%{:02X}", u32::from(c)))
            }
            c => out.push(c),
        }
        out
    })
}

fn encode(text: &str, kept: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            other if kept.as_bytes().contains(&other) => out.push(char::from(other)),
            other => out.push_str(&format!("%{other:02X}")),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_for_their_place() {
        let encoded = |name: &str, value: &str| {
            let (_, encode) = ENCODINGS.iter().find(|(known, _)| *known == name).expect("a filter");
            encode(value)
        };
        for (name, value, text) in [
            ("urlencode", "R&D ü/x", "R%26D%20%C3%BC%2Fx"),
            ("urlpath", "a/b c.png", "a/b%20c.png"),
            ("mailpath", "anna+x@a.example", "anna+x@a.example"),
            ("mailpath", "a?cc=b", "a%3Fcc%3Db"),
            ("mailvalue", "R&D ü\nBcc: x", "R%26D%20%C3%BC%20Bcc%3A%20x"),
            ("mailbody", "a\nb", "a%0D%0Ab"),
            ("telnumber", "+7 (900) 1", "+7(900)1"),
            ("address", "https://пример.рф/я.png", "https://xn--e1afmkfd.xn--p1ai/%D1%8F.png"),
            ("address", "https://a.example", "https://a.example"),
            ("address", "https://a.example/x?y='1'", "https://a.example/x?y=%271%27"),
            ("address", "javascript:alert(1)", "javascript%3Aalert%281%29"),
            ("address", "\" onerror=\"x", "%22%20onerror%3D%22x"),
        ] {
            assert_eq!(encoded(name, value), text, "{name}");
        }
    }
}
