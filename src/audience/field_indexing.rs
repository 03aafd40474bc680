//! Assigns, fills, retires and clears the columns of [indexed fields](super::indexed_field).

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::contact;
use super::field::{self, Field, Kind};
use super::indexed_field::{IndexedField, NUMBER_COLUMNS, State, TEXT_COLUMNS, all, list_in_state};
use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query, Tx, has_row_locks};
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// How long, in ms, the column of a field that no segment names any more is kept for statements that still read it.
const GRACE: Millis = 3_600_000;

/// How long a transaction that fills or clears columns should take: others wait for it. The number of its contacts follows,
/// since each index of the table makes it slower.
const SLICE_TIME: Duration = Duration::from_millis(40);
const FIRST_SLICE: i64 = 1_000;
const MIN_SLICE: i64 = 100;
const MAX_SLICE: i64 = 5_000;

/// The columns that fit a field of this kind.
fn columns_for(kind: Kind) -> &'static [&'static str; 8] {
    match kind {
        Kind::Text | Kind::Choice | Kind::Date => &TEXT_COLUMNS,
        Kind::Number | Kind::Flag => &NUMBER_COLUMNS,
    }
}

/// Begins a transaction that alone may assign or clear columns of the workspace. Writers of contacts share
/// the row of the workspace: otherwise a contact written by an older transaction would miss a new column.
async fn begin_exclusive(installation: &Installation, workspace: Id) -> Result<Tx> {
    let mut tx = installation.db.write().await?;
    lock_exclusive(&mut tx, workspace).await?;
    Ok(tx)
}

/// Waits for the writers of contacts of a workspace, and lets none begin until the transaction ends.
pub async fn lock_exclusive(conn: &mut Conn, workspace: Id) -> Result<()> {
    if has_row_locks(conn) {
        let lock = Query::new("select 1 from workspace where id = :workspace{for_update}");
        lock.bind("workspace", workspace).fetch_optional(conn).await?;
    }
    Ok(())
}

/// Gives the column of a renamed field its new name. The caller has [locked](lock_exclusive) the columns.
pub async fn rename(conn: &mut Conn, workspace: Id, field: &str, new: &str) -> Result<()> {
    let query = Query::new("update indexed_field set field = :new where workspace_id = :workspace and field = :field");
    query.bind("new", new).bind("workspace", workspace).bind("field", field).execute(conn).await.map(drop)
}

