//! Table `returned_message`: what messages said that came back, so that each counts once and temporary failures count by days.
//! Rows stay for [`KEPT`]; the contact of a row is emptied when the person is erased.

use serde::Serialize;

use crate::infra::clock::{DAY, Millis};
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::hex;
use crate::infra::id::Id;
use crate::infra::secret::Keyring;

/// How long rows are kept.
pub const KEPT: Millis = 90 * DAY;

/// What one message said.
#[derive(Debug, Clone)]
pub struct ReturnedMessage {
    /// Primary key.
    pub id: Id,
    /// Keyed digest of the message.
    pub digest: String,
    /// Workspace of its delivery; 0 when it names none.
    pub workspace: Id,
    /// Campaign of its delivery.
    pub campaign: Option<Id>,
    /// Contact of its delivery.
    pub contact: Option<Id>,
    /// `bounce`, `complaint` and so on.
    pub kind: &'static str,
    /// `hard`, `soft` and so on.
    pub class: &'static str,
    /// The status code; empty without one.
    pub status: String,
    /// What was done.
    pub action: &'static str,
    /// When it came.
    pub received_at: Millis,
}

/// How many messages of one kind came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReturnedCount {
    /// `bounce`, `complaint` and so on.
    pub kind: String,
    /// `hard`, `soft` and so on.
    pub class: String,
    /// What was done.
    pub action: String,
    /// How many.
    pub count: i64,
}

/// The digest of a message.
pub fn digest(keys: &Keyring, raw: &[u8]) -> String {
    hex::encode(&keys.tombstone.mac(&[b"returned message", raw]))
}

/// Whether a message was taken already.
pub async fn is_known(conn: &mut Conn, digest: &str) -> Result<bool> {
    let query = Query::new("select 1 from returned_message where digest = :digest").bind("digest", digest);
    Ok(query.fetch_optional(conn).await?.is_some())
}

/// Records a message; one that is recorded already stays as it is. Removes the rows whose time is over.
pub async fn record(conn: &mut Conn, message: &ReturnedMessage) -> Result<()> {
    let old = Query::new("delete from returned_message where received_at < :before");
    old.bind("before", message.received_at - KEPT).execute(&mut *conn).await?;
    Query::new(
        "insert into returned_message
           (id, digest, workspace_id, campaign_id, contact_id, kind, class, status, action, received_at)
         values (:id, :digest, :workspace, :campaign, :contact, :kind, :class, :status, :action, :received_at)
             on conflict (digest) do nothing",
    )
    .bind("id", message.id)
    .bind("digest", &message.digest)
    .bind("workspace", message.workspace)
    .bind("campaign", message.campaign)
    .bind("contact", message.contact)
    .bind("kind", message.kind)
    .bind("class", message.class)
    .bind("status", &message.status)
    .bind("action", message.action)
    .bind("received_at", message.received_at)
    .execute(conn)
    .await
    .map(drop)
}

/// On how many days since then, in UTC, temporary failures of a contact were counted.
pub async fn count_days(conn: &mut Conn, contact: Id, action: &str, since: Millis) -> Result<i64> {
    let query = Query::new(
        "select count(distinct received_at / 86400000)
           from returned_message
          where contact_id = :contact and action = :action and received_at >= :since",
    );
    let row = query.bind("contact", contact).bind("action", action).bind("since", since).fetch_optional(conn).await?;
    row.map_or(Ok(0), |row| row.cell(0))
}

/// What came back to a workspace since then, the most frequent first. Messages without a valid token belong to no workspace
/// and are counted in each.
pub async fn counts(conn: &mut Conn, workspace: Id, since: Millis) -> Result<Vec<ReturnedCount>> {
    let query = Query::new(
        "select kind, class, action, count(*)
           from returned_message
          where workspace_id in (:workspace, 0) and received_at >= :since
          group by kind, class, action
          order by count(*) desc, kind, class, action",
    );
    let rows = query.bind("workspace", workspace).bind("since", since).fetch_all(conn).await?;
    let count = |row| -> Result<_> {
        let row: &sqlx::any::AnyRow = row;
        Ok(ReturnedCount { kind: row.cell(0)?, class: row.cell(1)?, action: row.cell(2)?, count: row.cell(3)? })
    };
    rows.iter().map(count).collect()
}

/// Takes contacts out of what came back for them.
pub async fn forget(conn: &mut Conn, contacts: &[Id]) -> Result<()> {
    let query = Query::new("update returned_message set contact_id = null where contact_id in :contacts");
    query.bind_ids("contacts", contacts).execute(conn).await.map(drop)
}
