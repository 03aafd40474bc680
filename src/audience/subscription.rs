//! Table `subscription`: a contact on a list. Unsubscribing erases, so there is no state "left".

use serde::Deserialize;
use serde_json::json;

use super::contact::{self, NewContactIds};
use super::eligibility;
use crate::infra::clock::Millis;
use crate::infra::db::json_rows::{AnyInteger, column, delete_returning, whole};
use crate::infra::db::pg_copy::{CopyRows, CopyTransaction};
use crate::infra::db::value::Value::{Integer, Text};
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::{Id, STEP};

crate::text_enum! {
    /// How far a subscription is. Only a confirmed one is mailed ([`eligibility`]).
    State {
        /// Requested, not yet confirmed by the person.
        Pending = "pending",
        /// The contact may be mailed.
        Confirmed = "confirmed",
        /// Confirmed, but the contact's mailbox does not exist ([`hard_bounce`](super::hard_bounce)): not mailed.
        Bounced = "bounced",
        /// Processing is restricted (GDPR Art. 18): kept, never mailed, never tracked, in no segment.
        Restricted = "restricted",
    }
}

/// A contact on a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The list.
    pub list: Id,
    /// The name of the list.
    pub list_name: String,
    /// How far it is.
    pub state: State,
    /// When the contact joined.
    pub joined_at: Millis,
}

/// A subscription to insert.
#[derive(Debug, Clone, Copy)]
pub struct NewSubscription {
    /// Primary key.
    pub id: Id,
    /// The contact.
    pub contact: Id,
    /// How far it is.
    pub state: State,
}

/// Puts contacts on a list; existing subscriptions keep their state. A contact who is restricted on one list
/// afterwards is restricted on all, and one whose mailbox does not exist is bounced on all: both concern the person, not
/// the list.
pub async fn join(
    conn: &mut Conn,
    workspace: Id,
    list: Id,
    subscriptions: &[NewSubscription],
    now: Millis,
) -> Result<()> {
    if subscriptions.is_empty() {
        return Ok(());
    }
    let contacts: Vec<Id> = subscriptions.iter().map(|one| one.contact).collect();
    contact::lock(conn, &contacts).await?;
    let rows: Vec<_> = subscriptions.iter().map(|one| json!([one.id, one.contact, one.state.as_str()])).collect();
    let insert = Query::new(
        "insert into subscription (id, workspace_id, contact_id, list_id, state, joined_at)
         select {id}, :workspace, {contact}, :list, {state}, :now
           from :rows as given
          where true
             on conflict (contact_id, list_id) do nothing",
    );
    insert
        .bind("workspace", workspace)
        .bind("list", list)
        .bind("now", now)
        .bind_rows("rows", &rows)
        .fragment("id", whole(0))
        .fragment("contact", whole(1))
        .fragment("state", column(2))
        .execute(conn)
        .await?;
    let spread_restriction = Query::new(
        "update subscription
            set state = 'restricted'
          where contact_id in :contacts and state <> 'restricted' and {restricted}",
    );
    spread_restriction
        .bind_ids("contacts", &contacts)
        .fragment("restricted", eligibility::restricted("subscription.contact_id"))
        .execute(&mut *conn)
        .await?;
    set_bounced(conn, &contacts).await
}

/// Suppresses the confirmed subscriptions of those of the locked contacts who have a hard bounce.
pub async fn set_bounced(conn: &mut Conn, contacts: &[Id]) -> Result<()> {
    let bounce = Query::new(
        "update subscription
            set state = 'bounced'
          where contact_id in :contacts and state = 'confirmed'
            and exists (select 1 from hard_bounce b where b.contact_id = subscription.contact_id)",
    );
    bounce.bind_ids("contacts", contacts).execute(&mut *conn).await?;
    contact::recompute_reachable(conn, contacts).await
}

/// Ends the suppression of a locked contact.
pub async fn unset_bounced(conn: &mut Conn, contact: Id) -> Result<()> {
    Query::new("update subscription set state = 'confirmed' where contact_id = :contact and state = 'bounced'")
        .bind("contact", contact)
        .execute(&mut *conn)
        .await?;
    contact::recompute_reachable(conn, &[contact]).await
}

