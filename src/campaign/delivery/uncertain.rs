//! Uncertain deliveries: the final dot may have been sent and the reply is lost, with the connection or with the process.
//! They stay uncertain until an operator decides, or until the campaign's policy resends them: with the same bytes and the
//! same Message-ID, and a limited number of times.

use std::collections::BTreeMap;

use serde_json::json;
use sqlx::any::AnyRow;

use super::State;
use super::counts::{self, Changes};
use super::record::NEXT_ATTEMPT;
pub use crate::campaign::uncertain_policy::UncertainPolicy;
use crate::infra::clock::Millis;
use crate::infra::db::json_rows::{column, whole};
use crate::infra::db::{Cells, Conn, Query, read_each};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// How often the policy resends a message whose reply was lost; after that the delivery is held. A relay that loses four
/// replies to one message has a problem with that message.
pub const REPEATS: i32 = 3;

/// Delay of a resend after the loss, in ms: time for a relay to restart.
const RESEND_DELAY: Millis = 2_000;

/// Why a delivery is uncertain, in column `reason`.
pub const ANSWER_LOST: &str = "answer-lost";

/// In column `reason`: an operator decided that it stays uncertain, whatever the policy of the campaign.
pub const HELD: &str = "held";

/// Rows per statement.
const ROWS: usize = 1_000;

/// Which uncertain deliveries are meant.
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    /// Workspace of the deliveries.
    pub workspace: Id,
    /// One campaign only.
    pub campaign: Option<Id>,
}

impl Scope {
    /// Condition over a row `d` of `delivery`.
    fn condition(self) -> Query {
        let uncertain = "d.state = 'uncertain' and d.workspace_id = :workspace";
        match self.campaign {
            Some(campaign) => {
                Query::new(format!("{uncertain} and d.campaign_id = :campaign")).bind("campaign", campaign)
            }
            None => Query::new(uncertain),
        }
        .bind("workspace", self.workspace)
    }
}

/// An uncertain delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UncertainDelivery {
    /// The delivery.
    pub id: Id,
    /// Its campaign.
    pub campaign: Id,
    /// [`ANSWER_LOST`], [`HELD`], or the reason that was stored when the mailer died.
    pub reason: Option<String>,
    /// Date header of the message; it was not sent before.
    pub dated_at: Millis,
    /// When the delivery became uncertain.
    pub since: Millis,
    /// Address in the contact's spelling; `None` when the contact does not exist any more.
    pub address: Option<String>,
}

/// What became of an uncertain delivery, as a log of the relay shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// The delivery.
    pub id: Id,
    /// True when the relay took responsibility and did not bounce the message.
    pub accepted: bool,
    /// The log's text; erased with the contact.
    pub reply: String,
    /// The enhanced status code (RFC 3463) of a bounce; empty if there is none.
    pub code: String,
}

/// The uncertain deliveries, oldest first.
pub async fn list(conn: &mut Conn, scope: Scope) -> Result<Vec<UncertainDelivery>> {
    let rows = Query::new(
        "select d.id, d.campaign_id, d.reason, coalesce(d.dated_at, d.changed_at), d.changed_at, c.address
           from delivery d
           left join contact c on c.id = d.contact_id
          where {in_scope}
          order by d.changed_at, d.id",
    )
    .fragment("in_scope", scope.condition())
    .fetch_all(conn)
    .await?;
    let delivery = |row: &AnyRow| {
        Ok(UncertainDelivery {
            id: row.cell(0)?,
            campaign: row.cell(1)?,
            reason: row.cell(2)?,
            dated_at: row.cell(3)?,
            since: row.cell(4)?,
            address: row.cell(5)?,
        })
    };
    Ok(read_each("delivery", &rows, delivery))
}

/// Number of uncertain deliveries.
pub async fn count(conn: &mut Conn, scope: Scope) -> Result<i64> {
    let row = Query::new("select count(*) from delivery d where {in_scope}")
        .fragment("in_scope", scope.condition())
        .fetch_optional(conn)
        .await?;
    row.map_or(Ok(0), |row| row.cell(0))
}

/// Decides that deliveries stay uncertain. Returns how many.
pub async fn hold(conn: &mut Conn, ids: &[Id]) -> Result<u64> {
    let mut held = 0;
    for some in ids.chunks(ROWS) {
        held += Query::new("update delivery set reason = :held where state = 'uncertain' and id in :ids")
            .bind("held", HELD)
            .bind_ids("ids", some)
            .execute(conn)
            .await?;
    }
    Ok(held)
}

/// Makes uncertain deliveries pending again, to be sent with the same bytes. Without a snapshot other bytes would go out
/// under the same Message-ID (RFC 5322 §3.6.4), and the address may have been corrected since: such deliveries stay uncertain. The attempt counts, so the snapshot is
/// kept whatever the next attempt brings.
const RESEND: &str = "
    update delivery
       set state = 'pending', reason = 'resent', resent = resent + 1, attempts = {next_attempt},
           due_at = :due_at, changed_at = :due_at
     where {is_repeatable} and {which}
    returning campaign_id";

/// An uncertain delivery with the snapshot of an address that is still that of its contact.
const IS_REPEATABLE: &str = "
    state = 'uncertain'
    and snapshot_address = (select address from contact where contact.id = delivery.contact_id)";

