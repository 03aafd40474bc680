//! Deliveries whose fate the relay alone knows: the last dot may be out and the answer is lost, with
//! the connection or with the process. They stay as they are until someone decides, or until the
//! campaign has them repeated: the same bytes, the same Message-ID, and not without end.

use std::collections::BTreeMap;

use sqlx::Row;

use super::State;
use super::progress::{self, Changes};
use crate::infra::clock::Millis;
use crate::infra::db::{Conn, Sql};
use crate::infra::error::Result;
use crate::infra::id::Id;

crate::text_enum! {
    /// What a campaign does with letters whose answer was lost.
    UncertainPolicy {
        /// They stay uncertain: at most one letter to anyone.
        Hold = "hold",
        /// They are sent again: at least one letter to everyone.
        Resend = "resend",
    }
}

/// How often a letter is repeated by itself because its answer was lost. After that it is held: a
/// relay that loses four answers to one letter has a quarrel with that letter.
pub const REPEATS: i32 = 3;

/// Distance of a repeat from the loss, in ms: a relay that is restarting takes that long.
const PAUSE: Millis = 2_000;

/// Why a delivery is uncertain, as a word of the column `reason`.
pub const ANSWER_LOST: &str = "answer-lost";

/// Decided by hand: it stays as it is, whatever the campaign says.
pub const HELD: &str = "held";

/// Keys a statement takes at a time.
const ROWS: usize = 1_000;

/// Which uncertain deliveries are meant.
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    /// Those of one customer.
    pub workspace: Id,
    /// Those of one campaign only.
    pub campaign: Option<Id>,
}

/// A delivery whose fate the relay alone knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UncertainDelivery {
    /// The delivery.
    pub id: Id,
    /// Its campaign.
    pub campaign: Id,
    /// Why: [`ANSWER_LOST`], [`HELD`], or whatever stood there when the mailer died.
    pub reason: Option<String>,
    /// The date its message bears; it was not handed over before.
    pub dated_at: Millis,
    /// When it became uncertain.
    pub since: Millis,
    /// The address as its owner spells it, while the person is known.
    pub address: Option<String>,
}

/// What became of a delivery after all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// The delivery.
    pub id: Id,
    /// True when the relay took responsibility and had not to give the message up.
    pub accepted: bool,
    /// What the relay wrote about it; goes with the person.
    pub reply: String,
}

/// The uncertain deliveries, oldest first.
pub async fn list(conn: &mut Conn, scope: Scope) -> Result<Vec<UncertainDelivery>> {
    let mut sql = Sql::new(
        "select d.id, d.campaign_id, d.reason, coalesce(d.dated_at, d.changed_at), d.changed_at, c.address \
         from delivery d left join contact c on c.id = d.contact_id where d.state = 'uncertain' and d.workspace_id = ",
    );
    sql.bind(scope.workspace);
    if let Some(campaign) = scope.campaign {
        sql.push(" and d.campaign_id = ").bind(campaign);
    }
    let rows = sql.push(" order by d.changed_at, d.id").all(conn).await?;
    let doubt = |row: &sqlx::any::AnyRow| UncertainDelivery {
        id: row.get(0),
        campaign: row.get(1),
        reason: row.get(2),
        dated_at: row.get(3),
        since: row.get(4),
        address: row.get(5),
    };
    Ok(rows.iter().map(doubt).collect())
}

/// How many there are.
pub async fn count(conn: &mut Conn, scope: Scope) -> Result<i64> {
    let mut sql = Sql::new("select count(*) from delivery where state = 'uncertain' and workspace_id = ");
    sql.bind(scope.workspace);
    if let Some(campaign) = scope.campaign {
        sql.push(" and campaign_id = ").bind(campaign);
    }
    Ok(sql.first(conn).await?.map_or(0, |row| row.get(0)))
}

/// Decides that these stay uncertain. Returns how many they are.
pub async fn hold(conn: &mut Conn, ids: &[Id]) -> Result<u64> {
    let mut held = 0;
    for some in ids.chunks(ROWS) {
        let mut sql = Sql::new("update delivery set reason = ");
        sql.bind(HELD.to_owned()).push(" where state = 'uncertain' and id in (").bind_all(some.iter().copied());
        held += sql.push(")").run(conn).await?;
    }
    Ok(held)
}

