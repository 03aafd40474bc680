//! Records events (opens, clicks) in batches, without blocking the page that reports them. Events that come faster than the
//! database takes them, or while it is away, go to the spool `journal/events.log` and are inserted from there ([`replay`](super::replay)).
//! Events that find no place there either are counted by campaign ([`losses`](super::losses)).

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::event::NewEvent;
use super::losses::Losses;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::spool::Spool;
use crate::infra::waiting_hit::{WaitingHit, WaitingHits};
use writer::Writer;

mod writer;

/// Capacity of the queue in memory, from which the writer takes events while the disk is busy.
const QUEUE_CAPACITY: usize = 100_000;
/// How long after the last event that came too fast it is told so.
const FAST_TOLD: Duration = Duration::from_secs(60);

/// Queue of events to be recorded. Cheap to clone; the writer ends with the last clone.
#[derive(Debug, Clone)]
pub struct Recorder {
    queue: mpsc::Sender<Order>,
    spool: Spool,
    losses: Arc<Losses>,
    state: Arc<SpoolState>,
    waiting: WaitingHits,
}

/// Why events are in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpoolCause {
    /// The database does not answer, or refuses to write.
    DatabaseAway,
    /// They came faster than the database takes them.
    TooFast,
    /// One of the above has passed; they are being inserted.
    Backlog,
}

/// What the writer did last, for health checks and metrics.
#[derive(Debug, Default)]
struct SpoolState {
    is_away: Mutex<bool>,
    too_fast_at: Mutex<Option<Instant>>,
    spilled_away: AtomicI64,
    spilled_fast: AtomicI64,
    lost_in_memory: AtomicU64,
}

/// An event and its campaign.
type Hit = (Id, NewEvent);

#[derive(Debug)]
enum Order {
    Keep(Hit),
    Flush(oneshot::Sender<()>),
}

/// The spool of events of an installation.
pub(super) fn spool(installation: &Installation) -> Spool {
    Spool::new(installation.config.journal_dir().join("events.log"))
}

impl Recorder {
    /// Starts the writer of an installation.
    pub fn start(installation: &Installation) -> Self {
        let (queue, orders) = mpsc::channel(QUEUE_CAPACITY);
        let (losses, state, spool) = (Arc::new(Losses::open(installation)), Arc::default(), spool(installation));
        let writer = Writer::new(installation, spool.clone(), losses.clone(), Arc::clone(&state));
        tokio::spawn(writer.run(orders));
        Self { queue, spool, losses, state, waiting: installation.waiting_hits.clone() }
    }

    /// Queues an event of a campaign; returns at once.
    pub fn record(&self, campaign: Id, event: NewEvent) {
        self.waiting.add(waiting(&event));
        if self.queue.try_send(Order::Keep((campaign, event))).is_err() {
            self.waiting.remove([waiting(&event)].into_iter());
            self.losses.add(campaign, 1);
            self.state.lost_in_memory.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until every event queued so far is in the database or in the spool.
    pub async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.queue.send(Order::Flush(done)).await.is_ok() {
            // An error means that the writer ended, which it does with an empty queue.
            let _ = wait.await;
        }
    }

    /// Number of events in memory.
    pub fn queued(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Number of events in the spool. Reads what was added to the file.
    pub fn spilled(&self) -> u64 {
        self.spool.count()
    }

    /// Why events are in the spool.
    pub fn cause(&self) -> SpoolCause {
        let at = *self.state.too_fast_at.lock().unwrap_or_else(PoisonError::into_inner);
        match *self.state.is_away.lock().unwrap_or_else(PoisonError::into_inner) {
            true => SpoolCause::DatabaseAway,
            false if at.is_some_and(|at| at.elapsed() < FAST_TOLD) => SpoolCause::TooFast,
            false => SpoolCause::Backlog,
        }
    }

    /// Events that went to the spool since the start: while the database was away, and because they came too fast.
    pub fn spilled_since_start(&self) -> (i64, i64) {
        (self.state.spilled_away.load(Ordering::Relaxed), self.state.spilled_fast.load(Ordering::Relaxed))
    }

    /// Number of events lost since the start.
    pub fn lost(&self) -> u64 {
        self.losses.since_start()
    }

    /// Of those, the ones for which the disk was too slow; it refused the others.
    pub fn lost_in_memory(&self) -> u64 {
        self.state.lost_in_memory.load(Ordering::Relaxed)
    }
}

fn waiting(event: &NewEvent) -> WaitingHit {
    let NewEvent { delivery, kind, position, at } = *event;
    WaitingHit { delivery, kind: kind.as_str(), position, at }
}
