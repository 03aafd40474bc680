//! Writes header fields of a message: allowed characters, encoded words (RFC 2047), and folding of long lines (RFC 5322
//! §2.2.3).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::infra::error::{Message, Result};

/// Preferred columns of a line (RFC 5322 §2.1.1).
const PREFERRED_COLUMNS: usize = 78;
/// Octets that no line exceeds. The limit of RFC 5322 §2.1.1 is 998.
const MAX_OCTETS: usize = 900;
/// Octets of text in one encoded word: 60 characters of base64 and 12 around them, below the 75 of RFC 2047 §2.
const ENCODED_WORD: usize = 45;

/// Text allowed in a header: one line, no control character, no direction mark.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct HeaderText(String);

impl HeaderText {
    /// No text.
    pub const EMPTY: Self = Self(String::new());

    /// Accepts a text without hidden characters.
    ///
    /// # Errors
    /// Invalid if the text holds a hidden character (see [`is_hidden`]).
    pub fn new(text: &str) -> Result<Self> {
        match text.chars().any(is_hidden) {
            true => Err(Message::new("header-hidden").with("text", Self::clean(text)).invalid()),
            false => Ok(Self(text.trim().to_owned())),
        }
    }

    /// Makes a header text of any text: white space becomes single spaces, other hidden characters are removed.
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

/// True for control characters, line separators, direction marks and the byte order mark. Joiners are allowed: scripts
/// and emoji need them.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}' | '\u{feff}')
}

/// A display name and an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    name: HeaderText,
    local: String,
    domain: String,
}

impl Mailbox {
    /// A mailbox from the two sides of an address. The domain is converted to an A-label (IDNA).
    ///
    /// # Errors
    /// Invalid if either side cannot be written into a header.
    pub fn new(name: HeaderText, local: &str, domain: &str) -> Result<Self> {
        let refused = || Message::new("header-mailbox").invalid();
        let is_writable = if local.starts_with('"') { is_quoted_string(local) } else { !local.contains(SPECIALS) };
        if local.is_empty() || local.chars().any(is_hidden) || !is_writable {
            return Err(refused());
        }
        let domain = idna::domain_to_ascii(domain).ok().filter(|domain| !domain.is_empty()).ok_or_else(refused)?;
        Ok(Self { name, local: local.to_owned(), domain })
    }

    /// True if the header must hold raw UTF-8, which only a server with SMTPUTF8 accepts (RFC 6531).
    pub fn needs_smtputf8(&self) -> bool {
        !self.local.is_ascii()
    }

    /// The domain as A-label.
    pub fn domain(&self) -> &str {
        &self.domain
    }
}

/// Characters that end a local part that is not quoted (RFC 5322 §3.2.3).
const SPECIALS: &[char] = &[' ', '"', '(', ')', ',', ':', ';', '<', '>', '@', '[', '\\', ']'];

/// True for one quoted string and nothing after it (RFC 5322 §3.2.4).
fn is_quoted_string(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return false };
    let mut escaped = false;
    let is_closed = inner.chars().all(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        !ends
    });
    is_closed && !escaped
}

/// Collects the header fields of a message.
#[derive(Debug, Default)]
pub struct HeaderBlock(Vec<u8>);

impl HeaderBlock {
    /// Adds an unstructured field.
    pub fn text(&mut self, name: &str, text: &HeaderText) {
        let words = match is_plain(text.as_str()) {
            true => text.as_str().split(' ').map(str::to_owned).collect(),
            false => encode(text.as_str(), PREFERRED_COLUMNS - name.len() - 2),
        };
        self.tokens(name, &words);
    }

    /// Adds a field with one mailbox.
    pub fn mailbox(&mut self, name: &str, mailbox: &Mailbox) {
        let mut tokens = phrase(&mailbox.name, PREFERRED_COLUMNS - name.len() - 2);
        let address = format!("{}@{}", mailbox.local, mailbox.domain);
        tokens.push(if tokens.is_empty() { address } else { format!("<{address}>") });
        self.tokens(name, &tokens);
    }

    /// Adds a field whose tokens may be folded onto lines of their own. Hidden characters are removed.
    pub fn tokens<T: AsRef<str>>(&mut self, name: &str, tokens: &[T]) {
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(b':');
        let mut column = name.len() + 1;
        for (index, token) in tokens.iter().enumerate() {
            let token: String = token.as_ref().chars().filter(|c| !is_hidden(*c)).collect();
            if index > 0 && column + 1 + token.len() > PREFERRED_COLUMNS {
                self.0.extend_from_slice(b"\r\n");
                column = 0;
            }
            for (part, piece) in split_long(&token).enumerate() {
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

    /// The fields, without the empty line that ends a header.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// A display name as tokens: atoms, one quoted string, or encoded words (RFC 5322 §3.2.5). `room` is what the line has
/// left, in columns.
pub fn phrase(name: &HeaderText, room: usize) -> Vec<String> {
    let text = name.as_str();
    if text.is_empty() {
        return Vec::new();
    }
    if !is_plain(text) || text.len() > MAX_OCTETS / 2 {
        return encode(text, room);
    }
    if text.bytes().all(|byte| byte == b' ' || byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)) {
        return text.split(' ').map(str::to_owned).collect();
    }
    vec![format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))]
}

/// True for printable ASCII in words short enough to fold that no reader takes for an encoded word.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        && !text.contains("=?")
        && !text.contains("  ")
        && text.split(' ').all(|word| word.len() <= PREFERRED_COLUMNS - 20)
}

