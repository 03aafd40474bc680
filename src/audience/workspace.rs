//! Table `workspace`: one customer of the installation. Every other table carries its key; nothing is
//! visible across workspaces.

use super::address::is_hidden;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

pub mod end;

/// The name of the workspace that a new installation begins with.
const FIRST: &str = "main";

/// Characters that a name may have.
const MAX_NAME_CHARS: usize = 64;

/// One customer of the installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// Primary key; `workspace_id` in every other table.
    pub id: Id,
    /// Its name on the command line.
    pub name: String,
}

/// Finds a workspace by name.
pub async fn find(conn: &mut Conn, name: &str) -> Result<Option<Workspace>> {
    let query = Query::new("select id from workspace where name = :name");
    let row = query.bind("name", name).fetch_optional(conn).await?;
    row.map(|row| Ok(Workspace { id: row.cell(0)?, name: name.to_owned() })).transpose()
}

/// Adds the first workspace to an installation without any.
pub async fn ensure_first(installation: &Installation) -> Result<()> {
    if all(&mut *installation.db.read().await?).await?.is_empty() {
        ensure(installation, FIRST).await?;
    }
    Ok(())
}

/// A workspace by name; the error for an unknown name lists the known ones.
pub async fn need(conn: &mut Conn, name: &str) -> Result<Workspace> {
    let all = all(conn).await?;
    let known = all.iter().map(|workspace| workspace.name.as_str()).collect::<Vec<_>>().join(", ");
    all.into_iter()
        .find(|workspace| workspace.name == name)
        .ok_or_else(|| Message::new("workspace-unknown").with("name", name).with("known", known).not_found())
}

/// Adds a workspace; refuses a name that is taken.
pub async fn add(installation: &Installation, name: &str) -> Result<Workspace> {
    if name.trim().is_empty() || name.chars().count() > MAX_NAME_CHARS || name.chars().any(is_hidden) {
        return Err(Message::new("workspace-name").with("limit", MAX_NAME_CHARS).invalid_field("name"));
    }
    let mut tx = installation.db.write().await?;
    if insert(installation, &mut tx, name).await? == 0 {
        return Err(Message::new("workspace-taken").with("name", name).conflict());
    }
    let found = find(&mut tx, name).await?;
    tx.commit().await?;
    Ok(found.expect("inserted"))
}

/// Finds a workspace by name and adds it when it is new.
pub async fn ensure(installation: &Installation, name: &str) -> Result<Workspace> {
    if let Some(found) = find(&mut *installation.db.read().await?, name).await? {
        return Ok(found);
    }
    let mut tx = installation.db.write().await?;
    insert(installation, &mut tx, name).await?;
    let found = find(&mut tx, name).await?;
    tx.commit().await?;
    Ok(found.expect("inserted or already there"))
}

/// Inserts a workspace; returns 0 when the name is taken.
async fn insert(installation: &Installation, conn: &mut Conn, name: &str) -> Result<u64> {
    let insert = Query::new(
        "insert into workspace (id, name, created_at)
         values (:id, :name, :now)
             on conflict (name) do nothing",
    );
    let id = installation.ids.next()?;
    insert.bind("id", id).bind("name", name).bind("now", installation.clock.now()).execute(conn).await
}

/// All workspaces, by name.
pub async fn all(conn: &mut Conn) -> Result<Vec<Workspace>> {
    let rows = Query::new("select id, name from workspace order by name{bytewise}").fetch_all(conn).await?;
    rows.iter().map(|row| Ok(Workspace { id: row.cell(0)?, name: row.cell(1)? })).collect()
}

/// Value of column `measured`: opens are counted for a campaign, of nobody in particular.
pub const MEASURED_BY_CAMPAIGN: i64 = 2;

/// Value of column `measured`: nothing is recorded.
pub const NOT_MEASURED: i64 = 3;

/// Sets whether people who said nothing are measured: 1 yes, 0 no, or one of the values above; `None` without a policy.
pub async fn set_measured(conn: &mut Conn, id: Id, measured: Option<i64>) -> Result<()> {
    let query = Query::new("update workspace set measured = :measured where id = :id");
    query.bind("measured", measured).bind("id", id).execute(conn).await.map(drop)
}

/// Whether people who said nothing are measured, as [`set_measured`] stored it.
pub async fn measured(conn: &mut Conn, id: Id) -> Result<Option<i64>> {
    let row = Query::new("select measured from workspace where id = :id").bind("id", id).fetch_optional(conn).await?;
    row.map(|row| row.cell(0)).transpose().map(Option::flatten)
}

/// The name of a workspace; empty when the key is unknown.
pub async fn name_of(conn: &mut Conn, id: Id) -> Result<String> {
    let row = Query::new("select name from workspace where id = :id").bind("id", id).fetch_optional(conn).await?;
    row.map_or_else(|| Ok(Default::default()), |row| row.cell(0))
}
