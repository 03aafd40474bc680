//! The bytes of a message (RFC 5322, MIME): header fields in a fixed order, then the text and the
//! HTML of a letter, both in UTF-8 and quoted-printable. Nothing here asks for the time or for
//! chance: the same heading and letter give the same bytes.
//!
//! Written by hand rather than with a mail library: no line exceeds 998 octets whatever it holds,
//! nothing but ASCII leaves unless an address needs it, and no text can end a header or a body.

use jiff::Timestamp;
use jiff::tz::Offset;

use crate::content::email::RenderedEmail;
use crate::content::mime::header::{HeaderText, Headers, Mailbox, phrase};
use crate::content::mime::quoted_printable::Body;
use crate::infra::clock::Millis;

/// Everything in the header of a message except its subject.
#[derive(Debug, Clone)]
pub struct MessageHeader {
    /// Who writes.
    pub from: Mailbox,
    /// Where answers go, if elsewhere.
    pub reply_to: Option<Mailbox>,
    /// Who reads.
    pub to: Mailbox,
    /// `left@right`, the same at every try.
    pub message_id: String,
    /// When the letter was first made.
    pub date: Millis,
    /// What makes it a letter of a list; `None` for system mail, which is never tracked and marked
    /// as automatic (RFC 3834).
    pub list: Option<ListHeaders>,
}

/// The marks of a letter to a list.
#[derive(Debug, Clone)]
pub struct ListHeaders {
    /// Names the list for ever, whatever it is called: letters, digits, `-` and `.`.
    pub list_label: String,
    /// A domain of the sender's, as A-label.
    pub list_domain: String,
    /// What the list is called today.
    pub list_name: HeaderText,
    /// The class of the campaign, for the statistics of mail providers.
    pub campaign: String,
    /// What kind of mail the sender's streams tell apart.
    pub stream: String,
    /// The sender among those of this installation.
    pub tenant: String,
    /// Names the installation: 5 to 15 letters and digits.
    pub feedback_sender: String,
    /// The https address of the one-click request (RFC 8058).
    pub unsubscribe_url: String,
    /// The mailbox that does the same, `left@right`.
    pub unsubscribe_mailbox: Option<String>,
}

impl MessageHeader {
    /// True when the message can go only to a server with SMTPUTF8: a header holds raw UTF-8.
    pub fn needs_smtputf8(&self) -> bool {
        [Some(&self.from), Some(&self.to), self.reply_to.as_ref()].into_iter().flatten().any(Mailbox::needs_smtputf8)
    }
}

/// Octets of a List-Id (RFC 2919 §3).
const LIST_ID: usize = 255;

/// The message, ready for the body of an SMTP transaction except for dot-stuffing.
pub fn write(heading: &MessageHeader, letter: &RenderedEmail) -> Vec<u8> {
    let mut out = first(heading);
    push_to(&mut out, &heading.to);
    push_subject(&mut out, &letter.subject);
    push_date(&mut out, heading.date);
    out.extend_from_slice(&last(heading));
    for (kind, text, ends) in
        [("plain", &letter.text, &letter.piece_ends.text), ("html", &letter.html, &letter.piece_ends.html)]
    {
        out.extend_from_slice(&part(heading, kind));
        let mut body = Body::new(&mut out);
        let mut start = 0;
        for end in ends.iter().copied().chain([text.len()]) {
            body.piece(&text[start..end]);
            start = end;
        }
        body.finish();
    }
    out.extend_from_slice(&close(heading));
    out
}

/// What stands before the fields of one person.
pub fn first(heading: &MessageHeader) -> Vec<u8> {
    let mut headers = Headers::default();
    headers.mailbox("From", &heading.from);
    headers.into_bytes()
}

/// Appends the `To` field.
pub fn push_to(out: &mut Vec<u8>, to: &Mailbox) {
    let mut headers = Headers::default();
    headers.mailbox("To", to);
    out.extend_from_slice(&headers.into_bytes());
}

