//! Lifting of tombstones: an address that its owner has brought back is let in again. The tombstone stays as a row that blocks
//! nothing, so that another machine, whose erasure log has the erasure alone, does not repeat it.

use super::erasure_log::{self, ErasureRecord, LIFTED};
use crate::audience::address::Address;
use crate::audience::tombstone;
use crate::infra::db::Conn;
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// Lifts the tombstones that keep an address off a list. Returns false, and lifts none, when one of them was set after the
/// day `until` (since 1970 UTC). The log is written before the commit: otherwise the next start would repeat the erasure.
pub async fn lift(
    installation: &Installation,
    conn: &mut Conn,
    workspace: Id,
    list: Id,
    address: &Address,
    until: i64,
) -> Result<bool> {
    let digests = tombstone::digests(&installation.keys.tombstone, workspace, address);
    let found = tombstone::of_address(conn, workspace, list, &digests).await?;
    if found.iter().any(|(_, _, day)| *day > until) {
        return Ok(false);
    }
    tombstone::lift(conn, workspace, list, &digests).await?;
    let day = installation.clock.today();
    let record = |(list, digest, _)| ErasureRecord { workspace, list, digest, day, reason: LIFTED.to_owned() };
    erasure_log::append(installation, found.into_iter().map(record).collect()).await?;
    Ok(true)
}
