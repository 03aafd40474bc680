//! SQLite checkpoints: copies the write-ahead log (WAL) into the database file in the background. SQLite would do it
//! within a commit, which then waits until the disk has written a thousand pages. From the WAL size in `session` on,
//! SQLite does it all the same. PostgreSQL runs its own checkpoints.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::{AnyPool, Row};

use crate::infra::db::{Conn, Db, Dialect, is_unsynced};
use crate::infra::error::Result;
use crate::infra::fsync;

/// Commits between two checkpoints.
const CHECKPOINT_INTERVAL: u32 = 64;
/// Attempts to truncate the WAL while readers use it, and the time between two.
const TRUNCATE_ATTEMPTS: u32 = 40;
const TRUNCATE_INTERVAL: Duration = Duration::from_millis(25);

/// Runs a checkpoint after every [`CHECKPOINT_INTERVAL`] commits. Clones share the count.
#[derive(Debug, Clone)]
pub(super) struct Checkpointer {
    pool: AnyPool,
    commits: Arc<AtomicU32>,
}

impl Checkpointer {
    /// Takes its connections from this pool.
    pub(super) fn new(pool: &AnyPool) -> Self {
        Self { pool: pool.clone(), commits: Arc::default() }
    }

    /// Counts a commit and starts a checkpoint when it is due.
    pub(super) fn count_commit(&self) {
        if self.commits.fetch_add(1, Ordering::Relaxed) % CHECKPOINT_INTERVAL == CHECKPOINT_INTERVAL - 1 {
            let pool = self.pool.clone();
            tokio::spawn(async move {
                let done = async { passive_checkpoint(&mut *pool.acquire().await?).await };
                if let Err(error) = done.await {
                    tracing::warn!(
                        error = error.message().key,
                        "the checkpoint failed; the write-ahead log of the database grows"
                    );
                }
            });
        }
    }
}

impl Db {
    /// Truncates SQLite's WAL, which still holds deleted rows. Does nothing on PostgreSQL, see [`Db::vacuum_full`].
    /// Returns false when a reader kept the WAL in use for a second.
    pub async fn truncate_wal(&self) -> Result<bool> {
        if self.dialect == Dialect::Postgres {
            return Ok(true);
        }
        let mut conn = self.read().await?;
        // Copies most pages without blocking writers.
        passive_checkpoint(&mut conn).await?;
        for _ in 0..TRUNCATE_ATTEMPTS {
            let turn = self.write_turn.clone().lock_owned().await;
            let is_empty = truncating_checkpoint(&mut conn).await?;
            drop(turn);
            if is_empty {
                return Ok(true);
            }
            tokio::time::sleep(TRUNCATE_INTERVAL).await;
        }
        Ok(false)
    }
}

/// Copies all pages that no reader needs in the WAL, without blocking writers.
async fn passive_checkpoint(conn: &mut Conn) -> Result<()> {
    checkpoint(conn, "pragma wal_checkpoint(passive)").await.map(drop)
}

/// Copies all pages and truncates the WAL; false when a reader uses it. Does not wait for readers, because writers
/// would wait as well.
async fn truncating_checkpoint(conn: &mut Conn) -> Result<bool> {
    let truncated = checkpoint(conn, "pragma busy_timeout = 0; pragma wal_checkpoint(truncate)").await;
    sqlx::raw_sql("pragma busy_timeout = 30000").execute(conn).await?;
    truncated
}

/// True when the checkpoint completed. The process exits when it cannot be synced.
async fn checkpoint(conn: &mut Conn, text: &'static str) -> Result<bool> {
    match sqlx::raw_sql(text).fetch_all(conn).await {
        Err(error) if is_unsynced(&error) => fsync::exit("the database", error),
        rows => Ok(rows?.last().is_some_and(|row| row.get::<i32, _>(0) == 0)),
    }
}
