//! The writer of the recorder: inserts events in batches, and puts those into the spool that come too fast or find no database.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{FAST_TOLD, Hit, Order, SpoolState, waiting};
use crate::feedback::event::{self, NewEvent};
use crate::feedback::losses::Losses;
use crate::feedback::replay::{self, BEGIN_TIMEOUT, INSERT_TIMEOUT, Replay, Replayed};
use crate::feedback::spool_line;
use crate::infra::error::{Error, Result};
use crate::infra::failpoint;
use crate::infra::installation::Installation;
use crate::infra::panic;
use crate::infra::spool::Spool;

/// Events per transaction.
const ROWS: usize = 10_000;
/// Events that wait in the writer while it inserts others; more go to the spool.
const SPILL_AT: usize = 2 * ROWS;
/// How long the writer waits for more events before it commits a batch.
const BATCH_DELAY: Duration = Duration::from_millis(50);
/// How often an unavailable database is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// What the writer works on in a task of its own, so that it goes on taking events.
enum Work {
    Insert(Arc<Vec<Hit>>, JoinHandle<Result<()>>),
    Replay(JoinHandle<(Replay, Result<Replayed>)>),
}

/// How a piece of work ended; `None` for a task that panicked.
enum Ended {
    Insert(Arc<Vec<Hit>>, Option<Result<()>>),
    Replay(Option<(Replay, Result<Replayed>)>),
}

/// Takes events from the queue and brings them into the database or the spool.
pub(super) struct Writer {
    installation: Installation,
    spool: Spool,
    /// True while the spool is not empty.
    spilled: bool,
    losses: Arc<Losses>,
    state: Arc<SpoolState>,
    /// `None` while a task has it.
    replay: Option<Replay>,
    /// Events that are in neither database nor spool.
    pending: Vec<Hit>,
    flushes: Vec<oneshot::Sender<()>>,
    work: Option<Work>,
    /// When an unavailable database is tried again.
    retry_at: Option<Instant>,
    /// Whether it is the turn of the spool: it and new events take turns.
    replay_next: bool,
}

impl Writer {
    /// A writer of an installation with events in its spool, or without.
    pub(super) fn new(installation: &Installation, spool: Spool, losses: Arc<Losses>, state: Arc<SpoolState>) -> Self {
        Self {
            installation: installation.clone(),
            spilled: !spool.is_empty(),
            replay: Some(Replay::new(spool.clone())),
            spool,
            losses,
            state,
            pending: Vec::new(),
            flushes: Vec::new(),
            work: None,
            retry_at: None,
            replay_next: false,
        }
    }

