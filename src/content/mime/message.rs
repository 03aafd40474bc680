//! Writes the bytes of a message (RFC 5322, MIME): header fields in a fixed order, then the plain text and the HTML of
//! an email, both in UTF-8, each in the shorter transfer encoding. The same header and email always give the same bytes.
//!
//! No mail library is used, because these hold whatever the input is: no line exceeds 998 octets, only ASCII is written
//! unless an address needs UTF-8, and no text can end a header or a body.

use jiff::Timestamp;
use jiff::tz::Offset;

use super::body::{BodyEncodings, BodyWriter, TransferEncoding};
use super::header::{HeaderBlock, HeaderText, Mailbox, phrase};
use crate::infra::clock::Millis;

/// An email rendered for one recipient. Line ends are `\n`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedEmail {
    /// One line, fit for a header.
    pub subject: HeaderText,
    /// One line; may be empty.
    pub preheader: HeaderText,
    /// A whole HTML document.
    pub html: String,
    /// The same in plain text.
    pub text: String,
    /// Fields that the email prints although this recipient has no value for them.
    pub missing: Vec<String>,
    /// Where the pieces of both bodies end.
    pub piece_ends: PieceEnds,
    /// How both bodies are encoded.
    pub encodings: BodyEncodings,
}

/// The ends of the pieces of both bodies, as byte offsets, ascending. Each piece is encoded on lines of its own (see
/// [`body`](super::body)).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PieceEnds {
    /// Of the HTML.
    pub html: Vec<usize>,
    /// Of the text.
    pub text: Vec<usize>,
}

/// The header of a message, without its subject.
#[derive(Debug, Clone)]
pub struct MessageHeader {
    /// `From`.
    pub from: Mailbox,
    /// `Reply-To`, if it differs from `From`.
    pub reply_to: Option<Mailbox>,
    /// `To`.
    pub to: Mailbox,
    /// `left@right`, the same at every attempt.
    pub message_id: String,
    /// When the message was first composed, in ms.
    pub date: Millis,
    /// The fields of a mailing list; `None` for system mail, which is never tracked and is marked as automatic (RFC
    /// 3834).
    pub list: Option<ListHeaders>,
}

/// The header fields of a message to a mailing list.
#[derive(Debug, Clone)]
pub struct ListHeaders {
    /// Stable label of the list in List-Id (RFC 2919): letters, digits, `-` and `.`.
    pub list_label: String,
    /// A domain of the sender, as A-label.
    pub list_domain: String,
    /// The name of the list.
    pub list_name: HeaderText,
    /// The campaign in Feedback-ID, for the statistics of mailbox providers.
    pub campaign: String,
    /// The kind of mail in Feedback-ID.
    pub stream: String,
    /// The workspace in Feedback-ID.
    pub tenant: String,
    /// The installation in Feedback-ID: 5 to 15 letters and digits.
    pub feedback_sender: String,
    /// The URL of the one-click unsubscribe request (RFC 8058).
    pub unsubscribe_url: String,
    /// The mailbox that unsubscribes by mail, `left@right`.
    pub unsubscribe_mailbox: Option<String>,
}

impl MessageHeader {
    /// True if a header field holds raw UTF-8, so that the message needs a server with SMTPUTF8 (RFC 6531).
    pub fn needs_smtputf8(&self) -> bool {
        [Some(&self.from), Some(&self.to), self.reply_to.as_ref()].into_iter().flatten().any(Mailbox::needs_smtputf8)
    }
}

/// Octets of a List-Id (RFC 2919 §3).
const MAX_LIST_ID: usize = 255;

