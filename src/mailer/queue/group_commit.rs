//! The one writer of a mailer. Marks and results of all connections gather while the last commit is
//! on its way to the disk and ride in the next one: a connection waits for one sync, and all wait
//! for the same.

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

/// Marks and results a commit carries at most.
const BATCH: usize = 1_000;

/// So many marks share a commit well, however long it takes.
const MANY: usize = 100;

/// How long a commit waits for more at most.
const LINGER: Duration = Duration::from_millis(4);

/// A commit faster than this is not worth waiting for.
const LEAST: Duration = Duration::from_millis(1);

enum Request {
    Mark { mark: Mark, answer: oneshot::Sender<Option<Marked>> },
    Release(Id),
    Result(DeliveryResult),
    Settle(oneshot::Sender<()>),
}

/// A handle on the writer; cheap to clone.
#[derive(Clone)]
pub struct GroupCommit {
    notes: mpsc::Sender<Request>,
    crowd: Arc<MessageCounts>,
}

/// Letters in the hands of connections.
#[derive(Default)]
struct MessageCounts {
    /// Their marks are asked for, or will be at once.
    asking: AtomicUsize,
    /// On the way to a relay: their connections will ask for other marks.
    sending: AtomicUsize,
}

/// A letter in the hands of a connection, until it is dropped.
pub struct MessageGuard {
    crowd: Arc<MessageCounts>,
    sending: bool,
}

impl MessageCounts {
    /// Those whose marks are asked for, and all.
    fn count(&self) -> (usize, usize) {
        let asking = self.asking.load(Ordering::Relaxed);
        (asking, asking + self.sending.load(Ordering::Relaxed))
    }
}

impl MessageGuard {
    /// Its mark is there, and it is on its way.
    pub fn begin(&mut self) {
        self.crowd.sending.fetch_add(1, Ordering::Relaxed);
        self.count().fetch_sub(1, Ordering::Relaxed);
        self.sending = true;
    }

    fn count(&self) -> &AtomicUsize {
        if self.sending { &self.crowd.sending } else { &self.crowd.asking }
    }
}

impl Drop for MessageGuard {
    fn drop(&mut self) {
        self.count().fetch_sub(1, Ordering::Relaxed);
    }
}

impl GroupCommit {
    /// Starts the writer of a mailer. The task ends when every handle is gone and everything is on
    /// disk; it returns false when the database had failed on the way, and says so to `halt` at once.
    pub fn start(
        installation: Installation,
        mailer: Id,
        hand: Arc<InFlight>,
        halt: watch::Sender<bool>,
    ) -> (Self, JoinHandle<bool>) {
        let (notes, inbox) = mpsc::channel(4 * BATCH);
        let crowd = Arc::<MessageCounts>::default();
        let desk = CommitTask { installation, mailer, hand, crowd: crowd.clone(), halt };
        (Self { notes, crowd }, spawn(desk.write(inbox)))
    }

    /// Says that a connection has taken a letter in hand.
    pub fn busy(&self) -> MessageGuard {
        self.crowd.asking.fetch_add(1, Ordering::Relaxed);
        MessageGuard { crowd: self.crowd.clone(), sending: false }
    }

    /// Asks for the last word on a delivery. Once the answer is the date of its message, the mark
    /// is on disk and the message may go out. `None`, or no answer, means it must not be sent.
    pub async fn mark(&self, mark: Mark) -> oneshot::Receiver<Option<Marked>> {
        let (answer, asked) = oneshot::channel();
        // A writer that is gone drops the question: no answer.
        let _ = self.notes.send(Request::Mark { mark, answer }).await;
        asked
    }

    /// Gives an unmarked delivery back.
    pub async fn release(&self, delivery: Id) {
        let _ = self.notes.send(Request::Release(delivery)).await;
    }

    /// Waits until what was said before is on disk, or is known not to be.
    pub async fn settle(&self) {
        let (answer, settled) = oneshot::channel();
        let _ = self.notes.send(Request::Settle(answer)).await;
        let _ = settled.await;
    }

