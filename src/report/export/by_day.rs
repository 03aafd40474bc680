//! Rows by day, without anyone's identity: what happened to lists and campaigns, and the sizes of lists.

use std::collections::{BTreeMap, HashMap};

use super::page::Scope;
use super::table_writer::Cell;
use crate::audience::daily_count::{self, DailyCounts, DailyKey, DailyKind, day_of};
use crate::audience::list;
use crate::campaign::model;
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// The people who are still on a list, by the day they joined.
const JOINED: &str = "
    select w.list_id, w.joined_at / 86400000, count(*)
      from subscription w
     where w.list_id in (select id from list where workspace_id = :workspace)
     group by w.list_id, w.joined_at / 86400000";

/// The rejected deliveries that still have a row, by the day of the reply.
const REJECTED: &str = "
    select w.campaign_id, w.changed_at / 86400000, case when w.reason = 'bounce' then 'bounced' else 'refused' end, count(*)
      from delivery w
     where w.campaign_id in (select id from campaign where workspace_id = :workspace) and w.state = 'rejected'
     group by w.campaign_id, w.changed_at / 86400000, case when w.reason = 'bounce' then 'bounced' else 'refused' end";

/// All numbers of a workspace: of the rows that exist and of those that are gone.
async fn counts(conn: &mut Conn, workspace: Id) -> Result<DailyCounts> {
    let mut counts = daily_count::list(conn, workspace).await?;
    let mut add = |list, campaign, day, kind, count: i64| {
        let sum = counts.entry(DailyKey { workspace, list, campaign, day, kind }).or_default();
        *sum = sum.saturating_add(count);
    };
    for row in Query::new(JOINED).bind("workspace", workspace).fetch_all(&mut *conn).await? {
        add(row.cell(0)?, 0, row.cell(1)?, DailyKind::Joined, row.cell(2)?);
    }
    for row in Query::new(REJECTED).bind("workspace", workspace).fetch_all(&mut *conn).await? {
        add(0, row.cell(0)?, row.cell(1)?, row.cell::<String>(2)?.parse()?, row.cell(3)?);
    }
    Ok(counts)
}

/// One row per day, list, campaign and kind, oldest first.
pub async fn changes(conn: &mut Conn, scope: Scope) -> Result<Vec<Vec<Cell<'static>>>> {
    let lists: HashMap<Id, String> =
        list::all(conn, scope.workspace).await?.into_iter().map(|list| (list.id, list.name)).collect();
    let campaigns: HashMap<Id, (String, Id)> =
        model::list(conn, scope.workspace).await?.into_iter().map(|one| (one.id, (one.name, one.list))).collect();
    let mut rows = BTreeMap::new();
    for (key, count) in counts(conn, scope.workspace).await? {
        let in_scope = scope.campaign.is_none_or(|(campaign, _)| campaign == key.campaign);
        if in_scope && count != 0 {
            let list = if key.list == 0 { campaigns.get(&key.campaign).map_or(0, |(_, list)| *list) } else { key.list };
            let sum: &mut i64 = rows.entry((key.day, list, key.campaign, key.kind)).or_default();
            *sum = sum.saturating_add(count);
        }
    }
    let named = |name: Option<&String>| name.map_or(Cell::Null, |name| Cell::Text(name.clone().into()));
    let key = |id: Id| if id == 0 { Cell::Null } else { Cell::Whole(id) };
    let row = |((day, list, campaign, kind), count): ((i64, Id, Id, DailyKind), i64)| {
        vec![
            date(day),
            kind.as_str().into(),
            named(lists.get(&list)),
            named(campaigns.get(&campaign).map(|(name, _)| name)),
            count.into(),
            key(list),
            key(campaign),
        ]
    };
    Ok(rows.into_iter().map(row).collect())
}

/// One row per list and day, from the first day of the list to today. A day before 1970, which only a corrupt row has, counts as
/// the first of 1970.
pub async fn lists(conn: &mut Conn, scope: Scope, now: Millis) -> Result<Vec<Vec<Cell<'static>>>> {
    let mut days: BTreeMap<Id, BTreeMap<i64, [i64; 4]>> = BTreeMap::new();
    for (key, count) in counts(conn, scope.workspace).await? {
        let place = match key.kind {
            DailyKind::Joined => 0,
            DailyKind::Unsubscribed => 1,
            DailyKind::Erased => 2,
            DailyKind::Closed => 3,
            DailyKind::Bounced | DailyKind::Refused | DailyKind::KeptOut => continue,
        };
        let sum = &mut days.entry(key.list).or_default().entry(key.day.max(0)).or_default()[place];
        *sum = sum.saturating_add(count);
    }
    let mut rows = Vec::new();
    let wanted = |list: &list::List| scope.campaign.is_none_or(|(_, of)| of == list.id);
    for list in list::all(conn, scope.workspace).await?.iter().filter(|list| wanted(list)) {
        let Some(days) = days.get(&list.id) else { continue };
        let Some((first, _)) = days.first_key_value() else { continue };
        let mut size: i64 = 0;
        for day in *first..=day_of(now) {
            let [joined, unsubscribed, erased, closed] = days.get(&day).copied().unwrap_or_default();
            size = [unsubscribed, erased, closed].into_iter().fold(size.saturating_add(joined), i64::saturating_sub);
            let numbers = [joined, unsubscribed, erased, closed, size].map(Cell::from);
            let named = [Cell::Text(list.name.clone().into()), date(day)];
            rows.push(named.into_iter().chain(numbers).chain([Cell::Whole(list.id)]).collect());
        }
    }
    Ok(rows)
}

/// A day since 1970 as `2026-11-21`.
fn date(day: i64) -> Cell<'static> {
    let at = jiff::Timestamp::from_millisecond(day.saturating_mul(DAY)).ok();
    at.map_or(Cell::Null, |at| Cell::Text(at.strftime("%Y-%m-%d").to_string().into()))
}
