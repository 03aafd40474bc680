//! Table `progress`: how many rows of a campaign were planned and how many have each end. Kept as the
//! rows change, in the same transaction, so that nobody counts a million rows to draw a bar. What
//! is still open follows by subtraction.

use std::collections::BTreeMap;

use sqlx::Row;

use super::State;
use crate::infra::db::{Conn, Script};
use crate::infra::error::Result;
use crate::infra::id::{Id, node_of};

/// The word for rows of any state.
pub const PLANNED: &str = "planned";

/// Changes on their way into the table, by campaign and word.
pub type Changes = BTreeMap<(Id, &'static str), i64>;

/// The counts of a campaign.
#[derive(Debug, Default)]
pub struct Progress {
    planned: i64,
    ends: BTreeMap<State, i64>,
}

impl Progress {
    /// Says how many of the open rows are in a state that is not `pending`.
    pub fn hold(&mut self, state: State, count: i64) {
        *self.ends.entry(state).or_default() += count;
    }

    /// Every state that has rows; pending is what is left over.
    pub fn all(mut self) -> Vec<(State, i64)> {
        let pending = self.planned - self.ends.values().sum::<i64>();
        *self.ends.entry(State::Pending).or_default() += pending;
        self.ends.into_iter().filter(|(_, count)| *count != 0).collect()
    }
}

/// Adds to one count, negative to take back. `by` is any key made by this process.
pub async fn add(conn: &mut Conn, campaign: Id, by: Id, word: &'static str, count: i64) -> Result<()> {
    absorb(conn, by, &Changes::from([((campaign, word), count)])).await
}

/// Adds many at once, always in the same order.
pub async fn absorb(conn: &mut Conn, by: Id, changes: &Changes) -> Result<()> {
    let mut script = Script::new(conn);
    write(&mut script, by, changes);
    script.run(conn).await.map(drop)
}

/// Appends the statements that add them.
pub fn write(script: &mut Script, by: Id, changes: &Changes) {
    for ((campaign, word), count) in changes.iter().filter(|(_, count)| **count != 0) {
        let sql = script.add("insert into progress (campaign_id, node, state, count) values (");
        sql.bind(*campaign).push(", ").bind(node_of(by)).push(", ").bind((*word).to_owned()).push(", ").bind(*count);
        sql.push(") on conflict (campaign_id, node, state) do update set count = progress.count + excluded.count");
    }
}

/// The kept counts of a campaign.
pub async fn of(conn: &mut Conn, campaign: Id) -> Result<Progress> {
    let rows =
        sqlx::query("select state, cast(sum(count) as bigint) from progress where campaign_id = $1 group by state")
            .bind(campaign)
            .fetch_all(conn)
            .await?;
    let mut progress = Progress::default();
    for row in rows {
        let (word, count): (String, i64) = (row.get(0), row.get(1));
        if word == PLANNED {
            progress.planned = count;
        } else {
            progress.ends.insert(word.parse()?, count);
        }
    }
    Ok(progress)
}
