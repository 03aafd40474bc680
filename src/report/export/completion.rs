//! Completes the rows that a scan has read: cells that are no columns of a table, such as the Message-ID of a delivery.

use std::collections::HashMap;

use super::schema::{Kind, link_id};
use super::table_writer::Cell;
use crate::audience::address::Address;
use crate::audience::subscription::State;
use crate::campaign::headline;
use crate::campaign::model::Campaign;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::token::{DeliveryRef, Signer};

/// Separates the names of lists in one cell.
const LIST_SEPARATOR: &str = "; ";

/// What rows are completed with.
pub struct Completion {
    kind: Kind,
    signer: Signer,
    /// Domain of the sender of each launched campaign.
    sender_domains: HashMap<Id, String>,
    /// The lists of the people of the page at hand.
    pub lists: PersonLists,
}

impl Completion {
    /// Reads what the rows of these campaigns need.
    pub async fn read(installation: &Installation, kind: Kind, campaigns: &[Campaign]) -> Result<Self> {
        let mut sender_domains = HashMap::new();
        if kind == Kind::Deliveries {
            let mut conn = installation.db.read().await?;
            for campaign in campaigns.iter().filter(|campaign| campaign.launched_at.is_some()) {
                let from = headline::read(&mut conn, campaign).await?.map(|headline| headline.from);
                let domain =
                    from.and_then(|from| Address::parse(&from.address).ok()).map(|from| from.domain().to_owned());
                sender_domains.extend(domain.map(|domain| (campaign.id, domain)));
            }
        }
        Ok(Self { kind, signer: installation.signer.clone(), sender_domains, lists: PersonLists::default() })
    }

    /// Completes the cells of a row.
    pub fn complete(&self, cells: &mut [Cell<'_>]) {
        let place = |name| self.kind.place(name);
        match self.kind {
            Kind::Deliveries => {
                let domain = &mut cells[place("domain")];
                let canonical = domain.text().and_then(|canonical| canonical.rsplit_once('@'));
                *domain = canonical.map_or(Cell::Null, |(_, domain)| Cell::Text(domain.to_owned().into()));
                let was_composed = cells[place("dated_at")] != Cell::Null;
                if let (&Cell::Whole(campaign), &Cell::Whole(delivery), true) =
                    (&cells[place("campaign_id")], &cells[place("delivery_id")], was_composed)
                {
                    cells[place("message_id")] = self.message_id(campaign, delivery);
                }
                for (count, first) in [("opens", "opened_at"), ("clicks", "clicked_at")] {
                    let (counted, at) = count_and_time(&cells[place(count)]);
                    (cells[place(count)], cells[place(first)]) = (counted, at);
                }
            }
            Kind::Events => {
                if let (&Cell::Whole(campaign), &Cell::Whole(position), true) = (
                    &cells[place("campaign_id")],
                    &cells[place("position")],
                    cells[place("kind")].text() == Some("click"),
                ) {
                    cells[place("link_id")] = link_id(campaign, position);
                }
            }
            Kind::People => {
                if let Cell::Whole(contact) = cells[place("contact_id")]
                    && let Some((lists, pending)) = self.lists.0.get(&contact)
                {
                    cells[place("lists")] = Cell::Text(lists.clone().into());
                    cells[place("pending_lists")] = Cell::Text(pending.clone().into());
                }
            }
            _ => {}
        }
    }

    /// The Message-ID without brackets.
    fn message_id(&self, campaign: Id, delivery: Id) -> Cell<'static> {
        let domain = self.sender_domains.get(&campaign);
        let local = || self.signer.message_secret(DeliveryRef { campaign, delivery }).message_id();
        domain.map_or(Cell::Null, |domain| Cell::Text(format!("{}@{domain}", local()).into()))
    }
}

/// Reads `3 1795255200000`: a number of events and the time of the first.
fn count_and_time(cell: &Cell<'_>) -> (Cell<'static>, Cell<'static>) {
    let (count, at) = cell.text().and_then(|text| text.split_once(' ')).unwrap_or(("0", ""));
    let whole = |text: &str| text.parse().map_or(Cell::Null, Cell::Whole);
    (whole(count), whole(at))
}

/// The lists of each contact of a page: those it is on, and those it has not confirmed.
#[derive(Debug, Default)]
pub struct PersonLists(HashMap<Id, (String, String)>);

impl PersonLists {
    /// Reads the lists of the contacts after one key up to another; of no other kind than people.
    pub async fn read(conn: &mut Conn, kind: Kind, (after, last): (Id, Id)) -> Result<Self> {
        let mut lists = Self::default();
        if kind != Kind::People {
            return Ok(lists);
        }
        let query = Query::new(
            "select s.contact_id, l.name, s.state
               from subscription s
               join list l on l.id = s.list_id
              where s.contact_id > :after and s.contact_id <= :last
              order by s.contact_id, l.name{bytewise}",
        );
        for row in query.bind("after", after).bind("last", last).fetch_all(conn).await? {
            let (name, state): (String, String) = (row.cell(1)?, row.cell(2)?);
            let (on, pending) = lists.0.entry(row.cell(0)?).or_default();
            let names = if state == State::Pending.as_str() { pending } else { on };
            if !names.is_empty() {
                names.push_str(LIST_SEPARATOR);
            }
            names.push_str(&name);
        }
        Ok(lists)
    }
}
