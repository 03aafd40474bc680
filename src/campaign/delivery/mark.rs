//! Marks deliveries `sending` after the final eligibility check; releases the rest.

use std::collections::{BTreeMap, HashMap};

use super::counts::{self, Changes};
use super::skip_reason::SKIPPED_ROW;
use super::{State, is_eligible};
use crate::audience::eligibility;
use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query, Script, StatementResult};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// What a mark returns of each row.
const MARKED_COLUMNS: &str = "id, dated_at, attempts, snapshot_address, snapshot_fields, measured";

/// Deliveries per statement of a release.
const ROWS: usize = 1_000;

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

/// A delivery that was marked.
#[derive(Debug, Clone)]
pub struct Marked {
    /// Date header of the message, the same at every attempt.
    pub date: Millis,
    /// Number of earlier attempts.
    pub attempts: i32,
    /// Recipient of the message.
    pub recipient: Recipient,
}

/// The contact that a message is made for, as a snapshot. It is stored with the mark, so that a message that must be
/// repeated has the same bytes.
#[derive(Debug, Clone)]
pub struct Recipient {
    /// The delivery; 0 for a preview.
    pub delivery: Id,
    /// Address in the contact's spelling.
    pub address: String,
    /// Field values as JSON.
    pub fields: String,
    /// Whether the person agreed to be measured or refused it; not part of the snapshot, so that a refusal counts at once.
    pub measured: Option<bool>,
}

/// Marks those deliveries that may be sent now, and returns each with what its message is made from: the contact is
/// eligible, the campaign runs and its latest time has not passed. Releases the rest ([`release`]). The envelope may be
/// sent once this is committed.
pub async fn mark(conn: &mut Conn, mailer: Id, marks: &[Mark], now: Millis) -> Result<HashMap<Id, Marked>> {
    let mut script = Script::new(conn);
    prepare_mark(&mut script, mailer, marks, now);
    let done = script.run(conn).await?;
    collect_marked(conn, mailer, marks, &done, now).await
}

/// Appends the statements that mark deliveries; [`collect_marked`] reads their results.
pub fn prepare_mark(script: &mut Script, mailer: Id, marks: &[Mark], now: Millis) {
    let mut groups: BTreeMap<(Id, Id), Vec<Id>> = BTreeMap::new();
    for mark in marks {
        groups.entry((mark.campaign, mark.relay)).or_default().push(mark.id);
    }
    for ((campaign, relay), ids) in groups {
        let running_list = "(select list_id
                               from campaign
                              where id = :campaign and state = 'running' and (until_at is null or until_at > :now))";
        let may_send = Query::new(eligibility::mailable_on("delivery.contact_id", running_list))
            .bind("campaign", campaign)
            .bind("now", now);
        let update = Query::new(
            "update delivery
                set state = 'sending', mailer_id = :mailer, relay_id = :relay, changed_at = :now,
                    dated_at = coalesce(dated_at, cast(:now as bigint)),
                    (snapshot_address, snapshot_fields, measured) =
                      (select coalesce(delivery.snapshot_address, c.address), coalesce(delivery.snapshot_fields, c.fields),
                              c.measured
                         from contact c
                        where c.id = delivery.contact_id)
              where id in :ids
                and (state = 'pending' and due_at <= :now
                     or state = 'leased' and coalesce(mailer_id, 0) = :mailer)
                and {may_send}",
        )
        .bind("mailer", mailer)
        .bind("relay", relay)
        .bind("now", now)
        .bind_ids("ids", &ids)
        .fragment("may_send", may_send);
        // `coalesce` keeps the search on the key and off the index of `mailer_id`.
        let marked = Query::new(
            "select id, dated_at, attempts, snapshot_address, snapshot_fields, measured
               from delivery
              where id in :ids and state = 'sending' and coalesce(mailer_id, 0) = :mailer",
        )
        .bind_ids("ids", &ids)
        .bind("mailer", mailer);
        script.push_returning(&update, MARKED_COLUMNS, &marked);
    }
}

