//! Records events (opens, clicks) in batches, without blocking the page that reports them. While the database is
//! unavailable events are spooled to `journal/events.log` and inserted when it is back.
//!
//! After a crash between the insert and the removal of that file its events are inserted twice. No report shows it: reports
//! count messages, not events.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

use super::event::{self, NewEvent};
use super::spool_line;
use crate::infra::error::{Error, Result};
use crate::infra::failpoint;
use crate::infra::installation::Installation;
use crate::infra::panic;
use crate::infra::spool::Spool;

/// Capacity of the queue in memory; events beyond it are lost and counted.
const QUEUE_CAPACITY: usize = 100_000;
/// Events per transaction.
const ROWS: usize = 10_000;
/// How long the writer waits for more events before it commits a batch.
const BATCH_DELAY: Duration = Duration::from_millis(50);
/// Timeout for the start of a transaction.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(2);
/// Timeout for the statements of a transaction.
const INSERT_TIMEOUT: Duration = Duration::from_secs(30);
/// How often an unavailable database is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Queue of events to be recorded. Cheap to clone; the writer ends with the last clone.
#[derive(Debug, Clone)]
pub struct Recorder {
    queue: mpsc::Sender<Order>,
    spool: Spool,
    lost: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Order {
    Keep(NewEvent),
    Flush(oneshot::Sender<()>),
}

impl Recorder {
    /// Starts the writer of an installation.
    pub fn start(installation: &Installation) -> Self {
        let (queue, orders) = mpsc::channel(QUEUE_CAPACITY);
        let lost = Arc::new(AtomicU64::new(0));
        let spool = Spool::new(installation.config.journal_dir().join("events.log"));
        let writer = Writer {
            installation: installation.clone(),
            spilled: !spool.is_empty(),
            spool: spool.clone(),
            retry_at: None,
            lost: lost.clone(),
        };
        tokio::spawn(writer.run(orders));
        Self { queue, spool, lost }
    }

    /// Queues an event; returns at once.
    pub fn record(&self, event: NewEvent) {
        if self.queue.try_send(Order::Keep(event)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
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

    /// Number of events in the spool. Reads the file.
    pub fn spilled(&self) -> u64 {
        self.spool.count()
    }

    /// Number of events that were lost because the queue or the disk was full.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

struct Writer {
    installation: Installation,
    spool: Spool,
    /// True while the spool is not empty.
    spilled: bool,
    /// When an unavailable database is tried again.
    retry_at: Option<Instant>,
    lost: Arc<AtomicU64>,
}

impl Writer {
    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut batch = Vec::with_capacity(ROWS);
        loop {
            match timeout(RETRY_INTERVAL, orders.recv_many(&mut batch, ROWS)).await {
                Ok(0) => return,
                Ok(_) => gather(&mut orders, &mut batch).await,
                Err(_) => {}
            }
            self.keep(&mut batch).await;
        }
    }

    async fn keep(&mut self, batch: &mut Vec<Order>) {
        let (mut events, mut waiting) = (Vec::with_capacity(batch.len()), Vec::new());
        for order in batch.drain(..) {
            match order {
                Order::Keep(event) => events.push(event),
                Order::Flush(done) => waiting.push(done),
            }
        }
        if !self.is_backing_off() {
            let inserted = panic::catch_async(self.write(&events)).await.flatten();
            if inserted.as_ref().is_err_and(panic::is_panic) {
                self.installation.panics.record("recorder");
            }
            if let Err(error) = inserted {
                tracing::warn!(error = ?error.message().key, events = events.len(), "events are spooled: the database is unavailable");
                self.retry_at = Some(Instant::now() + RETRY_INTERVAL);
                self.spill(&events).await;
            }
        } else {
            self.spill(&events).await;
        }
        for done in waiting {
            // The caller may have gone; the events are kept all the same.
            let _ = done.send(());
        }
    }

    fn is_backing_off(&self) -> bool {
        self.retry_at.is_some_and(|at| Instant::now() < at)
    }

    /// Inserts events, after those in the spool.
    async fn write(&mut self, events: &[NewEvent]) -> Result<()> {
        if self.spilled {
            self.replay().await?;
        }
        self.retry_at = None;
        if events.is_empty() { Ok(()) } else { self.insert(events.iter().copied().map(Ok)).await.map(drop) }
    }

    async fn replay(&mut self) -> Result<()> {
        while let Some(lines) = self.spool.take().await? {
            let inserted =
                self.insert(lines.filter_map(|line| line.map(|line| spool_line::parse(&line)).transpose())).await?;
            self.spool.remove_taken().await?;
            tracing::info!(events = inserted, "spooled events inserted");
        }
        self.spilled = false;
        Ok(())
    }

    /// Inserts events in one transaction.
    async fn insert(&self, mut events: impl Iterator<Item = Result<NewEvent>>) -> Result<u64> {
        let away = |_| Error::Db(sqlx::Error::PoolTimedOut);
        let mut tx = timeout(BEGIN_TIMEOUT, self.installation.db.write()).await.map_err(away)??;
        let work = async {
            let mut inserted = 0;
            loop {
                let some = events.by_ref().take(ROWS).collect::<Result<Vec<NewEvent>>>()?;
                if some.is_empty() {
                    tx.commit().await?;
                    return Ok(inserted);
                }
                inserted += event::insert(&mut tx, &self.installation.ids, &some).await?;
            }
        };
        timeout(INSERT_TIMEOUT, work).await.map_err(away)?
    }

    async fn spill(&mut self, events: &[NewEvent]) {
        if events.is_empty() {
            return;
        }
        match self.spool.append(events.iter().map(spool_line::format).collect()).await {
            Ok(()) => {
                failpoint::hit("after-spool-write");
                self.spilled = true;
            }
            Err(error) => {
                self.lost.fetch_add(events.len() as u64, Ordering::Relaxed);
                tracing::error!(error = ?error.message().key, events = events.len(), "events are lost: database and spool are unavailable");
            }
        }
    }
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
