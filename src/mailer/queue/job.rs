//! One delivery on its way to a connection: how its message is made, and what an answer means for it.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use crate::audience::address::Address;
use crate::campaign::composer::Composer;
use crate::campaign::delivery::{Claimed, DeliveryResult, Mark, Marked, State};
use crate::infra::failpoint::{self, Bug};
use crate::infra::id::Id;
use crate::mailer::queue::retry;
use crate::mailer::relay_context::RelayContext;
use crate::mailer::smtp::error::SmtpError;
use crate::mailer::smtp::reply_class::{self, Class};
use crate::mailer::smtp::wire::Reply;

/// A delivery on its way to a connection.
pub struct Job {
    /// The delivery.
    pub claimed: Claimed,
    /// What makes the message.
    pub composer: Arc<Composer>,
    /// Its place among the letters of its lane, where those are counted.
    pub seat: Option<OwnedSemaphorePermit>,
    /// What its message would be made from, known before anyone is asked: only where that promise is
    /// broken on purpose.
    pub known: Option<Marked>,
}

impl Job {
    /// What is asked of the writer before it may go out.
    pub fn mark(&self, relay: Id) -> Mark {
        let Claimed { id, campaign, .. } = self.claimed;
        Mark { id, campaign, relay }
    }

    /// The address, and in `out` the text in wire form with its last dot; or why there is none.
    pub fn compose(&self, marked: &Marked, out: &mut Vec<u8>) -> Result<Address, DeliveryResult> {
        let Marked { date, recipient, .. } = marked;
        let address = Address::parse(&recipient.address).map_err(|_| self.skipped("skipped-address"))?;
        self.composer.compose(recipient, &address, *date, out).map_err(|reason| self.skipped(reason.key))?;
        out.extend_from_slice(b".\r\n");
        Ok(address)
    }

    /// An end, or a way on.
    pub fn outcome(&self, state: State, reason: Option<&str>, marked: bool) -> DeliveryResult {
        DeliveryResult {
            id: self.claimed.id,
            campaign: self.claimed.campaign,
            marked,
            state,
            reason: reason.map(str::to_owned),
            code: 0,
            reply: String::new(),
            due_at: 0,
            tried: true,
        }
    }

    /// No letter can be made for this person, or the relay cannot carry it: not a bounce.
    pub fn skipped(&self, reason: &str) -> DeliveryResult {
        self.outcome(State::Skipped, Some(reason), true)
    }

    /// What the relay's answer means: 2xx accepted, 4xx again later, 5xx the end of this delivery,
    /// and later still what names a fault of ours.
    /// `attempts` is how often it was tried before.
    /// 552 to a recipient is "too many", by the book of old (RFC 5321 §4.5.3.1.10).
    pub fn answered(&self, reply: &Reply, to_text: bool, attempts: i32, bench: &RelayContext) -> DeliveryResult {
        let mut outcome = self.outcome(State::Accepted, None, true);
        (outcome.code, outcome.reply) = (i32::from(reply.code), reply.text.clone());
        if reply_class::sender_fault(reply).is_some() {
            // A fault of ours: the try does not count, and whoever mends it resumes the lane.
            (outcome.state, outcome.tried) = (State::Pending, false);
            outcome.due_at = bench.installation.clock.now() + bench.retry_base;
            outcome.reason = Some("policy".to_owned());
            return outcome;
        }
        match reply.code {
            200..=299 => {}
            code if reply.is_transient() || (code == 552 && !to_text) => {
                match retry::delay(bench.retry_base, attempts + 1) {
                    Some(delay) => {
                        (outcome.state, outcome.due_at) = (State::Pending, bench.installation.clock.now() + delay);
                        outcome.reason = Some("deferred".to_owned());
                    }
                    None => (outcome.state, outcome.reason) = (State::Rejected, Some("gave-up".to_owned())),
                }
            }
            _ => {
                let why = if reply_class::class(reply) == Class::Hard { "bounce" } else { "refused" };
                (outcome.state, outcome.reason) = (State::Rejected, Some(why.to_owned()));
            }
        }
        outcome
    }

    /// The connection broke after the mark. Uncertain only when the final dot may have been written;
    /// otherwise the relay has no message and the delivery goes on as it was.
    pub fn interrupted(&self, fault: &SmtpError, bench: &RelayContext) -> DeliveryResult {
        if fault.is_uncertain() && !failpoint::has_bug(Bug::LostReplyIsUntried) {
            return self.outcome(State::Uncertain, Some("answer-lost"), true);
        }
        self.untried(bench)
    }

    /// Marked, and the relay certainly has nothing of it: as it was before.
    pub fn untried(&self, bench: &RelayContext) -> DeliveryResult {
        let mut outcome = self.outcome(State::Pending, None, true);
        outcome.tried = false;
        outcome.due_at = bench.installation.clock.now();
        bench.put_back(&self.claimed);
        outcome
    }
}
