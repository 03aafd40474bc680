//! Physical erasure on PostgreSQL: the tables of personal data are rewritten as soon as allowed, so that rewriting takes
//! at most one part in a hundred of the time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use super::{erase_files, run};
use crate::infra::error::Result;
use crate::infra::installation::Installation;
use crate::privacy::erasure::PERSONAL_TABLES;

/// Tables are rewritten this long after the last erasure, because nothing else can be written meanwhile.
const QUIET_TIME: Duration = Duration::from_secs(1);
/// Under constant erasures, tables are rewritten after this long all the same.
const MAX_DELAY: Duration = Duration::from_secs(60);
/// Rewriting takes at most one part in this many of the time.
const REWRITE_SHARE: u32 = 100;
/// Files are erased and the WAL is truncated at most this often, and for at most one part in `FILES_SHARE` of the time.
const FILES_INTERVAL: Duration = Duration::from_secs(1);
const FILES_SHARE: u32 = 10;

/// Removes the bytes of deleted rows from the database. Returns false when some remain.
pub(super) async fn remove_bytes(installation: &Installation) -> Result<bool> {
    installation.db.vacuum_full(PERSONAL_TABLES).await
}

/// The loop of the background task.
pub(super) async fn run_in_background(installation: Installation, erased: Arc<Notify>) {
    let mut allowed_at = Instant::now();
    loop {
        erased.notified().await;
        erase_files(&installation).await;
        let latest = allowed_at.max(Instant::now() + MAX_DELAY);
        let mut due = allowed_at.max(Instant::now() + QUIET_TIME);
        loop {
            tokio::select! {
                () = sleep_until(due) => break,
                () = erased.notified() => {
                    let spent = erase_files(&installation).await;
                    sleep(FILES_INTERVAL.max(spent * FILES_SHARE)).await;
                    due = latest.min(due.max(Instant::now() + QUIET_TIME));
                }
            }
        }
        let began = Instant::now();
        match run(&installation).await {
            Ok(true) => {}
            Ok(false) if matches!(installation.db.store_status().await, Ok(Some(_))) => {}
            Ok(false) => {
                tracing::warn!("the database keeps old WAL files; docs/privacy.md lists the rights to remove them")
            }
            Err(error) => tracing::error!(error = %error, "physical erasure failed and stays pending"),
        }
        allowed_at = Instant::now() + began.elapsed() * REWRITE_SHARE;
    }
}
