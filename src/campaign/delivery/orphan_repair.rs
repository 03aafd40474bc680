//! Repairs delivery rows in a state that no run of this program leaves: edited by hand, or damaged.

use sqlx::Row;

use super::State;
use super::counts;
use crate::campaign::model::delivery_range;
use crate::infra::clock::Millis;
use crate::infra::db::{Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

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
    let states = rows.iter().map(|row| row.get::<String, _>(0));
    if let Some(unknown) = states.into_iter().find(|state| state.parse::<State>().is_err()) {
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
    let uncertain = rows.iter().filter(|row| row.get::<String, _>(0) == State::Uncertain.as_str()).count();
    counts::add(conn, campaign, 0, State::Uncertain.as_str(), i64::try_from(uncertain).unwrap_or(i64::MAX)).await?;
    Ok(Repair::Done)
}
