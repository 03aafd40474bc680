//! The people behind the numbers of a campaign: its deliveries by state, and those whose message was opened or followed, in
//! pages by key.

use sqlx::any::AnyRow;

use crate::audience::address::Address;
use crate::campaign::model::delivery_range;
use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

crate::text_enum! {
    /// Which deliveries are listed.
    Group {
        /// All of them.
        Planned = "planned",
        /// Accepted by a relay.
        Accepted = "accepted",
        /// Refused for good.
        Rejected = "rejected",
        /// The reply is lost.
        Uncertain = "uncertain",
        /// The contact could no longer be mailed.
        Suppressed = "suppressed",
        /// No message could be made, or the campaign was cancelled.
        Skipped = "skipped",
        /// To be sent, or on the wire.
        Pending = "pending",
        /// Opened at least once.
        Opened = "opened",
        /// A link was followed at least once.
        Clicked = "clicked",
    }
}

impl Group {
    /// The condition of a row of table `delivery`.
    const fn condition(self) -> &'static str {
        match self {
            Self::Planned => "1 = 1",
            Self::Accepted => "delivery.state = 'accepted'",
            Self::Rejected => "delivery.state = 'rejected'",
            Self::Uncertain => "delivery.state = 'uncertain'",
            Self::Suppressed => "delivery.state = 'suppressed'",
            Self::Skipped => "delivery.state = 'skipped'",
            Self::Pending => "delivery.state in ('pending', 'leased', 'sending')",
            Self::Opened => {
                "exists (select 1
                           from event e
                          where e.contact_id = delivery.contact_id and e.kind = 'open' and e.campaign_id = delivery.campaign_id)"
            }
            Self::Clicked => {
                "exists (select 1
                           from event e
                          where e.contact_id = delivery.contact_id and e.kind = 'click' and e.campaign_id = delivery.campaign_id)"
            }
        }
    }
}

/// A delivery with its contact.
#[derive(Debug, Clone)]
pub struct Recipient {
    /// The delivery.
    pub id: Id,
    /// The contact.
    pub contact: Id,
    /// The address.
    pub address: Address,
    /// The state of the delivery.
    pub state: String,
    /// Why: a word or a packed message.
    pub reason: Option<String>,
    /// The reply of the relay.
    pub reply: Option<String>,
    /// When the state was set.
    pub changed_at: Millis,
}

/// Up to `limit` deliveries of a campaign behind a key.
pub async fn list(conn: &mut Conn, campaign: Id, group: Group, after: Id, limit: i64) -> Result<Vec<Recipient>> {
    let query = Query::new(
        "select d.id, d.contact_id, c.address, d.state, d.reason, d.reply, d.changed_at
           from (select id, contact_id, state, reason, reply, changed_at
                   from delivery
                  where {within} and id > :after and {group}
                  order by id
                  limit :limit) d
           join contact c on c.id = d.contact_id
          order by d.id",
    );
    let query = query.bind("after", after).bind("limit", limit);
    let query = query.fragment("within", delivery_range::within(campaign)).fragment("group", group.condition());
    let read = |row: &AnyRow| {
        Ok(Recipient {
            id: row.cell(0)?,
            contact: row.cell(1)?,
            address: Address::parse_stored(row.cell(2)?),
            state: row.cell(3)?,
            reason: row.cell(4)?,
            reply: row.cell(5)?,
            changed_at: row.cell(6)?,
        })
    };
    query.fetch_all(conn).await?.iter().map(read).collect()
}
