//! Table `beat`: knows a database that was put back. Mailers count in the database and, after the
//! commit, in a file of their data folder. A database that counts less than the file has forgotten
//! something, perhaps letters that are out: then its campaigns stand still until someone has looked.

use std::fs;

use sqlx::Row;

use crate::campaign::model::{self, State};
use crate::infra::db::Conn;
use crate::infra::error::{Error, Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// How far the mailers of a data folder have come.
#[derive(Debug)]
pub struct RestoreGuard {
    folder: Id,
    count: i64,
}

impl RestoreGuard {
    /// Compares the file with the database and counts on. Returns with it how many campaigns were
    /// halted because the database is the older one.
    pub async fn open(installation: &Installation, conn: &mut Conn) -> Result<(Self, u64)> {
        let text = fs::read_to_string(path(installation)).unwrap_or_default();
        let mut words = text.split_ascii_whitespace().map_while(|word| word.parse::<i64>().ok());
        let (folder, noted) = match (words.next(), words.next()) {
            (Some(folder), Some(count)) => (folder, count),
            _ => (installation.ids.next(), 0),
        };
        let row =
            sqlx::query("select count from beat where folder = $1").bind(folder).fetch_optional(&mut *conn).await?;
        let known: i64 = row.map_or(0, |row| row.get(0));
        let halted = if known < noted { stand_still(installation, conn).await? } else { 0 };
        let mut beat = Self { folder, count: known.max(noted) };
        beat.count(conn).await?;
        Ok((beat, halted))
    }

    /// Counts on in the database.
    pub async fn count(&mut self, conn: &mut Conn) -> Result<()> {
        self.count += 1;
        sqlx::query(
            "insert into beat (folder, count) values ($1, $2) on conflict (folder) do update set count = excluded.count",
        )
        .bind(self.folder)
        .bind(self.count)
        .execute(conn)
        .await?;
        Ok(())
    }

    /// Writes the count beside the database, once it is committed there.
    pub fn note(&self, installation: &Installation) -> Result<()> {
        let (path, part) = (path(installation), installation.config.data.join("mailer.beat.part"));
        let written =
            fs::write(&part, format!("{} {}\n", self.folder, self.count)).and_then(|()| fs::rename(&part, &path));
        written.map_err(Error::io(path.display()))
    }
}

/// Pauses what runs and takes back what should have begun by now. Returns how many campaigns.
pub async fn stand_still(installation: &Installation, conn: &mut Conn) -> Result<u64> {
    let reason = Message::new("paused-restored").pack();
    let mut halted = 0;
    for campaign in model::list_in_state(conn, State::Running).await? {
        model::pause(conn, &campaign, &reason).await?;
        halted += 1;
    }
    for campaign in model::list_in_state(conn, State::Scheduled).await? {
        if campaign.starts_at.is_some_and(|at| at <= installation.clock.now()) {
            model::return_to_draft(conn, &campaign, &reason).await?;
            halted += 1;
        }
    }
    Ok(halted)
}

fn path(installation: &Installation) -> std::path::PathBuf {
    installation.config.data.join("mailer.beat")
}
