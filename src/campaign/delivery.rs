//! Table `delivery`: one campaign to one contact, the row that makes sending exact.
//!
//! ```text
//!            claim            mark (durable, before the body)      answer
//! pending ─────────► leased ───────────────────► sending ─────────────────► accepted | rejected
//!    ▲                 │                            │ crash, lost answer
//!    └─── released ────┘                            └──────────────────────► uncertain
//! ```
//!
//! Claiming and marking both ask, in the statement that moves the row, whether the person is still
//! on the list with a confirmed subscription; who is not becomes `suppressed`. `skipped` are those
//! to whom no letter could be made. A deferred delivery is `pending` again with a later `due_at`.

pub mod uncertain;

use sqlx::Row;
use sqlx::any::AnyRow;

use super::tally;
use crate::ground::clock::Millis;
use crate::ground::db::{Conn, Db, Sql};
use crate::ground::error::Result;
use crate::ground::id::{Id, STEP};

crate::text_enum! {
    /// Where a delivery stands.
    State {
        /// To be sent, or to be tried again at `due_at`.
        Pending = "pending",
        /// Taken by a mailer; not a byte of the message is out.
        Leased = "leased",
        /// Marked on disk; the message may be out.
        Sending = "sending",
        /// The relay took responsibility.
        Accepted = "accepted",
        /// The relay refused for good.
        Rejected = "rejected",
        /// The message may have been accepted; the answer is lost. Never repeated by itself.
        Uncertain = "uncertain",
        /// The person may not be written to any more.
        Suppressed = "suppressed",
        /// No letter could be made, or the campaign was cancelled first.
        Skipped = "skipped",
    }
}

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
}

/// How a try ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The delivery.
    pub id: Id,
    /// Its campaign.
    pub campaign: Id,
    /// True when it was marked as `sending`: then a body may have been written.
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
    /// Field values to use again, so that a repeated message is the same to the byte.
    pub snapshot: Option<String>,
}

/// The condition that the person of `delivery` may be written to now. Subscriptions of those who
/// left do not exist, and import cannot bring back whom a tombstone keeps out.
const SUBSCRIBED: &str = "exists (select 1 from subscription s join campaign k on k.list_id = s.list_id \
                          where k.id = delivery.campaign_id and s.contact_id = delivery.contact_id and s.state = 'confirmed')";

const RUNNING: &str =
    " and exists (select 1 from campaign r where r.id = delivery.campaign_id and r.state = 'running')";

/// Writes one row for every person of the audience, in one statement. `narrow` appends the
/// condition of the segment over contact alias `c`. Returns how many there are.
pub async fn freeze(
    conn: &mut Conn,
    workspace: Id,
    campaign: Id,
    list: Id,
    first: Id,
    now: Millis,
    narrow: impl FnOnce(&mut Sql),
) -> Result<u64> {
    let mut sql = Sql::new(
        "insert into delivery (id, workspace_id, campaign_id, contact_id, state, attempts, due_at, changed_at) \
         select cast(",
    );
    sql.bind(first)
        .push(" as bigint) + (row_number() over (order by c.id) - 1) * ")
        .push(&STEP.to_string())
        .push(", cast(");
    sql.bind(workspace).push(" as bigint), cast(").bind(campaign).push(" as bigint), c.id, 'pending', 0, cast(");
    sql.bind(now).push(" as bigint), cast(").bind(now);
    sql.push(" as bigint) from subscription s join contact c on c.id = s.contact_id where s.list_id = ").bind(list);
    sql.push(" and s.state = 'confirmed' and c.workspace_id = ").bind(workspace).push(" and (");
    narrow(&mut sql);
    sql.push(") order by c.id on conflict (contact_id, campaign_id) do nothing").run(conn).await
}

/// Takes up to `limit` due deliveries of a running campaign for a mailer. Those whose person may no
/// longer be written to are suppressed by the same statement and not returned.
pub async fn claim(
    conn: &mut Conn,
    db: &Db,
    mailer: Id,
    campaign: Id,
    limit: i64,
    now: Millis,
) -> Result<Vec<Claimed>> {
    let (open, close) = db.claim();
    let mut sql = Sql::new("update delivery set state = case when ");
    sql.push(SUBSCRIBED).push(" then 'leased' else 'suppressed' end, mailer_id = ").bind(mailer);
    sql.push(", changed_at = ").bind(now).push(" where id ").push(open);
    sql.push("select id from delivery where campaign_id = ")
        .bind(campaign)
        .push(" and state = 'pending' and due_at <= ")
        .bind(now);
    sql.push(" order by due_at, id limit ").bind(limit).push(close).push(" returning id, state");
    let rows = sql.all(conn).await?;
    let leased: Vec<Id> =
        rows.iter().filter(|row| row.get::<String, _>(1) == State::Leased.as_str()).map(|row| row.get(0)).collect();
    load(conn, &leased).await
}

