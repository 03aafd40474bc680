//! The deliveries of people who leave go; the numbers stay.

use super::State;
use super::progress::{self, Changes, PLANNED};
use crate::campaign::{erased_counts, model};
use crate::infra::db::Conn;
use crate::infra::db::json_rows::take;
use crate::infra::error::Result;
use crate::infra::id::Id;

/// Moves the deliveries of people, for one list or all, into the tally and removes the rows. What was
/// still to be sent counts as suppressed; what is on the wire at this moment counts as uncertain.
pub async fn forget(conn: &mut Conn, people: &[Id], list: Option<Id>) -> Result<()> {
    let rows: Vec<(Id, String)> = take(conn, "delivery", "campaign_id, state", |sql, conn| {
        sql.push("contact_id").among(conn, people);
        model::push_list_filter(sql, list);
    })
    .await?;
    let mut counts = erased_counts::ErasedCounts::new();
    let mut changes = Changes::new();
    for (campaign, was) in rows {
        // A row in a state that does not exist must not keep a person here.
        let was: Option<State> = was.parse().ok();
        let state = match was {
            Some(State::Pending | State::Leased) => State::Suppressed,
            Some(State::Sending) | None => State::Uncertain,
            Some(state) => state,
        };
        *counts.entry((campaign, state.as_str(), 0)).or_default() += 1;
        *changes.entry((campaign, PLANNED)).or_default() -= 1;
        if let Some(was) = was.filter(|was| was.is_final()) {
            *changes.entry((campaign, was.as_str())).or_default() -= 1;
        }
    }
    progress::absorb(conn, 0, &changes).await?;
    erased_counts::add_all(conn, &counts).await
}
