//! The last word, and taking it back.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};
use sqlx::Row;

use super::progress::{self, Changes};
use super::{SUBSCRIBED, State};
use crate::ground::clock::Millis;
use crate::ground::db::many::{column, whole};
use crate::ground::db::{Conn, Sql};
use crate::ground::error::Result;
use crate::ground::id::Id;

/// A delivery to be marked.
#[derive(Debug, Clone)]
pub struct Mark {
    /// The delivery.
    pub id: Id,
    /// Its campaign.
    pub campaign: Id,
    /// What its message is made from ([`super::Claimed::snapshot`]).
    pub snapshot: String,
    /// The relay it goes to.
    pub relay: Id,
}

/// Marks a statement.
const ROWS: usize = 250;

/// The last word. Marks those deliveries of running campaigns in time that may be sent now and returns each with the date its
/// message bears, the same at every try. The rest are given back ([`release`]). The envelope may be
/// opened and the message written once this is committed.
pub async fn mark(conn: &mut Conn, mailer: Id, marks: &[Mark], now: Millis) -> Result<HashMap<Id, Millis>> {
    let mut campaigns: BTreeMap<Id, Vec<&Mark>> = BTreeMap::new();
    for mark in marks {
        campaigns.entry(mark.campaign).or_default().push(mark);
    }
    let mut marked = HashMap::with_capacity(marks.len());
    for (campaign, marks) in campaigns {
        let list = sqlx::query(
            "select list_id from campaign where id = $1 and state = 'running' and (until_at is null or until_at > $2)",
        )
        .bind(campaign)
        .bind(now)
        .fetch_optional(&mut *conn)
        .await?;
        let Some(list) = list else { continue };
        for some in marks.chunks(ROWS) {
            mark_some(conn, mailer, list.get(0), some, now, &mut marked).await?;
        }
    }
    let left: Vec<Id> = marks.iter().map(|mark| mark.id).filter(|id| !marked.contains_key(id)).collect();
    release(conn, mailer, &left, now).await?;
    Ok(marked)
}

async fn mark_some(
    conn: &mut Conn,
    mailer: Id,
    list: Id,
    marks: &[&Mark],
    now: Millis,
    marked: &mut HashMap<Id, Millis>,
) -> Result<()> {
    let rows: Vec<Value> = marks.iter().map(|mark| json!([mark.id, mark.snapshot, mark.relay])).collect();
    if statement(conn, mailer, list, &rows, now).run_whole(conn, rows.len()).await? {
        let ids: Vec<Id> = marks.iter().map(|mark| mark.id).collect();
        marked.extend(ids.iter().map(|id| (*id, now)));
        // Those that were tried before keep their date.
        let mut sql = Sql::new("select id, dated_at from delivery where dated_at <> ");
        sql.bind(now).push(" and id").among(conn, &ids);
        marked.extend(sql.gathered::<(Id, Millis)>(conn, "id, dated_at").await?);
        return Ok(());
    }
    let mut sql = statement(conn, mailer, list, &rows, now);
    let rows = sql.push(" returning delivery.id, delivery.dated_at").all(conn).await?;
    marked.extend(rows.iter().map(|row| (row.get::<Id, _>(0), row.get::<Millis, _>(1))));
    Ok(())
}

fn statement(conn: &Conn, mailer: Id, list: Id, rows: &[Value], now: Millis) -> Sql {
    let mut sql = Sql::new("update delivery set state = 'sending', mailer_id = ");
    sql.bind(mailer)
        .push(", dated_at = coalesce(dated_at, cast(")
        .bind(now)
        .push(" as bigint)), changed_at = ")
        .bind(now);
    sql.push(", snapshot = ").push(&column(1)).push(", relay_id = ").push(&whole(2)).push(" from ").table(conn, rows);
    sql.push(" where delivery.id = ")
        .push(&whole(0))
        .push(" and (delivery.state = 'pending' and delivery.due_at <= ")
        .bind(now)
        .push(" or delivery.state = 'leased' ");
    sql.push("and delivery.mailer_id = ").bind(mailer).push(") and exists (select 1 from subscription s ");
    sql.push("where s.contact_id = delivery.contact_id and s.list_id = ")
        .bind(list)
        .push(" and s.state = 'confirmed')");
    sql
}

/// Gives deliveries back that were claimed and not marked: pending, or suppressed when the person
/// may no longer be written to.
pub async fn release(conn: &mut Conn, mailer: Id, ids: &[Id], now: Millis) -> Result<()> {
    let mut changes = Changes::new();
    for some in ids.chunks(1_000) {
        let mut sql = Sql::new("update delivery set state = case when ");
        sql.push(SUBSCRIBED).push(" then 'pending' else 'suppressed' end, mailer_id = null, changed_at = ").bind(now);
        sql.push(" where (state = 'leased' and mailer_id = ").bind(mailer).push(" or state = 'pending') and id in (");
        sql.bind_all(some.iter().copied()).push(") returning campaign_id, state");
        for row in sql.all(conn).await? {
            if row.get::<String, _>(1) == State::Suppressed.as_str() {
                *changes.entry((row.get(0), State::Suppressed.as_str())).or_default() += 1;
            }
        }
    }
    progress::absorb(conn, mailer, &changes).await
}

/// Whether a marked delivery may still go out: the person is on the list, the campaign runs, and its
/// latest time has not come.
pub async fn may_send(conn: &mut Conn, mailer: Id, id: Id, now: Millis) -> Result<bool> {
    let mut sql = Sql::new("select 1 from delivery where id = ");
    sql.bind(id).push(" and mailer_id = ").bind(mailer).push(" and state = 'sending' and ").push(SUBSCRIBED);
    sql.push(" and exists (select 1 from campaign r where r.id = delivery.campaign_id and r.state = 'running'");
    sql.push(" and (r.until_at is null or r.until_at > ").bind(now).push("))");
    Ok(sql.first(conn).await?.is_some())
}