async fn load(conn: &mut Conn, ids: &[Id]) -> Result<Vec<Claimed>> {
    let mut claimed = Vec::with_capacity(ids.len());
    for some in ids.chunks(1_000) {
        let mut sql = Sql::new(
            "select d.id, d.campaign_id, d.attempts, c.address, coalesce(d.snapshot, c.fields) from delivery d \
             join contact c on c.id = d.contact_id where d.id in (",
        );
        sql.bind_all(some.iter().copied()).push(") order by d.id");
        claimed.extend(sql.all(conn).await?.iter().map(read_claimed));
    }
    Ok(claimed)
}

fn read_claimed(row: &AnyRow) -> Claimed {
    Claimed { id: row.get(0), campaign: row.get(1), attempts: row.get(2), address: row.get(3), fields: row.get(4) }
}

/// Whether a leased delivery may still be begun: the person is on the list and the campaign runs.
/// Asked before the address is named to anyone; the last word comes after.
pub async fn may_begin(conn: &mut Conn, mailer: Id, id: Id) -> Result<bool> {
    let mut sql = Sql::new("select 1 from delivery where id = ");
    sql.bind(id).push(" and mailer_id = ").bind(mailer).push(" and state = 'leased' and ").push(SUBSCRIBED);
    sql.push(RUNNING);
    Ok(sql.first(conn).await?.is_some())
}

/// The last word. Of the leased deliveries, marks those that may be sent now and returns each with
/// the date its message bears, the same at every try. The rest go back to pending when the campaign
/// stands still, or become suppressed. The message may be written once this is committed.
pub async fn mark(conn: &mut Conn, mailer: Id, ids: &[Id], now: Millis) -> Result<Vec<(Id, Millis)>> {
    let mut sql = Sql::new("update delivery set state = 'sending', dated_at = coalesce(dated_at, cast(");
    sql.bind(now).push(" as bigint)), changed_at = ").bind(now);
    sql.push(", snapshot = coalesce(snapshot, (select c.fields from contact c where c.id = delivery.contact_id))");
    sql.push(" where mailer_id = ").bind(mailer);
    sql.push(" and state = 'leased' and id in (").bind_all(ids.iter().copied()).push(") and ").push(SUBSCRIBED);
    let rows = sql.push(RUNNING).push(" returning id, dated_at").all(conn).await?;
    let marked: Vec<(Id, Millis)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    if marked.len() < ids.len() {
        release(conn, mailer, ids, now).await?;
    }
    Ok(marked)
}

/// Gives leased deliveries back, untried: pending again, or suppressed when the person has left.
pub async fn release(conn: &mut Conn, mailer: Id, ids: &[Id], now: Millis) -> Result<()> {
    for some in ids.chunks(1_000) {
        let mut sql = Sql::new("update delivery set state = case when ");
        sql.push(SUBSCRIBED).push(" then 'pending' else 'suppressed' end, mailer_id = null, changed_at = ").bind(now);
        sql.push(" where mailer_id = ").bind(mailer).push(" and state = 'leased' and id in (");
        sql.bind_all(some.iter().copied()).push(")").run(conn).await?;
    }
    Ok(())
}

/// Writes down how tries ended. Where the person was erased meanwhile, the tally that counted the
/// message as uncertain is set right instead.
pub async fn record(conn: &mut Conn, mailer: Id, outcomes: &[Outcome], now: Millis) -> Result<()> {
    for some in outcomes.chunks(500) {
        let mut sql = Sql::new(
            "update delivery set state = v.column2, reason = v.column3, code = v.column4, reply = v.column5, due_at = v.column6, \
             snapshot = case when v.column2 = 'uncertain' then delivery.snapshot else v.column7 end, attempts = attempts + v.column8, mailer_id = null, changed_at = ",
        );
        sql.bind(now).push(" from (values ");
        for (index, outcome) in some.iter().enumerate() {
            sql.push(if index == 0 { "(cast(" } else { ", (cast(" });
            sql.bind(outcome.id).push(" as bigint), cast(").bind(outcome.state.to_string()).push(" as text), cast(");
            sql.bind(outcome.reason.clone()).push(" as text), cast(").bind(outcome.code).push(" as integer), cast(");
            sql.bind(outcome.reply.clone()).push(" as text), cast(").bind(outcome.due_at).push(" as bigint), cast(");
            sql.bind(outcome.snapshot.clone())
                .push(" as text), cast(")
                .bind(i32::from(outcome.tried))
                .push(" as integer))");
        }
        sql.push(") as v where delivery.id = v.column1 and delivery.mailer_id = ").bind(mailer);
        let rows = sql.push(" returning delivery.id").all(conn).await?;
        if rows.len() < some.len() {
            let there: Vec<Id> = rows.iter().map(|row| row.get(0)).collect();
            for gone in some.iter().filter(|outcome| !there.contains(&outcome.id)) {
                settle_gone(conn, gone).await?;
            }
        }
    }
    Ok(())
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
    let mut counts = [0; 2];
    if dead.is_empty() {
        return Ok((0, 0));
    }
    for (count, (from, to)) in counts.iter_mut().zip([("leased", "pending"), ("sending", "uncertain")]) {
        let mut sql = Sql::new("update delivery set state = '");
        sql.push(to).push("', mailer_id = null, changed_at = ").bind(now).push(" where state = '").push(from);
        sql.push("' and mailer_id in (").bind_all(dead.iter().copied()).push(")");
        *count = sql.run(conn).await?;
    }
    Ok((counts[0], counts[1]))
}

