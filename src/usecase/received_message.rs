//! A received message, parsed as a mail program does (RFC 5322, MIME), for the capture inbox and the demo.

use mail_parser::{Message as Parsed, MessageParser, MimeHeaders};

/// Bytes of the source that are kept.
const MAX_SOURCE: usize = 1024 * 1024;

/// A parsed message.
#[derive(Debug, Clone)]
pub struct ReceivedMessage {
    /// The sender, with the name.
    pub from: String,
    /// The address of the recipient.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The size in bytes.
    pub size: usize,
    /// The HTML part.
    pub html: Option<String>,
    /// The text part.
    pub text: Option<String>,
    /// Names and values of the header fields, unfolded.
    pub headers: Vec<(String, String)>,
    /// The source as text, up to a mebibyte.
    pub source: String,
}

impl ReceivedMessage {
    /// Parses a message; `None` when the bytes are none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
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
            source: String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_SOURCE)]).into_owned(),
        })
    }

    /// The value of a header field; names are compared without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The URL of the tracking pixel, if the message has one.
    pub fn pixel(&self) -> Option<String> {
        self.urls().find(|url| url.contains("/o/") && url.ends_with(".gif")).map(str::to_owned)
    }

    /// The tracked links in the order of the message.
    pub fn links(&self) -> Vec<String> {
        self.urls().filter(|url| url.contains("/c/")).map(str::to_owned).collect()
    }

    /// The URL for one-click unsubscribe requests (RFC 8058), if the message offers one.
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

/// Sender, recipient and subject of a message.
pub fn read_envelope(bytes: &[u8]) -> Option<(String, String, String)> {
    MessageParser::default().parse_headers(bytes).as_ref().map(envelope)
}

/// An address with its domain in Unicode.
pub fn unicode_address(address: &str) -> String {
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

    const MESSAGE: &str = "From: =?utf-8?B?0JzQsNCz0LDQt9C40L0=?= <news@example.org>\r\nTo: anna@example.org\r\n\
        Subject: News\r\nList-Unsubscribe: <mailto:leave@example.org>,\r\n <https://news.example.org/u/abc>\r\n\
        List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nMIME-Version: 1.0\r\n\
        Content-Type: text/html; charset=utf-8\r\n\r\n<a href=\"https://news.example.org/c/abc/0\">one</a>\
        <a href='https://news.example.org/p/abc'>two</a><img src=\"https://news.example.org/o/abc.gif\">";

    #[test]
    fn message_is_parsed() {
        let message = ReceivedMessage::parse(MESSAGE.as_bytes()).expect("a message");

        assert_eq!(message.from, "Магазин <news@example.org>");
        assert_eq!((message.to.as_str(), message.subject.as_str()), ("anna@example.org", "News"));
        assert_eq!(message.pixel().as_deref(), Some("https://news.example.org/o/abc.gif"));
        assert_eq!(message.links(), ["https://news.example.org/c/abc/0"]);
        assert_eq!(message.one_click().as_deref(), Some("https://news.example.org/u/abc"));
        assert_eq!(message.text, None);
    }

    #[test]
    fn address_is_shown_with_unicode_domain() {
        assert_eq!(unicode_address("иван@xn--80a1acny.xn--p1ai"), "иван@почта.рф");
        assert_eq!(unicode_address("-"), "-");
    }

    #[test]
    fn message_without_post_header_offers_no_one_click() {
        let message = MESSAGE.replace("List-Unsubscribe-Post", "X-Other");

        assert_eq!(ReceivedMessage::parse(message.as_bytes()).expect("a message").one_click(), None);
    }
}
