//! Reconciliation of machines that share a database: each copies the erasures and corrections of the others into its own
//! logs and removes their addresses from its own files. After an older database was put back, each repeats the
//! erasures of its log and reports it; until all have, nobody sends ([`machine`]).

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::sleep;

use super::erasure_log::{self, ErasureRecord, LIFTED};
use super::log_lengths::{LogLengths, is_pending};
use super::{correction_log, erasure_replay, file_erasure};
use crate::audience::tombstone;
use crate::infra::atomic_file;
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::mailer::{machine, restore_guard};

/// How often a running process looks for erasures of other machines.
pub const INTERVAL: Duration = Duration::from_secs(10);

/// Reconciles this machine with the others, if the database is shared. Fast when nothing is new.
pub async fn run(installation: &Installation) -> Result<()> {
    if !installation.db.is_shared() || installation.db.store_status().await?.is_some() {
        return Ok(());
    }
    let folder = restore_guard::ensure_folder_id(installation)?;
    restore_guard::check(installation).await?;
    machine::register(installation, folder).await?;
    let awaited = machine::list_awaited(&mut *installation.db.read().await?).await?;
    if awaited.iter().any(|machine| machine.folder == folder) {
        erasure_replay::replay(installation).await?;
        let mut tx = installation.db.write().await?;
        machine::report(&mut tx, folder).await?;
        tx.commit().await?;
    }
    copy_erasures(installation).await?;
    copy_corrections(installation).await
}

/// [`run`], again and again.
pub(super) async fn run_in_background(installation: Installation) {
    loop {
        sleep(INTERVAL).await;
        if let Err(error) = run(&installation).await {
            tracing::warn!(error = %error, "the erasures of other machines could not be read");
        }
    }
}

/// Copies the tombstones that this machine's erasure log lacks, and removes the erased from its files.
async fn copy_erasures(installation: &Installation) -> Result<()> {
    let mark = Mark::read(installation);
    // Transactions that began before midnight may set tombstones of the day before.
    let day = installation.clock.today() - 1;
    let count = tombstone::count_since(&mut *installation.db.read().await?, mark.day).await?;
    if count == mark.count && mark.day == day {
        return Ok(());
    }
    let tombstones = erasure_replay::tombstones_since(installation, mark.day).await?;
    let next = Mark { day, count: tombstones.iter().filter(|record| record.day >= day).count() as i64 };
    let key = |record: &ErasureRecord| (record.workspace, record.list, record.digest);
    let logged: HashMap<(Id, Id, tombstone::Digest), bool> = erasure_log::read_from(installation, 0)?
        .0
        .iter()
        .map(|record| (key(record), record.reason != LIFTED))
        .collect();
    let missing: Vec<_> = tombstones.into_iter().filter(|record| logged.get(&key(record)) != Some(&true)).collect();
    if !missing.is_empty() {
        let count = missing.len();
        append_and_erase_files(installation, missing, Vec::new()).await?;
        tracing::info!(count, "erasures of other machines were copied");
    }
    next.write(installation)
}

/// Copies the corrections that this machine's log lacks, and removes the old addresses from its files.
async fn copy_corrections(installation: &Installation) -> Result<()> {
    let missing = correction_log::list_missing(installation).await?;
    if !missing.is_empty() {
        let count = missing.len();
        append_and_erase_files(installation, Vec::new(), missing).await?;
        tracing::info!(count, "corrections of other machines were copied");
    }
    Ok(())
}

/// Appends erasures and corrections of other machines to the logs of this one and removes the addresses from its files. Their
/// bytes in the database are the business of the machine that erased or corrected.
async fn append_and_erase_files(
    installation: &Installation,
    erasures: Vec<ErasureRecord>,
    corrections: Vec<ErasureRecord>,
) -> Result<()> {
    let (before, was_pending) = (LogLengths::recorded(installation), is_pending(installation));
    let length = |records: &[ErasureRecord]| records.iter().map(|record| record.line().len() as u64).sum::<u64>();
    let after = LogLengths {
        erasures: before.erasures + length(&erasures),
        corrections: before.corrections + length(&corrections),
    };
    erasure_log::append(installation, erasures).await?;
    if !corrections.is_empty() {
        correction_log::append(installation, corrections).await?;
    }
    file_erasure::erase_pending(installation).await?;
    // Otherwise an erasure of this machine is pending too.
    if !was_pending && LogLengths::recorded(installation) == after {
        after.write_completed(installation)?;
    }
    Ok(())
}

/// Up to which tombstones the erasure log is complete: `count` of them have `day` or a later one.
#[derive(Debug, Clone, Copy)]
struct Mark {
    day: i64,
    count: i64,
}

impl Mark {
    fn read(installation: &Installation) -> Self {
        let text = fs::read_to_string(Self::path(installation)).unwrap_or_default();
        let mut numbers = text.split_whitespace().map_while(|word| word.parse().ok());
        match (numbers.next(), numbers.next()) {
            (Some(day), Some(count)) => Self { day, count },
            _ => Self { day: 0, count: -1 },
        }
    }

    fn write(self, installation: &Installation) -> Result<()> {
        atomic_file::replace(&Self::path(installation), &format!("{} {}\n", self.day, self.count))
    }

    fn path(installation: &Installation) -> PathBuf {
        installation.config.journal_dir().join("erasures.copied")
    }
}
