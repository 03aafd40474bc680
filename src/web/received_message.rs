//! A letter as it was received, taken apart the way a mail program does: for the inbox that shows it
//! and for the demo that answers it.

use mail_parser::{Message as Parsed, MessageParser, MimeHeaders};

/// Bytes of the source that are kept for showing.
const SHOWN: usize = 1024 * 1024;

/// A letter on this side of the wire.
#[derive(Debug, Clone)]
pub struct ReceivedMessage {
    /// Sender as written in the header.
    pub from: String,
    /// The address of the recipient.
    pub to: String,
    /// What it is about.
    pub subject: String,
    /// Its size in bytes.
    pub size: usize,
    /// The HTML part.
    pub html: Option<String>,
    /// The text part.
    pub text: Option<String>,
    /// Names and values of the header, unfolded.
    pub headers: Vec<(String, String)>,
    /// The bytes as they came, as far as they can be shown.
    pub source: String,
}

impl ReceivedMessage {
    /// Takes a letter apart; `None` when the bytes are no letter.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let parsed = MessageParser::default().parse(bytes)?;
        let (from, to, subject) = envelope(&parsed);
        Some(Self {
            from,
            to,
            subject,
            size: bytes.len(),
            html: part(&parsed, "html"),
            text: part(&parsed, "plain"),
            headers: parsed.headers_raw().map(|(name, value)| (name.to_owned(), unfold(value))).collect(),
            source: String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]).into_owned(),
        })
    }

    /// The value of a header field; names are compared without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The URL of the pixel, if the letter has one.
    pub fn pixel(&self) -> Option<String> {
        self.urls().find(|url| url.contains("/o/") && url.ends_with(".gif")).map(str::to_owned)
    }

    /// The measured links in the order of the letter.
    pub fn links(&self) -> Vec<String> {
        self.urls().filter(|url| url.contains("/c/")).map(str::to_owned).collect()
    }

    /// The URL that takes a one-click request (RFC 8058), if the letter offers one.
    pub fn one_click(&self) -> Option<String> {
        let offered = self.header("List-Unsubscribe-Post")? == "List-Unsubscribe=One-Click";
        let flat: String = self.header("List-Unsubscribe")?.split_whitespace().collect();
        let url = flat.split(['<', '>']).find(|part| part.starts_with("https://") || part.starts_with("http://"));
        url.filter(|_| offered).map(str::to_owned)
    }

    /// Every quoted URL of the HTML part.
    fn urls(&self) -> impl Iterator<Item = &str> {
        let html = self.html.as_deref().unwrap_or_default();
        html.split(['"', '\'']).filter(|part| part.starts_with("http"))
    }
}

/// Sender, recipient and subject of a letter, for a list of them.
pub fn glance(bytes: &[u8]) -> Option<(String, String, String)> {
    MessageParser::default().parse_headers(bytes).as_ref().map(envelope)
}

/// An address as its owner reads it: the domain in its own script.
pub fn spell(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", idna::domain_to_unicode(domain).0),
        None => address.to_owned(),
    }
}

fn envelope(parsed: &Parsed<'_>) -> (String, String, String) {
    let from = match parsed.from().and_then(|from| from.first()) {
        Some(from) => match (from.name(), from.address()) {
            (Some(name), Some(address)) => format!("{name} <{address}>"),
            (_, address) => address.unwrap_or("-").to_owned(),
        },
        None => "-".to_owned(),
    };
    let to = parsed.to().and_then(|to| to.first()).and_then(|to| to.address()).unwrap_or("-");
    (from, to.to_owned(), parsed.subject().unwrap_or("-").to_owned())
}

fn part(parsed: &Parsed<'_>, kind: &str) -> Option<String> {
    let is_kind = |part: &&mail_parser::MessagePart<'_>| {
        part.is_text() && part.content_type().is_some_and(|of| of.subtype() == Some(kind))
    };
    parsed.parts.iter().find(is_kind).and_then(|part| part.text_contents()).map(str::to_owned)
}

fn unfold(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LETTER: &str = "From: =?utf-8?B?0JzQsNCz0LDQt9C40L0=?= <news@example.org>\r\nTo: anna@example.org\r\n\
        Subject: News\r\nList-Unsubscribe: <mailto:leave@example.org>,\r\n <https://news.example.org/u/abc>\r\n\
        List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nMIME-Version: 1.0\r\n\
        Content-Type: text/html; charset=utf-8\r\n\r\n<a href=\"https://news.example.org/c/abc/0\">one</a>\
        <a href='https://news.example.org/p/abc'>two</a><img src=\"https://news.example.org/o/abc.gif\">";

    #[test]
    fn a_letter_is_taken_apart() {
        let letter = ReceivedMessage::read(LETTER.as_bytes()).expect("a letter");

        assert_eq!(letter.from, "Магазин <news@example.org>");
        assert_eq!((letter.to.as_str(), letter.subject.as_str()), ("anna@example.org", "News"));
        assert_eq!(letter.pixel().as_deref(), Some("https://news.example.org/o/abc.gif"));
        assert_eq!(letter.links(), ["https://news.example.org/c/abc/0"]);
        assert_eq!(letter.one_click().as_deref(), Some("https://news.example.org/u/abc"));
        assert_eq!(letter.text, None);
    }

    #[test]
    fn a_domain_is_read_in_its_own_script() {
        assert_eq!(spell("иван@xn--80a1acny.xn--p1ai"), "иван@почта.рф");
        assert_eq!(spell("-"), "-");
    }

    #[test]
    fn without_the_post_header_there_is_no_one_click() {
        let letter = LETTER.replace("List-Unsubscribe-Post", "X-Other");

        assert_eq!(ReceivedMessage::read(letter.as_bytes()).expect("a letter").one_click(), None);
    }
}