    /// Takes orders until the last [`Recorder`](super::Recorder) is dropped and nothing waits.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut batch = Vec::with_capacity(ROWS);
        let mut is_open = true;
        loop {
            let wake_at = self.wake_at();
            tokio::select! {
                biased;
                ended = end(&mut self.work), if self.work.is_some() => self.work_ended(ended).await,
                count = orders.recv_many(&mut batch, ROWS), if is_open => {
                    is_open = count > 0;
                    if self.work.is_none() {
                        gather(&mut orders, &mut batch).await;
                    }
                    self.accept(&mut batch);
                }
                () = sleep_until(wake_at.unwrap_or_else(Instant::now)), if wake_at.is_some() => {}
            }
            self.step().await;
            if !is_open && self.work.is_none() && self.pending.is_empty() {
                return;
            }
        }
    }

    /// When there is something to do although nothing happens: never while nothing waits.
    fn wake_at(&self) -> Option<Instant> {
        let waits = self.spilled || self.losses.is_pending();
        (waits && self.work.is_none()).then(|| self.retry_at.unwrap_or_else(Instant::now))
    }

    fn accept(&mut self, batch: &mut Vec<Order>) {
        for order in batch.drain(..) {
            match order {
                Order::Keep(hit) => self.pending.push(hit),
                Order::Flush(done) => self.flushes.push(done),
            }
        }
    }

    /// Starts what is to be done next.
    async fn step(&mut self) {
        let is_away = self.retry_at.is_some_and(|at| Instant::now() < at);
        if is_away && !self.pending.is_empty() || self.work.is_some() && self.pending.len() >= SPILL_AT {
            let hits = std::mem::take(&mut self.pending);
            if !is_away {
                self.note_too_fast(hits.len());
            }
            self.spill(&hits).await;
        }
        if self.work.is_none() && !is_away {
            self.keep_losses(true).await;
            let is_turn_of_spool = self.spilled && (self.replay_next || self.pending.is_empty());
            match self.replay.take_if(|_| is_turn_of_spool) {
                Some(replay) => self.start_replay(replay),
                None if self.pending.is_empty() => {}
                None => self.start_insert(),
            }
        } else {
            self.keep_losses(false).await;
        }
        if self.pending.is_empty() && !matches!(self.work, Some(Work::Insert(..))) {
            for done in self.flushes.drain(..) {
                // The caller may have gone; the events are kept all the same.
                let _ = done.send(());
            }
        }
    }

    fn start_insert(&mut self) {
        let hits = Arc::new(self.pending.drain(..self.pending.len().min(ROWS)).collect::<Vec<Hit>>());
        let (installation, given) = (self.installation.clone(), hits.clone());
        let task = tokio::spawn(async move {
            let inserted = panic::catch_async(insert(&installation, &given)).await.flatten();
            if inserted.as_ref().is_err_and(panic::is_panic) {
                installation.panics.record("recorder");
            }
            inserted
        });
        self.work = Some(Work::Insert(hits, task));
        self.replay_next = true;
    }

    fn start_replay(&mut self, mut replay: Replay) {
        let installation = self.installation.clone();
        let task = tokio::spawn(async move {
            let replayed = replay.next(&installation).await;
            (replay, replayed)
        });
        self.work = Some(Work::Replay(task));
        self.replay_next = false;
    }

    async fn work_ended(&mut self, ended: Ended) {
        self.work = None;
        match ended {
            Ended::Insert(hits, Some(Ok(()))) => {
                self.database_answered();
                self.installation.waiting_hits.remove(hits.iter().map(|(_, event)| waiting(event)));
            }
            Ended::Insert(hits, failed) => {
                // From the spool a line that fails is set aside alone.
                if let Some(Err(error)) = failed {
                    self.failed(&error, hits.len());
                }
                self.spill(&hits).await;
            }
            Ended::Replay(Some((replay, replayed))) => {
                self.replay = Some(replay);
                match replayed {
                    Ok(Replayed::Lines(_)) => self.database_answered(),
                    Ok(Replayed::Nothing) => {
                        self.database_answered();
                        self.spilled = false;
                        tracing::info!("all spooled events are inserted");
                    }
                    Err(error) => {
                        self.failed(&error, 0);
                        self.retry_at = Some(Instant::now() + RETRY_INTERVAL);
                    }
                }
            }
            Ended::Replay(None) => {
                self.replay = Some(Replay::new(self.spool.clone()));
                self.retry_at = Some(Instant::now() + RETRY_INTERVAL);
            }
        }
    }

    fn database_answered(&mut self) {
        self.retry_at = None;
        *self.state.is_away.lock().unwrap_or_else(PoisonError::into_inner) = false;
    }

    fn failed(&mut self, error: &Error, events: usize) {
        if error.is_outage() {
            tracing::warn!(error = ?error.message().key, events, "events are spooled: the database is unavailable");
            *self.state.is_away.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.retry_at = Some(Instant::now() + RETRY_INTERVAL);
        } else {
            tracing::warn!(error = ?error.message().key, events, "events are spooled: one of them cannot be inserted");
        }
    }

    fn note_too_fast(&self, events: usize) {
        let mut told = self.state.too_fast_at.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|at| at.elapsed() >= FAST_TOLD) {
            tracing::warn!(events, "events come faster than the database takes them; they go to the spool");
        }
        *told = Some(Instant::now());
    }

    async fn spill(&mut self, hits: &[Hit]) {
        if hits.is_empty() {
            return;
        }
        match self.spool.append(hits.iter().map(|(_, event)| spool_line::format(event)).collect()).await {
            Ok(()) => {
                failpoint::hit("after-spool-write");
                self.spilled = true;
                let is_away = self.retry_at.is_some();
                let counter = if is_away { &self.state.spilled_away } else { &self.state.spilled_fast };
                counter.fetch_add(i64::try_from(hits.len()).unwrap_or(0), Ordering::Relaxed);
            }
            Err(error) => {
                for (campaign, _) in hits {
                    self.losses.add(*campaign, 1);
                }
                tracing::error!(error = ?error.message().key, events = hits.len(), "events are lost: the spool cannot be written");
            }
        }
        self.installation.waiting_hits.remove(hits.iter().map(|(_, event)| waiting(event)));
    }

    /// Keeps the counts of lost events: on disk, and in the database while that answers.
    async fn keep_losses(&mut self, database: bool) {
        if !self.losses.is_pending() {
            return;
        }
        let kept = match database {
            true => {
                let moving = self.losses.move_to_database(&self.installation);
                timeout(BEGIN_TIMEOUT, moving).await.unwrap_or(Err(Error::Db(sqlx::Error::PoolTimedOut)))
            }
            false => self.losses.write_file().await,
        };
        if let Err(error) = kept {
            tracing::error!(error = ?error.message().key, "the count of lost events could not be kept");
            self.retry_at.get_or_insert(Instant::now() + RETRY_INTERVAL);
        }
    }
}

/// Waits for the work to end.
async fn end(work: &mut Option<Work>) -> Ended {
    match work {
        Some(Work::Insert(hits, task)) => {
            let result = task.await.ok();
            Ended::Insert(hits.clone(), result)
        }
        Some(Work::Replay(task)) => Ended::Replay(task.await.ok()),
        None => std::future::pending().await,
    }
}

/// Inserts events in one transaction.
async fn insert(installation: &Installation, hits: &[Hit]) -> Result<()> {
    let mut tx = replay::begin(installation).await?;
    let events: Vec<NewEvent> = hits.iter().map(|(_, event)| *event).collect();
    let work = async {
        event::insert(&mut tx, &installation.ids, &events).await?;
        tx.commit().await
    };
    timeout(INSERT_TIMEOUT, work).await.map_err(|_| Error::Db(sqlx::Error::PoolTimedOut))?
}

/// Lets a batch grow for a moment, so that events share a commit.
async fn gather(orders: &mut mpsc::Receiver<Order>, batch: &mut Vec<Order>) {
    if batch.len() < ROWS && !matches!(batch.last(), Some(Order::Flush(_))) {
        sleep(BATCH_DELAY).await;
        while batch.len() < ROWS
            && let Ok(order) = orders.try_recv()
        {
            batch.push(order);
        }
    }
}
