//! The file `database` of a data folder: the PostgreSQL database as this machine saw it last. A database that was put back
//! from a dump or from a copy of its files differs from it, also for a machine that has never sent.

use std::fs;
use std::path::PathBuf;

use crate::infra::atomic_file;
use crate::infra::db::DatabaseIdentity;
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// The file is written again when the WAL has grown by this many bytes, so that an idle machine writes nothing.
const STEP: i64 = 16 << 20;

/// The database as it is, beside what this machine saw last.
pub(super) struct Observation {
    now: DatabaseIdentity,
    seen: Option<DatabaseIdentity>,
}

/// A copy of the database that this machine has not seen before.
pub(super) struct OtherCopy {
    /// Its key among the machines.
    pub(super) key: Id,
    /// True for a copy of the files from an earlier time, whose key is that of later ones.
    pub(super) is_older: bool,
}

/// Looks at the database; `None` on SQLite.
pub(super) async fn observe(installation: &Installation) -> Result<Option<Observation>> {
    let Some(now) = installation.db.identity().await? else { return Ok(None) };
    Ok(Some(Observation { now, seen: read(installation)? }))
}

impl Observation {
    /// The database, if it is another copy than the one this machine saw last. `None` for a machine that sees it for the
    /// first time, also after a move to it.
    pub(super) fn other_copy(&self) -> Option<OtherCopy> {
        let (now, seen) = (self.now, self.seen?);
        let is_older = (seen.database, seen.table) == (now.database, now.table);
        let is_other = !is_older || now.position < seen.position;
        is_other.then(|| OtherCopy { key: key_of(now), is_older })
    }

    /// Remembers the database as it was observed.
    pub(super) fn remember(&self, installation: &Installation) -> Result<()> {
        let now = self.now;
        let is_same = |seen: DatabaseIdentity| {
            (seen.database, seen.table) == (now.database, now.table)
                && (seen.position..seen.position + STEP).contains(&now.position)
        };
        if self.seen.is_some_and(is_same) {
            return Ok(());
        }
        let location = installation.config.store_location()?.redacted();
        let line = format!("{} {} {} {location}\n", now.database, now.table, now.position);
        atomic_file::replace(&path(installation), &line)
    }
}

/// Negative, so that it is the id of no data folder.
fn key_of(identity: DatabaseIdentity) -> Id {
    -((identity.database << 32 | identity.table) & i64::MAX)
}

/// What the file says about the database at the present location.
fn read(installation: &Installation) -> Result<Option<DatabaseIdentity>> {
    let text = fs::read_to_string(path(installation)).unwrap_or_default();
    let location = installation.config.store_location()?.redacted();
    let mut words = text.trim_end().splitn(4, ' ');
    let mut number = || words.next().and_then(|word| word.parse().ok());
    let (Some(database), Some(table), Some(position)) = (number(), number(), number()) else { return Ok(None) };
    Ok((words.next() == Some(&*location)).then_some(DatabaseIdentity { database, table, position }))
}

fn path(installation: &Installation) -> PathBuf {
    installation.config.data.join("database")
}
