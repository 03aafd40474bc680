//! Table `event`: what recipients did with messages, such as opens and clicks. A row is inserted only while its delivery
//! exists; when the contact is erased, its events move into the erased counts.
//!
//! What the engine does with each kind stands in one place, [`EventKind::properties`]. A row can have a kind that this
//! program does not know, when a newer one wrote it: it is kept, exported under its own name, left out of the summary, and
//! at erasure counted as `event:KIND`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::audience::{contact, eligibility, workspace};
use crate::campaign::{erased_counts, model};
use crate::infra::clock::Millis;
use crate::infra::db::fixed_width::{number, words};
use crate::infra::db::json_rows::{AnyInteger, AnyText, delete_returning};
use crate::infra::db::{Cells, Conn, Query, has_row_locks};
use crate::infra::error::Result;
use crate::infra::id::{Id, Ids, STEP};

/// Events per statement.
const ROWS: usize = 1_000;

crate::text_enum! {
    /// Kind of an event, as in column `kind`.
    EventKind {
        /// The tracking pixel was loaded.
        Open = "open",
        /// A link was followed.
        Click = "click",
        /// The recipient reported the message as spam.
        Complaint = "complaint",
        /// The pixel that all messages of a campaign share was loaded: the delivery is the campaign, no row is inserted, and the
        /// erased counts of the campaign grow.
        CampaignOpen = "campaign_open",
    }
}

/// How reports count the events of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Messages with at least one event.
    PerMessage,
    /// Messages with at least one event for each link.
    PerLink,
}

/// What the engine does with the events of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventProperties {
    /// True when column `position` names a link of the email; else it is 0.
    pub has_link: bool,
    /// Erased counts that the events of an erased contact add to, and how. A report adds them to the counts of the rows.
    pub erased_as: &'static [(&'static str, Counted)],
    /// Erased count of all events, repeated ones included.
    pub total_as: Option<&'static str>,
}

impl EventKind {
    /// The properties of the kind.
    pub const fn properties(self) -> EventProperties {
        match self {
            Self::Open => EventProperties {
                has_link: false,
                erased_as: &[(erased_counts::OPEN, Counted::PerMessage)],
                total_as: Some(erased_counts::OPEN_TOTAL),
            },
            Self::Click => EventProperties {
                has_link: true,
                erased_as: &[(erased_counts::CLICK, Counted::PerLink), (erased_counts::CLICKED, Counted::PerMessage)],
                total_as: Some(erased_counts::CLICK_TOTAL),
            },
            Self::CampaignOpen => EventProperties {
                has_link: false,
                erased_as: &[(erased_counts::OPEN_TOTAL, Counted::PerMessage)],
                total_as: None,
            },
            Self::Complaint => EventProperties {
                has_link: false,
                erased_as: &[(erased_counts::COMPLAINT, Counted::PerMessage)],
                total_as: None,
            },
        }
    }
}

/// Kind of an event as a row names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordedKind {
    /// A kind that this program knows.
    Known(EventKind),
    /// The name of a kind that it does not know.
    Unknown(String),
}

impl fmt::Display for RecordedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(kind) => kind.fmt(f),
            Self::Unknown(name) => f.write_str(name),
        }
    }
}

impl From<String> for RecordedKind {
    fn from(name: String) -> Self {
        name.parse().map_or(Self::Unknown(name), Self::Known)
    }
}

/// An event to be inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewEvent {
    /// The delivery, from the token.
    pub delivery: Id,
    /// What happened.
    pub kind: EventKind,
    /// Position of the link; 0 without one.
    pub position: i32,
    /// When it happened, in ms.
    pub at: Millis,
}