/// Appends the `Subject` field.
pub fn push_subject(out: &mut Vec<u8>, subject: &HeaderText) {
    let mut headers = Headers::default();
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

/// What stands behind them, up to the first part.
pub fn last(heading: &MessageHeader) -> Vec<u8> {
    let mut headers = Headers::default();
    headers.tokens("Message-ID", &[format!("<{}>", heading.message_id)]);
    if let Some(reply_to) = &heading.reply_to {
        headers.mailbox("Reply-To", reply_to);
    }
    headers.tokens("MIME-Version", &["1.0"]);
    let boundary = format!("boundary=\"{}\"", boundary(&heading.message_id));
    headers.tokens("Content-Type", &["multipart/alternative;".to_owned(), boundary]);
    match &heading.list {
        Some(bulk) => push_bulk(&mut headers, bulk),
        None => headers.tokens("Auto-Submitted", &["auto-generated"]),
    }
    let mut out = headers.into_bytes();
    out.extend_from_slice(b"\r\n");
    out
}

/// The beginning of a part, `plain` or `html`.
pub fn part(heading: &MessageHeader, kind: &str) -> Vec<u8> {
    let boundary = boundary(&heading.message_id);
    format!(
        "--{boundary}\r\nContent-Type: text/{kind}; charset=utf-8\r\n\
         Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    .into_bytes()
}

/// The end of the last part.
pub fn close(heading: &MessageHeader) -> Vec<u8> {
    format!("--{}--\r\n", boundary(&heading.message_id)).into_bytes()
}

fn push_bulk(headers: &mut Headers, bulk: &ListHeaders) {
    let mut leave = vec![format!("<{}>", bulk.unsubscribe_url)];
    if let Some(mailbox) = &bulk.unsubscribe_mailbox {
        leave[0].push(',');
        leave.push(format!("<mailto:{mailbox}?subject=unsubscribe>"));
    }
    headers.tokens("List-Unsubscribe", &leave);
    headers.tokens("List-Unsubscribe-Post", &["List-Unsubscribe=One-Click"]);
    headers.tokens("List-Id", &list_id(bulk));
    headers.tokens("Precedence", &["bulk"]);
    headers.tokens("Feedback-ID", &[feedback_id(bulk)]);
    headers.tokens("X-Postmaster-Msgtype", &[word(&bulk.campaign, 60)]);
    headers.tokens("X-Auto-Response-Suppress", &["All"]);
}

/// `Name <label.domain>`; the name gives way where the whole would grow too long.
fn list_id(bulk: &ListHeaders) -> Vec<String> {
    let id = format!("<{}.{}>", word(&bulk.list_label, 60), word(&bulk.list_domain, 180));
    let room = 78 - "List-Id: ".len();
    let mut name = bulk.list_name.clone();
    loop {
        let mut tokens = phrase(&name, room);
        tokens.push(id.clone());
        if tokens.len() == 1 || tokens.iter().map(|token| token.len() + 3).sum::<usize>() <= LIST_ID {
            return tokens;
        }
        let shorter: String = name.as_str().chars().take(name.as_str().chars().count() * 3 / 4).collect();
        name = HeaderText::clean(&shorter);
    }
}

/// Four fields, the last of which names the sender (Google's feedback loop).
fn feedback_id(bulk: &ListHeaders) -> String {
    let mut sender = word(&bulk.feedback_sender, 15).replace(['.', '-', '_'], "");
    while sender.len() < 5 {
        sender.push('0');
    }
    format!("{}:{}:{}:{sender}", word(&bulk.campaign, 40), word(&bulk.stream, 40), word(&bulk.tenant, 40))
}

/// ASCII letters, digits, `-`, `_` and `.`, at most `limit`; anything else becomes `-`.
fn word(text: &str, limit: usize) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let word: String = text.chars().map(kept).take(limit).collect();
    if word.is_empty() { "-".to_owned() } else { word }
}

/// Cannot stand in a body: quoted-printable writes `=` as `=3D`, so `=_` never comes out of it
/// (RFC 2045 §6.7).
fn boundary(message_id: &str) -> String {
    let left = message_id.split('@').next().unwrap_or_default();
    format!("=_{}", word(left, 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_as_mail_writes_it() {
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
