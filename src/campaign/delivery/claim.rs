//! Taking due deliveries in hand. Where several mailers are at work the rows say who holds them; one
//! that is alone remembers that by itself and writes nothing. Should others come meanwhile, the mark
//! decides. Who may no longer be written to is found there too.

use std::sync::Arc;

use sqlx::Row;

pub use super::in_flight::{InFlight, Scan};
use super::mark::release;
use crate::infra::clock::Millis;
use crate::infra::db::{Conn, Db, Sql};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// A delivery that a mailer holds. To whom it goes is told with the last word ([`super::mark()`]).
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The delivery.
    pub id: Id,
    /// Its campaign.
    pub campaign: Id,
    /// The group of recipient domains that it belongs to.
    pub lane: Arc<str>,
}

/// What to claim.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// Who claims.
    pub mailer: Id,
    /// Deliveries of this campaign.
    pub campaign: Id,
    /// In this lane.
    pub lane: &'a str,
    /// At most so many.
    pub limit: usize,
    /// Due by now.
    pub now: Millis,
}

impl Claim<'_> {
    /// Appends the condition that a row is due.
    fn narrow(&self, sql: &mut Sql) {
        sql.push("campaign_id = ").bind(self.campaign).push(" and lane = ").bind(self.lane.to_owned());
        sql.push(" and state = 'pending' and due_at <= ").bind(self.now).push(" order by due_at, id limit ");
    }

    fn claimed(&self, ids: impl IntoIterator<Item = Id>) -> Vec<Claimed> {
        let lane: Arc<str> = self.lane.into();
        ids.into_iter().map(|id| Claimed { id, campaign: self.campaign, lane: lane.clone() }).collect()
    }
}

/// Takes due deliveries of a running campaign for a mailer that is alone, oldest first.
pub async fn claim(conn: &mut Conn, hand: &InFlight, wanted: &Claim<'_>) -> Result<Vec<Claimed>> {
    let look = hand.begin_scan().await;
    let mut sql = Sql::new("select id from delivery where ");
    wanted.narrow(&mut sql);
    // What is in hand still stands first.
    let reach = i64::try_from(wanted.limit + look.held()).unwrap_or(i64::MAX);
    let due: Vec<(Id,)> = sql.bind(reach).gathered(conn, "id").await?;
    Ok(wanted.claimed(look.take(due.into_iter().map(|(id,)| id), |id| *id, wanted.limit)))
}

/// Claims in the rows, where several mailers are at work; the caller holds the mailer's lease, and begins
/// a look at its hand before the transaction.
pub async fn lease(conn: &mut Conn, db: &Db, look: Scan<'_>, wanted: &Claim<'_>) -> Result<Vec<Claimed>> {
    let (open, close) = db.claim();
    let mut sql = Sql::new("update delivery set state = 'leased', mailer_id = ");
    sql.bind(wanted.mailer).push(", changed_at = ").bind(wanted.now);
    sql.push(" where id ").push(open).push("select id from delivery where ");
    wanted.narrow(&mut sql);
    sql.bind(i64::try_from(wanted.limit).unwrap_or(i64::MAX));
    let rows = sql.push(close).push(" returning id").all(conn).await?;
    let mut leased: Vec<Id> = rows.iter().map(|row| row.get(0)).collect();
    leased.sort_unstable();
    let taken = look.take(leased.iter().copied(), |id| *id, wanted.limit);
    if taken.len() < leased.len() {
        // In hand since it was alone: on their way already.
        leased.retain(|id| taken.binary_search(id).is_err());
        release(conn, wanted.mailer, &leased, wanted.now).await?;
    }
    Ok(wanted.claimed(taken))
}
