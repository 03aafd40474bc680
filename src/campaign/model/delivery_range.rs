//! Key range of a campaign's deliveries, stored in the campaign row when its audience is frozen. Deliveries of other
//! campaigns can have keys in between when several processes freeze at the same time.

use crate::infra::db::{Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// Stores the first and the last key.
pub async fn set(conn: &mut Conn, campaign: Id, first: Id, last: Id) -> Result<()> {
    Query::new("update campaign set first_delivery = :first, last_delivery = :last where id = :campaign")
        .bind("first", first)
        .bind("last", last)
        .bind("campaign", campaign)
        .execute(conn)
        .await?;
    Ok(())
}

/// Condition over a row of `delivery`: it belongs to this campaign. Reads the rows in the order of the key; use it where
/// no narrower index finds them.
pub fn within(campaign: Id) -> Query {
    Query::new(
        "campaign_id = :campaign
         and id >= (select first_delivery from campaign where id = :campaign)
         and id <= (select last_delivery from campaign where id = :campaign)",
    )
    .bind("campaign", campaign)
}
