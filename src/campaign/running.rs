//! The running campaigns and what a mailer may have to do for them, by one statement that reads a few index entries of each.
//! It reads no content and writes nothing, so that waiting campaigns cost a mailer next to nothing.

use super::delivery::open_lanes::{NEXT_DUE, OPEN_LANE};
use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query, read_each};
use crate::infra::error::{Error, Result};
use crate::infra::id::Id;

/// A running campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningCampaign {
    /// Key of the campaign.
    pub id: Id,
    /// Workspace of the campaign.
    pub workspace: Id,
    /// When its next pending delivery is due; `None` when none is pending.
    pub next_due: Option<Millis>,
    /// Whether a mailer holds deliveries of it.
    pub is_held: bool,
    /// Whether another mailer does. It finishes them, or they are recovered once its lease has expired.
    pub is_held_by_other: bool,
    /// Whether it has uncertain deliveries and resends them.
    pub may_resend: bool,
}

impl RunningCampaign {
    /// True when a delivery can be claimed at this time.
    pub fn is_due(&self, now: Millis) -> bool {
        self.next_due.is_some_and(|due| due <= now)
    }

    /// True when nothing is pending and nobody holds a delivery: the campaign can be finished.
    pub fn is_settled(&self) -> bool {
        self.next_due.is_none() && !self.is_held
    }
}

/// All running campaigns of all workspaces that have not ended, oldest first, as this mailer sees them.
pub async fn list(conn: &mut Conn, mailer: Id, now: Millis) -> Result<Vec<RunningCampaign>> {
    let rows = Query::new(
        "with recursive {open_lane},
         lane_due (campaign_id, due_at) as (select o.campaign_id, {next_due} from open_lane o where o.lane is not null)
         select k.id, k.workspace_id, (select min(l.due_at) from lane_due l where l.campaign_id = k.id),
                {is_held}, {is_held_by_other}, {may_resend}
           from campaign k
          where k.state = 'running'
            and not exists (select 1 from workspace w where w.id = k.workspace_id and w.ends_at <= :now)
          order by k.id",
    )
    .fragment("open_lane", Query::new(OPEN_LANE).fragment("which", "k.state = 'running'"))
    .bind("now", now)
    .fragment("next_due", NEXT_DUE)
    .fragment("is_held", exists("delivery d where d.mailer_id is not null and d.campaign_id = k.id"))
    .fragment(
        "is_held_by_other",
        exists("delivery d where d.mailer_id is not null and d.campaign_id = k.id and d.mailer_id <> :mailer")
            .bind("mailer", mailer),
    )
    .fragment(
        "may_resend",
        exists("delivery d where k.uncertain_policy = 'resend' and d.campaign_id = k.id and d.state = 'uncertain'"),
    )
    .fetch_all(conn)
    .await?;
    Ok(read_each("campaign", &rows, |row| {
        let flag = |at: usize| Ok::<_, Error>(row.cell::<i64>(at)? == 1);
        Ok(RunningCampaign {
            id: row.cell(0)?,
            workspace: row.cell(1)?,
            // A time that cannot be read is due: the send round skips its delivery.
            next_due: row.cell(2).unwrap_or(Some(0)),
            is_held: flag(3)?,
            is_held_by_other: flag(4)?,
            may_resend: flag(5)?,
        })
    }))
}

/// 1 when such rows exist, otherwise 0.
fn exists(rows: &str) -> Query {
    Query::new(format!("cast(case when exists (select 1 from {rows}) then 1 else 0 end as bigint)"))
}
