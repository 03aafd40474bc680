//! The audience of a campaign becomes rows, in one statement.

use super::progress::{self, PLANNED};
use crate::audience::eligibility;
use crate::campaign::model::delivery_range;
use crate::infra::clock::Millis;
use crate::infra::db::{Conn, Sql};
use crate::infra::error::Result;
use crate::infra::id::{Id, STEP};

/// What all rows of a campaign have in common.
#[derive(Debug, Clone, Copy)]
pub struct Audience {
    /// The customer.
    pub workspace: Id,
    /// The campaign.
    pub campaign: Id,
    /// The list it goes to.
    pub list: Id,
    /// The first of as many keys as there can be people.
    pub first: Id,
    /// When it is frozen.
    pub now: Millis,
}

/// Writes one row for every person of the audience. `domain` is the expression for the domain of
/// contact alias `c`, `lane` appends the one that names the lane of `p.domain`, `due` when the letter
/// may leave, `narrow` the condition of the segment over `c`. Returns how many there are.
pub async fn freeze(
    conn: &mut Conn,
    audience: &Audience,
    domain: &str,
    lane: impl FnOnce(&mut Sql),
    due: impl FnOnce(&mut Sql),
    narrow: impl FnOnce(&mut Sql),
) -> Result<u64> {
    let Audience { workspace, campaign, list, first, now } = *audience;
    // What numbers rows is worked out by itself, so that the domain is cut out of an address once. By the key of the
    // subscription, in whose order its index lies: by that of the contact, everybody would be sorted in memory first.
    let mut sql = Sql::new(
        "insert into delivery (id, workspace_id, campaign_id, contact_id, lane, state, attempts, due_at, changed_at) \
         select cast(",
    );
    sql.bind(first).push(" as bigint) + p.place * ").push(&STEP.to_string());
    sql.push(", cast(").bind(workspace).push(" as bigint), cast(").bind(campaign).push(" as bigint), p.person, ");
    lane(&mut sql);
    sql.push(", 'pending', 0, p.due_at, cast(").bind(now).push(" as bigint) from (select c.id as person, ");
    sql.push("row_number() over (order by s.contact_id) - 1 as place, ").push(domain).push(" as domain, ");
    due(&mut sql);
    sql.push(" as due_at from subscription s join contact c on c.id = s.contact_id where s.list_id = ").bind(list);
    sql.push(" and ").push(&eligibility::mailable("s")).push(" and c.workspace_id = ").bind(workspace).push(" and (");
    narrow(&mut sql);
    let planned = sql.push(")) p").run(&mut *conn).await?;
    let count = i64::try_from(planned).unwrap_or(i64::MAX);
    delivery_range::set(conn, campaign, first, first + (count - 1) * STEP).await?;
    progress::add(conn, campaign, first, PLANNED, count).await?;
    Ok(planned)
}
