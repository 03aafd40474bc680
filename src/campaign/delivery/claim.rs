//! Taking due deliveries in hand. Where several mailers share the database the rows say who holds
//! them; where one process alone sends, it remembers that by itself and writes nothing.

use sqlx::Row;
use sqlx::any::AnyRow;

pub use super::hand::Hand;
use super::progress::{self, Changes};
use super::{SUBSCRIBED, State};
use crate::ground::clock::Millis;
use crate::ground::db::{Conn, Db, Sql};
use crate::ground::error::Result;
use crate::ground::id::Id;

/// Stands between address and field values in a snapshot.
const BREAK: &str = "\n";

/// A delivery that a mailer holds, with the person it goes to.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The delivery.
    pub id: Id,
    /// Its campaign.
    pub campaign: Id,
    /// How often it was tried before.
    pub attempts: i32,
    /// The address as its owner spells it.
    pub address: String,
    /// Field values as JSON; those of the first try when there was one.
    pub fields: String,
    /// The group of recipient domains that it belongs to.
    pub lane: String,
}

impl Claimed {
    /// What a message is made from, as it is kept while the message may have to be repeated.
    pub fn snapshot(&self) -> String {
        [&self.address, BREAK, &self.fields].concat()
    }
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

/// Takes due deliveries of a running campaign for the one mailer of a database, oldest first. Who may
/// no longer be written to is found at the mark.
pub async fn claim(db: &Db, hand: &Hand, wanted: &Claim<'_>) -> Result<Vec<Claimed>> {
    let mut conn = db.read().await?;
    let look = hand.look().await;
    let found = due(&mut conn, wanted, wanted.limit + look.held()).await?;
    Ok(look.take(found, |claimed| claimed.id, wanted.limit))
}

fn columns(sql: &mut Sql) -> &mut Sql {
    sql.push("select d.id, d.campaign_id, d.attempts, coalesce(d.snapshot, c.address || ").bind(BREAK.to_owned());
    sql.push(" || c.fields) as written, d.lane from delivery d join contact c on c.id = d.contact_id where ")
}

async fn due(conn: &mut Conn, wanted: &Claim<'_>, limit: usize) -> Result<Vec<Claimed>> {
    let mut sql = Sql::default();
    columns(&mut sql)
        .push("d.campaign_id = ")
        .bind(wanted.campaign)
        .push(" and d.lane = ")
        .bind(wanted.lane.to_owned());
    sql.push(" and d.state = 'pending' and d.due_at <= ").bind(wanted.now).push(" order by d.due_at, d.id limit ");
    sql.bind(i64::try_from(limit).unwrap_or(i64::MAX));
    let rows = sql.gathered(conn, "id, campaign_id, attempts, written, lane").await?;
    Ok(rows.into_iter().map(claimed).collect())
}

/// Claims in the rows, where several mailers share them; the caller holds the mailer's lease. Those
/// whose person may no longer be written to are suppressed by the same statement and not returned.
pub async fn lease(conn: &mut Conn, db: &Db, wanted: &Claim<'_>) -> Result<Vec<Claimed>> {
    let (open, close) = db.claim();
    let mut sql = Sql::new("update delivery set state = case when ");
    sql.push(SUBSCRIBED).push(" then 'leased' else 'suppressed' end, mailer_id = case when ").push(SUBSCRIBED);
    sql.push(" then cast(").bind(wanted.mailer).push(" as bigint) else null end, changed_at = ").bind(wanted.now);
    sql.push(" where id ").push(open).push("select id from delivery where campaign_id = ").bind(wanted.campaign);
    sql.push(" and lane = ").bind(wanted.lane.to_owned()).push(" and state = 'pending' and due_at <= ");
    sql.bind(wanted.now).push(" order by due_at, id limit ").bind(i64::try_from(wanted.limit).unwrap_or(i64::MAX));
    let rows = sql.push(close).push(" returning id, state").all(conn).await?;
    let is_leased = |row: &&AnyRow| row.get::<String, _>(1) == State::Leased.as_str();
    let leased: Vec<Id> = rows.iter().filter(is_leased).map(|row| row.get(0)).collect();
    let suppressed = i64::try_from(rows.len() - leased.len()).unwrap_or_default();
    let changes = Changes::from([((wanted.campaign, State::Suppressed.as_str()), suppressed)]);
    progress::absorb(conn, wanted.mailer, &changes).await?;

    let mut claimed = Vec::with_capacity(leased.len());
    for some in leased.chunks(1_000) {
        let mut sql = Sql::default();
        columns(&mut sql).push("d.id in (").bind_all(some.iter().copied()).push(") order by d.due_at, d.id");
        claimed.extend(sql.all(conn).await?.iter().map(read));
    }
    Ok(claimed)
}

fn read(row: &AnyRow) -> Claimed {
    claimed((row.get(0), row.get(1), row.get(2), row.get(3), row.get(4)))
}

fn claimed((id, campaign, attempts, written, lane): (Id, Id, i32, String, String)) -> Claimed {
    let (address, fields) = written.split_once(BREAK).unwrap_or((&written, "{}"));
    Claimed { id, campaign, attempts, address: address.to_owned(), fields: fields.to_owned(), lane }
}
