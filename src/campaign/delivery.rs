//! Table `delivery`: one campaign to one contact, the row that makes sending exact.
//!
//! ```text
//!            claim            mark (durable, before the body)        reply
//! pending ─────────► leased ──────────────────────► sending ─────────────────► accepted | rejected
//!    ▲                 │                               │ crash, reply lost
//!    └─── released ────┘                               └──────────────────────► uncertain
//! ```
//!
//! The mark contains the final eligibility check; a contact that may no longer be mailed makes its delivery `suppressed`.
//! `skipped` deliveries are those for which no message could be made. A deferred delivery is `pending` again with a later
//! `due_at`.
//!
//! A mailer that is alone on its database keeps its claims in memory ([`in_flight::InFlight`]): the rows stay `pending`.
//! `leased` is used where several mailers share a database.

pub mod claim;
pub mod counts;
pub mod forget;
pub mod freeze;
pub mod in_flight;
pub mod mark;
pub mod open_lanes;
pub mod orphan_repair;
pub mod reassign_lanes;
pub mod recipients;
pub mod record;
mod skip_reason;
pub mod uncertain;

use crate::audience::eligibility;
use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

pub use claim::{Claim, Claimed, claim};
pub use forget::forget;
pub use freeze::freeze;
pub use mark::{Mark, Marked, Recipient, collect_marked, mark, may_send, peek, prepare_mark, release, skip_unreadable};
pub use open_lanes::next_due;
pub use reassign_lanes::reassign_lanes;
pub use record::{DeliveryResult, ResultBatch, list_sending, record, recover, return_unbegun, skip_pending};
pub use skip_reason::{SKIPPED_ROW, count_by_reason, skip_paused, skip_reason};

crate::text_enum! {
    /// State of a delivery.
    State {
        /// To be sent, or to be tried again, at `due_at`.
        Pending = "pending",
        /// Claimed by a mailer; nothing was sent.
        Leased = "leased",
        /// Marked on disk; the message may be on the wire.
        Sending = "sending",
        /// The relay took responsibility.
        Accepted = "accepted",
        /// The relay refused permanently.
        Rejected = "rejected",
        /// The relay may have accepted the message; its reply is lost. Resent only by decision.
        Uncertain = "uncertain",
        /// The contact may no longer be mailed.
        Suppressed = "suppressed",
        /// No message could be made, or the campaign was cancelled first.
        Skipped = "skipped",
    }
}

/// In column `reason` of a rejected delivery: the mailbox or domain does not exist (hard bounce).
pub const BOUNCE: &str = "bounce";

/// In column `reason` of a rejected delivery: refused for another reason than that of a hard bounce.
pub const REFUSED: &str = "refused";

impl State {
    /// True for a final state: nothing more happens without a decision.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Leased | Self::Sending)
    }
}

/// The condition that the contact of a row of `delivery` may be mailed on the campaign's list now.
fn is_eligible() -> String {
    eligibility::mailable_on(
        "delivery.contact_id",
        "(select k.list_id from campaign k where k.id = delivery.campaign_id)",
    )
}

/// True when every delivery of the campaign is final. Reads the rows, not the stored counts.
pub async fn is_settled(conn: &mut Conn, campaign: Id) -> Result<bool> {
    let open = Query::new(
        "select 1 from (select 1 from delivery where campaign_id = :campaign and state = 'pending' limit 1) waiting
         union all
         select 1 from (select 1 from delivery where campaign_id = :campaign and mailer_id is not null limit 1) held",
    )
    .bind("campaign", campaign)
    .fetch_optional(conn)
    .await?;
    Ok(open.is_none())
}

/// When the next pending delivery of the campaign in this lane is due.
pub async fn next_due_in_lane(conn: &mut Conn, campaign: Id, lane: &str) -> Result<Option<Millis>> {
    let row = Query::new(
        "select due_at
           from delivery
          where campaign_id = :campaign and lane = :lane and state = 'pending'
          order by due_at, id
          limit 1",
    )
    .bind("campaign", campaign)
    .bind("lane", lane)
    .fetch_optional(conn)
    .await?;
    // The send round skips deliveries whose time cannot be read.
    Ok(row.and_then(|row| row.cell(0).ok()))
}

/// Number of deliveries of a campaign that the relay deferred and that wait to be tried again.
pub async fn count_deferred(conn: &mut Conn, campaign: Id) -> Result<i64> {
    let row = Query::new(
        "select count(*) from delivery where campaign_id = :campaign and state = 'pending' and attempts > 0",
    )
    .bind("campaign", campaign)
    .fetch_optional(conn)
    .await?;
    row.map_or(Ok(0), |row| row.cell(0))
}

/// Deliveries of a campaign by state, from the stored counts and the few rows that mailers hold.
pub async fn count(conn: &mut Conn, campaign: Id) -> Result<Vec<(State, i64)>> {
    let mut counts = counts::read(conn, campaign).await?;
    let held = Query::new(
        "select state, count(*) from delivery where mailer_id is not null and campaign_id = :campaign group by state",
    )
    .bind("campaign", campaign)
    .fetch_all(conn)
    .await?;
    for row in held {
        counts.add_open(row.cell::<String>(0)?.parse()?, row.cell(1)?);
    }
    Ok(counts.by_state())
}

/// The contacts of these deliveries, as pairs of delivery and contact; deliveries that no longer exist are left out.
pub async fn contacts_of(conn: &mut Conn, ids: &[Id]) -> Result<Vec<(Id, Id)>> {
    Query::new("select id, contact_id from delivery where id in :ids")
        .bind_ids("ids", ids)
        .fetch_json(conn, "id, contact_id")
        .await
}

/// Contact and campaign of a delivery; `None` when the delivery does not exist.
pub async fn contact_of(conn: &mut Conn, id: Id) -> Result<Option<(Id, Id)>> {
    let row = Query::new("select contact_id, campaign_id from delivery where id = :id")
        .bind("id", id)
        .fetch_optional(conn)
        .await?;
    row.map(|row| Ok((row.cell(0)?, row.cell(1)?))).transpose()
}
