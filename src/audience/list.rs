//! Table `list`: a newsletter that contacts subscribe to.
//!
//! Closing a list erases all its subscribers (`privacy::erasure`). The row stays as the name that past campaigns
//! refer to.

use sqlx::any::AnyRow;

use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query, is_unique_violation, read_each};
use crate::infra::error::{Error, Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// Characters that a name may have.
const MAX_NAME_CHARS: usize = 100;

/// A newsletter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// Primary key; also the stable part of List-Id (RFC 2919).
    pub id: Id,
    /// Its name in the workspace.
    pub name: String,
    /// True when it is closed.
    pub closed: bool,
    /// True when subscribers of other lists of the workspace may join it on their preferences page.
    pub public: bool,
}

fn read(row: &AnyRow) -> Result<List> {
    Ok(List {
        id: row.cell(0)?,
        name: row.cell(1)?,
        closed: row.cell::<Option<i64>>(2)?.is_some(),
        public: row.cell::<i64>(3)? != 0,
    })
}

/// Adds a list; an open list of this name is returned as it is.
pub async fn add(installation: &Installation, workspace: Id, name: &str) -> Result<List> {
    let name = check_name(name)?;
    let mut tx = installation.db.write().await?;
    if let Some(list) = find(&mut tx, workspace, name).await? {
        return if list.closed { Err(Message::new("list-closed").with("name", name).conflict()) } else { Ok(list) };
    }
    let id = installation.ids.next()?;
    let insert = Query::new(
        "insert into list (id, workspace_id, name, created_at)
         values (:id, :workspace, :name, :now)",
    );
    let inserted = insert
        .bind("id", id)
        .bind("workspace", workspace)
        .bind("name", name)
        .bind("now", installation.clock.now())
        .execute(&mut tx)
        .await;
    match inserted {
        Ok(_) => tx.commit().await?,
        // Another process added it at the same moment.
        Err(Error::Db(error)) if is_unique_violation(&error) => {
            drop(tx);
            return need(&mut *installation.db.read().await?, workspace, name).await;
        }
        Err(error) => return Err(error),
    }
    Ok(List { id, name: name.to_owned(), closed: false, public: false })
}

/// Gives an open list another name.
///
/// # Errors
///
/// `Conflict` when another list, open or closed, has the name.
pub async fn rename(conn: &mut Conn, workspace: Id, name: &str, new: &str) -> Result<List> {
    let new = check_name(new)?;
    let list = need_open(conn, workspace, name).await?;
    if find(conn, workspace, new).await?.is_some_and(|other| other.id != list.id) {
        return Err(Message::new("list-name-taken").with("name", new).conflict());
    }
    let renamed = Query::new("update list set name = :name where id = :id").bind("name", new).bind("id", list.id);
    match renamed.execute(conn).await {
        // Another process gave the name away at the same moment.
        Err(Error::Db(error)) if is_unique_violation(&error) => {
            Err(Message::new("list-name-taken").with("name", new).conflict())
        }
        renamed => renamed.map(|_| List { name: new.to_owned(), ..list }),
    }
}

/// Says whether subscribers of other lists may join the list on their preferences page.
pub async fn set_public(conn: &mut Conn, id: Id, public: bool) -> Result<()> {
    let query = Query::new("update list set is_public = :public where id = :id");
    query.bind("public", i64::from(public)).bind("id", id).execute(conn).await.map(drop)
}

/// A name as typed, without the spaces around it.
fn check_name(name: &str) -> Result<&str> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || name.chars().any(super::address::is_hidden) {
        return Err(Message::new("list-name").with("limit", MAX_NAME_CHARS).invalid_field("name"));
    }
    Ok(name)
}

/// Finds a list by name, open or closed.
pub async fn find(conn: &mut Conn, workspace: Id, name: &str) -> Result<Option<List>> {
    let query =
        Query::new("select id, name, closed_at, is_public from list where workspace_id = :workspace and name = :name");
    let row = query.bind("workspace", workspace).bind("name", name).fetch_optional(conn).await?;
    row.as_ref().map(read).transpose()
}

/// An open list by name; the error for an unknown name lists the known ones.
pub async fn need(conn: &mut Conn, workspace: Id, name: &str) -> Result<List> {
    match find(conn, workspace, name).await? {
        Some(list) if list.closed => Err(Message::new("list-closed").with("name", name).conflict()),
        Some(list) => Ok(list),
        None => {
            let known: Vec<_> = all(conn, workspace).await?.into_iter().map(|list| list.name).collect();
            let known = if known.is_empty() { "-".to_owned() } else { known.join(", ") };
            Err(Message::new("list-unknown").with("name", name).with("known", known).not_found())
        }
    }
}

/// [`need`], and keeps the list open until the transaction ends.
pub async fn need_open(conn: &mut Conn, workspace: Id, name: &str) -> Result<List> {
    let list = need(conn, workspace, name).await?;
    let query = Query::new("select 1 from list where id = :id and closed_at is null{for_share}");
    match query.bind("id", list.id).fetch_optional(conn).await? {
        Some(_) => Ok(list),
        None => Err(Message::new("list-closed").with("name", name).conflict()),
    }
}

/// Finds a list by key.
pub async fn get(conn: &mut Conn, id: Id) -> Result<Option<List>> {
    let query = Query::new("select id, name, closed_at, is_public from list where id = :id");
    query.bind("id", id).fetch_optional(conn).await?.as_ref().map(read).transpose()
}

/// All lists of a workspace, by name.
pub async fn all(conn: &mut Conn, workspace: Id) -> Result<Vec<List>> {
    let query = Query::new(
        "select id, name, closed_at, is_public
           from list
          where workspace_id = :workspace
          order by name{bytewise}",
    );
    Ok(read_each("list", &query.bind("workspace", workspace).fetch_all(conn).await?, read))
}

/// Whether any workspace has a list, open or closed: then the installation is in use.
pub async fn is_any(conn: &mut Conn) -> Result<bool> {
    Ok(Query::new("select 1 from list limit 1").fetch_optional(conn).await?.is_some())
}

/// Sets the purpose of a list and its rule as JSON (`audience::list_rule`).
pub async fn set_rule(conn: &mut Conn, id: Id, purpose: Option<&str>, rule: Option<String>) -> Result<()> {
    let query = Query::new("update list set purpose = :purpose, rule = :rule where id = :id");
    query.bind("purpose", purpose).bind("rule", rule).bind("id", id).execute(conn).await.map(drop)
}

/// The purpose that a list serves; `None` without a policy that names the list.
pub async fn purpose(conn: &mut Conn, id: Id) -> Result<Option<String>> {
    let query = Query::new("select purpose from list where id = :id").bind("id", id);
    Ok(query.fetch_optional(conn).await?.map(|row| row.cell(0)).transpose()?.flatten())
}

/// Closes a list. The caller erases its subscribers in the same transaction.
pub async fn close(conn: &mut Conn, id: Id, now: Millis) -> Result<()> {
    let query = Query::new(
        "update list
            set closed_at = :now
          where id = :id and closed_at is null",
    );
    query.bind("now", now).bind("id", id).execute(conn).await?;
    Ok(())
}
