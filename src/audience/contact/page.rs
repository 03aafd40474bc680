//! Pages of contacts: some contacts behind the last one of the page before, of one list or of all, by key or by address.

use std::collections::HashMap;

use super::{Contact, read};
use crate::audience::subscription::{self, State};
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

crate::text_enum! {
    /// The order of a page. A contact's key grows with the time at which it was added.
    Order {
        /// The oldest contact first.
        Oldest = "added",
        /// The newest contact first.
        Newest = "-added",
        /// By address.
        Address = "address",
        /// By address, backwards.
        AddressBackwards = "-address",
    }
}

/// Which contacts a page shows.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// The list; all contacts without one.
    pub list: Option<Id>,
    /// The state of the subscription to the list.
    pub state: Option<State>,
    /// The order.
    pub order: Order,
    /// The last contact of the page before; 0 for the first page.
    pub after: Id,
    /// The number of contacts.
    pub limit: i64,
}

/// Lists with at most so many contacts are sorted by address; larger ones are found along the index of addresses.
const SORTED_AT_ONCE: i64 = 10_000;

/// Up to `limit` contacts behind a key, of one list or of all, in the order of their keys.
pub async fn list_page(
    conn: &mut Conn,
    workspace: Id,
    list: Option<Id>,
    after: Id,
    limit: i64,
) -> Result<Vec<Contact>> {
    page(conn, workspace, Page { list, state: None, order: Order::Oldest, after, limit }).await
}

/// The contacts of a page.
pub async fn page(conn: &mut Conn, workspace: Id, page: Page) -> Result<Vec<Contact>> {
    match (page.order, page.list) {
        (Order::Oldest | Order::Newest, Some(list)) => by_key_on_list(conn, workspace, list, page).await,
        (Order::Oldest | Order::Newest, None) => by_key(conn, workspace, page).await,
        (Order::Address | Order::AddressBackwards, _) => by_address(conn, workspace, page).await,
    }
}

async fn by_key(conn: &mut Conn, workspace: Id, page: Page) -> Result<Vec<Contact>> {
    let (behind, order) = key_order(page, "c.id", "c.id desc", ("c.id > :after", "c.id < :after"));
    let query = Query::new(
        "select c.id, c.address, c.fields, c.created_at, c.updated_at
           from contact c
          where c.workspace_id = :workspace and {behind}
          order by {order}
          limit :limit",
    );
    let query = query.bind("workspace", workspace).bind("limit", page.limit);
    let query = query.fragment("behind", behind).fragment("order", order);
    query.fetch_all(conn).await?.iter().map(read).collect()
}

/// The condition and the order of a page by key, from how a column is sorted and compared both ways.
fn key_order(
    page: Page,
    up: &'static str,
    down: &'static str,
    (behind_up, behind_down): (&'static str, &'static str),
) -> (Query, &'static str) {
    match page.order {
        Order::Newest if page.after == 0 => (Query::new("1 = 1"), down),
        Order::Newest => (Query::new(behind_down).bind("after", page.after), down),
        _ => (Query::new(behind_up).bind("after", page.after), up),
    }
}

/// The contacts of a list by key: each state is one strip of an index, and the strips are merged.
async fn by_key_on_list(conn: &mut Conn, workspace: Id, list: Id, page: Page) -> Result<Vec<Contact>> {
    let mut keys: Vec<Id> = Vec::new();
    for state in State::ALL.iter().filter(|state| page.state.is_none_or(|wanted| wanted == **state)) {
        let compared = ("contact_id > :after", "contact_id < :after");
        let (behind, order) = key_order(page, "contact_id", "contact_id desc", compared);
        let query = Query::new(
            "select contact_id
               from subscription
              where list_id = :list and state = :state and {behind}
              order by {order}
              limit :limit",
        );
        let query = query.bind("list", list).bind("state", state.as_str()).bind("limit", page.limit);
        let query = query.fragment("behind", behind).fragment("order", order);
        for row in query.fetch_all(conn).await? {
            keys.push(row.cell(0)?);
        }
    }
    keys.sort_unstable();
    if page.order == Order::Newest {
        keys.reverse();
    }
    keys.truncate(usize::try_from(page.limit).unwrap_or_default());
    find_of_workspace(conn, workspace, &keys).await
}

/// The contacts of a workspace with these keys, in the order of the keys.
pub async fn find_of_workspace(conn: &mut Conn, workspace: Id, keys: &[Id]) -> Result<Vec<Contact>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let query = Query::new(
        "select id, address, fields, created_at, updated_at
           from contact
          where id in :keys and workspace_id = :workspace",
    );
    let rows = query.bind("workspace", workspace).bind_ids("keys", keys).fetch_all(conn).await?;
    let found = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
    let mut found: HashMap<Id, Contact> = found.into_iter().map(|contact| (contact.id, contact)).collect();
    Ok(keys.iter().filter_map(|key| found.remove(key)).collect())
}

/// The contacts by address. The address of the last one of the page before is looked up, since an address stands in no URL;
/// when that contact is gone, the page is the first one.
async fn by_address(conn: &mut Conn, workspace: Id, page: Page) -> Result<Vec<Contact>> {
    let last = Query::new("select canonical from contact where id = :after and workspace_id = :workspace");
    let last = last.bind("after", page.after).bind("workspace", workspace).fetch_optional(conn).await?;
    let last: Option<String> = last.map(|row| row.cell(0)).transpose()?;
    let is_backwards = page.order == Order::AddressBackwards;
    let behind = match (last, is_backwards) {
        (None, _) => Query::new("1 = 1"),
        (Some(last), true) => Query::new("c.canonical < :last").bind("last", last),
        (Some(last), false) => Query::new("c.canonical > :last").bind("last", last),
    };
    let on_list = match page.list {
        None => Query::new("1 = 1"),
        Some(list) => on_list(conn, list, page.state).await?,
    };
    let query = Query::new(
        "select c.id, c.address, c.fields, c.created_at, c.updated_at
           from contact c
          where c.workspace_id = :workspace and {behind} and {on_list}
          order by {order}
          limit :limit",
    );
    let order = if is_backwards { "c.canonical desc" } else { "c.canonical" };
    let query = query.bind("workspace", workspace).bind("limit", page.limit);
    let query = query.fragment("behind", behind).fragment("on_list", on_list).fragment("order", order);
    query.fetch_all(conn).await?.iter().map(read).collect()
}

/// The condition that a contact is on a list, so that a small list and a large one are both fast.
async fn on_list(conn: &mut Conn, list: Id, state: Option<State>) -> Result<Query> {
    let size = subscription::count_up_to(conn, list, SORTED_AT_ONCE + 1).await?;
    let condition = match size <= SORTED_AT_ONCE {
        // `+ 0` keeps SQLite from walking the index of addresses.
        true => {
            "c.id + 0 in (select s.contact_id
                            from subscription s
                           where s.list_id = :list and (:state = '' or s.state = :state))"
        }
        false => {
            "exists (select 1
                       from subscription s
                      where s.contact_id = c.id and s.list_id = :list and (:state = '' or s.state = :state))"
        }
    };
    Ok(Query::new(condition).bind("list", list).bind("state", state.map_or("", State::as_str)))
}
