//! Freezes the audience of a campaign: inserts its delivery rows, some thousands in a statement, all in one transaction.

use super::counts::{self, PLANNED};
use crate::campaign::model::delivery_range;
use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query, Sql, rows_per_statement};
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
    let (mut count, mut after) = (0, Id::MIN);
    // An index of deliveries has those of all earlier campaigns on each of the pages that change.
    let slice = rows_per_statement(conn);
    loop {
        let inserted = insert_slice(conn, &new, (count, after), slice).await?;
        count += inserted;
        if slice.is_none_or(|slice| inserted < slice) {
            break;
        }
        after = contact_of(conn, first + (count - 1) * STEP).await?;
    }
    delivery_range::set(conn, campaign, first, first + (count - 1) * STEP).await?;
    counts::add(conn, campaign, first, PLANNED, count).await?;
    Ok(count.unsigned_abs())
}

/// Inserts the deliveries of the members behind the contact `after`, of so many or of all; the first of them in this place.
async fn insert_slice(
    conn: &mut Conn,
    new: &NewDeliveries,
    (place, after): (i64, Id),
    slice: Option<i64>,
) -> Result<i64> {
    // Where one statement inserts all, the planner need not keep to an order.
    let page = match slice {
        Some(slice) => Query::new("order by s.contact_id limit :slice").bind("slice", slice),
        None => Query::new(""),
    };
    // The inner subselect computes the domain once per row. It is ordered by the key of the subscription, the order of its
    // index; by that of the contact, the database would first sort the whole audience in memory.
    let inserted = Query::new(
        "insert{or_rollback} into delivery
                (id, workspace_id, campaign_id, contact_id, lane, state, attempts, due_at, changed_at)
         select cast(:first as bigint) + member.place * {step}, cast(:workspace as bigint), cast(:campaign as bigint),
                member.contact_id, {lane}, 'pending', 0, member.due_at, cast(:now as bigint)
           from (select page.contact_id, page.domain, page.due_at,
                        row_number() over (order by page.contact_id) - 1 as place
                   from (select s.contact_id, {domain} as domain, {due_at} as due_at
                           from subscription s
                           join contact c on c.id = s.contact_id
                          where s.contact_id > :after
                            and {is_member}
                          {page}) page) member",
    )
    .bind("first", new.first + place * STEP)
    .fragment("step", STEP.to_string())
    .bind("workspace", new.workspace)
    .bind("campaign", new.campaign)
    .fragment("lane", new.lane.clone())
    .bind("now", new.now)
    .fragment("domain", new.domain.clone())
    .fragment("due_at", new.due_at.clone())
    .bind("after", after)
    .fragment("is_member", new.is_member.clone())
    .fragment("page", page)
    .execute(conn)
    .await?;
    Ok(i64::try_from(inserted).unwrap_or(i64::MAX))
}

async fn contact_of(conn: &mut Conn, delivery: Id) -> Result<Id> {
    let row =
        Query::new("select contact_id from delivery where id = :id").bind("id", delivery).fetch_optional(conn).await?;
    row.map_or(Ok(Id::MAX), |row| row.cell(0))
}
