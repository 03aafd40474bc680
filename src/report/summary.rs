//! Summary of a campaign: counts of its rows plus the erased counts. `planned` is the sum of the six states that a delivery
//! can end in or wait in, so that the numbers always reconcile; tests show that it equals the number frozen at launch.

use std::collections::HashMap;

use serde::Serialize;
use sqlx::any::AnyRow;

use crate::campaign::delivery::State;
use crate::campaign::delivery::counts::PLANNED;
use crate::campaign::erased_counts::CLICKED;
use crate::campaign::link::Link;
use crate::campaign::model::Campaign;
use crate::campaign::{erased_counts, link};
use crate::feedback::event::EventKind;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;

/// The numbers of a campaign. All count deliveries, one per contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Name of the campaign.
    pub name: String,
    /// State of the campaign.
    pub state: &'static str,
    /// Number frozen at launch: accepted + rejected + uncertain + suppressed + skipped + pending.
    pub planned: i64,
    /// Accepted by a relay.
    pub accepted: i64,
    /// Permanently refused by a relay.
    pub rejected: i64,
    /// Possibly accepted: the reply is lost.
    pub uncertain: i64,
    /// Not sent because the contact could no longer be mailed.
    pub suppressed: i64,
    /// Not sent because no message could be made or the campaign was cancelled.
    pub skipped: i64,
    /// To be sent, or on the wire now.
    pub pending: i64,
    /// Of the pending ones, those on the wire now.
    pub sending: i64,
    /// Of the pending ones, those that a relay deferred.
    pub deferred: i64,
    /// Messages opened at least once.
    pub opens: i64,
    /// Messages with at least one followed link.
    pub clicks: i64,
    /// All opens, repeated ones included.
    pub opens_total: i64,
    /// All clicks, repeated ones included.
    pub clicks_total: i64,
    /// Contacts that unsubscribed through a message of the campaign.
    pub unsubscribed: i64,
    /// Opens and clicks that could not be stored: the numbers of both may be low by up to so many.
    pub lost: i64,
    /// Opens, clicks and requests of its recipients that are set aside.
    pub set_aside: i64,
    /// Clicks of each link.
    pub links: Vec<LinkCount>,
}

/// Clicks of one link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinkCount {
    /// Position of the link in the email, from 0.
    pub position: i32,
    /// URL of the link.
    pub destination: String,
    /// Messages in which the link was followed at least once.
    pub clicks: i64,
    /// All clicks on the link, repeated ones included.
    pub total: i64,
}

/// What is stored as counts, and the few rows that are not. `{of}` selects campaigns by column `campaign_id`.
const STORED: &str = "
    select campaign_id, state, 0, cast(sum(count) as bigint), 'stored'
      from delivery_count
     where {of}
     group by campaign_id, state
    union all
    select campaign_id, state, 0, count(*), 'held'
      from delivery
     where mailer_id is not null and {of}
     group by campaign_id, state
    union all
    select campaign_id, 'deferred', 0, count(*), 'held'
      from delivery
     where {of} and state = 'pending' and attempts > 0
     group by campaign_id
    union all
    select d.campaign_id, 'set_aside', 0, count(*), 'held'
      from set_aside a
      join delivery d on d.id = a.delivery_id
     where d.{of}
     group by d.campaign_id
    union all
    select campaign_id, kind, position, count, 'erased'
      from erased_count
     where {of}";

/// What is counted in the rows of events.
const EVENTS: &str = "
    select campaign_id, kind, position, count(distinct delivery_id), 'event'
      from event
     where {of}
     group by campaign_id, kind, position
    union all
    select campaign_id, kind || '_total', position, count(*), 'total'
      from event
     where {of}
     group by campaign_id, kind, position
    union all
    select campaign_id, 'clicked', 0, count(distinct delivery_id), 'event'
      from event
     where {of} and kind = 'click'
     group by campaign_id";

/// Counts by name and position, and how many planned deliveries have no final state.
#[derive(Debug, Default)]
struct Counts {
    numbers: HashMap<(String, i32), i64>,
    open: i64,
}

impl Counts {
    fn add(&mut self, row: &AnyRow) -> Result<()> {
        let (name, position, count): (String, i32, i64) = (row.cell(1)?, row.cell(2)?, row.cell(3)?);
        match row.cell::<String>(4)?.as_str() {
            "stored" if name == PLANNED => self.open += count,
            "stored" => {
                self.open -= count;
                *self.numbers.entry((name, 0)).or_default() += count;
            }
            "event" if name != CLICKED && name.parse::<EventKind>().is_err() => {}
            _ => *self.numbers.entry((name, position)).or_default() += count,
        }
        Ok(())
    }

