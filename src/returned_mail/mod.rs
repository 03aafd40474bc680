//! Mail that comes back: bounces, complaints, requests to leave, automatic replies.
//!
//! [`read`] says what a raw message is and changes nothing. Whatever a message claims, only a signed token in it says whom
//! it concerns; without one no subscriber moves (RFC 3464 §4.1).

mod auto_reply;
mod bounce_phrase;
mod bounce_text;
mod delivery_status;
mod feedback_report;
mod header_block;
mod recipient_token;
mod returned_parts;
mod status_code;
#[cfg(test)]
mod tests;
mod unsubscribe_words;

use self::delivery_status::{DsnAction, RecipientStatus};
use self::feedback_report::FeedbackKind;
use self::recipient_token::Candidate;
use self::returned_parts::{ReturnedParts, Unreadable};
use self::status_code::StatusCode;
use crate::infra::token::{DeliveryRef, Signer, TokenPurpose};
use crate::mailer::smtp::reply::{EnhancedCode, Reply};
use crate::mailer::smtp::reply_class::{self, RepliedTo};

pub use self::returned_parts::MAX_BYTES;

crate::text_enum! {
    /// What came back.
    Kind {
        /// A server could not deliver, or not yet.
        Bounce = "bounce",
        /// The recipient called the message spam.
        Complaint = "complaint",
        /// The recipient asks to get no more.
        Unsubscribe = "unsubscribe",
        /// A mailbox answered by itself.
        AutoReply = "auto-reply",
        /// Anything else.
        Unknown = "unknown",
    }
}

crate::text_enum! {
    /// Whose fault a bounce is.
    Class {
        /// The mailbox or its domain does not exist.
        Hard = "hard",
        /// A fault that may pass.
        Soft = "soft",
        /// A rule of the recipient's server, or the sender's own setup.
        Policy = "policy",
        /// The message: its size, content or form.
        Message = "message",
        /// The mailbox is full.
        Full = "full",
        /// No bounce, or a notice that is none.
        None = "none",
    }
}

crate::text_enum! {
    /// What follows from it.
    Effect {
        /// The contact gets no more email until the suppression is lifted.
        Suppress = "suppress",
        /// Counted; the contact is suppressed when it happens on many days.
        Count = "count",
        /// The subscription ends as by the link, and its data are erased.
        Unsubscribe = "unsubscribe",
        /// The person leaves every list and is erased.
        Erase = "erase",
        /// An operator has to look: nothing proves who asks.
        Ask = "ask-operator",
        /// Nothing.
        None = "none",
    }
}

/// What a raw message is, and what would follow from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What came back.
    pub kind: Kind,
    /// Whose fault a bounce is.
    pub class: Class,
    /// The status code of RFC 3463, such as `5.1.1`.
    pub status: Option<String>,
    /// Key of the sentence that says why it was read so.
    pub reason: &'static str,
    /// Whether a token of this installation says whom it concerns.
    pub recipient_token_valid: bool,
    /// What follows from it.
    pub action: Effect,
    /// The delivery of the token.
    pub delivery: Option<DeliveryRef>,
    /// The addresses that a report names. They prove nothing: a report about another address than the one of the delivery,
    /// as behind a redirection, does not suppress.
    pub addresses: Vec<String>,
}

/// Reads a raw message.
pub fn read(raw: &[u8], signer: &Signer) -> Reading {
    let parts = match ReturnedParts::read(raw) {
        Ok(parts) => parts,
        Err(why) => {
            return Reading::of(
                Kind::Unknown,
                match why {
                    Unreadable::TooLarge => "returned-too-large",
                    Unreadable::TooDeep => "returned-too-deep",
                    Unreadable::NoMessage => "returned-no-message",
                },
            );
        }
    };
    let mut reading = classify(&parts);
    match token(&parts, signer) {
        Ok(Some(found)) => {
            reading.delivery = Some(found.delivery);
            reading.recipient_token_valid = true;
            // Whoever writes to this mailbox wants to leave, whatever they write.
            if found.by_mailbox && reading.kind == Kind::Unknown && reading.reason == "returned-unknown" {
                (reading.kind, reading.reason) = (Kind::Unsubscribe, "returned-request");
            }
        }
        Ok(None) => {}
        Err(TwoTokens) => reading.reason = "returned-two-tokens",
    }
    reading.with_effect()
}

/// The delivery of a message that came back.
struct FoundToken {
    delivery: DeliveryRef,
    /// Whether the message was sent to the mailbox for unsubscribing.
    by_mailbox: bool,
}

/// A message names several deliveries, so it is not known which it concerns.
struct TwoTokens;

impl Reading {
    fn of(kind: Kind, reason: &'static str) -> Self {
        Self {
            kind,
            class: Class::None,
            status: None,
            reason,
            recipient_token_valid: false,
            action: Effect::None,
            delivery: None,
            addresses: Vec::new(),
        }
    }

