//! Erasure of deliveries: the rows of erased contacts are deleted, their numbers stay.

use super::counts::{self, Changes, PLANNED};
use super::{BOUNCE, State};
use crate::audience::daily_count::{self, DailyCounts, DailyKey, DailyKind, day_of};
use crate::campaign::{erased_counts, model};
use crate::infra::db::json_rows::{AnyInteger, AnyText, delete_returning};
use crate::infra::db::{Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// Makes deliveries of contacts that may be sent again forget the addresses and values of the last attempt, which were
/// changed since. An uncertain delivery without them stays uncertain: other bytes must not go out under its Message-ID.
pub async fn forget_snapshots(conn: &mut Conn, contacts: &[Id]) -> Result<()> {
    let query = Query::new(
        "update delivery
            set snapshot_address = null, snapshot_fields = null
          where contact_id in :contacts and state <> 'sending' and snapshot_address is not null",
    );
    query.bind_ids("contacts", contacts).execute(conn).await?;
    Ok(())
}

/// Deletes the deliveries of contacts, for one list or all, and adds them to the erased counts. Unsent deliveries count as
/// suppressed, those on the wire as uncertain.
pub async fn forget(conn: &mut Conn, contacts: &[Id], list: Option<Id>) -> Result<()> {
    forget_where(conn, contacts, model::is_of_list(list)).await.map(drop)
}

/// Deletes the deliveries of contacts in one campaign that has ended, and adds them to the erased counts. Returns their number.
pub async fn expire(conn: &mut Conn, contacts: &[Id], campaign: Id) -> Result<u64> {
    forget_where(conn, contacts, Query::new("campaign_id = :campaign").bind("campaign", campaign)).await
}

async fn forget_where(conn: &mut Conn, contacts: &[Id], meant: Query) -> Result<u64> {
    let condition =
        Query::new("contact_id in :contacts and {meant}").bind_ids("contacts", contacts).fragment("meant", meant);
    let columns = "campaign_id, state, workspace_id, reason, changed_at";
    let rows: Vec<(AnyInteger, AnyText, AnyInteger, AnyText, AnyInteger)> =
        delete_returning(conn, "delivery", columns, condition).await?;
    let deleted = rows.len() as u64;
    let mut by_day = DailyCounts::new();
    let mut erased = erased_counts::ErasedCounts::new();
    let mut changes = Changes::new();
    for (AnyInteger(campaign), AnyText(state), AnyInteger(workspace), AnyText(reason), AnyInteger(at)) in rows {
        // A row in an unknown state must not prevent the erasure.
        let was: Option<State> = state.parse().ok();
        let counted = match was {
            Some(State::Pending | State::Leased) => State::Suppressed,
            Some(State::Sending) | None => State::Uncertain,
            Some(state) => state,
        };
        if counted == State::Rejected {
            let kind = if reason == BOUNCE { DailyKind::Bounced } else { DailyKind::Refused };
            *by_day.entry(DailyKey { workspace, list: 0, campaign, day: day_of(at), kind }).or_default() += 1;
        }
        *erased.entry((campaign, counted.as_str(), 0)).or_default() += 1;
        *changes.entry((campaign, PLANNED)).or_default() -= 1;
        if let Some(was) = was.filter(|was| was.is_final()) {
            *changes.entry((campaign, was.as_str())).or_default() -= 1;
        }
    }
    counts::add_all(conn, 0, &changes).await?;
    daily_count::add_all(conn, &by_day).await?;
    erased_counts::add_all(conn, &erased).await?;
    Ok(deleted)
}
