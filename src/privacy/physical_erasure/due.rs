//! The time by which the bytes of erased contacts and of corrected values must have left the files of PostgreSQL:
//! `erasure-hours` (a setting) after the oldest erasure that is still pending, whose time stands in
//! `journal/erasures.pending`.

use std::path::PathBuf;

use crate::infra::atomic_file;
use crate::infra::clock::Millis;
use crate::infra::db::PhysicalErasure;
use crate::infra::error::{Error, Result};
use crate::infra::installation::Installation;
use crate::infra::setting::{self, Setting};
use crate::privacy::log_lengths::{LogLengths, is_pending};

/// Milliseconds of an hour.
const HOUR: i64 = 3_600_000;

/// Bytes that are still stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Time of the oldest erasure or correction among them, ms since 1970 UTC.
    pub since: Millis,
    /// The time by which they must be gone.
    pub latest: Millis,
}

impl Due {
    /// When the work should begin: half of the time is left for it, and for another attempt.
    pub(super) fn begin_at(self) -> Millis {
        self.since + (self.latest - self.since) / 2
    }

    /// [`Due::latest`] for people, in UTC.
    pub fn latest_text(self) -> String {
        let time = jiff::Timestamp::from_millisecond(self.latest).unwrap_or(jiff::Timestamp::MAX);
        time.strftime("%Y-%m-%d %H:%M UTC").to_string()
    }
}

/// What is owed; `None` when nothing is pending, and on SQLite, whose pages are cleaned within seconds.
pub async fn due(installation: &Installation) -> Result<Option<Due>> {
    if installation.db.physical_erasure() != PhysicalErasure::Tables || !is_pending(installation) {
        return Ok(None);
    }
    let since = match read(installation) {
        Some(since) => since,
        None => {
            let now = installation.clock.now();
            write(installation, now)?;
            now
        }
    };
    let hours = setting::get(&mut *installation.db.read().await?, Setting::ErasureHours).await?;
    Ok(Some(Due { since, latest: since + hours.parse::<i64>().unwrap_or_default() * HOUR }))
}

/// Records that everything before `began` is done. What was erased since stays pending from then.
pub(super) fn complete(installation: &Installation, recorded: LogLengths, began: Millis) -> Result<()> {
    recorded.complete(installation)?;
    if is_pending(installation) {
        return write(installation, began);
    }
    match std::fs::remove_file(path(installation)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io(path(installation).display())(error))
        }
        _ => Ok(()),
    }
}

fn read(installation: &Installation) -> Option<Millis> {
    std::fs::read_to_string(path(installation)).ok()?.trim().parse().ok()
}

fn write(installation: &Installation, since: Millis) -> Result<()> {
    atomic_file::replace(&path(installation), &format!("{since}\n"))
}

fn path(installation: &Installation) -> PathBuf {
    installation.config.journal_dir().join("erasures.pending")
}
