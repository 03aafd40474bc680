//! Table `retention_run`: when retention ran, and what it deleted.

use serde::Serialize;
use sqlx::any::AnyRow;

use super::Rule;
use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// A run of one rule.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// The kind of data, by its word.
    pub category: String,
    /// The purpose; empty without one.
    pub purpose: String,
    /// What was older than this went, in ms.
    pub cutoff: Millis,
    /// How many rows.
    pub rows: i64,
    /// When it began, in ms.
    pub began_at: Millis,
    /// When it ended, in ms.
    pub ended_at: Millis,
}

/// Records a run that has ended.
pub(super) async fn record(
    installation: &Installation,
    workspace: Id,
    rule: &Rule,
    cutoff: Millis,
    rows: u64,
    began: Millis,
) -> Result<()> {
    let mut tx = installation.db.write().await?;
    let insert = Query::new(
        "insert into retention_run (id, workspace_id, category, purpose, cutoff, rows_deleted, began_at, ended_at)
         values (:id, :workspace, :category, :purpose, :cutoff, :rows, :began, :ended)",
    );
    insert
        .bind("id", installation.ids.next()?)
        .bind("workspace", workspace)
        .bind("category", rule.category.as_str())
        .bind("purpose", &rule.purpose)
        .bind("cutoff", cutoff)
        .bind("rows", rows as i64)
        .bind("began", began)
        .bind("ended", installation.clock.now())
        .execute(&mut tx)
        .await?;
    tx.commit().await
}

/// The newest runs of a workspace, at most `limit`.
pub async fn newest(conn: &mut Conn, workspace: Id, limit: i64) -> Result<Vec<Run>> {
    let query = Query::new(
        "select category, purpose, cutoff, rows_deleted, began_at, ended_at
           from retention_run
          where workspace_id = :workspace
          order by id desc
          limit :limit",
    );
    let rows = query.bind("workspace", workspace).bind("limit", limit).fetch_all(conn).await?;
    rows.iter().map(read).collect()
}

/// When the last run of a workspace ended; `None` before the first.
pub async fn last(conn: &mut Conn, workspace: Id) -> Result<Option<Millis>> {
    let query = Query::new("select max(ended_at) from retention_run where workspace_id = :workspace");
    let row = query.bind("workspace", workspace).fetch_optional(conn).await?;
    row.map_or(Ok(None), |row| row.cell(0))
}

fn read(row: &AnyRow) -> Result<Run> {
    Ok(Run {
        category: row.cell(0)?,
        purpose: row.cell(1)?,
        cutoff: row.cell(2)?,
        rows: row.cell(3)?,
        began_at: row.cell(4)?,
        ended_at: row.cell(5)?,
    })
}
