//! The log of erasures, beside the database: `journal/erasures.log`, one line an erasure with the
//! digest of the tombstone. When an older copy of the database is put back, the next start carries
//! out what it had missed, before anything is sent.
//!
//! The log is only ever appended to. A later line for the same digest overrules an earlier one: the
//! reason [`LIFTED`] says that the person came back by an opt-in of their own.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use futures_util::TryStreamExt;
use sqlx::Row;

use super::{erasure, physical_erasure};
use crate::audience::contact;
use crate::audience::tombstone::{self, Digest};
use crate::infra::db::Sql;
use crate::infra::db::store_status::WritePurpose;
use crate::infra::error::{Error, Message, Result};
use crate::infra::fsync;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// The reason word of a line that takes a tombstone back.
pub const LIFTED: &str = "lifted";

/// People looked at in one transaction.
const PAGE: i64 = 2_000;

/// One erasure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureRecord {
    /// In which workspace.
    pub workspace: Id,
    /// From which list; 0 for all.
    pub list: Id,
    /// The digest of the address.
    pub mark: Digest,
    /// On which day since 1970.
    pub day: i64,
    /// Why.
    pub reason: String,
}

/// Appends erasures to the log and waits until they are on disk.
pub async fn append(installation: &Installation, entries: Vec<ErasureRecord>) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let path = path(installation);
    let writing = tokio::task::spawn_blocking(move || write(&path, &entries).map_err(Error::io(path.display())));
    writing.await.unwrap_or_else(|_| Err(Message::new("ledger-stopped").internal()))
}

fn write(path: &Path, entries: &[ErasureRecord]) -> std::io::Result<()> {
    let fresh = !path.exists();
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    // A line that a crash cut off must not swallow this one.
    let mut text = if ends_a_line(&mut file)? { String::new() } else { "\n".to_owned() };
    for entry in entries {
        let ErasureRecord { workspace, list, mark, day, reason } = entry;
        text.push_str(&format!("{workspace} {list} {} {day} {reason}\n", tombstone::hex(mark)));
    }
    file.write_all(text.as_bytes())?;
    fsync::or_exit(path.display(), file.sync_data());
    if fresh {
        let folder = path.parent().unwrap_or(Path::new("."));
        fsync::or_exit(folder.display(), fs::File::open(folder)?.sync_all());
    }
    Ok(())
}

