//! What replies and errors of a relay mean for the delivery, the limits, the relay's breaker and the connection.

use std::time::Duration;

use super::{Connection, MarkedMessage};
use crate::campaign::delivery::State;
use crate::infra::error::Message;
use crate::infra::failpoint::{self, Bug};
use crate::mailer::queue::job::RepliedTo;
use crate::mailer::smtp::error::{Cause, SmtpError};
use crate::mailer::smtp::reply::Reply;
use crate::mailer::smtp::reply_class;
use crate::mailer::smtp::session::EnvelopeReply;

impl Connection {
    /// Records the reply to a message. Returns how long to pause if the connection is not usable any more.
    pub(super) async fn record_message_reply(
        &mut self,
        mut message: MarkedMessage,
        reply: Result<Reply, SmtpError>,
    ) -> Option<Duration> {
        let context = self.context.clone();
        self.buffer = std::mem::take(&mut message.text);
        if failpoint::has_bug(Bug::MarkAfterBody) {
            let _ = context.group_commit.mark(message.job.mark(context.relay)).await.await;
        }
        match reply {
            Ok(reply) => {
                context.limits.record_reply(&message.job.claimed, &reply).await;
                if reply.is_positive() {
                    context.breaker.record_accepted();
                    self.failures = 0;
                } else {
                    context.breaker.record_refused(&reply);
                }
                self.record(&message.job, message.replied(&reply, RepliedTo::Message, &context)).await;
                (reply.code == 421).then_some(Duration::ZERO)
            }
            Err(error) => {
                let result = message.job.interrupted(&error, context.now());
                if result.state == State::Pending {
                    context.refund(&message.job.claimed);
                }
                self.record(&message.job, result).await;
                Some(context.breaker.record_error(&error))
            }
        }
    }

    /// Records a refused envelope. Returns how long to pause if the relay refuses the sender.
    pub(super) async fn record_refusal(&mut self, message: MarkedMessage, refusal: &EnvelopeReply) -> Option<Duration> {
        let context = self.context.clone();
        let (result, pause) = match refusal {
            EnvelopeReply::Accepted | EnvelopeReply::NeedsSmtpUtf8 => (message.job.skipped("skipped-smtputf8"), None),
            // The server demands authentication or TLS, whoever the recipient is.
            EnvelopeReply::RecipientRefused(reply) if reply.code == 530 => {
                return Some(self.record_relay_refusal(&message, "relay-locked", reply).await);
            }
            EnvelopeReply::RecipientRefused(reply) => {
                context.limits.record_reply(&message.job.claimed, reply).await;
                context.breaker.record_refused(reply);
                (message.replied(reply, RepliedTo::Envelope, &context), None)
            }
            EnvelopeReply::DataRefused(reply) => {
                context.limits.record_reply(&message.job.claimed, reply).await;
                context.breaker.record_refused(reply);
                (message.replied(reply, RepliedTo::Message, &context), None)
            }
            // The recipient is not to blame for a refused sender: a temporary refusal means a retry, a permanent one
            // stops.
            EnvelopeReply::SenderRefused(reply)
                if reply.is_transient() || reply_class::sender_fault(reply).is_some() =>
            {
                context.limits.record_reply(&message.job.claimed, reply).await;
                (message.replied(reply, RepliedTo::Envelope, &context), None)
            }
            EnvelopeReply::SenderRefused(reply) => {
                return Some(self.record_relay_refusal(&message, "relay-sender", reply).await);
            }
        };
        self.record(&message.job, result).await;
        pause
    }

    /// The relay refuses every message: opens its breaker. Returns how long to pause.
    async fn record_relay_refusal(&mut self, message: &MarkedMessage, key: &'static str, reply: &Reply) -> Duration {
        let pause = self.context.breaker.record_failure(Message::new(key).with("code", reply.code), true);
        self.record_job_untried(&message.job).await;
        pause
    }

    /// Records an envelope whose session failed: its message was not written, so the relay has nothing of it. Returns
    /// how long to pause. A server that closes the connection because of the rate or the sender's setup is not
    /// failing.
    pub(super) async fn record_envelope_error(&mut self, message: MarkedMessage, error: &SmtpError) -> Duration {
        match &error.cause {
            Cause::UnexpectedReply(reply)
                if reply_class::is_too_fast(reply) || reply_class::sender_fault(reply).is_some() =>
            {
                self.context.limits.record_reply(&message.job.claimed, reply).await;
                self.record(&message.job, message.replied(reply, RepliedTo::Envelope, &self.context)).await;
                Duration::ZERO
            }
            _ => {
                self.record_untried(Some(message)).await;
                // When the round is over this side has closed the connection.
                if *self.round_over.borrow() { Duration::ZERO } else { self.context.breaker.record_error(error) }
            }
        }
    }
}