/// Inserts events. Events of erased or restricted contacts are dropped, opens and clicks of those who are not measured, and those
/// of campaigns and workspaces whose time of storage has ended. Returns the number of inserted rows.
pub async fn insert(conn: &mut Conn, ids: &Ids, events: &[NewEvent]) -> Result<u64> {
    let mut inserted = 0;
    count_of_campaigns(conn, events).await?;
    // In the order of the indexes, so that each of their pages is written once.
    let mut events: Vec<_> = events.iter().filter(|event| event.kind != EventKind::CampaignOpen).copied().collect();
    events.sort_unstable_by_key(|event| (event.delivery, event.at, event.kind, event.position));
    for some in events.chunks(ROWS) {
        lock_contacts(conn, some).await?;
        let count = some.len() as i64;
        let first = ids.reserve(count)?;
        let keys = (first..).step_by(STEP as usize);
        let row = |(key, event): (Id, &NewEvent)| {
            ([key, event.delivery, i64::from(event.position), event.at], event.kind.as_str())
        };
        let rows = Query::new(
            "insert into event (id, workspace_id, campaign_id, delivery_id, contact_id, kind, position, at, recorded_at)
             select {id}, d.workspace_id, d.campaign_id, d.id, d.contact_id, {kind}, cast({position} as integer), {at},
                    cast(:now as bigint)
               from :events as given
               join delivery d on d.id = {delivery}
               join campaign k on k.id = d.campaign_id
               join workspace w on w.id = d.workspace_id
              where not {restricted}
                and k.events_expired_at is null
                and (w.ends_at is null or w.ends_at > cast(:now as bigint))
                and ({kind} = 'complaint'
                     or not exists (select 1 from contact c where c.id = d.contact_id and not ({measured})))",
        )
        .fragment("measured", contact::is_measured("c", "w"))
        .fragment("id", number(0))
        .fragment("kind", words(4))
        .fragment("position", number(2))
        .fragment("at", number(3))
        .bind("now", ids.now())
        .bind_strips("events", keys.zip(some).map(row))
        .fragment("delivery", number(1))
        .fragment("restricted", eligibility::restricted("d.contact_id"))
        .execute(conn)
        .await?;
        if rows > 0 {
            inserted += rows;
            contact::record_activity(conn, first, first + (count - 1) * STEP).await?;
        }
    }
    Ok(inserted)
}

/// Adds the loads of pixels that all messages of a campaign share to the counts of their campaigns.
async fn count_of_campaigns(conn: &mut Conn, events: &[NewEvent]) -> Result<()> {
    let mut counts = erased_counts::ErasedCounts::new();
    for event in events.iter().filter(|event| event.kind == EventKind::CampaignOpen) {
        *counts.entry((event.delivery, erased_counts::OPEN_TOTAL, 0)).or_default() += 1;
    }
    if counts.is_empty() {
        return Ok(());
    }
    let campaigns: Vec<Id> = counts.keys().map(|(campaign, ..)| *campaign).collect();
    let query = Query::new(
        "select k.id
           from campaign k
           join workspace w on w.id = k.workspace_id
          where k.id in :campaigns and coalesce(w.measured, 1) <> :nothing",
    );
    let query = query.bind_ids("campaigns", &campaigns).bind("nothing", workspace::NOT_MEASURED);
    let rows = query.fetch_all(conn).await?;
    let counted = rows.iter().map(|row| row.cell(0)).collect::<Result<Vec<Id>>>()?;
    counts.retain(|(campaign, ..), _| counted.contains(campaign));
    erased_counts::add_all(conn, &counts).await
}

/// Locks the contacts of events until the transaction ends: without it a contact that is erased between the look at its delivery
/// and the commit would leave an event behind.
async fn lock_contacts(conn: &mut Conn, events: &[NewEvent]) -> Result<()> {
    if !has_row_locks(conn) {
        return Ok(());
    }
    let deliveries: Vec<Id> = events.iter().map(|event| event.delivery).collect();
    let contacts =
        Query::new("select contact_id from delivery where id in :deliveries").bind_ids("deliveries", &deliveries);
    let lock = Query::new("select 1 from contact where id in :contacts order by id{for_update}");
    lock.bind_query("contacts", contacts).fetch_all(conn).await.map(drop)
}

