//! Table `id_node`: up to which count the ids of each of the 1,024 node numbers are claimed by processes.
//!
//! A claim moves the end of one node forward, in a transaction of its own, before an id of the range is used. A process
//! that dies leaves a gap, nothing else.

use crate::infra::db::{Cells, Db, Query};
use crate::infra::error::{Message, Result};

/// The counts `last + 1` to `end` of a node, which belong to one process.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// The node number.
    pub node: i64,
    /// The last count that is in use.
    pub last: i64,
    /// The last count of the range.
    pub end: i64,
}

/// Deletes the rows that the migrations write into a new store, before those of another store are copied into it.
pub async fn clear(db: &Db) -> Result<()> {
    let mut tx = db.write().await?;
    Query::new("delete from id_node").execute(&mut tx).await?;
    tx.commit().await
}

/// Claims `size` counts that are greater than `now` and than those in use: behind the end of `current` while no other
/// process has claimed these, and of another node otherwise.
pub async fn claim(db: &Db, current: Range, now: i64, size: i64) -> Result<Range> {
    let mut tx = db.write().await?;
    let end = current.last.max(now).max(current.end) + size;
    let extended = Query::new("update id_node set last = :end where node = :node and last = :last and last > 0")
        .bind("end", end)
        .bind("node", current.node)
        .bind("last", current.end)
        .execute(&mut tx)
        .await?;
    if extended == 1 {
        tx.commit().await?;
        return Ok(Range { end, ..current });
    }
    // A node whose counts are in the past; when there is none, the one that is the least ahead.
    let mut found = Query::new(
        "select node, last
           from id_node
          where last <= :now
          order by node
          limit 1{for_update_skip_locked}",
    )
    .bind("now", now)
    .fetch_optional(&mut tx)
    .await?;
    if found.is_none() {
        found = Query::new(
            "select node, last
               from id_node
              order by last, node
              limit 1{for_update}",
        )
        .fetch_optional(&mut tx)
        .await?;
    }
    let row = found.ok_or_else(|| Message::new("ids-used-up").internal())?;
    let last = row.cell::<i64>(1)?.max(now).max(current.last);
    let range = Range { node: row.cell(0)?, last, end: last + size };
    Query::new("update id_node set last = :end where node = :node")
        .bind("end", range.end)
        .bind("node", range.node)
        .execute(&mut tx)
        .await?;
    tx.commit().await?;
    Ok(range)
}
