//! Table `tally`: what remains of people who are gone, as numbers that link to no one. A report is
//! the count of the rows that are there plus the tally of those that were.

use std::collections::BTreeMap;

use serde_json::json;
use sqlx::Row;

use crate::infra::db::json_rows::{column, whole};
use crate::infra::db::{Conn, Sql};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// Messages that were opened at least once.
pub const OPEN: &str = "open";
/// Messages in which the link at `position` was clicked at least once.
pub const CLICK: &str = "click";
/// Messages in which any link was clicked at least once.
pub const CLICKED: &str = "clicked";
/// People who left through a letter of the campaign.
pub const UNSUBSCRIBED: &str = "unsubscribed";

/// Adds to a number; negative to take back.
pub async fn add(conn: &mut Conn, campaign: Id, kind: &str, position: i32, count: i64) -> Result<()> {
    sqlx::query(
        "insert into tally (campaign_id, kind, position, count) values ($1, $2, $3, $4) \
         on conflict (campaign_id, kind, position) do update set count = tally.count + excluded.count",
    )
    .bind(campaign)
    .bind(kind)
    .bind(position)
    .bind(count)
    .execute(conn)
    .await?;
    Ok(())
}

/// Numbers that are on their way into the tally, by campaign, kind and position.
pub type ErasedCounts = BTreeMap<(Id, &'static str, i32), i64>;

/// Adds many numbers at once, always in the same order.
pub async fn add_all(conn: &mut Conn, counts: &ErasedCounts) -> Result<()> {
    if counts.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = counts.iter().map(|((campaign, kind, at), count)| json!([campaign, kind, at, count])).collect();
    let mut sql = Sql::new("insert into tally (campaign_id, kind, position, count) select ");
    sql.push(&whole(0)).push(", ").push(&column(1)).push(", cast(").push(&column(2)).push(" as integer), ");
    sql.push(&whole(3)).push(" from ").table(conn, &rows).push(
        " where true on conflict (campaign_id, kind, position) do update set count = tally.count + excluded.count",
    );
    sql.run(conn).await?;
    Ok(())
}

/// The numbers of a campaign by kind and position.
pub async fn list(conn: &mut Conn, campaign: Id) -> Result<BTreeMap<(String, i32), i64>> {
    let rows = sqlx::query("select kind, position, count from tally where campaign_id = $1")
        .bind(campaign)
        .fetch_all(conn)
        .await?;
    Ok(rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect())
}
