//! SMTP pipelining (RFC 2920 §3.1): sends one message together with the envelope of the next, one round trip per
//! message.
//!
//! Each command gets its own reply, in order; a reply to one message never affects the other. When a connection
//! breaks, at most one message has an unknown result: the next one has not been written.

use std::borrow::Cow;

use super::{CHUNK, EnvelopeReply, Session, State, at, check_envelope_reply, expect_code};
use crate::infra::failpoint;
use crate::mailer::smtp::error::{Cause, Phase, SmtpError};
use crate::mailer::smtp::reply::Reply;

/// The first envelope behind a message gets its usual time limit divided by this.
const UNPROVEN_DIVISOR: u32 = 10;

/// Sender and recipient of a message, both in wire form.
#[derive(Debug, Clone)]
pub struct Envelope<'e> {
    /// The sender, which gets bounces.
    pub from: Cow<'e, str>,
    /// The recipient.
    pub to: String,
    /// Whether the message needs SMTPUTF8 even if both addresses are ASCII.
    pub utf8: bool,
    /// The size of the message in octets, without doubled dots and without its final dot (RFC 1870 §3); 0 if unknown.
    pub size: u64,
    /// Whether the server is asked to report a failure, with the header of the message alone (RFC 3461), where it offers that.
    pub notify: bool,
}

impl Envelope<'_> {
    /// True when only a server with SMTPUTF8 (RFC 6531) can take the message.
    pub fn needs_smtputf8(&self) -> bool {
        self.utf8 || !self.from.is_ascii() || !self.to.is_ascii()
    }
}

/// The replies to one exchange.
pub struct PipelineReplies {
    /// The reply to the message, if one was sent.
    pub message: Option<Result<Reply, SmtpError>>,
    /// The reply to the envelope, if one was sent. After [`EnvelopeReply::Accepted`] its message comes next.
    pub next: Option<Result<EnvelopeReply, SmtpError>>,
}

impl Session {
    /// Stops using PIPELINING in this session, for a server that does not handle it correctly.
    pub fn without_pipelining(mut self) -> Self {
        self.extensions.pipelining = false;
        self
    }

    /// True when the server accepts several commands at once.
    pub fn has_pipelining(&self) -> bool {
        self.extensions.pipelining
    }

    /// True when the server waits for the message of the last envelope.
    pub fn awaits_message(&self) -> bool {
        self.state == State::DataAccepted
    }

    /// Sends the message whose DATA was accepted, the envelope of the next message, or both in one write. `text` is
    /// dot-stuffed and ends with its final dot; it is used as the buffer of the write.
    pub async fn pipeline(&mut self, text: Option<&mut Vec<u8>>, next: Option<&Envelope<'_>>) -> PipelineReplies {
        let mut none = Vec::new();
        let sends_text = text.is_some();
        let group = text.unwrap_or(&mut none);
        let end = group.len();
        let mut replies = PipelineReplies { message: None, next: None };
        let before = match self.begin(if sends_text { Phase::Data } else { Phase::Envelope }) {
            Ok(before) if sends_text == (before == State::DataAccepted) => before,
            Ok(_) => return failed(replies, sends_text, next.is_some(), &Cause::Closed.at(Phase::Data)),
            Err(error) => return failed(replies, sends_text, next.is_some(), &error),
        };
        let not_sent = next.and_then(|next| self.push_commands(group, before, next).err());
        let sends_envelope = next.is_some() && not_sent.is_none();
        replies.next = not_sent;
        if !sends_text && !sends_envelope {
            self.state = before;
            return replies;
        }
        if sends_text {
            self.mark_body();
        }
        if let Err(error) = self.write_group(group, end).await {
            return failed(replies, sends_text, sends_envelope, &error);
        }
        if sends_text {
            failpoint::hit("after-body");
            let reply = self.read_message_reply().await;
            failpoint::hit("after-body-reply");
            let closed = reply.as_ref().map_or(true, |reply| reply.code == 421);
            replies.message = Some(reply);
            if closed {
                return failed(replies, false, sends_envelope, &Cause::Closed.at(Phase::Envelope));
            }
            self.state = State::Idle;
        }
        if sends_envelope {
            self.state = State::Closed;
            replies.next = Some(self.read_envelope_replies(before).await);
        }
        replies
    }