/// Returns the deliveries that were marked and releases the other `marks`; `done` is the result of the statements of
/// [`prepare_mark`].
///
/// # Errors
/// When a delivery was marked before and is asked for again: it is on the wire.
pub async fn collect_marked(
    conn: &mut Conn,
    mailer: Id,
    marks: &[Mark],
    done: &[StatementResult],
    now: Millis,
) -> Result<HashMap<Id, Marked>> {
    let mut marked = HashMap::with_capacity(marks.len());
    for done in done {
        let rows: Vec<(Id, Millis, i32, String, String, Option<i64>)> = done.json_rows()?;
        for (delivery, date, attempts, address, fields, measured) in rows {
            let recipient = Recipient { delivery, address, fields, measured: measured.map(|answer| answer == 1) };
            marked.insert(delivery, Marked { date, attempts, recipient });
        }
    }
    let left: Vec<Id> = marks.iter().map(|mark| mark.id).filter(|id| !marked.contains_key(id)).collect();
    release(conn, mailer, &left, now).await?;
    Ok(marked)
}

/// What a mark would return, without marking. Only for deliberate bugs in tests.
pub async fn peek(conn: &mut Conn, id: Id, now: Millis) -> Result<Option<Marked>> {
    let row = Query::new(
        "select coalesce(d.dated_at, :now), d.attempts, c.address, c.fields, c.measured
           from delivery d
           join contact c on c.id = d.contact_id
          where d.id = :id",
    )
    .bind("now", now)
    .bind("id", id)
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        let measured = row.cell::<Option<i64>>(4)?.map(|answer| answer == 1);
        let recipient = Recipient { delivery: id, address: row.cell(2)?, fields: row.cell(3)?, measured };
        Ok(Marked { date: row.cell(0)?, attempts: row.cell(1)?, recipient })
    })
    .transpose()
}

/// Releases deliveries that were claimed and not marked: they become pending, or suppressed when the contact may no longer
/// be mailed.
pub async fn release(conn: &mut Conn, mailer: Id, ids: &[Id], now: Millis) -> Result<()> {
    let mut changes = Changes::new();
    for some in ids.chunks(ROWS) {
        let released = Query::new(
            "update delivery
                set state = case when {is_eligible} then 'pending' else 'suppressed' end,
                    mailer_id = null, changed_at = :now
              where (state = 'leased' and mailer_id = :mailer or state = 'pending')
                and id in :ids
             returning campaign_id, state",
        )
        .fragment("is_eligible", is_eligible())
        .bind("now", now)
        .bind("mailer", mailer)
        .bind_ids("ids", some)
        .fetch_all(conn)
        .await?;
        for row in released {
            if row.cell::<String>(1)? == State::Suppressed.as_str() {
                *changes.entry((row.cell(0)?, State::Suppressed.as_str())).or_default() += 1;
            }
        }
    }
    counts::add_all(conn, mailer, &changes).await
}

/// Skips a delivery whose row or contact holds a value that cannot be read. Reads neither.
pub async fn skip_unreadable(conn: &mut Conn, mailer: Id, mark: &Mark, now: Millis) -> Result<()> {
    let skipped = Query::new(
        "update delivery
            set state = 'skipped', reason = :reason, mailer_id = null, snapshot_address = null, snapshot_fields = null,
                changed_at = :now
          where id = :id
            and (state = 'pending' or state in ('leased', 'sending') and coalesce(mailer_id, 0) = :mailer)",
    )
    .bind("reason", SKIPPED_ROW)
    .bind("now", now)
    .bind("id", mark.id)
    .bind("mailer", mailer)
    .execute(&mut *conn)
    .await?;
    let count = i64::try_from(skipped).unwrap_or(i64::MAX);
    counts::add(conn, mark.campaign, mailer, State::Skipped.as_str(), count).await
}

/// True when a marked delivery may still be sent: the contact is eligible, the campaign runs and its latest time has not
/// passed.
pub async fn may_send(conn: &mut Conn, mailer: Id, id: Id, now: Millis) -> Result<bool> {
    let row = Query::new(
        "select 1
           from delivery
          where id = :id and mailer_id = :mailer and state = 'sending'
            and {is_eligible}
            and exists (select 1
                          from campaign k
                         where k.id = delivery.campaign_id and k.state = 'running'
                           and (k.until_at is null or k.until_at > :now))",
    )
    .bind("id", id)
    .bind("mailer", mailer)
    .fragment("is_eligible", is_eligible())
    .bind("now", now)
    .fetch_optional(conn)
    .await?;
    Ok(row.is_some())
}
