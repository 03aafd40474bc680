//! Table `policy_notice`: the campaigns that announce a new edition of the privacy policy, one for each list.

use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// Remembers the campaign that announces an edition to a list.
pub async fn record(
    conn: &mut Conn,
    workspace: Id,
    edition: u32,
    (list, campaign): (Id, Id),
    now: Millis,
) -> Result<()> {
    let insert = Query::new(
        "insert into policy_notice (workspace_id, edition, list_id, campaign_id, created_at)
         values (:workspace, :edition, :list, :campaign, :now)",
    );
    let insert = insert.bind("workspace", workspace).bind("edition", i64::from(edition)).bind("list", list);
    insert.bind("campaign", campaign).bind("now", now).execute(conn).await.map(drop)
}

/// The campaign that announces an edition to a list.
pub async fn find(conn: &mut Conn, workspace: Id, edition: u32, list: Id) -> Result<Option<Id>> {
    let query = Query::new(
        "select campaign_id
           from policy_notice
          where workspace_id = :workspace and edition = :edition and list_id = :list",
    );
    let query = query.bind("workspace", workspace).bind("edition", i64::from(edition)).bind("list", list);
    query.fetch_optional(conn).await?.map(|row| row.cell(0)).transpose()
}

/// The campaigns that announce an edition, oldest first.
pub async fn campaigns(conn: &mut Conn, workspace: Id, edition: u32) -> Result<Vec<Id>> {
    let query = Query::new(
        "select campaign_id
           from policy_notice
          where workspace_id = :workspace and edition = :edition
          order by campaign_id",
    );
    let rows = query.bind("workspace", workspace).bind("edition", i64::from(edition)).fetch_all(conn).await?;
    rows.iter().map(|row| row.cell(0)).collect()
}

/// Whether a campaign announces an edition: it concerns everyone, whatever the purposes of their lists.
pub async fn is_notice(conn: &mut Conn, campaign: Id) -> Result<bool> {
    let query = Query::new("select 1 from policy_notice where campaign_id = :campaign").bind("campaign", campaign);
    Ok(query.fetch_optional(conn).await?.is_some())
}

/// Forgets a notice that had nobody to tell.
pub async fn forget(conn: &mut Conn, campaign: Id) -> Result<()> {
    let query = Query::new("delete from policy_notice where campaign_id = :campaign").bind("campaign", campaign);
    query.execute(conn).await.map(drop)
}
