//! Table `import_range`: the keys of contacts that an import added, a row for each slice, so that the import can be undone.

use crate::audience::contact::NewContactIds;
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::{Id, STEP};

/// How long an import can be undone.
pub const KEPT: Millis = DAY;

/// Contacts that an import added in one slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddedRange {
    /// The workspace.
    pub workspace: Id,
    /// The list that they joined.
    pub list: Id,
    /// The first key.
    pub first: Id,
    /// The last key.
    pub last: Id,
    /// When they were added.
    pub added_at: Millis,
}

impl AddedRange {
    /// Condition that a row `c` of `contact` was added by the slice and nothing has happened to it since: no message, no event,
    /// no other list, no other consent, no restriction, no change.
    pub fn untouched(&self) -> Query {
        let query = Query::new(
            "c.id >= :first and c.id <= :last and c.id % {step} = :remainder
             and +c.workspace_id = :workspace and c.updated_at = c.created_at
             and exists (select 1
                           from subscription s
                          where s.contact_id = c.id and s.list_id = :list and s.state = 'confirmed'
                            and s.joined_at = c.created_at)
             and not exists (select 1 from subscription s where s.contact_id = c.id and s.list_id <> :list)
             and not exists (select 1 from delivery d where d.contact_id = c.id)
             and not exists (select 1 from event e where e.contact_id = c.id)
             and not exists (select 1 from hard_bounce b where b.contact_id = c.id)
             and (select count(*) from consent n where n.contact_id = c.id) <= 1",
        );
        query
            .fragment("step", STEP.to_string())
            .bind("first", self.first)
            .bind("last", self.last)
            .bind("remainder", self.first % STEP)
            .bind("workspace", self.workspace)
            .bind("list", self.list)
    }
}

/// Remembers the contacts of a slice.
pub async fn record(conn: &mut Conn, import: Id, list: Id, contacts: NewContactIds, now: Millis) -> Result<()> {
    let (first, last) = contacts.bounds();
    let query = Query::new(
        "insert into import_range (import_id, workspace_id, list_id, first_contact, last_contact, added_at)
         values (:import, :workspace, :list, :first, :last, :now)",
    );
    let query = query.bind("import", import).bind("workspace", contacts.workspace()).bind("list", list);
    query.bind("first", first).bind("last", last).bind("now", now).execute(conn).await.map(drop)
}

/// What an import added, in order of keys.
pub async fn list(conn: &mut Conn, workspace: Id, import: Id) -> Result<Vec<AddedRange>> {
    let query = Query::new(
        "select list_id, first_contact, last_contact, added_at
           from import_range
          where import_id = :import and workspace_id = :workspace
          order by first_contact",
    );
    let rows = query.bind("import", import).bind("workspace", workspace).fetch_all(conn).await?;
    let read = |row| {
        let row: &sqlx::any::AnyRow = row;
        Ok(AddedRange {
            workspace,
            list: row.cell(0)?,
            first: row.cell(1)?,
            last: row.cell(2)?,
            added_at: row.cell(3)?,
        })
    };
    rows.iter().map(read).collect()
}

/// Number of contacts of a range to which nothing has happened.
pub async fn count_untouched(conn: &mut Conn, range: &AddedRange) -> Result<i64> {
    let query = Query::new("select count(*) from contact c where {untouched}").fragment("untouched", range.untouched());
    query.fetch_optional(conn).await?.map_or(Ok(0), |row| row.cell(0))
}

/// Up to `limit` contacts of a range behind a key to which nothing has happened.
pub async fn list_untouched(conn: &mut Conn, range: &AddedRange, after: Id, limit: i64) -> Result<Vec<Id>> {
    let query = Query::new(
        "select c.id
           from contact c
          where {untouched} and c.id > :after
          order by c.id
          limit :limit",
    );
    let query = query.fragment("untouched", range.untouched()).bind("after", after).bind("limit", limit);
    query.fetch_all(conn).await?.iter().map(|row| row.cell(0)).collect()
}

/// Those of these contacts of a range to which nothing has happened.
pub async fn keep_untouched(conn: &mut Conn, range: &AddedRange, contacts: &[Id]) -> Result<Vec<Id>> {
    let query = Query::new("select c.id from contact c where c.id in :contacts and {untouched}");
    let query = query.bind_ids("contacts", contacts).fragment("untouched", range.untouched());
    query.fetch_all(conn).await?.iter().map(|row| row.cell(0)).collect()
}

/// Forgets what an import added.
pub async fn remove(conn: &mut Conn, import: Id) -> Result<()> {
    Query::new("delete from import_range where import_id = :import")
        .bind("import", import)
        .execute(conn)
        .await
        .map(drop)
}

/// Forgets what was added before this time.
pub async fn remove_before(conn: &mut Conn, before: Millis) -> Result<()> {
    Query::new("delete from import_range where added_at < :before").bind("before", before).execute(conn).await.map(drop)
}
