//! Campaigns whose opens and clicks, or whose deliveries, were deleted because their time of storage ended.

use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// What of a campaign is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiring {
    /// Opens and clicks.
    Events,
    /// Deliveries.
    Deliveries,
}

impl Expiring {
    const fn column(self) -> &'static str {
        match self {
            Self::Events => "events_expired_at",
            Self::Deliveries => "deliveries_expired_at",
        }
    }

    const fn table(self) -> &'static str {
        match self {
            Self::Events => "event",
            Self::Deliveries => "delivery",
        }
    }
}

/// Campaigns that have ended, were launched before the cutoff, and still have such rows.
pub async fn list(conn: &mut Conn, workspace: Id, what: Expiring, cutoff: Millis) -> Result<Vec<Id>> {
    let query = Query::new(
        "select id
           from campaign
          where workspace_id = :workspace
            and launched_at < :cutoff
            and state in ('finished', 'cancelled')
            and {expired} is null
          order by launched_at",
    );
    let query = query.bind("workspace", workspace).bind("cutoff", cutoff).fragment("expired", what.column());
    query.fetch_all(conn).await?.iter().map(|row| row.cell(0)).collect()
}

/// How many such rows a campaign has.
pub async fn count(conn: &mut Conn, what: Expiring, campaign: Id) -> Result<u64> {
    let query =
        Query::new("select count(*) from {table} where campaign_id = :campaign").fragment("table", what.table());
    let row = query.bind("campaign", campaign).fetch_optional(conn).await?;
    row.map_or(Ok(0), |row| row.cell::<i64>(0)).map(i64::unsigned_abs)
}

/// Marks a campaign, so that later opens and clicks of it are not recorded and it is not looked through again.
pub async fn mark(conn: &mut Conn, what: Expiring, campaign: Id, now: Millis) -> Result<()> {
    let query = Query::new("update campaign set {column} = :now where id = :campaign and {column} is null");
    let query = query.fragment("column", what.column()).bind("now", now).bind("campaign", campaign);
    query.execute(conn).await.map(drop)
}
