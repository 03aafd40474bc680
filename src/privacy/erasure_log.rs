//! Erasure log: `journal/erasures.log`, beside the database, one line per erasure with the digest of its tombstone.
//! When an older copy of the database is restored, the next start repeats the erasures it lacks, before anything is
//! sent.
//!
//! The log is append-only. The last line for a digest counts: the reason [`LIFTED`] means that the contact subscribed
//! again by its own opt-in.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use futures_util::TryStreamExt;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::departure::Departure;
use super::erasure::Reason;
use super::{erasure, physical_erasure};
use crate::audience::address::Address;
use crate::audience::contact;
use crate::audience::tombstone::{self, Digest};
use crate::infra::db::query::Query;
use crate::infra::db::store_status::WritePurpose;
use crate::infra::error::{Error, Message, Result};
use crate::infra::fsync;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// The reason of a line that lifts a tombstone.
pub use crate::audience::tombstone::LIFTED;

/// Contacts compared with the log in one transaction.
const PAGE: i64 = 2_000;

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
pub(super) fn read_file(path: &Path, from: u64) -> Result<(Vec<ErasureRecord>, u64)> {
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

/// Repeats the erasures that a restored database lacks: sets the tombstones and erases the contacts. To be called before
/// anything is sent or imported; fast when nothing is missing. Returns the number of contacts erased.
pub async fn replay(installation: &Installation) -> Result<u64> {
    let applied = apply(installation, &find_missing(installation).await?).await?;
    if let Some((erasures, contacts)) = applied {
        tracing::warn!(erasures, contacts, "the database was older than the erasure log; erasures were repeated");
    }
    Ok(applied.map_or(0, |(_, contacts)| contacts))
}

/// Applies erasures that a database lacks. Returns their number and the number of contacts erased; `None` without any.
pub async fn apply(installation: &Installation, missing: &[ErasureRecord]) -> Result<Option<(usize, u64)>> {
    if missing.is_empty() {
        return Ok(None);
    }
    let rows: Vec<_> = missing.iter().map(|r| (r.workspace, r.list, r.digest, r.reason.as_str(), r.day)).collect();
    let mut tx = installation.db.write_for(WritePurpose::Removal).await?;
    tombstone::set_many(&mut tx, &rows).await?;
    tx.commit().await?;
    physical_erasure::mark_all_pending(installation)?;
    let mut lists: BTreeMap<Id, HashMap<Digest, Vec<&ErasureRecord>>> = BTreeMap::new();
    for record in missing {
        lists.entry(record.workspace).or_default().entry(record.digest).or_default().push(record);
    }
    let mut erased = 0;
    for (workspace, lists) in &lists {
        erased += erase_matching(installation, *workspace, lists).await?;
    }
    Ok(Some((missing.len(), erased)))
}

/// The erasures of the log whose tombstones the database lacks. Almost none ever is, so one scan of all tombstones is
/// faster than a lookup for each line.
async fn find_missing(installation: &Installation) -> Result<Vec<ErasureRecord>> {
    let mut last: HashMap<(Id, Id, Digest), ErasureRecord> = HashMap::new();
    for record in read_from(installation, 0)?.0 {
        last.insert((record.workspace, record.list, record.digest), record);
    }
    last.retain(|_, record| record.reason != LIFTED);
    if last.is_empty() {
        return Ok(Vec::new());
    }
    let mut conn = installation.db.read().await?;
    let mut rows = Query::new(
        "select workspace_id, list_id, digest, day, reason
           from tombstone",
    )
    .fetch(&mut conn);
    while let Some(row) = rows.try_next().await? {
        if let Some(record) = read_tombstone(&row) {
            last.remove(&(record.workspace, record.list, record.digest));
        }
    }
    Ok(last.into_values().collect())
}

/// The erasures whose tombstones were set on `day` or later.
pub async fn tombstones_since(installation: &Installation, day: i64) -> Result<Vec<ErasureRecord>> {
    let mut conn = installation.db.read().await?;
    let rows = Query::new(
        "select workspace_id, list_id, digest, day, reason
           from tombstone
          where day >= :day
            and reason <> 'lifted'",
    )
    .bind("day", day)
    .fetch_all(&mut conn)
    .await?;
    Ok(rows.iter().filter_map(read_tombstone).collect())
}

/// A tombstone as a record; `None` for a row with a value of a wrong type.
fn read_tombstone(row: &AnyRow) -> Option<ErasureRecord> {
    Some(ErasureRecord {
        workspace: row.try_get(0).ok()?,
        list: row.try_get(1).ok()?,
        digest: row.try_get::<Vec<u8>, _>(2).ok()?.try_into().ok()?,
        day: row.try_get(3).ok()?,
        reason: row.try_get(4).ok()?,
    })
}

/// Erases the contacts of a workspace whose digest has lists in `lists`, page by page. Returns the number of contacts
/// that are gone altogether.
async fn erase_matching(
    installation: &Installation,
    workspace: Id,
    lists: &HashMap<Digest, Vec<&ErasureRecord>>,
) -> Result<u64> {
    let (mut after, mut erased): (Id, u64) = (0, 0);
    loop {
        let mut tx = installation.db.write_for(WritePurpose::Removal).await?;
        let rows = Query::new(
            "select id, canonical, address
               from contact
              where workspace_id = :workspace
                and id > :after
              order by id
              limit :page",
        )
        .bind("workspace", workspace)
        .bind("after", after)
        .bind("page", PAGE)
        .fetch_all(&mut tx)
        .await?;
        let Some(last) = rows.last() else { return Ok(erased) };
        after = last.get(0);
        for row in &rows {
            let contact: Id = row.get(0);
            let Ok(canonical) = row.try_get::<&str, _>(1) else { continue };
            let key = &installation.keys.tombstone;
            let digest = tombstone::digest_canonical(key, workspace, canonical);
            // An earlier version has logged the digest of another form.
            let earlier = row.try_get::<&str, _>(2).ok().filter(|address| address.contains('\\'));
            let earlier = earlier.and_then(|address| Address::parse_stored(address).earlier_canonical());
            let earlier = earlier.map(|canonical| tombstone::digest_canonical(key, workspace, &canonical));
            let records: Vec<&ErasureRecord> = [Some(digest), earlier]
                .into_iter()
                .flatten()
                .filter_map(|digest| lists.get(&digest))
                .flatten()
                .copied()
                .collect();
            if records.is_empty() {
                continue;
            }
            for record in records {
                let departure = Departure::of(Reason::parse(&record.reason), record.day);
                erasure::reapply(&mut tx, contact, record.list, &departure).await?;
            }
            if contact::get(&mut tx, contact).await?.is_none() {
                erased += 1;
            }
        }
        tx.commit().await?;
    }
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
