//! Wipes a store whose data has moved to another one: tables, database files and data files.

use std::fs::{self, File};
use std::path::Path;

use crate::infra::config::Config;
use crate::infra::db::Db;
use crate::infra::db::query::Query;
use crate::infra::db::store_status::{StoreState, StoreStatus};
use crate::infra::error::{Error, Message, Result};
use crate::infra::lock_file;
use crate::infra::store_location::{self, StoreLocation, StorePointer};
use crate::store_migration::data_files::RESTORE_GUARD;
use crate::store_migration::endpoints::{is_same_folder, is_unused};

/// Removes the previous stores of a data folder. Returns their locations, and whether the servers removed the old bytes too
/// (see `Db::rewrite_tables`).
pub async fn previous_stores(data: &Path) -> Result<(String, bool)> {
    let Some(StorePointer { now, was }) = StorePointer::read(data)?.filter(|pointer| !pointer.was.is_empty()) else {
        return Err(Message::new("move-no-previous").conflict());
    };
    let _locks = lock_unused(data)?;
    let mut is_clean = true;
    for location in &was {
        is_clean &= remove_store(location, data, check_moved).await?;
    }
    if let StoreLocation::Folder(new) = &now
        && !is_same_folder(new, data)
    {
        remove_data_files(data)?;
        StorePointer { now: now.clone(), was: Vec::new() }.write(new)?;
    }
    StorePointer { now, was: Vec::new() }.write(data)?;
    Ok((was.iter().map(StoreLocation::redacted).collect::<Vec<_>>().join(", "), is_clean))
}

/// Removes what a cancelled move has put into its target: rows, tables and, in another folder, keys and other files.
pub async fn partial_target(location: &StoreLocation, data: &Path, move_of: &StoreStatus) -> Result<bool> {
    let refusal = || Message::new("move-not-partial").with("place", location.redacted()).conflict();
    let folder = match location {
        StoreLocation::Folder(folder) => {
            let is_target = StoreLocation::parse(&move_of.location).is_ok_and(|target| target.is_same(location));
            is_target.then_some(folder).ok_or_else(refusal).map(Some)?
        }
        StoreLocation::Url(_) => None,
    };
    let check_partial = async |db: &Db| match db.store_status().await {
        Ok(Some(found)) if found.state == StoreState::Arriving && found.migration == move_of.migration => Ok(()),
        Ok(Some(_)) => Err(refusal()),
        // The move was killed before it had written its status there.
        _ if is_unused(db).await? => Ok(()),
        _ => Err(refusal()),
    };
    let is_clean = remove_store(location, data, check_partial).await?;
    if let Some(folder) = folder.filter(|folder| !is_same_folder(folder, data)) {
        remove_data_files(folder)?;
        for name in [RESTORE_GUARD, "store", "serve.lock", "mailer.lock", "move.lock"] {
            remove_if_there(&folder.join(name))?;
        }
        // Fails when the folder held something else before.
        let _ = fs::remove_dir(folder);
    }
    Ok(is_clean)
}

/// Removes a store if `check` allows it. Returns whether the old bytes are removed too.
async fn remove_store(location: &StoreLocation, data: &Path, check: impl AsyncFn(&Db) -> Result<()>) -> Result<bool> {
    let file = location.file();
    if let Some(file) = file.as_ref().filter(|file| !file.exists()) {
        // A killed process may have left the journals.
        return remove_database_files(file).map(|()| true);
    }
    let db = Db::connect_unmigrated(&Config::with_store(location, data).database_url()).await?;
    let mut tables = db.table_names().await?;
    // The store of an earlier version keeps its status in a table of another name.
    if tables.iter().any(|table| table == "standing") {
        db.migrate().await?;
        tables = db.table_names().await?;
    }
    if !tables.is_empty() {
        check(&db).await?;
    }
    if let Some(file) = file {
        db.close().await;
        return remove_database_files(&file).map(|()| true);
    }
    let mut is_clean = true;
    if !tables.is_empty() {
        let mut tx = db.write_exclusively().await?;
        Query::new("drop table _sqlx_migrations, {tables}")
            .fragment("tables", tables.join(", "))
            .execute(&mut tx)
            .await?;
        tx.commit().await?;
        is_clean = db.rewrite_tables(&[]).await?;
    }
    db.close().await;
    Ok(is_clean)
}

async fn check_moved(db: &Db) -> Result<()> {
    match db.store_status().await? {
        Some(status) if status.state == StoreState::Moved => Ok(()),
        _ => Err(Message::new("move-previous-in-use").unavailable()),
    }
}

/// Removes a SQLite file with its journals and the numbers of its written pages.
fn remove_database_files(file: &Path) -> Result<()> {
    let suffixes = ["-wal", "-shm", "-journal", "-pages", "-pages.lock", "-cleaner.lock"];
    let beside = suffixes.map(|suffix| store_location::beside(file, suffix));
    // The database first: without its journals it could be read as something older.
    for path in [file.to_owned()].into_iter().chain(beside) {
        remove_if_there(&path)?;
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    if !folder.exists() {
        return Ok(());
    }
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io(folder.display()))
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path.display())(error)),
        _ => Ok(()),
    }
}

/// Removes the folders that hold personal data or secrets from a data folder that is no longer used.
fn remove_data_files(data: &Path) -> Result<()> {
    let config = Config { data: data.to_owned(), database: None };
    for folder in
        [config.capture_dir(), config.export_dir(), config.staging_dir(), config.journal_dir(), config.keys_dir()]
    {
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io(folder.display())(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Locks a data folder against other processes, which would create the files of the old store again.
///
/// # Errors
///
/// `Unavailable`, with the process that uses the folder.
pub fn lock_unused(data: &Path) -> Result<Vec<File>> {
    let lock = |name: &str| {
        let file = data.join(name);
        lock_file::acquire(&file).map_err(|error| match error.message() {
            held if held.key == "lock-held" => {
                let message = Message::new("move-old-in-use").with("file", file.display());
                message.with("pid", held.text("pid")).unavailable()
            }
            _ => error,
        })
    };
    ["serve.lock", "mailer.lock"].into_iter().map(lock).collect()
}
