//! Retention: deletes data of a workspace whose time of storage has ended, by kind of data and by purpose, some rows at a time
//! with a rest after each step, so that sending goes on. Counts of campaigns stay. Each run is a row of table `retention_run` and
//! a line of the log of destruction.

use std::fs;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::departure::Reason;
use super::destruction;
use super::erasure::{self, Unsubscription};
use crate::audience::contact;
use crate::campaign::delivery;
use crate::campaign::model::expiry::{self, Expiring};
use crate::feedback::event;
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

pub mod runs;

/// Contacts in one step.
const STEP: i64 = 500;
/// A step is followed by a rest of so many times its length.
const REST: u32 = 3;

crate::text_enum! {
    /// A kind of data with a time of storage.
    Category keyed "retention-" {
        /// Opens and clicks, from the launch of their campaign on.
        Events = "events",
        /// Deliveries of campaigns, from the launch on.
        Deliveries = "deliveries",
        /// People without any activity: neither joined, opened nor clicked.
        Contacts = "contacts",
        /// Subscriptions to the lists of a purpose, without any activity.
        Subscriptions = "subscriptions",
        /// Files of exports in the data folder.
        Exports = "exports",
    }
}

/// A time of storage in a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What is deleted.
    pub category: Category,
    /// After how many days.
    pub days: u32,
    /// The purpose whose subscriptions are meant; empty for other categories.
    pub purpose: String,
    /// The lists of the purpose.
    pub lists: Vec<Id>,
}

/// What a rule would delete now.
#[derive(Debug, Clone, Serialize)]
pub struct Planned {
    /// What.
    #[serde(serialize_with = "word")]
    pub category: Category,
    /// The purpose; empty without one.
    pub purpose: String,
    /// The time of storage in days.
    pub days: u32,
    /// What is older than this goes, in ms.
    #[serde(skip)]
    pub cutoff: Millis,
    /// How many rows or files.
    pub rows: u64,
}

/// What a run deleted by one rule.
#[derive(Debug, Clone, Serialize)]
pub struct Done {
    /// What.
    #[serde(serialize_with = "word")]
    pub category: Category,
    /// The purpose; empty without one.
    pub purpose: String,
    /// How many rows or files; for people and subscriptions their number.
    pub rows: u64,
}

fn word<S: serde::Serializer>(category: &Category, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(category.as_str())
}

impl Rule {
    fn cutoff(&self, now: Millis) -> Millis {
        now - i64::from(self.days) * DAY
    }
}

/// What the rules would delete now.
pub async fn plan(installation: &Installation, workspace: Id, rules: &[Rule]) -> Result<Vec<Planned>> {
    let mut planned = Vec::new();
    let mut conn = installation.db.read().await?;
    for rule in rules {
        let cutoff = rule.cutoff(installation.clock.now());
        let rows = match rule.category {
            Category::Events => count_of_campaigns(&mut conn, workspace, Expiring::Events, cutoff).await?,
            Category::Deliveries => count_of_campaigns(&mut conn, workspace, Expiring::Deliveries, cutoff).await?,
            Category::Contacts => count_inactive(&mut conn, workspace, None, cutoff).await?,
            Category::Subscriptions => {
                let mut rows = 0;
                for list in &rule.lists {
                    rows += count_inactive(&mut conn, workspace, Some(*list), cutoff).await?;
                }
                rows
            }
            Category::Exports => old_exports(installation, cutoff).len() as u64,
        };
        planned.push(Planned { category: rule.category, purpose: rule.purpose.clone(), days: rule.days, cutoff, rows });
    }
    Ok(planned)
}

