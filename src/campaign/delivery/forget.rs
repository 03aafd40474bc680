//! The deliveries of people who leave go; the numbers stay.

use sqlx::Row;

use super::State;
use super::progress::{self, Changes, PLANNED};
use crate::campaign::{state, tally};
use crate::ground::db::{Conn, Sql};
use crate::ground::error::Result;
use crate::ground::id::Id;

/// Moves the deliveries of people, for one list or all, into the tally and removes the rows. What was
/// still to be sent counts as suppressed; what is on the wire at this moment counts as uncertain.
pub async fn forget(conn: &mut Conn, people: &[Id], list: Option<Id>) -> Result<()> {
    let mut sql = Sql::new("delete from delivery where contact_id");
    sql.among(conn, people);
    state::only_of(&mut sql, list);
    let rows = sql.push(" returning campaign_id, state").all(conn).await?;
    let mut counts = tally::Counts::new();
    let mut changes = Changes::new();
    for row in rows {
        // A row in a state that does not exist must not keep a person here.
        let (campaign, was): (Id, Option<State>) = (row.get(0), row.get::<String, _>(1).parse().ok());
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
    tally::absorb(conn, &counts).await
}
