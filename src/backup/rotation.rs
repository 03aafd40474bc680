//! Names of backups in a folder, and the removal of those that are too old.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::infra::clock::{DAY, Millis};
use crate::infra::error::{Error, Result};

const PREFIX: &str = "sendoff-";
const ENDING: &str = ".backup.age";
/// The time in a name: UTC, without signs that some file systems refuse.
const TIME: &str = "%Y%m%dT%H%M%SZ";

/// The name of a backup made at this time.
pub fn name(at: Millis) -> String {
    let time = Timestamp::from_millisecond(at).unwrap_or_default();
    format!("{PREFIX}{}{ENDING}", time.strftime(TIME))
}

/// When the backup of this name was made; `None` for another file.
pub fn made_at(name: &str) -> Option<Millis> {
    let time = name.strip_prefix(PREFIX)?.strip_suffix(ENDING)?;
    let time = DateTime::strptime(TIME, time).ok()?.to_zoned(TimeZone::UTC).ok()?;
    Some(time.timestamp().as_millisecond())
}

/// Deletes the backups of a folder that were made more than so many days ago. Returns their paths.
pub fn remove_old(folder: &Path, days: u32, now: Millis) -> Result<Vec<PathBuf>> {
    let oldest = now - i64::from(days) * DAY;
    let mut removed = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io(folder.display()))?.flatten() {
        let is_old = made_at(&entry.file_name().to_string_lossy()).is_some_and(|at| at < oldest);
        if is_old {
            fs::remove_file(entry.path()).map_err(Error::io(entry.path().display()))?;
            removed.push(entry.path());
        }
    }
    removed.sort();
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_their_time() {
        let at = 1_795_255_200_000;
        assert_eq!(name(at), "sendoff-20261121T100000Z.backup.age");
        assert_eq!(made_at(&name(at)), Some(at));
        for other in ["sendoff-20261121.backup.age", "sendoff-20261121T100000Z.backup.age.part", "other.backup.age"] {
            assert_eq!(made_at(other), None, "{other}");
        }
    }

    #[test]
    fn only_old_backups_of_ours_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = 1_795_255_200_000;
        for file in [name(now - 8 * DAY), name(now - 6 * DAY), "notes-8-days-old.txt".to_owned()] {
            fs::write(folder.path().join(file), "x").expect("written");
        }
        let removed = remove_old(folder.path(), 7, now).expect("removed");
        assert_eq!(removed, [folder.path().join(name(now - 8 * DAY))]);
        assert_eq!(fs::read_dir(folder.path()).expect("read").count(), 2);
    }
}
