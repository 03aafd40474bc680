//! SMTP client session (RFC 5321, 2920, 6531): one connection, one recipient per message, a time limit for each step.
//!
//! Envelope and message are two calls, so that a caller can commit its mark between them. Every failure names its
//! phase. After a failure, or when a call is dropped before it ends, the session is closed and nothing of it reaches
//! the next message.

mod handshake;
pub mod pipeline;

use std::fmt::Display;
use std::time::Duration;

use lettre::transport::smtp::commands::{Data, Noop, Quit, Rset};

use crate::infra::failpoint;
use crate::infra::metric::GaugeGuard;
use crate::mailer::begun_bodies::BodyMark;
use crate::mailer::smtp::dot_stuffing;
use crate::mailer::smtp::error::{Cause, Phase, SmtpError};
use crate::mailer::smtp::extension::Extensions;
use crate::mailer::smtp::reply::{Reply, ReplyParser};
use crate::mailer::smtp::timeouts::Timeouts;
use crate::mailer::smtp::wire::Wire;
use pipeline::Envelope;

/// Octets per write.
const CHUNK: usize = 64 * 1024;

/// The server's reply to an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvelopeReply {
    /// The message may follow.
    Accepted,
    /// The recipient was refused.
    RecipientRefused(Reply),
    /// The sender was refused; this says nothing about the recipient.
    SenderRefused(Reply),
    /// The recipient was accepted and DATA was refused.
    DataRefused(Reply),
    /// The message needs SMTPUTF8 and the server lacks it. Nothing was sent.
    NeedsSmtpUtf8,
    /// The message is larger than the server takes (RFC 1870). Nothing was sent.
    TooLarge {
        /// The largest message in octets that the server takes.
        limit: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between messages.
    Idle,
    /// An envelope was accepted.
    EnvelopeAccepted,
    /// DATA was accepted: the message comes next.
    DataAccepted,
    /// DATA was accepted although the recipient was not: an empty message must be sent.
    DataWithoutRecipient,
    /// An envelope or DATA was refused: the next envelope needs RSET.
    NeedsReset,
    Closed,
}

/// An open SMTP session: greeted, encrypted and signed in as the endpoint demands.
pub struct Session {
    wire: Wire,
    timeouts: Timeouts,
    extensions: Extensions,
    encrypted: bool,
    /// True once the server has replied to an envelope that was sent together with a message.
    pipelining_proven: bool,
    state: State,
    /// Of the message that is sent next.
    body_mark: Option<BodyMark>,
    _counted: GaugeGuard,
}

impl Session {
    /// The extensions that the server offered.
    pub fn extensions(&self) -> Extensions {
        self.extensions
    }

    /// True when the connection uses TLS.
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// False after an error or a 421: the next message needs a new session.
    pub fn is_open(&self) -> bool {
        self.state != State::Closed
    }

    /// Sends MAIL and RCPT.
    pub async fn envelope(&mut self, envelope: &Envelope<'_>) -> Result<EnvelopeReply, SmtpError> {
        self.check_envelope(envelope)?;
        if let Some(refusal) = self.refuse(envelope) {
            return Ok(refusal);
        }
        let (mail, rcpt) = (self.mail_command(envelope), self.rcpt_command(envelope));
        let before = self.begin(Phase::Envelope)?;
        let reply = if self.extensions.pipelining {
            self.send_envelope_pipelined(before, &mail, &rcpt).await?
        } else {
            self.send_envelope_stepwise(before, &mail, &rcpt).await?
        };
        self.state = if reply == EnvelopeReply::Accepted { State::EnvelopeAccepted } else { State::NeedsReset };
        Ok(reply)
    }

    /// What the server's extensions rule out, so that the envelope need not be sent.
    fn refuse(&self, envelope: &Envelope<'_>) -> Option<EnvelopeReply> {
        if envelope.needs_smtputf8() && !self.extensions.smtputf8 {
            return Some(EnvelopeReply::NeedsSmtpUtf8);
        }
        let limit = self.extensions.size.filter(|limit| envelope.size > *limit)?;
        Some(EnvelopeReply::TooLarge { limit })
    }

    fn check_envelope(&self, envelope: &Envelope<'_>) -> Result<(), SmtpError> {
        let is_unsafe = envelope.from.contains(char::is_control) || envelope.to.contains(char::is_control);
        if is_unsafe { Err(Cause::UnsafeText.at(Phase::Envelope)) } else { Ok(()) }
    }

