//! The signed token in a message that came back, which says for which delivery it was sent.
//!
//! It stands in the address that the report was sent to (the return path of our message), or in the header of the returned
//! message. What a report claims otherwise, such as its `Final-Recipient`, proves nothing.

use super::header_block::HeaderBlock;
use super::returned_parts::ReturnedParts;
use crate::infra::token::TOKEN_LENGTH;

/// Candidates that are looked at.
const MAX_CANDIDATES: usize = 50;

/// A text that may be a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Candidate {
    /// The local part of a return path.
    ReturnPath(String),
    /// The token of an unsubscribe URL.
    Unsubscribe(String),
    /// The token of the mailbox for unsubscribing that the message was sent to.
    Mailbox(String),
}

/// Header fields that name the address a message was sent to.
const SENT_TO: &[&str] = &["delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-rcpt-to", "to", "cc"];

/// The texts of a message that may be tokens, those of the envelope first.
pub fn candidates(parts: &ReturnedParts) -> Vec<Candidate> {
    let mut found = Vec::new();
    for value in SENT_TO.iter().flat_map(|name| parts.all(name)) {
        found.extend(return_paths(value));
        found.extend(mailbox_tokens(value));
    }
    if let Some(original) = &parts.original {
        let header = HeaderBlock::parse_first(original);
        for name in ["return-path", "x-original-from", "x-envelope-from"] {
            found.extend(header.all(name).flat_map(return_paths));
        }
        found.extend(header.all("list-unsubscribe").flat_map(unsubscribe_tokens));
    }
    found.extend(unsubscribe_tokens(&parts.text));
    found.truncate(MAX_CANDIDATES);
    found
}

/// Local parts of the addresses of a value that look like a return path of ours.
fn return_paths(value: &str) -> Vec<Candidate> {
    let words = value.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | ',' | ';' | '"'));
    let local = words.filter_map(|word| word.split_once('@').map(|(local, _)| local.to_ascii_lowercase()));
    local.filter(|local| local.starts_with("b-") && local.len() <= 64).map(Candidate::ReturnPath).collect()
}

/// The tokens between the plus sign and the domain of the addresses of a value.
fn mailbox_tokens(value: &str) -> Vec<Candidate> {
    let words = value.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | ',' | ';' | '"'));
    let token = words.filter_map(|word| Some(word.split_once('@')?.0.rsplit_once('+')?.1.to_owned()));
    token.filter(|token| token.len() == TOKEN_LENGTH).map(Candidate::Mailbox).collect()
}

/// The tokens of the unsubscribe URLs of a text, whose lines may be folded.
fn unsubscribe_tokens(text: &str) -> Vec<Candidate> {
    let flat: String = text.replace("=\r\n", "").replace("=\n", "");
    let parts = flat.split("/u/").skip(1);
    let token = |part: &str| {
        part.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect::<String>()
    };
    parts.map(token).filter(|token| token.len() == TOKEN_LENGTH).map(Candidate::Unsubscribe).collect()
}
