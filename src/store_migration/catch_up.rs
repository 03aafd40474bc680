//! The last of a move: those who left after the picture of the source was taken leave the target
//! too, and both sides are asked whether they agree. Nothing is written to the source meanwhile.

use std::collections::HashSet;

use crate::infra::db::table::Table;
use crate::infra::error::Result;
use crate::privacy::erasure_log;
use crate::store_migration::compare;
use crate::store_migration::endpoints::Endpoints;

/// Days before the picture from which tombstones are compared: clocks of several machines differ.
const MARGIN: i64 = 2;
/// Tables of at most this many rows are compared to the byte once more; of larger ones the rows are
/// counted. Only goodbyes have touched them since they were compared.
const SMALL: u64 = 20_000;

/// Lets those leave the target who left the source since a day. Returns how many times someone did.
pub async fn carry_out(ends: &Endpoints, since: i64) -> Result<usize> {
    let since = since - MARGIN;
    let known: HashSet<_> =
        erasure_log::tombstones_since(&ends.target, since).await?.into_iter().map(identity).collect();
    let mut late = erasure_log::tombstones_since(&ends.source, since).await?;
    late.retain(|entry| !known.contains(&identity(entry.clone())));
    Ok(erasure_log::apply(&ends.target, &late).await?.map_or(0, |(erasures, _)| erasures))
}

fn identity(entry: erasure_log::ErasureRecord) -> (i64, i64, [u8; 32]) {
    (entry.workspace, entry.list, entry.mark)
}

/// Whether both sides are the same now. Small tables are made so; a large one that differs wants
/// another round.
pub async fn agree(ends: &Endpoints, tables: &[Table]) -> Result<bool> {
    let mut here = ends.source.db.read_snapshot().await?;
    for table in tables {
        let there = table.count(&mut *ends.target.db.read().await?).await?;
        let rows = table.count(&mut here).await?;
        if rows.max(there) <= SMALL {
            // A second look tells whether what was carried over again is the same.
            let mut differed = 1;
            for _ in 0..2 {
                differed = compare::one(&mut here, table, &ends.target.db, &mut |_| {}).await?.1;
            }
            if differed > 0 {
                return Ok(false);
            }
        } else if rows != there {
            return Ok(false);
        }
    }
    Ok(true)
}