    fn into_summary(self, campaign: &Campaign, links: Vec<Link>) -> Summary {
        let number = |name: &str, position| self.numbers.get(&(name.to_owned(), position)).copied().unwrap_or(0);
        let state = |state: State| number(state.as_str(), 0);
        let total =
            |name: &str| self.numbers.iter().filter(|((kind, _), _)| kind == name).map(|(_, count)| count).sum();
        let mut summary = Summary {
            name: campaign.name.clone(),
            state: campaign.state.as_str(),
            planned: 0,
            accepted: state(State::Accepted),
            rejected: state(State::Rejected),
            uncertain: state(State::Uncertain),
            suppressed: state(State::Suppressed),
            skipped: state(State::Skipped),
            pending: self.open,
            sending: state(State::Sending),
            deferred: number("deferred", 0),
            opens: number(erased_counts::OPEN, 0),
            clicks: number(erased_counts::CLICKED, 0),
            opens_total: total(erased_counts::OPEN_TOTAL),
            clicks_total: total(erased_counts::CLICK_TOTAL),
            unsubscribed: number(erased_counts::UNSUBSCRIBED, 0),
            lost: number(erased_counts::LOST, 0),
            set_aside: number("set_aside", 0),
            links: links
                .into_iter()
                .map(|link| LinkCount {
                    clicks: number(erased_counts::CLICK, link.position),
                    total: number(erased_counts::CLICK_TOTAL, link.position),
                    position: link.position,
                    destination: link.destination,
                })
                .collect(),
        };
        summary.planned = [
            summary.accepted,
            summary.rejected,
            summary.uncertain,
            summary.suppressed,
            summary.skipped,
            summary.pending,
        ]
        .iter()
        .sum();
        summary
    }
}

/// The current numbers of a campaign. Events of a kind that this program does not know are left out. One statement, so that
/// a contact that is erased at this moment is counted once: as a row or as an erased count.
pub async fn read(conn: &mut Conn, campaign: &Campaign) -> Result<Summary> {
    let of = Query::new("campaign_id = :campaign").bind("campaign", campaign.id);
    let rows = Query::new("{stored} union all {events}")
        .fragment("stored", Query::new(STORED).fragment("of", of.clone()))
        .fragment("events", Query::new(EVENTS).fragment("of", of))
        .fetch_all(&mut *conn)
        .await?;
    let mut counts = Counts::default();
    rows.iter().try_for_each(|row| counts.add(row))?;
    Ok(counts.into_summary(campaign, link::list(conn, campaign.id).await?))
}

/// The numbers of many campaigns that need no count of events, in their order: opens and clicks are those of erased contacts
/// alone, and links are left out.
pub async fn read_stored(conn: &mut Conn, campaigns: &[Campaign]) -> Result<Vec<Summary>> {
    let ids: Vec<Id> = campaigns.iter().map(|campaign| campaign.id).collect();
    let of = Query::new("campaign_id in :campaigns").bind_ids("campaigns", &ids);
    let mut counts: HashMap<Id, Counts> = HashMap::new();
    for row in Query::new(STORED).fragment("of", of).fetch_all(conn).await? {
        counts.entry(row.cell(0)?).or_default().add(&row)?;
    }
    let summary =
        |campaign: &Campaign| counts.remove(&campaign.id).unwrap_or_default().into_summary(campaign, Vec::new());
    Ok(campaigns.iter().map(summary).collect())
}

/// The numbers of a summary that are counted in the rows of events, which takes long for a large campaign.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventNumbers {
    opens: i64,
    clicks: i64,
    opens_total: i64,
    clicks_total: i64,
    links: Vec<LinkCount>,
}

impl Summary {
    /// The numbers that are counted in the rows of events.
    pub fn events(&self) -> EventNumbers {
        EventNumbers {
            opens: self.opens,
            clicks: self.clicks,
            opens_total: self.opens_total,
            clicks_total: self.clicks_total,
            links: self.links.clone(),
        }
    }

    /// The summary with these numbers of events in place of its own.
    pub fn with_events(self, events: EventNumbers) -> Self {
        let EventNumbers { opens, clicks, opens_total, clicks_total, links } = events;
        Self { opens, clicks, opens_total, clicks_total, links, ..self }
    }

    /// What makes the numbers less than they are.
    pub fn notes(&self) -> Vec<Message> {
        let lost = (self.lost > 0).then(|| Message::new("summary-lost").with("count", self.lost));
        let set_aside = (self.set_aside > 0).then(|| Message::new("summary-set-aside").with("count", self.set_aside));
        lost.into_iter().chain(set_aside).collect()
    }
}
