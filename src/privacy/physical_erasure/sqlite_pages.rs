//! Physical erasure on SQLite.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use super::{erase_files, run};
use crate::infra::error::Result;
use crate::infra::installation::Installation;
use crate::privacy::erasure::PERSONAL_TABLES;

/// Erasures within this time share one pass.
const QUIET_TIME: Duration = Duration::from_secs(1);

/// Removes the bytes of deleted rows from the database. Returns false when some remain.
pub(super) async fn remove_bytes(installation: &Installation) -> Result<bool> {
    installation.db.vacuum_full(PERSONAL_TABLES).await
}

/// The loop of the background task.
pub(super) async fn run_in_background(installation: Installation, erased: Arc<Notify>) {
    loop {
        erased.notified().await;
        erase_files(&installation).await;
        sleep(QUIET_TIME).await;
        match run(&installation).await {
            Ok(true) => {}
            Ok(false) => tracing::warn!("bytes of erased contacts are still in the database; they stay pending"),
            Err(error) => tracing::error!(error = %error, "physical erasure failed and stays pending"),
        }
    }
}
