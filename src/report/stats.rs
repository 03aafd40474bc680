//! How the installation stands, as the database tells it: what is asked by those who watch from
//! outside, every few seconds. Each question walks an index over campaigns, never the deliveries
//! that have their end, so it stays cheap with any number of people. Workspaces have numbers here,
//! no names.

use std::collections::BTreeMap;

use sqlx::Row;

use crate::campaign::model::State;
use crate::infra::clock::Millis;
use crate::infra::db::{Conn, Db};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;

/// How the installation stands at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stats {
    /// A newer program has changed the tables while this one runs.
    pub newer: bool,
    /// Mailers whose lease holds, on all machines.
    pub mailers: i64,
    /// Campaigns by state.
    pub campaigns: BTreeMap<String, i64>,
    /// Why campaigns stand still that nobody paused by hand: the key of each reason, once.
    pub halts: Vec<String>,
    /// How many campaigns those are.
    pub halted: i64,
    /// What waits, by workspace.
    pub queues: BTreeMap<Id, Backlog>,
}

/// What waits in a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// How long the oldest letter of a running campaign has been due, or a scheduled campaign should
    /// have begun, in ms.
    pub age: Millis,
    /// How long ago the oldest campaign was launched of which letters are unsent, also those that
    /// wait for another try or stand still, in ms.
    pub oldest: Millis,
    /// Deliveries whose fate the relay alone knows.
    pub uncertain: i64,
    /// Deliveries on the wire.
    pub sending: i64,
}

/// The due time is the first entry of an index; so are the few rows that are on the wire.
const OPEN: &str = "select c.workspace_id, c.state, c.reason, coalesce(c.launched_at, c.starts_at), \
                    (select min(d.due_at) from delivery d where d.campaign_id = c.id and d.state = 'pending'), \
                    (select count(*) from delivery d where d.mailer_id is not null and d.campaign_id = c.id and d.state = 'sending') \
                    from campaign c where c.state in ('running', 'paused', 'scheduled')";

const UNCERTAIN: &str = "select c.workspace_id, cast(sum((select count(*) from delivery d \
                         where d.campaign_id = c.id and d.state = 'uncertain')) as bigint) \
                         from campaign c group by c.workspace_id";

/// How the installation stands now.
pub async fn read(conn: &mut Conn, db: &Db, now: Millis) -> Result<Stats> {
    let mut standing = Stats { newer: db.is_schema_newer(conn).await?, ..Stats::default() };
    let row = sqlx::query("select count(*) from lease where until > $1").bind(now).fetch_one(&mut *conn).await?;
    standing.mailers = row.get(0);
    for row in sqlx::query("select state, count(*) from campaign group by state").fetch_all(&mut *conn).await? {
        standing.campaigns.insert(row.get(0), row.get(1));
    }
    for row in sqlx::query(UNCERTAIN).fetch_all(&mut *conn).await? {
        standing.queues.entry(row.get(0)).or_default().uncertain = row.get(1);
    }
    for row in sqlx::query(OPEN).fetch_all(&mut *conn).await? {
        let state: State = row.get::<String, _>(1).parse()?;
        let (began, due): (Option<Millis>, Option<Millis>) = (row.get(3), row.get(4));
        if state == State::Paused {
            standing.halt(row.get(2));
        }
        let queue = standing.queues.entry(row.get(0)).or_default();
        let since = |at: Option<Millis>| at.map_or(0, |at| (now - at).max(0));
        queue.sending += row.get::<i64, _>(5);
        match state {
            // What may go at once waits since the start.
            State::Running => queue.age = queue.age.max(since(due.max(due.and(began)))),
            State::Scheduled => queue.age = queue.age.max(since(began)),
            _ => {}
        }
        if due.is_some() {
            queue.oldest = queue.oldest.max(since(began));
        }
    }
    Ok(standing)
}

impl Stats {
    /// A reason is shown by its key alone: the sentence may hold what a relay said.
    fn halt(&mut self, reason: Option<String>) {
        let packed = reason.unwrap_or_default();
        if packed == Message::new("paused-by-hand").pack() {
            return;
        }
        let key = serde_json::from_str::<(String, serde_json::Value)>(&packed).map_or(packed, |(key, _)| key);
        let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        let key = if is_key { key } else { "other".to_owned() };
        self.halted += 1;
        if !self.halts.contains(&key) {
            self.halts.push(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_by_its_key_and_never_by_what_the_relay_said() {
        let mut standing = Stats::default();
        let said = Message::new("relay-denies").with("reply", "550 <anna@example.org> is unknown").pack();
        for reason in [Some(said.clone()), Some(said), Some("Anna asked me to".to_owned()), None] {
            standing.halt(reason);
        }
        standing.halt(Some(Message::new("paused-by-hand").pack()));

        assert_eq!((standing.halted, standing.halts), (4, vec!["relay-denies".to_owned(), "other".to_owned()]));
    }
}
