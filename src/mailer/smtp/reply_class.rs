//! Reply classes: what an SMTP reply says about the recipient, the sender's setup and the sending rate (RFC 3463).
//!
//! Only this module interprets reply codes.

use crate::infra::error::Message;
use crate::mailer::smtp::reply::{EnhancedCode, Reply};

/// The class of a reply to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Accepted.
    Positive,
    /// Hard bounce: the mailbox or domain does not exist.
    Hard,
    /// Temporary, or only for this message: the mailbox is full, the server is busy.
    Soft,
    /// Refused because of the sender or the content; says nothing about the mailbox.
    Policy,
    /// Refused permanently for an unknown reason.
    Other,
}

/// A fault in the sender's setup that providers name by a code of their own. The recipient is not to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenderFault {
    /// The sending IP address has no matching PTR record.
    Pointer,
    /// SPF does not cover the sending server.
    Spf,
    /// The connection is not encrypted.
    Tls,
    /// No valid DKIM signature.
    Dkim,
    /// The sender's domain has no DMARC record.
    Dmarc,
    /// Neither SPF nor DKIM aligns with the domain in From.
    Alignment,
    /// Microsoft: high-volume senders need SPF, DKIM and DMARC.
    Authentication,
}

impl SenderFault {
    /// The message that tells the operator what to change, and where.
    pub fn message(self) -> Message {
        Message::new(match self {
            Self::Pointer => "policy-pointer",
            Self::Spf => "policy-spf",
            Self::Tls => "policy-tls",
            Self::Dkim => "policy-dkim",
            Self::Dmarc => "policy-dmarc",
            Self::Alignment => "policy-alignment",
            Self::Authentication => "policy-authentication",
        })
    }
}

/// The class of a reply. Hard codes are 5.1.1, 5.1.2, 5.1.3, 5.1.6, 5.1.10 (RFC 7505) and 5.2.1, and 550, 551 and 553
/// without an enhanced code (RFC 5321 §4.2.3).
pub fn class(reply: &Reply) -> Class {
    match (reply.code, reply.enhanced) {
        (200..=299, _) => Class::Positive,
        (400..=499, _) => Class::Soft,
        (_, Some(EnhancedCode(5, 1, 1 | 2 | 3 | 6 | 10) | EnhancedCode(5, 2, 1))) => Class::Hard,
        (_, Some(EnhancedCode(5, 2, 2) | EnhancedCode(5, 3, 4))) => Class::Soft,
        (_, Some(EnhancedCode(5, 7, _))) => Class::Policy,
        (550 | 551 | 553, None) => Class::Hard,
        _ => Class::Other,
    }
}

/// The sender fault that a reply names by a code of Gmail or Outlook.
pub fn sender_fault(reply: &Reply) -> Option<SenderFault> {
    let EnhancedCode(class, 7, detail) = reply.enhanced? else { return None };
    match (class, detail) {
        (4, 23) | (5, 25) => Some(SenderFault::Pointer),
        (4 | 5, 27) => Some(SenderFault::Spf),
        (4 | 5, 29) => Some(SenderFault::Tls),
        (4 | 5, 30) => Some(SenderFault::Dkim),
        (4, 31) => Some(SenderFault::Dmarc),
        (4, 32) => Some(SenderFault::Alignment),
        (5, 515) => Some(SenderFault::Authentication),
        _ => None,
    }
}

/// Words of "too fast" in replies without an enhanced code.
const TOO_FAST_WORDS: &[&str] =
    &["rate", "too many", "too fast", "throttl", "limit exceed", "slow down", "try again slower"];

/// True when a reply asks for a lower rate: 421 and 4.7.x, or a 4xx that says so in words. Greylisting only asks for
/// another attempt.
pub fn is_too_fast(reply: &Reply) -> bool {
    if !reply.is_transient() || sender_fault(reply).is_some() {
        return false;
    }
    let text = reply.text.to_ascii_lowercase();
    if text.contains("greylist") || text.contains("graylist") {
        return false;
    }
    match reply.enhanced {
        Some(EnhancedCode(_, 7, _)) => true,
        // The relay itself is closing or full: this does not concern one lane.
        Some(EnhancedCode(_, 3 | 4, _)) => false,
        _ => reply.code == 421 || TOO_FAST_WORDS.iter().any(|word| has_word(&text, word)),
    }
}

