//! One round trip a message (RFC 2920 §3.1): the text of a message and the envelope of the next go
//! out in one write. Each command gets its own reply, in order; what is said to one message never
//! touches the other. When a connection breaks, the fate of one text at most is unknown: the next
//! one's has not been written.

use crate::infra::failpoint;
use crate::mailer::smtp::error::{Cause, Phase, SmtpError};
use crate::mailer::smtp::session::{CHUNK, EnvelopeReply, Session, State, at, need, rcpt, weigh};
use crate::mailer::smtp::wire::Reply;

/// The part of its time that a server gets for the first envelope behind a text.
const UNPROVEN: u32 = 10;

/// Sender and recipient of a message, both in their wire form.
#[derive(Debug, Clone)]
pub struct Envelope<'e> {
    /// Who is told of failures.
    pub from: &'e str,
    /// Who gets the message.
    pub to: String,
    /// Whether the message needs SMTPUTF8 beyond what its addresses say.
    pub utf8: bool,
}

/// What came back.
pub struct PipelineReplies {
    /// The answer to the text, if one was sent.
    pub text: Option<Result<Reply, SmtpError>>,
    /// The answer to the envelope, if one was sent. After [`EnvelopeReply::Accepted`] its text comes next.
    pub next: Option<Result<EnvelopeReply, SmtpError>>,
}

impl Session {
    /// The same session, talking to a server that cannot do what it offers: one command at a time.
    pub fn without_pipelining(mut self) -> Self {
        self.extensions.pipelining = false;
        self
    }

    /// True when the server takes several commands at once.
    pub fn has_pipelining(&self) -> bool {
        self.extensions.pipelining
    }

    /// True when the server waits for the text of the last envelope.
    pub fn is_granted(&self) -> bool {
        self.state == State::Granted
    }

    /// Sends the text whose envelope was granted, the envelope of the next message, or both in one
    /// write. `text` is in wire form with its last dot; it is used as the buffer of the write.
    pub async fn pipeline(&mut self, text: Option<&mut Vec<u8>>, next: Option<&Envelope<'_>>) -> PipelineReplies {
        let mut none = Vec::new();
        let sends_text = text.is_some();
        let group = text.unwrap_or(&mut none);
        let end = group.len();
        let mut turned = PipelineReplies { text: None, next: None };
        let before = match self.begin(if sends_text { Phase::Data } else { Phase::Envelope }) {
            Ok(before) if sends_text == (before == State::Granted) => before,
            Ok(_) => return lost(turned, sends_text, next.is_some(), &Cause::Closed.at(Phase::Data)),
            Err(fault) => return lost(turned, sends_text, next.is_some(), &fault),
        };
        let refused = next.and_then(|next| self.push_commands(group, before, next).err());
        let asked = next.is_some() && refused.is_none();
        turned.next = refused;
        if !sends_text && !asked {
            self.state = before;
            return turned;
        }
        if let Err(fault) = self.write(group, end).await {
            return lost(turned, sends_text, asked, &fault);
        }
        if sends_text {
            failpoint::hit("after-body");
            let reply = self.hear_text().await;
            failpoint::hit("after-body-reply");
            let closed = reply.as_ref().map_or(true, |reply| reply.code == 421);
            turned.text = Some(reply);
            if closed {
                return lost(turned, false, asked, &Cause::Closed.at(Phase::Envelope));
            }
            self.state = State::Idle;
        }
        if asked {
            self.state = State::Closed;
            turned.next = Some(self.hear_envelope(before).await);
        }
        turned
    }

    /// Appends the commands of an envelope up to DATA to a group; the error is why it is not sent.
    fn push_commands(
        &self,
        group: &mut Vec<u8>,
        before: State,
        next: &Envelope<'_>,
    ) -> Result<(), Result<EnvelopeReply, SmtpError>> {
        let utf8 = next.utf8 || !next.from.is_ascii() || !next.to.is_ascii();
        if utf8 && !self.extensions.smtputf8 {
            return Err(Ok(EnvelopeReply::NeedsSmtpUtf8));
        }
        if next.from.contains(char::is_control) || next.to.contains(char::is_control) {
            return Err(Err(Cause::UnsafeText.at(Phase::Envelope)));
        }
        let first = match before {
            State::Idle | State::Granted => "",
            // RFC 2920 §3.1: DATA was granted although nobody is to get the message.
            State::Orphan => ".\r\n",
            State::Ready | State::Spoiled | State::Closed => "RSET\r\n",
        };
        let words = self.mail(next.from, utf8).into_iter().chain(rcpt(&next.to));
        for piece in [first].into_iter().chain(words).chain(["DATA\r\n"]) {
            group.extend_from_slice(piece.as_bytes());
        }
        Ok(())
    }

