//! The end of a workspace: from a day on nothing of it is sent, measured or exported; later its people are erased, and later
//! still the backups that held them are gone.

use serde::Serialize;
use sqlx::any::AnyRow;

use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// When a workspace ends, and how far its end is. Times in ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct End {
    /// From then on it is blocked.
    pub ends_at: Millis,
    /// By then its people are erased.
    pub erase_at: Millis,
    /// By then the backups that hold them are gone.
    pub backups_until: Millis,
    /// When the people were erased.
    pub erased_at: Option<Millis>,
    /// When the backups were gone.
    pub backups_gone_at: Option<Millis>,
}

/// The end of a workspace; `None` for one without.
pub async fn find(conn: &mut Conn, workspace: Id) -> Result<Option<End>> {
    let query = Query::new(
        "select ends_at, erase_at, backups_until, erased_at, backups_gone_at, id
           from workspace
          where id = :workspace and ends_at is not null",
    );
    query.bind("workspace", workspace).fetch_optional(conn).await?.as_ref().map(read).transpose()
}

/// All workspaces with an end, with their keys.
pub async fn all(conn: &mut Conn) -> Result<Vec<(Id, End)>> {
    let query = Query::new(
        "select ends_at, erase_at, backups_until, erased_at, backups_gone_at, id
           from workspace
          where ends_at is not null
          order by id",
    );
    query.fetch_all(conn).await?.iter().map(|row| Ok((row.cell(5)?, read(row)?))).collect()
}

/// Whether a workspace has ended.
pub async fn is_reached(conn: &mut Conn, workspace: Id, now: Millis) -> Result<bool> {
    let query = Query::new("select 1 from workspace where id = :workspace and ends_at <= :now");
    Ok(query.bind("workspace", workspace).bind("now", now).fetch_optional(conn).await?.is_some())
}

/// Sets the end of a workspace, or takes it back with `None`. Returns false when its people are erased already.
pub async fn set(conn: &mut Conn, workspace: Id, end: Option<&End>) -> Result<bool> {
    let query = Query::new(
        "update workspace
            set ends_at = :ends, erase_at = :erase, backups_until = :backups
          where id = :workspace and erased_at is null",
    );
    let query = query
        .bind("ends", end.map(|end| end.ends_at))
        .bind("erase", end.map(|end| end.erase_at))
        .bind("backups", end.map(|end| end.backups_until));
    Ok(query.bind("workspace", workspace).execute(conn).await? > 0)
}

/// Records that the people of a workspace are erased.
pub async fn set_erased(conn: &mut Conn, workspace: Id, now: Millis) -> Result<()> {
    let query = Query::new("update workspace set erased_at = :now where id = :workspace and erased_at is null");
    query.bind("now", now).bind("workspace", workspace).execute(conn).await.map(drop)
}

/// Records that the backups that held them are gone.
pub async fn set_backups_gone(conn: &mut Conn, workspace: Id, now: Millis) -> Result<()> {
    let query = Query::new("update workspace set backups_gone_at = :now where id = :workspace");
    query.bind("now", now).bind("workspace", workspace).execute(conn).await.map(drop)
}

fn read(row: &AnyRow) -> Result<End> {
    Ok(End {
        ends_at: row.cell(0)?,
        erase_at: row.cell(1)?,
        backups_until: row.cell(2)?,
        erased_at: row.cell(3)?,
        backups_gone_at: row.cell(4)?,
    })
}
