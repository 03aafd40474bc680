//! Bounces that no standard describes: qmail, old Exim, Exchange, Lotus, Sendmail, and notes in words.
//!
//! A bounce is known by who sends it; what it says, by the reply it quotes, or by a phrase. Text that only looks like one
//! stays unknown.

use super::auto_reply::{decoded, is_from_a_server};
use super::bounce_phrase;
use super::returned_parts::ReturnedParts;
use super::status_code::{StatusCode, first_code, first_reply_code};

/// What the text of a bounce says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BounceText {
    /// The status code that it quotes, or that belongs to its phrase.
    pub status: Option<StatusCode>,
    /// The reply code that it quotes.
    pub reply_code: Option<u16>,
    /// The line that says why.
    pub line: String,
    /// Whether the server will try again.
    pub is_delay: bool,
}

/// Subjects of bounces, in lower case.
const SUBJECTS: &[&str] = &[
    "undeliver",
    "undelivered mail",
    "delivery status notification",
    "mail delivery fail",
    "delivery failure",
    "delivery fail",
    "failure notice",
    "mail failure",
    "could not be delivered",
    "couldn't be delivered",
    "wasn't delivered",
    "returned mail",
    "mail delivery problem",
    "message delivery fail",
    "mail could not be delivered",
    "nondeliverable",
    "не удается доставить",
    "не удалось доставить",
    "недоставлен",
    "не доставлен",
    "сообщение не доставлено",
    "письмо не доставлено",
    "ошибка доставки",
    "unzustellbar",
    "non remis",
    "warning: could not send",
];

/// Words of a server that has not given up.
const DELAYS: &[&str] = &[
    "delayed",
    "has not yet been delivered",
    "will be retried",
    "will continue",
    "will keep trying",
    "still trying",
    "no action is required",
    "warning message only",
    "temporary",
    "задерж",
    "попытки доставки будут",
];

/// Reads the text of a bounce; `None` when the message is none.
pub fn parse(parts: &ReturnedParts) -> Option<BounceText> {
    let subject = parts.header("subject").map(decoded).unwrap_or_default();
    let is_report = parts.report_type.as_deref() == Some("delivery-status");
    let is_named = SUBJECTS.iter().any(|words| subject.contains(words));
    if !(is_from_a_server(parts) || is_report)
        || !(is_report
            || is_named
            || parts.header("x-failed-recipients").is_some()
            || parts.text.starts_with("Hi. This is the"))
    {
        return None;
    }
    let low = parts.text.to_lowercase();
    let is_delay = DELAYS.iter().any(|words| subject.contains(words))
        || (DELAYS[..5].iter().any(|words| low.contains(words))
            && !low.contains("gave up")
            && !low.contains("permanent"));
    let own = own_text(&parts.text);
    let quoted = own.iter().find_map(|line| quoted_reply(line));
    let by_phrase = || {
        own.iter().find_map(|line| {
            bounce_phrase::status(&line.to_lowercase()).map(|status| (Some(status), None, line.clone()))
        })
    };
    let (status, reply_code, line) = match quoted {
        Some((status, code, line)) if status.is_none_or(StatusCode::is_unspecific) => {
            // A phrase says more than `550` does.
            let told = bounce_phrase::status(&line.to_lowercase())
                .filter(|told| code.is_none_or(|code| u16::from(told.0) == code / 100));
            (told.or(status), code, line)
        }
        Some(quoted) => quoted,
        None => by_phrase().unwrap_or_default(),
    };
    Some(BounceText { status, reply_code, line, is_delay })
}

/// The lines before the returned message, a line with the ones that continue it.
fn own_text(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().take(200) {
        let low = line.trim().to_lowercase();
        if begins_returned_message(&low) {
            break;
        }
        let continues = line.starts_with([' ', '\t']) && !lines.last().is_none_or(|last| last.trim().is_empty());
        match (continues, lines.last_mut()) {
            (true, Some(last)) => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => lines.push(line.trim().to_owned()),
        }
    }
    lines
}

/// A reply quoted in a line: its codes.
fn quoted_reply(line: &str) -> Option<(Option<StatusCode>, Option<u16>, String)> {
    let code = first_reply_code(line);
    let status = first_code(line).filter(|status| matches!(status.0, 4 | 5));
    // `#5.1.1`, `[5.1.1]`, or at the start of a line: elsewhere a status code alone could be a version.
    let is_marked = code.is_some()
        || status.is_some_and(|status| {
            line.starts_with(&format!("{status} "))
                || line.contains(&format!("#{status}"))
                || line.contains(&format!("[{status}]"))
        });
    let contradicts = matches!((code, status), (Some(code), Some(status)) if code / 100 != u16::from(status.0));
    (is_marked && !contradicts).then(|| (status, code, line.to_owned()))
}

/// Whether a line, in lower case, says that the returned message follows.
fn begins_returned_message(low: &str) -> bool {
    let words = [
        "original message",
        "copy of the message",
        "copy of the original",
        "returned message",
        "unsent message",
        "исходно",
    ];
    let is_rule = low.starts_with("--") || low.starts_with("below is");
    (is_rule && words.iter().any(|word| low.contains(word)))
        || low.starts_with("original message follows")
        || low.starts_with("reporting-mta:")
        || low.starts_with("received:")
}
