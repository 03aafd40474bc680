//! Table `launch_count`: the audience of a campaign as it was at launch, as counts that stay when people go.

use serde_json::json;

use crate::audience::subscription;
use crate::campaign::model::Campaign;
use crate::infra::db::json_rows::{column, whole};
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// A count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchCount {
    /// `list`: people on the list by state; `audience`: those who belong to the campaign, and those outside its segment;
    /// `lane`: deliveries by lane.
    pub kind: String,
    /// The state, `planned` or `outside_segment`, or the lane.
    pub name: String,
    /// How many.
    pub count: i64,
}

/// Counts the audience in the transaction that freezes it.
pub async fn record(conn: &mut Conn, campaign: &Campaign, planned: u64) -> Result<()> {
    let planned = i64::try_from(planned).unwrap_or(i64::MAX);
    let mut rows = vec![json!(["audience", "planned", planned])];
    for (state, count) in subscription::count(conn, campaign.list).await? {
        rows.push(json!(["list", state.as_str(), count]));
        if state == subscription::State::Confirmed {
            rows.push(json!(["audience", "outside_segment", (count - planned).max(0)]));
        }
    }
    let lanes = Query::new(
        "select lane, count(*) from delivery where campaign_id = :campaign and state = 'pending' group by lane order by lane",
    );
    for row in lanes.bind("campaign", campaign.id).fetch_all(&mut *conn).await? {
        rows.push(json!(["lane", row.cell::<String>(0)?, row.cell::<i64>(1)?]));
    }
    Query::new(
        "insert into launch_count (campaign_id, kind, name, count)
         select cast(:campaign as bigint), {kind}, {name}, {count}
           from :rows as given",
    )
    .bind("campaign", campaign.id)
    .fragment("kind", column(0))
    .fragment("name", column(1))
    .fragment("count", whole(2))
    .bind_rows("rows", &rows)
    .execute(conn)
    .await?;
    Ok(())
}

/// The counts of a campaign; none of one that an earlier version launched.
pub async fn list(conn: &mut Conn, campaign: Id) -> Result<Vec<LaunchCount>> {
    let rows = Query::new(
        "select kind, name, count from launch_count where campaign_id = :campaign order by kind{bytewise}, name{bytewise}",
    )
    .bind("campaign", campaign)
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| Ok(LaunchCount { kind: row.cell(0)?, name: row.cell(1)?, count: row.cell(2)? })).collect()
}

/// Removes the counts of a campaign that is removed.
pub async fn remove(conn: &mut Conn, campaign: Id) -> Result<()> {
    let query = Query::new("delete from launch_count where campaign_id = :campaign");
    query.bind("campaign", campaign).execute(conn).await.map(drop)
}
