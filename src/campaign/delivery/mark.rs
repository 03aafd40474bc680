//! The last word, and taking it back.

use std::collections::{BTreeMap, HashMap};

use sqlx::Row;

use super::progress::{self, Changes};
use super::{State, subscribed};
use crate::audience::eligibility;
use crate::infra::clock::Millis;
use crate::infra::db::{Conn, Script, Sql, StatementResult, json_rows};
use crate::infra::error::{Error, Result};
use crate::infra::id::Id;

/// Stands between address and field values in a snapshot.
const BREAK: &str = "\n";

/// What a mark tells.
const TOLD: &str = "id, dated_at, attempts, snapshot";

/// A delivery to be marked.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    /// The delivery.
    pub id: Id,
    /// Its campaign.
    pub campaign: Id,
    /// The relay it goes to.
    pub relay: Id,
}

/// What the last word allows.
#[derive(Debug, Clone)]
pub struct Marked {
    /// The date that the message bears, the same at every try.
    pub date: Millis,
    /// How often it was tried before.
    pub attempts: i32,
    /// To whom.
    pub recipient: Recipient,
}

/// Whom a message is made for. Kept with the mark, so that a message that has to be repeated is the
/// same to the byte.
#[derive(Debug, Clone)]
pub struct Recipient {
    /// The delivery; 0 for a message that is only looked at.
    pub delivery: Id,
    /// The address as its owner spells it.
    pub address: String,
    /// Field values as JSON.
    pub fields: String,
}

/// The last word. Marks those deliveries of running campaigns in time that may be sent now and
/// returns each with what its message is made from. The rest are given back ([`release`]). The
/// envelope may be opened and the message written once this is committed.
pub async fn mark(conn: &mut Conn, mailer: Id, marks: &[Mark], now: Millis) -> Result<HashMap<Id, Marked>> {
    let mut script = Script::new(conn);
    prepare_mark(&mut script, conn, mailer, marks, now);
    let done = script.run(conn).await?;
    collect_marked(conn, mailer, marks, &done, now).await
}

/// Appends the last word on deliveries; what comes of it is for [`collect_marked`].
pub fn prepare_mark(script: &mut Script, conn: &Conn, mailer: Id, marks: &[Mark], now: Millis) {
    let mut groups: BTreeMap<(Id, Id), Vec<Id>> = BTreeMap::new();
    for mark in marks {
        groups.entry((mark.campaign, mark.relay)).or_default().push(mark.id);
    }
    for ((campaign, relay), ids) in groups {
        if !write(script, conn, mailer, campaign, relay, &ids, now).tell(conn, TOLD) {
            // Written so that the search stays on the key.
            let sql = script.add(&format!("select {TOLD} from delivery where id"));
            sql.among(conn, &ids).push(" and state = 'sending' and coalesce(mailer_id, 0) = ").bind(mailer);
            sql.gather(conn, TOLD);
        }
    }
}

fn write<'s>(
    script: &'s mut Script,
    conn: &Conn,
    mailer: Id,
    campaign: Id,
    relay: Id,
    ids: &[Id],
    now: Millis,
) -> &'s mut Sql {
    let sql = script.add("update delivery set state = 'sending', mailer_id = ");
    sql.bind(mailer).push(", relay_id = ").bind(relay).push(", changed_at = ").bind(now);
    sql.push(", dated_at = coalesce(dated_at, cast(").bind(now).push(" as bigint)), snapshot = coalesce(snapshot, ");
    sql.push("(select c.address || ").bind(BREAK.to_owned()).push(" || c.fields from contact c ");
    sql.push("where c.id = delivery.contact_id)) where id").among(conn, ids);
    sql.push(" and (state = 'pending' and due_at <= ").bind(now);
    // Asked as a value, so that a planner which knows nothing of the tables yet makes no join of it.
    sql.push(" or state = 'leased' and coalesce(mailer_id, 0) = ")
        .bind(mailer)
        .push(") and 1 = (select 1 from subscription s ");
    sql.push("where s.contact_id = delivery.contact_id and ")
        .push(&eligibility::mailable("s"))
        .push(" and s.list_id = ");
    sql.push("(select list_id from campaign where id = ").bind(campaign).push(" and state = 'running' ");
    sql.push("and (until_at is null or until_at > ").bind(now).push(")))")
}

