//! Table `delivery_count`: how many deliveries of a campaign were planned and how many reached each final state. Updated
//! in the transaction that changes the rows, so that a progress bar needs no count over a million rows. The number of
//! open deliveries follows by subtraction.

use std::collections::BTreeMap;

use super::State;
use crate::infra::db::{Cells, Conn, Query, Script};
use crate::infra::error::Result;
use crate::infra::id::{Id, node_of};

/// Value of column `state` for the number of planned deliveries.
pub const PLANNED: &str = "planned";

/// Changes to be stored, by campaign and state.
pub type Changes = BTreeMap<(Id, &'static str), i64>;

/// The counts of a campaign.
#[derive(Debug, Default)]
pub struct DeliveryCounts {
    planned: i64,
    states: BTreeMap<State, i64>,
}

impl DeliveryCounts {
    /// Adds open deliveries in a state other than `pending`.
    pub fn add_open(&mut self, state: State, count: i64) {
        *self.states.entry(state).or_default() += count;
    }

    /// The count of every state that has deliveries. The rest of the planned ones is pending.
    pub fn by_state(mut self) -> Vec<(State, i64)> {
        let pending = self.planned - self.states.values().sum::<i64>();
        *self.states.entry(State::Pending).or_default() += pending;
        self.states.into_iter().filter(|(_, count)| *count != 0).collect()
    }
}

/// Adds to one count; a negative `count` subtracts. `by` is any key made by this process.
pub async fn add(conn: &mut Conn, campaign: Id, by: Id, state: &'static str, count: i64) -> Result<()> {
    add_all(conn, by, &Changes::from([((campaign, state), count)])).await
}

/// Adds many changes, always in the same order.
pub async fn add_all(conn: &mut Conn, by: Id, changes: &Changes) -> Result<()> {
    let mut script = Script::new(conn);
    push_changes(&mut script, by, changes);
    script.run(conn).await.map(drop)
}

/// Appends the statements that add the changes. Each process has rows of its own, so that processes do not wait for each
/// other.
pub fn push_changes(script: &mut Script, by: Id, changes: &Changes) {
    for ((campaign, state), count) in changes.iter().filter(|(_, count)| **count != 0) {
        script.push(
            &Query::new(
                "insert into delivery_count (campaign_id, node, state, count)
                 values (:campaign, :node, :state, :count)
                 on conflict (campaign_id, node, state) do update set count = delivery_count.count + excluded.count",
            )
            .bind("campaign", *campaign)
            .bind("node", node_of(by))
            .bind("state", *state)
            .bind("count", *count),
        );
    }
}

/// The stored counts of a campaign.
pub async fn read(conn: &mut Conn, campaign: Id) -> Result<DeliveryCounts> {
    let rows = Query::new(
        "select state, cast(sum(count) as bigint) from delivery_count where campaign_id = :campaign group by state",
    )
    .bind("campaign", campaign)
    .fetch_all(conn)
    .await?;
    let mut counts = DeliveryCounts::default();
    for row in rows {
        let (state, count): (String, i64) = (row.cell(0)?, row.cell(1)?);
        if state == PLANNED {
            counts.planned = count;
        } else {
            counts.states.insert(state.parse()?, count);
        }
    }
    Ok(counts)
}
