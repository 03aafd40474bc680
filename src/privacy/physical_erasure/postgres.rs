//! Physical erasure on PostgreSQL: the tables of personal data are rewritten while they are in use (`Db::rewrite_tables`),
//! in time for the setting `erasure-hours`. Files are erased at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use super::due::{self, due};
use super::{LogLengths, erase_files, run};
use crate::infra::error::Result;
use crate::infra::installation::Installation;
use crate::privacy::erasure::PERSONAL_TABLES;
use crate::privacy::file_erasure;

/// How often the task looks for erasures by other processes and for the time to begin.
const TICK: Duration = Duration::from_secs(10);
/// Erasures within this time share one rewriting when no delay is allowed.
const QUIET_TIME: Duration = Duration::from_secs(1);
/// Rewriting that leaves bytes is tried again after this many times the time it took, between the two limits.
const RETRY_SHARE: u32 = 20;
const MIN_RETRY: Duration = Duration::from_secs(10);
const MAX_RETRY: Duration = Duration::from_secs(15 * 60);
/// Files are erased at most this often, and for at most one part in `FILES_SHARE` of the time.
const FILES_INTERVAL: Duration = Duration::from_secs(1);
const FILES_SHARE: u32 = 10;

/// Removes the bytes of deleted rows from files and database. Returns false when some remain.
pub(super) async fn remove_bytes(installation: &Installation) -> Result<bool> {
    let (recorded, began) = (LogLengths::recorded(installation), installation.clock.now());
    let are_files_done = file_erasure::erase_pending(installation).await?;
    let is_complete = installation.db.rewrite_tables(PERSONAL_TABLES).await? && are_files_done;
    if is_complete {
        due::complete(installation, recorded, began)?;
    }
    Ok(is_complete)
}

/// The loop of the background task.
pub(super) async fn run_in_background(installation: Installation, erased: Arc<Notify>) {
    if let Err(error) = installation.db.discard_interrupted_rewriting(PERSONAL_TABLES).await {
        tracing::warn!(error = %error, "what an interrupted rewriting left could not be removed");
    }
    let (mut files_at, mut rewrite_at) = (Instant::now(), Instant::now());
    loop {
        if timeout(TICK, erased.notified()).await.is_ok() {
            sleep_until(files_at).await;
            let spent = erase_files(&installation).await;
            files_at = Instant::now() + FILES_INTERVAL.max(spent * FILES_SHARE);
        }
        match is_due(&installation).await {
            Ok(true) if Instant::now() >= rewrite_at => {
                tokio::time::sleep(QUIET_TIME).await;
                let began = Instant::now();
                rewrite(&installation).await;
                rewrite_at = Instant::now() + (began.elapsed() * RETRY_SHARE).clamp(MIN_RETRY, MAX_RETRY);
            }
            Ok(_) => {}
            Err(error) => tracing::error!(error = %error, "the time of the next physical erasure is unknown"),
        }
    }
}

async fn is_due(installation: &Installation) -> Result<bool> {
    let due = due(installation).await?;
    Ok(due.is_some_and(|due| installation.clock.now() >= due.begin_at()))
}

async fn rewrite(installation: &Installation) {
    match run(installation).await {
        Ok(true) => {}
        Ok(false) if matches!(installation.db.store_status().await, Ok(Some(_))) => {}
        Ok(false) => tracing::warn!(
            "bytes of erased contacts are still in the database: another process rewrites its tables, a session keeps an \
             old view of them, or old WAL files are kept; docs/privacy.md lists the rights to remove them"
        ),
        Err(error) => tracing::error!(error = %error, "physical erasure failed and stays pending"),
    }
}
