//! Table `daily_count`: how many people left a list, and how many bounced, on a day; and on which day those who have left
//! since had joined. The numbers are written when rows go and identify no one. With the rows that are left they give the
//! size of a list on each day.

use std::collections::BTreeMap;

use serde_json::json;
use sqlx::any::AnyRow;

use crate::infra::clock::{DAY, Millis};
use crate::infra::db::json_rows::{column, whole};
use crate::infra::db::{Cells, Conn, Query, read_each};
use crate::infra::error::Result;
use crate::infra::id::Id;

crate::text_enum! {
    /// What is counted.
    DailyKind {
        /// People who joined the list.
        Joined = "joined",
        /// People who unsubscribed from the list.
        Unsubscribed = "unsubscribed",
        /// People on the list who were erased.
        Erased = "erased",
        /// People whose list was closed.
        Closed = "closed",
        /// Rows of imported files whose people had left or were erased, and stayed out.
        KeptOut = "kept_out",
        /// Deliveries rejected because the mailbox does not exist.
        Bounced = "bounced",
        /// Deliveries rejected for another reason.
        Refused = "refused",
    }
}

/// What one number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DailyKey {
    /// The workspace.
    pub workspace: Id,
    /// The list; 0 for bounces, whose campaign names it.
    pub list: Id,
    /// The campaign whose message led to it; 0 without one.
    pub campaign: Id,
    /// Day since 1970 UTC.
    pub day: i64,
    /// What is counted.
    pub kind: DailyKind,
}

/// Numbers to be added.
pub type DailyCounts = BTreeMap<DailyKey, i64>;

/// The day of a time, since 1970 UTC.
pub fn day_of(at: Millis) -> i64 {
    at.div_euclid(DAY)
}

/// Adds numbers in one statement, always in the same order.
pub async fn add_all(conn: &mut Conn, counts: &DailyCounts) -> Result<()> {
    if counts.is_empty() {
        return Ok(());
    }
    let row = |(key, count): (&DailyKey, &i64)| {
        json!([key.workspace, key.list, key.campaign, key.day, key.kind.as_str(), count])
    };
    Query::new(
        "insert into daily_count (workspace_id, list_id, campaign_id, day, kind, count)
         select {workspace}, {list}, {campaign}, {day}, {kind}, {count}
           from :counts as given
          where true
         on conflict (workspace_id, list_id, campaign_id, day, kind)
            do update set count = daily_count.count + excluded.count",
    )
    .fragment("workspace", whole(0))
    .fragment("list", whole(1))
    .fragment("campaign", whole(2))
    .fragment("day", whole(3))
    .fragment("kind", column(4))
    .fragment("count", whole(5))
    .bind_rows("counts", &counts.iter().map(row).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// The numbers of a workspace. A kind that this program does not know is left out.
pub async fn list(conn: &mut Conn, workspace: Id) -> Result<DailyCounts> {
    let rows =
        Query::new("select list_id, campaign_id, day, kind, count from daily_count where workspace_id = :workspace")
            .bind("workspace", workspace)
            .fetch_all(conn)
            .await?;
    let read = |row: &AnyRow| {
        let kind = row.cell::<String>(3)?.parse()?;
        Ok((DailyKey { workspace, list: row.cell(0)?, campaign: row.cell(1)?, day: row.cell(2)?, kind }, row.cell(4)?))
    };
    Ok(read_each("daily_count", &rows, read).into_iter().collect())
}