/// Deletes what the rules name. `progress` is called with the rows deleted so far.
pub async fn run(
    installation: &Installation,
    workspace: Id,
    rules: &[Rule],
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Vec<Done>> {
    let (mut all, mut total) = (Vec::new(), 0);
    for rule in rules {
        let began = installation.clock.now();
        let cutoff = rule.cutoff(began);
        let mut rows = 0;
        let mut add = |count: u64| {
            rows += count;
            progress(total + rows);
        };
        match rule.category {
            Category::Events => expire_campaigns(installation, workspace, Expiring::Events, cutoff, &mut add).await?,
            Category::Deliveries => {
                expire_campaigns(installation, workspace, Expiring::Deliveries, cutoff, &mut add).await?;
            }
            Category::Contacts => expire_contacts(installation, workspace, None, cutoff, &mut add).await?,
            Category::Subscriptions => {
                for list in &rule.lists {
                    expire_contacts(installation, workspace, Some(*list), cutoff, &mut add).await?;
                }
            }
            Category::Exports => {
                for file in old_exports(installation, cutoff) {
                    add(u64::from(fs::remove_file(file).is_ok()));
                }
            }
        }
        total += rows;
        // People have lines of their own, by their pseudonyms.
        if rows > 0 && matches!(rule.category, Category::Events | Category::Deliveries | Category::Exports) {
            destruction::record_expired(installation, workspace, rule.category.as_str(), rows).await?;
        }
        runs::record(installation, workspace, rule, cutoff, rows, began).await?;
        all.push(Done { category: rule.category, purpose: rule.purpose.clone(), rows });
    }
    Ok(all)
}

async fn count_of_campaigns(conn: &mut Conn, workspace: Id, what: Expiring, cutoff: Millis) -> Result<u64> {
    let mut rows = 0;
    for campaign in expiry::list(conn, workspace, what, cutoff).await? {
        rows += expiry::count(conn, what, campaign).await?;
    }
    Ok(rows)
}

async fn expire_campaigns(
    installation: &Installation,
    workspace: Id,
    what: Expiring,
    cutoff: Millis,
    add: &mut (dyn FnMut(u64) + Send),
) -> Result<()> {
    let old = expiry::list(&mut *installation.db.read().await?, workspace, what, cutoff).await?;
    for campaign in old {
        expire_campaign(installation, what, campaign, add).await?;
    }
    Ok(())
}

/// Deletes the rows of one campaign, which is marked first, so that later opens and clicks of it are not recorded.
async fn expire_campaign(
    installation: &Installation,
    what: Expiring,
    campaign: Id,
    add: &mut (dyn FnMut(u64) + Send),
) -> Result<()> {
    // First, so that none is recorded behind the deletion.
    let mut tx = installation.db.write().await?;
    expiry::mark(&mut tx, Expiring::Events, campaign, installation.clock.now()).await?;
    tx.commit().await?;
    let mut after: Id = 0;
    loop {
        let began = Instant::now();
        let mut tx = installation.db.write().await?;
        let query = Query::new(
            "select id, contact_id
               from delivery
              where campaign_id = :campaign and id > :after
              order by id
              limit :limit",
        );
        let query = query.bind("campaign", campaign).bind("after", after).bind("limit", STEP);
        let rows = query.fetch_all(&mut tx).await?;
        let Some(last) = rows.last() else { break };
        after = last.cell(0)?;
        let contacts = rows.iter().map(|row| row.cell(1)).collect::<Result<Vec<Id>>>()?;
        contact::lock(&mut tx, &contacts).await?;
        let events = event::expire(&mut tx, &contacts, campaign).await?;
        let rows = match what {
            Expiring::Deliveries => delivery::forget::expire(&mut tx, &contacts, campaign).await?,
            Expiring::Events => events,
        };
        tx.commit().await?;
        add(rows);
        sleep(began.elapsed() * REST).await;
    }
    let mut tx = installation.db.write().await?;
    expiry::mark(&mut tx, what, campaign, installation.clock.now()).await?;
    tx.commit().await
}

/// Subscriptions of people who joined, opened and clicked nothing since the cutoff: on one list, or on all.
fn inactive(columns: &str, workspace: Id, list: Option<Id>, cutoff: Millis) -> Query {
    let of_list = match list {
        Some(list) => Query::new("s.list_id = :list").bind("list", list),
        // Whoever joined another list lately is active.
        None => Query::new(
            "not exists (select 1
                           from subscription other
                          where other.contact_id = c.id and other.joined_at >= :cutoff)",
        )
        .bind("cutoff", cutoff),
    };
    Query::new(
        "select {columns}
           from contact c
           join subscription s on s.contact_id = c.id
          where c.workspace_id = :workspace
            and s.joined_at < :cutoff
            and coalesce(c.opened_at, 0) < :cutoff
            and coalesce(c.clicked_at, 0) < :cutoff
            and {of_list}",
    )
    .fragment("columns", columns.to_owned())
    .bind("workspace", workspace)
    .bind("cutoff", cutoff)
    .fragment("of_list", of_list)
}

async fn count_inactive(conn: &mut Conn, workspace: Id, list: Option<Id>, cutoff: Millis) -> Result<u64> {
    let row = inactive("count(distinct c.id)", workspace, list, cutoff).fetch_optional(conn).await?;
    row.map_or(Ok(0), |row| row.cell::<i64>(0)).map(i64::unsigned_abs)
}

async fn expire_contacts(
    installation: &Installation,
    workspace: Id,
    list: Option<Id>,
    cutoff: Millis,
    add: &mut (dyn FnMut(u64) + Send),
) -> Result<()> {
    loop {
        let began = Instant::now();
        let query = Query::new("{found} order by s.contact_id limit :limit")
            .fragment("found", inactive("s.contact_id, s.list_id", workspace, list, cutoff))
            .bind("limit", STEP);
        let rows = query.fetch_all(&mut *installation.db.read().await?).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let subscription = |contact, list| Unsubscription { workspace, contact, list, campaign: None };
        let found = rows.iter().map(|row| Ok(subscription(row.cell(0)?, row.cell(1)?))).collect::<Result<Vec<_>>>()?;
        let erased = erasure::unsubscribe_many(installation, &found, Reason::Expired).await?;
        let went = erased.iter().filter(|one| **one != erasure::Erased::Nothing).count() as u64;
        add(went);
        if went == 0 {
            // Somebody else erased them meanwhile; what cannot be erased is not tried for ever.
            return Ok(());
        }
        sleep(began.elapsed() * REST).await;
    }
}

/// Files of the folder of exports that were last changed before the cutoff.
fn old_exports(installation: &Installation, cutoff: Millis) -> Vec<std::path::PathBuf> {
    let before = SystemTime::UNIX_EPOCH + Duration::from_millis(cutoff.unsigned_abs());
    let is_old = |path: &std::path::Path| match fs::metadata(path) {
        Ok(found) => found.is_file() && found.modified().is_ok_and(|changed| changed < before),
        Err(_) => false,
    };
    let files = fs::read_dir(installation.config.export_dir()).into_iter().flatten().flatten();
    files.map(|file| file.path()).filter(|path| is_old(path)).collect()
}
