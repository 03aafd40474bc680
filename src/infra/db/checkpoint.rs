//! SQLite checkpoints: copies the write-ahead log (WAL) into the database file in the background. SQLite would do it
//! within a commit, which then waits until the disk has written a thousand pages; it is told not to. PostgreSQL runs its
//! own checkpoints.
//!
//! Before each checkpoint the page numbers of the WAL are kept (`pages`). A reader that began before them limits the
//! checkpoint to frames that were read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use sqlx::{AnyPool, Connection};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::spawn_blocking;

use crate::infra::db::pages::{WalState, WrittenPages};
use crate::infra::db::{Cells, Conn, Db, is_unsynced};
use crate::infra::error::{Error, Result};
use crate::infra::fsync;

/// Commits between two checkpoints.
const CHECKPOINT_INTERVAL: u32 = 64;
/// From this length of the WAL on, a commit waits for a checkpoint, and again each time it has grown by `WAL_GROWTH`.
const WAL_LENGTH: u64 = 32 << 20;
const WAL_GROWTH: u64 = 8 << 20;
/// Work that can wait runs a checkpoint of its own from the first length of the WAL on, so that no commit has to wait for one; and
/// rests from the second on, which a WAL reaches only while something keeps it from beginning again.
const ROOM_LENGTH: u64 = 16 << 20;
const FULL_LENGTH: u64 = 64 << 20;
/// Attempts to truncate the WAL while readers use it, and the time between two.
const TRUNCATE_ATTEMPTS: u32 = 40;
const TRUNCATE_INTERVAL: Duration = Duration::from_millis(25);

/// Runs a checkpoint after every [`CHECKPOINT_INTERVAL`] commits. Clones share the count.
#[derive(Debug, Clone)]
pub(super) struct Checkpointer {
    readers: AnyPool,
    writers: AnyPool,
    pages: Option<WrittenPages>,
    commits: Arc<AtomicU32>,
    /// Length of the WAL after the last checkpoint that a commit waited for and that could not copy everything.
    kept: Arc<AtomicU64>,
    /// One checkpoint at a time; a second one would wait for the first all the same.
    running: Arc<Mutex<()>>,
}

impl Checkpointer {
    /// Takes its connections from these pools. `pages` is `None` for a database without a WAL file of its own.
    pub(super) fn new(readers: &AnyPool, writers: &AnyPool, pages: Option<WrittenPages>) -> Self {
        let (commits, kept, running) = (Arc::default(), Arc::default(), Arc::default());
        Self { readers: readers.clone(), writers: writers.clone(), pages, commits, kept, running }
    }

    /// Counts a commit and starts a checkpoint when it is due; waits for it when the WAL has grown long.
    pub(super) async fn end_commit(&self, turn: OwnedMutexGuard<()>) {
        let Some(pages) = &self.pages else { return };
        let limit = WAL_LENGTH.max(self.kept.load(Ordering::Relaxed) + WAL_GROWTH);
        let mut length = pages.wal_length();
        if length >= limit {
            length = pages.used_wal_length();
        }
        if length < limit {
            drop(turn);
            return self.count_commit();
        }
        let is_complete = self.checkpoint().await.unwrap_or_else(|error| {
            warn(&error);
            false
        });
        self.kept.store(if is_complete { 0 } else { length }, Ordering::Relaxed);
    }

    /// Counts a commit and starts a checkpoint when it is due.
    pub(super) fn count_commit(&self) {
        if self.commits.fetch_add(1, Ordering::Relaxed) % CHECKPOINT_INTERVAL == CHECKPOINT_INTERVAL - 1 {
            let checkpointer = self.clone();
            tokio::spawn(async move {
                if let Err(error) = checkpointer.checkpoint().await {
                    warn(&error);
                }
            });
        }
    }

    /// Copies all pages that no reader needs in the WAL, without blocking writers. True when the database file then has
    /// everything that was committed before.
    pub(super) async fn checkpoint(&self) -> Result<bool> {
        let _running = self.running.lock().await;
        let Some(pages) = self.pages.clone() else {
            return passive_checkpoint(&mut *self.readers.acquire().await?).await;
        };
        let mut reader = self.readers.acquire().await?;
        let mut snapshot = reader.begin().await?;
        sqlx::query("select count(*) from sqlite_schema").fetch_one(&mut *snapshot).await?;
        note(pages).await?;
        let is_complete = passive_checkpoint(&mut *self.readers.acquire().await?).await;
        snapshot.rollback().await?;
        is_complete
    }