/// Gives up the column of a field that is removed: nobody writes it any more, and [`reconcile`] empties it. Statements that
/// still read it find no value, as in the field. The caller has [locked](lock_exclusive) the columns.
pub async fn give_up(conn: &mut Conn, workspace: Id, field: &str, now: Millis) -> Result<()> {
    let query = Query::new(
        "update indexed_field
            set state = 'clearing', pinned = 0, changed_at = :now, filled_to = 0
          where workspace_id = :workspace and field = :field and state <> 'clearing'",
    );
    query.bind("now", now).bind("workspace", workspace).bind("field", field).execute(conn).await.map(drop)
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
/// names. Contacts get their values some at a time, so that sending goes on; `progress` is called with the number of
/// contacts done. Returns false when `limit` ended the work: [`work_off`] continues it.
pub async fn reconcile(
    installation: &Installation,
    workspace: Id,
    named: &BTreeSet<String>,
    limit: Option<Duration>,
    mut progress: impl FnMut(u64),
) -> Result<bool> {
    let deadline = limit.map(|limit| Instant::now() + limit);
    let fields = field::all(&mut *installation.db.read().await?, workspace).await?;
    let mut tx = begin_exclusive(installation, workspace).await?;
    retire_unnamed(installation, &mut tx, workspace, named).await?;
    tx.commit().await?;
    if !run(installation, workspace, State::Clearing, deadline, &mut |_| {}).await? {
        return Ok(false);
    }
    let mut tx = begin_exclusive(installation, workspace).await?;
    for field in fields.iter().filter(|field| named.contains(&field.name)) {
        assign_column(installation, &mut tx, workspace, field).await?;
    }
    tx.commit().await?;
    create_indexes(installation, workspace).await?;
    run(installation, workspace, State::Filling, deadline, &mut progress).await
}

/// Fills and clears some columns of any workspace, for `limit` at most. Returns false when nothing was to be done, or
/// when the database has no room for work that can wait.
pub async fn work_off(installation: &Installation, limit: Duration) -> Result<bool> {
    let unfinished = Query::new(
        "select distinct workspace_id
           from indexed_field
          where state in ('filling', 'clearing')
          order by workspace_id",
    );
    let workspaces = unfinished.fetch_all(&mut *installation.db.read().await?).await?;
    if workspaces.is_empty() || !installation.db.make_room().await? {
        return Ok(false);
    }
    let deadline = Instant::now() + limit;
    for row in &workspaces {
        let workspace = row.cell(0)?;
        run(installation, workspace, State::Clearing, Some(deadline), &mut |_| {}).await?;
        create_indexes(installation, workspace).await?;
        run(installation, workspace, State::Filling, Some(deadline), &mut |_| {}).await?;
    }
    Ok(true)
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
            set state = :state, changed_at = :now, filled_to = 0
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

/// Fills or clears the columns in this state, from where an earlier run ended. Returns whether all is done.
async fn run(
    installation: &Installation,
    workspace: Id,
    state: State,
    deadline: Option<Instant>,
    progress: &mut impl FnMut(u64),
) -> Result<bool> {
    let (mut done, mut slice) = (0, FIRST_SLICE);
    loop {
        let all = list_in_state(&mut *installation.db.read().await?, workspace, state).await?;
        // Those that are further wait for the others.
        let Some(after) = all.iter().map(|indexed| indexed.filled_to).min() else { return Ok(true) };
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Ok(false);
        }
        let some: Vec<IndexedField> = all.into_iter().filter(|indexed| indexed.filled_to == after).collect();
        let mut tx = installation.db.write().await?;
        let began = Instant::now();
        let is_filled = state == State::Filling;
        match contact::backfill(&mut tx, workspace, &some, is_filled, after, slice).await? {
            Some((last, contacts)) => {
                if !set_filled_to(&mut tx, workspace, &some, state, last).await? {
                    // Another process has done the same.
                    continue;
                }
                tx.commit().await?;
                done += contacts;
                progress(done);
            }
            None => {
                complete(installation, &mut tx, workspace, &some, is_filled).await?;
                tx.commit().await?;
            }
        }
        slice = match began.elapsed() {
            took if took > 2 * SLICE_TIME => (slice / 2).max(MIN_SLICE),
            took if took < SLICE_TIME / 2 => (slice * 2).min(MAX_SLICE),
            _ => slice,
        };
        // Others that write have their turn.
        tokio::task::yield_now().await;
    }
}

/// Ends filling or clearing: the columns can be read, or belong to no field any more.
async fn complete(
    installation: &Installation,
    conn: &mut Conn,
    workspace: Id,
    indexed: &[IndexedField],
    is_filled: bool,
) -> Result<()> {
    for one in indexed {
        if is_filled {
            set_state(conn, workspace, one, State::Ready, installation.clock.now()).await?;
            continue;
        }
        let column = one.column;
        let delete = Query::new(
            "delete from indexed_field where workspace_id = :workspace and column_name = :column and state = 'clearing'",
        );
        delete.bind("workspace", workspace).bind("column", column).execute(conn).await?;
        let in_use = Query::new("select 1 from indexed_field where column_name = :column limit 1");
        if in_use.bind("column", column).fetch_optional(conn).await?.is_none() {
            contact::drop_index(conn, column).await?;
        }
    }
    Ok(())
}

/// Records up to which contact these columns are done. Returns false when another process has done so meanwhile.
async fn set_filled_to(
    conn: &mut Conn,
    workspace: Id,
    indexed: &[IndexedField],
    state: State,
    last: Id,
) -> Result<bool> {
    let mut moved = 0;
    for one in indexed {
        let query = Query::new(
            "update indexed_field
                set filled_to = :last
              where workspace_id = :workspace and column_name = :column and state = :state and filled_to = :before",
        );
        moved += query
            .bind("last", last)
            .bind("workspace", workspace)
            .bind("column", one.column)
            .bind("state", state.as_str())
            .bind("before", one.filled_to)
            .execute(conn)
            .await?;
    }
    Ok(moved == indexed.len() as u64)
}
