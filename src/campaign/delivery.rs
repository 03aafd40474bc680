//! Table `delivery`: one campaign to one contact, the row that makes sending exact.
//!
//! ```text
//!            claim            mark (durable, before the envelope)    answer
//! pending ─────────► leased ──────────────────────► sending ─────────────────► accepted | rejected
//!    ▲                 │                               │ crash, lost answer
//!    └─── released ────┘                               └──────────────────────► uncertain
//! ```
//!
//! Marking asks, in the statement that moves the row, whether the person is still on the list with
//! a confirmed subscription; who is not becomes `suppressed`. `skipped` are those to whom no letter
//! could be made. A deferred delivery is `pending` again with a later `due_at`.
//!
//! Where one process alone sends, what it has claimed stays `pending` on disk and is known to it
//! alone ([`claim::InFlight`]); `leased` is for databases in which several are at work.

pub mod claim;
pub mod forget;
pub mod freeze;
pub mod in_flight;
pub mod mark;
pub mod orphan_repair;
pub mod progress;
pub mod reassign_lanes;
pub mod record;
pub mod uncertain;

use sqlx::Row;

use crate::audience::eligibility;
use crate::infra::clock::Millis;
use crate::infra::db::{Conn, Sql};
use crate::infra::error::Result;
use crate::infra::id::Id;

pub use claim::{Claim, Claimed, claim};
pub use forget::forget;
pub use freeze::freeze;
pub use mark::{Mark, Marked, Recipient, collect_marked, mark, may_send, peek, prepare_mark, release};
pub use reassign_lanes::reassign_lanes;
pub use record::{DeliveryResult, ResultBatch, record, recover, skip_pending};

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

impl State {
    /// True for an end: nothing more happens by itself.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Leased | Self::Sending)
    }
}

/// The condition that the contact of a row of `delivery` may be mailed on the campaign's list now.
fn subscribed() -> String {
    eligibility::mailable_on(
        "delivery.contact_id",
        "(select k.list_id from campaign k where k.id = delivery.campaign_id)",
    )
}

/// True when every delivery of the campaign has an end. Asked of the rows, not of the counts.
pub async fn is_settled(conn: &mut Conn, campaign: Id) -> Result<bool> {
    let row = sqlx::query(
        "select (select count(*) from (select 1 from delivery where campaign_id = $1 and state = 'pending' limit 1) due) \
         + (select count(*) from (select 1 from delivery where campaign_id = $1 and mailer_id is not null limit 1) held)",
    )
    .bind(campaign)
    .fetch_one(conn)
    .await?;
    Ok(row.get::<i64, _>(0) == 0)
}

/// True when some delivery of the campaign may be claimed now.
pub async fn is_due(conn: &mut Conn, campaign: Id, now: Millis) -> Result<bool> {
    Ok(next_due(conn, campaign).await?.is_some_and(|due| due <= now))
}

/// True when another mailer holds deliveries of the campaign: they end with it, or come back once
/// its lease has run out.
pub async fn is_held(conn: &mut Conn, campaign: Id, mailer: Id) -> Result<bool> {
    let mut sql = Sql::new("select 1 from delivery where mailer_id is not null and campaign_id = ");
    sql.bind(campaign).push(" and mailer_id <> ").bind(mailer);
    Ok(sql.push(" limit 1").first(conn).await?.is_some())
}

/// When the next delivery of the campaign that waits for its time is due.
pub async fn next_due(conn: &mut Conn, campaign: Id) -> Result<Option<Millis>> {
    let mut next = None;
    for lane in lanes_due(conn, campaign).await? {
        next = [next, next_due_in(conn, campaign, &lane).await?].into_iter().flatten().min();
    }
    Ok(next)
}

/// The same for one lane of the campaign.
pub async fn next_due_in(conn: &mut Conn, campaign: Id, lane: &str) -> Result<Option<Millis>> {
    let row = sqlx::query(
        "select due_at from delivery where campaign_id = $1 and lane = $2 and state = 'pending' order by due_at, id limit 1",
    )
    .bind(campaign)
    .bind(lane)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| row.get(0)))
}

/// The lanes in which deliveries of the campaign wait. One look into the index for each.
pub async fn lanes_due(conn: &mut Conn, campaign: Id) -> Result<Vec<String>> {
    let mut lanes: Vec<String> = Vec::new();
    loop {
        let last = lanes.last().cloned().unwrap_or_default();
        let row = sqlx::query(
            "select lane from delivery where campaign_id = $1 and lane > $2 and state = 'pending' order by lane limit 1",
        )
        .bind(campaign)
        .bind(last)
        .fetch_optional(&mut *conn)
        .await?;
        match row {
            Some(row) => lanes.push(row.get(0)),
            None => return Ok(lanes),
        }
    }
}

/// Deliveries of a campaign that were refused for now and wait to be tried again.
pub async fn deferred(conn: &mut Conn, campaign: Id) -> Result<i64> {
    let row =
        sqlx::query("select count(*) from delivery where campaign_id = $1 and state = 'pending' and attempts > 0")
            .bind(campaign)
            .fetch_one(conn)
            .await?;
    Ok(row.get(0))
}

/// Rows of a campaign by state, from the kept counts and the few rows that are held.
pub async fn count(conn: &mut Conn, campaign: Id) -> Result<Vec<(State, i64)>> {
    let mut counts = progress::of(conn, campaign).await?;
    let held = sqlx::query(
        "select state, count(*) from delivery where mailer_id is not null and campaign_id = $1 group by state",
    )
    .bind(campaign)
    .fetch_all(conn)
    .await?;
    for row in held {
        counts.hold(row.get::<String, _>(0).parse()?, row.get(1));
    }
    Ok(counts.all())
}

/// Whom letters were sent to, each as delivery and contact.
pub async fn contacts_of(conn: &mut Conn, ids: &[Id]) -> Result<Vec<(Id, Id)>> {
    Sql::new("select id, contact_id from delivery where id").among(conn, ids).gathered(conn, "id, contact_id").await
}

/// Whom a delivery goes to, while the row is there.
pub async fn contact_of(conn: &mut Conn, id: Id) -> Result<Option<(Id, Id)>> {
    let row =
        sqlx::query("select contact_id, campaign_id from delivery where id = $1").bind(id).fetch_optional(conn).await?;
    Ok(row.map(|row| (row.get(0), row.get(1))))
}