/// Skips everything of a campaign that has not been tried.
pub async fn skip_pending(conn: &mut Conn, campaign: Id, reason: &str, now: Millis) -> Result<u64> {
    let done = sqlx::query(
        "update delivery set state = 'skipped', reason = $1, changed_at = $2 where campaign_id = $3 and state in ('pending', 'leased')",
    )
    .bind(reason)
    .bind(now)
    .bind(campaign)
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// True when every delivery of the campaign has an end.
pub async fn is_settled(conn: &mut Conn, campaign: Id) -> Result<bool> {
    let row = sqlx::query(
        "select count(*) from (select 1 from delivery where campaign_id = $1 and state in ('pending', 'leased', 'sending') limit 1) open",
    )
    .bind(campaign)
    .fetch_one(conn)
    .await?;
    Ok(row.get::<i64, _>(0) == 0)
}

/// True when some delivery of the campaign may be claimed now.
pub async fn is_due(conn: &mut Conn, campaign: Id, now: Millis) -> Result<bool> {
    let row = sqlx::query(
        "select count(*) from (select 1 from delivery where campaign_id = $1 and state = 'pending' and due_at <= $2 limit 1) due",
    )
    .bind(campaign)
    .bind(now)
    .fetch_one(conn)
    .await?;
    Ok(row.get::<i64, _>(0) > 0)
}

/// True when another mailer holds deliveries of the campaign: they end with it, or come back once
/// its lease has run out.
pub async fn is_held(conn: &mut Conn, campaign: Id, mailer: Id) -> Result<bool> {
    let mut sql = Sql::new("select 1 from delivery where campaign_id = ");
    sql.bind(campaign).push(" and state in ('leased', 'sending') and mailer_id <> ").bind(mailer);
    Ok(sql.push(" limit 1").first(conn).await?.is_some())
}

/// When the next delivery of the campaign that waits for its time is due.
pub async fn next_due(conn: &mut Conn, campaign: Id) -> Result<Option<Millis>> {
    let row = sqlx::query("select min(due_at) from delivery where campaign_id = $1 and state = 'pending'")
        .bind(campaign)
        .fetch_one(conn)
        .await?;
    Ok(row.get(0))
}

/// Rows of a campaign by state.
pub async fn count(conn: &mut Conn, campaign: Id) -> Result<Vec<(State, i64)>> {
    let rows = sqlx::query("select state, count(*) from delivery where campaign_id = $1 group by state")
        .bind(campaign)
        .fetch_all(conn)
        .await?;
    rows.iter().map(|row| Ok((row.get::<String, _>(0).parse()?, row.get(1)))).collect()
}

/// Whom a delivery goes to, while the row is there.
pub async fn contact_of(conn: &mut Conn, id: Id) -> Result<Option<(Id, Id)>> {
    let row =
        sqlx::query("select contact_id, campaign_id from delivery where id = $1").bind(id).fetch_optional(conn).await?;
    Ok(row.map(|row| (row.get(0), row.get(1))))
}

/// Moves a person's deliveries, for one list or all, into the tally and removes the rows. What was
/// still to be sent counts as suppressed; what is on the wire at this moment counts as uncertain.
pub async fn forget(conn: &mut Conn, contact: Id, list: Option<Id>) -> Result<()> {
    let rows = sqlx::query(
        "delete from delivery where contact_id = $1 and ($2 = 0 or campaign_id in (select id from campaign where list_id = $2)) \
         returning campaign_id, state",
    )
    .bind(contact)
    .bind(list.unwrap_or(0))
    .fetch_all(&mut *conn)
    .await?;
    let mut counts = tally::Counts::new();
    for row in rows {
        let state = match row.get::<String, _>(1).parse()? {
            State::Pending | State::Leased => State::Suppressed,
            State::Sending => State::Uncertain,
            state => state,
        };
        *counts.entry((row.get(0), state.as_str(), 0)).or_default() += 1;
    }
    tally::absorb(conn, &counts).await
}