/// What was allowed of `marks`; `done` is what the statements of [`prepare_mark`] did.
pub async fn collect_marked(
    conn: &mut Conn,
    mailer: Id,
    marks: &[Mark],
    done: &[StatementResult],
    now: Millis,
) -> Result<HashMap<Id, Marked>> {
    let mut marked = HashMap::with_capacity(marks.len());
    let is_read_again = conn.backend_name() == "SQLite";
    for done in done.chunks(if is_read_again { 2 } else { 1 }) {
        let rows: Vec<(Id, Millis, i32, String)> = json_rows::read(done.last().and_then(|found| found.rows.first()));
        // A row that was marked before and is asked for again is on the wire.
        if is_read_again && rows.len() as u64 != done[0].rows_affected {
            return Err(Error::Db(sqlx::Error::RowNotFound));
        }
        for (delivery, date, attempts, mut address) in rows {
            let fields = match address.find(BREAK) {
                Some(at) => address.split_off(at).split_off(BREAK.len()),
                None => "{}".to_owned(),
            };
            marked.insert(delivery, Marked { date, attempts, recipient: Recipient { delivery, address, fields } });
        }
    }
    let left: Vec<Id> = marks.iter().map(|mark| mark.id).filter(|id| !marked.contains_key(id)).collect();
    release(conn, mailer, &left, now).await?;
    Ok(marked)
}

/// What a mark would tell, without one: only for where that promise is broken on purpose.
pub async fn peek(conn: &mut Conn, id: Id, now: Millis) -> Result<Option<Marked>> {
    let mut sql = Sql::new("select coalesce(d.dated_at, ");
    sql.bind(now).push("), d.attempts, c.address, c.fields from delivery d join contact c on c.id = d.contact_id ");
    let row = sql.push("where d.id = ").bind(id).first(conn).await?;
    Ok(row.map(|row| {
        let recipient = Recipient { delivery: id, address: row.get(2), fields: row.get(3) };
        Marked { date: row.get(0), attempts: row.get(1), recipient }
    }))
}

/// Gives deliveries back that were claimed and not marked: pending, or suppressed when the person
/// may no longer be written to.
pub async fn release(conn: &mut Conn, mailer: Id, ids: &[Id], now: Millis) -> Result<()> {
    let mut changes = Changes::new();
    for some in ids.chunks(1_000) {
        let mut sql = Sql::new("update delivery set state = case when ");
        sql.push(&subscribed())
            .push(" then 'pending' else 'suppressed' end, mailer_id = null, changed_at = ")
            .bind(now);
        sql.push(" where (state = 'leased' and mailer_id = ").bind(mailer).push(" or state = 'pending') and id");
        sql.among(conn, some).push(" returning campaign_id, state");
        for row in sql.all(conn).await? {
            if row.get::<String, _>(1) == State::Suppressed.as_str() {
                *changes.entry((row.get(0), State::Suppressed.as_str())).or_default() += 1;
            }
        }
    }
    progress::absorb(conn, mailer, &changes).await
}

/// Whether a marked delivery may still go out: the person is on the list, the campaign runs, and its
/// latest time has not come.
pub async fn may_send(conn: &mut Conn, mailer: Id, id: Id, now: Millis) -> Result<bool> {
    let mut sql = Sql::new("select 1 from delivery where id = ");
    sql.bind(id).push(" and mailer_id = ").bind(mailer).push(" and state = 'sending' and ").push(&subscribed());
    sql.push(" and exists (select 1 from campaign r where r.id = delivery.campaign_id and r.state = 'running'");
    sql.push(" and (r.until_at is null or r.until_at > ").bind(now).push("))");
    Ok(sql.first(conn).await?.is_some())
}
