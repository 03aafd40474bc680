//! Restoring a backup. The copy is prepared aside, where nobody can send from it: the erasures that it lacks are repeated,
//! running campaigns are paused, and staff sessions end. Only then it takes the place of the database.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use age::x25519::Identity;

use super::archive;
use super::manifest::Manifest;
use crate::access::session;
use crate::audience::contact;
use crate::infra::clock::Clock;
use crate::infra::config::Config;
use crate::infra::db::Db;
use crate::infra::db::store_status::{self, StoreState, StoreStatus};
use crate::infra::error::{Error, Message, Result};
use crate::infra::id_range;
use crate::infra::installation::Installation;
use crate::infra::store_location::{SQLITE_FILE, beside};
use crate::mailer::{machine, restore_guard};
use crate::privacy::erasure_log::{self, ErasureRecord};
use crate::privacy::{canonical_upgrade, erasure_replay, physical_erasure};
use crate::store_migration::endpoints::{common_tables, is_unused};
use crate::store_migration::{self, Step, progress};

/// The logs of a data folder that say who was erased and which addresses were corrected.
const LOGS: [&str; 2] = ["erasures.log", "corrections.log"];

/// A backup that was unpacked and brought up to date, in a folder of its own.
#[derive(Debug)]
pub struct Prepared {
    /// What the backup holds.
    pub manifest: Manifest,
    /// People who were erased after the backup was made, and were erased again.
    pub erased: u64,
    /// People in the copy now.
    pub people: i64,
    /// Campaigns that were paused, or scheduled ones whose time has passed that are drafts again.
    pub halted: u64,
}

/// Where erasures after the time of the backup are known from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaterErasures {
    /// The journal folder of the installation that the backup was made of.
    Journal(PathBuf),
    /// They are not known: nobody sends until they are, or the operator gives them up.
    Unknown,
}

/// Unpacks a backup into an empty folder and brings the copy up to date.
pub async fn prepare(
    file: &Path,
    identities: Vec<Identity>,
    folder: &Path,
    later: &LaterErasures,
    clock: Clock,
) -> Result<Prepared> {
    let (path, into) = (file.to_owned(), folder.to_owned());
    let reading = tokio::task::spawn_blocking(move || archive::read(&path, &identities, &into));
    let manifest = reading.await.unwrap_or_else(|error| Err(Error::io("restore")(std::io::Error::other(error))))?;
    for name in ["journal", "keys"] {
        fs::create_dir_all(folder.join(name)).map_err(Error::io(folder.display()))?;
    }
    if let LaterErasures::Journal(journal) = later {
        take_logs(journal, &folder.join("journal"))?;
    }
    let installation = Installation::open(Config { data: folder.to_owned(), database: None }, clock).await?;
    let prepared = bring_up_to_date(&installation, manifest, later).await;
    installation.db.close().await;
    prepared
}

async fn bring_up_to_date(installation: &Installation, manifest: Manifest, later: &LaterErasures) -> Result<Prepared> {
    canonical_upgrade::run(installation).await?;
    let erased = erasure_replay::replay(installation).await?;
    let mut tx = installation.db.write().await?;
    let halted = restore_guard::halt_campaigns(installation, &mut tx).await?;
    session::end_all(&mut tx).await?;
    if *later == LaterErasures::Unknown {
        machine::await_lost(&mut tx, installation.clock.now()).await?;
    }
    tx.commit().await?;
    physical_erasure::run(installation).await?;
    let mut conn = installation.db.read().await?;
    let people = contact::count_all(&mut conn).await?;
    Ok(Prepared { manifest, erased, people, halted })
}

/// Checks that a folder that was named holds an erasure log: another folder would say that nobody has left.
///
/// # Errors
/// Invalid field `journal` when it does not.
pub fn check_journal(journal: &Path) -> Result<()> {
    let log = journal.join(LOGS[0]);
    if log.is_file() {
        return Ok(());
    }
    Err(Message::new("restore-no-log").with("file", log.display()).invalid_field("journal"))
}

/// Replaces the logs of the copy by those of the folder, which know more. Logs of another installation are refused.
fn take_logs(from: &Path, to: &Path) -> Result<()> {
    for name in LOGS {
        let (newer, older) = (from.join(name), to.join(name));
        if !newer.exists() {
            continue;
        }
        let read = |path: &Path| match fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read.map_err(Error::io(path.display())),
        };
        let (new, old) = (read(&newer)?, read(&older)?);
        if new.starts_with(&old) {
            fs::write(&older, new).map_err(Error::io(older.display()))?;
        } else if !old.starts_with(&new) {
            return Err(Message::new("restore-other-journal").with("folder", from.display()).invalid_field("journal"));
        }
    }
    Ok(())
}

/// Whether two data folders have the same keys, and so belong to one installation.
pub fn is_same_installation(one: &Config, other: &Config) -> bool {
    let key = |config: &Config| fs::read(config.keys_dir().join("tombstone.key")).ok();
    key(one).is_some_and(|found| key(other) == Some(found))
}

