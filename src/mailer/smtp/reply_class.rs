//! Reply classes: whose fault an SMTP refusal is, which sender fault it names, and whether it asks for a lower rate
//! (RFC 3463, RFC 5248, RFC 7372). The table is in `docs/operations.md`.
//!
//! Only this module interprets reply codes.

use crate::infra::error::Message;
use crate::mailer::smtp::reply::{EnhancedCode, Reply};

/// The command that a reply answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepliedTo {
    /// MAIL.
    Sender,
    /// RCPT.
    Recipient,
    /// DATA or the message.
    Message,
}

crate::text_enum! {
    /// What a reply says, and whose fault a refusal is.
    Class {
        /// Accepted.
        Accepted = "accepted",
        /// The person: the mailbox or its domain does not exist (hard bounce).
        NoMailbox = "no-mailbox",
        /// The person: the mailbox exists and does not take the message, because it is full for example.
        Mailbox = "mailbox",
        /// The message: it is larger than the relay takes.
        TooLarge = "too-large",
        /// The message: its content or form.
        Message = "message",
        /// The sender's setup: address, SPF, DKIM, DMARC, PTR, credentials.
        Sender = "sender",
        /// The relay: it is full, wrongly configured, or cannot reach anybody.
        Relay = "relay",
        /// A rule of the relay or of the recipient's server; also every refusal without a known reason.
        Policy = "policy",
    }
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

/// The class of a reply. A temporary refusal has the class of the permanent one, but is never a hard bounce.
pub fn class(reply: &Reply, to: RepliedTo) -> Class {
    if reply.is_positive() {
        return Class::Accepted;
    }
    let found = match reply.enhanced {
        Some(EnhancedCode(_, subject, detail)) if (subject, detail) != (0, 0) => by_enhanced_code(subject, detail),
        _ => by_code(reply, to),
    };
    match (to, found) {
        (_, Class::NoMailbox) if reply.is_transient() => Class::Mailbox,
        // No recipient was named yet.
        (RepliedTo::Sender, Class::NoMailbox | Class::Mailbox | Class::Policy) => Class::Sender,
        (_, found) => found,
    }
}

/// Whether an enhanced status code such as `5.1.1` says that the mailbox or its domain does not exist.
pub fn names_no_mailbox(code: &str) -> bool {
    let mut numbers = code.split('.').map(|number| number.parse::<u16>().ok());
    match (numbers.next().flatten(), numbers.next().flatten(), numbers.next().flatten(), numbers.next()) {
        (Some(5), Some(subject), Some(detail), None) => by_enhanced_code(subject, detail) == Class::NoMailbox,
        _ => false,
    }
}

/// The class of an enhanced status code (RFC 3463; registry of RFC 5248).
fn by_enhanced_code(subject: u16, detail: u16) -> Class {
    match (subject, detail) {
        // Unknown mailbox, unknown domain, bad syntax, moved, null MX, disabled, new owner of mailbox or domain (RFC 7293).
        (1, 1 | 2 | 3 | 6 | 10) | (2, 1) | (7, 17 | 18) => Class::NoMailbox,
        // The sender's address: bad syntax, unknown domain, null MX (RFC 7505).
        (1, 7 | 8) => Class::Sender,
        (3, 4) => Class::TooLarge,
        // The limit of one mailbox; content that cannot be converted or is not supported.
        (2, 3) | (3, 3) | (6, _) | (7, 16) => Class::Message,
        (1 | 2, _) | (7, 2 | 19) => Class::Mailbox,
        // Routes, storage, protocol.
        (3..=5, _) => Class::Relay,
        // Credentials and encryption between this program and the relay (RFC 4954, RFC 5248).
        (7, 8..=14) => Class::Sender,
        // DKIM, SPF, PTR, alignment (RFC 7372) and the codes of Gmail and Outlook.
        (7, 20..=27 | 29..=32 | 515) => Class::Sender,
        _ => Class::Policy,
    }
}

/// Words of a refusal that blames the size of the message.
const SIZE_WORDS: &[&str] = &["size", "too large", "too big", "too long"];

/// Words of a refusal that blames the sender.
const SENDER_WORDS: &[&str] = &["sender", "spf", "dkim", "dmarc", "ptr", "reverse dns", "authenticat"];

/// Words of a refusal by a rule.
const POLICY_WORDS: &[&str] = &[
    "relay",
    "spam",
    "block",
    "black",
    "denied",
    "policy",
    "prohibit",
    "permitted",
    "allowed",
    "banned",
    "reputation",
    "dnsbl",
    "rbl",
    "listed",
    "content",
];

/// The class of a reply without an enhanced status code (RFC 5321 §4.2.3). Only what no word explains otherwise is a hard
/// bounce, and only in reply to RCPT: a server that refuses a message by its content often replies 550 as well.
fn by_code(reply: &Reply, to: RepliedTo) -> Class {
    let text = reply.text.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| has_word(&text, word));
    match reply.code % 100 {
        52 | 54 if says(SIZE_WORDS) || reply.code == 552 && to == RepliedTo::Sender => Class::TooLarge,
        50 | 51 | 53 | 54 if says(SENDER_WORDS) => Class::Sender,
        50 | 51 | 53 | 54 if says(POLICY_WORDS) => Class::Policy,
        50 | 51 | 53 if to == RepliedTo::Recipient => Class::NoMailbox,
        // The host or the domain takes no mail (RFC 7504).
        21 | 56 if reply.is_permanent() && to == RepliedTo::Recipient => Class::NoMailbox,
        1 if to == RepliedTo::Recipient => Class::Mailbox,
        52 => Class::Mailbox,
        30 | 34 | 35 | 38 => Class::Sender,
        0..=5 | 21 | 55 => Class::Relay,
        _ => Class::Policy,
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
    fn enhanced_codes_say_whose_fault_a_refusal_is() {
        for (line, expected) in [
            ("250 2.0.0 ok", Class::Accepted),
            ("550 5.1.1 no such user", Class::NoMailbox),
            ("550 5.1.2 no such domain", Class::NoMailbox),
            ("553 5.1.3 bad address", Class::NoMailbox),
            ("551 5.1.6 moved", Class::NoMailbox),
            ("556 5.1.10 null MX", Class::NoMailbox),
            ("550 5.2.1 disabled", Class::NoMailbox),
            ("550 5.7.17 new owner", Class::NoMailbox),
            ("550 5.1.4 ambiguous", Class::Mailbox),
            ("552 5.2.2 mailbox full", Class::Mailbox),
            ("452 4.2.2 mailbox full", Class::Mailbox),
            ("552 5.2.3 too long for this mailbox", Class::Message),
            ("552 5.3.4 too large", Class::TooLarge),
            ("554 5.6.0 bad content", Class::Message),
            ("553 5.1.8 bad sender domain", Class::Sender),
            ("530 5.7.0 authentication required", Class::Policy),
            ("535 5.7.8 bad credentials", Class::Sender),
            ("554 5.7.26 unauthenticated", Class::Sender),
            ("550 5.7.515 access denied", Class::Sender),
            ("554 5.3.2 not accepting mail", Class::Relay),
            ("550 5.4.1 no route", Class::Relay),
            ("503 5.5.1 bad sequence", Class::Relay),
            ("550 5.7.1 denied", Class::Policy),
            ("554 5.0.0 no", Class::Policy),
        ] {
            assert_eq!(class(&reply(line), RepliedTo::Recipient), expected, "{line}");
        }
    }

    #[test]
    fn replies_without_an_enhanced_code_depend_on_the_command_and_the_words() {
        use RepliedTo::{Message, Recipient, Sender};
        for (to, line, expected) in [
            (Recipient, "550 no such user", Class::NoMailbox),
            (Recipient, "550 Unrouteable address", Class::NoMailbox),
            (Recipient, "553 mailbox name is wrong", Class::NoMailbox),
            (Recipient, "556 no mail here", Class::NoMailbox),
            (Recipient, "550 relay not permitted", Class::Policy),
            (Recipient, "550 Administrative prohibition", Class::Policy),
            (Recipient, "550 listed at dnsbl.example.org", Class::Policy),
            (Recipient, "550 Sender verify failed", Class::Sender),
            (Recipient, "554 no", Class::Policy),
            (Recipient, "530 sign in first", Class::Sender),
            (Recipient, "501 syntax", Class::Mailbox),
            (Message, "550 no", Class::Policy),
            (Message, "554 this looks like spam", Class::Policy),
            (Message, "552 Message size exceeds maximum permitted", Class::TooLarge),
            (Message, "552 over quota", Class::Mailbox),
            (Message, "550 5.1.1 no such user", Class::NoMailbox),
            (Sender, "552 too much", Class::TooLarge),
            (Sender, "552 5.3.4 too large", Class::TooLarge),
            (Sender, "553 5.1.8 bad sender domain", Class::Sender),
            (Sender, "550 5.7.1 not your domain", Class::Sender),
            (Sender, "550 5.1.1 unknown", Class::Sender),
            (Sender, "555 SIZE=1 is not known", Class::Relay),
        ] {
            assert_eq!(class(&reply(line), to), expected, "{line}");
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
