//! Freezes the audience of a campaign: one statement inserts its delivery rows.

use super::counts::{self, PLANNED};
use crate::campaign::model::delivery_range;
use crate::infra::clock::Millis;
use crate::infra::db::{Conn, Query, Sql};
use crate::infra::error::Result;
use crate::infra::id::{Id, STEP};

/// What all deliveries of a campaign have in common, and the SQL expressions by which they differ.
pub struct NewDeliveries {
    /// Workspace of the campaign.
    pub workspace: Id,
    /// The campaign.
    pub campaign: Id,
    /// First of a reserved range of keys that is as long as the audience can be.
    pub first: Id,
    /// Time of the freeze.
    pub now: Millis,
    /// Condition over subscription `s` and contact `c`: they belong to the audience.
    pub is_member: Query,
    /// Domain of the address of contact `c`.
    pub domain: String,
    /// Lane of the domain `member.domain`.
    pub lane: Sql,
    /// Time from which the message to contact `c` may be sent.
    pub due_at: Sql,
}

/// Inserts one delivery for every member of the audience. Returns their number.
pub async fn freeze(conn: &mut Conn, new: NewDeliveries) -> Result<u64> {
    let (campaign, first) = (new.campaign, new.first);
    // The subselect computes the domain once per row. It numbers rows by the key of the subscription, the order of its
    // index; by that of the contact, the database would first sort the whole audience in memory.
    let planned = Query::new(
        "insert{or_rollback} into delivery
                (id, workspace_id, campaign_id, contact_id, lane, state, attempts, due_at, changed_at)
         select cast(:first as bigint) + member.place * {step}, cast(:workspace as bigint), cast(:campaign as bigint),
                member.contact_id, {lane}, 'pending', 0, member.due_at, cast(:now as bigint)
           from (select c.id as contact_id,
                        row_number() over (order by s.contact_id) - 1 as place,
                        {domain} as domain,
                        {due_at} as due_at
                   from subscription s
                   join contact c on c.id = s.contact_id
                  where {is_member}) member",
    )
    .bind("first", first)
    .fragment("step", STEP.to_string())
    .bind("workspace", new.workspace)
    .bind("campaign", campaign)
    .fragment("lane", new.lane)
    .bind("now", new.now)
    .fragment("domain", new.domain)
    .fragment("due_at", new.due_at)
    .fragment("is_member", new.is_member)
    .execute(&mut *conn)
    .await?;
    let count = i64::try_from(planned).unwrap_or(i64::MAX);
    delivery_range::set(conn, campaign, first, first + (count - 1) * STEP).await?;
    counts::add(conn, campaign, first, PLANNED, count).await?;
    Ok(planned)
}
