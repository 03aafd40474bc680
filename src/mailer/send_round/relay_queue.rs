//! Queue of one relay during a send round: jobs on their way from the feeder to the relay's connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::mailer::queue::job::Job;
use crate::mailer::relay::Relay;
use crate::mailer::relay_context::RelayContext;
use crate::mailer::shutdown::or_stopped;

/// How long a relay may leave its queue full before other relays take its share.
const FULL_QUEUE_TIMEOUT: Duration = Duration::from_secs(2);

/// A relay, and the queue that its connections read.
pub(super) struct RelayQueue {
    pub(super) relay: Relay,
    pub(super) context: Arc<RelayContext>,
    sender: mpsc::Sender<Job>,
    /// True while the connections take no jobs.
    stuck: AtomicBool,
}

impl RelayQueue {
    /// The queue of a relay whose connections read the other end of `sender`.
    pub(super) fn new(relay: Relay, context: Arc<RelayContext>, sender: mpsc::Sender<Job>) -> Self {
        Self { relay, context, sender, stuck: AtomicBool::default() }
    }

    /// Jobs that the empty queue accepts.
    pub(super) fn length(&self) -> usize {
        self.sender.max_capacity()
    }

    /// True while the breaker of the relay lets messages through and the relay takes sessions.
    pub(super) fn is_available(&self) -> bool {
        !self.context.breaker.is_open() && self.context.breaker.busy_for().is_none()
    }

    /// True when the relay has taken no job for a while.
    pub(super) fn is_stuck(&self) -> bool {
        self.stuck.load(Ordering::Relaxed) && self.sender.capacity() == 0
    }

    /// True when the queue is empty and no connection holds a delivery.
    pub(super) fn is_idle(&self) -> bool {
        self.sender.capacity() == self.sender.max_capacity() && self.context.is_idle()
    }

    /// Puts a job into the queue. Returns the job when the round ends first, or when the relay takes no jobs; the
    /// `only` relay of a campaign is waited for.
    pub(super) async fn push(&self, job: Job, only: bool, round_over: &watch::Receiver<bool>) -> Result<(), Job> {
        if !only && self.is_stuck() {
            return Err(job);
        }
        loop {
            let Some(slot) = or_stopped(round_over, timeout(FULL_QUEUE_TIMEOUT, self.sender.reserve())).await else {
                return Err(job);
            };
            match slot {
                Ok(Ok(slot)) => {
                    self.stuck.store(false, Ordering::Relaxed);
                    slot.send(job);
                    return Ok(());
                }
                Ok(Err(_)) => return Err(job),
                Err(_) if only && self.is_available() => {}
                Err(_) => {
                    self.stuck.store(true, Ordering::Relaxed);
                    return Err(job);
                }
            }
        }
    }
}
