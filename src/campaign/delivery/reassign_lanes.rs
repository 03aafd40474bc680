//! Letters that wait follow their domains into other lanes.

use crate::campaign::lane::{self, Lane};
use crate::infra::db::{Conn, Sql, position};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// Puts the pending letters of a workspace into the lanes that their domains belong to now, in one
/// statement. Returns how many moved.
pub async fn reassign_lanes(conn: &mut Conn, workspace: Id, lanes: &[Lane]) -> Result<u64> {
    let position = position(conn);
    let domain = format!("({})", lane::domain("c.canonical", position));
    let mut sql = Sql::new("update delivery set lane = ");
    lane::classify(&mut sql, lanes, &domain, position);
    sql.push(
        " from contact c where c.id = delivery.contact_id and delivery.state = 'pending' and delivery.campaign_id in ",
    );
    sql.push("(select id from campaign where workspace_id = ").bind(workspace);
    sql.push(" and state in ('running', 'paused')) and delivery.lane <> ");
    lane::classify(&mut sql, lanes, &domain, position);
    sql.run(conn).await
}

/// Letters of a campaign that wait, by lane.
pub async fn waiting(conn: &mut Conn, campaign: Id) -> Result<Vec<(String, i64)>> {
    let rows = sqlx::query(
        "select lane, count(*) from delivery where campaign_id = $1 and state = 'pending' group by lane order by lane",
    )
    .bind(campaign)
    .fetch_all(conn)
    .await?;
    Ok(rows.iter().map(|row| (sqlx::Row::get(row, 0), sqlx::Row::get(row, 1))).collect())
}
