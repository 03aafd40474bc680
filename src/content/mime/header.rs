//! Header fields of a message: what may stand in one, how it is encoded (RFC 2047), and how its
//! line is folded (RFC 5322 §2.2.3).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::infra::error::{Message, Result};

/// Columns a line aims at (RFC 5322 §2.1.1).
const AIM: usize = 78;
/// Octets no line exceeds; the limit is 998.
const LIMIT: usize = 900;
/// Octets of text in one encoded word: 60 characters of base64 and 12 around them, below the 75 of
/// RFC 2047 §2.
const WORD: usize = 45;

/// Text that can stand in a header: one line, no control character, no direction mark.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct HeaderText(String);

impl HeaderText {
    /// No text.
    pub const EMPTY: Self = Self(String::new());

    /// Takes the text as it is, or says which rule it breaks.
    pub fn new(text: &str) -> Result<Self> {
        match text.chars().any(is_hidden) {
            true => Err(Message::new("header-hidden").with("text", Self::clean(text)).invalid()),
            false => Ok(Self(text.trim().to_owned())),
        }
    }

    /// Makes a header text of anything: white space becomes single spaces, the rest that may not
    /// stand there is left out.
    pub fn clean(text: &str) -> Self {
        let words = text.split(|c: char| c.is_whitespace() || (c.is_control() && c != '\0'));
        let words = words.map(|word| word.replace(is_hidden, "")).filter(|word| !word.is_empty());
        Self(words.collect::<Vec<_>>().join(" "))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HeaderText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Controls, line separators, marks that turn the direction of text, the byte order mark. The
/// joiners stay: scripts and emoji need them.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}' | '\u{feff}')
}

/// One mailbox of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    name: HeaderText,
    local: String,
    domain: String,
}

impl Mailbox {
    /// A mailbox from the two sides of an address; the domain becomes an A-label.
    pub fn new(name: HeaderText, local: &str, domain: &str) -> Result<Self> {
        let refused = || Message::new("header-mailbox").invalid();
        let unruly = |c: char| is_hidden(c) || matches!(c, '<' | '>');
        let quoted = local.starts_with('"');
        if local.is_empty() || local.chars().any(unruly) || (!quoted && local.contains([' ', '"', ',', ';'])) {
            return Err(refused());
        }
        let domain = idna::domain_to_ascii(domain).ok().filter(|domain| !domain.is_empty()).ok_or_else(refused)?;
        Ok(Self { name, local: local.to_owned(), domain })
    }

    /// True when the header must stand in raw UTF-8, which only a server with SMTPUTF8 takes.
    pub fn needs_smtputf8(&self) -> bool {
        !self.local.is_ascii()
    }

    /// The domain as A-label.
    pub fn domain(&self) -> &str {
        &self.domain
    }
}

/// The header block of a message under construction.
#[derive(Debug, Default)]
pub struct Headers(Vec<u8>);

impl Headers {
    /// An unstructured field: any text.
    pub fn text(&mut self, name: &str, text: &HeaderText) {
        let words = match is_plain(text.as_str()) {
            true => text.as_str().split(' ').map(str::to_owned).collect(),
            false => encode(text.as_str(), AIM - name.len() - 2),
        };
        self.tokens(name, &words);
    }

    /// A field of one mailbox.
    pub fn mailbox(&mut self, name: &str, mailbox: &Mailbox) {
        let mut tokens = phrase(&mailbox.name, AIM - name.len() - 2);
        let address = format!("{}@{}", mailbox.local, mailbox.domain);
        tokens.push(if tokens.is_empty() { address } else { format!("<{address}>") });
        self.tokens(name, &tokens);
    }

    /// A field whose tokens may stand on lines of their own. Callers pass text of their own making;
    /// controls are left out all the same.
    pub fn tokens<T: AsRef<str>>(&mut self, name: &str, tokens: &[T]) {
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(b':');
        let mut column = name.len() + 1;
        for (index, token) in tokens.iter().enumerate() {
            let token: String = token.as_ref().chars().filter(|c| !is_hidden(*c)).collect();
            if index > 0 && column + 1 + token.len() > AIM {
                self.0.extend_from_slice(b"\r\n");
                column = 0;
            }
            for (part, piece) in pieces(&token).enumerate() {
                if part > 0 {
                    self.0.extend_from_slice(b"\r\n");
                    column = 0;
                }
                self.0.push(b' ');
                self.0.extend_from_slice(piece.as_bytes());
                column += 1 + piece.len();
            }
        }
        self.0.extend_from_slice(b"\r\n");
    }

