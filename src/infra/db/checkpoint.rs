//! SQLite's journal on its way into the file. SQLite itself would carry it over within a commit, and
//! whoever's commit that was would wait until the disk has taken a thousand pages. Here that happens
//! beside, while others write; `session` names a length from which SQLite does it all the same.
//! PostgreSQL sees to its journal alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::{AnyPool, Row};

use crate::infra::db::{Conn, Db, Dialect, is_unsynced};
use crate::infra::error::Result;
use crate::infra::fsync;

/// Commits from one checkpoint to the next.
const EVERY: u32 = 64;
/// How often the end of the readers is waited for, and how long each time.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(25);

/// Carries the journal over now and then. Clones count together.
#[derive(Debug, Clone)]
pub(super) struct Carrier {
    pool: AnyPool,
    commits: Arc<AtomicU32>,
}

impl Carrier {
    /// One that takes its connections from this pool.
    pub(super) fn new(pool: &AnyPool) -> Self {
        Self { pool: pool.clone(), commits: Arc::default() }
    }

    /// Counts a commit, and begins to carry over when it is time.
    pub(super) fn count(&self) {
        if self.commits.fetch_add(1, Ordering::Relaxed) % EVERY == EVERY - 1 {
            let pool = self.pool.clone();
            tokio::spawn(async move {
                let carried = async { carry(&mut *pool.acquire().await?).await };
                if let Err(error) = carried.await {
                    tracing::warn!(error = error.message().key, "the journal of the database grows");
                }
            });
        }
    }
}

impl Db {
    /// Empties the journal that still holds what was deleted a moment ago. Cheap on SQLite;
    /// nothing on PostgreSQL, see [`Db::vacuum_full`]. False when a reader kept the journal in use.
    pub async fn truncate_wal(&self) -> Result<bool> {
        if self.dialect == Dialect::Postgres {
            return Ok(true);
        }
        let mut conn = self.read().await?;
        // Nearly all of the way without the turn to write.
        carry(&mut conn).await?;
        for _ in 0..TRIES {
            let turn = self.writer.clone().lock_owned().await;
            let is_empty = empty(&mut conn).await?;
            drop(turn);
            if is_empty {
                return Ok(true);
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(false)
    }
}

/// Carries over what no reader needs where it is. Others write meanwhile.
async fn carry(conn: &mut Conn) -> Result<()> {
    checkpoint(conn, "pragma wal_checkpoint(passive)").await.map(drop)
}

/// Empties the journal, and makes it short; false when someone reads from it. It does not wait for
/// them, as everyone who means to write would wait too.
async fn empty(conn: &mut Conn) -> Result<bool> {
    let emptied = checkpoint(conn, "pragma busy_timeout = 0; pragma wal_checkpoint(truncate)").await;
    sqlx::raw_sql("pragma busy_timeout = 30000").execute(conn).await?;
    emptied
}

/// Whether all of it was done. As after a commit, the process ends when the disk refuses to confirm it.
async fn checkpoint(conn: &mut Conn, text: &'static str) -> Result<bool> {
    match sqlx::raw_sql(text).fetch_all(conn).await {
        Err(error) if is_unsynced(&error) => fsync::exit("the database", error),
        rows => Ok(rows?.last().is_some_and(|row| row.get::<i32, _>(0) == 0)),
    }
}
