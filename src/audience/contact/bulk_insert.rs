//! Inserts contacts by the thousand: as one statement, or by COPY where PostgreSQL offers it. Their
//! subscriptions and consent receipts get keys derived from theirs ([`NewContactIds`]).

use serde::Serialize;

use super::derived_columns;
use crate::audience::indexed_field::{self, IndexedField};
use crate::infra::clock::Millis;
use crate::infra::db::json_rows::{column, whole};
use crate::infra::db::pg_copy::{CopyRows, CopyTransaction};
use crate::infra::db::value::Value::{Integer, Text};
use crate::infra::db::{Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::{Id, Ids, STEP};

/// A new contact as the columns of the table hold it: what an import has at hand.
#[derive(Debug, Clone, Copy)]
pub struct ContactRow<'a> {
    /// The address as spelled.
    pub address: &'a str,
    /// Its canonical form.
    pub canonical: &'a str,
    /// The field values as JSON.
    pub fields: &'a str,
    /// The text values in lower case, as JSON.
    pub folded: &'a str,
}

/// Keys reserved for a batch of new contacts. They lie in a row, each with room for the keys of the
/// contact's subscription and receipt, so that these rows are made from `contact` by one statement.
#[derive(Debug, Clone, Copy)]
pub struct NewContactIds {
    workspace: Id,
    first: Id,
    last: Id,
}

/// Keys per new contact: the contact's own, its subscription's and its receipt's.
const KEYS: i64 = 3;

impl NewContactIds {
    /// Reserves keys for `count` contacts, at least one.
    pub fn reserve(ids: &Ids, workspace: Id, count: usize) -> Result<Self> {
        let count = count as i64;
        let first = ids.reserve(KEYS * count)?;
        Ok(Self { workspace, first, last: first + (KEYS * count - 1) * STEP })
    }

    /// The key of each contact.
    pub fn keys(&self) -> impl Iterator<Item = Id> {
        (self.first..self.last).step_by((KEYS * STEP) as usize)
    }

    /// The first and the last key of a contact.
    pub fn bounds(&self) -> (Id, Id) {
        (self.first, self.last)
    }

    /// The workspace of all.
    pub fn workspace(&self) -> Id {
        self.workspace
    }

    /// Condition that a row `c` of `contact` belongs to the batch. Keys of other processes may lie in
    /// between; they differ in the remainder. `+` keeps SQLite on the primary key.
    pub fn condition(&self) -> Query {
        Query::new("c.id >= :first and c.id <= :last and c.id % {step} = :remainder and +c.workspace_id = :workspace")
            .fragment("step", STEP.to_string())
            .bind("first", self.first)
            .bind("last", self.last)
            .bind("remainder", self.first % STEP)
            .bind("workspace", self.workspace)
    }
}

/// Inserts contacts that join a list in the same transaction with a confirmed subscription.
pub async fn insert_subscribed<'a>(
    conn: &mut Conn,
    ids: NewContactIds,
    contacts: &[ContactRow<'a>],
    now: Millis,
) -> Result<()> {
    let row = |(id, one): (Id, &ContactRow<'a>)| (id, one.address, one.canonical, one.fields, one.folded);
    let rows: Vec<_> = ids.keys().zip(contacts).map(row).collect();
    insert_rows(conn, ids.workspace, &rows, true, now).await
}

/// Copies in contacts that join a list in the same COPY transaction with a confirmed subscription.
/// `indexed` comes from [`indexed_field::list_writable`], in a transaction that stays open until the
/// COPY has ended.
pub async fn copy_in(
    copy: &mut CopyTransaction<'_>,
    ids: NewContactIds,
    indexed: &[IndexedField],
    contacts: &[ContactRow<'_>],
    now: Millis,
) -> Result<()> {
    let mut columns = COLUMNS.to_vec();
    columns.extend(indexed.iter().map(|indexed| indexed.column));
    let rows = ids.keys().zip(contacts).map(|(id, one)| {
        let texts = [one.address, one.canonical, one.fields, one.folded].map(|text| Text(text.to_owned()));
        let mut row = Vec::with_capacity(columns.len());
        row.extend([Integer(id), Integer(ids.workspace)]);
        row.extend(texts);
        row.extend([now, now, 1].map(Integer));
        if !indexed.is_empty() {
            let [fields, folded] =
                [one.fields, one.folded].map(|text| serde_json::from_str(text).expect("values are JSON"));
            row.extend(indexed.iter().map(|indexed| derived_columns::value(indexed, &fields, &folded)));
        }
        row
    });
    copy.copy_in(&CopyRows::new("contact", &columns, rows)?).await
}

/// The columns of a new contact, without those of indexed fields.
const COLUMNS: [&str; 9] =
    ["id", "workspace_id", "address", "canonical", "fields", "folded", "created_at", "updated_at", "reachable"];

/// Inserts rows of key, address, canonical form, values and folded values.
pub(super) async fn insert_rows(
    conn: &mut Conn,
    workspace: Id,
    rows: &[impl Serialize],
    reachable: bool,
    now: Millis,
) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let indexed = indexed_field::list_writable(conn, workspace).await?;
    let query = Query::new(
        "insert into contact (id, workspace_id, address, canonical, fields, folded, created_at, updated_at, reachable
                              {indexed_columns})
         select {id}, :workspace, {address}, {canonical}, {fields}, {folded}, :now, :now, {reachable}
                {indexed_values}
           from :rows as given",
    );
    query
        .bind("workspace", workspace)
        .bind("now", now)
        .bind_rows("rows", rows)
        .fragment("id", whole(0))
        .fragment("address", column(1))
        .fragment("canonical", column(2))
        .fragment("fields", column(3))
        .fragment("folded", column(4))
        .fragment("reachable", if reachable { "1" } else { "0" })
        .fragment("indexed_columns", derived_columns::names(&indexed))
        .fragment("indexed_values", derived_columns::values(&indexed, &column(3), &column(4)))
        .execute(conn)
        .await?;
    Ok(())
}
