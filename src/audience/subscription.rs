//! Table `subscription`: a contact on a list. Leaving is erasing, so there is no state "left".

use serde::Deserialize;
use serde_json::json;
use sqlx::Row;

use super::contact::{self, NewContactIds};
use super::eligibility;
use crate::infra::clock::Millis;
use crate::infra::db::json_rows::{column, whole};
use crate::infra::db::pg_copy::{CopyRows, CopyTransaction};
use crate::infra::db::value::Value::{Integer, Text};
use crate::infra::db::{Conn, Sql};
use crate::infra::error::Result;
use crate::infra::id::{Id, STEP};

crate::text_enum! {
    /// Whether letters may go out.
    State {
        /// Asked for, not yet confirmed by the person.
        Pending = "pending",
        /// Letters may go out.
        Confirmed = "confirmed",
        /// Kept, never mailed, never tracked, in no segment.
        Restricted = "restricted",
    }
}

/// A contact on a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Which list.
    pub list: Id,
    /// Its name.
    pub list_name: String,
    /// Whether letters may go out.
    pub state: State,
    /// Since when.
    pub joined_at: Millis,
}

/// A subscription to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewSubscription {
    /// A fresh key.
    pub id: Id,
    /// Who.
    pub contact: Id,
    /// Whether letters may go out.
    pub state: State,
}

/// Puts contacts on a list; existing subscriptions keep their state. A contact who is restricted on one list
/// afterwards is restricted on all: restriction concerns the person, not the list.
pub async fn join(conn: &mut Conn, workspace: Id, list: Id, people: &[NewSubscription], now: Millis) -> Result<()> {
    if people.is_empty() {
        return Ok(());
    }
    let contacts: Vec<Id> = people.iter().map(|one| one.contact).collect();
    contact::lock(conn, &contacts).await?;
    let rows: Vec<_> = people.iter().map(|one| json!([one.id, one.contact, one.state.as_str()])).collect();
    let mut sql =
        Sql::new("insert into subscription (id, workspace_id, contact_id, list_id, state, joined_at) select ");
    sql.push(&whole(0)).push(", ").bind(workspace).push(", ").push(&whole(1)).push(", ").bind(list).push(", ");
    sql.push(&column(2)).push(", ").bind(now).push(" from ").table(conn, &rows);
    sql.push(" where true on conflict (contact_id, list_id) do nothing").run(conn).await?;
    let mut sql = Sql::new("update subscription set state = 'restricted' where contact_id");
    sql.among(conn, &contacts).push(" and state <> 'restricted' and ");
    sql.push(&eligibility::restricted("subscription.contact_id")).run(conn).await?;
    contact::recompute_reachable(conn, &contacts).await
}

/// Puts people on a list who have just been added for it. Letters may reach them.
pub async fn insert_new(conn: &mut Conn, list: Id, newcomers: NewContactIds, now: Millis) -> Result<()> {
    let mut sql =
        Sql::new("insert into subscription (id, workspace_id, contact_id, list_id, state, joined_at) select c.id + ");
    sql.push(&STEP.to_string()).push(", c.workspace_id, c.id, ").bind(list).push(", 'confirmed', ").bind(now);
    newcomers.only(sql.push(" from contact c where "));
    sql.run(conn).await?;
    Ok(())
}

/// Loads the subscriptions of people who are loaded with them. Letters may reach them.
pub async fn copy_in(load: &mut CopyTransaction<'_>, list: Id, newcomers: NewContactIds, now: Millis) -> Result<()> {
    let row = |contact: Id| {
        let keys = [contact + STEP, newcomers.workspace(), contact, list].map(Integer);
        keys.into_iter().chain([Text(State::Confirmed.to_string()), Integer(now)]).collect()
    };
    let columns = ["id", "workspace_id", "contact_id", "list_id", "state", "joined_at"];
    load.copy_in(&CopyRows::new("subscription", &columns, newcomers.keys().map(row))?).await
}

/// The lists a person is on, by name.
pub async fn of_contact(conn: &mut Conn, contact: Id) -> Result<Vec<Subscription>> {
    let rows = sqlx::query(
        "select s.list_id, l.name, s.state, s.joined_at from subscription s join list l on l.id = s.list_id \
         where s.contact_id = $1 order by l.name",
    )
    .bind(contact)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            let state: State = row.get::<String, _>(2).parse()?;
            Ok(Subscription { list: row.get(0), list_name: row.get(1), state, joined_at: row.get(3) })
        })
        .collect()
}

