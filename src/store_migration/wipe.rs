//! Wipes a store whose data has moved to another one: tables, database files and data files.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::infra::config::Config;
use crate::infra::db::Db;
use crate::infra::db::query::Query;
use crate::infra::db::store_status::{StoreState, StoreStatus};
use crate::infra::error::{Error, Message, Result};
use crate::infra::id::Id;
use crate::infra::store_location::{StoreLocation, StorePointer};
use crate::mailer::lease;
use crate::store_migration::endpoints::is_same_folder;

/// How long a `serve` that has noticed the move may take to stop.
const SERVE_TIMEOUT: Duration = Duration::from_secs(40);
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Removes the previous stores of a data folder. Returns their locations, and whether the servers removed the old bytes too
/// (see `Db::vacuum_full`).
pub async fn previous_stores(data: &Path) -> Result<(String, bool)> {
    let Some(StorePointer { now, was }) = StorePointer::read(data)?.filter(|pointer| !pointer.was.is_empty()) else {
        return Err(Message::new("move-no-previous").conflict());
    };
    wait_until_unused(data).await?;
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

/// Removes the rows that a cancelled move has copied to its target.
pub async fn partial_target(location: &StoreLocation, data: &Path, number: Id) -> Result<bool> {
    let check_partial = async |db: &Db| match db.store_status().await? {
        Some(StoreStatus { state: StoreState::Arriving, migration: found, .. }) if found == number => Ok(()),
        _ => Err(Message::new("move-not-partial").with("place", location.redacted()).conflict()),
    };
    remove_store(location, data, check_partial).await
}

/// Removes a store if `check` allows it. Returns whether the old bytes are removed too.
async fn remove_store(location: &StoreLocation, data: &Path, check: impl AsyncFn(&Db) -> Result<()>) -> Result<bool> {
    let file = location.file();
    if file.as_ref().is_some_and(|file| !file.exists()) {
        return Ok(true);
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
        is_clean = db.vacuum_full(&[]).await?;
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
    let with_suffix = |suffix: &str| PathBuf::from(format!("{}{suffix}", file.display()));
    let beside = ["-wal", "-shm", "-journal", "-pages", "-pages.lock", "-cleaner.lock"].map(with_suffix);
    for path in beside.into_iter().chain([file.to_owned()]) {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Error::io(path.display())(error)),
            _ => {}
        }
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io(folder.display()))
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

/// Waits until no process has the old store open, which would create its files again.
async fn wait_until_unused(data: &Path) -> Result<()> {
    for file in ["serve.lock", "mailer.lock"] {
        let began = tokio::time::Instant::now();
        while let Err(error) = lease::lock_file(&data.join(file)) {
            if began.elapsed() > SERVE_TIMEOUT {
                return Err(error);
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
    Ok(())
}
