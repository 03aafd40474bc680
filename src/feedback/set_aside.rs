//! Table `set_aside`: lines of a spool that cannot be processed, each with its reason, so that those behind them go on. An
//! operator lists them, and has them processed again or dismissed. A line names ids only; a damaged one is not kept, since it
//! could hold anything. When a contact is erased, its lines go.

use sqlx::any::AnyRow;

use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;

/// Bytes of the longest line that is kept.
const MAX_LINE: usize = 200;

crate::text_enum! {
    /// The spool that a line comes from, as in column `queue`.
    Queue {
        /// Opens and clicks.
        Event = "event",
        /// Requests of recipients: to be unsubscribed or erased.
        Request = "request",
    }
}

/// A line that is set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Its key.
    pub id: Id,
    /// The spool, as stored.
    pub queue: String,
    /// The line; `None` when it is damaged.
    pub line: Option<String>,
    /// Why: a packed message.
    pub reason: String,
    /// When, in ms.
    pub at: Millis,
}

/// A line to be set aside.
#[derive(Debug)]
pub struct NewSetAside<'a> {
    /// Its key.
    pub id: Id,
    /// The spool.
    pub queue: Queue,
    /// The line; `None` when it is damaged.
    pub line: Option<&'a str>,
    /// Why.
    pub reason: Message,
    /// The delivery that it names.
    pub delivery: Option<Id>,
    /// Now, in ms.
    pub at: Millis,
}

/// Sets a line aside.
pub async fn insert(conn: &mut Conn, new: &NewSetAside<'_>) -> Result<()> {
    Query::new(
        "insert into set_aside (id, queue, line, reason, delivery_id, at)
         values (:id, :queue, :line, :reason, :delivery, :at)",
    )
    .bind("id", new.id)
    .bind("queue", new.queue.as_str())
    .bind("line", new.line.filter(|line| is_plain(line)))
    .bind("reason", new.reason.pack())
    .bind("delivery", new.delivery)
    .bind("at", new.at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether a line consists of words and numbers, as those that this program writes.
fn is_plain(line: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b" -".contains(&byte);
    line.len() <= MAX_LINE && line.bytes().all(is_plain)
}

/// The oldest lines behind a key, at most `limit`. A row that cannot be read is left out.
pub async fn list(conn: &mut Conn, after: Id, limit: i64) -> Result<Vec<SetAside>> {
    let rows = Query::new(
        "select id, queue, line, reason, at
           from set_aside
          where id > :after
          order by id
          limit :limit",
    )
    .bind("after", after)
    .bind("limit", limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.iter().filter_map(|row| from_row(row).ok()).collect())
}

fn from_row(row: &AnyRow) -> Result<SetAside> {
    Ok(SetAside { id: row.cell(0)?, queue: row.cell(1)?, line: row.cell(2)?, reason: row.cell(3)?, at: row.cell(4)? })
}

/// The number of lines of each spool.
pub async fn count(conn: &mut Conn, queue: Queue) -> Result<u64> {
    let row = Query::new("select count(*) from set_aside where queue = :queue")
        .bind("queue", queue.as_str())
        .fetch_optional(conn)
        .await?;
    Ok(row.and_then(|row| row.cell::<i64>(0).ok()).and_then(|count| count.try_into().ok()).unwrap_or(0))
}

/// Deletes a line that was processed or dismissed; false when it is gone already.
pub async fn delete(conn: &mut Conn, id: Id) -> Result<bool> {
    Ok(Query::new("delete from set_aside where id = :id").bind("id", id).execute(conn).await? == 1)
}

/// Deletes the lines that name deliveries of contacts who are being erased.
pub async fn forget(conn: &mut Conn, contacts: &[Id]) -> Result<()> {
    Query::new(
        "delete from set_aside
          where delivery_id in (select id from delivery where contact_id in :contacts)",
    )
    .bind_ids("contacts", contacts)
    .execute(conn)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_like_ours_are_kept() {
        assert!(is_plain("17 42 leave 7") && is_plain("-7 click 0 1"));
        for other in ["17 anna@example.org", "17 Anna", "17\tleave", "17 «»", &"1".repeat(201)] {
            assert!(!is_plain(other), "{other}");
        }
    }
}
