//! Comparison of a move: counts the rows of both stores and computes their checksums, table by table in key order, and
//! copies ranges that differ again. Both stores are read at once; no row is kept in memory.
//!
//! The checksum of a table is SHA-256 over all its rows. Equal rows have equal checksums on both databases.

use sha2::{Digest, Sha256};

use crate::infra::db::table::Table;
use crate::infra::db::value::Value;
use crate::infra::db::{Conn, Db};
use crate::infra::error::Result;
use crate::infra::hex;
use crate::store_migration::{Step, copy};

/// Rows of a range: compared at a time, and copied again together.
const RANGE_ROWS: usize = 10_000;

/// The checksum of a table that is the same in both stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableChecksum {
    /// The name of the table.
    pub table: String,
    /// The number of rows.
    pub rows: u64,
    /// SHA-256 over them, in hexadecimal.
    pub checksum: String,
}

/// Compares one table. Returns its checksum, and the number of ranges that differed and were copied again: then only
/// another comparison can show that they are the same now.
pub async fn compare_table(
    source: &mut Conn,
    table: &Table,
    target: &Db,
    report: &mut dyn FnMut(Step),
) -> Result<(TableChecksum, u64)> {
    let mut target_conn = target.read().await?;
    let (mut source_hash, mut target_hash) = (Sha256::new(), Sha256::new());
    let (mut rows, mut copied_again) = (0, 0);
    let mut after: Option<Vec<Value>> = None;
    let mut next = table.digest(source, (None, None), Some(RANGE_ROWS), &mut source_hash).await?;
    loop {
        let (count, last) = next;
        let expected = source_hash.clone();
        // Without a last row the range has no end: behind the last row of the source the target must be empty.
        let up_to = last.clone();
        let reading_target =
            table.digest(&mut target_conn, (after.as_deref(), up_to.as_deref()), None, &mut target_hash);
        let reading_source = async {
            match &last {
                Some(last) => table.digest(source, (Some(last), None), Some(RANGE_ROWS), &mut source_hash).await,
                None => Ok((0, None)),
            }
        };
        let (_, following) = tokio::try_join!(reading_target, reading_source)?;
        if target_hash.clone().finalize() != expected.clone().finalize() {
            copy::copy_range_again(source, table, (after.take(), up_to), target).await?;
            target_hash = expected;
            copied_again += 1;
        }
        rows += count;
        if count > 0 {
            report(Step::Comparing { table: table.name.clone(), rows: count });
        }
        match last {
            Some(last) => after = Some(last),
            None => break,
        }
        next = following;
    }
    let checksum = hex::encode(&source_hash.finalize());
    Ok((TableChecksum { table: table.name.clone(), rows, checksum }, copied_again))
}
