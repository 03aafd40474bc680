//! Where an installation lives: the data folder and the database. Resolved once from flags and
//! environment; everything after sees only the resolved form.

use std::path::{Path, PathBuf};

use crate::infra::error::{Error, Message, Result};
use crate::infra::store_location::{StoreLocation, StorePointer};

/// The data folder and the database of one installation.
#[derive(Debug, Clone)]
pub struct Config {
    /// Keys, journals, captured letters, exports and, by default, the database.
    pub data: PathBuf,
    /// `None` means SQLite in the data folder.
    pub database: Option<String>,
}

impl Config {
    /// The URL that sqlx connects to.
    pub fn database_url(&self) -> String {
        match &self.database {
            Some(url) => url.clone(),
            None => {
                let path = self.data.join("sendoff.db");
                let text = path.to_string_lossy();
                format!("sqlite://{}?mode=rwc", percent(&text))
            }
        }
    }

    /// The same installation where its data are now: they may have been carried elsewhere. Refuses a
    /// database or a folder that they are no longer in.
    pub fn resolve(self) -> Result<Self> {
        let Some(StorePointer { now, .. }) = StorePointer::read(&self.data)? else { return Ok(self) };
        let own = std::path::absolute(&self.data).map(StoreLocation::Folder).map_err(Error::io(self.data.display()))?;
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
            // The same database, and perhaps a newer password.
            Some(_) => Ok(self),
            None => Ok(now.config(&self.data)),
        }
    }

    /// Makes the data folder and its rooms, readable by the owner alone.
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
            restrict(&folder)?;
        }
        Ok(())
    }

    /// Key files: never in the database, never in its backups.
    pub fn keys_dir(&self) -> PathBuf {
        self.data.join("keys")
    }

    /// Letters that the capture relay received.
    pub fn capture_dir(&self) -> PathBuf {
        self.data.join("capture")
    }

    /// The place for exports that erasure looks after.
    pub fn export_dir(&self) -> PathBuf {
        self.data.join("export")
    }

    /// What could not be written to the database yet.
    pub fn journal_dir(&self) -> PathBuf {
        self.data.join("journal")
    }

    /// Sorted runs of an import under way; emptied when the next one starts.
    pub fn staging_dir(&self) -> PathBuf {
        self.data.join("staging")
    }
}

#[cfg(unix)]
fn restrict(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(folder).map_err(Error::io(folder.display()))?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).map_err(Error::io(folder.display()))
}

#[cfg(not(unix))]
fn restrict(_folder: &Path) -> Result<()> {
    Ok(())
}

fn percent(path: &str) -> String {
    path.bytes()
        .map(|byte| match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}
