//! Table `workspace`: one customer of the installation. Every other table carries its id, and
//! nothing is visible across it.

use sqlx::Row;

use crate::ground::db::{Conn, Sql};
use crate::ground::error::Result;
use crate::ground::id::Id;
use crate::ground::installation::Installation;

/// One customer of the installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// Its key in every table.
    pub id: Id,
    /// Its name on the command line.
    pub name: String,
}

/// Finds a workspace by name.
pub async fn find(conn: &mut Conn, name: &str) -> Result<Option<Workspace>> {
    let row = sqlx::query("select id from workspace where name = $1").bind(name).fetch_optional(conn).await?;
    Ok(row.map(|row| Workspace { id: row.get(0), name: name.to_owned() }))
}

/// Finds a workspace, making it when it is new.
pub async fn ensure(home: &Installation, name: &str) -> Result<Workspace> {
    if let Some(found) = find(&mut *home.db.read().await?, name).await? {
        return Ok(found);
    }
    let mut tx = home.db.write().await?;
    Sql::new("insert into workspace (id, name, created_at) values (")
        .bind(home.ids.next())
        .push(", ")
        .bind(name.to_owned())
        .push(", ")
        .bind(home.clock.now())
        .push(") on conflict (name) do nothing")
        .run(&mut tx)
        .await?;
    let found = find(&mut tx, name).await?;
    tx.commit().await?;
    Ok(found.expect("inserted or already there"))
}

/// All workspaces by name.
pub async fn all(conn: &mut Conn) -> Result<Vec<Workspace>> {
    let rows = sqlx::query("select id, name from workspace order by name").fetch_all(conn).await?;
    Ok(rows.iter().map(|row| Workspace { id: row.get(0), name: row.get(1) }).collect())
}

/// The name of a workspace; empty when there is none of this key.
pub async fn name_of(conn: &mut Conn, id: Id) -> Result<String> {
    let row = sqlx::query("select name from workspace where id = $1").bind(id).fetch_optional(conn).await?;
    Ok(row.map(|row| row.get(0)).unwrap_or_default())
}
