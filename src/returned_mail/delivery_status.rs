//! Delivery status notifications (RFC 3464; RFC 6533 for addresses in UTF-8): the fields of each recipient.

use super::bounce_phrase;
use super::header_block::HeaderBlock;
use super::status_code::{StatusCode, first_code, first_reply_code};

/// What a server did with the message for one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DsnAction {
    /// Given up.
    Failed,
    /// Tried again later.
    Delayed,
    /// Delivered, relayed, expanded to a list; or a word that the standard does not have.
    Other,
}

/// The fields of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientStatus {
    /// What was done.
    pub action: DsnAction,
    /// The status code: that of the field, or that of the server's reply when the field only says "failed" (`5.0.0`).
    pub status: Option<StatusCode>,
    /// The code of the SMTP reply, 400 to 599.
    pub reply_code: Option<u16>,
    /// The server's reply.
    pub diagnostic: String,
    /// The addresses that the report names: the one we sent to and, behind a redirection, another.
    pub addresses: Vec<String>,
}

/// The recipients of a notification; empty when it names none.
pub fn parse(text: &str) -> Vec<RecipientStatus> {
    HeaderBlock::parse_all(text).iter().filter_map(recipient).collect()
}

fn recipient(block: &HeaderBlock) -> Option<RecipientStatus> {
    let action = block.get("action")?;
    let action = match without_comment(action).to_lowercase().as_str() {
        "failed" | "failure" | "expired" => DsnAction::Failed,
        "delayed" => DsnAction::Delayed,
        _ => DsnAction::Other,
    };
    let diagnostic = block.get("diagnostic-code").unwrap_or_default();
    let (kind, said) = diagnostic.split_once(';').unwrap_or(("smtp", diagnostic));
    let said = said.trim().to_owned();
    let stated = block.get("status").and_then(first_code);
    // Only the reply of an SMTP server uses these codes.
    let is_smtp = matches!(kind.trim().to_lowercase().as_str(), "smtp" | "x-postfix" | "x-unix" | "x-qmail" | "x-exim");
    let reply_code = if is_smtp { first_reply_code(&said) } else { None };
    let status = match stated {
        Some(code) if code.is_unspecific() => {
            let told = first_code(&said).or_else(|| bounce_phrase::status(&said.to_lowercase()));
            told.filter(|told| told.0 == code.0).or(stated)
        }
        None => first_code(&said).or_else(|| bounce_phrase::status(&said.to_lowercase())),
        stated => stated,
    };
    let named = ["original-recipient", "final-recipient"].into_iter().filter_map(|name| block.get(name));
    let addresses = named.filter_map(|value| Some(value.split_once(';')?.1.trim().to_owned())).collect();
    Some(RecipientStatus { action, status, reply_code, diagnostic: said, addresses })
}

/// A value without the comments in parentheses that some servers write behind it.
fn without_comment(value: &str) -> &str {
    value.split('(').next().unwrap_or_default().trim()
}
