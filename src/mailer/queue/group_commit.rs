//! Group commit: one task per mailer commits the marks and results of all connections.
//!
//! Requests that arrive during a commit go into the next one, so that many connections share one sync of the disk.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use crate::campaign::delivery::claim::InFlight;
use crate::campaign::delivery::{DeliveryResult, Mark, Marked};
use crate::infra::error::Error;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::sync_shim::{Arc, AtomicUsize, Instant, JoinHandle, Ordering, sleep, spawn, timeout_at};
use crate::mailer::queue::commit::commit;

/// Requests in one commit at most.
const MAX_BATCH: usize = 1_000;

/// Marks that make a good batch, however long a commit takes.
const GOOD_BATCH: usize = 100;

/// How long a commit waits for more requests at most.
const MAX_WAIT: Duration = Duration::from_millis(4);

/// A commit that takes less is not worth waiting for.
const FAST_COMMIT: Duration = Duration::from_millis(1);

/// The interval between attempts to record results after a failed commit.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Attempts to record results after a failed commit.
const MAX_RETRIES: usize = 60;

enum Request {
    Mark { mark: Mark, marked: oneshot::Sender<Option<Marked>> },
    Release(Id),
    Result(DeliveryResult),
    Flush(oneshot::Sender<()>),
}

/// A handle on the group commit; cheap to clone.
#[derive(Clone)]
pub struct GroupCommit {
    requests: mpsc::Sender<Request>,
    counts: Arc<MessageCounts>,
}

/// Deliveries that connections hold.
#[derive(Default)]
struct MessageCounts {
    /// Waiting for a mark, or about to request one.
    marking: AtomicUsize,
    /// On the way to a relay: their connections will request other marks.
    sending: AtomicUsize,
}

/// Counts one delivery that a connection holds, until it is dropped.
pub struct MessageGuard {
    counts: Arc<MessageCounts>,
    sending: bool,
}

impl MessageCounts {
    /// The deliveries that wait for a mark, and all.
    fn load(&self) -> (usize, usize) {
        let marking = self.marking.load(Ordering::Relaxed);
        (marking, marking + self.sending.load(Ordering::Relaxed))
    }
}

impl MessageGuard {
    /// The delivery is marked and on its way.
    pub fn set_sending(&mut self) {
        self.counts.sending.fetch_add(1, Ordering::Relaxed);
        self.counter().fetch_sub(1, Ordering::Relaxed);
        self.sending = true;
    }

    fn counter(&self) -> &AtomicUsize {
        if self.sending { &self.counts.sending } else { &self.counts.marking }
    }
}

impl Drop for MessageGuard {
    fn drop(&mut self) {
        self.counter().fetch_sub(1, Ordering::Relaxed);
    }
}

impl GroupCommit {
    /// Starts the task of a mailer. It ends when every handle is dropped and everything is committed, and returns
    /// false if a commit has failed; in that case it sets `halt` at once.
    pub fn start(
        installation: Installation,
        mailer: Id,
        in_flight: Arc<InFlight>,
        halt: watch::Sender<bool>,
    ) -> (Self, JoinHandle<bool>) {
        let (requests, receiver) = mpsc::channel(4 * MAX_BATCH);
        let counts = Arc::<MessageCounts>::default();
        let task = CommitTask { installation, mailer, in_flight, counts: counts.clone(), halt };
        (Self { requests, counts }, spawn(task.run(receiver)))
    }

    /// Counts a delivery that a connection has taken.
    pub fn guard(&self) -> MessageGuard {
        self.counts.marking.fetch_add(1, Ordering::Relaxed);
        MessageGuard { counts: self.counts.clone(), sending: false }
    }

    /// Requests the final eligibility check and the mark of a delivery. Once the receiver yields what the message is
    /// made from, the mark is committed and the message may be sent. `None`, or a closed receiver, means that it must
    /// not be sent.
    pub async fn mark(&self, mark: Mark) -> oneshot::Receiver<Option<Marked>> {
        let (marked, receiver) = oneshot::channel();
        // If the task has ended the request is dropped, which closes the receiver.
        let _ = self.requests.send(Request::Mark { mark, marked }).await;
        receiver
    }

    /// Releases a delivery that was not marked.
    pub async fn release(&self, delivery: Id) {
        let _ = self.requests.send(Request::Release(delivery)).await;
    }

