//! Rows in a state that no program of ours leaves them in: changed by hand, or damaged.

use sqlx::Row;

use super::State;
use super::progress;
use crate::campaign::model::delivery_range;
use crate::infra::clock::Millis;
use crate::infra::db::{Conn, Sql};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// What was found among the rows of a campaign that seems to have ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stray {
    /// Every row has an end.
    None,
    /// Some were on their way with nobody who holds them, and have been taken in.
    TakenIn,
    /// One is in a state of this name, which there is not.
    Unknown(String),
}

/// Looks at every row of a campaign, once, before it is called finished. What is on its way without
/// a mailer is settled like what a dead one left; what nobody can read is named.
pub async fn take_in(conn: &mut Conn, campaign: Id, now: Millis) -> Result<Stray> {
    let mut sql = Sql::new("select state, count(*) from delivery where ");
    delivery_range::within(&mut sql, campaign).push(" and state not in (");
    sql.bind_all(State::ALL.iter().filter(|state| state.is_final()).map(State::to_string)).push(") group by state");
    let rows = sql.all(conn).await?;
    if rows.is_empty() {
        return Ok(Stray::None);
    }
    let words = rows.iter().map(|row| row.get::<String, _>(0));
    if let Some(word) = words.into_iter().find(|word| word.parse::<State>().is_err()) {
        return Ok(Stray::Unknown(word));
    }
    let mut sql =
        Sql::new("update delivery set state = case when state = 'sending' then 'uncertain' else 'pending' end, ");
    sql.push("changed_at = ").bind(now).push(" where mailer_id is null and state in ('leased', 'sending') and ");
    let rows = delivery_range::within(&mut sql, campaign).push(" returning state").all(conn).await?;
    let uncertain = rows.iter().filter(|row| row.get::<String, _>(0) == State::Uncertain.as_str()).count();
    progress::add(conn, campaign, 0, State::Uncertain.as_str(), i64::try_from(uncertain).unwrap_or(i64::MAX)).await?;
    Ok(Stray::TakenIn)
}
