//! A letter in the hands of a connection: before its mark is there, and with it.

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::audience::address::Address;
use crate::campaign::delivery::{DeliveryResult, Marked};
use crate::mailer::queue::group_commit::MessageGuard;
use crate::mailer::queue::job::Job;
use crate::mailer::relay_context::RelayContext;
use crate::mailer::smtp::session::pipeline::Envelope;
use crate::mailer::smtp::wire::Reply;

/// A letter in the hands of a connection, marked on disk.
pub(super) struct MarkedMessage {
    pub(super) job: Job,
    pub(super) address: Address,
    /// How often it was tried before.
    pub(super) attempts: i32,
    /// In wire form, with its last dot.
    pub(super) text: Vec<u8>,
    pub(super) marked: Instant,
    pub(super) _busy: MessageGuard,
}

/// A letter whose mark was asked for.
pub(super) struct PendingMark {
    pub(super) job: Job,
    pub(super) answer: oneshot::Receiver<Option<Marked>>,
    /// Its answer may lie here for as long as the relay takes for the letter before.
    pub(super) since: Instant,
    pub(super) busy: MessageGuard,
}

impl MarkedMessage {
    /// How it is named to the relay.
    pub(super) fn envelope(&self) -> Envelope<'_> {
        Envelope {
            from: self.job.composer.sender(),
            to: self.address.envelope(),
            utf8: self.job.composer.needs_smtputf8(&self.address),
        }
    }

    /// What the relay's answer means for it.
    pub(super) fn answered(&self, reply: &Reply, to_text: bool, bench: &RelayContext) -> DeliveryResult {
        self.job.answered(reply, to_text, self.attempts, bench)
    }
}
