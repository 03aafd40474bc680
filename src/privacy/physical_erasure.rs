//! Physical erasure: removes the bytes of erased contacts from files (`file_erasure`), from the pages of the database and
//! from its WAL, where deleted rows stay. Each database has its own way: `sqlite_pages` and `postgres`.
//!
//! Pending work is known from two lengths: that of the erasure log, and its length when the last complete physical
//! erasure began (`journal/erasures.scrubbed`). So a crash loses nothing.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::{erasure_log, file_erasure};
use crate::infra::atomic_file::AtomicFile;
use crate::infra::db::PhysicalErasure;
use crate::infra::error::{Error, Result};
use crate::infra::installation::Installation;
use crate::infra::panic;

mod postgres;
mod sqlite_pages;

/// How long the background task waits after a panic.
const PANIC_DELAY: Duration = Duration::from_secs(60);

/// Erases in files, in the pages of the database and in its WAL. Returns false while old bytes remain (a reader or an
/// archive keeps them) or the database is being moved to another store; the work stays pending then.
pub async fn run(installation: &Installation) -> Result<bool> {
    // A store that is being moved is not rewritten; the pending work moves with it.
    if installation.db.store_status().await?.is_some() {
        return Ok(false);
    }
    let length = erasure_log::length(installation);
    file_erasure::erase_pending(installation).await?;
    let is_complete = match installation.db.physical_erasure() {
        PhysicalErasure::Pages => sqlite_pages::remove_bytes(installation).await?,
        PhysicalErasure::Tables => postgres::remove_bytes(installation).await?,
    };
    if is_complete {
        write_completed_length(installation, length)?;
    }
    Ok(is_complete)
}

/// [`run`], if an erasure is pending. Returns whether nothing is pending afterwards.
pub async fn run_if_pending(installation: &Installation) -> Result<bool> {
    if is_pending(installation) { run(installation).await } else { Ok(true) }
}

/// Whether contacts were erased whose bytes may still be stored.
pub fn is_pending(installation: &Installation) -> bool {
    completed_length(installation) < erasure_log::length(installation)
}

/// Marks every erasure of the log as pending, because older data was restored.
pub fn mark_all_pending(installation: &Installation) -> Result<()> {
    write_completed_length(installation, 0)
}

/// The length of the erasure log up to which nothing is pending.
pub(super) fn completed_length(installation: &Installation) -> u64 {
    let text = std::fs::read_to_string(path(installation)).unwrap_or_default();
    text.trim().parse().ok().filter(|length| *length <= erasure_log::length(installation)).unwrap_or(0)
}

fn write_completed_length(installation: &Installation, length: u64) -> Result<()> {
    let path = path(installation);
    let write = || {
        let mut file = AtomicFile::create(&path)?;
        writeln!(file, "{length}")?;
        file.persist()
    };
    write().map_err(Error::io(path.display()))
}

fn path(installation: &Installation) -> PathBuf {
    installation.config.journal_dir().join("erasures.scrubbed")
}

/// The background task of physical erasure: files and WAL soon after an erasure, the database as its module says.
pub struct BackgroundEraser {
    erased: Arc<Notify>,
    task: JoinHandle<()>,
}

impl BackgroundEraser {
    /// Starts the task, with the work that an earlier run left pending.
    pub fn start(installation: Installation) -> Self {
        let erased = Arc::new(Notify::new());
        if is_pending(&installation) {
            erased.notify_one();
        }
        let notified = erased.clone();
        let task = tokio::spawn(async move {
            while panic::catch_async(run_in_background(&installation, &notified)).await.is_err() {
                installation.panics.record("eraser");
                sleep(PANIC_DELAY).await;
                notified.notify_one();
            }
        });
        Self { erased, task }
    }

    /// The notification to send after each erasure.
    pub fn notifier(&self) -> Arc<Notify> {
        self.erased.clone()
    }

    /// Reports an erasure. Never waits.
    pub fn notify(&self) {
        self.erased.notify_one();
    }
}

async fn run_in_background(installation: &Installation, erased: &Arc<Notify>) {
    let (installation, erased) = (installation.clone(), erased.clone());
    match installation.db.physical_erasure() {
        PhysicalErasure::Pages => sqlite_pages::run_in_background(installation, erased).await,
        PhysicalErasure::Tables => postgres::run_in_background(installation, erased).await,
    }
}

impl Drop for BackgroundEraser {
    /// Pending work is found by the next start.
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Erases in files and truncates the WAL, which needs no rewriting. Returns the time it took.
async fn erase_files(installation: &Installation) -> Duration {
    let began = Instant::now();
    if let Err(error) = file_erasure::erase_pending(installation).await {
        tracing::error!(error = %error, "file erasure failed and stays pending");
    }
    if let Err(error) = installation.db.truncate_wal().await {
        tracing::warn!(error = %error, "the WAL could not be truncated");
    }
    began.elapsed()
}
