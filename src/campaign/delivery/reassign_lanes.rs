//! Moves pending deliveries into the lanes that their domains belong to after lanes were changed.

use crate::campaign::lane::{self, Lane};
use crate::infra::db::{Cells, Conn, Query, Sql, position};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// Assigns the pending deliveries of a workspace to the lanes of their domains. Returns how many moved.
pub async fn reassign_lanes(conn: &mut Conn, workspace: Id, lanes: &[Lane]) -> Result<u64> {
    let position = position(conn);
    let mut lane = Sql::default();
    lane::write_classifier(&mut lane, lanes, &format!("({})", lane::domain_of("c.canonical", position)), position);
    Query::new(
        "update{or_rollback} delivery
            set lane = {lane}
           from contact c
          where c.id = delivery.contact_id
            and delivery.state = 'pending'
            and delivery.campaign_id in (select id
                                           from campaign
                                          where workspace_id = :workspace and state in ('running', 'paused'))
            and delivery.lane <> {lane}",
    )
    .fragment("lane", lane)
    .bind("workspace", workspace)
    .execute(conn)
    .await
}

/// Number of pending deliveries of a campaign by lane.
pub async fn count_pending(conn: &mut Conn, campaign: Id) -> Result<Vec<(String, i64)>> {
    let rows = Query::new(
        "select lane, count(*)
           from delivery
          where campaign_id = :campaign and state = 'pending'
          group by lane
          order by lane",
    )
    .bind("campaign", campaign)
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| Ok((row.cell(0)?, row.cell(1)?))).collect()
}
