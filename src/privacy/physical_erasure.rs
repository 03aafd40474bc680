//! Physical erasure: removes the bytes of erased contacts and of corrected values from files (`file_erasure`), from the
//! pages of the database and from its WAL, where deleted rows stay. Each database has its own way: `sqlite_pages` and
//! `postgres`.
//!
//! Pending work is known from the lengths of two logs, of erasures and of corrections, and from their lengths when the
//! last complete physical erasure began (`journal/erasures.scrubbed`). So a crash loses nothing, and any number of
//! erasures is one piece of work.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::log_lengths::LogLengths;
pub use super::log_lengths::{is_pending, mark_all_pending};
use super::{file_erasure, machine_reconciliation};
use crate::infra::db::PhysicalErasure;
use crate::infra::error::{Message, Result};
use crate::infra::installation::Installation;
use crate::infra::panic;

mod due;
mod postgres;
mod sqlite_file;
mod sqlite_pages;

pub use due::{Due, due};

/// How long the background task waits after a panic.
const PANIC_DELAY: Duration = Duration::from_secs(60);

/// How long a command that erases or corrects waits for the removal of the bytes, when no other process does it.
const COMMAND_LIMIT: Duration = Duration::from_secs(10);

/// Erases in files, in the pages of the database and in its WAL, however long it takes. Returns false while old bytes
/// remain: see [`pending_notice`].
pub async fn run(installation: &Installation) -> Result<bool> {
    run_until(installation, None).await
}

/// How soon a command wants the bytes to be gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// As the settings say.
    Usual,
    /// Before the command ends.
    Now,
}

/// [`run`] for a command that erases or corrects. SQLite: leaves the work at once to a `serve` that runs, and after a
/// while to the next physical erasure. PostgreSQL: erases in files, and leaves the database to `serve` until it is due.
/// Returns what is to be said when bytes remain.
pub async fn run_for_command(installation: &Installation, urgency: Urgency) -> Result<Option<Message>> {
    if urgency == Urgency::Usual
        && let Some(due) = due(installation).await?
        && due.latest > due.since
    {
        file_erasure::erase_pending(installation).await?;
        return Ok(Some(Message::new("scrub-scheduled").with("time", due.latest_text())));
    }
    let deadline = (urgency == Urgency::Usual).then(|| Instant::now() + COMMAND_LIMIT);
    let is_complete = run_until(installation, deadline).await?;
    Ok((!is_complete).then(|| pending_notice(installation)))
}

/// [`run`], if an erasure is pending. Returns whether nothing is pending afterwards.
pub async fn run_if_pending(installation: &Installation) -> Result<bool> {
    if is_pending(installation) { run(installation).await } else { Ok(true) }
}

async fn run_until(installation: &Installation, deadline: Option<Instant>) -> Result<bool> {
    // A store that is being moved is not rewritten; the pending work moves with it.
    if installation.db.store_status().await?.is_some() {
        return Ok(false);
    }
    match installation.db.physical_erasure() {
        PhysicalErasure::Pages => sqlite_pages::run(installation, deadline).await,
        PhysicalErasure::File => sqlite_file::remove_bytes(installation).await,
        PhysicalErasure::Tables => postgres::remove_bytes(installation).await,
    }
}

/// Why [`run`] left bytes, and what removes them.
pub fn pending_notice(installation: &Installation) -> Message {
    Message::new(match installation.db.physical_erasure() {
        PhysicalErasure::Tables => "scrub-incomplete",
        PhysicalErasure::File => "scrub-unfinished",
        PhysicalErasure::Pages if installation.db.is_cleaner_busy() => "scrub-in-background",
        PhysicalErasure::Pages => "scrub-unfinished",
    })
}

/// The background task of physical erasure: files and WAL soon after an erasure, the database as its module says.
pub struct BackgroundEraser {
    erased: Arc<Notify>,
    task: JoinHandle<()>,
    /// Copies the erasures of other machines.
    reconciliation: Option<JoinHandle<()>>,
}

impl BackgroundEraser {
    /// Starts the task, with the work that an earlier run left pending.
    pub fn start(installation: Installation) -> Self {
        let erased = Arc::new(Notify::new());
        if is_pending(&installation) {
            erased.notify_one();
        }
        let reconciliation = installation
            .db
            .is_shared()
            .then(|| tokio::spawn(machine_reconciliation::run_in_background(installation.clone())));
        let notified = erased.clone();
        let task = tokio::spawn(async move {
            while panic::catch_async(run_in_background(&installation, &notified)).await.is_err() {
                installation.panics.record("eraser");
                sleep(PANIC_DELAY).await;
                notified.notify_one();
            }
        });
        Self { erased, task, reconciliation }
    }

    /// The notification to send after each erasure.
    pub fn notifier(&self) -> Arc<Notify> {
        self.erased.clone()
    }

    /// Ends the task and waits until it has ended. Pending work is found by the next start.
    pub async fn stop(mut self) {
        self.task.abort();
        // The error says that the task was aborted.
        let _ = (&mut self.task).await;
        if let Some(task) = self.reconciliation.take() {
            task.abort();
            let _ = task.await;
        }
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
        PhysicalErasure::File => sqlite_file::run_in_background(installation, erased).await,
        PhysicalErasure::Tables => postgres::run_in_background(installation, erased).await,
    }
}

impl Drop for BackgroundEraser {
    /// Pending work is found by the next start.
    fn drop(&mut self) {
        self.task.abort();
        if let Some(task) = &self.reconciliation {
            task.abort();
        }
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