/// Writes a message. No line begins with a dot, so dot-stuffing (RFC 5321 §4.5.2) changes nothing.
pub fn write(header: &MessageHeader, email: &RenderedEmail) -> Vec<u8> {
    let mut out = header_start(header);
    push_to(&mut out, &header.to);
    push_subject(&mut out, &email.subject);
    push_date(&mut out, header.date);
    out.extend_from_slice(&header_end(header));
    for (kind, text, ends, encoding) in [
        ("plain", &email.text, &email.piece_ends.text, email.encodings.text),
        ("html", &email.html, &email.piece_ends.html, email.encodings.html),
    ] {
        out.extend_from_slice(&part_header(header, kind, encoding));
        push_body(&mut out, text, ends, encoding);
    }
    out.extend_from_slice(&closing_boundary(header));
    out
}

fn push_body(out: &mut Vec<u8>, text: &str, ends: &[usize], encoding: TransferEncoding) {
    let mut body = BodyWriter::new(out, encoding);
    let mut start = 0;
    for end in ends.iter().copied().chain([text.len()]) {
        body.push(&text[start..end]);
        start = end;
    }
    body.finish();
}

/// Bytes of the HTML as it is sent, in its transfer encoding.
pub fn encoded_html_length(email: &RenderedEmail) -> usize {
    let mut out = Vec::new();
    push_body(&mut out, &email.html, &email.piece_ends.html, email.encodings.html);
    out.len()
}

/// The header fields before the recipient's own.
pub fn header_start(header: &MessageHeader) -> Vec<u8> {
    let mut headers = HeaderBlock::default();
    headers.mailbox("From", &header.from);
    headers.into_bytes()
}

/// Appends the `To` field.
pub fn push_to(out: &mut Vec<u8>, to: &Mailbox) {
    let mut headers = HeaderBlock::default();
    headers.mailbox("To", to);
    out.extend_from_slice(&headers.into_bytes());
}

/// Appends the `Subject` field.
pub fn push_subject(out: &mut Vec<u8>, subject: &HeaderText) {
    let mut headers = HeaderBlock::default();
    headers.text("Subject", subject);
    out.extend_from_slice(&headers.into_bytes());
}

/// `Sat, 21 Nov 2026 10:00:00 +0000` (RFC 5322 §3.3).
pub fn push_date(out: &mut Vec<u8>, at: Millis) {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let time = Offset::UTC.to_datetime(Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH));
    let named = |names: &[&'static str], from_one: i8| names[usize::from(from_one.unsigned_abs()) - 1];
    let (day, month) = (named(&DAYS, time.weekday().to_monday_one_offset()), named(&MONTHS, time.month()));
    out.extend_from_slice(b"Date: ");
    out.extend_from_slice(day.as_bytes());
    out.extend_from_slice(b", ");
    push_digits(out, time.day().unsigned_abs().into(), 2);
    out.extend_from_slice(b" ");
    out.extend_from_slice(month.as_bytes());
    for (sign, number, digits) in [
        (b' ', time.year().unsigned_abs(), 4),
        (b' ', time.hour().unsigned_abs().into(), 2),
        (b':', time.minute().unsigned_abs().into(), 2),
        (b':', time.second().unsigned_abs().into(), 2),
    ] {
        out.push(sign);
        push_digits(out, number, digits);
    }
    out.extend_from_slice(b" +0000\r\n");
}

fn push_digits(out: &mut Vec<u8>, number: u16, digits: u32) {
    for place in (0..digits).rev() {
        out.push(b'0' + (number / 10_u16.pow(place) % 10) as u8);
    }
}

/// The header fields after the recipient's own, up to the empty line.
pub fn header_end(header: &MessageHeader) -> Vec<u8> {
    let mut headers = HeaderBlock::default();
    headers.tokens("Message-ID", &[format!("<{}>", header.message_id)]);
    if let Some(reply_to) = &header.reply_to {
        headers.mailbox("Reply-To", reply_to);
    }
    headers.tokens("MIME-Version", &["1.0"]);
    let boundary = format!("boundary=\"{}\"", boundary(&header.message_id));
    headers.tokens("Content-Type", &["multipart/alternative;".to_owned(), boundary]);
    match &header.list {
        Some(list) => push_list_headers(&mut headers, list),
        None => headers.tokens("Auto-Submitted", &["auto-generated"]),
    }
    let mut out = headers.into_bytes();
    out.extend_from_slice(b"\r\n");
    out
}

