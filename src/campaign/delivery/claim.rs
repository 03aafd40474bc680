//! Claims due deliveries for a mailer. A mailer that is alone on its database remembers its claims in memory and writes
//! nothing ([`claim`]); where several share a database, the rows name the mailer that holds them ([`lease`]). The mark
//! decides in either case, and contains the eligibility check.

use std::sync::Arc;

pub use super::in_flight::{InFlight, Scan};
use super::mark::release;
use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// A claimed delivery. Its recipient becomes known with the mark ([`super::mark()`]).
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The delivery.
    pub id: Id,
    /// Its campaign.
    pub campaign: Id,
    /// Its lane.
    pub lane: Arc<str>,
}

/// What to claim.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The claiming mailer.
    pub mailer: Id,
    /// Campaign of the deliveries.
    pub campaign: Id,
    /// Lane of the deliveries.
    pub lane: &'a str,
    /// Number of deliveries at most.
    pub limit: usize,
    /// Deliveries due by this time.
    pub now: Millis,
}

impl Claim<'_> {
    /// The due deliveries, oldest first, at most `limit`; `lock` is a row lock or nothing.
    fn due(&self, limit: usize, lock: &'static str) -> Query {
        Query::new(
            "select id
               from delivery
              where campaign_id = :campaign and lane = :lane and state = 'pending' and due_at <= :now
              order by due_at, id
              limit :limit{lock}",
        )
        .bind("campaign", self.campaign)
        .bind("lane", self.lane)
        .bind("now", self.now)
        .bind("limit", i64::try_from(limit).unwrap_or(i64::MAX))
        .fragment("lock", lock)
    }

    fn claimed(&self, ids: impl IntoIterator<Item = Id>) -> Vec<Claimed> {
        let lane: Arc<str> = self.lane.into();
        ids.into_iter().map(|id| Claimed { id, campaign: self.campaign, lane: lane.clone() }).collect()
    }
}

/// Claims due deliveries of a running campaign for a mailer that is alone, oldest first.
pub async fn claim(conn: &mut Conn, in_flight: &InFlight, wanted: &Claim<'_>) -> Result<Vec<Claimed>> {
    let scan = in_flight.begin_scan().await;
    // Deliveries in flight are still pending and come first.
    let due: Vec<(Id,)> = wanted.due(wanted.limit + scan.held(), "").fetch_json(conn, "id").await?;
    Ok(wanted.claimed(scan.take(due.into_iter().map(|(id,)| id), |id| *id, wanted.limit)))
}

/// Claims due deliveries in the rows, where several mailers share a database. The caller's transaction holds the mailer's
/// lease; `scan` began before the transaction.
pub async fn lease(conn: &mut Conn, scan: Scan<'_>, wanted: &Claim<'_>) -> Result<Vec<Claimed>> {
    let rows = Query::new(
        "update delivery
            set state = 'leased', mailer_id = :mailer, changed_at = :now
          where id in :due
         returning id",
    )
    .bind("mailer", wanted.mailer)
    .bind("now", wanted.now)
    .bind_query("due", wanted.due(wanted.limit, "{for_update_skip_locked}"))
    .fetch_all(conn)
    .await?;
    let mut leased: Vec<Id> = rows.iter().map(|row| row.cell(0)).collect::<Result<_>>()?;
    leased.sort_unstable();
    let taken = scan.take(leased.iter().copied(), |id| *id, wanted.limit);
    if taken.len() < leased.len() {
        // These were claimed in memory while the mailer was alone.
        leased.retain(|id| taken.binary_search(id).is_err());
        release(conn, wanted.mailer, &leased, wanted.now).await?;
    }
    Ok(wanted.claimed(taken))
}
