//! Stats of the installation for health checks and metrics, read every few seconds. Every query uses an index over campaigns
//! and never reads final deliveries, so that its cost does not grow with the number of contacts. Workspaces are numbers,
//! without names.

use std::collections::BTreeMap;

use crate::campaign::delivery::open_lanes::{NEXT_DUE, OPEN_LANE};
use crate::campaign::model::State;
use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::mailer::lease;

/// Stats of the installation at one time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stats {
    /// True when a newer program has migrated the database.
    pub newer: bool,
    /// Mailers with a valid lease, on all machines.
    pub mailers: i64,
    /// Number of campaigns by state.
    pub campaigns: BTreeMap<String, i64>,
    /// Reasons of the campaigns that the engine paused: each catalogue key once.
    pub pause_reasons: Vec<String>,
    /// Number of campaigns that the engine paused.
    pub paused_by_engine: i64,
    /// Backlog by workspace.
    pub backlogs: BTreeMap<Id, Backlog>,
}

/// Backlog of a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// How long the oldest pending delivery of a running campaign is due, or a scheduled campaign is late, in ms.
    pub age: Millis,
    /// How long ago the oldest campaign with unsent deliveries was launched, paused and deferred ones included, in ms.
    pub oldest: Millis,
    /// Uncertain deliveries.
    pub uncertain: i64,
    /// Deliveries on the wire.
    pub sending: i64,
}

/// The due time is that of the first delivery of each lane, and few rows are on the wire.
const OPEN_CAMPAIGNS: &str = "
    with recursive {open_lane},
         lane_due (campaign_id, due_at) as (select o.campaign_id, {next_due} from open_lane o where o.lane is not null)
    select k.workspace_id, k.state, k.reason, coalesce(k.launched_at, k.starts_at),
           (select min(l.due_at) from lane_due l where l.campaign_id = k.id),
           (select count(*)
              from delivery d
             where d.mailer_id is not null and d.campaign_id = k.id and d.state = 'sending')
      from campaign k
     where {which}";

const UNCERTAIN: &str = "
    select k.workspace_id,
           cast(sum((select count(*) from delivery d where d.campaign_id = k.id and d.state = 'uncertain')) as bigint)
      from campaign k
     group by k.workspace_id";

/// Reads the current stats.
pub async fn read(conn: &mut Conn, installation: &Installation) -> Result<Stats> {
    let now = installation.clock.now();
    let mut stats = Stats {
        newer: installation.db.is_schema_newer(conn).await?,
        mailers: lease::count_alive(conn, installation).await?,
        ..Stats::default()
    };
    for row in Query::new("select state, count(*) from campaign group by state").fetch_all(&mut *conn).await? {
        stats.campaigns.insert(row.cell(0)?, row.cell(1)?);
    }
    for row in Query::new(UNCERTAIN).fetch_all(&mut *conn).await? {
        stats.backlogs.entry(row.cell(0)?).or_default().uncertain = row.cell(1)?;
    }
    let which = "k.state in ('running', 'paused', 'scheduled')";
    let open = Query::new(OPEN_CAMPAIGNS)
        .fragment("open_lane", Query::new(OPEN_LANE).fragment("which", which))
        .fragment("next_due", NEXT_DUE)
        .fragment("which", which);
    for row in open.fetch_all(&mut *conn).await? {
        let state: State = row.cell::<String>(1)?.parse()?;
        let (began, due): (Option<Millis>, Option<Millis>) = (row.cell(3)?, row.cell(4)?);
        if state == State::Paused {
            stats.add_pause(row.cell(2)?);
        }
        let backlog = stats.backlogs.entry(row.cell(0)?).or_default();
        let since = |at: Option<Millis>| at.map_or(0, |at| (now - at).max(0));
        backlog.sending += row.cell::<i64>(5)?;
        match state {
            // A delivery that was due from the start waits since the start.
            State::Running => backlog.age = backlog.age.max(since(due.max(due.and(began)))),
            State::Scheduled => backlog.age = backlog.age.max(since(began)),
            _ => {}
        }
        if due.is_some() {
            backlog.oldest = backlog.oldest.max(since(began));
        }
    }
    Ok(stats)
}

impl Stats {
    /// Adds a paused campaign. Only the key of its reason is kept: the sentence can contain an SMTP reply.
    fn add_pause(&mut self, reason: Option<String>) {
        let packed = reason.unwrap_or_default();
        if packed == Message::new("paused-by-hand").pack() {
            return;
        }
        let key = serde_json::from_str::<(String, serde_json::Value)>(&packed).map_or(packed, |(key, _)| key);
        let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        let key = if is_key { key } else { "other".to_owned() };
        self.paused_by_engine += 1;
        if !self.pause_reasons.contains(&key) {
            self.pause_reasons.push(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pause_reasons_contain_keys_and_no_smtp_replies() {
        let mut stats = Stats::default();
        let with_reply = Message::new("relay-denies").with("reply", "550 <anna@example.org> is unknown").pack();
        for reason in [Some(with_reply.clone()), Some(with_reply), Some("Anna asked me to".to_owned()), None] {
            stats.add_pause(reason);
        }
        stats.add_pause(Some(Message::new("paused-by-hand").pack()));

        assert_eq!(
            (stats.paused_by_engine, stats.pause_reasons),
            (4, vec!["relay-denies".to_owned(), "other".to_owned()])
        );
    }
}
