//! Repairs delivery rows in a state that no run of this program leaves: edited by hand, or damaged.

use sqlx::any::AnyRow;

use super::State;
use super::counts;
use super::skip_reason::SKIPPED_ROW;
use crate::campaign::lane;
use crate::campaign::model::delivery_range;
use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// Skips the pending deliveries of a campaign whose lane, time or number of attempts is of another type: no send round finds
/// them. Returns how many.
pub async fn skip_unreadable_pending(conn: &mut Conn, campaign: Id, now: Millis) -> Result<u64> {
    // A sum or joined text is of the right type, and equal to its column only if the column is.
    let skipped = Query::new(
        "update delivery
            set state = 'skipped', reason = :reason, lane = :rest, due_at = :now, attempts = 0, changed_at = :now
          where campaign_id = :campaign and state = 'pending'
            and not (lane || '' = lane and due_at + 0 = due_at and attempts + 0 = attempts)",
    )
    .bind("reason", SKIPPED_ROW)
    .bind("rest", lane::REST)
    .bind("now", now)
    .bind("campaign", campaign)
    .execute(&mut *conn)
    .await?;
    counts::add(conn, campaign, 0, State::Skipped.as_str(), i64::try_from(skipped).unwrap_or(i64::MAX)).await?;
    Ok(skipped)
}

/// Result of a repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// Every row is in a final state.
    NotNeeded,
    /// Rows that no mailer held were settled.
    Done,
    /// A row is in this state, which does not exist.
    UnknownState(String),
}

/// Checks every row of a campaign once before it is called finished. Rows that are leased or sending without a mailer are
/// settled like those of a dead mailer.
pub async fn repair(conn: &mut Conn, campaign: Id, now: Millis) -> Result<Repair> {
    let is_final: Vec<&str> = State::ALL.iter().filter(|state| state.is_final()).map(|state| state.as_str()).collect();
    let rows = Query::new("select distinct state from delivery where {of_campaign} and not (state in :final_states)")
        .fragment("of_campaign", delivery_range::within(campaign))
        .bind_texts("final_states", &is_final)
        .fetch_all(conn)
        .await?;
    if rows.is_empty() {
        return Ok(Repair::NotNeeded);
    }
    let state = |row: &AnyRow| row.cell::<String>(0).unwrap_or_else(|_| "?".to_owned());
    if let Some(unknown) = rows.iter().map(state).find(|state| state.parse::<State>().is_err()) {
        return Ok(Repair::UnknownState(unknown));
    }
    let rows = Query::new(
        "update delivery
            set state = case when state = 'sending' then 'uncertain' else 'pending' end, changed_at = :now
          where mailer_id is null and state in ('leased', 'sending') and {of_campaign}
         returning state",
    )
    .bind("now", now)
    .fragment("of_campaign", delivery_range::within(campaign))
    .fetch_all(conn)
    .await?;
    let uncertain = rows.iter().map(state).filter(|state| state == State::Uncertain.as_str()).count();
    counts::add(conn, campaign, 0, State::Uncertain.as_str(), i64::try_from(uncertain).unwrap_or(i64::MAX)).await?;
    Ok(Repair::Done)
}
