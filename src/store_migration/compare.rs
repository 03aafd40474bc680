//! Counts and checksums both sides, table by table in the order of the keys, and carries over again
//! what differs. Both sides are read at once; no row is kept.
//!
//! The checksum of a table is SHA-256 over all of its rows. It says the same of the same rows on
//! either database.

use sha2::{Digest, Sha256};

use crate::infra::db::table::Table;
use crate::infra::db::value::Value;
use crate::infra::db::{Conn, Db};
use crate::infra::error::Result;
use crate::store_migration::{Step, copy};

/// Rows compared at a time; what differs is carried over again in stretches of this size.
const STRETCH: usize = 10_000;

/// A table that is the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableChecksum {
    /// Its name.
    pub table: String,
    /// Its rows.
    pub rows: u64,
    /// SHA-256 over them, in hexadecimal.
    pub checksum: String,
}

/// Compares one table. Returns its sum, and the number of stretches that differed and were carried
/// over again: then only another comparison can tell that they are the same now.
pub async fn one(from: &mut Conn, table: &Table, to: &Db, told: &mut dyn FnMut(Step)) -> Result<(TableChecksum, u64)> {
    let mut there = to.read().await?;
    let (mut here_sum, mut there_sum) = (Sha256::new(), Sha256::new());
    let (mut rows, mut repaired) = (0, 0);
    let mut after: Option<Vec<Value>> = None;
    let mut next = table.digest(from, (None, None), Some(STRETCH), &mut here_sum).await?;
    loop {
        let (count, last) = next;
        let told_sum = here_sum.clone();
        // Behind the last row of the source nothing may be left on the other side.
        let upto = last.clone();
        let other = table.digest(&mut there, (after.as_deref(), upto.as_deref()), None, &mut there_sum);
        let reading = async {
            match &last {
                Some(last) => table.digest(from, (Some(last), None), Some(STRETCH), &mut here_sum).await,
                None => Ok((0, None)),
            }
        };
        let (_, following) = tokio::try_join!(other, reading)?;
        if there_sum.clone().finalize() != told_sum.clone().finalize() {
            copy::again(from, table, (after.take(), upto), to).await?;
            there_sum = told_sum;
            repaired += 1;
        }
        rows += count;
        if count > 0 {
            told(Step::Comparing { table: table.name.clone(), rows: count });
        }
        match last {
            Some(last) => after = Some(last),
            None => break,
        }
        next = following;
    }
    let checksum = here_sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((TableChecksum { table: table.name.clone(), rows, checksum }, repaired))
}
