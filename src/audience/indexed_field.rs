//! Table `indexed_field`: fields that segments name, copied into columns of `contact` that an index can serve.
//!
//! The JSON in `contact.fields` remains the truth; a field without such a column is read from there.
//!
//! ```text
//!             every contact has it           no segment names it     an hour later
//!   filling ─────────────────────► ready ──────────────────► retiring ─────────► clearing ─► deleted
//! ```
//!
//! Writers of contacts fill the columns in every state but `clearing`. So a reader that found an indexed
//! field ready may use its column for an hour.

use std::collections::BTreeSet;

use sqlx::Row;

use super::contact;
use super::field::{self, Field, Kind};
use crate::infra::clock::Millis;
use crate::infra::db::{Conn, Query, Tx, has_row_locks};
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// How long, in ms, the column of a field that no segment names any more is kept for statements that still read it.
const GRACE: Millis = 3_600_000;

/// Characters of a text that its column keeps: one more than [`COMPARABLE_CHARS`], so that a longer
/// value differs from one that ends there. Eight such texts fit into an index entry of PostgreSQL.
pub const INDEXED_CHARS: usize = 65;

/// Characters of a text that can be compared with the column.
pub const COMPARABLE_CHARS: usize = 64;

/// Columns of `contact` for texts, choices and dates.
pub const TEXT_COLUMNS: [&str; 8] = ["text_1", "text_2", "text_3", "text_4", "text_5", "text_6", "text_7", "text_8"];

/// Columns of `contact` for numbers and flags.
pub const NUMBER_COLUMNS: [&str; 8] =
    ["number_1", "number_2", "number_3", "number_4", "number_5", "number_6", "number_7", "number_8"];

crate::text_enum! {
    /// How far the column of a field is.
    State {
        /// New contacts get it; a backfill gives it to the others.
        Filling = "filling",
        /// Every contact has it.
        Ready = "ready",
        /// No new statement reads it.
        Retiring = "retiring",
        /// It is being emptied.
        Clearing = "clearing",
    }
}

/// A field with an indexed column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexedField {
    /// The column: one of [`TEXT_COLUMNS`] or [`NUMBER_COLUMNS`].
    pub column: &'static str,
    /// The name of the field.
    pub field: String,
    /// How far it is.
    pub state: State,
    /// Whether it is kept though no segment names the field.
    pub pinned: bool,
    changed_at: Millis,
}

impl IndexedField {
    /// Whether the column holds numbers.
    pub fn is_number(&self) -> bool {
        NUMBER_COLUMNS.contains(&self.column)
    }
}

/// The columns that fit a field of this kind.
fn columns_for(kind: Kind) -> &'static [&'static str; 8] {
    match kind {
        Kind::Text | Kind::Choice | Kind::Date => &TEXT_COLUMNS,
        Kind::Number | Kind::Flag => &NUMBER_COLUMNS,
    }
}

/// The indexed fields of a workspace in every state, by column.
pub async fn all(conn: &mut Conn, workspace: Id) -> Result<Vec<IndexedField>> {
    let query = Query::new(
        "select column_name, field, state, pinned, changed_at
           from indexed_field
          where workspace_id = :workspace
          order by column_name{bytewise}",
    );
    let mut found = Vec::new();
    for row in query.bind("workspace", workspace).fetch_all(conn).await? {
        let name: String = row.get(0);
        if let Some(column) = TEXT_COLUMNS.iter().chain(&NUMBER_COLUMNS).copied().find(|column| *column == name) {
            let (state, pinned) = (row.get::<String, _>(2).parse()?, row.get::<i32, _>(3) == 1);
            found.push(IndexedField { column, field: row.get(1), state, pinned, changed_at: row.get(4) });
        }
    }
    Ok(found)
}

