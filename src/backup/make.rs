//! Making a backup, also while campaigns are sent: copies one snapshot of the database, then keys and journals, and packs
//! them. Journals come after the database, so that every erasure the copy lacks is in its erasure log.

use std::fs;
use std::path::Path;

use age::x25519::Recipient;

use super::archive;
use super::manifest::{self, FORMAT, Manifest, TableRows};
use crate::audience::import::staging::Staging;
use crate::infra::config::Config;
use crate::infra::db::Db;
use crate::infra::error::{Error, Result};
use crate::infra::id_range;
use crate::infra::installation::Installation;
use crate::infra::store_location::SQLITE_FILE;
use crate::store_migration::endpoints::common_tables;
use crate::store_migration::{self, Step, progress};

/// A backup that was made.
#[derive(Debug)]
pub struct Made {
    /// What it holds.
    pub manifest: Manifest,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Writes a backup to a file, readable with the private key of any of the recipients.
pub async fn to_file(
    installation: &Installation,
    to: &Path,
    recipients: Vec<Recipient>,
    report: &mut dyn FnMut(Step),
) -> Result<Made> {
    let staging = Staging::claim(&installation.config.staging_dir())?;
    let folder = staging.folder().to_owned();
    let made_at = installation.clock.now();
    let tables = copy_database(&installation.db, &folder, report).await?;
    let (config, to) = (installation.config.clone(), to.to_owned());
    let pack = move || {
        let mut names = vec![SQLITE_FILE.to_owned()];
        for from in [config.keys_dir(), config.journal_dir()] {
            copy_files(&config.data, &from, &folder, &mut names)?;
        }
        let files = names.iter().map(|name| manifest::sum(&folder, name)).collect::<Result<_>>()?;
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let manifest = Manifest { format: FORMAT, version, made_at, tables, files };
        let bytes = archive::write(&folder, &manifest, &to, &recipients)?;
        Ok(Made { manifest, bytes })
    };
    let made = tokio::task::spawn_blocking(pack).await;
    drop(staging);
    made.unwrap_or_else(|error| Err(Error::io("backup")(std::io::Error::other(error))))
}

/// Copies a snapshot of a database into a new SQLite file in a folder.
pub async fn copy_database(source: &Db, folder: &Path, report: &mut dyn FnMut(Step)) -> Result<Vec<TableRows>> {
    let config = Config { data: folder.to_owned(), database: None };
    let target = Db::connect_unmigrated(&config.database_url()).await?;
    target.migrate().await?;
    id_range::clear(&target).await?;
    let tables = common_tables(source, &target, &folder.display().to_string()).await?;
    let sums = store_migration::copy_snapshot(source, &target, &tables, report).await?;
    let mut tx = target.write_exclusively().await?;
    progress::clear(&mut tx).await?;
    tx.commit().await?;
    target.close().await;
    Ok(sums.into_iter().map(|sum| TableRows { table: sum.table, rows: sum.rows }).collect())
}

/// Copies the files of one folder of the data folder, without locks and files that are being written.
fn copy_files(data: &Path, from: &Path, to: &Path, names: &mut Vec<String>) -> Result<()> {
    let folder = from.strip_prefix(data).unwrap_or(from);
    fs::create_dir_all(to.join(folder)).map_err(Error::io(to.display()))?;
    for entry in fs::read_dir(from).map_err(Error::io(from.display()))? {
        let entry = entry.map_err(Error::io(from.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        // What is about to be done here is not about to be done where the backup is restored.
        let is_intent = name.starts_with("intents-");
        if !is_file || is_intent || name.starts_with('.') || name.ends_with(".lock") {
            continue;
        }
        let target = folder.join(&name);
        match fs::copy(entry.path(), to.join(&target)) {
            Ok(_) => names.push(target.to_string_lossy().into_owned()),
            // A journal that was processed meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io(entry.path().display())(error)),
        }
    }
    Ok(())
}
