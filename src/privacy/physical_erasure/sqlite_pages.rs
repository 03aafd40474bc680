//! Physical erasure on SQLite: bytes that belong to no row are overwritten page by page (`infra::db::pages`), then the
//! WAL is truncated. Other transactions wait for a few pages at most; while a reader keeps a long WAL, the cleaning rests.
//!
//! One process does it at a time: `serve` as long as it runs, otherwise the command that erases.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use crate::infra::db::{Db, PageCleaner};
use crate::infra::error::Result;
use crate::infra::installation::Installation;
use crate::privacy::file_erasure;
use crate::privacy::log_lengths::{LogLengths, is_pending};

/// How often the task looks for erasures by other processes, and cleans some pages.
const TICK: Duration = Duration::from_secs(1);
/// Erasures within this time after the first are one piece of work.
const GATHER: Duration = Duration::from_millis(200);
/// Physical erasure rests for this many times the time it took, at most `MAX_REST`.
const REST_SHARE: u32 = 4;
const MAX_REST: Duration = Duration::from_secs(5);
/// What was cleaned is kept this often, so that a killed process repeats little.
const SAVE_INTERVAL: Duration = Duration::from_secs(1);
/// Steps of cleaning in a tick without an erasure, and the time between two.
const IDLE_STEPS: u32 = 4;
const IDLE_PAUSE: Duration = Duration::from_millis(50);
/// Ticks between two looks at the pages written since, and at the length of the WAL.
const TAKE_TICKS: u32 = 5;
/// A WAL longer than this that nobody writes is truncated.
const IDLE_WAL: u64 = 1 << 20;

/// Removes the bytes of what was deleted before. Returns false when another process does it, when the time is up, or when
/// a reader keeps the WAL in use.
pub(super) async fn run(installation: &Installation, deadline: Option<Instant>) -> Result<bool> {
    let Some(mut cleaner) = installation.db.page_cleaner().await? else { return Ok(false) };
    let is_complete = complete(installation, &mut cleaner, deadline).await;
    cleaner.close().await?;
    is_complete
}

async fn complete(installation: &Installation, cleaner: &mut PageCleaner, deadline: Option<Instant>) -> Result<bool> {
    let recorded = LogLengths::recorded(installation);
    let are_files_done = file_erasure::erase_pending(installation).await?;
    cleaner.take().await?;
    let mut saved = Instant::now();
    while cleaner.clean_some().await? > 0 {
        let has_room = installation.db.make_room().await?;
        if !has_room || deadline.is_some_and(|deadline| Instant::now() > deadline) {
            cleaner.save().await?;
            return Ok(false);
        }
        if saved.elapsed() > SAVE_INTERVAL {
            cleaner.save().await?;
            saved = Instant::now();
        }
    }
    cleaner.save().await?;
    let is_truncated = installation.db.truncate_wal().await?;
    if is_truncated && are_files_done {
        recorded.complete(installation)?;
    }
    Ok(is_truncated && are_files_done)
}

/// The loop of the background task.
pub(super) async fn run_in_background(installation: Installation, erased: Arc<Notify>) {
    loop {
        match installation.db.page_cleaner().await {
            Ok(Some(cleaner)) => {
                if let Err(error) = work(&installation, cleaner, &erased).await {
                    tracing::error!(error = %error, "physical erasure failed and stays pending");
                }
            }
            // A command erases at this moment.
            Ok(None) => {}
            Err(error) => tracing::error!(error = %error, "physical erasure could not begin and stays pending"),
        }
        sleep(TICK).await;
    }
}

/// Does all physical erasure until it fails.
async fn work(installation: &Installation, mut cleaner: PageCleaner, erased: &Notify) -> Result<()> {
    let mut taken = installation.db.wal_state();
    cleaner.take().await?;
    let (mut ticks, mut wal, mut was_told) = (0_u32, taken, false);
    loop {
        if timeout(TICK, erased.notified()).await.is_ok() {
            sleep(GATHER).await;
        }
        ticks = ticks.wrapping_add(1);
        let is_take_due = ticks.is_multiple_of(TAKE_TICKS);
        if !is_take_due && cleaner.left() == 0 && !is_pending(installation) {
            continue;
        }
        if installation.db.store_status().await?.is_some() {
            continue;
        }
        if is_pending(installation) {
            let began = Instant::now();
            let is_complete = complete(installation, &mut cleaner, None).await?;
            if !is_complete && !was_told {
                tracing::warn!(
                    "a reader of the database or a process that writes a file keeps bytes of erased contacts for now"
                );
            }
            was_told = !is_complete;
            sleep(MAX_REST.min(began.elapsed() * REST_SHARE)).await;
            continue;
        }
        if is_take_due {
            let now = installation.db.wal_state();
            if now.length > IDLE_WAL && now == wal {
                installation.db.truncate_wal().await?;
            }
            wal = installation.db.wal_state();
            if wal != taken {
                taken = wal;
                cleaner.take().await?;
            }
        }
        clean_slowly(&installation.db, &mut cleaner).await?;
    }
}

/// Cleans some of the pages that are left, with pauses.
async fn clean_slowly(db: &Db, cleaner: &mut PageCleaner) -> Result<()> {
    if cleaner.left() == 0 {
        return Ok(());
    }
    for _ in 0..IDLE_STEPS {
        if !db.make_room().await? || cleaner.clean_some().await? == 0 {
            break;
        }
        sleep(IDLE_PAUSE).await;
    }
    cleaner.save().await
}
