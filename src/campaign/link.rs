//! Table `link`: destinations of the links in a campaign's email, fixed at launch. A redirect never takes a destination
//! from a request unless our own tag authenticates it.

use serde_json::json;
use sqlx::any::AnyRow;

use crate::infra::db::json_rows::column;
use crate::infra::db::{Cells, Conn, Query, read_each};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// A link of a campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Position among the links of the email, from 0.
    pub position: i32,
    /// URL of the link; its template when it differs from contact to contact.
    pub destination: String,
    /// True when the destination differs from contact to contact; the message then carries it.
    pub personal: bool,
}

/// Inserts the links of a campaign at launch.
pub async fn insert(conn: &mut Conn, campaign: Id, links: &[Link]) -> Result<()> {
    let row = |link: &Link| json!([link.position, link.destination, i32::from(link.personal)]);
    Query::new(
        "insert into link (campaign_id, position, destination, personal)
         select cast(:campaign as bigint), cast({position} as integer), {destination}, cast({personal} as integer)
           from :links as given",
    )
    .bind("campaign", campaign)
    .fragment("position", column(0))
    .fragment("destination", column(1))
    .fragment("personal", column(2))
    .bind_rows("links", &links.iter().map(row).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// The links of a campaign in the order of the email.
pub async fn list(conn: &mut Conn, campaign: Id) -> Result<Vec<Link>> {
    let rows =
        Query::new("select position, destination, personal from link where campaign_id = :campaign order by position")
            .bind("campaign", campaign)
            .fetch_all(conn)
            .await?;
    let link = |row: &AnyRow| {
        Ok(Link { position: row.cell(0)?, destination: row.cell(1)?, personal: row.cell::<i32>(2)? != 0 })
    };
    Ok(read_each("link", &rows, link))
}
