//! Physical erasure on a SQLite that was built without its table of pages: the whole file is rewritten. It needs free
//! space of the size of the database, and nothing else is written meanwhile.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::{LogLengths, erase_files, run};
use crate::infra::error::Result;
use crate::infra::installation::Installation;
use crate::privacy::file_erasure;

/// Erasures within this time share one rewriting.
const QUIET_TIME: Duration = Duration::from_secs(1);
/// Rewriting takes at most one part in this many of the time.
const REWRITE_SHARE: u32 = 100;

/// Removes the bytes of deleted rows from files and database. Returns false when some remain.
pub(super) async fn remove_bytes(installation: &Installation) -> Result<bool> {
    let recorded = LogLengths::recorded(installation);
    let are_files_done = file_erasure::erase_pending(installation).await?;
    let is_complete = installation.db.rewrite_file().await? && are_files_done;
    if is_complete {
        recorded.complete(installation)?;
    }
    Ok(is_complete)
}

/// The loop of the background task.
pub(super) async fn run_in_background(installation: Installation, erased: Arc<Notify>) {
    tracing::warn!(
        "SQLite was built without sqlite_dbpage; each erasure rewrites the whole database. Build with the settings of \
         .cargo/config.toml"
    );
    loop {
        erased.notified().await;
        erase_files(&installation).await;
        sleep(QUIET_TIME).await;
        let began = Instant::now();
        match run(&installation).await {
            Ok(true) => {}
            Ok(false) => tracing::warn!("bytes of erased contacts are still in the database; they stay pending"),
            Err(error) => tracing::error!(error = %error, "physical erasure failed and stays pending"),
        }
        sleep(began.elapsed() * REWRITE_SHARE).await;
    }
}