/// Confirms a pending subscription of a locked contact, whose owner has agreed.
pub async fn confirm(conn: &mut Conn, list: Id, contact: Id) -> Result<()> {
    let query = Query::new(
        "update subscription
            set state = 'confirmed'
          where contact_id = :contact and list_id = :list and state = 'pending'",
    );
    query.bind("contact", contact).bind("list", list).execute(&mut *conn).await?;
    set_bounced(conn, &[contact]).await
}

/// Inserts confirmed subscriptions of contacts that were inserted for this list in the same transaction.
pub async fn insert_new(conn: &mut Conn, list: Id, contacts: NewContactIds, now: Millis) -> Result<()> {
    let query = Query::new(
        "insert into subscription (id, workspace_id, contact_id, list_id, state, joined_at)
         select c.id + {step}, c.workspace_id, c.id, :list, 'confirmed', :now
           from contact c
          where {new_contacts}",
    );
    query
        .fragment("step", STEP.to_string())
        .bind("list", list)
        .bind("now", now)
        .fragment("new_contacts", contacts.condition())
        .execute(conn)
        .await?;
    Ok(())
}

/// Copies in confirmed subscriptions of contacts that are copied in with them.
pub async fn copy_in(copy: &mut CopyTransaction<'_>, list: Id, contacts: NewContactIds, now: Millis) -> Result<()> {
    let row = |contact: Id| {
        let keys = [contact + STEP, contacts.workspace(), contact, list].map(Integer);
        keys.into_iter().chain([Text(State::Confirmed.to_string()), Integer(now)]).collect()
    };
    let columns = ["id", "workspace_id", "contact_id", "list_id", "state", "joined_at"];
    copy.copy_in(&CopyRows::new("subscription", &columns, contacts.keys().map(row))?).await
}

/// The subscriptions of a contact, by list name.
pub async fn of_contact(conn: &mut Conn, contact: Id) -> Result<Vec<Subscription>> {
    let query = Query::new(
        "select s.list_id, l.name, s.state, s.joined_at
           from subscription s
           join list l on l.id = s.list_id
          where s.contact_id = :contact
          order by l.name{bytewise}",
    );
    let rows = query.bind("contact", contact).fetch_all(conn).await?;
    rows.iter()
        .map(|row| {
            let state: State = row.cell::<String>(2)?.parse()?;
            Ok(Subscription { list: row.cell(0)?, list_name: row.cell(1)?, state, joined_at: row.cell(3)? })
        })
        .collect()
}

/// Some subscriptions of a workspace: contacts and lists.
pub async fn some_of_workspace(conn: &mut Conn, workspace: Id) -> Result<Vec<(Id, Id)>> {
    let query = Query::new("select contact_id, list_id from subscription where workspace_id = :workspace limit 500");
    let rows = query.bind("workspace", workspace).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((row.cell(0)?, row.cell(1)?))).collect()
}

/// The state on one list of those of the given contacts who are on it.
pub async fn states(conn: &mut Conn, list: Id, contacts: &[Id]) -> Result<Vec<(Id, State)>> {
    if contacts.is_empty() {
        return Ok(Vec::new());
    }
    // `+ 0` keeps SQLite from scanning the whole list instead of looking up the contacts.
    let query = Query::new(
        "select contact_id, state
           from subscription
          where list_id + 0 = :list and contact_id in :contacts",
    );
    let query = query.bind("list", list).bind_ids("contacts", contacts);
    let found: Vec<(Id, String)> = query.fetch_json(conn, "contact_id, state").await?;
    found.into_iter().map(|(id, state)| Ok((id, state.parse()?))).collect()
}

/// Restricts processing of a contact on every list. Returns the number of subscriptions that changed.
pub async fn restrict(conn: &mut Conn, contact: Id) -> Result<u64> {
    contact::lock(conn, &[contact]).await?;
    let query = Query::new(
        "update subscription
            set state = 'restricted'
          where contact_id = :contact and state <> 'restricted'",
    );
    let changed = query.bind("contact", contact).execute(conn).await?;
    contact::recompute_reachable(conn, &[contact]).await?;
    Ok(changed)
}

