//! Records the results of attempts, and recovers the deliveries of dead mailers.

use std::collections::{BTreeMap, HashSet};

use super::State;
use super::counts::{self, Changes};
use crate::campaign::erased_counts;
use crate::campaign::model::delivery_range;
use crate::infra::clock::Millis;
use crate::infra::db::fixed_width::{number, words};
use crate::infra::db::{Cells, Conn, Query, Script, StatementResult};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// Result of an attempt to deliver.
#[derive(Debug, Clone)]
pub struct DeliveryResult {
    /// The delivery.
    pub id: Id,
    /// Its campaign.
    pub campaign: Id,
    /// True when the delivery was marked `sending`: the relay may know its recipient.
    pub marked: bool,
    /// Accepted, rejected, uncertain, skipped, or pending to be tried again.
    pub state: State,
    /// Reason as a catalogue key or word; `None` when there is nothing to explain.
    pub reason: Option<String>,
    /// SMTP reply code, 0 without one.
    pub code: i32,
    /// SMTP reply text. It can name the recipient and is erased with the contact.
    pub reply: String,
    /// When to try again; used for `pending`.
    pub due_at: Millis,
    /// False when the relay failed for a reason that has nothing to do with the recipient: the attempt does not count.
    pub tried: bool,
}

/// Results that differ only in recipient, time and reply text are written by one statement.
type Kind<'o> = (Id, State, Option<&'o str>, i32, bool);

/// Records results. The snapshot of a message is kept only while the message may have to be repeated. When the contact was
/// erased meanwhile, the erased count that took the message as uncertain is corrected instead.
pub async fn record(conn: &mut Conn, mailer: Id, results: &[DeliveryResult], now: Millis) -> Result<()> {
    let mut script = Script::new(conn);
    let batch = ResultBatch::of(results);
    batch.push_statements(&mut script, mailer, now);
    let done = script.run(conn).await?;
    batch.correct(conn, mailer, &done).await
}

/// Results grouped by kind.
pub struct ResultBatch<'o>(BTreeMap<Kind<'o>, Vec<&'o DeliveryResult>>);

impl<'o> ResultBatch<'o> {
    /// Groups results by kind.
    pub fn of(results: &'o [DeliveryResult]) -> Self {
        let mut kinds: BTreeMap<Kind, Vec<&DeliveryResult>> = BTreeMap::new();
        for result in results {
            let DeliveryResult { campaign, state, reason, code, tried, .. } = result;
            kinds.entry((*campaign, *state, reason.as_deref(), *code, *tried)).or_default().push(result);
        }
        Self(kinds)
    }

    /// Appends the statements that record the results: one for each kind, then the counts, as if every row existed.
    /// Returns the number of statements.
    pub fn push_statements(&self, script: &mut Script, mailer: Id, now: Millis) -> usize {
        let before = script.len();
        let mut changes = Changes::new();
        for (kind, results) in &self.0 {
            script.push(&update(mailer, *kind, results, now));
            let (campaign, state, ..) = *kind;
            if state.is_final() {
                *changes.entry((campaign, state.as_str())).or_default() += count(results.len() as u64);
            }
        }
        counts::push_changes(script, mailer, &changes);
        script.len() - before
    }

    /// Corrects the counts by the rows that no longer existed; `done` is the result of the statements of
    /// [`ResultBatch::push_statements`].
    pub async fn correct(&self, conn: &mut Conn, mailer: Id, done: &[StatementResult]) -> Result<()> {
        let mut changes = Changes::new();
        for (((campaign, state, ..), results), done) in self.0.iter().zip(done) {
            let missing = results.len() as u64 - done.rows_affected;
            if missing == 0 {
                continue;
            }
            correct_erased(conn, results).await?;
            if state.is_final() {
                *changes.entry((*campaign, state.as_str())).or_default() -= count(missing);
            }
        }
        counts::add_all(conn, mailer, &changes).await
    }
}

/// The number of attempts after one more. It stops at a number that only a corrupt row has: PostgreSQL would refuse the results of
/// all other deliveries together with one that is too great.
pub(super) const NEXT_ATTEMPT: &str = "case when attempts < 1000000 then attempts + 1 else attempts end";