/// The state on one list of each of the given people who is on it.
pub async fn states(conn: &mut Conn, list: Id, contacts: &[Id]) -> Result<Vec<(Id, State)>> {
    if contacts.is_empty() {
        return Ok(Vec::new());
    }
    // `+ 0` keeps SQLite from walking the whole list instead of looking up the people.
    let mut sql = Sql::new("select contact_id, state from subscription where list_id + 0 = ");
    sql.bind(list).push(" and contact_id").among(conn, contacts);
    let found: Vec<(Id, String)> = sql.gathered(conn, "contact_id, state").await?;
    found.into_iter().map(|(id, state)| Ok((id, state.parse()?))).collect()
}

/// Pauses processing of a person on every list: kept, never mailed.
pub async fn restrict(conn: &mut Conn, contact: Id) -> Result<u64> {
    contact::lock(conn, &[contact]).await?;
    let done = sqlx::query("update subscription set state = $1 where contact_id = $2 and state <> $1")
        .bind(State::Restricted.as_str())
        .bind(contact)
        .execute(&mut *conn)
        .await?;
    contact::recompute_reachable(conn, &[contact]).await?;
    Ok(done.rows_affected())
}

/// Ends the pause: lists that the person agreed to are confirmed again, the others wait for it.
pub async fn unrestrict(conn: &mut Conn, contact: Id) -> Result<u64> {
    contact::lock(conn, &[contact]).await?;
    let done = sqlx::query(
        "update subscription set state = case when exists (select 1 from consent c where c.contact_id = subscription.contact_id \
         and c.list_id = subscription.list_id) then 'confirmed' else 'pending' end where contact_id = $1 and state = 'restricted'",
    )
    .bind(contact)
    .execute(&mut *conn)
    .await?;
    contact::recompute_reachable(conn, &[contact]).await?;
    Ok(done.rows_affected())
}

/// Someone on a list that they are about to leave.
#[derive(Debug, Clone, Deserialize)]
pub struct Subscriber {
    /// Who.
    pub contact: Id,
    /// The canonical form of their address.
    pub canonical: String,
    /// 1 when they are on another list too.
    pub on_other_list: u8,
}

/// Of the given people, those who are on this list.
pub async fn subscribers(conn: &mut Conn, list: Id, contacts: &[Id]) -> Result<Vec<Subscriber>> {
    if contacts.is_empty() {
        return Ok(Vec::new());
    }
    // `+ 0` keeps SQLite from walking the whole list instead of looking up the people.
    let mut sql = Sql::new(
        "select s.contact_id, c.canonical, case when exists (select 1 from subscription o where o.contact_id = s.contact_id \
         and o.list_id <> s.list_id) then 1 else 0 end as on_other_list \
         from subscription s join contact c on c.id = s.contact_id where s.list_id + 0 = ",
    );
    sql.bind(list).push(" and s.contact_id").among(conn, contacts);
    sql.gathered(conn, "contact_id, canonical, on_other_list").await
}

/// Takes people off one list, or off all, which is for those who go altogether.
pub async fn forget(conn: &mut Conn, contacts: &[Id], list: Option<Id>) -> Result<()> {
    let mut sql = Sql::new("delete from subscription where contact_id");
    sql.among(conn, contacts);
    let Some(list) = list else { return sql.run(conn).await.map(drop) };
    // `+ 0` keeps SQLite from walking the whole list instead of looking up the people.
    sql.push(" and list_id + 0 = ").bind(list).run(conn).await?;
    contact::recompute_reachable(conn, contacts).await
}

/// How many people are on a list, by state.
pub async fn count(conn: &mut Conn, list: Id) -> Result<Vec<(State, i64)>> {
    let rows = sqlx::query("select state, count(*) from subscription where list_id = $1 group by state order by state")
        .bind(list)
        .fetch_all(conn)
        .await?;
    rows.iter().map(|row| Ok((row.get::<String, _>(0).parse()?, row.get(1)))).collect()
}

/// Up to `limit` people on a list, for walking over it while it shrinks.
pub async fn list_contacts(conn: &mut Conn, list: Id, limit: i64) -> Result<Vec<Id>> {
    let rows = sqlx::query("select contact_id from subscription where list_id = $1 order by contact_id limit $2")
        .bind(list)
        .bind(limit)
        .fetch_all(conn)
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