/// Resends deliveries by decision of an operator. Deliveries of a cancelled campaign, and those without a snapshot, are
/// left alone. Returns the numbers by campaign.
pub async fn resend(conn: &mut Conn, ids: &[Id], now: Millis) -> Result<BTreeMap<Id, u64>> {
    let mut campaigns = BTreeMap::new();
    for some in ids.chunks(ROWS) {
        let which = Query::new("campaign_id in (select id from campaign where state <> 'cancelled') and id in :ids")
            .bind_ids("ids", some);
        let rows = Query::new(RESEND)
            .bind("due_at", now)
            .fragment("next_attempt", NEXT_ATTEMPT)
            .fragment("is_repeatable", IS_REPEATABLE)
            .fragment("which", which)
            .fetch_all(conn)
            .await?;
        for row in rows {
            *campaigns.entry(row.cell(0)?).or_default() += 1;
        }
    }
    count_moves(conn, campaigns.iter().map(|(campaign, count)| (*campaign, None, *count))).await?;
    Ok(campaigns)
}

/// Resends the deliveries whose campaign has policy `resend` and that were not resent [`REPEATS`] times. Returns how many.
pub async fn resend_due(conn: &mut Conn, campaign: Option<Id>, now: Millis) -> Result<u64> {
    let rows = Query::new(RESEND)
        .bind("due_at", now + RESEND_DELAY)
        .fragment("next_attempt", NEXT_ATTEMPT)
        .fragment("is_repeatable", IS_REPEATABLE)
        .fragment("which", is_to_be_resent(campaign))
        .fetch_all(conn)
        .await?;
    let moves: Vec<_> = rows.iter().map(|row| Ok((row.cell(0)?, None, 1))).collect::<Result<_>>()?;
    count_moves(conn, moves.into_iter()).await?;
    Ok(rows.len() as u64)
}

/// True when [`resend_due`] would resend a delivery.
pub async fn is_resend_due(conn: &mut Conn, campaign: Option<Id>) -> Result<bool> {
    let row = Query::new("select 1 from delivery where {is_repeatable} and {which} limit 1")
        .fragment("is_repeatable", IS_REPEATABLE)
        .fragment("which", is_to_be_resent(campaign))
        .fetch_optional(conn)
        .await?;
    Ok(row.is_some())
}

fn is_to_be_resent(campaign: Option<Id>) -> Query {
    let only = match campaign {
        Some(campaign) => Query::new("id = :campaign").bind("campaign", campaign),
        None => Query::new("1 = 1"),
    };
    Query::new(
        "resent < :repeats
         and coalesce(reason, '') <> :held
         and campaign_id in (select id
                               from campaign
                              where uncertain_policy = 'resend' and state in ('running', 'paused') and {only})",
    )
    .bind("repeats", REPEATS)
    .bind("held", HELD)
    .fragment("only", only)
}

/// Counts deliveries that are no longer uncertain; `None` stands for pending.
async fn count_moves(conn: &mut Conn, moves: impl Iterator<Item = (Id, Option<State>, u64)>) -> Result<()> {
    let mut changes = Changes::new();
    for (campaign, to, count) in moves {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        *changes.entry((campaign, State::Uncertain.as_str())).or_default() -= count;
        if let Some(to) = to {
            *changes.entry((campaign, to.as_str())).or_default() += count;
        }
    }
    counts::add_all(conn, 0, &changes).await
}

/// Stores what became of uncertain deliveries. Returns how many were accepted and how many rejected.
pub async fn resolve(conn: &mut Conn, resolutions: &[Resolution], now: Millis) -> Result<(u64, u64)> {
    let mut counts = (0, 0);
    for some in resolutions.chunks(ROWS) {
        let row = |resolution: &Resolution| {
            let (state, reason) = match resolution.accepted {
                true => (State::Accepted, None),
                false => (State::Rejected, Some("bounce")),
            };
            json!([resolution.id, state.as_str(), reason, resolution.reply])
        };
        let rows = Query::new(
            "update delivery
                set state = {state}, reason = {reason}, reply = {reply}, mailer_id = null,
                    snapshot_address = null, snapshot_fields = null, attempts = {next_attempt}, changed_at = :now
               from :resolutions as given
              where delivery.id = {id} and delivery.state = 'uncertain'
             returning delivery.campaign_id, delivery.state",
        )
        .fragment("state", column(1))
        .fragment("next_attempt", NEXT_ATTEMPT)
        .fragment("reason", column(2))
        .fragment("reply", column(3))
        .bind("now", now)
        .bind_rows("resolutions", &some.iter().map(row).collect::<Vec<_>>())
        .fragment("id", whole(0))
        .fetch_all(conn)
        .await?;
        let mut moves = Vec::with_capacity(some.len());
        for row in rows {
            let accepted = row.cell::<String>(1)? == State::Accepted.as_str();
            let (count, to) = match accepted {
                true => (&mut counts.0, State::Accepted),
                false => (&mut counts.1, State::Rejected),
            };
            *count += 1;
            moves.push((row.cell(0)?, Some(to), 1));
        }
        count_moves(conn, moves.into_iter()).await?;
    }
    Ok(counts)
}
