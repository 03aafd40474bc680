//! Catch-up of a move: repeats in the target the erasures that happened in the source after its snapshot, and checks that
//! both stores agree. The source is not written meanwhile.

use std::collections::HashSet;

use crate::infra::db::table::Table;
use crate::infra::error::Result;
use crate::privacy::erasure_log::ErasureRecord;
use crate::privacy::erasure_replay;
use crate::store_migration::compare;
use crate::store_migration::endpoints::Endpoints;

/// Days before the snapshot from which tombstones are compared, as clocks of several machines differ.
const CLOCK_MARGIN: i64 = 2;
/// Tables of at most this many rows are compared by checksum again; of larger ones only the rows are counted, since only
/// erasures have changed them.
const CHECKSUM_ROWS: u64 = 20_000;

/// Repeats in the target the erasures of the source since a day. Returns their number.
pub async fn repeat_erasures(endpoints: &Endpoints, since: i64) -> Result<usize> {
    let since = since - CLOCK_MARGIN;
    let known: HashSet<_> =
        erasure_replay::tombstones_since(&endpoints.target, since).await?.iter().map(identity).collect();
    let mut missing = erasure_replay::tombstones_since(&endpoints.source, since).await?;
    missing.retain(|record| !known.contains(&identity(record)));
    Ok(erasure_replay::apply(&endpoints.target, &missing).await?.map_or(0, |(erasures, _)| erasures))
}

fn identity(record: &ErasureRecord) -> (i64, i64, [u8; 32]) {
    (record.workspace, record.list, record.digest)
}

/// Whether both stores hold the same rows. Small tables that differ are copied again; a large one that differs returns
/// false.
pub async fn agree(endpoints: &Endpoints, tables: &[Table]) -> Result<bool> {
    let mut source = endpoints.source.db.read_snapshot().await?;
    for table in tables {
        let target_rows = table.count(&mut *endpoints.target.db.read().await?).await?;
        let source_rows = table.count(&mut source).await?;
        if source_rows.max(target_rows) <= CHECKSUM_ROWS {
            // The second comparison checks the rows that the first one copied again.
            let mut differences = 1;
            for _ in 0..2 {
                differences = compare::compare_table(&mut source, table, &endpoints.target.db, &mut |_| {}).await?.1;
            }
            if differences > 0 {
                return Ok(false);
            }
        } else if source_rows != target_rows {
            return Ok(false);
        }
    }
    Ok(true)
}
