//! Tables `machine` and `awaited_report`: the machines (data folders) that share a database, and those whose erasure log
//! is awaited after an older copy of the database was put back.
//!
//! A restored copy lacks the newest erasures, and also machines that were added since. So each machine keeps the list of
//! all in the file `machines` of its data folder. The machine that detects the older copy enters all that the table or its
//! file knows; each of them repeats the erasures of its log and then deletes its row. Until the table is empty no mailer
//! gets a lease.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use sqlx::any::AnyRow;

use crate::infra::atomic_file;
use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::{Error, Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// The folder id and the name under which the installation is awaited that a backup was made of.
const LOST: Id = -1;
const LOST_NAME: &str = "lost-installation";

/// A data folder that has used the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Id of the data folder.
    pub folder: Id,
    /// Host name and path of the data folder.
    pub name: String,
}

/// Adds the machine of this data folder where it is missing, and brings its list of machines up to date.
pub async fn register(installation: &Installation, folder: Id) -> Result<()> {
    let mut known = list(&mut *installation.db.read().await?).await?;
    if !known.iter().any(|machine| machine.folder == folder) {
        let own = Machine { folder, name: name_of_this(installation) };
        let mut tx = installation.db.write().await?;
        Query::new(
            "insert into machine (folder_id, name, added_at)
             values (:folder, :name, :now)
             on conflict (folder_id) do nothing",
        )
        .bind("folder", folder)
        .bind("name", &own.name)
        .bind("now", installation.clock.now())
        .execute(&mut tx)
        .await?;
        tx.commit().await?;
        known.push(own);
    }
    let remembered = read_file(installation);
    if known.iter().any(|machine| remembered.get(&machine.folder) != Some(&machine.name)) {
        let mut all = remembered;
        all.extend(known.into_iter().map(|machine| (machine.folder, machine.name)));
        write_file(installation, &all)?;
    }
    Ok(())
}

/// All machines, in the order of their ids.
pub async fn list(conn: &mut Conn) -> Result<Vec<Machine>> {
    let rows = Query::new("select folder_id, name from machine order by folder_id").fetch_all(conn).await?;
    Ok(rows.iter().filter_map(read).collect())
}

/// The machines whose erasure log is awaited.
pub async fn list_awaited(conn: &mut Conn) -> Result<Vec<Machine>> {
    let rows = Query::new("select folder_id, name from awaited_report order by folder_id").fetch_all(conn).await?;
    Ok(rows.iter().filter_map(read).collect())
}

/// A machine; `None` for a row with a value of a wrong type.
fn read(row: &AnyRow) -> Option<Machine> {
    Some(Machine { folder: row.cell(0).ok()?, name: row.cell(1).ok()? })
}

/// Awaits every machine that the database or the data folder knows, this one too.
pub async fn await_all(installation: &Installation, conn: &mut Conn, folder: Id) -> Result<()> {
    let mut all = read_file(installation);
    all.extend(list(conn).await?.into_iter().map(|machine| (machine.folder, machine.name)));
    all.entry(folder).or_insert_with(|| name_of_this(installation));
    for (folder, name) in all {
        Query::new(
            "insert into awaited_report (folder_id, name, since)
             values (:folder, :name, :now)
             on conflict (folder_id) do nothing",
        )
        .bind("folder", folder)
        .bind("name", name)
        .bind("now", installation.clock.now())
        .execute(conn)
        .await?;
    }
    Ok(())
}

/// Awaits the erasure log of the installation that a backup was made of: the backup lacks what was erased later.
pub async fn await_lost(conn: &mut Conn, now: Millis) -> Result<()> {
    Query::new(
        "insert into awaited_report (folder_id, name, since)
         values (:folder, :name, :now)
         on conflict (folder_id) do nothing",
    )
    .bind("folder", LOST)
    .bind("name", LOST_NAME)
    .bind("now", now)
    .execute(conn)
    .await
    .map(drop)
}

/// Records that the erasures of the installation that a backup was made of were repeated.
pub async fn report_lost(conn: &mut Conn) -> Result<()> {
    report(conn, LOST).await
}

/// Records that a machine has repeated the erasures of its log.
pub async fn report(conn: &mut Conn, folder: Id) -> Result<()> {
    Query::new("delete from awaited_report where folder_id = :folder").bind("folder", folder).execute(conn).await?;
    Ok(())
}

/// Forgets a machine that does not come back: it is awaited no longer. Returns it; `None` when no machine has this name or
/// id.
pub async fn forget(installation: &Installation, conn: &mut Conn, name: &str) -> Result<Option<Machine>> {
    let mut all = list(conn).await?;
    all.extend(list_awaited(conn).await?);
    let is_meant = |machine: &Machine| machine.name == name || machine.folder.to_string() == name;
    let Some(machine) = all.into_iter().find(is_meant) else { return Ok(None) };
    report(conn, machine.folder).await?;
    Query::new("delete from machine where folder_id = :folder").bind("folder", machine.folder).execute(conn).await?;
    let mut remembered = read_file(installation);
    if remembered.remove(&machine.folder).is_some() {
        write_file(installation, &remembered)?;
    }
    Ok(Some(machine))
}

/// The names, for a message.
pub fn names(machines: &[Machine]) -> String {
    machines.iter().map(|machine| machine.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// The refusal while machines are awaited.
pub fn refusal(awaited: &[Machine]) -> Error {
    Message::new("restore-awaited").with("machines", names(awaited)).unavailable()
}

fn name_of_this(installation: &Installation) -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let data = installation.config.data.display();
    if host.trim().is_empty() { data.to_string() } else { format!("{}:{data}", host.trim()) }
}

fn path(installation: &Installation) -> PathBuf {
    installation.config.data.join("machines")
}

/// The machines of the file: one line each, id and name.
fn read_file(installation: &Installation) -> BTreeMap<Id, String> {
    let text = fs::read_to_string(path(installation)).unwrap_or_default();
    let line = |line: &str| {
        let (folder, name) = line.split_once(' ')?;
        Some((folder.parse().ok()?, name.to_owned()))
    };
    text.lines().filter_map(line).collect()
}

fn write_file(installation: &Installation, machines: &BTreeMap<Id, String>) -> Result<()> {
    let line = |(folder, name): (&Id, &String)| format!("{folder} {}\n", name.replace('\n', " "));
    atomic_file::replace(&path(installation), &machines.iter().map(line).collect::<String>())
}