/// True when a word of the text begins so.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::i18n::Lang;
    use crate::mailer::smtp::reply::ReplyParser;

    fn reply(line: &str) -> Reply {
        let mut parser = ReplyParser::default();
        assert_eq!(parser.push_line(line.as_bytes()), Ok(true), "{line}");
        parser.finish()
    }

    #[test]
    fn reply_codes_map_to_classes() {
        for (line, expected) in [
            ("250 2.0.0 ok", Class::Positive),
            ("550 5.1.1 no such user", Class::Hard),
            ("550 5.1.2 no such domain", Class::Hard),
            ("553 5.1.3 bad address", Class::Hard),
            ("551 5.1.6 moved", Class::Hard),
            ("556 5.1.10 null MX", Class::Hard),
            ("550 5.2.1 disabled", Class::Hard),
            ("550 no such user", Class::Hard),
            ("450 4.2.0 greylisted", Class::Soft),
            ("421 4.7.0 slow", Class::Soft),
            ("552 5.2.2 mailbox full", Class::Soft),
            ("552 5.3.4 too large", Class::Soft),
            ("550 5.7.1 denied", Class::Policy),
            ("554 5.7.26 unauthenticated", Class::Policy),
            ("554 5.0.0 no", Class::Other),
            ("550 5.4.1 no route", Class::Other),
            ("554 no", Class::Other),
        ] {
            assert_eq!(class(&reply(line)), expected, "{line}");
        }
    }

    #[test]
    fn provider_codes_map_to_sender_faults() {
        for (line, expected) in [
            ("450 4.7.23 PTR", Some(SenderFault::Pointer)),
            ("550 5.7.25 PTR", Some(SenderFault::Pointer)),
            ("421 4.7.27 SPF", Some(SenderFault::Spf)),
            ("550 5.7.27 SPF", Some(SenderFault::Spf)),
            ("421 4.7.29 TLS", Some(SenderFault::Tls)),
            ("550 5.7.29 TLS", Some(SenderFault::Tls)),
            ("421 4.7.30 DKIM", Some(SenderFault::Dkim)),
            ("550 5.7.30 DKIM", Some(SenderFault::Dkim)),
            ("421 4.7.31 DMARC", Some(SenderFault::Dmarc)),
            ("421 4.7.32 alignment", Some(SenderFault::Alignment)),
            ("550 5.7.515 access denied", Some(SenderFault::Authentication)),
            ("550 5.7.1 denied", None),
            ("421 4.7.28 unusual rate", None),
            ("550 5.1.1 no such user", None),
            ("550 no", None),
        ] {
            assert_eq!(sender_fault(&reply(line)), expected, "{line}");
        }
    }

    #[test]
    fn every_sender_fault_is_explained_in_both_languages() {
        let all = [
            SenderFault::Pointer,
            SenderFault::Spf,
            SenderFault::Tls,
            SenderFault::Dkim,
            SenderFault::Dmarc,
            SenderFault::Alignment,
            SenderFault::Authentication,
        ];
        for fault in all {
            let [en, ru] = [Lang::EN, Lang::RU].map(|lang| lang.translate(&fault.message()));
            assert!(en.len() > 60 && ru.chars().count() > 60 && en != ru, "{fault:?}: {en} {ru}");
        }
    }

    #[test]
    fn requests_for_a_lower_rate_are_recognised() {
        for line in [
            "421 4.7.0 too many connections",
            "421 4.7.28 unusual rate of mail",
            "451 4.7.1 try later",
            "421 try later",
            "450 4.2.1 the user receives mail at a rate that is too high",
            "452 too many messages in this hour",
            "451 Rate limited",
        ] {
            assert!(is_too_fast(&reply(line)), "{line}");
        }
        for line in [
            "250 2.0.0 ok",
            "450 4.2.2 mailbox full",
            "451 4.7.1 Greylisted, come back in 5 minutes",
            "421 4.3.2 closing",
            "421 4.7.30 no DKIM",
            "451 4.3.0 operation failed",
            "550 5.7.1 rate",
            "451 the operator is at lunch",
        ] {
            assert!(!is_too_fast(&reply(line)), "{line}");
        }
    }
}