    /// MAIL with the parameters that the server's extensions allow.
    fn mail_command(&self, envelope: &Envelope<'_>) -> String {
        let mut command = format!("MAIL FROM:<{}>", envelope.from);
        if self.extensions.declares_size && envelope.size > 0 {
            command.push_str(&format!(" SIZE={}", envelope.size));
        }
        if self.extensions.dsn && envelope.notify {
            let id = envelope.from.split('@').next().unwrap_or_default();
            command.push_str(&format!(" RET=HDRS ENVID={id}"));
        }
        command.push_str(match (envelope.needs_smtputf8(), self.extensions.eightbitmime) {
            (true, true) => " SMTPUTF8 BODY=8BITMIME\r\n",
            (true, false) => " SMTPUTF8\r\n",
            (false, _) => "\r\n",
        });
        command
    }

    /// RCPT with the parameter that asks for a report of a failure.
    fn rcpt_command(&self, envelope: &Envelope<'_>) -> String {
        let notify = if self.extensions.dsn && envelope.notify { " NOTIFY=FAILURE" } else { "" };
        ["RCPT TO:<", &envelope.to, ">", notify, "\r\n"].concat()
    }

    /// One write, then one reply for each command in it.
    async fn send_envelope_pipelined(
        &mut self,
        before: State,
        mail: &str,
        rcpt: &str,
    ) -> Result<EnvelopeReply, SmtpError> {
        let reset = if before == State::Idle { String::new() } else { Rset.to_string() };
        let group = [&reset, mail, rcpt].concat();
        self.wire.send(group.as_bytes(), self.timeouts.mail).await.map_err(at(Phase::Envelope))?;
        if !reset.is_empty() {
            expect_code(self.read_reply(self.timeouts.command, Phase::Envelope).await?, 250, Phase::Envelope)?;
        }
        let sender = check_envelope_reply(self.read_reply(self.timeouts.mail, Phase::Envelope).await?)?;
        failpoint::hit("after-mail-reply");
        let recipient = check_envelope_reply(self.read_reply(self.timeouts.rcpt, Phase::Envelope).await?)?;
        failpoint::hit("after-rcpt-reply");
        Ok(match (sender, recipient) {
            (sender, _) if sender.is_refusal() => EnvelopeReply::SenderRefused(sender),
            (_, recipient) if recipient.is_refusal() => EnvelopeReply::RecipientRefused(recipient),
            _ => EnvelopeReply::Accepted,
        })
    }

    /// One command at a time, for servers that do not offer PIPELINING.
    async fn send_envelope_stepwise(
        &mut self,
        before: State,
        mail: &str,
        rcpt: &str,
    ) -> Result<EnvelopeReply, SmtpError> {
        if before != State::Idle {
            expect_code(self.command(Rset, self.timeouts.command, Phase::Envelope).await?, 250, Phase::Envelope)?;
        }
        let sender = check_envelope_reply(self.command(mail, self.timeouts.mail, Phase::Envelope).await?)?;
        failpoint::hit("after-mail-reply");
        if sender.is_refusal() {
            return Ok(EnvelopeReply::SenderRefused(sender));
        }
        let recipient = check_envelope_reply(self.command(rcpt, self.timeouts.rcpt, Phase::Envelope).await?)?;
        failpoint::hit("after-rcpt-reply");
        let refused = recipient.is_refusal();
        Ok(if refused { EnvelopeReply::RecipientRefused(recipient) } else { EnvelopeReply::Accepted })
    }

    /// Gives the mark that is set before the first byte of the next message goes out.
    pub fn set_body_mark(&mut self, mark: Option<BodyMark>) {
        self.body_mark = mark;
    }

    fn mark_body(&mut self) {
        if let Some(mark) = self.body_mark.take() {
            mark.set();
        }
    }

    /// Sends the message whose envelope was accepted and returns the server's reply: 2xx, 4xx or 5xx. The message must
    /// have no lone CR or LF and no NUL; leading dots are doubled here.
    pub async fn send_message(&mut self, message: &[u8]) -> Result<Reply, SmtpError> {
        if !dot_stuffing::is_canonical(message) {
            return Err(Cause::UnsafeText.at(Phase::Data));
        }
        self.send_stuffed(&dot_stuffing::stuff(message)).await
    }

    /// Sends a message that is dot-stuffed already and ends with its final dot.
    pub async fn send_stuffed(&mut self, text: &[u8]) -> Result<Reply, SmtpError> {
        if self.begin(Phase::Data)? != State::EnvelopeAccepted {
            return Err(Cause::Closed.at(Phase::Data));
        }
        let go_ahead = self.command(Data, self.timeouts.data, Phase::Data).await?;
        if go_ahead.is_refusal() && go_ahead.code != 421 {
            self.state = State::NeedsReset;
            return Ok(go_ahead);
        }
        expect_code(go_ahead, 354, Phase::Data)?;
        failpoint::hit("after-data-reply");
        self.mark_body();

        // The end of the text and its dot go in one write: a second small one would wait for the acknowledgement of
        // the first.
        let (head, tail) = text.split_at(text.len().saturating_sub(CHUNK));
        for block in head.chunks(CHUNK) {
            self.wire.send(block, self.timeouts.block).await.map_err(at(Phase::Body))?;
        }
        if self.wire.is_interrupted().await {
            let reply = self.read_reply(self.timeouts.data, Phase::Body).await?;
            return Err(Cause::UnexpectedReply(reply).at(Phase::Body));
        }
        self.die_within(tail).await;
        self.wire.send(tail, self.timeouts.block).await.map_err(at(Phase::Dot))?;
        failpoint::hit("after-body");
        let reply = self.read_message_reply().await?;
        failpoint::hit("after-body-reply");
        if reply.code != 421 {
            self.state = State::Idle;
        }
        Ok(reply)
    }

