//! Physical erasure: removes the bytes of erased contacts from files (`file_erasure`), from the pages of the database and
//! from its WAL, where deleted rows stay until the tables are rewritten.
//!
//! Pending work is known from two lengths: that of the erasure log, and its length when the last complete physical
//! erasure began (`journal/erasures.scrubbed`). So a crash loses nothing.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::erasure::PERSONAL_TABLES;
use super::{erasure_log, file_erasure};
use crate::infra::atomic_file::AtomicFile;
use crate::infra::error::{Error, Result};
use crate::infra::installation::Installation;

/// Tables are rewritten this long after the last erasure, because nothing else can be written meanwhile.
const QUIET_TIME: Duration = Duration::from_secs(1);
/// Under constant erasures, tables are rewritten after this long all the same.
const MAX_DELAY: Duration = Duration::from_secs(60);
/// Rewriting takes at most one part in this many of the time.
const REWRITE_SHARE: u32 = 100;
/// Files are erased and the WAL is truncated at most this often, and for at most one part in `FILES_SHARE` of the time.
const FILES_INTERVAL: Duration = Duration::from_secs(1);
const FILES_SHARE: u32 = 10;

/// Erases in files, rewrites the tables of personal data and removes old WAL files. Returns false while the database
/// keeps old WAL files (see `Db::vacuum_full`) or is being moved to another store; the work stays pending then.
pub async fn run(installation: &Installation) -> Result<bool> {
    // A store that is being moved is not rewritten; the pending work moves with it.
    if installation.db.store_status().await?.is_some() {
        return Ok(false);
    }
    let length = erasure_log::length(installation);
    file_erasure::erase_pending(installation).await?;
    let is_complete = installation.db.vacuum_full(PERSONAL_TABLES).await?;
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

/// The background task of physical erasure: files and WAL soon after an erasure, tables as soon as allowed, so that
/// rewriting takes at most one part in a hundred of the time.
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
        let task = tokio::spawn(run_in_background(installation, erased.clone()));
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

impl Drop for BackgroundEraser {
    /// Pending work is found by the next start.
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run_in_background(installation: Installation, erased: Arc<Notify>) {
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
