//! Removes a store whose data have moved elsewhere, to the last byte.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::infra::config::Config;
use crate::infra::db::store_status::{StoreState, StoreStatus};
use crate::infra::db::{Db, Sql};
use crate::infra::error::{Error, Message, Result};
use crate::infra::id::Id;
use crate::infra::store_location::{StoreLocation, StorePointer};
use crate::mailer::lease;
use crate::store_migration::endpoints::is_same_folder;

/// How long a `serve` that has noticed the move may take to end.
const PATIENCE: Duration = Duration::from_secs(40);

/// Removes the stores that the data of a folder were in before. Returns their places, and whether
/// the servers let go of the old bytes too (see `Db::scrub`).
pub async fn previous_stores(data: &Path) -> Result<(String, bool)> {
    let Some(StorePointer { now, was }) = StorePointer::read(data)?.filter(|pointer| !pointer.was.is_empty()) else {
        return Err(Message::new("move-no-old").conflict());
    };
    until_idle(data).await?;
    let mut clean = true;
    for place in &was {
        clean &= store(place, data, is_moved).await?;
    }
    if let StoreLocation::Folder(new) = &now
        && !is_same_folder(new, data)
    {
        rest(data)?;
        StorePointer { now: now.clone(), was: Vec::new() }.write(new)?;
    }
    StorePointer { now, was: Vec::new() }.write(data)?;
    Ok((was.iter().map(StoreLocation::redacted).collect::<Vec<_>>().join(", "), clean))
}

/// Removes what a move that is given up had brought to its target.
pub async fn partial_target(place: &StoreLocation, data: &Path, number: Id) -> Result<bool> {
    let is_half = async |db: &Db| match db.store_status().await? {
        Some(StoreStatus { state: StoreState::Arriving, number: found, .. }) if found == number => Ok(()),
        _ => Err(Message::new("move-not-half").with("place", place.redacted()).conflict()),
    };
    store(place, data, is_half).await
}

async fn store(place: &StoreLocation, data: &Path, may_go: impl AsyncFn(&Db) -> Result<()>) -> Result<bool> {
    let file = place.file();
    if file.as_ref().is_some_and(|file| !file.exists()) {
        return Ok(true);
    }
    let db = Db::connect_unmigrated(&place.config(data).database_url()).await?;
    let names = db.table_names().await?;
    if !names.is_empty() {
        may_go(&db).await?;
    }
    if let Some(file) = file {
        db.close().await;
        return files(&file).map(|()| true);
    }
    let mut clean = true;
    if !names.is_empty() {
        let mut tx = db.write_exclusively().await?;
        Sql::new("drop table _sqlx_migrations, ").push(&names.join(", ")).run(&mut tx).await?;
        tx.commit().await?;
        clean = db.vacuum_full(&[]).await?;
    }
    db.close().await;
    Ok(clean)
}

async fn is_moved(db: &Db) -> Result<()> {
    match db.store_status().await? {
        Some(standing) if standing.state == StoreState::Moved => Ok(()),
        _ => Err(Message::new("move-old-in-use").unavailable()),
    }
}

/// The database file with its journals.
fn files(file: &Path) -> Result<()> {
    let beside = |ending: &str| PathBuf::from(format!("{}{ending}", file.display()));
    for path in [beside("-wal"), beside("-shm"), beside("-journal"), file.to_owned()] {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Error::io(path.display())(error)),
            _ => {}
        }
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io(folder.display()))
}

/// What else of people or of secrets lies in a folder that has been left.
fn rest(data: &Path) -> Result<()> {
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

/// A program that still has the old store open would make its files anew.
async fn until_idle(data: &Path) -> Result<()> {
    for file in ["serve.lock", "mailer.lock"] {
        let began = tokio::time::Instant::now();
        while let Err(error) = lease::lock_file(&data.join(file)) {
            if began.elapsed() > PATIENCE {
                return Err(error);
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
    Ok(())
}