    /// Fail points inside a message: writes a part of the text and ends the process, when this is the last passage of
    /// the point. Otherwise nothing is written here.
    async fn die_within(&mut self, text: &[u8]) {
        if text.is_empty() {
            return;
        }
        let points = [("mid-body", text.len() / 2), ("before-final-dot", text.len().saturating_sub(".\r\n".len()))];
        for (point, part) in points {
            if failpoint::is_armed(point) {
                // The process ends here; the result of the write does not matter.
                let _ = self.wire.send(&text[..part], self.timeouts.block).await;
                failpoint::abort();
            }
        }
    }

    /// Sends RSET: drops an envelope that was accepted.
    pub async fn reset(&mut self) -> Result<(), SmtpError> {
        self.begin(Phase::Envelope)?;
        expect_code(self.command(Rset, self.timeouts.command, Phase::Envelope).await?, 250, Phase::Envelope)?;
        self.state = State::Idle;
        Ok(())
    }

    /// Sends NOOP: checks that the server still replies.
    pub async fn noop(&mut self) -> Result<(), SmtpError> {
        let before = self.begin(Phase::Envelope)?;
        expect_code(self.command(Noop, self.timeouts.command, Phase::Envelope).await?, 250, Phase::Envelope)?;
        self.state = before;
        Ok(())
    }

    /// Sends QUIT, ignores the reply and closes the connection.
    pub async fn quit(mut self) {
        // After DATA was accepted QUIT would be the first line of the message: closing is the only way out.
        if !matches!(self.state, State::Closed | State::DataAccepted | State::DataWithoutRecipient) {
            let _ = self.command(Quit, self.timeouts.quit, Phase::Envelope).await;
        }
    }

    /// Takes the session for one step. It stays closed unless the step ends well.
    fn begin(&mut self, phase: Phase) -> Result<State, SmtpError> {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Closed => Err(Cause::Closed.at(phase)),
            _ if !self.wire.is_drained() => Err(Cause::ProtocolViolation.at(phase)),
            before => Ok(before),
        }
    }

    /// Sends one command and reads its reply.
    async fn command(&mut self, command: impl Display, limit: Duration, phase: Phase) -> Result<Reply, SmtpError> {
        Ok(self.command_lines(command, limit, phase).await?.finish())
    }

    /// The same, with every line of the reply. Unread bytes would be taken for the reply, so they are an error.
    async fn command_lines(
        &mut self,
        command: impl Display,
        limit: Duration,
        phase: Phase,
    ) -> Result<ReplyParser, SmtpError> {
        if !self.wire.is_drained() {
            return Err(Cause::ProtocolViolation.at(phase));
        }
        self.wire.send(command.to_string().as_bytes(), limit).await.map_err(at(phase))?;
        self.wire.read_reply(limit).await.map_err(at(phase))
    }

    async fn read_reply(&mut self, limit: Duration, phase: Phase) -> Result<Reply, SmtpError> {
        Ok(self.wire.read_reply(limit).await.map_err(at(phase))?.finish())
    }

    /// Reads the reply to the final dot: it must accept or refuse the message.
    async fn read_message_reply(&mut self) -> Result<Reply, SmtpError> {
        let reply = self.read_reply(self.timeouts.dot, Phase::Dot).await?;
        let is_clear = reply.is_positive() || reply.is_refusal();
        if is_clear { Ok(reply) } else { Err(Cause::UnexpectedReply(reply).at(Phase::Dot)) }
    }
}

fn at(phase: Phase) -> impl FnOnce(Cause) -> SmtpError {
    move |cause| cause.at(phase)
}

fn expect_code(reply: Reply, code: u16, phase: Phase) -> Result<(), SmtpError> {
    if reply.code == code { Ok(()) } else { Err(Cause::UnexpectedReply(reply).at(phase)) }
}

/// A reply to MAIL or RCPT must accept or refuse, and the server must stay connected.
fn check_envelope_reply(reply: Reply) -> Result<Reply, SmtpError> {
    let is_clear = reply.is_positive() || reply.is_refusal();
    if is_clear && reply.code != 421 { Ok(reply) } else { Err(Cause::UnexpectedReply(reply).at(Phase::Envelope)) }
}
