//! Lanes with pending deliveries of a campaign, and when the next delivery of each is due: two index lookups a lane, in one
//! statement, however many deliveries there are.

use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// A table `open_lane (campaign_id, lane)` of the campaigns `k` that `{which}` selects, for a `with recursive`. The last row
/// of each campaign has no lane.
pub const OPEN_LANE: &str = "
    open_lane (campaign_id, lane) as (
      select k.id,
             (select d.lane
                from delivery d
               where d.campaign_id = k.id and d.state = 'pending'
               order by d.lane
               limit 1)
        from campaign k
       where {which}
       union all
      select o.campaign_id,
             (select d.lane
                from delivery d
               where d.campaign_id = o.campaign_id and d.state = 'pending' and d.lane > o.lane
               order by d.lane
               limit 1)
        from open_lane o
       where o.lane is not null)";

/// When the next delivery of a row `o` of `open_lane` is due.
pub const NEXT_DUE: &str = "
    (select d.due_at
       from delivery d
      where d.campaign_id = o.campaign_id and d.lane = o.lane and d.state = 'pending'
      order by d.due_at, d.id
      limit 1)";

/// A lane with pending deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenLane {
    /// Its name.
    pub name: String,
    /// When its next delivery is due.
    pub next_due: Millis,
}

/// The lanes with pending deliveries of a campaign, by name.
pub async fn list(conn: &mut Conn, campaign: Id) -> Result<Vec<OpenLane>> {
    let rows = Query::new(
        "with recursive {open_lane}
         select o.lane, {next_due}
           from open_lane o
          where o.lane is not null",
    )
    .fragment("open_lane", Query::new(OPEN_LANE).fragment("which", Query::new("k.id = :id").bind("id", campaign)))
    .fragment("next_due", NEXT_DUE)
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| Ok(OpenLane { name: row.cell(0)?, next_due: row.cell(1)? })).collect()
}

/// When the next pending delivery of the campaign is due.
pub async fn next_due(conn: &mut Conn, campaign: Id) -> Result<Option<Millis>> {
    Ok(list(conn, campaign).await?.into_iter().map(|lane| lane.next_due).min())
}
