//! Numbers of a workspace in a period of days: its campaigns and its lists. They name no recipient.

use std::collections::BTreeMap;

use crate::audience::daily_count::{self, DailyKind};
use crate::audience::{list, subscription};
use crate::campaign::model;
use crate::infra::clock::DAY;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::report::summary::{self, Summary};

/// Campaigns of a period whose opens and clicks are counted; the oldest of more are left out.
const MOST_CAMPAIGNS: usize = 20;

/// A list in a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPeriod {
    /// Its name.
    pub name: String,
    /// People on it now.
    pub size: i64,
    /// People who joined in the period.
    pub joined: i64,
    /// People who left in the period, or were erased.
    pub left: i64,
}

/// What happened in a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeriodSummary {
    /// Campaigns that were started in the period, the newest first.
    pub campaigns: Vec<Summary>,
    /// The open lists, by name.
    pub lists: Vec<ListPeriod>,
}

/// Reads what happened from the first day, since 1970, to the day before `end`.
pub async fn read(conn: &mut Conn, workspace: Id, first: i64, end: i64) -> Result<PeriodSummary> {
    let is_within = |at: i64| at >= first * DAY && at < end * DAY;
    let mut started: Vec<_> = model::list(conn, workspace).await?;
    started.retain(|campaign| campaign.launched_at.is_some_and(is_within));
    started.sort_by_key(|campaign| std::cmp::Reverse(campaign.launched_at));
    started.truncate(MOST_CAMPAIGNS);
    let mut campaigns = Vec::with_capacity(started.len());
    for campaign in &started {
        campaigns.push(summary::read(conn, campaign).await?);
    }
    let mut changes: BTreeMap<Id, [i64; 2]> = BTreeMap::new();
    for (key, count) in daily_count::list(conn, workspace).await? {
        if key.day < first || key.day >= end {
            continue;
        }
        match key.kind {
            DailyKind::Joined => changes.entry(key.list).or_default()[0] += count,
            DailyKind::Unsubscribed | DailyKind::Erased | DailyKind::Closed => {
                changes.entry(key.list).or_default()[1] += count;
            }
            DailyKind::Bounced | DailyKind::Refused | DailyKind::KeptOut => {}
        }
    }
    let mut lists = Vec::new();
    for list in list::all(conn, workspace).await?.into_iter().filter(|list| !list.closed) {
        let [gone, left] = changes.get(&list.id).copied().unwrap_or_default();
        let size = subscription::count(conn, list.id).await?.into_iter().map(|(_, count)| count).sum();
        let joined = gone + count_joined(conn, list.id, first * DAY, end * DAY).await?;
        lists.push(ListPeriod { name: list.name, size, joined, left });
    }
    Ok(PeriodSummary { campaigns, lists })
}

/// People who joined a list in a time and are still there.
async fn count_joined(conn: &mut Conn, list: Id, from: i64, to: i64) -> Result<i64> {
    let query = Query::new(
        "select count(*)
           from subscription
          where list_id = :list and joined_at >= :from_time and joined_at < :to_time",
    );
    let query = query.bind("list", list).bind("from_time", from).bind("to_time", to);
    query.fetch_optional(conn).await?.map_or(Ok(0), |row| row.cell(0))
}
