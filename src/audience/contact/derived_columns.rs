//! Derived columns of `contact`, by which an index alone answers a segment: `reachable` (may be mailed on some
//! list), `opened_at` and `clicked_at` (last activity), and the columns of indexed fields.

use super::Values;
use crate::audience::eligibility;
use crate::audience::indexed_field::{INDEXED_CHARS, IndexedField, NUMBER_COLUMNS, TEXT_COLUMNS};
use crate::infra::db::value::Value;
use crate::infra::db::{Binding, Cells, Conn, Query, has_row_locks};
use crate::infra::error::Result;
use crate::infra::id::{Id, STEP};

/// Contacts per statement.
const ROWS: usize = 5_000;

/// Recomputes `reachable` of these contacts: whether they may be mailed on at least one list
/// ([`eligibility`]). Locks them first, so that the later of two concurrent changes sees both.
pub async fn recompute_reachable(conn: &mut Conn, ids: &[Id]) -> Result<()> {
    for some in ids.chunks(ROWS) {
        lock(conn, some).await?;
        let query = Query::new(
            "update contact
                set reachable = 1 - reachable
              where id in :ids
                and reachable <> case when {mailable} then 1 else 0 end",
        );
        query
            .bind_ids("ids", some)
            .fragment("mailable", eligibility::mailable_anywhere("contact.id"))
            .execute(conn)
            .await?;
    }
    Ok(())
}

/// Locks these contacts against change until the transaction ends. SQLite needs no lock: it has one writer.
pub async fn lock(conn: &mut Conn, ids: &[Id]) -> Result<()> {
    if has_row_locks(conn) {
        let query = Query::new("select 1 from contact where id in :ids order by id{for_update}");
        query.bind_ids("ids", ids).fetch_all(conn).await?;
    }
    Ok(())
}

/// Records the opens and clicks of the events with keys from `first` to `last`, [`STEP`] apart, as
/// last activity of their contacts. Events older than the recorded activity change nothing.
pub async fn record_activity(conn: &mut Conn, first: Id, last: Id) -> Result<()> {
    let new_events = || {
        Query::new("id >= :first and id <= :last and id % {step} = :remainder")
            .fragment("step", STEP.to_string())
            .bind("first", first)
            .bind("last", last)
            .bind("remainder", first % STEP)
    };
    if has_row_locks(conn) {
        let query = Query::new(
            "select 1
               from contact
              where id in (select contact_id from event where {new_events})
              order by id{for_update}",
        );
        query.fragment("new_events", new_events()).fetch_all(conn).await?;
    }
    let query = Query::new(
        "update contact
            set opened_at = case when latest.opened_at > coalesce(contact.opened_at, 0)
                                 then latest.opened_at else contact.opened_at end,
                clicked_at = case when latest.clicked_at > coalesce(contact.clicked_at, 0)
                                  then latest.clicked_at else contact.clicked_at end
           from (select contact_id,
                        max(case when kind = 'open' then at else 0 end) as opened_at,
                        max(case when kind = 'click' then at else 0 end) as clicked_at
                   from event
                  where {new_events}
                  group by contact_id) as latest
          where contact.id = latest.contact_id",
    );
    query.fragment("new_events", new_events()).execute(conn).await?;
    Ok(())
}

/// Recomputes the last activity of contacts some of whose events were deleted.
pub async fn recompute_activity(conn: &mut Conn, ids: &[Id]) -> Result<()> {
    let query = Query::new(
        "update contact
            set opened_at = (select max(e.at) from event e where e.contact_id = contact.id and e.kind = 'open'),
                clicked_at = (select max(e.at) from event e where e.contact_id = contact.id and e.kind = 'click')
          where id in :ids",
    );
    query.bind_ids("ids", ids).execute(conn).await?;
    Ok(())
}

/// Creates the index that serves `opened(any)` and `clicked(any)`.
pub async fn create_activity_index(conn: &mut Conn) -> Result<()> {
    let query = Query::new(
        "create index if not exists contact_seen on contact (workspace_id, reachable, opened_at, clicked_at)",
    );
    query.execute(conn).await?;
    Ok(())
}

/// SQL that computes the column of an indexed field from the JSON columns `fields` and `folded`.
fn expression(indexed: &IndexedField, fields: &str, folded: &str) -> Query {
    let text = match indexed.is_number() {
        true => format!("cast(json({fields}) ->> :name as double precision)"),
        false => format!("substr(json({folded}) ->> :name, 1, {INDEXED_CHARS})"),
    };
    Query::new(text).bind("name", Binding::from(indexed.field.as_str()))
}