    /// Writes a group whose text ends at `end`. Until its dot was handed to the system the server
    /// certainly has no message.
    async fn write(&mut self, group: &[u8], end: usize) -> Result<(), SmtpError> {
        let limit = self.timers.block;
        self.die_within(&group[..end]).await;
        let head = group.len().saturating_sub(CHUNK).min(end.saturating_sub(1)) / CHUNK * CHUNK;
        for block in group[..head].chunks(CHUNK) {
            self.wire.send(block, limit).await.map_err(at(Phase::Body))?;
        }
        if head > 0 && self.wire.is_interrupted().await {
            let reply = self.hear(self.timers.data, Phase::Body).await?;
            return Err(Cause::UnexpectedReply(reply).at(Phase::Body));
        }
        let (written, sent) = self.wire.send_some(&group[head..], limit).await;
        let phase = match head + written {
            _ if end == 0 => Phase::Envelope,
            written if written < end => Phase::Body,
            _ => Phase::Dot,
        };
        sent.map_err(at(phase))
    }

    async fn hear_text(&mut self) -> Result<Reply, SmtpError> {
        let reply = self.hear(self.timers.dot, Phase::Dot).await?;
        if reply.is_positive() || reply.is_refusal() {
            Ok(reply)
        } else {
            Err(Cause::UnexpectedReply(reply).at(Phase::Dot))
        }
    }

    async fn hear_envelope(&mut self, before: State) -> Result<EnvelopeReply, SmtpError> {
        let phase = Phase::Envelope;
        match before {
            State::Idle | State::Granted => {}
            State::Orphan => {
                // Whatever it says to an empty message for nobody; it must stay, though.
                weigh(self.hear(self.timers.dot, phase).await?)?;
            }
            State::Ready | State::Spoiled | State::Closed => {
                need(self.hear(self.timers.command, phase).await?, 250, phase)?;
            }
        }
        // A server that lost the commands behind a text never answers them: the first time it is
        // not given the minutes that one may take.
        let part = if before == State::Granted && !self.proven { UNPROVEN } else { 1 };
        let sender = weigh(self.hear(self.timers.mail / part, phase).await?)?;
        failpoint::hit("after-mail-reply");
        let recipient = weigh(self.hear(self.timers.rcpt / part, phase).await?)?;
        failpoint::hit("after-rcpt-reply");
        let go = self.hear(self.timers.data / part, Phase::Data).await?;
        self.proven |= before == State::Granted;
        let granted = go.code == 354;
        if granted {
            failpoint::hit("after-data-reply");
        }
        if go.code == 421 || !granted && !go.is_refusal() {
            return Err(Cause::UnexpectedReply(go).at(Phase::Data));
        }
        let verdict = match (sender, recipient) {
            (sender, _) if sender.is_refusal() => EnvelopeReply::SenderRefused(sender),
            (_, recipient) if recipient.is_refusal() => EnvelopeReply::RecipientRefused(recipient),
            _ if granted => EnvelopeReply::Accepted,
            _ => EnvelopeReply::DataRefused(go),
        };
        self.state = match (&verdict, granted) {
            (EnvelopeReply::Accepted, _) => State::Granted,
            (_, true) => State::Orphan,
            (_, false) => State::Spoiled,
        };
        Ok(verdict)
    }
}

/// The same fault for everything that was under way and has no answer yet.
fn lost(turned: PipelineReplies, text: bool, next: bool, fault: &SmtpError) -> PipelineReplies {
    // An envelope behind a text that broke was not weighed: the server has nothing of its message.
    let behind = SmtpError { phase: Phase::Envelope, cause: fault.cause.clone() };
    PipelineReplies {
        text: turned.text.or_else(|| text.then(|| Err(fault.clone()))),
        next: turned.next.or_else(|| next.then_some(Err(behind))),
    }
}
