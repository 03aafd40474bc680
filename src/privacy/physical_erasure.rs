//! After an erasure: the bytes. Deleting a row leaves its letters in journals and in the slack of
//! pages until the database is rewritten, and in the folders until they are swept.
//!
//! What is still owed is known from two lengths: that of the log of erasures, and that which it had
//! when the last scrub began (`journal/erasures.scrubbed`). So a crash forgets no debt.

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

/// Tables are rewritten when nobody has left for this long: meanwhile nothing else can be written.
const CALM: Duration = Duration::from_secs(1);
/// While people leave all the time, tables are rewritten after this long all the same.
const LONGEST: Duration = Duration::from_secs(60);
/// Scrubs take at most one part in this many of the time.
const SHARE: u32 = 100;
/// The folders are searched and the journal is emptied at most this often, and for at most one part
/// in `PART` of the time.
const SETTLE: Duration = Duration::from_secs(1);
const PART: u32 = 10;

/// Sweeps the folders, rewrites the tables that hold people and lets go of old journals. False when
/// the database keeps old journals all the same (see `Db::scrub`); then the debt stays.
pub async fn run(installation: &Installation) -> Result<bool> {
    // While the store is carried elsewhere it is not rewritten; the debt goes along.
    if installation.db.store_status().await?.is_some() {
        return Ok(false);
    }
    let end = erasure_log::length(installation);
    file_erasure::erase_pending(installation).await?;
    let clean = installation.db.vacuum_full(PERSONAL_TABLES).await?;
    if clean {
        mark(installation, end)?;
    }
    Ok(clean)
}

/// The same when an erasure is not followed by a scrub yet; true when nothing is owed afterwards.
pub async fn run_if_pending(installation: &Installation) -> Result<bool> {
    if is_pending(installation) { run(installation).await } else { Ok(true) }
}

/// Whether someone was erased and their bytes may still lie somewhere.
pub fn is_pending(installation: &Installation) -> bool {
    completed_length(installation) < erasure_log::length(installation)
}

/// Counts every erasure in the log as owed again: older data was put back.
pub fn mark_all_pending(installation: &Installation) -> Result<()> {
    mark(installation, 0)
}

/// The length of the log up to which nothing is owed.
pub(super) fn completed_length(installation: &Installation) -> u64 {
    let text = std::fs::read_to_string(path(installation)).unwrap_or_default();
    text.trim().parse().ok().filter(|done| *done <= erasure_log::length(installation)).unwrap_or(0)
}

fn mark(installation: &Installation, end: u64) -> Result<()> {
    let path = path(installation);
    let write = || {
        let mut file = AtomicFile::create(&path)?;
        writeln!(file, "{end}")?;
        file.persist()
    };
    write().map_err(Error::io(path.display()))
}

fn path(installation: &Installation) -> PathBuf {
    installation.config.journal_dir().join("erasures.scrubbed")
}

/// Scrubs in the background for as long as it lives: folders and journal at once, the tables as soon
/// as it may, so that no more than one part in a hundred of the time goes into it.
pub struct BackgroundEraser {
    nudged: Arc<Notify>,
    task: JoinHandle<()>,
}

impl BackgroundEraser {
    /// Begins, with what an earlier run left owed.
    pub fn start(installation: Installation) -> Self {
        let nudged = Arc::new(Notify::new());
        if is_pending(&installation) {
            nudged.notify_one();
        }
        let task = tokio::spawn(run_in_background(installation, nudged.clone()));
        Self { nudged, task }
    }

    /// The bell that doors ring after an erasure.
    pub fn notifier(&self) -> Arc<Notify> {
        self.nudged.clone()
    }

    /// Says that someone was erased. Costs nothing and never waits.
    pub fn notify(&self) {
        self.nudged.notify_one();
    }
}

impl Drop for BackgroundEraser {
    /// What is owed then is known to the next start.
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run_in_background(installation: Installation, nudged: Arc<Notify>) {
    let mut free_at = Instant::now();
    loop {
        nudged.notified().await;
        clear(&installation).await;
        let latest = free_at.max(Instant::now() + LONGEST);
        let mut due = free_at.max(Instant::now() + CALM);
        loop {
            tokio::select! {
                () = sleep_until(due) => break,
                () = nudged.notified() => {
                    let spent = clear(&installation).await;
                    sleep(SETTLE.max(spent * PART)).await;
                    due = latest.min(due.max(Instant::now() + CALM));
                }
            }
        }
        let began = Instant::now();
        match run(&installation).await {
            Ok(true) => {}
            Ok(false) if matches!(installation.db.store_status().await, Ok(Some(_))) => {}
            Ok(false) => {
                tracing::warn!("the database keeps old journals; docs/privacy.md says how to let it drop them")
            }
            Err(error) => tracing::error!(error = %error, "bytes of erased people are still to be scrubbed"),
        }
        free_at = Instant::now() + began.elapsed() * SHARE;
    }
}

/// What can be done without rewriting tables. Returns how long it took.
async fn clear(installation: &Installation) -> Duration {
    let began = Instant::now();
    if let Err(error) = file_erasure::erase_pending(installation).await {
        tracing::error!(error = %error, "files of erased people are still to be swept");
    }
    if let Err(error) = installation.db.truncate_wal().await {
        tracing::warn!(error = %error, "the journal could not be emptied");
    }
    began.elapsed()
}