/// Puts the prepared copy in the place of an SQLite database. Keys and journals are copied where the folder has none.
pub fn put_in_place(prepared: &Path, config: &Config) -> Result<()> {
    copy_missing(prepared, config)?;
    let target = config.data.join(SQLITE_FILE);
    for suffix in ["-wal", "-shm", "-journal", "-pages"] {
        remove_if_there(&beside(&target, suffix))?;
    }
    fs::rename(prepared.join(SQLITE_FILE), &target).map_err(Error::io(target.display()))?;
    fs::File::open(&config.data).and_then(|folder| folder.sync_all()).map_err(Error::io(config.data.display()))
}

/// Copies the prepared database into an empty one of a server. Keys and journals are copied where the folder has none.
pub async fn copy_into_server(prepared: &Path, config: &Config, report: &mut dyn FnMut(Step)) -> Result<()> {
    let place = config.store_location()?.redacted();
    let target = Db::connect_unmigrated(&config.database_url()).await?;
    if !is_unused(&target).await? {
        return Err(Message::new("restore-database-used").with("place", place).conflict());
    }
    target.migrate().await?;
    let source = Config { data: prepared.to_owned(), database: None };
    let source = Db::connect_unmigrated(&source.database_url()).await?;
    id_range::clear(&target).await?;
    // Until the copy is complete, no process may use it.
    let status = StoreStatus { state: StoreState::Arriving, location: place.clone(), migration: 1 };
    let mut tx = target.write_exclusively().await?;
    store_status::set(&mut tx, &status).await?;
    tx.commit().await?;
    let tables = common_tables(&source, &target, &place).await?;
    store_migration::copy_snapshot(&source, &target, &tables, report).await?;
    copy_missing(prepared, config)?;
    let mut tx = target.write_exclusively().await?;
    progress::clear(&mut tx).await?;
    store_status::clear(&mut tx).await?;
    tx.commit().await?;
    source.close().await;
    target.close().await;
    Ok(())
}

/// Copies keys, and journals that the folder does not have. The logs of the copy replace shorter ones.
fn copy_missing(prepared: &Path, config: &Config) -> Result<()> {
    config.prepare()?;
    for (folder, target) in [("journal", config.journal_dir()), ("keys", config.keys_dir())] {
        for entry in fs::read_dir(prepared.join(folder)).map_err(Error::io(prepared.display()))?.flatten() {
            let to = target.join(entry.file_name());
            let length = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
            let is_longer_log = LOGS.iter().any(|log| entry.file_name() == *log) && length(&entry.path()) > length(&to);
            if !to.exists() || is_longer_log {
                fs::copy(entry.path(), &to).map_err(Error::io(to.display()))?;
                fs::File::open(&to).and_then(|file| file.sync_all()).map_err(Error::io(to.display()))?;
            }
        }
    }
    Ok(())
}

/// Adds the erasures of another journal folder to the log of an installation, repeats them, and lets it send again.
pub async fn repeat_erasures(installation: &Installation, journal: &Path) -> Result<u64> {
    let log = journal.join(LOGS[0]);
    let (records, _) = erasure_log::read_file(&log, 0)?;
    if records.is_empty() {
        return Err(Message::new("restore-no-log").with("file", log.display()).invalid_field("journal"));
    }
    erasure_log::append(installation, later_records(records, &erasure_log::read_from(installation, 0)?.0)).await?;
    let erased = erasure_replay::replay(installation).await?;
    let mut tx = installation.db.write().await?;
    machine::report_lost(&mut tx).await?;
    tx.commit().await?;
    Ok(erased)
}

/// What the log of the lost installation has behind the part that both logs share. The last line for a digest counts, so the
/// order is kept. Who left or came back in the restored installation since is left out.
fn later_records(lost: Vec<ErasureRecord>, own: &[ErasureRecord]) -> Vec<ErasureRecord> {
    let shared = lost.iter().zip(own).take_while(|(one, other)| one == other).count();
    let key = |record: &ErasureRecord| (record.workspace, record.list, record.digest);
    let since: HashSet<_> = own[shared..].iter().map(key).collect();
    lost.into_iter().skip(shared).filter(|record| !since.contains(&key(record))).collect()
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path.display())(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::erasure_log::LIFTED;

    fn record(person: u8, reason: &str) -> ErasureRecord {
        ErasureRecord { workspace: 1, list: 0, digest: [person; 32], day: 20_000, reason: reason.to_owned() }
    }

    #[test]
    fn later_records_keep_their_order_without_those_of_people_known_better_since() {
        let shared = [record(1, "erased"), record(2, "erased")];
        // Person 1 came back and left again on one day; 3 came back, and has left the restored installation since.
        let later =
            [record(1, LIFTED), record(1, "erased"), record(3, "erased"), record(3, LIFTED), record(4, "erased")];
        let lost = [&shared[..], &later].concat();
        let own = [&shared[..], &[record(3, "erased")]].concat();

        assert_eq!(later_records(lost.clone(), &own), [later[0].clone(), later[1].clone(), later[4].clone()]);
        assert_eq!(later_records(lost.clone(), &[]), lost);
        assert!(later_records(shared.to_vec(), &shared).is_empty());
    }
}