fn count(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

fn update(mailer: Id, kind: Kind<'_>, results: &[&DeliveryResult], now: Millis) -> Query {
    let (_, state, reason, code, tried) = kind;
    let attempt = match (state, tried) {
        // The relay certainly has nothing of the message and never had: the next attempt makes it from current data.
        (State::Pending, false) => {
            ", snapshot_address = case when attempts = 0 then null else snapshot_address end,
               snapshot_fields = case when attempts = 0 then null else snapshot_fields end,
               dated_at = case when attempts = 0 then null else dated_at end"
        }
        (State::Pending | State::Uncertain, true) => ", attempts = {next_attempt}",
        (_, true) => ", attempts = {next_attempt}, snapshot_address = null, snapshot_fields = null",
        (State::Uncertain, false) => "",
        (_, false) => ", snapshot_address = null, snapshot_fields = null",
    };
    // `coalesce` keeps the search on the key and off the index of `mailer_id`.
    Query::new(
        "update delivery
            set state = :state, reason = :reason, code = :code, reply = {reply}, due_at = {due_at},
                mailer_id = null, changed_at = :now{attempt}
           from :results as given
          where delivery.id = {id} and coalesce(delivery.mailer_id, 0) = :mailer",
    )
    .bind("state", state.as_str())
    .bind("reason", reason)
    .bind("code", code)
    .fragment("reply", words(2))
    .fragment("due_at", number(1))
    .bind("now", now)
    .fragment("attempt", Query::new(attempt).fragment("next_attempt", NEXT_ATTEMPT))
    .bind_strips("results", results.iter().map(|result| ([result.id, result.due_at], &*result.reply)))
    .fragment("id", number(0))
    .bind("mailer", mailer)
}

/// Corrects the erased counts of contacts that were erased while their message was on the wire.
async fn correct_erased(conn: &mut Conn, results: &[&DeliveryResult]) -> Result<()> {
    let ids: Vec<Id> = results.iter().map(|result| result.id).collect();
    let existing: HashSet<Id> = super::contacts_of(conn, &ids).await?.into_iter().map(|(id, _)| id).collect();
    for result in results.iter().filter(|result| result.marked && !existing.contains(&result.id)) {
        let state = if result.state == State::Pending { State::Suppressed } else { result.state };
        if state != State::Uncertain {
            erased_counts::add(conn, result.campaign, State::Uncertain.as_str(), 0, -1).await?;
            erased_counts::add(conn, result.campaign, state.as_str(), 0, 1).await?;
        }
    }
    Ok(())
}

/// The deliveries that a mailer has marked, each with the number of earlier attempts.
pub async fn list_sending(conn: &mut Conn, mailer: Id) -> Result<Vec<(Id, i32)>> {
    let rows = Query::new("select id, attempts from delivery where mailer_id = :mailer and state = 'sending'")
        .bind("mailer", mailer)
        .fetch_all(conn)
        .await?;
    rows.iter().map(|row| Ok((row.cell(0)?, row.cell(1)?))).collect()
}

/// Makes marked deliveries of a dead mailer pending again: the relay has nothing of this attempt. Returns how many.
pub async fn return_unbegun(conn: &mut Conn, mailer: Id, ids: &[Id], now: Millis) -> Result<u64> {
    if ids.is_empty() {
        return Ok(0);
    }
    Query::new(
        "update delivery
            set state = 'pending', mailer_id = null, changed_at = :now,
                snapshot_address = case when attempts = 0 then null else snapshot_address end,
                snapshot_fields = case when attempts = 0 then null else snapshot_fields end,
                dated_at = case when attempts = 0 then null else dated_at end
          where id in :ids and state = 'sending' and mailer_id = :mailer",
    )
    .bind("now", now)
    .bind_ids("ids", ids)
    .bind("mailer", mailer)
    .execute(conn)
    .await
}

/// Settles the deliveries of dead mailers: leased ones become pending, marked ones uncertain. Returns both numbers.
pub async fn recover(conn: &mut Conn, dead: &[Id], now: Millis) -> Result<(u64, u64)> {
    if dead.is_empty() {
        return Ok((0, 0));
    }
    let rows = Query::new(
        "update delivery
            set state = case when state = 'leased' then 'pending' else 'uncertain' end,
                mailer_id = null, changed_at = :now
          where mailer_id in :dead
         returning campaign_id, state",
    )
    .bind("now", now)
    .bind_ids("dead", dead)
    .fetch_all(conn)
    .await?;
    let mut changes = Changes::new();
    let mut uncertain = 0;
    for row in &rows {
        if row.cell::<String>(1)? == State::Uncertain.as_str() {
            uncertain += 1;
            *changes.entry((row.cell(0)?, State::Uncertain.as_str())).or_default() += 1;
        }
    }
    counts::add_all(conn, 0, &changes).await?;
    Ok((rows.len() as u64 - uncertain, uncertain))
}

/// Makes the rejected deliveries of a campaign pending again that were refused for another reason than that of a hard
/// bounce. Their attempts start again. Returns how many.
pub async fn resend_refused(conn: &mut Conn, campaign: Id, now: Millis) -> Result<u64> {
    let resent = Query::new(
        "update{or_rollback} delivery
            set state = 'pending', reason = null, code = 0, reply = '', attempts = 0, dated_at = null,
                due_at = :now, changed_at = :now
          where state = 'rejected' and reason = :refused and {of_campaign}",
    )
    .bind("now", now)
    .bind("refused", super::REFUSED)
    .fragment("of_campaign", delivery_range::within(campaign))
    .execute(&mut *conn)
    .await?;
    counts::add(conn, campaign, 0, State::Rejected.as_str(), -count(resent)).await?;
    Ok(resent)
}

/// Skips the deliveries of a campaign that are not on the wire. Returns how many.
pub async fn skip_pending(conn: &mut Conn, campaign: Id, reason: &str, now: Millis) -> Result<u64> {
    let skipped = Query::new(
        "update{or_rollback} delivery
            set state = 'skipped', mailer_id = null, snapshot_address = null, snapshot_fields = null,
                reason = :reason, changed_at = :now
          where state in ('pending', 'leased') and {of_campaign}",
    )
    .bind("reason", reason)
    .bind("now", now)
    .fragment("of_campaign", delivery_range::within(campaign))
    .execute(&mut *conn)
    .await?;
    let count = i64::try_from(skipped).unwrap_or(i64::MAX);
    counts::add(conn, campaign, 0, State::Skipped.as_str(), count).await?;
    Ok(skipped)
}
