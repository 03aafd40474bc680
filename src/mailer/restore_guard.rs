//! Table `restore_guard`: detects that the database was replaced by an older copy.
//!
//! Mailers increase a counter in the database and, after the commit, in a file of their data folder. If the database
//! counts less than the file, it has lost changes, perhaps of messages that were sent: its campaigns are paused until
//! an operator has looked. The same when PostgreSQL shows that it is another copy ([`database_identity`]). Where several machines share the database, nobody sends until each has repeated the erasures
//! of its log ([`machine`]).

use std::fs;
use std::path::PathBuf;

use super::database_identity::{self, Observation};
use super::machine;
use crate::campaign::model::transition;
use crate::campaign::model::{self, State};
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::{Error, Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// The counter of the mailers of one data folder.
#[derive(Debug)]
pub struct RestoreGuard {
    folder: Id,
    count: i64,
}

impl RestoreGuard {
    /// Compares the file with the database and increases the counter. Also returns how many campaigns were halted, if
    /// the database is older.
    pub async fn open(installation: &Installation, conn: &mut Conn) -> Result<(Self, Option<u64>)> {
        let (folder, in_file) = match read_file(installation) {
            Some(found) => found,
            None => (installation.ids.next()?, 0),
        };
        let in_database = count_of(conn, folder).await?;
        let halted = match in_database < in_file {
            true => Some(halt(installation, conn, (folder, in_file)).await?),
            false => None,
        };
        let mut guard = Self { folder, count: in_database.max(in_file) };
        guard.increase(conn).await?;
        Ok((guard, halted))
    }

    /// Increases the counter in the database.
    pub async fn increase(&mut self, conn: &mut Conn) -> Result<()> {
        self.count += 1;
        Query::new(
            "insert into restore_guard (folder_id, count)
             values (:folder, :count)
             on conflict (folder_id) do update set count = excluded.count",
        )
        .bind("folder", self.folder)
        .bind("count", self.count)
        .execute(conn)
        .await?;
        Ok(())
    }

    /// Writes the counter to the file, once it is committed in the database.
    pub fn save(&self, installation: &Installation) -> Result<()> {
        write_file(installation, self.folder, self.count)
    }
}

/// The id of the data folder, which is created where there is none.
pub fn ensure_folder_id(installation: &Installation) -> Result<Id> {
    if let Some((folder, _)) = read_file(installation) {
        return Ok(folder);
    }
    let folder = installation.ids.next()?;
    write_file(installation, folder, 0)?;
    Ok(folder)
}

/// Compares the files of this folder with the database, without a mailer. In an older database campaigns are halted and all
/// machines are awaited, once; the next mailer of this folder still finds that it is older.
pub async fn check(installation: &Installation) -> Result<()> {
    let Some((folder, in_file)) = read_file(installation) else { return Ok(()) };
    let in_database = count_of(&mut *installation.db.read().await?, folder).await?;
    let lacks_changes = in_database < in_file && !is_noticed(installation, in_file);
    let observed = database_identity::observe(installation).await?;
    let remember = || observed.as_ref().map_or(Ok(()), |observed| observed.remember(installation));
    let copy = match observed.as_ref().and_then(Observation::other_copy) {
        Some(copy) if copy.is_older || !is_copy_known(installation, copy.key).await? => Some(copy.key),
        _ => None,
    };
    if !lacks_changes && copy.is_none() {
        return remember();
    }
    let mut tx = installation.db.write().await?;
    if installation.db.is_shared() {
        machine::await_all(installation, &mut tx, folder).await?;
    }
    let halted = halt_campaigns(installation, &mut tx).await?;
    if let Some(copy) = copy {
        insert_if_missing(&mut tx, copy).await?;
    }
    tx.commit().await?;
    let path = noticed_path(installation);
    fs::write(&path, format!("{in_file}\n")).map_err(Error::io(path.display()))?;
    tracing::warn!(halted, "the database is older than what this machine has seen; all machines are awaited");
    remember()
}

/// Whether [`check`] has found a database that is older than this counter.
fn is_noticed(installation: &Installation, in_file: i64) -> bool {
    let text = fs::read_to_string(noticed_path(installation)).unwrap_or_default();
    text.trim().parse() == Ok(in_file)
}

fn noticed_path(installation: &Installation) -> PathBuf {
    installation.config.data.join("mailer.restored")
}

/// Records that the machines know of a copy of the database: one row for each copy, with a negative key.
async fn insert_if_missing(conn: &mut Conn, copy: Id) -> Result<()> {
    Query::new("insert into restore_guard (folder_id, count) values (:copy, 1) on conflict (folder_id) do nothing")
        .bind("copy", copy)
        .execute(conn)
        .await?;
    Ok(())
}

/// Whether the machines know of this copy of the database already.
async fn is_copy_known(installation: &Installation, copy: Id) -> Result<bool> {
    Ok(count_of(&mut *installation.db.read().await?, copy).await? > 0)
}

async fn count_of(conn: &mut Conn, folder: Id) -> Result<i64> {
    let query = Query::new("select count from restore_guard where folder_id = :folder");
    query.bind("folder", folder).fetch_optional(conn).await?.map_or(Ok(0), |row| row.cell(0))
}

async fn halt(installation: &Installation, conn: &mut Conn, (folder, in_file): (Id, i64)) -> Result<u64> {
    if installation.db.is_shared() && !is_noticed(installation, in_file) {
        machine::await_all(installation, conn, folder).await?;
    }
    halt_campaigns(installation, conn).await
}

/// Pauses running campaigns and returns scheduled ones whose time has come to drafts. Returns how many.
pub async fn halt_campaigns(installation: &Installation, conn: &mut Conn) -> Result<u64> {
    let reason = Message::new("paused-restored").pack();
    let mut halted = 0;
    for campaign in model::list_in_state(conn, State::Running).await? {
        transition::pause(conn, &campaign, &reason).await?;
        halted += 1;
    }
    for campaign in model::list_in_state(conn, State::Scheduled).await? {
        if campaign.starts_at.is_some_and(|at| at <= installation.clock.now()) {
            transition::return_to_draft(conn, &campaign, &reason).await?;
            halted += 1;
        }
    }
    Ok(halted)
}

/// The id of the data folder and its counter.
fn read_file(installation: &Installation) -> Option<(Id, i64)> {
    let text = fs::read_to_string(path(installation)).unwrap_or_default();
    let mut numbers = text.split_ascii_whitespace().map_while(|word| word.parse::<i64>().ok());
    Some((numbers.next()?, numbers.next()?))
}

fn write_file(installation: &Installation, folder: Id, count: i64) -> Result<()> {
    let (path, part) = (path(installation), installation.config.data.join("mailer.beat.part"));
    let text = format!("{folder} {count}\n");
    fs::write(&part, text).and_then(|()| fs::rename(&part, &path)).map_err(Error::io(path.display()))
}

/// The file keeps its old name: an installation made by an earlier version has it.
fn path(installation: &Installation) -> PathBuf {
    installation.config.data.join("mailer.beat")
}