    /// Writes down how a try ended.
    pub async fn record(&self, outcome: DeliveryResult) {
        let _ = self.notes.send(Request::Result(outcome)).await;
    }
}

/// Where the writer sits.
struct CommitTask {
    installation: Installation,
    mailer: Id,
    hand: Arc<InFlight>,
    crowd: Arc<MessageCounts>,
    /// Ends the shift: what is claimed again and again without a mark would keep it busy for ever.
    halt: watch::Sender<bool>,
}

impl CommitTask {
    async fn write(self, mut inbox: mpsc::Receiver<Request>) -> bool {
        let mut sound = true;
        let mut batch = Vec::with_capacity(BATCH);
        let mut sync = Duration::ZERO;
        while inbox.recv_many(&mut batch, BATCH).await > 0 {
            self.gather(&mut inbox, &mut batch, sync).await;
            let began = Instant::now();
            let (mut marks, mut answers, mut releases, mut results) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            let mut settling = Vec::new();
            for note in batch.drain(..) {
                match note {
                    Request::Mark { mark, answer } => {
                        answers.push((mark.id, answer));
                        marks.push(mark);
                    }
                    Request::Release(delivery) => releases.push(delivery),
                    Request::Result(outcome) => results.push(outcome),
                    Request::Settle(answer) => settling.push(answer),
                }
            }
            // After a failure nothing new may start: what is known is still written down, as soon as
            // the database answers, and the mailer ends its shift.
            let marked = if sound {
                commit(&self.installation, self.mailer, &marks, &releases, &results).await
            } else {
                Ok(HashMap::new())
            };
            sync = began.elapsed();
            match marked {
                Ok(mut marked) if sound => {
                    for (delivery, answer) in answers {
                        let _ = answer.send(marked.remove(&delivery));
                    }
                }
                outcome => {
                    if let Err(error) = outcome {
                        tracing::error!(error = error.message().key, "deliveries could not be written; sending stops");
                    }
                    sound = false;
                    self.halt.send_replace(true);
                    drop(answers);
                    self.insist(&results).await;
                }
            }
            let gone: Vec<Id> = marks.iter().map(|mark| mark.id).chain(releases).collect();
            self.hand.remove(&gone);
            for answer in settling {
                let _ = answer.send(());
            }
        }
        sound
    }

    /// Waits a little for the connections that are about to ask. Where there are few letters, or a commit
    /// takes long, that is all of them, for half as long as the last one took, unless there are [`MANY`]:
    /// else they part into groups that wait for each other's commits by turns. Otherwise it is half of
    /// those that ask already, while each connection has others left to send: a commit costs the same for
    /// one as for many.
    async fn gather(&self, inbox: &mut mpsc::Receiver<Request>, batch: &mut Vec<Request>, sync: Duration) {
        let (asking, all) = self.crowd.count();
        let for_all = all <= MANY || sync > LEAST;
        let until = Instant::now() + if for_all { (sync / 2).min(LINGER) } else { LINGER };
        let enough = if for_all { all.min(MANY) } else { asking / 2 };
        let marks = |batch: &[Request]| batch.iter().filter(|note| matches!(note, Request::Mark { .. })).count();
        while batch.len() < BATCH && marks(batch) < enough {
            let room = BATCH - batch.len();
            match timeout_at(until, inbox.recv_many(batch, room)).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return,
            }
        }
    }

    /// Tries for a minute to save results that are known; what fails even then is found as uncertain,
    /// and so is what others have settled meanwhile.
    async fn insist(&self, results: &[DeliveryResult]) {
        for _ in 0..60 {
            if results.is_empty()
                || matches!(
                    commit(&self.installation, self.mailer, &[], &[], results).await,
                    Ok(_) | Err(Error::Fenced)
                )
            {
                return;
            }
            sleep(Duration::from_secs(1)).await;
        }
    }
}
