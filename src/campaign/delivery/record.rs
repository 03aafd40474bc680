//! How tries ended, and what dead mailers left.

use serde_json::{Value, json};
use sqlx::Row;

use super::State;
use super::progress::{self, Changes};
use crate::campaign::tally;
use crate::ground::clock::Millis;
use crate::ground::db::many::{column, whole};
use crate::ground::db::{Conn, Sql};
use crate::ground::error::Result;
use crate::ground::id::Id;

/// How a try ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The delivery.
    pub id: Id,
    /// Its campaign.
    pub campaign: Id,
    /// True when it was marked as `sending`: then it may have been named to the relay.
    pub marked: bool,
    /// Accepted, rejected, uncertain, skipped, or pending to be tried again.
    pub state: State,
    /// Why, as a catalogue key or word; `None` when there is nothing to explain.
    pub reason: Option<String>,
    /// The reply code of the relay, 0 when it gave none.
    pub code: i32,
    /// What the relay said; may name the person and goes with them.
    pub reply: String,
    /// When to try again; meaningful for pending.
    pub due_at: Millis,
    /// False when the relay failed and the person had no part in it: the try does not count.
    pub tried: bool,
}

/// Outcomes a statement.
const ROWS: usize = 250;

/// Writes down how tries ended. What a message was made from is kept only while it may have to be
/// repeated. Where the person was erased meanwhile, the tally that counted the message as uncertain
/// is set right instead.
pub async fn record(conn: &mut Conn, mailer: Id, outcomes: &[Outcome], now: Millis) -> Result<()> {
    let mut changes = Changes::new();
    for some in outcomes.chunks(ROWS) {
        let there = record_some(conn, mailer, some, now).await?;
        for outcome in some {
            match there.contains(&outcome.id) {
                true if outcome.state.is_final() => {
                    *changes.entry((outcome.campaign, outcome.state.as_str())).or_default() += 1;
                }
                true => {}
                false => settle_gone(conn, outcome).await?,
            }
        }
    }
    progress::absorb(conn, mailer, &changes).await
}

async fn record_some(
    conn: &mut Conn,
    mailer: Id,
    outcomes: &[Outcome],
    now: Millis,
) -> Result<std::collections::HashSet<Id>> {
    let row = |outcome: &Outcome| {
        let Outcome { id, state, reason, code, reply, due_at, tried, .. } = outcome;
        json!([id, state.as_str(), reason, code, reply, due_at, i32::from(*tried)])
    };
    let rows: Vec<Value> = outcomes.iter().map(row).collect();
    if statement(conn, mailer, &rows, now).run_whole(conn, rows.len()).await? {
        return Ok(outcomes.iter().map(|outcome| outcome.id).collect());
    }
    let rows = statement(conn, mailer, &rows, now).push(" returning delivery.id").all(conn).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

fn statement(conn: &Conn, mailer: Id, rows: &[Value], now: Millis) -> Sql {
    let (state, tries) = (column(1), whole(6));
    // A message that the relay certainly has nothing of, and never had, is made afresh next time.
    let fresh = format!("{tries} = 0 and delivery.attempts = 0 and {state} = 'pending'");
    let mut sql = Sql::new("update delivery set state = ");
    sql.push(&state).push(", reason = ").push(&column(2)).push(", code = ").push(&whole(3));
    sql.push(", reply = ").push(&column(4)).push(", due_at = ").push(&whole(5));
    sql.push(", attempts = attempts + ").push(&tries).push(", mailer_id = null, snapshot = case when ").push(&state);
    sql.push(" not in ('pending', 'uncertain') or ").push(&fresh).push(" then null else delivery.snapshot end, ");
    sql.push("dated_at = case when ").push(&fresh).push(" then null else delivery.dated_at end, changed_at = ");
    sql.bind(now).push(" from ").table(conn, rows).push(" where delivery.id = ").push(&whole(0));
    sql.push(" and delivery.mailer_id = ").bind(mailer);
    sql
}

/// The person was erased while their message was on the wire.
async fn settle_gone(conn: &mut Conn, outcome: &Outcome) -> Result<()> {
    let row = sqlx::query("select count(*) from delivery where id = $1").bind(outcome.id).fetch_one(&mut *conn).await?;
    let state = if outcome.state == State::Pending { State::Suppressed } else { outcome.state };
    if row.get::<i64, _>(0) > 0 || state == State::Uncertain || !outcome.marked {
        return Ok(());
    }
    tally::add(conn, outcome.campaign, State::Uncertain.as_str(), 0, -1).await?;
    tally::add(conn, outcome.campaign, state.as_str(), 0, 1).await
}

/// Settles what dead mailers left: taken but unsent goes back, marked becomes uncertain. Returns
/// (given back, uncertain).
pub async fn recover(conn: &mut Conn, dead: &[Id], now: Millis) -> Result<(u64, u64)> {
    if dead.is_empty() {
        return Ok((0, 0));
    }
    let mut sql =
        Sql::new("update delivery set state = case when state = 'leased' then 'pending' else 'uncertain' end, ");
    sql.push("mailer_id = null, changed_at = ").bind(now).push(" where mailer_id in (");
    let rows = sql.bind_all(dead.iter().copied()).push(") returning campaign_id, state").all(conn).await?;
    let mut changes = Changes::new();
    let mut uncertain = 0;
    for row in &rows {
        if row.get::<String, _>(1) == State::Uncertain.as_str() {
            uncertain += 1;
            *changes.entry((row.get(0), State::Uncertain.as_str())).or_default() += 1;
        }
    }
    progress::absorb(conn, 0, &changes).await?;
    Ok((rows.len() as u64 - uncertain, uncertain))
}

/// Skips everything of a campaign that is not on the wire.
pub async fn skip_pending(conn: &mut Conn, campaign: Id, reason: &str, now: Millis) -> Result<u64> {
    let done = sqlx::query(
        "update delivery set state = 'skipped', reason = $1, mailer_id = null, changed_at = $2, snapshot = null \
         where campaign_id = $3 and state in ('pending', 'leased')",
    )
    .bind(reason)
    .bind(now)
    .bind(campaign)
    .execute(&mut *conn)
    .await?;
    let skipped = i64::try_from(done.rows_affected()).unwrap_or(i64::MAX);
    progress::add(conn, campaign, 0, State::Skipped.as_str(), skipped).await?;
    Ok(done.rows_affected())
}
