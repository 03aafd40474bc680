//! Configuration of an installation: the data folder and the database. Resolved once from command-line options
//! and environment variables.

use std::path::{Path, PathBuf};

use crate::infra::error::{Error, Message, Result};
use crate::infra::private_file;
use crate::infra::store_location::{SQLITE_FILE, StoreLocation, StorePointer, beside};

/// The data folder and the database of one installation.
#[derive(Debug, Clone)]
pub struct Config {
    /// Folder with keys, journals, captured messages, exports and, by default, the database.
    pub data: PathBuf,
    /// URL of the database; `None` means SQLite in the data folder.
    pub database: Option<String>,
}

impl Config {
    /// The database URL for sqlx.
    pub fn database_url(&self) -> String {
        match &self.database {
            Some(url) => url.clone(),
            None => {
                let path = self.data.join(SQLITE_FILE);
                let text = path.to_string_lossy();
                format!("sqlite://{}?mode=rwc", percent(&text))
            }
        }
    }

    /// The configuration of an installation with this store; with a database server all other files stay in
    /// `data`.
    pub fn with_store(location: &StoreLocation, data: &Path) -> Self {
        match location {
            StoreLocation::Folder(folder) => Self { data: folder.clone(), database: None },
            StoreLocation::Url(url) => Self { data: data.to_owned(), database: Some(url.clone()) },
        }
    }

    /// The location of the store.
    pub fn store_location(&self) -> Result<StoreLocation> {
        match &self.database {
            Some(url) => Ok(StoreLocation::Url(url.clone())),
            None => self.own_folder(),
        }
    }

    fn own_folder(&self) -> Result<StoreLocation> {
        std::path::absolute(&self.data).map(StoreLocation::Folder).map_err(Error::io(self.data.display()))
    }

    /// Follows the file `store` to the current location of the data after a store migration. Returns an error
    /// when the options name a database or folder that the data have left.
    pub fn resolve(self) -> Result<Self> {
        let Some(StorePointer { now, .. }) = StorePointer::read(&self.data)? else { return Ok(self) };
        let own = self.own_folder()?;
        let given = self.database.clone().map(StoreLocation::Url);
        let (key, is_wrong) = match &now {
            StoreLocation::Folder(_) if !now.is_same(&own) => ("store-other-folder", true),
            _ => ("store-elsewhere", given.as_ref().is_some_and(|given| !given.is_same(&now))),
        };
        if is_wrong {
            let file = self.data.join("store");
            return Err(Message::new(key).with("place", now.redacted()).with("file", file.display()).invalid());
        }
        match given {
            // The same database, perhaps with a newer password.
            Some(_) => Ok(self),
            None => Ok(Self::with_store(&now, &self.data)),
        }
    }

    /// True when the data folder holds an installation: its keys.
    pub fn is_initialized(&self) -> bool {
        self.keys_dir().join("token.key").exists()
    }

    /// Creates the data folder and its subfolders, mode 0700, and the file of a SQLite database, mode 0600.
    pub fn prepare(&self) -> Result<()> {
        for folder in [
            self.data.clone(),
            self.keys_dir(),
            self.capture_dir(),
            self.export_dir(),
            self.journal_dir(),
            self.staging_dir(),
        ] {
            std::fs::create_dir_all(&folder).map_err(Error::io(folder.display()))?;
            private_file::restrict(&folder, 0o700).map_err(Error::io(folder.display()))?;
        }
        for file in std::fs::read_dir(self.journal_dir()).map_err(Error::io(self.journal_dir().display()))?.flatten() {
            private_file::restrict(&file.path(), 0o600).map_err(Error::io(file.path().display()))?;
        }
        if let Some(database) = self.store_location()?.file() {
            // SQLite gives its journal the mode of the database.
            private_file::ensure(&database).map_err(Error::io(database.display()))?;
            for journal in ["-wal", "-shm"].map(|suffix| beside(&database, suffix)) {
                private_file::restrict(&journal, 0o600).map_err(Error::io(journal.display()))?;
            }
        }
        Ok(())
    }

    /// Folder of key files, which are never in the database or its backups.
    pub fn keys_dir(&self) -> PathBuf {
        self.data.join("keys")
    }

    /// Folder of messages that the capture relay received.
    pub fn capture_dir(&self) -> PathBuf {
        self.data.join("capture")
    }

    /// Folder of exports; file erasure searches it.
    pub fn export_dir(&self) -> PathBuf {
        self.data.join("export")
    }

    /// Folder of journals: requests and events that wait for the database, and the erasure log.
    pub fn journal_dir(&self) -> PathBuf {
        self.data.join("journal")
    }

    /// Folder of the sorted runs of an import; the next import empties it.
    pub fn staging_dir(&self) -> PathBuf {
        self.data.join("staging")
    }
}

fn percent(path: &str) -> String {
    path.bytes()
        .map(|byte| match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}