/// The erasures noted since the log was `from` bytes long, and its length now.
pub fn read_from(installation: &Installation, from: u64) -> Result<(Vec<ErasureRecord>, u64)> {
    let path = path(installation);
    let mut bytes = Vec::new();
    let mut read = || -> std::io::Result<()> {
        let mut file = fs::File::open(&path)?;
        file.seek(SeekFrom::Start(from))?;
        file.read_to_end(&mut bytes).map(|_| ())
    };
    match read() {
        Ok(()) => {
            let entries = String::from_utf8_lossy(&bytes).lines().filter_map(parse).collect();
            Ok((entries, from + bytes.len() as u64))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok((Vec::new(), 0)),
        Err(error) => Err(Error::io(path.display())(error)),
    }
}

/// The length of the log.
pub fn length(installation: &Installation) -> u64 {
    fs::metadata(path(installation)).map_or(0, |found| found.len())
}

/// Brings a database that is older than the log up to date: sets the tombstones it lacks and erases
/// the people they belong to. To be called before anything is sent or imported. Returns how many
/// people went; quick when nothing is missing.
pub async fn replay(installation: &Installation) -> Result<u64> {
    let gone = apply(installation, &missing(installation).await?).await?;
    if let Some((erasures, people)) = gone {
        tracing::warn!(erasures, people, "the database was older than the log of erasures");
    }
    Ok(gone.map_or(0, |(_, people)| people))
}

/// Carries erasures out that a database has missed. Returns how many there were and how many
/// people went; `None` when there were none.
pub async fn apply(installation: &Installation, missing: &[ErasureRecord]) -> Result<Option<(usize, u64)>> {
    if missing.is_empty() {
        return Ok(None);
    }
    let graves: Vec<_> = missing.iter().map(|e| (e.workspace, e.list, e.mark, e.reason.as_str(), e.day)).collect();
    let mut tx = installation.db.write_for(WritePurpose::Removal).await?;
    tombstone::set_many(&mut tx, &graves).await?;
    tx.commit().await?;
    physical_erasure::mark_all_pending(installation)?;
    let mut due: BTreeMap<Id, HashMap<Digest, Vec<Id>>> = BTreeMap::new();
    for entry in missing {
        due.entry(entry.workspace).or_default().entry(entry.mark).or_default().push(entry.list);
    }
    let mut gone = 0;
    for (workspace, marks) in &due {
        gone += walk(installation, *workspace, marks).await?;
    }
    Ok(Some((missing.len(), gone)))
}

/// What stands in the log and not in the database. One walk over all tombstones is quicker than
/// asking for each line of the log, as almost none is ever missing.
async fn missing(installation: &Installation) -> Result<Vec<ErasureRecord>> {
    let mut last: HashMap<(Id, Id, Digest), ErasureRecord> = HashMap::new();
    for entry in read_from(installation, 0)?.0 {
        last.insert((entry.workspace, entry.list, entry.mark), entry);
    }
    last.retain(|_, entry| entry.reason != LIFTED);
    if last.is_empty() {
        return Ok(Vec::new());
    }
    let mut conn = installation.db.read().await?;
    let mut sql = Sql::new("select workspace_id, list_id, digest from tombstone");
    let mut rows = sql.stream(&mut conn);
    while let Some(row) = rows.try_next().await? {
        if let Ok(mark) = row.get::<Vec<u8>, _>(2).try_into() {
            last.remove(&(row.get(0), row.get(1), mark));
        }
    }
    Ok(last.into_values().collect())
}

/// The erasures whose tombstones were set on a day or later.
pub async fn tombstones_since(installation: &Installation, day: i64) -> Result<Vec<ErasureRecord>> {
    let mut conn = installation.db.read().await?;
    let rows = sqlx::query("select workspace_id, list_id, digest, day, reason from tombstone where day >= $1")
        .bind(day)
        .fetch_all(&mut *conn)
        .await?;
    let entry = |row: &sqlx::any::AnyRow| {
        let mark = row.get::<Vec<u8>, _>(2).try_into().ok()?;
        Some(ErasureRecord { workspace: row.get(0), list: row.get(1), mark, day: row.get(3), reason: row.get(4) })
    };
    Ok(rows.iter().filter_map(entry).collect())
}

async fn walk(installation: &Installation, workspace: Id, marks: &HashMap<Digest, Vec<Id>>) -> Result<u64> {
    let (mut after, mut gone): (Id, u64) = (0, 0);
    loop {
        let mut tx = installation.db.write_for(WritePurpose::Removal).await?;
        let rows = Sql::new("select id, canonical from contact where workspace_id = ")
            .bind(workspace)
            .push(" and id > ")
            .bind(after)
            .push(" order by id limit ")
            .bind(PAGE)
            .all(&mut tx)
            .await?;
        let Some(last) = rows.last() else { return Ok(gone) };
        after = last.get(0);
        for row in &rows {
            let mark = tombstone::digest_canonical(&installation.keys.tombstone, workspace, row.get(1));
            for list in marks.get(&mark).into_iter().flatten() {
                erasure::reapply(&mut tx, row.get(0), *list).await?;
            }
            if marks.contains_key(&mark) && contact::get(&mut tx, row.get(0)).await?.is_none() {
                gone += 1;
            }
        }
        tx.commit().await?;
    }
}

fn path(installation: &Installation) -> PathBuf {
    installation.config.journal_dir().join("erasures.log")
}

fn ends_a_line(file: &mut fs::File) -> std::io::Result<bool> {
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
    let digest = next().filter(|digest| digest.len() == 64 && digest.is_ascii())?;
    let mut mark = [0; 32];
    for (index, byte) in mark.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digest[index * 2..index * 2 + 2], 16).ok()?;
    }
    Some(ErasureRecord { workspace, list, mark, day: next()?.parse().ok()?, reason: next()?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_cut_off_is_no_erasure() {
        let whole = format!("7 0 {} 20000 left", "ab".repeat(32));

        assert_eq!(parse(&whole).map(|entry| (entry.workspace, entry.mark[0], entry.day)), Some((7, 0xab, 20_000)));
        for end in 0..whole.len() - "left".len() {
            assert_eq!(parse(&whole[..end]), None, "{end}");
        }
    }
}