/// The same computed in Rust from values at hand.
pub(super) fn value(indexed: &IndexedField, fields: &Values, folded: &Values) -> Value {
    match indexed.is_number() {
        true => fields.get(&indexed.field).and_then(serde_json::Value::as_f64).map(Value::Real),
        false => folded
            .get(&indexed.field)
            .and_then(serde_json::Value::as_str)
            .map(|text| Value::Text(text.chars().take(INDEXED_CHARS).collect())),
    }
    .unwrap_or(Value::Null)
}

/// `, column` for each indexed field.
pub(super) fn names(indexed: &[IndexedField]) -> String {
    indexed.iter().map(|indexed| format!(", {}", indexed.column)).collect()
}

/// `, expression` for each indexed field.
pub(super) fn values(indexed: &[IndexedField], fields: &str, folded: &str) -> Query {
    let text: String = indexed.iter().map(|one| format!(", {{{}}}", one.column)).collect();
    with_expressions(text, indexed, fields, folded)
}

/// `column = expression` for each indexed field, separated by commas; `lead` stands before the first.
pub(super) fn assignments(lead: &str, indexed: &[IndexedField], fields: &str, folded: &str) -> Query {
    let each: Vec<_> = indexed.iter().map(|one| format!("{column} = {{{column}}}", column = one.column)).collect();
    let text = if each.is_empty() { String::new() } else { format!("{lead}{}", each.join(", ")) };
    with_expressions(text, indexed, fields, folded)
}

fn with_expressions(text: String, indexed: &[IndexedField], fields: &str, folded: &str) -> Query {
    indexed.iter().fold(Query::new(text), |query, one| query.fragment(one.column, expression(one, fields, folded)))
}

/// Fills (or empties, when not `filled`) the columns of indexed fields for the next `slice` contacts after key
/// `after`; there is at least one field. Returns the last key and the number of contacts; `None` at the end.
pub async fn backfill(
    conn: &mut Conn,
    workspace: Id,
    indexed: &[IndexedField],
    filled: bool,
    after: Id,
    slice: i64,
) -> Result<Option<(Id, u64)>> {
    let next = Query::new(
        "select max(id), count(*)
           from (select id from contact where id > :after order by id limit :slice) as slice",
    );
    let Some(row) = next.bind("after", after).bind("slice", slice).fetch_optional(conn).await? else {
        return Ok(None);
    };
    let Some(last) = row.cell::<Option<Id>>(0)? else { return Ok(None) };
    let columns = match filled {
        true => assignments("", indexed, "fields", "folded"),
        false => Query::new(indexed.iter().map(|one| format!("{} = null", one.column)).collect::<Vec<_>>().join(", ")),
    };
    // `+` keeps SQLite on the primary key.
    let query = Query::new(
        "update contact
            set {columns}
          where +workspace_id = :workspace and id > :after and id <= :last",
    );
    query
        .fragment("columns", columns)
        .bind("workspace", workspace)
        .bind("after", after)
        .bind("last", last)
        .execute(conn)
        .await?;
    Ok(Some((last, row.cell::<i64>(1)?.unsigned_abs())))
}

/// Creates the index of an indexed field. It contains the columns of all others as well, so that one
/// scan answers a whole condition.
pub async fn create_index(conn: &mut Conn, column: &str) -> Result<()> {
    let others = NUMBER_COLUMNS.iter().chain(&TEXT_COLUMNS).filter(|other| **other != column);
    let query = Query::new(
        "create index if not exists contact_{column} on contact (workspace_id, reachable, {column}{others})
          where {column} is not null",
    );
    query
        .fragment("column", column.to_owned())
        .fragment("others", others.map(|other| format!(", {other}")).collect::<String>())
        .execute(conn)
        .await?;
    Ok(())
}

/// Creates the index of this name, if it is one that this module creates at run time. Returns false for any other name.
pub async fn create_index_of_name(conn: &mut Conn, name: &str) -> Result<bool> {
    let is_column = |column: &&str| NUMBER_COLUMNS.contains(column) || TEXT_COLUMNS.contains(column);
    match name.strip_prefix("contact_") {
        Some("seen") => create_activity_index(conn).await?,
        Some(column) if is_column(&column) => create_index(conn, column).await?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Drops the index of an indexed field.
pub async fn drop_index(conn: &mut Conn, column: &str) -> Result<()> {
    Query::new("drop index if exists contact_{column}").fragment("column", column.to_owned()).execute(conn).await?;
    Ok(())
}
