//! What replies and errors of a relay mean for the delivery, the limits, the relay's breaker and the connection.

use std::time::Duration;

use super::{Connection, MarkedMessage};
use crate::campaign::delivery::State;
use crate::infra::error::Message;
use crate::infra::failpoint::{self, Bug};
use crate::mailer::smtp::error::{Cause, SmtpError};
use crate::mailer::smtp::reply::Reply;
use crate::mailer::smtp::reply_class::{self, Class, RepliedTo};
use crate::mailer::smtp::session::EnvelopeReply;
use crate::mailer::test_send;

impl Connection {
    /// Records the reply to a message. Returns how long to pause if the connection is not usable any more.
    pub(super) async fn record_message_reply(
        &mut self,
        mut message: MarkedMessage,
        reply: Result<Reply, SmtpError>,
    ) -> Option<Duration> {
        let context = self.context.clone();
        let size = message.size();
        self.buffer = std::mem::take(&mut message.text);
        if failpoint::has_bug(Bug::MarkAfterBody) {
            let _ = context.group_commit.mark(message.job.mark(context.relay)).await.await;
        }
        match reply {
            Ok(reply) => {
                self.record_reply(&message, size, &reply, RepliedTo::Message).await;
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

    /// Records a reply to a recipient or a message. A message that is too large, while the relay has taken none of the
    /// campaign, stops the campaign: the others are as large.
    async fn record_reply(&mut self, message: &MarkedMessage, size: u64, reply: &Reply, to: RepliedTo) {
        let context = self.context.clone();
        let (claimed, class) = (&message.job.claimed, reply_class::class(reply, to));
        if class == Class::TooLarge && reply.is_permanent() && !context.limits.has_accepted(claimed.campaign) {
            return self.stop_campaign(message, size_refused(&context.name, size, reply)).await;
        }
        context.limits.record_reply(claimed, reply, class).await;
        if reply.is_positive() {
            context.breaker.record_accepted();
            self.failures = 0;
        } else {
            context.breaker.record_refused(reply, class);
        }
        self.record(&message.job, message.replied(reply, to, &context)).await;
    }

    /// Stops the campaign of a message whose recipient is not to blame; the delivery is pending as before.
    async fn stop_campaign(&mut self, message: &MarkedMessage, reason: Message) {
        self.context.limits.stop(message.job.claimed.campaign, reason);
        self.record_job_untried(&message.job).await;
    }

    /// Records a refused envelope. Returns how long to pause if the relay refuses the sender.
    pub(super) async fn record_refusal(&mut self, message: MarkedMessage, refusal: &EnvelopeReply) -> Option<Duration> {
        let context = self.context.clone();
        match refusal {
            EnvelopeReply::TooLarge { limit } => {
                let reason = test_send::too_large(&context.name, message.size(), *limit);
                self.stop_campaign(&message, reason).await;
            }
            EnvelopeReply::Accepted | EnvelopeReply::NeedsSmtpUtf8 => {
                if message.job.composer.composer().from().needs_smtputf8() {
                    let reason = Message::new("relay-sender-smtputf8").with("relay", &context.name);
                    self.stop_campaign(&message, reason).await;
                } else {
                    self.record(&message.job, message.job.skipped("skipped-smtputf8")).await;
                }
            }
            // The server demands authentication or TLS, whoever the recipient is.
            EnvelopeReply::RecipientRefused(reply) if reply.code == 530 => {
                return Some(self.record_relay_refusal(&message, "relay-locked", reply).await);
            }
            EnvelopeReply::RecipientRefused(reply) => {
                self.record_reply(&message, message.size(), reply, RepliedTo::Recipient).await;
            }
            EnvelopeReply::DataRefused(reply) => {
                self.record_reply(&message, message.size(), reply, RepliedTo::Message).await;
            }
            // The recipient is not to blame for a refused sender: a temporary refusal means a retry, a permanent one
            // stops.
            EnvelopeReply::SenderRefused(reply)
                if reply.is_transient() || reply_class::sender_fault(reply).is_some() =>
            {
                let class = reply_class::class(reply, RepliedTo::Sender);
                context.limits.record_reply(&message.job.claimed, reply, class).await;
                self.record(&message.job, message.replied(reply, RepliedTo::Sender, &context)).await;
            }
            EnvelopeReply::SenderRefused(reply) => match reply_class::class(reply, RepliedTo::Sender) {
                Class::TooLarge => {
                    let reason = size_refused(&context.name, message.size(), reply);
                    self.stop_campaign(&message, reason).await;
                }
                Class::Relay => return Some(self.record_relay_refusal(&message, "relay-refuses", reply).await),
                _ => return Some(self.record_relay_refusal(&message, "relay-sender", reply).await),
            },
        }
        None
    }

    /// The relay refuses every message: opens its breaker. Returns how long to pause.
    async fn record_relay_refusal(&mut self, message: &MarkedMessage, key: &'static str, reply: &Reply) -> Duration {
        let pause = self.context.breaker.record_failure(Message::new(key).with("code", reply), true);
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
                let class = reply_class::class(reply, RepliedTo::Sender);
                self.context.limits.record_reply(&message.job.claimed, reply, class).await;
                self.record(&message.job, message.replied(reply, RepliedTo::Sender, &self.context)).await;
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

/// The message about an email whose size the relay has refused.
fn size_refused(relay: &str, size: u64, reply: &Reply) -> Message {
    Message::new("relay-refuses-size").with("relay", relay).with("size", size).with("reply", reply)
}
