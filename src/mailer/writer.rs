//! The one writer of a mailer. Marks and results of all connections gather while the last commit is
//! on its way to the disk and ride in the next one: a connection waits for one sync, and all wait
//! for the same.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::lease;
use crate::campaign::delivery::claim::Hand;
use crate::campaign::delivery::{self, Mark, Marked, Outcome};
use crate::ground::error::{Error, Result};
use crate::ground::failpoint;
use crate::ground::id::Id;
use crate::ground::installation::Installation;
use crate::ground::metric;
use crate::ground::share::{Arc, AtomicUsize, Instant, JoinHandle, Ordering, sleep, spawn, timeout_at};

/// Marks and results a commit carries at most.
const BATCH: usize = 1_000;

/// How long a commit waits for more at most.
const LINGER: Duration = Duration::from_millis(4);

/// A commit faster than this is not worth waiting for.
const LEAST: Duration = Duration::from_millis(1);

enum Note {
    Mark { mark: Mark, answer: oneshot::Sender<Option<Marked>> },
    Release(Id),
    Result(Outcome),
}

/// A handle on the writer; cheap to clone.
#[derive(Clone)]
pub struct Writer {
    notes: mpsc::Sender<Note>,
    busy: Arc<AtomicUsize>,
}

/// A connection with a letter in hand, until it is dropped: it will ask for a mark.
pub struct Busy(Arc<AtomicUsize>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Writer {
    /// Starts the writer of a mailer. The task ends when every handle is gone and everything is on
    /// disk; it returns false when the database had failed on the way, and says so to `halt` at once.
    pub fn start(
        home: Installation,
        mailer: Id,
        hand: Arc<Hand>,
        halt: watch::Sender<bool>,
    ) -> (Self, JoinHandle<bool>) {
        let (notes, inbox) = mpsc::channel(4 * BATCH);
        let busy = Arc::<AtomicUsize>::default();
        let desk = Desk { home, mailer, hand, busy: busy.clone(), halt };
        (Self { notes, busy }, spawn(desk.write(inbox)))
    }

    /// Says that a connection has taken a letter in hand.
    pub fn busy(&self) -> Busy {
        self.busy.fetch_add(1, Ordering::Relaxed);
        Busy(self.busy.clone())
    }

    /// Asks for the last word on a delivery. Once the answer is the date of its message, the mark
    /// is on disk and the message may go out. `None`, or no answer, means it must not be sent.
    pub async fn mark(&self, mark: Mark) -> oneshot::Receiver<Option<Marked>> {
        let (answer, asked) = oneshot::channel();
        // A writer that is gone drops the question: no answer.
        let _ = self.notes.send(Note::Mark { mark, answer }).await;
        asked
    }

    /// Gives an unmarked delivery back.
    pub async fn release(&self, delivery: Id) {
        let _ = self.notes.send(Note::Release(delivery)).await;
    }

    /// Writes down how a try ended.
    pub async fn record(&self, outcome: Outcome) {
        let _ = self.notes.send(Note::Result(outcome)).await;
    }
}

/// Where the writer sits.
struct Desk {
    home: Installation,
    mailer: Id,
    hand: Arc<Hand>,
    busy: Arc<AtomicUsize>,
    /// Ends the shift: what is claimed again and again without a mark would keep it busy for ever.
    halt: watch::Sender<bool>,
}

impl Desk {
    async fn write(self, mut inbox: mpsc::Receiver<Note>) -> bool {
        let mut sound = true;
        let mut batch = Vec::with_capacity(BATCH);
        let mut sync = Duration::ZERO;
        while inbox.recv_many(&mut batch, BATCH).await > 0 {
            self.gather(&mut inbox, &mut batch, sync).await;
            let began = Instant::now();
            let (mut marks, mut answers, mut releases, mut results) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            for note in batch.drain(..) {
                match note {
                    Note::Mark { mark, answer } => {
                        answers.push((mark.id, answer));
                        marks.push(mark);
                    }
                    Note::Release(delivery) => releases.push(delivery),
                    Note::Result(outcome) => results.push(outcome),
                }
            }
            // After a failure nothing new may start: what is known is still written down, as soon as
            // the database answers, and the mailer ends its shift.
            let marked = if sound {
                commit(&self.home, self.mailer, &marks, &releases, &results).await
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
            self.hand.put_down(&gone);
        }
        sound
    }

    /// Waits a little for the connections that are about to ask. Where a commit takes long that is
    /// all of them, for half as long as the last one took: else they part into groups that wait for
    /// each other's commits by turns. Where it is fast that is half of them, while those that hold
    /// several letters have some left to send: a commit costs the same for one as for many.
    async fn gather(&self, inbox: &mut mpsc::Receiver<Note>, batch: &mut Vec<Note>, sync: Duration) {
        let (wait, part) = if sync > LEAST { ((sync / 2).min(LINGER), 1) } else { (LINGER, 2) };
        let until = Instant::now() + wait;
        let marks = |batch: &[Note]| batch.iter().filter(|note| matches!(note, Note::Mark { .. })).count();
        while batch.len() < BATCH && marks(batch) < self.busy.load(Ordering::Relaxed) / part {
            let room = BATCH - batch.len();
            match timeout_at(until, inbox.recv_many(batch, room)).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return,
            }
        }
    }

    /// Tries for a minute to save results that are known; what fails even then is found as uncertain,
    /// and so is what others have settled meanwhile.
    async fn insist(&self, results: &[Outcome]) {
        for _ in 0..60 {
            if results.is_empty()
                || matches!(commit(&self.home, self.mailer, &[], &[], results).await, Ok(_) | Err(Error::Fenced))
            {
                return;
            }
            sleep(Duration::from_secs(1)).await;
        }
    }
}

/// Writes what the connections of a mailer have said, in one transaction under its lease, and returns
/// what each message that may go out is made from. Results before marks: a connection that asks for its
/// next mark has said how its last letter ended, and both are on disk together.
pub async fn commit(
    home: &Installation,
    mailer: Id,
    marks: &[Mark],
    releases: &[Id],
    results: &[Outcome],
) -> Result<HashMap<Id, Marked>> {
    let (now, began) = (home.clock.now(), Instant::now());
    let mut tx = home.db.write().await?;
    match marks.is_empty() {
        true => lease::hold_late(&mut tx, &home.db, mailer).await?,
        false => lease::hold(&mut tx, &home.db, mailer).await?,
    }
    if !results.is_empty() {
        delivery::record(&mut tx, mailer, results, now).await?;
    }
    if !releases.is_empty() {
        delivery::release(&mut tx, mailer, releases, now).await?;
    }
    let marked = delivery::mark(&mut tx, mailer, marks, now).await?;
    if !marked.is_empty() {
        failpoint::reach("marking");
    }
    tx.commit().await?;
    metric::commit(began.elapsed());
    if !results.is_empty() {
        failpoint::reach("recorded");
    }
    Ok(marked)
}