/// Lets these be sent again, with the bytes they had. Left alone are those of a cancelled campaign
/// and those whose bytes cannot be made again. Returns how many go, by campaign.
pub async fn resend(conn: &mut Conn, ids: &[Id], now: Millis) -> Result<BTreeMap<Id, u64>> {
    let mut campaigns = BTreeMap::new();
    for some in ids.chunks(ROWS) {
        let mut sql = again(now);
        sql.push(" and campaign_id in (select id from campaign where state <> 'cancelled') and id in (");
        let rows = sql.bind_all(some.iter().copied()).push(") returning campaign_id").all(conn).await?;
        for row in rows {
            *campaigns.entry(row.get(0)).or_default() += 1;
        }
    }
    settled(conn, campaigns.iter().map(|(campaign, count)| (*campaign, None, *count))).await?;
    Ok(campaigns)
}

/// Lets those be sent again whose campaign says so and that were not repeated too often. Returns
/// how many they are.
pub async fn resend_due(conn: &mut Conn, campaign: Option<Id>, now: Millis) -> Result<u64> {
    let mut sql = again(now + PAUSE);
    sql.push(" and resent < ").bind(REPEATS).push(" and coalesce(reason, '') <> ").bind(HELD.to_owned());
    sql.push(" and campaign_id in (select id from campaign where fate = 'resend' and state in ('running', 'paused')");
    if let Some(campaign) = campaign {
        sql.push(" and id = ").bind(campaign);
    }
    let rows = sql.push(") returning campaign_id").all(conn).await?;
    settled(conn, rows.iter().map(|row| (row.get(0), None, 1))).await?;
    Ok(rows.len() as u64)
}

/// Counts the deliveries of campaigns that are uncertain no more.
async fn settled(conn: &mut Conn, moves: impl Iterator<Item = (Id, Option<State>, u64)>) -> Result<()> {
    let mut changes = Changes::new();
    for (campaign, to, count) in moves {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        *changes.entry((campaign, State::Uncertain.as_str())).or_default() -= count;
        if let Some(to) = to {
            *changes.entry((campaign, to.as_str())).or_default() += count;
        }
    }
    progress::absorb(conn, 0, &changes).await
}

/// Back to pending. Without what the message was made from, other bytes would go out under its
/// Message-ID (RFC 5322 §3.6.4): such a delivery stays.
fn again(due_at: Millis) -> Sql {
    let mut sql = Sql::new("update delivery set state = 'pending', reason = 'resent', resent = resent + 1, ");
    // A try that counts: what it was made from is kept, whatever becomes of the next one.
    sql.push("attempts = attempts + 1, due_at = ");
    sql.bind(due_at).push(", changed_at = ").bind(due_at);
    sql.push(" where state = 'uncertain' and snapshot is not null");
    sql
}

/// Writes down what became of some. Returns how many were (accepted, rejected).
pub async fn resolve(conn: &mut Conn, answers: &[Resolution], now: Millis) -> Result<(u64, u64)> {
    let mut counts = (0, 0);
    for some in answers.chunks(ROWS / 2) {
        let mut sql = Sql::new("update delivery set state = v.column2, reason = v.column3, reply = v.column4, ");
        sql.push("mailer_id = null, snapshot = null, attempts = attempts + 1, changed_at = ").bind(now);
        sql.push(" from (values ");
        for (index, answer) in some.iter().enumerate() {
            let (state, reason) = match answer.accepted {
                true => (State::Accepted, None),
                false => (State::Rejected, Some("bounce".to_owned())),
            };
            sql.push(if index == 0 { "(cast(" } else { ", (cast(" }).bind(answer.id).push(" as bigint), cast(");
            sql.bind(state.to_string()).push(" as text), cast(").bind(reason).push(" as text), cast(");
            sql.bind(answer.reply.clone()).push(" as text))");
        }
        sql.push(") as v where delivery.id = v.column1 and delivery.state = 'uncertain' ");
        let mut moves = Vec::with_capacity(some.len());
        for row in sql.push("returning delivery.campaign_id, delivery.state").all(conn).await? {
            let accepted = row.get::<String, _>(1) == State::Accepted.as_str();
            let (count, to) = match accepted {
                true => (&mut counts.0, State::Accepted),
                false => (&mut counts.1, State::Rejected),
            };
            *count += 1;
            moves.push((row.get(0), Some(to), 1));
        }
        settled(conn, moves.into_iter()).await?;
    }
    Ok(counts)
}