/// The indexed fields whose columns a writer of contacts fills. No column is assigned or cleared until the
/// transaction ends.
pub async fn list_writable(conn: &mut Conn, workspace: Id) -> Result<Vec<IndexedField>> {
    if has_row_locks(conn) {
        let lock = Query::new("select 1 from workspace where id = :workspace{for_share}");
        lock.bind("workspace", workspace).fetch_optional(conn).await?;
    }
    let mut found = all(conn, workspace).await?;
    found.retain(|indexed| indexed.state != State::Clearing);
    Ok(found)
}

/// The indexed fields whose columns a condition may read.
pub async fn list_readable(conn: &mut Conn, workspace: Id) -> Result<Vec<IndexedField>> {
    list_in_state(conn, workspace, State::Ready).await
}

async fn list_in_state(conn: &mut Conn, workspace: Id, state: State) -> Result<Vec<IndexedField>> {
    let mut found = all(conn, workspace).await?;
    found.retain(|indexed| indexed.state == state);
    Ok(found)
}

/// Begins a transaction that alone may assign or clear columns of the workspace. Writers of contacts share
/// the row of the workspace: otherwise a contact written by an older transaction would miss a new column.
async fn begin_exclusive(installation: &Installation, workspace: Id) -> Result<Tx> {
    let mut tx = installation.db.write().await?;
    if has_row_locks(&tx) {
        let lock = Query::new("select 1 from workspace where id = :workspace{for_update}");
        lock.bind("workspace", workspace).fetch_optional(&mut tx).await?;
    }
    Ok(tx)
}

/// Keeps the column of a field whether or not a segment names the field, or stops doing so. Returns false when all
/// columns for the field's kind are taken.
pub async fn pin(installation: &Installation, workspace: Id, field: &Field, pinned: bool) -> Result<bool> {
    let mut tx = begin_exclusive(installation, workspace).await?;
    let assigned = !pinned || assign_column(installation, &mut tx, workspace, field).await?;
    let query = Query::new(
        "update indexed_field
            set pinned = :pinned
          where workspace_id = :workspace and field = :field",
    );
    query
        .bind("pinned", i32::from(pinned))
        .bind("workspace", workspace)
        .bind("field", &field.name)
        .execute(&mut tx)
        .await?;
    tx.commit().await?;
    Ok(assigned)
}

/// Indexes the fields that segments name, as far as columns are free, and retires those that no segment
/// names. Continues what a killed process began. Contacts get their values some thousands at a time, so
/// that sending goes on; `progress` is called with the number of contacts done.
pub async fn reconcile(
    installation: &Installation,
    workspace: Id,
    named: &BTreeSet<String>,
    mut progress: impl FnMut(u64),
) -> Result<()> {
    let fields = field::all(&mut *installation.db.read().await?, workspace).await?;
    let mut tx = begin_exclusive(installation, workspace).await?;
    retire_unnamed(installation, &mut tx, workspace, named).await?;
    tx.commit().await?;
    clear(installation, workspace).await?;
    let mut tx = begin_exclusive(installation, workspace).await?;
    for field in fields.iter().filter(|field| named.contains(&field.name)) {
        assign_column(installation, &mut tx, workspace, field).await?;
    }
    tx.commit().await?;
    create_indexes(installation, workspace).await?;
    fill(installation, workspace, &mut progress).await
}

/// Assigns a column to a field that has none. Returns false when none is free.
async fn assign_column(installation: &Installation, conn: &mut Conn, workspace: Id, field: &Field) -> Result<bool> {
    let known = all(conn, workspace).await?;
    match known.iter().find(|indexed| indexed.field == field.name) {
        Some(indexed) if indexed.state == State::Clearing => return Ok(false),
        // It may have been retired before every contact had it.
        Some(indexed) if indexed.state == State::Retiring => {
            set_state(conn, workspace, indexed, State::Filling, installation.clock.now()).await?;
            return Ok(true);
        }
        Some(_) => return Ok(true),
        None => {}
    }
    let is_free = |column: &&&str| !known.iter().any(|indexed| indexed.column == **column);
    let Some(column) = columns_for(field.kind).iter().find(is_free) else { return Ok(false) };
    let query = Query::new(
        "insert into indexed_field (workspace_id, column_name, field, state, pinned, changed_at)
         values (:workspace, :column, :field, 'filling', 0, :now)
             on conflict do nothing",
    );
    let inserted = query
        .bind("workspace", workspace)
        .bind("column", *column)
        .bind("field", &field.name)
        .bind("now", installation.clock.now())
        .execute(conn)
        .await?;
    Ok(inserted == 1)
}

