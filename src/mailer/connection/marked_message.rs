//! The deliveries that a connection holds: with a mark requested, and marked with a composed message.

use std::borrow::Cow;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::audience::address::Address;
use crate::campaign::delivery::{DeliveryResult, Marked};
use crate::mailer::queue::group_commit::MessageGuard;
use crate::mailer::queue::job::{Job, RetryPlan};
use crate::mailer::relay_context::RelayContext;
use crate::mailer::smtp::reply::Reply;
use crate::mailer::smtp::reply_class::RepliedTo;
use crate::mailer::smtp::session::pipeline::Envelope;

/// A delivery whose mark was requested.
pub(super) struct PendingMark {
    pub(super) job: Job,
    /// The mark; `None` when the delivery must not be sent.
    pub(super) marked: oneshot::Receiver<Option<Marked>>,
    /// When the mark was requested. The mark may wait here for as long as the relay takes for the message before it.
    pub(super) requested: Instant,
    pub(super) guard: MessageGuard,
}

/// A composed message whose mark is committed.
pub(super) struct MarkedMessage {
    pub(super) job: Job,
    pub(super) to: Address,
    /// The message: dot-stuffed, with its final dot.
    pub(super) text: Vec<u8>,
    /// The number of earlier attempts.
    pub(super) attempts: i32,
    /// When the mark was requested.
    pub(super) marked: Instant,
    pub(super) _guard: MessageGuard,
}

impl MarkedMessage {
    /// Its envelope.
    pub(super) fn envelope(&self) -> Envelope<'_> {
        let composer = self.job.composer.composer();
        let utf8 = composer.needs_smtputf8(&self.to);
        let own = composer.return_path(self.job.claimed.id);
        Envelope {
            notify: own.is_some(),
            from: own.map_or_else(|| composer.sender().into(), Cow::Owned),
            to: self.to.envelope(),
            utf8,
            size: self.size(),
        }
    }

    /// Its size in octets without its final dot. None of its lines begins with a dot, so none is doubled.
    pub(super) fn size(&self) -> u64 {
        self.text.len().saturating_sub(".\r\n".len()) as u64
    }

    /// The result that a reply means.
    pub(super) fn replied(&self, reply: &Reply, to: RepliedTo, context: &RelayContext) -> DeliveryResult {
        let plan = RetryPlan { now: context.now(), base: context.retry_base, attempts: self.attempts };
        self.job.replied(reply, to, plan)
    }
}
