//! Opens and clicks on their way into the table. A door hands over a hit and goes on at once; hits
//! are written in batches. While the database is away they wait in `journal/events.log`, as numbers
//! that name no one, and are written when it answers again.
//!
//! After a crash between the writing and the removal of that file its hits are written twice, which
//! no report shows: messages are counted, not hits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

use super::event::{self, NewEvent};
use crate::infra::error::{Error, Result};
use crate::infra::failpoint;
use crate::infra::installation::Installation;
use crate::infra::spool::Spool;

/// Hits that may wait in memory; beyond it they are counted as lost.
const QUEUE: usize = 100_000;
/// Hits a transaction: what comes while one is written goes into the next.
const ROWS: usize = 10_000;
/// How long a hit waits for company.
const PAUSE: Duration = Duration::from_millis(50);
/// How long the database may take to give a transaction, and then to carry it out.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));
/// How often a database that was away is asked again.
const RETRY: Duration = Duration::from_secs(1);

/// Takes hits without ever making a door wait. Cheap to clone; ends with its last clone.
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
    /// Starts writing for an installation.
    pub fn start(installation: &Installation) -> Self {
        let (queue, orders) = mpsc::channel(QUEUE);
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

    /// Hands over a hit; returns at once.
    pub fn record(&self, hit: NewEvent) {
        if self.queue.try_send(Order::Keep(hit)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until everything handed over so far is in the database or on disk.
    pub async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.queue.send(Order::Flush(done)).await.is_ok() {
            // An error means that the writer has ended, and it ends with an empty queue.
            let _ = wait.await;
        }
    }

    /// Hits that wait in memory.
    pub fn queued(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Hits that wait on disk. Walks the file.
    pub fn spilled(&self) -> u64 {
        self.spool.count()
    }

    /// Hits that could be kept nowhere: the queue was full, or the disk.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

struct Writer {
    installation: Installation,
    spool: Spool,
    /// Whether hits wait in the spool.
    spilled: bool,
    /// When a database that was away is asked again.
    retry_at: Option<Instant>,
    lost: Arc<AtomicU64>,
}

impl Writer {
    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut batch = Vec::with_capacity(ROWS);
        loop {
            match timeout(RETRY, orders.recv_many(&mut batch, ROWS)).await {
                Ok(0) => return,
                Ok(_) => gather(&mut orders, &mut batch).await,
                Err(_) => {}
            }
            self.keep(&mut batch).await;
        }
    }

    async fn keep(&mut self, batch: &mut Vec<Order>) {
        let (mut hits, mut waiting) = (Vec::with_capacity(batch.len()), Vec::new());
        for order in batch.drain(..) {
            match order {
                Order::Keep(hit) => hits.push(hit),
                Order::Flush(done) => waiting.push(done),
            }
        }
        if !self.is_resting() {
            let written = self.write(&hits).await;
            if let Err(error) = written {
                tracing::warn!(error = ?error.message().key, hits = hits.len(), "hits wait on disk");
                self.retry_at = Some(Instant::now() + RETRY);
                self.spill(&hits).await;
            }
        } else {
            self.spill(&hits).await;
        }
        for done in waiting {
            // Who asked may have gone; the hits are kept all the same.
            let _ = done.send(());
        }
    }

    fn is_resting(&self) -> bool {
        self.retry_at.is_some_and(|at| Instant::now() < at)
    }

    /// Writes hits, after those that waited on disk.
    async fn write(&mut self, hits: &[NewEvent]) -> Result<()> {
        if self.spilled {
            self.replay().await?;
        }
        self.retry_at = None;
        if hits.is_empty() { Ok(()) } else { self.insert(hits.iter().copied().map(Ok)).await.map(drop) }
    }

    async fn replay(&mut self) -> Result<()> {
        while let Some(lines) = self.spool.take().await? {
            let written = self.insert(lines.filter_map(|line| line.map(|line| parse(&line)).transpose())).await?;
            self.spool.remove_taken().await?;
            tracing::info!(hits = written, "hits that waited on disk are written");
        }
        self.spilled = false;
        Ok(())
    }

    /// All hits in one transaction.
    async fn insert(&self, mut hits: impl Iterator<Item = Result<NewEvent>>) -> Result<u64> {
        let away = |_| Error::Db(sqlx::Error::PoolTimedOut);
        let mut tx = timeout(PATIENCE.0, self.installation.db.write()).await.map_err(away)??;
        let work = async {
            let mut written = 0;
            loop {
                let some = hits.by_ref().take(ROWS).collect::<Result<Vec<NewEvent>>>()?;
                if some.is_empty() {
                    tx.commit().await?;
                    return Ok(written);
                }
                written += event::insert(&mut tx, &self.installation.ids, &some).await?;
            }
        };
        timeout(PATIENCE.1, work).await.map_err(away)?
    }

    async fn spill(&mut self, hits: &[NewEvent]) {
        if hits.is_empty() {
            return;
        }
        match self.spool.append(hits.iter().map(line).collect()).await {
            Ok(()) => {
                failpoint::hit("after-spool-write");
                self.spilled = true;
            }
            Err(error) => {
                self.lost.fetch_add(hits.len() as u64, Ordering::Relaxed);
                tracing::error!(error = ?error.message().key, hits = hits.len(), "hits are lost: neither database nor disk takes them");
            }
        }
    }
}

/// Lets a batch grow for a moment, so that a commit is shared.
async fn gather(orders: &mut mpsc::Receiver<Order>, batch: &mut Vec<Order>) {
    if batch.len() < ROWS && !matches!(batch.last(), Some(Order::Flush(_))) {
        sleep(PAUSE).await;
        while batch.len() < ROWS
            && let Ok(order) = orders.try_recv()
        {
            batch.push(order);
        }
    }
}

fn line(hit: &NewEvent) -> String {
    format!("{} {} {} {}", hit.delivery, hit.kind, hit.position, hit.at)
}

fn parse(line: &str) -> Option<NewEvent> {
    let mut words = line.split(' ');
    let mut next = || words.next();
    Some(NewEvent {
        delivery: next()?.parse().ok()?,
        kind: next()?.parse().ok()?,
        position: next()?.parse().ok()?,
        at: next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feedback::event::EventKind;

    #[test]
    fn a_hit_survives_the_way_over_disk() {
        let hit = NewEvent { delivery: 7_000_000_000_001, kind: EventKind::Click, position: 3, at: 1_795_255_200_000 };

        assert_eq!(parse(&line(&hit)), Some(hit));
        assert_eq!(parse("7 click"), None);
        assert_eq!(parse("7 tap 1 2"), None);
    }
}
