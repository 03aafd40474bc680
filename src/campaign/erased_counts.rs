//! Table `erased_count`: numbers of erased contacts, and of lost events, which identify no one. A report adds them to the
//! counts of the rows that exist.

use std::collections::BTreeMap;

use serde_json::json;

use crate::infra::db::json_rows::{column, whole};
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// Messages opened at least once.
pub const OPEN: &str = "open";
/// Messages in which the link at `position` was clicked at least once.
pub const CLICK: &str = "click";
/// Messages in which any link was clicked at least once.
pub const CLICKED: &str = "clicked";
/// All opens.
pub const OPEN_TOTAL: &str = "open_total";
/// All clicks of the link at `position`.
pub const CLICK_TOTAL: &str = "click_total";
/// Messages that at least one complaint was about.
pub const COMPLAINT: &str = "complaint";
/// Contacts that unsubscribed through a message of the campaign.
pub const UNSUBSCRIBED: &str = "unsubscribed";
/// Opens and clicks that could not be stored anywhere: the counts of the campaign may be low by up to so many.
pub const LOST: &str = "lost";

/// Adds to one number; a negative `count` subtracts.
pub async fn add(conn: &mut Conn, campaign: Id, kind: &str, position: i32, count: i64) -> Result<()> {
    Query::new(
        "insert into erased_count (campaign_id, kind, position, count)
         values (:campaign, :kind, :position, :count)
         on conflict (campaign_id, kind, position) do update set count = erased_count.count + excluded.count",
    )
    .bind("campaign", campaign)
    .bind("kind", kind)
    .bind("position", position)
    .bind("count", count)
    .execute(conn)
    .await?;
    Ok(())
}

/// Numbers to be added, by campaign, kind and position.
pub type ErasedCounts = BTreeMap<(Id, &'static str, i32), i64>;

/// Adds many numbers in one statement, always in the same order.
pub async fn add_all(conn: &mut Conn, counts: &ErasedCounts) -> Result<()> {
    if counts.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = counts.iter().map(|((campaign, kind, at), count)| json!([campaign, kind, at, count])).collect();
    Query::new(
        "insert into erased_count (campaign_id, kind, position, count)
         select {campaign}, {kind}, cast({position} as integer), {count}
           from :counts as given
          where true
         on conflict (campaign_id, kind, position) do update set count = erased_count.count + excluded.count",
    )
    .fragment("campaign", whole(0))
    .fragment("kind", column(1))
    .fragment("position", column(2))
    .fragment("count", whole(3))
    .bind_rows("counts", &rows)
    .execute(conn)
    .await?;
    Ok(())
}

/// The numbers of a campaign by kind and position.
pub async fn list(conn: &mut Conn, campaign: Id) -> Result<BTreeMap<(String, i32), i64>> {
    let rows = Query::new("select kind, position, count from erased_count where campaign_id = :campaign")
        .bind("campaign", campaign)
        .fetch_all(conn)
        .await?;
    rows.iter().map(|row| Ok(((row.cell(0)?, row.cell(1)?), row.cell(2)?))).collect()
}