    /// Appends the commands of an envelope, up to DATA, to a group. The error is the result of an envelope that is not
    /// sent.
    fn push_commands(
        &self,
        group: &mut Vec<u8>,
        before: State,
        next: &Envelope<'_>,
    ) -> Result<(), Result<EnvelopeReply, SmtpError>> {
        if let Some(refusal) = self.refuse(next) {
            return Err(Ok(refusal));
        }
        self.check_envelope(next).map_err(Err)?;
        let first = match before {
            State::Idle | State::DataAccepted => "",
            // RFC 2920 §3.1: DATA was accepted without a valid recipient.
            State::DataWithoutRecipient => ".\r\n",
            State::EnvelopeAccepted | State::NeedsReset | State::Closed => "RSET\r\n",
        };
        let (mail, rcpt) = (self.mail_command(next), self.rcpt_command(next));
        for piece in [first, &*mail, &*rcpt, "DATA\r\n"] {
            group.extend_from_slice(piece.as_bytes());
        }
        Ok(())
    }

    /// Writes a group whose message ends at `end`. Until its final dot was handed to the system the server certainly
    /// has no message.
    async fn write_group(&mut self, group: &[u8], end: usize) -> Result<(), SmtpError> {
        let limit = self.timeouts.block;
        self.die_within(&group[..end]).await;
        let head = group.len().saturating_sub(CHUNK).min(end.saturating_sub(1)) / CHUNK * CHUNK;
        for block in group[..head].chunks(CHUNK) {
            self.wire.send(block, limit).await.map_err(at(Phase::Body))?;
        }
        if head > 0 && self.wire.is_interrupted().await {
            let reply = self.read_reply(self.timeouts.data, Phase::Body).await?;
            return Err(Cause::UnexpectedReply(reply).at(Phase::Body));
        }
        let (written, sent) = self.wire.send_counted(&group[head..], limit).await;
        let phase = match head + written {
            _ if end == 0 => Phase::Envelope,
            written if written < end => Phase::Body,
            _ => Phase::Dot,
        };
        sent.map_err(at(phase))
    }

    async fn read_envelope_replies(&mut self, before: State) -> Result<EnvelopeReply, SmtpError> {
        let phase = Phase::Envelope;
        match before {
            State::Idle | State::DataAccepted => {}
            State::DataWithoutRecipient => {
                // Any reply to an empty message without recipient will do, as long as the server stays connected.
                check_envelope_reply(self.read_reply(self.timeouts.dot, phase).await?)?;
            }
            State::EnvelopeAccepted | State::NeedsReset | State::Closed => {
                expect_code(self.read_reply(self.timeouts.command, phase).await?, 250, phase)?;
            }
        }
        // A server that lost the commands behind a message never replies to them: the first time it does not get the
        // minutes that a reply may take.
        let divisor = if before == State::DataAccepted && !self.pipelining_proven { UNPROVEN_DIVISOR } else { 1 };
        let sender = check_envelope_reply(self.read_reply(self.timeouts.mail / divisor, phase).await?)?;
        failpoint::hit("after-mail-reply");
        let recipient = check_envelope_reply(self.read_reply(self.timeouts.rcpt / divisor, phase).await?)?;
        failpoint::hit("after-rcpt-reply");
        let go_ahead = self.read_reply(self.timeouts.data / divisor, Phase::Data).await?;
        self.pipelining_proven |= before == State::DataAccepted;
        let data_accepted = go_ahead.code == 354;
        if data_accepted {
            failpoint::hit("after-data-reply");
        }
        if go_ahead.code == 421 || !data_accepted && !go_ahead.is_refusal() {
            return Err(Cause::UnexpectedReply(go_ahead).at(Phase::Data));
        }
        let reply = match (sender, recipient) {
            (sender, _) if sender.is_refusal() => EnvelopeReply::SenderRefused(sender),
            (_, recipient) if recipient.is_refusal() => EnvelopeReply::RecipientRefused(recipient),
            _ if data_accepted => EnvelopeReply::Accepted,
            _ => EnvelopeReply::DataRefused(go_ahead),
        };
        self.state = match (&reply, data_accepted) {
            (EnvelopeReply::Accepted, _) => State::DataAccepted,
            (_, true) => State::DataWithoutRecipient,
            (_, false) => State::NeedsReset,
        };
        Ok(reply)
    }
}

/// Adds the same error for everything that was sent and has no reply yet.
fn failed(replies: PipelineReplies, text: bool, next: bool, error: &SmtpError) -> PipelineReplies {
    // The message of an envelope behind a broken message was not written: the server has nothing of it.
    let behind = SmtpError { phase: Phase::Envelope, cause: error.cause.clone() };
    PipelineReplies {
        message: replies.message.or_else(|| text.then(|| Err(error.clone()))),
        next: replies.next.or_else(|| next.then_some(Err(behind))),
    }
}
