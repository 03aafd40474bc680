//! How tries ended, and what dead mailers left.

use std::collections::{BTreeMap, HashSet};

use sqlx::Row;

use super::State;
use super::progress::{self, Changes};
use crate::campaign::erased_counts;
use crate::campaign::model::delivery_range;
use crate::infra::clock::Millis;
use crate::infra::db::json_rows::{number, words};
use crate::infra::db::{Conn, Script, Sql, StatementResult};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// How a try ended.
#[derive(Debug, Clone)]
pub struct DeliveryResult {
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

/// Outcomes that differ in nothing but person, time and the words of the relay are written together.
type Kind<'o> = (Id, State, Option<&'o str>, i32, bool);

/// Writes down how tries ended. What a message was made from is kept only while it may have to be
/// repeated. Where the person was erased meanwhile, the tally that counted the message as uncertain
/// is set right instead.
pub async fn record(conn: &mut Conn, mailer: Id, outcomes: &[DeliveryResult], now: Millis) -> Result<()> {
    let mut script = Script::new(conn);
    let ends = ResultBatch::of(outcomes);
    ends.write(&mut script, conn, mailer, now);
    let done = script.run(conn).await?;
    ends.check(conn, mailer, &done).await
}

/// Tries that ended, by kind.
pub struct ResultBatch<'o>(BTreeMap<Kind<'o>, Vec<&'o DeliveryResult>>);

impl<'o> ResultBatch<'o> {
    /// Sorts outcomes by kind.
    pub fn of(outcomes: &'o [DeliveryResult]) -> Self {
        let mut kinds: BTreeMap<Kind, Vec<&DeliveryResult>> = BTreeMap::new();
        for outcome in outcomes {
            let DeliveryResult { campaign, state, reason, code, tried, .. } = outcome;
            kinds.entry((*campaign, *state, reason.as_deref(), *code, *tried)).or_default().push(outcome);
        }
        Self(kinds)
    }

    /// Appends the statements that write them down: one for each kind, then the counts, as if every
    /// row were there. Returns how many statements.
    pub fn write(&self, script: &mut Script, conn: &Conn, mailer: Id, now: Millis) -> usize {
        let before = script.len();
        let mut changes = Changes::new();
        for (kind, some) in &self.0 {
            update(script, conn, mailer, *kind, some, now);
            let (campaign, state, ..) = *kind;
            if state.is_final() {
                *changes.entry((campaign, state.as_str())).or_default() += count(some.len() as u64);
            }
        }
        progress::write(script, mailer, &changes);
        script.len() - before
    }

    /// Sets right what those rows change that were not there; `done` is what the statements of
    /// [`ResultBatch::write`] did.
    pub async fn check(&self, conn: &mut Conn, mailer: Id, done: &[StatementResult]) -> Result<()> {
        let mut changes = Changes::new();
        for (((campaign, state, ..), some), done) in self.0.iter().zip(done) {
            let missing = some.len() as u64 - done.rows_affected;
            if missing == 0 {
                continue;
            }
            correct_erased(conn, some).await?;
            if state.is_final() {
                *changes.entry((*campaign, state.as_str())).or_default() -= count(missing);
            }
        }
        progress::absorb(conn, mailer, &changes).await
    }
}

fn count(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

fn update(script: &mut Script, conn: &Conn, mailer: Id, kind: Kind<'_>, outcomes: &[&DeliveryResult], now: Millis) {
    let (_, state, reason, code, tried) = kind;
    let sql = script.add("update delivery set state = ");
    sql.bind(state.to_string()).push(", reason = ").bind(reason.map(str::to_owned)).push(", code = ").bind(code);
    sql.push(", reply = ").push(&words(2)).push(", due_at = ").push(&number(1)).push(", mailer_id = null");
    sql.push(", changed_at = ").bind(now).push(match (state, tried) {
        // A message that the relay certainly has nothing of, and never had, is made afresh next time.
        (State::Pending, false) => {
            ", snapshot = case when attempts = 0 then null else snapshot end, \
             dated_at = case when attempts = 0 then null else dated_at end"
        }
        (State::Pending | State::Uncertain, true) => ", attempts = attempts + 1",
        (_, true) => ", attempts = attempts + 1, snapshot = null",
        (State::Uncertain, false) => "",
        (_, false) => ", snapshot = null",
    });
    sql.push(" from ").strips(conn, outcomes.iter().map(|outcome| ([outcome.id, outcome.due_at], &*outcome.reply)));
    // Written so that the search stays on the key: the index of who holds what finds all at once.
    sql.push(" where delivery.id = ").push(&number(0)).push(" and coalesce(delivery.mailer_id, 0) = ").bind(mailer);
}

/// Sets the tally right for those who were erased while their message was on the wire.
async fn correct_erased(conn: &mut Conn, outcomes: &[&DeliveryResult]) -> Result<()> {
    let ids: Vec<Id> = outcomes.iter().map(|outcome| outcome.id).collect();
    let there: HashSet<Id> = super::contacts_of(conn, &ids).await?.into_iter().map(|(id, _)| id).collect();
    for outcome in outcomes.iter().filter(|outcome| outcome.marked && !there.contains(&outcome.id)) {
        let state = if outcome.state == State::Pending { State::Suppressed } else { outcome.state };
        if state != State::Uncertain {
            erased_counts::add(conn, outcome.campaign, State::Uncertain.as_str(), 0, -1).await?;
            erased_counts::add(conn, outcome.campaign, state.as_str(), 0, 1).await?;
        }
    }
    Ok(())
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
    let mut sql = Sql::new("update delivery set state = 'skipped', mailer_id = null, snapshot = null, reason = ");
    sql.bind(reason.to_owned()).push(", changed_at = ").bind(now).push(" where state in ('pending', 'leased') and ");
    let skipped = delivery_range::within(&mut sql, campaign).run(&mut *conn).await?;
    let count = i64::try_from(skipped).unwrap_or(i64::MAX);
    progress::add(conn, campaign, 0, State::Skipped.as_str(), count).await?;
    Ok(skipped)
}
