//! The keys of a campaign's deliveries: one block, given when its audience is frozen. Others may have
//! keys in between, when several processes freeze at a time.

use crate::infra::db::{Conn, Sql};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// Writes down the first key and the last.
pub async fn set(conn: &mut Conn, campaign: Id, first: Id, last: Id) -> Result<()> {
    let mut sql = Sql::new("update campaign set first_delivery = ");
    sql.bind(first).push(", last_delivery = ").bind(last).push(" where id = ").bind(campaign).run(conn).await?;
    Ok(())
}

/// Appends the condition that a row of `delivery` is of this campaign, so that they are met in the
/// order in which they lie. For what no narrower index finds.
pub fn within(sql: &mut Sql, campaign: Id) -> &mut Sql {
    sql.push("campaign_id = ").bind(campaign);
    sql.push(" and id >= (select first_delivery from campaign where id = ").bind(campaign);
    sql.push(") and id <= (select last_delivery from campaign where id = ").bind(campaign).push(")")
}