/// The text as encoded words, split between characters. White space between two encoded words is not part of the text
/// (RFC 2047 §6.2), so they may be folded. `room` is what the first line has left, in columns.
fn encode(text: &str, room: usize) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text;
    let mut budget = ENCODED_WORD.min(room.saturating_sub(12) / 4 * 3).max(12);
    while !rest.is_empty() {
        let end = (0..=budget.min(rest.len())).rev().find(|end| rest.is_char_boundary(*end)).unwrap_or(rest.len());
        words.push(format!("=?UTF-8?B?{}?=", STANDARD.encode(&rest[..end])));
        rest = &rest[end..];
        budget = ENCODED_WORD;
    }
    words
}

/// Splits a token that is longer than a line may be. Only a URL gets that long, and white space inside its brackets is
/// ignored (RFC 2369 §2).
fn split_long(token: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(token);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = (0..=MAX_OCTETS.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(text.len());
        rest = Some(&text[end..]).filter(|left| !left.is_empty());
        Some(&text[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(text: &str) -> String {
        let mut headers = HeaderBlock::default();
        headers.text("Subject", &HeaderText::clean(text));
        String::from_utf8(headers.into_bytes()).expect("ASCII")
    }

    #[test]
    fn plain_text_is_not_encoded_and_folds() {
        assert_eq!(subject("Hello, world"), "Subject: Hello, world\r\n");
        let long = subject(&"seven77 ".repeat(30));
        assert!(long.lines().all(|line| line.len() <= PREFERRED_COLUMNS), "{long}");
        assert_eq!(long.replace("\r\n ", " ").matches("seven77").count(), 30);
    }

    #[test]
    fn encoded_words_are_split_between_characters() {
        for count in 1..200 {
            let text = subject(&"Привет👩‍👩‍👧漢".repeat(count));
            for line in text.lines() {
                assert!(line.len() <= PREFERRED_COLUMNS, "{line}");
                let word = line.trim_start_matches("Subject:").trim();
                assert!(word.len() <= 75);
                let inner = word.strip_prefix("=?UTF-8?B?").and_then(|rest| rest.strip_suffix("?=")).expect("a word");
                String::from_utf8(STANDARD.decode(inner).expect("base64")).expect("whole characters");
            }
        }
    }

    #[test]
    fn text_like_an_encoded_word_is_encoded() {
        assert!(!subject("=?utf-8?b?DQpCY2M6?=").contains("utf-8?b?DQ"));
    }

    #[test]
    fn line_breaks_never_reach_a_header() {
        assert!(HeaderText::new("a\r\nBcc: x@y.example").is_err());
        assert!(HeaderText::new("a\0").is_err());
        assert_eq!(HeaderText::clean("a\r\n\tb\u{0}c\u{202e}").as_str(), "a bc");
        let mut headers = HeaderBlock::default();
        headers.tokens("X-Test", &["a\r\nBcc:", "x\ny"]);
        assert_eq!(headers.into_bytes(), b"X-Test: aBcc: xy\r\n");
    }

    #[test]
    fn display_names_are_quoted_only_when_necessary() {
        let phrase = |text: &str| phrase(&HeaderText::clean(text), 60).join(" ");
        assert_eq!(phrase("Anna Shop"), "Anna Shop");
        assert_eq!(phrase("Shop, Inc. \"A\""), "\"Shop, Inc. \\\"A\\\"\"");
        assert_eq!(phrase("Магазин"), "=?UTF-8?B?0JzQsNCz0LDQt9C40L0=?=");
    }

    #[test]
    fn mailbox_domain_is_written_as_a_label() {
        let mailbox = Mailbox::new(HeaderText::clean("Иван"), "ivan", "почта.рф").expect("a mailbox");
        assert_eq!(mailbox.domain(), "xn--80a1acny.xn--p1ai");
        assert!(!mailbox.needs_smtputf8());
        assert!(Mailbox::new(HeaderText::default(), "иван", "почта.рф").expect("a mailbox").needs_smtputf8());
        for local in [
            "", "a>b", "a\r\nb", "a b", "a@b", "a(b", "a:b", "a\\b", "\"", "\"a", "\"a\"b\"", "\"a\\\"", "\"a\nb\"",
            "\"a\"x",
        ] {
            assert!(Mailbox::new(HeaderText::default(), local, "example.org").is_err(), "{local:?}");
        }
    }

    #[test]
    fn a_quoted_local_part_is_written_as_it_is() {
        for local in [r#""x<y""#, r#""x two""#, r#""a\"b""#, r#""a\\""#, r#""a,b;c:d>e@f""#] {
            let mailbox = Mailbox::new(HeaderText::EMPTY, local, "example.org").expect(local);
            let mut headers = HeaderBlock::default();
            headers.mailbox("To", &mailbox);
            assert_eq!(String::from_utf8_lossy(&headers.into_bytes()), format!("To: {local}@example.org\r\n"));
        }
    }
}