/// Moves fields that no segment names one state on.
async fn retire_unnamed(
    installation: &Installation,
    conn: &mut Conn,
    workspace: Id,
    named: &BTreeSet<String>,
) -> Result<()> {
    let now = installation.clock.now();
    for indexed in all(conn, workspace).await? {
        let needed = indexed.pinned || named.contains(&indexed.field);
        match indexed.state {
            State::Filling | State::Ready if !needed => {
                set_state(conn, workspace, &indexed, State::Retiring, now).await?;
            }
            State::Retiring if !needed && indexed.changed_at + GRACE <= now => {
                set_state(conn, workspace, &indexed, State::Clearing, now).await?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Changes the state, unless another process has changed it since it was read.
async fn set_state(conn: &mut Conn, workspace: Id, indexed: &IndexedField, state: State, now: Millis) -> Result<()> {
    let query = Query::new(
        "update indexed_field
            set state = :state, changed_at = :now
          where workspace_id = :workspace and column_name = :column and state = :known_state",
    );
    query
        .bind("state", state.as_str())
        .bind("now", now)
        .bind("workspace", workspace)
        .bind("column", indexed.column)
        .bind("known_state", indexed.state.as_str())
        .execute(conn)
        .await?;
    Ok(())
}

/// Creates each index while its column is empty, which takes a moment; it grows with the column. A
/// store that the installation was moved to has the columns already and lacks the indexes.
async fn create_indexes(installation: &Installation, workspace: Id) -> Result<()> {
    for indexed in all(&mut *installation.db.read().await?, workspace).await? {
        if matches!(indexed.state, State::Filling | State::Ready) {
            let mut tx = installation.db.write().await?;
            contact::create_index(&mut tx, indexed.column).await?;
            tx.commit().await?;
        }
    }
    Ok(())
}

async fn fill(installation: &Installation, workspace: Id, progress: &mut impl FnMut(u64)) -> Result<()> {
    let filling = list_in_state(&mut *installation.db.read().await?, workspace, State::Filling).await?;
    backfill(installation, workspace, &filling, true, progress).await?;
    let mut tx = installation.db.write().await?;
    for indexed in &filling {
        set_state(&mut tx, workspace, indexed, State::Ready, installation.clock.now()).await?;
    }
    tx.commit().await
}

async fn clear(installation: &Installation, workspace: Id) -> Result<()> {
    let clearing = list_in_state(&mut *installation.db.read().await?, workspace, State::Clearing).await?;
    backfill(installation, workspace, &clearing, false, &mut |_| {}).await?;
    let mut tx = installation.db.write().await?;
    for IndexedField { column, .. } in clearing {
        let delete = Query::new("delete from indexed_field where workspace_id = :workspace and column_name = :column");
        delete.bind("workspace", workspace).bind("column", column).execute(&mut tx).await?;
        let in_use = Query::new("select 1 from indexed_field where column_name = :column limit 1");
        if in_use.bind("column", column).fetch_optional(&mut tx).await?.is_none() {
            contact::drop_index(&mut tx, column).await?;
        }
    }
    tx.commit().await
}

async fn backfill(
    installation: &Installation,
    workspace: Id,
    indexed: &[IndexedField],
    filled: bool,
    progress: &mut impl FnMut(u64),
) -> Result<()> {
    let (mut after, mut done) = (0, 0);
    while !indexed.is_empty() {
        let mut tx = installation.db.write().await?;
        let Some((last, contacts)) = contact::backfill(&mut tx, workspace, indexed, filled, after).await? else {
            break;
        };
        tx.commit().await?;
        after = last;
        done += contacts;
        progress(done);
    }
    Ok(())
}