/// Lifts the restriction: lists with a consent receipt are confirmed again, the others pending; all are bounced when the
/// mailbox does not exist. Returns the number of subscriptions that changed.
pub async fn unrestrict(conn: &mut Conn, contact: Id) -> Result<u64> {
    contact::lock(conn, &[contact]).await?;
    let query = Query::new(
        "update subscription
            set state = case when exists (select 1
                                            from consent c
                                           where c.contact_id = subscription.contact_id
                                             and c.list_id = subscription.list_id)
                             then 'confirmed' else 'pending' end
          where contact_id = :contact and state = 'restricted'",
    );
    let changed = query.bind("contact", contact).execute(&mut *conn).await?;
    set_bounced(conn, &[contact]).await?;
    Ok(changed)
}

/// A contact on a list, as an unsubscription needs it.
#[derive(Debug, Clone, Deserialize)]
pub struct Subscriber {
    /// The contact.
    pub contact: Id,
    /// The canonical form of the contact's address.
    pub canonical: String,
    /// 1 when the contact is on another list too.
    pub on_other_list: u8,
}

/// Those of the given contacts who are on this list.
pub async fn subscribers(conn: &mut Conn, list: Id, contacts: &[Id]) -> Result<Vec<Subscriber>> {
    if contacts.is_empty() {
        return Ok(Vec::new());
    }
    // `+ 0` keeps SQLite from scanning the whole list instead of looking up the contacts.
    let query = Query::new(
        "select s.contact_id, c.canonical,
                case when exists (select 1
                                    from subscription o
                                   where o.contact_id = s.contact_id and o.list_id <> s.list_id)
                     then 1 else 0 end as on_other_list
           from subscription s
           join contact c on c.id = s.contact_id
          where s.list_id + 0 = :list and s.contact_id in :contacts",
    );
    let query = query.bind("list", list).bind_ids("contacts", contacts);
    query.fetch_json(conn, "contact_id, canonical, on_other_list").await
}

/// A subscription that was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Departed {
    /// The contact.
    pub contact: Id,
    /// The workspace.
    pub workspace: Id,
    /// The list.
    pub list: Id,
    /// When the contact had joined.
    pub joined_at: Millis,
}

/// Deletes the subscriptions of contacts to one list, or to all when the contacts are erased as a whole. Returns them.
pub async fn forget(conn: &mut Conn, contacts: &[Id], list: Option<Id>) -> Result<Vec<Departed>> {
    let condition = Query::new("contact_id in :contacts and {of_list}").bind_ids("contacts", contacts);
    let condition = condition.fragment(
        "of_list",
        match list {
            // `+ 0` keeps SQLite from scanning the whole list instead of looking up the contacts.
            Some(list) => Query::new("list_id + 0 = :list").bind("list", list),
            None => Query::new("1 = 1"),
        },
    );
    let columns = "contact_id, workspace_id, list_id, joined_at";
    let rows: Vec<[AnyInteger; 4]> = delete_returning(conn, "subscription", columns, condition).await?;
    if list.is_some() {
        contact::recompute_reachable(conn, contacts).await?;
    }
    let departed = |[contact, workspace, list, joined_at]: [AnyInteger; 4]| Departed {
        contact: contact.0,
        workspace: workspace.0,
        list: list.0,
        joined_at: joined_at.0,
    };
    Ok(rows.into_iter().map(departed).collect())
}

/// Number of contacts on a list, by state.
pub async fn count(conn: &mut Conn, list: Id) -> Result<Vec<(State, i64)>> {
    let query = Query::new(
        "select state, count(*)
           from subscription
          where list_id = :list
          group by state
          order by state",
    );
    let rows = query.bind("list", list).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((row.cell::<String>(0)?.parse()?, row.cell(1)?))).collect()
}

/// Number of contacts of a list, or `limit` where there are more.
pub async fn count_up_to(conn: &mut Conn, list: Id, limit: i64) -> Result<i64> {
    let query = Query::new(
        "select count(*)
           from (select 1 as one from subscription where list_id = :list limit :limit) some_rows",
    );
    let row = query.bind("list", list).bind("limit", limit).fetch_optional(conn).await?;
    row.map_or(Ok(0), |row| row.cell(0))
}

/// Up to `limit` contacts of a list, for working through it while it shrinks.
pub async fn list_contacts(conn: &mut Conn, list: Id, limit: i64) -> Result<Vec<Id>> {
    let query = Query::new(
        "select contact_id
           from subscription
          where list_id = :list
          order by contact_id
          limit :limit",
    );
    let rows = query.bind("list", list).bind("limit", limit).fetch_all(conn).await?;
    rows.iter().map(|row| row.cell(0)).collect()
}
