//! Replay of the erasure log: repeats the erasures that a database lacks because an older copy of it was restored, before
//! anything is sent.

use std::collections::{BTreeMap, HashMap};

use futures_util::TryStreamExt;
use sqlx::any::AnyRow;

use super::departure::{Departure, Reason};
use super::erasure_log::{ErasureRecord, LIFTED, read_from};
use super::{erasure, log_lengths};
use crate::audience::address::Address;
use crate::audience::contact;
use crate::audience::tombstone::{self, Digest};
use crate::infra::db::store_status::WritePurpose;
use crate::infra::db::{Cells, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// Contacts compared with the log in one transaction.
const PAGE: i64 = 2_000;

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
    log_lengths::mark_all_pending(installation)?;
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
        workspace: row.cell(0).ok()?,
        list: row.cell(1).ok()?,
        digest: row.cell::<Vec<u8>>(2).ok()?.try_into().ok()?,
        day: row.cell(3).ok()?,
        reason: row.cell(4).ok()?,
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
        after = last.cell(0)?;
        for row in &rows {
            let contact: Id = row.cell(0)?;
            let Ok(canonical) = row.cell::<&str>(1) else { continue };
            let key = &installation.keys.tombstone;
            let digest = tombstone::digest_canonical(key, workspace, canonical);
            // An earlier version has logged the digest of another form.
            let earlier = row.cell::<&str>(2).ok().filter(|address| address.contains('\\'));
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
                erasure::reapply(installation, &mut tx, contact, record.list, &departure).await?;
            }
            if contact::get(&mut tx, contact).await?.is_none() {
                erased += 1;
            }
        }
        tx.commit().await?;
    }
}
