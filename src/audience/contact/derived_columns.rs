//! The columns of `contact` that stand for something told elsewhere, so that a segment is counted by
//! an index alone: whether letters may reach the person, when they last opened and clicked, and the
//! facets.

use sqlx::Row;

use super::Values;
use crate::audience::eligibility;
use crate::audience::indexed_field::{IndexedField, KEPT, NUMBERS, TEXTS};
use crate::infra::db::value::Value;
use crate::infra::db::{Conn, Sql, for_update};
use crate::infra::error::Result;
use crate::infra::id::{Id, STEP};

/// People a statement.
const ROWS: usize = 5_000;

/// People given their facet in one transaction: some tens of milliseconds.
const SLICE: i64 = 5_000;

/// Recomputes `reachable` of these contacts: whether they may be mailed on at least one list
/// ([`eligibility`]). Locks them first, so that the later of two concurrent changes sees both.
pub async fn recompute_reachable(conn: &mut Conn, ids: &[Id]) -> Result<()> {
    for some in ids.chunks(ROWS) {
        lock(conn, some).await?;
        let mut sql = Sql::new("update contact set reachable = 1 - reachable where id");
        sql.among(conn, some).push(" and reachable <> case when ");
        sql.push(&eligibility::mailable_anywhere("contact.id")).push(" then 1 else 0 end");
        sql.run(conn).await?;
    }
    Ok(())
}

/// Keeps others from changing these people until the transaction ends.
pub async fn lock(conn: &mut Conn, ids: &[Id]) -> Result<()> {
    let hold = for_update(conn);
    if !hold.is_empty() {
        Sql::new("select 1 from contact where id").among(conn, ids).push(" order by id").push(hold).all(conn).await?;
    }
    Ok(())
}

/// Notes the opens and clicks of the events whose keys lie [`STEP`] apart from `first` to `last`; older
/// ones than are known change nothing.
pub async fn record_activity(conn: &mut Conn, first: Id, last: Id) -> Result<()> {
    let fresh = |sql: &mut Sql| {
        sql.push(" from event where id >= ").bind(first).push(" and id <= ").bind(last);
        sql.push(" and id % ").push(&STEP.to_string()).push(" = ").bind(first % STEP);
    };
    let hold = for_update(conn);
    if !hold.is_empty() {
        let mut sql = Sql::new("select 1 from contact where id in (select contact_id");
        fresh(&mut sql);
        sql.push(") order by id").push(hold).all(conn).await?;
    }
    let mut sql = Sql::new("update contact set ");
    for (index, name) in ["opened_at", "clicked_at"].into_iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        sql.push(&format!("{comma}{name} = case when fresh.{name} > coalesce(contact.{name}, 0) "));
        sql.push(&format!("then fresh.{name} else contact.{name} end"));
    }
    sql.push(" from (select contact_id, max(case when kind = 'open' then at else 0 end) as opened_at, ");
    sql.push("max(case when kind = 'click' then at else 0 end) as clicked_at");
    fresh(&mut sql);
    sql.push(" group by contact_id) as fresh where contact.id = fresh.contact_id").run(conn).await?;
    Ok(())
}

/// Looks anew when people last opened and clicked: some of their events are gone.
pub async fn recompute_activity(conn: &mut Conn, ids: &[Id]) -> Result<()> {
    let mut sql = Sql::new(
        "update contact set opened_at = (select max(e.at) from event e where e.contact_id = contact.id and e.kind = 'open'), \
         clicked_at = (select max(e.at) from event e where e.contact_id = contact.id and e.kind = 'click') where id",
    );
    sql.among(conn, ids).run(conn).await?;
    Ok(())
}

/// Makes the index by which people are counted who opened or clicked, or did not.
pub async fn create_activity_index(conn: &mut Conn) -> Result<()> {
    let index = "create index if not exists contact_seen on contact (workspace_id, reachable, opened_at, clicked_at)";
    Sql::new(index).run(conn).await?;
    Ok(())
}

/// Appends what a facet is, from the columns `fields` and `folded`.
pub(super) fn facet_of(sql: &mut Sql, facet: &IndexedField, fields: &str, folded: &str) {
    let name = facet.field.clone();
    match facet.is_number() {
        true => sql.push("cast(json(").push(fields).push(") ->> ").bind(name).push(" as double precision)"),
        false => sql.push("substr(json(").push(folded).push(") ->> ").bind(name).push(&format!(", 1, {KEPT})")),
    };
}

/// What a facet is, from values at hand: what [`facet_of`] says of them.
pub(super) fn facet_in(facet: &IndexedField, fields: &Values, folded: &Values) -> Value {
    match facet.is_number() {
        true => fields.get(&facet.field).and_then(serde_json::Value::as_f64).map(Value::Real),
        false => folded
            .get(&facet.field)
            .and_then(serde_json::Value::as_str)
            .map(|text| Value::Text(text.chars().take(KEPT).collect())),
    }
    .unwrap_or(Value::Null)
}

/// Gives a slice of people after key `after` their facets, or takes these from them. Returns the last
/// key and the number of people; `None` at the end.
pub async fn backfill(
    conn: &mut Conn,
    workspace: Id,
    facets: &[IndexedField],
    filled: bool,
    after: Id,
) -> Result<Option<(Id, u64)>> {
    let row = sqlx::query(
        "select max(id), count(*) from (select id from contact where id > $1 order by id limit $2) as slice",
    )
    .bind(after)
    .bind(SLICE)
    .fetch_one(&mut *conn)
    .await?;
    let Some(last) = row.get::<Option<Id>, _>(0) else { return Ok(None) };
    let mut sql = Sql::new("update contact set ");
    for (index, facet) in facets.iter().enumerate() {
        sql.push(if index == 0 { "" } else { ", " }).push(facet.place).push(" = ");
        match filled {
            true => facet_of(&mut sql, facet, "fields", "folded"),
            false => {
                sql.push("null");
            }
        }
    }
    sql.push(" where +workspace_id = ").bind(workspace).push(" and id > ").bind(after).push(" and id <= ").bind(last);
    sql.run(conn).await?;
    Ok(Some((last, row.get::<i64, _>(1).unsigned_abs())))
}

/// Makes the index of a facet. It holds all the others as well: one walk answers a whole condition.
pub async fn create_index(conn: &mut Conn, place: &str) -> Result<()> {
    let mut sql = Sql::new("create index if not exists contact_");
    sql.push(place).push(" on contact (workspace_id, reachable, ").push(place);
    for other in NUMBERS.iter().chain(&TEXTS).filter(|other| **other != place) {
        sql.push(", ").push(other);
    }
    sql.push(") where ").push(place).push(" is not null").run(conn).await?;
    Ok(())
}

/// Drops the index of a facet.
pub async fn drop_index(conn: &mut Conn, place: &str) -> Result<()> {
    Sql::new("drop index if exists contact_").push(place).run(conn).await?;
    Ok(())
}
