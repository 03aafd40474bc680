//! Correction log: `journal/corrections.log`, one line for each correction of a contact, so that the old bytes are
//! removed even when the process ends after the commit. A line names the old address by the digest of a tombstone, or
//! nothing when the address stayed. Lines have the format of the erasure log.
//!
//! Table `correction` holds the digests of the last weeks for other machines on the same database, whose files may name the
//! old address too.

use std::collections::HashSet;
use std::path::PathBuf;

use sqlx::any::AnyRow;

use super::erasure_log::{self, ErasureRecord};
use crate::audience::address::Address;
use crate::audience::tombstone::{self, EVERY_LIST};
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// The reason of every line.
const CORRECTED: &str = "corrected";
/// The digest of no address.
const NO_ADDRESS: tombstone::Digest = [0; 32];
/// Days for which other machines can still learn of a correction.
const KEPT_DAYS: i64 = 90;

/// Records a correction before it is committed. `old` is the address that the contact no longer has. The line is durable when
/// this returns; the row, which other machines copy, with the transaction.
pub async fn record(installation: &Installation, conn: &mut Conn, workspace: Id, old: Option<&Address>) -> Result<()> {
    let digest = old.map_or(NO_ADDRESS, |old| tombstone::digest(&installation.keys.tombstone, workspace, old));
    let (day, reason) = (installation.clock.today(), CORRECTED.to_owned());
    if old.is_some() && installation.db.is_shared() {
        insert(conn, workspace, &digest, day).await?;
    }
    let record = ErasureRecord { workspace, list: EVERY_LIST, digest, day, reason };
    append(installation, vec![record]).await
}

async fn insert(conn: &mut Conn, workspace: Id, digest: &tombstone::Digest, day: i64) -> Result<()> {
    Query::new("delete from correction where day < :oldest")
        .bind("oldest", day - KEPT_DAYS)
        .execute(&mut *conn)
        .await?;
    Query::new(
        "insert into correction (workspace_id, digest, day)
         values (:workspace, :digest, :day)
         on conflict (workspace_id, digest, day) do nothing",
    )
    .bind("workspace", workspace)
    .bind("digest", digest.to_vec())
    .bind("day", day)
    .execute(conn)
    .await?;
    Ok(())
}

/// Appends corrections to the log. Durable when this returns.
pub(super) async fn append(installation: &Installation, records: Vec<ErasureRecord>) -> Result<()> {
    erasure_log::append_to(path(installation), records).await
}

/// The corrections of all machines that this machine's log lacks.
pub(super) async fn list_missing(installation: &Installation) -> Result<Vec<ErasureRecord>> {
    let rows = Query::new("select workspace_id, digest, day from correction")
        .fetch_all(&mut *installation.db.read().await?)
        .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let key = |record: &ErasureRecord| (record.workspace, record.digest, record.day);
    let logged: HashSet<_> = read_from(installation, 0)?.iter().map(key).collect();
    let record = |row: &AnyRow| {
        Some(ErasureRecord {
            workspace: row.cell(0).ok()?,
            list: EVERY_LIST,
            digest: row.cell::<Vec<u8>>(1).ok()?.try_into().ok()?,
            day: row.cell(2).ok()?,
            reason: CORRECTED.to_owned(),
        })
    };
    Ok(rows.iter().filter_map(record).filter(|record| !logged.contains(&key(record))).collect())
}

/// Reads the corrections behind byte `from` of the log.
pub(super) fn read_from(installation: &Installation, from: u64) -> Result<Vec<ErasureRecord>> {
    Ok(erasure_log::read_file(&path(installation), from)?.0)
}

/// The length of the log in bytes.
pub(super) fn length(installation: &Installation) -> u64 {
    std::fs::metadata(path(installation)).map_or(0, |found| found.len())
}

fn path(installation: &Installation) -> PathBuf {
    installation.config.journal_dir().join("corrections.log")
}
