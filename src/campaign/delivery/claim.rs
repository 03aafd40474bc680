//! Taking due deliveries in hand. Where several mailers share the database the rows say who holds
//! them; where one process alone sends, it remembers that by itself and writes nothing.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::Row;
use sqlx::any::AnyRow;

use super::progress::{self, Changes};
use super::{SUBSCRIBED, State};
use crate::ground::clock::Millis;
use crate::ground::db::{Conn, Db, Sql};
use crate::ground::error::Result;
use crate::ground::id::Id;

/// A delivery that a mailer holds. To whom it goes is told with the last word ([`super::mark`]).
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

/// What the one mailer of a database has in hand and not marked yet.
#[derive(Debug, Default)]
pub struct Hand {
    held: Mutex<Held>,
    /// One reader at a time.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Held {
    ids: HashSet<Id>,
    /// Put down since the reader began: it may have seen them as they were before.
    stale: HashSet<Id>,
}

impl Hand {
    /// Forgets deliveries that were marked or given back.
    pub fn put_down(&self, ids: &[Id]) {
        let mut held = self.lock();
        for id in ids {
            held.ids.remove(id);
        }
        held.stale.extend(ids);
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to read; returns how many are held.
    fn begin(&self) -> usize {
        let mut held = self.lock();
        held.stale.clear();
        held.ids.len()
    }

    /// Of what was read those that nobody holds, which are held from now on.
    fn take(&self, found: Vec<(Id,)>, limit: usize) -> Vec<Id> {
        let mut held = self.lock();
        let Held { ids, stale } = &mut *held;
        let free = found.into_iter().map(|(id,)| id).filter(|id| !stale.contains(id) && ids.insert(*id));
        free.take(limit).collect()
    }
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

/// Takes due deliveries of a running campaign for the one mailer of a database, oldest first. Who may
/// no longer be written to is found at the mark.
pub async fn claim(db: &Db, hand: &Hand, wanted: &Claim<'_>) -> Result<Vec<Claimed>> {
    let mut conn = db.read().await?;
    let _turn = hand.turn.lock().await;
    // What is in hand still stands first.
    let reach = wanted.limit + hand.begin();
    let mut sql = Sql::new("select id from delivery where ");
    wanted.narrow(&mut sql);
    let due = sql.bind(i64::try_from(reach).unwrap_or(i64::MAX)).gathered(&mut conn, "id").await?;
    Ok(wanted.claimed(hand.take(due, wanted.limit)))
}

/// Claims in the rows, where several mailers share them; the caller holds the mailer's lease. Those
/// whose person may no longer be written to are suppressed by the same statement and not returned.
pub async fn lease(conn: &mut Conn, db: &Db, wanted: &Claim<'_>) -> Result<Vec<Claimed>> {
    let (open, close) = db.claim();
    let mut sql = Sql::new("update delivery set state = case when ");
    sql.push(SUBSCRIBED).push(" then 'leased' else 'suppressed' end, mailer_id = case when ").push(SUBSCRIBED);
    sql.push(" then cast(").bind(wanted.mailer).push(" as bigint) else null end, changed_at = ").bind(wanted.now);
    sql.push(" where id ").push(open).push("select id from delivery where ");
    wanted.narrow(&mut sql);
    sql.bind(i64::try_from(wanted.limit).unwrap_or(i64::MAX));
    let rows = sql.push(close).push(" returning id, state").all(conn).await?;
    let is_leased = |row: &&AnyRow| row.get::<String, _>(1) == State::Leased.as_str();
    let mut leased: Vec<Id> = rows.iter().filter(is_leased).map(|row| row.get(0)).collect();
    leased.sort_unstable();
    let suppressed = i64::try_from(rows.len() - leased.len()).unwrap_or_default();
    let changes = Changes::from([((wanted.campaign, State::Suppressed.as_str()), suppressed)]);
    progress::absorb(conn, wanted.mailer, &changes).await?;
    Ok(wanted.claimed(leased))
}
