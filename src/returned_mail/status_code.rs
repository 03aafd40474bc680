//! Status codes of RFC 3463 and reply codes of SMTP in running text.

use std::fmt;

/// A status code: class (2, 4 or 5), subject, detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusCode(pub u8, pub u16, pub u16);

impl StatusCode {
    /// `4.0.0` and `5.0.0`: nothing but whether it is for good.
    pub fn is_unspecific(self) -> bool {
        (self.1, self.2) == (0, 0)
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// The first status code of a text. A number with dots before or behind it is an address or a version, not a code.
pub fn first_code(text: &str) -> Option<StatusCode> {
    let is_own = |c: char| c.is_ascii_digit() || c == '.';
    let words = text.split(|c: char| !is_own(c));
    words.map(|word| word.trim_matches('.')).find_map(parse)
}

fn parse(word: &str) -> Option<StatusCode> {
    let mut numbers = word.split('.');
    let mut next = |longest: usize| {
        let number = numbers.next().filter(|number| (1..=longest).contains(&number.len()))?;
        number.parse::<u16>().ok()
    };
    let (class, subject, detail) = (next(1)?, next(3)?, next(3)?);
    let is_last = numbers.next().is_none();
    (is_last && matches!(class, 2 | 4 | 5)).then_some(StatusCode(class as u8, subject, detail))
}

/// Words that announce a reply, besides those that end with a colon.
const ANNOUNCING: &[&str] = &["returned", "code", "with", "was", "<<<"];

/// The first reply code of a refusal, 400 to 599, at the start of a text or after a word that announces a reply.
pub fn first_reply_code(text: &str) -> Option<u16> {
    let is_code = |word: &&str| {
        let digits = word.trim_matches(|c: char| !c.is_ascii_digit());
        digits.len() == 3 && matches!(digits.as_bytes()[0], b'4' | b'5')
    };
    let mut before = ":";
    for word in text.split_whitespace() {
        let announces = before.ends_with(':') || ANNOUNCING.contains(&before.to_lowercase().as_str());
        let word_of_reply = reply_word(word);
        if announces && is_code(&word_of_reply) {
            return word_of_reply.trim_matches(|c: char| !c.is_ascii_digit()).parse().ok();
        }
        before = word;
    }
    None
}

/// A word up to the hyphen of a reply of several lines: `550-5.1.1`.
fn reply_word(word: &str) -> &str {
    let word = word.trim_matches(['"', '\'', '<', '>', '(', ')']);
    if word.as_bytes().get(3) == Some(&b'-') && word.is_char_boundary(3) { &word[..3] } else { word }
}
