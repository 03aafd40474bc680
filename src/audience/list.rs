//! Table `list`: a newsletter that can be joined and left. Closing one erases all on it
//! (`privacy::erasure`); a closed list stays as a name that campaigns of the past refer to.

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::infra::clock::Millis;
use crate::infra::db::{Conn, is_unique_violation};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// A newsletter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// Its key; also the stable part of List-Id (RFC 2919).
    pub id: Id,
    /// Its name in the workspace.
    pub name: String,
    /// True when it has ceased.
    pub closed: bool,
}

fn read(row: &AnyRow) -> List {
    List { id: row.get(0), name: row.get(1), closed: row.get::<Option<i64>, _>(2).is_some() }
}

/// Makes a list; an open list of this name is left as it is.
pub async fn add(installation: &Installation, workspace: Id, name: &str) -> Result<List> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(super::address::is_hidden) {
        return Err(Message::new("list-name").invalid_field("name"));
    }
    let mut tx = installation.db.write().await?;
    if let Some(list) = find(&mut tx, workspace, name).await? {
        return if list.closed { Err(Message::new("list-closed").with("name", name).conflict()) } else { Ok(list) };
    }
    let id = installation.ids.next();
    let made = sqlx::query("insert into list (id, workspace_id, name, created_at) values ($1, $2, $3, $4)")
        .bind(id)
        .bind(workspace)
        .bind(name)
        .bind(installation.clock.now())
        .execute(&mut *tx)
        .await;
    match made {
        Ok(_) => tx.commit().await?,
        // Another process made it in this moment.
        Err(error) if is_unique_violation(&error) => {
            drop(tx);
            return need(&mut *installation.db.read().await?, workspace, name).await;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(List { id, name: name.to_owned(), closed: false })
}

/// Finds a list by name, open or closed.
pub async fn find(conn: &mut Conn, workspace: Id, name: &str) -> Result<Option<List>> {
    let row = sqlx::query("select id, name, closed_at from list where workspace_id = $1 and name = $2")
        .bind(workspace)
        .bind(name)
        .fetch_optional(conn)
        .await?;
    Ok(row.as_ref().map(read))
}

/// An open list by name, or a refusal that names the lists there are.
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

/// A list by its key.
pub async fn get(conn: &mut Conn, id: Id) -> Result<Option<List>> {
    let row = sqlx::query("select id, name, closed_at from list where id = $1").bind(id).fetch_optional(conn).await?;
    Ok(row.as_ref().map(read))
}

/// All lists of a workspace by name.
pub async fn all(conn: &mut Conn, workspace: Id) -> Result<Vec<List>> {
    let rows = sqlx::query("select id, name, closed_at from list where workspace_id = $1 order by name")
        .bind(workspace)
        .fetch_all(conn)
        .await?;
    Ok(rows.iter().map(read).collect())
}

/// True when any workspace has a list, closed ones too: then someone works here.
pub async fn is_any(conn: &mut Conn) -> Result<bool> {
    Ok(sqlx::query("select 1 from list limit 1").fetch_optional(conn).await?.is_some())
}

/// Marks a list as ceased. The caller erases those on it in the same transaction.
pub async fn close(conn: &mut Conn, id: Id, now: Millis) -> Result<()> {
    sqlx::query("update list set closed_at = $1 where id = $2 and closed_at is null")
        .bind(now)
        .bind(id)
        .execute(conn)
        .await?;
    Ok(())
}
