//! Replay of the spool of events: one chunk of lines in one transaction, which also moves the position in the file, so that
//! each line is inserted once. A line that cannot be inserted is set aside with its reason, and those behind it go on.

use std::time::Duration;

use tokio::time::timeout;

use super::event::{self, NewEvent};
use super::set_aside::{self, NewSetAside, Queue};
use super::spool_line;
use crate::infra::db::{Tx, lock_event_spool};
use crate::infra::error::{Error, Message, Result};
use crate::infra::failpoint;
use crate::infra::installation::Installation;
use crate::infra::panic;
use crate::infra::spool::{Spool, SpoolLine};
use crate::infra::spool_position;

/// Lines of a chunk: its transaction takes some hundredths of a second, for which other writers wait.
const MAX_CHUNK: usize = 2_000;
/// Timeout for the start of a transaction.
pub const BEGIN_TIMEOUT: Duration = Duration::from_secs(2);
/// Timeout for the statements of a transaction.
pub const INSERT_TIMEOUT: Duration = Duration::from_secs(30);

/// The replay of a spool. Its chunks become smaller when one fails, until the line that fails is alone.
#[derive(Debug)]
pub struct Replay {
    spool: Spool,
    limit: usize,
}

/// What a chunk did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replayed {
    /// So many lines were processed; there may be more.
    Lines(usize),
    /// The spool is empty.
    Nothing,
}

impl Replay {
    /// The replay of a spool.
    pub fn new(spool: Spool) -> Self {
        Self { spool, limit: MAX_CHUNK }
    }

    /// Processes the next chunk.
    ///
    /// # Errors
    /// When the database or the disk fails; the next call starts with the same lines.
    pub async fn next(&mut self, installation: &Installation) -> Result<Replayed> {
        loop {
            match self.try_next(installation).await {
                Ok(replayed) => {
                    self.limit = (2 * self.limit).min(MAX_CHUNK);
                    return Ok(replayed);
                }
                Err(error) if error.is_outage() => {
                    // It may have been too much for the time.
                    self.limit = self.limit.min((self.limit / 2).max(50));
                    return Err(error);
                }
                Err(error) if self.limit == 1 => return Err(error),
                Err(_) => self.limit /= 2,
            }
        }
    }

    async fn try_next(&self, installation: &Installation) -> Result<Replayed> {
        let Some(file) = self.spool.take(installation.ids.next()?).await? else { return Ok(Replayed::Nothing) };
        let position = spool_position::get(&mut *installation.db.read().await?, file.id).await?;
        let chunk = file.read(position, self.limit).await?;
        let mut events = Vec::with_capacity(chunk.lines.len());
        let mut bad = Vec::new();
        for line in &chunk.lines {
            match line {
                SpoolLine::Text(text) => match spool_line::parse(text) {
                    Ok(event) => events.push(event),
                    Err(reason) => bad.push((Some(text.as_str()), Message::new(reason))),
                },
                SpoolLine::Damaged(reason) => bad.push((None, Message::new(reason))),
            }
        }
        let mut tx = begin_chunk(installation).await?;
        if spool_position::get(&mut tx, file.id).await? != position {
            // Another process took the chunk meanwhile.
            return Ok(Replayed::Lines(0));
        }
        let inserting = async {
            let inserted = panic::catch_async(event::insert(&mut tx, &installation.ids, &events)).await.flatten();
            if inserted.as_ref().is_err_and(panic::is_panic) {
                installation.panics.record("recorder");
            }
            if let Err(error) = inserted {
                let [alone] = chunk.lines.as_slice() else { return Err(error) };
                if error.is_outage() {
                    return Err(error);
                }
                // The failed statement may have ended the transaction.
                let SpoolLine::Text(text) = alone else { return Err(error) };
                drop(tx);
                tx = begin_chunk(installation).await?;
                bad.push((Some(text.as_str()), error.message()));
            }
            for (line, reason) in bad {
                set_aside_line(installation, &mut tx, line, reason).await?;
            }
            spool_position::set(&mut tx, file.id, chunk.end).await?;
            failpoint::hit("before-replay-commit");
            tx.commit().await
        };
        timeout(INSERT_TIMEOUT, inserting).await.map_err(|_| Error::Db(sqlx::Error::PoolTimedOut))??;
        failpoint::hit("after-replay-commit");
        file.set_processed(chunk.end, chunk.lines.len());
        if chunk.is_last {
            let id = file.id;
            file.remove().await?;
            let mut tx = begin(installation).await?;
            spool_position::remove(&mut tx, id).await?;
            tx.commit().await?;
        }
        Ok(Replayed::Lines(chunk.lines.len()))
    }
}

async fn set_aside_line(installation: &Installation, tx: &mut Tx, line: Option<&str>, reason: Message) -> Result<()> {
    tracing::warn!(reason = reason.key, "a line of the spool of events is set aside");
    let new = NewSetAside {
        id: installation.ids.next()?,
        queue: Queue::Event,
        line,
        reason,
        delivery: line.and_then(spool_line::delivery),
        at: installation.clock.now(),
    };
    set_aside::insert(tx, &new).await
}

/// Inserts the event of a line that was set aside. Does nothing when its delivery was erased.
///
/// # Errors
/// Invalid when the line names no event.
pub async fn insert_line(installation: &Installation, tx: &mut Tx, line: &str) -> Result<()> {
    let event: NewEvent = spool_line::parse(line).map_err(|reason| Message::new(reason).invalid())?;
    event::insert(tx, &installation.ids, &[event]).await.map(drop)
}

/// Begins the transaction of a chunk, behind one that the server still commits.
async fn begin_chunk(installation: &Installation) -> Result<Tx> {
    let mut tx = begin(installation).await?;
    let away = |_| Error::Db(sqlx::Error::PoolTimedOut);
    timeout(INSERT_TIMEOUT, lock_event_spool(&mut tx)).await.map_err(away)??;
    Ok(tx)
}

/// Begins a write transaction, unless the database is away.
pub async fn begin(installation: &Installation) -> Result<Tx> {
    let away = |_| Error::Db(sqlx::Error::PoolTimedOut);
    timeout(BEGIN_TIMEOUT, installation.db.write()).await.map_err(away)?
}
