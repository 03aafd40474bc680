//! Job: one claimed delivery on its way to a connection, and the delivery results that replies mean.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use crate::audience::address::Address;
use crate::campaign::delivery::{self, Claimed, DeliveryResult, Mark, Marked, State, skip_reason};
use crate::infra::clock::Millis;
use crate::infra::failpoint::{self, Bug};
use crate::infra::id::Id;
use crate::mailer::queue::compose::CampaignComposer;
use crate::mailer::queue::retry;
use crate::mailer::smtp::error::SmtpError;
use crate::mailer::smtp::reply::Reply;
use crate::mailer::smtp::reply_class::{self, Class, RepliedTo};

/// A claimed delivery on its way to a connection.
pub struct Job {
    /// The delivery.
    pub claimed: Claimed,
    /// Composes its message.
    pub composer: Arc<CampaignComposer>,
    /// Its place among the connections of its lane, if the lane limits them.
    pub lane_slot: Option<OwnedSemaphorePermit>,
    /// What its message is made from, read without a mark: only with the bug `SkipFinalCheck`.
    pub unchecked: Option<Marked>,
}

/// When a delivery is tried again.
#[derive(Debug, Clone, Copy)]
pub struct RetryPlan {
    /// The time of the reply.
    pub now: Millis,
    /// The delay before the first retry, in ms.
    pub base: Millis,
    /// The number of earlier attempts.
    pub attempts: i32,
}

/// A result of a marked delivery without a reply.
pub fn result(claimed: &Claimed, state: State, reason: Option<&str>) -> DeliveryResult {
    DeliveryResult {
        id: claimed.id,
        campaign: claimed.campaign,
        marked: true,
        state,
        reason: reason.map(str::to_owned),
        code: 0,
        reply: String::new(),
        due_at: 0,
        tried: true,
    }
}

impl Job {
    /// The mark that the delivery needs before its envelope is sent.
    pub fn mark(&self, relay: Id) -> Mark {
        let Claimed { id, campaign, .. } = self.claimed;
        Mark { id, campaign, relay }
    }

    /// Composes the message in `buffer`. The error is the result of a delivery for which no message can be made.
    pub async fn compose(&self, marked: &Marked, buffer: Vec<u8>) -> Result<(Address, Vec<u8>), DeliveryResult> {
        let to = Address::parse(&marked.recipient.address).map_err(|_| self.skipped("skipped-address"))?;
        let message =
            self.composer.compose(marked, &to, buffer).await.map_err(|why| self.skipped(skip_reason(why.key)))?;
        Ok((to, message))
    }

    /// A result of the marked delivery without a reply.
    pub fn result(&self, state: State, reason: Option<&str>) -> DeliveryResult {
        result(&self.claimed, state, reason)
    }

    /// No message can be made for this recipient, or the relay cannot carry it. This is not a bounce.
    pub fn skipped(&self, reason: &str) -> DeliveryResult {
        self.result(State::Skipped, Some(reason))
    }

    /// The result that a reply means: 2xx accepted, 4xx a retry, 5xx rejected. A reply that names a sender fault makes
    /// the delivery pending again, and the attempt does not count.
    ///
    /// 552 to a recipient means "too many recipients" and is temporary (RFC 5321 §4.5.3.1.10).
    pub fn replied(&self, reply: &Reply, to: RepliedTo, plan: RetryPlan) -> DeliveryResult {
        let mut result = self.result(State::Accepted, None);
        (result.code, result.reply) = (i32::from(reply.code), reply.text.clone());
        if reply_class::sender_fault(reply).is_some() {
            (result.state, result.tried) = (State::Pending, false);
            result.due_at = plan.now + plan.base;
            result.reason = Some("policy".to_owned());
            return result;
        }
        match reply.code {
            200..=299 => {}
            code if reply.is_transient() || (code == 552 && to != RepliedTo::Message) => {
                match retry::delay(plan.base, plan.attempts.saturating_add(1)) {
                    Some(delay) => {
                        (result.state, result.due_at) = (State::Pending, plan.now + delay);
                        result.reason = Some("deferred".to_owned());
                    }
                    None => (result.state, result.reason) = (State::Rejected, Some("gave-up".to_owned())),
                }
            }
            _ => {
                let is_bounce = reply_class::class(reply, to) == Class::NoMailbox;
                let reason = if is_bounce { delivery::BOUNCE } else { delivery::REFUSED };
                (result.state, result.reason) = (State::Rejected, Some(reason.to_owned()));
            }
        }
        result
    }

    /// The result of a session that failed after the mark: uncertain if the final dot may have been written, otherwise
    /// the delivery is pending as before. The caller gives back its tokens in the second case.
    pub fn interrupted(&self, error: &SmtpError, now: Millis) -> DeliveryResult {
        if error.is_uncertain() && !failpoint::has_bug(Bug::LostReplyIsUntried) {
            return self.result(State::Uncertain, Some("answer-lost"));
        }
        self.untried(now)
    }

    /// The delivery is marked and the relay certainly has nothing of it: pending as before.
    pub fn untried(&self, now: Millis) -> DeliveryResult {
        let mut result = self.result(State::Pending, None);
        (result.tried, result.due_at) = (false, now);
        result
    }
}