    fn with_effect(self) -> Self {
        let action = match (self.kind, self.class, self.recipient_token_valid) {
            (Kind::Bounce, Class::Hard, true) => Effect::Suppress,
            (Kind::Bounce, Class::Soft | Class::Full, true) => Effect::Count,
            (Kind::Complaint, _, true) => Effect::Erase,
            (Kind::Unsubscribe, _, true) => Effect::Unsubscribe,
            (Kind::Unsubscribe, _, false) => Effect::Ask,
            _ => Effect::None,
        };
        Self { action, ..self }
    }
}

/// The delivery that the valid tokens of a message name; an error when they name several.
fn token(parts: &ReturnedParts, signer: &Signer) -> Result<Option<FoundToken>, TwoTokens> {
    let verify = |candidate: &Candidate| match candidate {
        Candidate::ReturnPath(local) => signer.verify_return_path(local),
        Candidate::Unsubscribe(token) | Candidate::Mailbox(token) => signer.verify(TokenPurpose::Unsubscribe, token),
    };
    let mut found: Option<FoundToken> = None;
    for candidate in recipient_token::candidates(parts) {
        let Some(delivery) = verify(&candidate) else { continue };
        if found.as_ref().is_some_and(|known| known.delivery != delivery) {
            return Err(TwoTokens);
        }
        let by_mailbox = matches!(candidate, Candidate::Mailbox(_)) || found.is_some_and(|known| known.by_mailbox);
        found = Some(FoundToken { delivery, by_mailbox });
    }
    Ok(found)
}

fn classify(parts: &ReturnedParts) -> Reading {
    if let Some(report) = &parts.feedback_report {
        return match feedback_report::parse(report) {
            FeedbackKind::Complaint => Reading::of(Kind::Complaint, "returned-complaint"),
            FeedbackKind::Other => Reading::of(Kind::Unknown, "returned-other-report"),
            FeedbackKind::Malformed => Reading::of(Kind::Unknown, "returned-malformed-report"),
        };
    }
    // Some servers write the fields of their report into the text.
    let is_report = parts.report_type.as_deref() == Some("delivery-status");
    if let Some(report) = parts.delivery_status.as_ref().or(is_report.then_some(&parts.text)) {
        let recipients = delivery_status::parse(report);
        if parts.delivery_status.is_some() || !recipients.is_empty() {
            return notification(&recipients);
        }
    }
    if auto_reply::is_auto_reply(parts) {
        return Reading::of(Kind::AutoReply, "returned-auto-reply");
    }
    if let Some(text) = bounce_text::parse(parts) {
        let reason = if text.is_delay { "returned-delay" } else { "returned-bounce-text" };
        return bounce(text.status, text.reply_code, &text.line, text.is_delay, reason);
    }
    if unsubscribe_words::asks_to_leave(parts) {
        return Reading::of(Kind::Unsubscribe, "returned-request");
    }
    Reading::of(Kind::Unknown, "returned-unknown")
}

/// A notification concerns one message of ours, which has one recipient; a list behind it may have failed in part.
fn notification(recipients: &[RecipientStatus]) -> Reading {
    let of = |action: DsnAction| recipients.iter().find(|recipient| recipient.action == action);
    if let Some(failed) = of(DsnAction::Failed) {
        let reading = bounce(failed.status, failed.reply_code, &failed.diagnostic, false, "returned-failed");
        return Reading { addresses: failed.addresses.clone(), ..reading };
    }
    match of(DsnAction::Delayed) {
        Some(late) => bounce(late.status, late.reply_code, &late.diagnostic, true, "returned-delay"),
        None => Reading::of(Kind::Unknown, "returned-delivered"),
    }
}

fn bounce(status: Option<StatusCode>, code: Option<u16>, text: &str, is_delay: bool, reason: &'static str) -> Reading {
    let class = match (status, code) {
        _ if is_delay => Class::None,
        (None, None) => Class::None,
        (status, code) => class(status, code, text),
    };
    let kind = if class == Class::None && !is_delay && status.is_none() { Kind::Unknown } else { Kind::Bounce };
    let reason = if kind == Kind::Unknown { "returned-unclear" } else { reason };
    Reading { kind, class, status: status.map(|status| status.to_string()), ..Reading::of(kind, reason) }
}

/// The class of a refusal, by the same table as the replies of a relay.
fn class(status: Option<StatusCode>, code: Option<u16>, text: &str) -> Class {
    if let Some(StatusCode(_, 2, 2)) = status {
        return Class::Full;
    }
    let enhanced = status.map(|status| EnhancedCode(status.0, status.1, status.2));
    let code = code.or(enhanced.map(|code| if code.0 == 4 { 450 } else { 554 })).unwrap_or(554);
    let reply = Reply { code, enhanced, text: text.to_owned() };
    let class = reply_class::class(&reply, RepliedTo::Recipient);
    match class {
        reply_class::Class::NoMailbox => Class::Hard,
        reply_class::Class::Sender | reply_class::Class::Policy => Class::Policy,
        reply_class::Class::TooLarge | reply_class::Class::Message => Class::Message,
        reply_class::Class::Mailbox if reply.code == 552 || reply.code == 452 => Class::Full,
        _ => Class::Soft,
    }
}