/// Number of messages of a campaign with at least one event, by kind and position.
pub async fn count(conn: &mut Conn, campaign: Id) -> Result<Vec<(RecordedKind, i32, i64)>> {
    let rows = Query::new(
        "select kind, position, count(distinct delivery_id)
           from event
          where campaign_id = :campaign
          group by kind, position
          order by kind, position",
    )
    .bind("campaign", campaign)
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| Ok((row.cell::<String>(0)?.into(), row.cell(1)?, row.cell(2)?))).collect()
}

/// Deletes the events of contacts, for one list or all, and adds them to the erased counts.
pub async fn forget(conn: &mut Conn, contacts: &[Id], list: Option<Id>) -> Result<()> {
    forget_where(conn, contacts, model::is_of_list(list)).await?;
    match list {
        Some(_) => contact::recompute_activity(conn, contacts).await,
        None => Ok(()),
    }
}

/// Deletes the events of contacts in one campaign, and adds them to the erased counts. Returns their number.
pub async fn expire(conn: &mut Conn, contacts: &[Id], campaign: Id) -> Result<u64> {
    let of_campaign = Query::new("campaign_id = :campaign").bind("campaign", campaign);
    let rows = forget_where(conn, contacts, of_campaign).await?;
    contact::recompute_activity(conn, contacts).await?;
    Ok(rows)
}

async fn forget_where(conn: &mut Conn, contacts: &[Id], meant: Query) -> Result<u64> {
    let condition =
        Query::new("contact_id in :contacts and {meant}").bind_ids("contacts", contacts).fragment("meant", meant);
    let rows: Vec<(AnyInteger, AnyInteger, AnyText, AnyInteger)> =
        delete_returning(conn, "event", "campaign_id, delivery_id, kind, position", condition).await?;
    let deleted = rows.len() as u64;
    let (mut known, mut unknown) = (BTreeSet::new(), BTreeSet::new());
    let mut erased = erased_counts::ErasedCounts::new();
    for (AnyInteger(campaign), AnyInteger(delivery), AnyText(kind), AnyInteger(position)) in rows {
        let position = i32::try_from(position).unwrap_or(0);
        match RecordedKind::from(kind) {
            RecordedKind::Known(kind) => {
                let properties = kind.properties();
                if let Some(total) = properties.total_as {
                    let position = if properties.has_link { position } else { 0 };
                    *erased.entry((campaign, total, position)).or_default() += 1;
                }
                for (erased_as, counted) in properties.erased_as {
                    let position = if *counted == Counted::PerLink { position } else { 0 };
                    known.insert((campaign, delivery, *erased_as, position));
                }
            }
            RecordedKind::Unknown(kind) => drop(unknown.insert((campaign, delivery, kind, position))),
        }
    }
    for (campaign, _, erased_as, position) in known {
        *erased.entry((campaign, erased_as, position)).or_default() += 1;
    }
    erased_counts::add_all(conn, &erased).await?;
    let mut others: BTreeMap<(Id, String, i32), i64> = BTreeMap::new();
    for (campaign, _, kind, position) in unknown {
        *others.entry((campaign, kind, position)).or_default() += 1;
    }
    for ((campaign, kind, position), count) in others {
        erased_counts::add(conn, campaign, &format!("event:{kind}"), position, count).await?;
    }
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_with_a_link_are_counted_per_link() {
        for kind in EventKind::ALL {
            let properties = kind.properties();
            let per_link = properties.erased_as.iter().any(|(_, counted)| *counted == Counted::PerLink);

            assert_eq!(per_link, properties.has_link, "{kind}");
            assert!(!properties.erased_as.is_empty(), "{kind} is lost at erasure");
        }
    }

    #[test]
    fn an_unknown_kind_keeps_its_name() {
        assert_eq!(RecordedKind::from("click".to_owned()), RecordedKind::Known(EventKind::Click));
        assert_eq!(RecordedKind::from("future".to_owned()), RecordedKind::Unknown("future".to_owned()));
    }
}
