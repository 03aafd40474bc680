//! Counts over many rows for the overview of the desk, kept in memory: opens and clicks of large campaigns, sizes of large
//! lists, and pending deliveries by lane. A page never waits for them: it shows what was counted last, and a task in the
//! background counts again.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::lanes::{self, LaneStatus};
use crate::audience::subscription;
use crate::campaign::headline;
use crate::campaign::model::{self, Campaign, State};
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// A count is made again when it is older than this, or than so many times the time that it takes.
const MIN_AGE: Duration = Duration::from_secs(5);
const MIN_AGE_OF_EVENTS: Duration = Duration::from_secs(30);
const AGE_SHARE: u32 = 20;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Key {
    Events(Id),
    Lanes(Id),
    List(Id),
}

#[derive(Debug, Clone)]
enum Value {
    Events(EventCounts),
    Lanes(Vec<LaneStatus>),
    List(i64),
}

#[derive(Debug)]
struct Entry {
    value: Value,
    counted_at: Instant,
    took: Duration,
}

/// Opens and clicks of a campaign: messages with at least one, without those of erased contacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventCounts {
    /// Opened messages.
    pub opens: i64,
    /// Messages with a followed link.
    pub clicks: i64,
    /// Whether they are measured at all.
    pub measured: bool,
}

/// The counts. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct SlowCounts(Arc<Mutex<Counted>>);

#[derive(Debug, Default)]
struct Counted {
    entries: HashMap<Key, Entry>,
    /// To be counted by the task in the background, while one runs.
    wanted: BTreeSet<Key>,
    is_counting: bool,
}

impl SlowCounts {
    /// Opens and clicks of a campaign; `None` while they have not been counted.
    pub fn events(&self, installation: &Installation, campaign: Id) -> Option<EventCounts> {
        match self.get(installation, Key::Events(campaign))? {
            Value::Events(counts) => Some(counts),
            Value::Lanes(_) | Value::List(_) => None,
        }
    }

    /// Lanes with pending deliveries of a campaign; none while they have not been counted.
    pub fn lanes(&self, installation: &Installation, campaign: Id) -> Vec<LaneStatus> {
        match self.get(installation, Key::Lanes(campaign)) {
            Some(Value::Lanes(lanes)) => lanes,
            _ => Vec::new(),
        }
    }

    /// Contacts of a list; `None` while they have not been counted.
    pub fn list(&self, installation: &Installation, list: Id) -> Option<i64> {
        match self.get(installation, Key::List(list))? {
            Value::List(count) => Some(count),
            Value::Events(_) | Value::Lanes(_) => None,
        }
    }

    /// True while the task in the background counts.
    pub fn is_counting(&self) -> bool {
        self.lock().is_counting
    }

    fn get(&self, installation: &Installation, key: Key) -> Option<Value> {
        let mut counted = self.lock();
        let entry = counted.entries.get(&key);
        let least = if matches!(key, Key::Events(_)) { MIN_AGE_OF_EVENTS } else { MIN_AGE };
        let is_old = |entry: &Entry| entry.counted_at.elapsed() > least.max(entry.took * AGE_SHARE);
        let value = entry.map(|entry| entry.value.clone());
        if entry.is_none_or(is_old) {
            counted.wanted.insert(key);
            if !counted.is_counting {
                counted.is_counting = true;
                tokio::spawn(self.clone().count_wanted(installation.clone()));
            }
        }
        value
    }

    async fn count_wanted(self, installation: Installation) {
        while let Some(key) = self.next_wanted() {
            let began = Instant::now();
            match count(&installation, key).await {
                Ok(value) => {
                    let entry = Entry { value, counted_at: Instant::now(), took: began.elapsed() };
                    self.lock().entries.insert(key, entry);
                }
                Err(error) => tracing::warn!(error = error.message().key, "a count of the overview failed"),
            }
        }
    }

    fn next_wanted(&self) -> Option<Key> {
        let mut counted = self.lock();
        let next = counted.wanted.pop_first();
        counted.is_counting = next.is_some();
        next
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn count(installation: &Installation, key: Key) -> Result<Value> {
    let mut conn = installation.db.read().await?;
    Ok(match key {
        Key::Events(campaign) => Value::Events(match model::find(&mut conn, campaign).await? {
            Some(found) => count_events(&mut conn, &found).await?,
            None => EventCounts::default(),
        }),
        Key::Lanes(campaign) => Value::Lanes(match model::find(&mut conn, campaign).await? {
            Some(found) if matches!(found.state, State::Running | State::Paused) => {
                lanes::list(&mut conn, &found, installation.clock.now()).await?
            }
            _ => Vec::new(),
        }),
        Key::List(list) => {
            Value::List(subscription::count(&mut conn, list).await?.into_iter().map(|(_, count)| count).sum())
        }
    })
}

/// Opens and clicks of a campaign. The opens are read in the order of an index, without memory for each message.
pub async fn count_events(conn: &mut Conn, campaign: &Campaign) -> Result<EventCounts> {
    let row = Query::new(
        "select (select count(*)
                   from (select distinct delivery_id
                           from event
                          where campaign_id = :campaign and kind = 'open' and position = 0) opened),
                (select count(distinct delivery_id)
                   from event
                  where campaign_id = :campaign and kind = 'click')",
    )
    .bind("campaign", campaign.id)
    .fetch_optional(&mut *conn)
    .await?;
    let measured = headline::read(conn, campaign).await?.is_some_and(|headline| headline.measured);
    let Some(row) = row else { return Ok(EventCounts::default()) };
    Ok(EventCounts { opens: row.cell(0)?, clicks: row.cell(1)?, measured })
}
