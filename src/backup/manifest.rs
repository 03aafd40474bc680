//! The manifest of a backup, the first file of its archive: what the backup holds, with checksums.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::infra::clock::Millis;
use crate::infra::error::{Error, Result};
use crate::infra::hex;

/// The version of this format.
pub const FORMAT: u32 = 1;

/// The name of the manifest in the archive.
pub const NAME: &str = "manifest.json";

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the format.
    pub format: u32,
    /// The version of the program that made it.
    pub version: String,
    /// When the copy of the database was taken, in ms.
    pub made_at: Millis,
    /// The tables of the database.
    pub tables: Vec<TableRows>,
    /// The files.
    pub files: Vec<FileSum>,
}

/// A table of the database in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRows {
    /// Its name.
    pub table: String,
    /// Its rows.
    pub rows: u64,
}

/// A file in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSum {
    /// Its path in the archive, with `/`.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// SHA-256 of its content, in hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// The rows of a table; 0 for one that is not there.
    pub fn rows(&self, table: &str) -> u64 {
        self.tables.iter().find(|found| found.table == table).map_or(0, |found| found.rows)
    }
}

/// Size and checksum of a file in a folder.
pub fn sum(folder: &Path, name: &str) -> Result<FileSum> {
    let path = folder.join(name);
    let read = || -> io::Result<FileSum> {
        let (mut file, mut hash, mut bytes) = (File::open(&path)?, Sha256::new(), 0);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            hash.update(&buffer[..count]);
            bytes += count as u64;
        }
        let sha256 = hex::encode(&hash.finalize());
        Ok(FileSum { name: name.to_owned(), bytes, sha256 })
    };
    read().map_err(Error::io(path.display()))
}
