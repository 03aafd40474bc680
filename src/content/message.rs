//! The bytes of a message (RFC 5322, MIME): header fields in a fixed order, then the text and the
//! HTML of a letter, both in UTF-8 and quoted-printable. Nothing here asks for the time or for
//! chance: the same heading and letter give the same bytes.
//!
//! Written by hand rather than with a mail library: no line exceeds 998 octets whatever it holds,
//! nothing but ASCII leaves unless an address needs it, and no text can end a header or a body.

use jiff::Timestamp;

use super::header::{HeaderText, Headers, Mailbox, phrase};
use super::letter::Rendered;
use crate::ground::clock::Millis;

/// Everything in the header of a message except its subject.
#[derive(Debug, Clone)]
pub struct Heading {
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
    pub bulk: Option<Bulk>,
}

/// The marks of a letter to a list.
#[derive(Debug, Clone)]
pub struct Bulk {
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

impl Heading {
    /// True when the message can go only to a server with SMTPUTF8: a header holds raw UTF-8.
    pub fn needs_smtputf8(&self) -> bool {
        [Some(&self.from), Some(&self.to), self.reply_to.as_ref()].into_iter().flatten().any(Mailbox::needs_smtputf8)
    }
}

/// Octets of a List-Id (RFC 2919 §3).
const LIST_ID: usize = 255;

/// The message, ready for the body of an SMTP transaction except for dot-stuffing.
pub fn write(heading: &Heading, letter: &Rendered) -> Vec<u8> {
    let boundary = boundary(&heading.message_id);
    let mut out = head(heading, &letter.subject, &boundary);
    for (kind, body) in [("text/plain", &letter.text), ("text/html", &letter.html)] {
        let part = format!(
            "--{boundary}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        );
        out.extend_from_slice(part.as_bytes());
        quoted_printable(&mut out, body);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    out
}

fn head(heading: &Heading, subject: &HeaderText, boundary: &str) -> Vec<u8> {
    let mut headers = Headers::default();
    headers.mailbox("From", &heading.from);
    headers.mailbox("To", &heading.to);
    headers.text("Subject", subject);
    headers.tokens("Date", &[date(heading.date)]);
    headers.tokens("Message-ID", &[format!("<{}>", heading.message_id)]);
    if let Some(reply_to) = &heading.reply_to {
        headers.mailbox("Reply-To", reply_to);
    }
    headers.tokens("MIME-Version", &["1.0"]);
    headers.tokens("Content-Type", &["multipart/alternative;".to_owned(), format!("boundary=\"{boundary}\"")]);
    match &heading.bulk {
        Some(bulk) => push_bulk(&mut headers, bulk),
        None => headers.tokens("Auto-Submitted", &["auto-generated"]),
    }
    let mut out = headers.into_bytes();
    out.extend_from_slice(b"\r\n");
    out
}

fn push_bulk(headers: &mut Headers, bulk: &Bulk) {
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
fn list_id(bulk: &Bulk) -> Vec<String> {
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
fn feedback_id(bulk: &Bulk) -> String {
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

/// `Sat, 21 Nov 2026 10:00:00 +0000` (RFC 5322 §3.3).
fn date(at: Millis) -> String {
    let time = Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// Cannot stand in a body: quoted-printable writes `=` as `=3D`, so `=_` never comes out of it
/// (RFC 2045 §6.7).
fn boundary(message_id: &str) -> String {
    let left = message_id.split('@').next().unwrap_or_default();
    format!("=_{}", word(left, 60))
}

const COLUMNS: usize = 76;

/// RFC 2045 §6.7, with lines of at most 76 columns. A dot or `From ` at the beginning of a line is
/// encoded as well, so that no server on the way can take it for the end of a message or of another.
fn quoted_printable(out: &mut Vec<u8>, text: &str) {
    for (index, line) in text.trim_end_matches('\n').split('\n').enumerate() {
        if index > 0 {
            out.extend_from_slice(b"\r\n");
        }
        quote_line(out, line.strip_suffix('\r').unwrap_or(line).as_bytes());
    }
}

fn quote_line(out: &mut Vec<u8>, line: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut column = 0;
    for (at, &byte) in line.iter().enumerate() {
        let last = at + 1 == line.len();
        let plain = match byte {
            b'=' => false,
            b' ' | b'\t' => !last,
            b'.' => column > 0,
            b'F' => column > 0 || !line[at..].starts_with(b"From "),
            b'!'..=b'~' => true,
            _ => false,
        };
        let width = if plain { 1 } else { 3 };
        // The last octet of a line needs no room for the sign of a soft break.
        if column + width > COLUMNS - usize::from(!last) {
            out.extend_from_slice(b"=\r\n");
            column = 0;
        }
        match plain && !(column == 0 && byte == b'.') {
            true => {
                out.push(byte);
                column += 1;
            }
            false => {
                out.extend_from_slice(&[b'=', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
                column += 3;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quote(text: &str) -> String {
        let mut out = Vec::new();
        quoted_printable(&mut out, text);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn bodies_are_quoted_by_the_rules() {
        for (text, quoted) in [
            ("a = b\n", "a =3D b"),
            ("end \nx\t\n\n", "end=20\r\nx=09"),
            (".\nMAIL FROM:<x>\n.", "=2E\r\nMAIL FROM:<x>\r\n=2E"),
            ("From me", "=46rom me"),
            ("я", "=D1=8F"),
            ("a\r\nb\rc", "a\r\nb=0Dc"),
        ] {
            assert_eq!(quote(text), quoted, "{text:?}");
        }
        for length in 60..240 {
            let line = format!("{}.{}", "x".repeat(length / 2), ".".repeat(length / 2));
            let quoted = quote(&line);
            assert!(quoted.lines().all(|line| line.len() <= COLUMNS && !line.starts_with('.')), "{quoted}");
            assert_eq!(quoted.replace("=\r\n", "").replace("=2E", "."), line);
        }
    }

    #[test]
    fn a_date_is_written_as_mail_writes_it() {
        assert_eq!(date(1_795_255_200_000), "Sat, 21 Nov 2026 10:00:00 +0000");
    }
}
