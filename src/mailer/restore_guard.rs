//! Table `restore_guard`: detects that the database was replaced by an older copy.
//!
//! Mailers increase a counter in the database and, after the commit, in a file of their data folder. If the database
//! counts less than the file, it has lost changes, perhaps of messages that were sent: its campaigns are paused until
//! an operator has looked.

use std::fs;
use std::path::PathBuf;

use sqlx::Row;

use crate::campaign::model::transition;
use crate::campaign::model::{self, State};
use crate::infra::db::{Conn, Query};
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
        let text = fs::read_to_string(path(installation)).unwrap_or_default();
        let mut numbers = text.split_ascii_whitespace().map_while(|word| word.parse::<i64>().ok());
        let (folder, in_file) = match (numbers.next(), numbers.next()) {
            (Some(folder), Some(count)) => (folder, count),
            _ => (installation.ids.next()?, 0),
        };
        let row = Query::new("select count from restore_guard where folder_id = :folder")
            .bind("folder", folder)
            .fetch_optional(conn)
            .await?;
        let in_database: i64 = row.map_or(0, |row| row.get(0));
        let halted = match in_database < in_file {
            true => Some(halt_campaigns(installation, conn).await?),
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
        let (path, part) = (path(installation), installation.config.data.join("mailer.beat.part"));
        let text = format!("{} {}\n", self.folder, self.count);
        fs::write(&part, text).and_then(|()| fs::rename(&part, &path)).map_err(Error::io(path.display()))
    }
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

/// The file keeps its old name: an installation made by an earlier version has it.
fn path(installation: &Installation) -> PathBuf {
    installation.config.data.join("mailer.beat")
}