    /// The finished block, without the empty line after it.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// A display name or list name as tokens: atoms, one quoted string, or encoded words.
pub fn phrase(name: &HeaderText, room: usize) -> Vec<String> {
    let text = name.as_str();
    if text.is_empty() {
        return Vec::new();
    }
    if !is_plain(text) || text.len() > LIMIT / 2 {
        return encode(text, room);
    }
    if text.bytes().all(|byte| byte == b' ' || byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)) {
        return text.split(' ').map(str::to_owned).collect();
    }
    vec![format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))]
}

/// Printable ASCII in words short enough to fold, and nothing that reads as an encoded word.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        && !text.contains("=?")
        && !text.contains("  ")
        && text.split(' ').all(|word| word.len() <= AIM - 20)
}

/// The whole text as encoded words, split between characters. White space between two encoded words
/// is no part of the text (RFC 2047 §6.2), so words may stand on lines of their own. `room` is what
/// the first line has left.
fn encode(text: &str, room: usize) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text;
    let mut budget = WORD.min(room.saturating_sub(12) / 4 * 3).max(12);
    while !rest.is_empty() {
        let end = (0..=budget.min(rest.len())).rev().find(|end| rest.is_char_boundary(*end)).unwrap_or(rest.len());
        words.push(format!("=?UTF-8?B?{}?=", STANDARD.encode(&rest[..end])));
        rest = &rest[end..];
        budget = WORD;
    }
    words
}

/// A token cut where a line would grow too long. Only a URL gets that long, and RFC 2369 §2 lets
/// white space inside its brackets be ignored.
fn pieces(token: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(token);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = (0..=LIMIT.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(text.len());
        rest = Some(&text[end..]).filter(|left| !left.is_empty());
        Some(&text[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(text: &str) -> String {
        let mut headers = Headers::default();
        headers.text("Subject", &HeaderText::clean(text));
        String::from_utf8(headers.into_bytes()).expect("ASCII")
    }

    #[test]
    fn plain_text_stays_readable_and_folds() {
        assert_eq!(subject("Hello, world"), "Subject: Hello, world\r\n");
        let long = subject(&"seven77 ".repeat(30));
        assert!(long.lines().all(|line| line.len() <= AIM), "{long}");
        assert_eq!(long.replace("\r\n ", " ").matches("seven77").count(), 30);
    }

    #[test]
    fn words_are_encoded_between_characters() {
        for count in 1..200 {
            let text = subject(&"Привет👩‍👩‍👧漢".repeat(count));
            for line in text.lines() {
                assert!(line.len() <= AIM, "{line}");
                let word = line.trim_start_matches("Subject:").trim();
                assert!(word.len() <= 75);
                let inner = word.strip_prefix("=?UTF-8?B?").and_then(|rest| rest.strip_suffix("?=")).expect("a word");
                String::from_utf8(STANDARD.decode(inner).expect("base64")).expect("whole characters");
            }
        }
    }

    #[test]
    fn what_reads_as_an_encoded_word_is_encoded_itself() {
        assert!(!subject("=?utf-8?b?DQpCY2M6?=").contains("utf-8?b?DQ"));
    }

    #[test]
    fn no_line_break_gets_into_a_header() {
        assert!(HeaderText::new("a\r\nBcc: x@y.example").is_err());
        assert!(HeaderText::new("a\0").is_err());
        assert_eq!(HeaderText::clean("a\r\n\tb\u{0}c\u{202e}").as_str(), "a bc");
        let mut headers = Headers::default();
        headers.tokens("X-Test", &["a\r\nBcc:", "x\ny"]);
        assert_eq!(headers.into_bytes(), b"X-Test: aBcc: xy\r\n");
    }

    #[test]
    fn names_are_quoted_only_where_they_must_be() {
        let phrase = |text: &str| phrase(&HeaderText::clean(text), 60).join(" ");
        assert_eq!(phrase("Anna Shop"), "Anna Shop");
        assert_eq!(phrase("Shop, Inc. \"A\""), "\"Shop, Inc. \\\"A\\\"\"");
        assert_eq!(phrase("Магазин"), "=?UTF-8?B?0JzQsNCz0LDQt9C40L0=?=");
    }

    #[test]
    fn a_mailbox_stands_with_its_domain_in_ascii() {
        let mailbox = Mailbox::new(HeaderText::clean("Иван"), "ivan", "почта.рф").expect("a mailbox");
        assert_eq!(mailbox.domain(), "xn--80a1acny.xn--p1ai");
        assert!(!mailbox.needs_smtputf8());
        assert!(Mailbox::new(HeaderText::default(), "иван", "почта.рф").expect("a mailbox").needs_smtputf8());
        for local in ["", "a>b", "a\r\nb", "a b"] {
            assert!(Mailbox::new(HeaderText::default(), local, "example.org").is_err(), "{local:?}");
        }
    }
}
