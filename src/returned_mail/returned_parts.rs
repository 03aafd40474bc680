//! The parts of a message that came back: the machine-readable report, the returned message, and the text for people.

use mail_parser::{Message, MessageParser, MimeHeaders, PartType};

/// Bytes of a message that are read. A report returns the headers of a message, and few servers return all of it.
pub const MAX_BYTES: usize = 10 * 1024 * 1024;

/// Parts of a message that are looked at.
const MAX_PARTS: usize = 100;

/// Opening boundaries of a message that is read at all: more of them nest deeper than any report does.
const MAX_BOUNDARIES: usize = 200;

/// Characters of a text that are looked at.
const MAX_TEXT: usize = 64 * 1024;

/// Fields of which a message has one at least.
const ENVELOPE_FIELDS: &[&str] = &["from", "to", "subject", "date", "received", "return-path", "delivered-to"];

/// A message that came back, taken apart.
#[derive(Debug, Default)]
pub struct ReturnedParts {
    /// Names in lower case and unfolded values of the header, in its order.
    pub headers: Vec<(String, String)>,
    /// `report-type` of a `multipart/report`, in lower case.
    pub report_type: Option<String>,
    /// The fields of a delivery status notification (RFC 3464, RFC 6533).
    pub delivery_status: Option<String>,
    /// The fields of a feedback report (RFC 5965).
    pub feedback_report: Option<String>,
    /// The returned message or its header, as it is written.
    pub original: Option<String>,
    /// The text that people read.
    pub text: String,
}

/// Why a message is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// More than [`MAX_BYTES`].
    TooLarge,
    /// More boundaries or nested messages than any report has.
    TooDeep,
    /// No message.
    NoMessage,
}

impl ReturnedParts {
    /// Takes a message apart.
    pub fn read(raw: &[u8]) -> Result<Self, Unreadable> {
        if raw.len() > MAX_BYTES {
            return Err(Unreadable::TooLarge);
        }
        if is_deep(raw) {
            return Err(Unreadable::TooDeep);
        }
        let message = MessageParser::default().parse(raw).ok_or(Unreadable::NoMessage)?;
        let mut parts = Self {
            headers: message.headers_raw().map(|(name, value)| (name.to_lowercase(), unfold(value))).collect(),
            report_type: message
                .content_type()
                .and_then(|kind| kind.attribute("report-type"))
                .map(str::to_ascii_lowercase),
            ..Self::default()
        };
        if !parts.headers.iter().any(|(name, _)| ENVELOPE_FIELDS.contains(&name.as_str())) {
            return Err(Unreadable::NoMessage);
        }
        parts.collect(&message, 0);
        Ok(parts)
    }

    /// The first value of a header field, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The values of a header field that can stand several times.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn collect(&mut self, message: &Message<'_>, depth: usize) {
        for part in message.parts.iter().take(MAX_PARTS) {
            let kind = part.content_type();
            let kind = kind.map(|kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or("")).to_lowercase());
            match (kind.as_deref().unwrap_or("text/plain"), &part.body) {
                ("message/delivery-status" | "message/global-delivery-status", body) => {
                    keep(&mut self.delivery_status, content(body));
                }
                ("message/feedback-report", body) => keep(&mut self.feedback_report, content(body)),
                ("text/rfc822-headers" | "message/global-headers" | "message/rfc822-headers", body) => {
                    keep(&mut self.original, content(body));
                }
                (_, PartType::Message(inner)) => {
                    // Some servers wrap their report into a message.
                    if depth == 0 && self.delivery_status.is_none() && is_report(inner) {
                        self.collect(inner, depth + 1);
                    }
                    keep(&mut self.original, Some(cut(&String::from_utf8_lossy(inner.raw_message()))));
                }
                (_, PartType::Text(text)) => self.add_text(text),
                (_, PartType::Html(html)) if self.text.is_empty() => {
                    self.add_text(&mail_parser::decoders::html::html_to_text(&cut(html)));
                }
                _ => {}
            }
        }
    }

    fn add_text(&mut self, text: &str) {
        if self.text.len() < MAX_TEXT {
            self.text.push_str(&cut(text));
            self.text.push('\n');
        }
    }
}

/// Whether an inner message is a report about another one.
fn is_report(message: &Message<'_>) -> bool {
    let is_multipart_report = |kind: &mail_parser::ContentType<'_>| {
        kind.ctype().eq_ignore_ascii_case("multipart")
            && kind.subtype().is_some_and(|sub| sub.eq_ignore_ascii_case("report"))
    };
    message.content_type().is_some_and(is_multipart_report)
}

/// Whether a message may nest deeper than is safe to read.
fn is_deep(raw: &[u8]) -> bool {
    let finds = |word: &[u8]| {
        raw.windows(word.len()).filter(|window| window.eq_ignore_ascii_case(word)).take(MAX_BOUNDARIES + 1).count()
    };
    finds(b"boundary=") + finds(b"message/rfc822") > MAX_BOUNDARIES
}

fn keep(place: &mut Option<String>, found: Option<String>) {
    if place.is_none() {
        *place = found;
    }
}

fn content(body: &PartType<'_>) -> Option<String> {
    match body {
        PartType::Text(text) | PartType::Html(text) => Some(cut(text)),
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => Some(cut(&String::from_utf8_lossy(bytes))),
        PartType::Message(message) => Some(cut(&String::from_utf8_lossy(message.raw_message()))),
        PartType::Multipart(_) => None,
    }
}

/// The beginning of a text.
fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_TEXT)].to_owned()
}

fn unfold(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}
