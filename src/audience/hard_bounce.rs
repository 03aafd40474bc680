//! Table `hard_bounce`: contacts whose mailbox or domain does not exist, as a server has replied. All their confirmed
//! subscriptions are `bounced`, so that no list mails them ([`super::eligibility`]), until the suppression is lifted or the address is
//! corrected.
//!
//! A bounce is recorded with the result of its delivery ([`record`]). That transaction holds deliveries and must not lock
//! contacts, which an erasure locks first; so another one changes the subscriptions ([`apply`]).

use serde_json::json;

use super::{contact, subscription};
use crate::infra::clock::Millis;
use crate::infra::db::json_rows::{column, whole};
use crate::infra::db::{Cells, Conn, Db, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// Contacts per transaction of [`apply`].
const SLICE: i64 = 500;

/// A hard bounce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HardBounce {
    /// The contact.
    pub contact: Id,
    /// Reply code and enhanced code: `550 5.1.1`.
    pub status: String,
}

/// Records hard bounces; a contact that has one already keeps it.
pub async fn record(conn: &mut Conn, bounces: &[HardBounce], now: Millis) -> Result<()> {
    let rows: Vec<_> = bounces.iter().map(|bounce| json!([bounce.contact, bounce.status])).collect();
    Query::new(
        "insert into hard_bounce (contact_id, status, bounced_at, applied)
         select {contact}, {status}, :now, 0
           from :rows as given
          where true
             on conflict (contact_id) do nothing",
    )
    .bind("now", now)
    .bind_rows("rows", &rows)
    .fragment("contact", whole(0))
    .fragment("status", column(1))
    .execute(conn)
    .await?;
    Ok(())
}

/// Suppresses the contacts whose bounces were recorded and are not applied yet. Returns how many.
pub async fn apply(db: &Db) -> Result<usize> {
    let mut applied = 0;
    loop {
        let new = list_new(&mut *db.read().await?).await?;
        if new.is_empty() {
            return Ok(applied);
        }
        let mut tx = db.write().await?;
        contact::lock(&mut tx, &new).await?;
        // Lifted or erased meanwhile: only what is still recorded counts.
        Query::new("update hard_bounce set applied = 1 where contact_id in :new")
            .bind_ids("new", &new)
            .execute(&mut tx)
            .await?;
        subscription::set_bounced(&mut tx, &new).await?;
        tx.commit().await?;
        applied += new.len();
    }
}

async fn list_new(conn: &mut Conn) -> Result<Vec<Id>> {
    let rows = Query::new("select contact_id from hard_bounce where applied = 0 order by contact_id limit :slice")
        .bind("slice", SLICE)
        .fetch_all(conn)
        .await?;
    rows.iter().map(|row| row.cell(0)).collect()
}

/// Status and time of the bounce for which a contact is suppressed.
pub async fn of_contact(conn: &mut Conn, contact: Id) -> Result<Option<(String, Millis)>> {
    let row = Query::new("select status, bounced_at from hard_bounce where contact_id = :contact")
        .bind("contact", contact)
        .fetch_optional(conn)
        .await?;
    row.map(|row| Ok((row.cell(0)?, row.cell(1)?))).transpose()
}

/// Lifts the suppression of a contact. Returns false when it was not suppressed.
pub async fn lift(conn: &mut Conn, contact: Id) -> Result<bool> {
    contact::lock(conn, &[contact]).await?;
    let lifted = Query::new("delete from hard_bounce where contact_id = :contact")
        .bind("contact", contact)
        .execute(&mut *conn)
        .await?;
    subscription::unset_bounced(conn, contact).await?;
    Ok(lifted > 0)
}

/// Deletes the bounces of contacts that are erased. Called after their deliveries are deleted: a result that is recorded
/// at the same time holds its delivery.
pub async fn forget(conn: &mut Conn, contacts: &[Id]) -> Result<()> {
    Query::new("delete from hard_bounce where contact_id in :contacts")
        .bind_ids("contacts", contacts)
        .execute(conn)
        .await?;
    Ok(())
}
