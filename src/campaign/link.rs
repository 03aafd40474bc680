//! Table `link`: where the links of a campaign's letters lead, fixed at launch. A redirect never
//! takes a destination from a request, unless our own tag vouches for it.

use sqlx::Row;

use crate::infra::db::{Conn, Sql};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// A link of a campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its place among the links of the letter, from 0.
    pub position: i32,
    /// Where it leads; the template of it when it differs from person to person.
    pub destination: String,
    /// True when it differs from person to person: then the letter carries the destination itself.
    pub personal: bool,
}

/// Writes the links of a campaign at launch.
pub async fn add(conn: &mut Conn, campaign: Id, links: &[Link]) -> Result<()> {
    for some in links.chunks(500) {
        let mut sql = Sql::new("insert into link (campaign_id, position, destination, personal) values ");
        for (index, link) in some.iter().enumerate() {
            sql.push(if index == 0 { "(" } else { ", (" });
            sql.bind(campaign).push(", ").bind(link.position).push(", ").bind(link.destination.clone()).push(", ");
            sql.bind(i32::from(link.personal)).push(")");
        }
        sql.run(conn).await?;
    }
    Ok(())
}

/// The links of a campaign in the order of the letter.
pub async fn of(conn: &mut Conn, campaign: Id) -> Result<Vec<Link>> {
    let rows = sqlx::query("select position, destination, personal from link where campaign_id = $1 order by position")
        .bind(campaign)
        .fetch_all(conn)
        .await?;
    Ok(rows
        .iter()
        .map(|row| Link { position: row.get(0), destination: row.get(1), personal: row.get::<i32, _>(2) != 0 })
        .collect())
}