/// The boundary and header of a body part, `plain` or `html`.
pub fn part_header(header: &MessageHeader, kind: &str, encoding: TransferEncoding) -> Vec<u8> {
    let boundary = boundary(&header.message_id);
    format!(
        "--{boundary}\r\nContent-Type: text/{kind}; charset=utf-8\r\n\
         Content-Transfer-Encoding: {encoding}\r\n\r\n"
    )
    .into_bytes()
}

/// The closing boundary.
pub fn closing_boundary(header: &MessageHeader) -> Vec<u8> {
    format!("--{}--\r\n", boundary(&header.message_id)).into_bytes()
}

fn push_list_headers(headers: &mut HeaderBlock, list: &ListHeaders) {
    let mut unsubscribe = vec![format!("<{}>", list.unsubscribe_url)];
    if let Some(mailbox) = &list.unsubscribe_mailbox {
        unsubscribe[0].push(',');
        unsubscribe.push(format!("<mailto:{mailbox}?subject=unsubscribe>"));
    }
    headers.tokens("List-Unsubscribe", &unsubscribe);
    headers.tokens("List-Unsubscribe-Post", &["List-Unsubscribe=One-Click"]);
    headers.tokens("List-Id", &list_id(list));
    headers.tokens("Precedence", &["bulk"]);
    headers.tokens("Feedback-ID", &[feedback_id(list)]);
    headers.tokens("X-Postmaster-Msgtype", &[to_word(&list.campaign, 60)]);
    headers.tokens("X-Auto-Response-Suppress", &["All"]);
}

/// `Name <label.domain>`; the name is shortened if the whole would be too long.
fn list_id(list: &ListHeaders) -> Vec<String> {
    let id = format!("<{}.{}>", to_word(&list.list_label, 60), to_word(&list.list_domain, 180));
    let room = 78 - "List-Id: ".len();
    let mut name = list.list_name.clone();
    loop {
        let mut tokens = phrase(&name, room);
        tokens.push(id.clone());
        if tokens.len() == 1 || tokens.iter().map(|token| token.len() + 3).sum::<usize>() <= MAX_LIST_ID {
            return tokens;
        }
        let shorter: String = name.as_str().chars().take(name.as_str().chars().count() * 3 / 4).collect();
        name = HeaderText::clean(&shorter);
    }
}

/// Four parts; the last one names the sender (Google's feedback loop).
fn feedback_id(list: &ListHeaders) -> String {
    let mut sender = to_word(&list.feedback_sender, 15).replace(['.', '-', '_'], "");
    while sender.len() < 5 {
        sender.push('0');
    }
    format!("{}:{}:{}:{sender}", to_word(&list.campaign, 40), to_word(&list.stream, 40), to_word(&list.tenant, 40))
}

/// ASCII letters, digits, `-`, `_` and `.`, at most `limit`; anything else becomes `-`.
fn to_word(text: &str, limit: usize) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let word: String = text.chars().map(kept).take(limit).collect();
    if word.is_empty() { "-".to_owned() } else { word }
}

/// The MIME boundary. It begins with `=_`, which neither transfer encoding produces (RFC 2045 §6.7, §6.8).
fn boundary(message_id: &str) -> String {
    let left = message_id.split('@').next().unwrap_or_default();
    format!("=_{}", to_word(left, 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_is_written_by_rfc_5322() {
        for (at, written) in [
            (1_795_255_200_000, "Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n"),
            (951_827_696_999, "Date: Tue, 29 Feb 2000 12:34:56 +0000\r\n"),
            (i64::MAX, "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n"),
        ] {
            let mut out = Vec::new();
            push_date(&mut out, at);
            assert_eq!(String::from_utf8_lossy(&out), written);
        }
    }
}