    /// Records the result of an attempt.
    pub async fn record(&self, result: DeliveryResult) {
        let _ = self.requests.send(Request::Result(result)).await;
    }

    /// Waits until all earlier requests are committed or have failed.
    pub async fn flush(&self) {
        let (done, receiver) = oneshot::channel();
        let _ = self.requests.send(Request::Flush(done)).await;
        let _ = receiver.await;
    }
}

/// The task that commits.
struct CommitTask {
    installation: Installation,
    mailer: Id,
    in_flight: Arc<InFlight>,
    counts: Arc<MessageCounts>,
    /// Ends the scheduler after a failure: otherwise it would claim deliveries again and again without a mark.
    halt: watch::Sender<bool>,
}

impl CommitTask {
    async fn run(self, mut requests: mpsc::Receiver<Request>) -> bool {
        let mut healthy = true;
        let mut batch = Vec::with_capacity(MAX_BATCH);
        let mut last_commit = Duration::ZERO;
        while requests.recv_many(&mut batch, MAX_BATCH).await > 0 {
            self.fill_batch(&mut requests, &mut batch, last_commit).await;
            let began = Instant::now();
            let (mut marks, mut waiting, mut releases, mut results) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            let mut flushes = Vec::new();
            for request in batch.drain(..) {
                match request {
                    Request::Mark { mark, marked } => {
                        waiting.push((mark.id, marked));
                        marks.push(mark);
                    }
                    Request::Release(delivery) => releases.push(delivery),
                    Request::Result(result) => results.push(result),
                    Request::Flush(done) => flushes.push(done),
                }
            }
            // After a failure no delivery is marked any more; known results are recorded once the database answers.
            let committed = if healthy {
                commit(&self.installation, self.mailer, &marks, &releases, &results).await
            } else {
                Ok(HashMap::new())
            };
            last_commit = began.elapsed();
            match committed {
                Ok(mut all) if healthy => {
                    for (delivery, marked) in waiting {
                        let _ = marked.send(all.remove(&delivery));
                    }
                }
                failed => {
                    if let Err(error) = failed {
                        tracing::error!(error = error.message().key, "commit of deliveries failed; sending stops");
                    }
                    healthy = false;
                    self.halt.send_replace(true);
                    drop(waiting);
                    self.retry_results(&results).await;
                }
            }
            let done: Vec<Id> = marks.iter().map(|mark| mark.id).chain(releases).collect();
            self.in_flight.remove(&done);
            for flush in flushes {
                let _ = flush.send(());
            }
        }
        healthy
    }

    /// Waits a little for connections that are about to request marks.
    ///
    /// With few deliveries, or slow commits, it waits for all of them, for half as long as the last commit took;
    /// otherwise they would split into groups that wait for each other's commits in turn. Above [`GOOD_BATCH`]
    /// deliveries it waits for half of those that request marks at this moment: each connection has others to send
    /// meanwhile, and a commit costs the same for one as for many.
    async fn fill_batch(&self, requests: &mut mpsc::Receiver<Request>, batch: &mut Vec<Request>, last: Duration) {
        let (marking, all) = self.counts.load();
        let for_all = all <= GOOD_BATCH || last > FAST_COMMIT;
        let until = Instant::now() + if for_all { (last / 2).min(MAX_WAIT) } else { MAX_WAIT };
        let enough = if for_all { all.min(GOOD_BATCH) } else { marking / 2 };
        let marks = |batch: &[Request]| batch.iter().filter(|request| matches!(request, Request::Mark { .. })).count();
        while batch.len() < MAX_BATCH && marks(batch) < enough {
            let room = MAX_BATCH - batch.len();
            match timeout_at(until, requests.recv_many(batch, room)).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return,
            }
        }
    }

    /// Tries for a minute to record known results. What fails even then becomes uncertain, unless another mailer has
    /// recovered it meanwhile.
    async fn retry_results(&self, results: &[DeliveryResult]) {
        if results.is_empty() {
            return;
        }
        for _ in 0..MAX_RETRIES {
            match commit(&self.installation, self.mailer, &[], &[], results).await {
                Ok(_) | Err(Error::Fenced) => return,
                Err(_) => sleep(RETRY_INTERVAL).await,
            }
        }
    }
}
