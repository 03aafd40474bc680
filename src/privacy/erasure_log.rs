//! Erasure log: `journal/erasures.log`, beside the database, one line per erasure with the digest of its tombstone.
//! When an older copy of the database is restored, the next start repeats the erasures it lacks (`erasure_replay`).
//!
//! The log is append-only. The last line for a digest counts: the reason [`LIFTED`] means that the contact subscribed
//! again by its own opt-in.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::audience::tombstone::{self, Digest};
use crate::infra::error::{Error, Message, Result};
use crate::infra::fsync;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// The reason of a line that lifts a tombstone.
pub use crate::audience::tombstone::LIFTED;

/// One erasure, as a line of the log and as a tombstone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureRecord {
    /// The workspace.
    pub workspace: Id,
    /// The list; 0 for all.
    pub list: Id,
    /// The keyed digest of the canonical address.
    pub digest: Digest,
    /// Days since 1970-01-01 UTC.
    pub day: i64,
    /// The reason (`erasure::Reason`), or [`LIFTED`].
    pub reason: String,
}

impl ErasureRecord {
    /// The line of the log.
    pub(super) fn line(&self) -> String {
        let Self { workspace, list, digest, day, reason } = self;
        format!("{workspace} {list} {} {day} {reason}\n", tombstone::hex(digest))
    }
}

/// Appends erasures to the log. Durable when this returns.
pub async fn append(installation: &Installation, records: Vec<ErasureRecord>) -> Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    append_to(path(installation), records).await
}

/// Appends lines to a log of this format. Durable when this returns.
pub(super) async fn append_to(path: PathBuf, records: Vec<ErasureRecord>) -> Result<()> {
    let writing = tokio::task::spawn_blocking(move || write(&path, &records).map_err(Error::io(path.display())));
    writing.await.unwrap_or_else(|_| Err(Message::new("spool-stopped").unavailable()))
}

fn write(path: &Path, records: &[ErasureRecord]) -> std::io::Result<()> {
    let is_new = !path.exists();
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    // A line that a crash cut off ends here, so that the next one is read.
    let mut text = if ends_with_newline(&mut file)? { String::new() } else { "\n".to_owned() };
    for record in records {
        text.push_str(&record.line());
    }
    file.write_all(text.as_bytes())?;
    fsync::or_exit(path.display(), file.sync_data());
    if is_new {
        let folder = path.parent().unwrap_or(Path::new("."));
        fsync::or_exit(folder.display(), fs::File::open(folder)?.sync_all());
    }
    Ok(())
}

/// Reads the erasures behind byte `from` of the log. Returns them and the length of the log.
pub fn read_from(installation: &Installation, from: u64) -> Result<(Vec<ErasureRecord>, u64)> {
    read_file(&path(installation), from)
}

/// Reads the lines behind byte `from` of a log of this format. Returns them and the length of the log.
pub fn read_file(path: &Path, from: u64) -> Result<(Vec<ErasureRecord>, u64)> {
    let mut bytes = Vec::new();
    let mut read = || -> std::io::Result<()> {
        let mut file = fs::File::open(path)?;
        file.seek(SeekFrom::Start(from))?;
        file.read_to_end(&mut bytes).map(|_| ())
    };
    match read() {
        Ok(()) => {
            let records = String::from_utf8_lossy(&bytes).lines().filter_map(parse).collect();
            Ok((records, from + bytes.len() as u64))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok((Vec::new(), 0)),
        Err(error) => Err(Error::io(path.display())(error)),
    }
}

/// The length of the log in bytes.
pub fn length(installation: &Installation) -> u64 {
    fs::metadata(path(installation)).map_or(0, |found| found.len())
}

fn path(installation: &Installation) -> PathBuf {
    installation.config.journal_dir().join("erasures.log")
}

fn ends_with_newline(file: &mut fs::File) -> std::io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

fn parse(line: &str) -> Option<ErasureRecord> {
    let mut words = line.split(' ');
    let mut next = || words.next();
    let (workspace, list) = (next()?.parse().ok()?, next()?.parse().ok()?);
    let hex = next().filter(|hex| hex.len() == 64 && hex.is_ascii())?;
    let mut digest = [0; 32];
    for (index, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[index * 2..index * 2 + 2], 16).ok()?;
    }
    Some(ErasureRecord { workspace, list, digest, day: next()?.parse().ok()?, reason: next()?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncated_line_is_ignored() {
        let whole = format!("7 0 {} 20000 left", "ab".repeat(32));

        assert_eq!(
            parse(&whole).map(|record| (record.workspace, record.digest[0], record.day)),
            Some((7, 0xab, 20_000))
        );
        for end in 0..whole.len() - "left".len() {
            assert_eq!(parse(&whole[..end]), None, "{end}");
        }
    }
}