    /// Commits a change of nothing. When the database file has all pages and no reader uses the WAL, the WAL begins
    /// again with it and loses its old frames.
    async fn touch(&self) -> Result<()> {
        let mut writer = self.writers.acquire().await?;
        sqlx::raw_sql("pragma journal_size_limit = 0").execute(&mut *writer).await?;
        let mut tx = writer.begin_with("begin immediate").await?;
        sqlx::raw_sql("pragma user_version = 0").execute(&mut *tx).await?;
        let committed = tx.commit().await;
        sqlx::raw_sql("pragma journal_size_limit = 33554432").execute(&mut *writer).await?;
        match committed {
            Err(error) if is_unsynced(&error) => fsync::exit("the database", error),
            committed => Ok(committed?),
        }
    }

    /// One attempt to remove all old frames from the WAL; the caller has the turn to write.
    async fn try_truncate(&self, pages: &WrittenPages) -> Result<bool> {
        if !self.checkpoint().await? {
            return Ok(false);
        }
        let before = pages.wal_salts();
        if before.is_some() && pages.is_wal_short() {
            return Ok(true);
        }
        self.touch().await?;
        Ok(pages.wal_salts() != before)
    }

    /// Keeps the page numbers of the WAL before the last connection is closed, which checkpoints as well.
    pub(super) async fn end(&self) -> Result<()> {
        match self.pages.clone() {
            Some(pages) => note(pages).await,
            None => Ok(()),
        }
    }
}

impl Db {
    /// Truncates SQLite's WAL, which still holds deleted rows. Does nothing on PostgreSQL, see [`Db::rewrite_tables`].
    /// Returns false when a reader kept the WAL in use for a second.
    pub async fn truncate_wal(&self) -> Result<bool> {
        let Some(pages) = &self.pages else { return Ok(true) };
        // Copies most pages without blocking writers.
        self.checkpointer.checkpoint().await?;
        for _ in 0..TRUNCATE_ATTEMPTS {
            let turn = self.write_turn.clone().lock_owned().await;
            let is_truncated = self.checkpointer.try_truncate(pages).await?;
            drop(turn);
            if is_truncated {
                return Ok(true);
            }
            tokio::time::sleep(TRUNCATE_INTERVAL).await;
        }
        Ok(false)
    }

    /// True when the WAL has room for work that can wait. Runs a checkpoint where it has grown, beside the writers. False while a
    /// reader keeps a long WAL from beginning again: then only what cannot wait should be written.
    pub async fn make_room(&self) -> Result<bool> {
        let Some(pages) = &self.pages else { return Ok(true) };
        if pages.wal_length() < ROOM_LENGTH || pages.used_wal_length() < ROOM_LENGTH {
            return Ok(true);
        }
        // After a complete checkpoint the next commit begins the WAL again, unless a reader uses it.
        if self.checkpointer.checkpoint().await? && pages.used_wal_length() >= FULL_LENGTH {
            self.touch().await?;
        }
        Ok(pages.used_wal_length() < FULL_LENGTH)
    }

    /// SQLite's WAL file as it is now; empty on PostgreSQL.
    pub fn wal_state(&self) -> WalState {
        self.pages.as_ref().map(WrittenPages::wal_state).unwrap_or_default()
    }

    /// Commits a change of nothing, so that the WAL has a beginning.
    pub(super) async fn touch(&self) -> Result<()> {
        let _turn = self.write_turn.clone().lock_owned().await;
        self.checkpointer.touch().await
    }
}

fn warn(error: &Error) {
    tracing::warn!(error = error.message().key, "the checkpoint failed; the write-ahead log of the database grows");
}

async fn note(pages: WrittenPages) -> Result<()> {
    let noted = spawn_blocking(move || pages.note()).await;
    noted.unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(Error::io("written pages"))
}

/// Copies all pages that no reader needs in the WAL, without blocking writers. True when that were all. The process exits
/// when the checkpoint cannot be synced.
async fn passive_checkpoint(conn: &mut Conn) -> Result<bool> {
    match sqlx::raw_sql("pragma wal_checkpoint(passive)").fetch_all(conn).await {
        Err(error) if is_unsynced(&error) => fsync::exit("the database", error),
        rows => {
            let rows = rows?;
            let Some(row) = rows.last() else { return Ok(true) };
            let (busy, log, copied): (i32, i32, i32) = (row.cell(0)?, row.cell(1)?, row.cell(2)?);
            Ok(busy == 0 && log == copied)
        }
    }
}
