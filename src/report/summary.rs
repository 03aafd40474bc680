//! The numbers of a campaign: the rows that are there plus the tally of those that were. Planned is
//! the sum of the six ends a delivery can have, so that the numbers always add up; that it is also
//! the number frozen at launch is what the tests show.

use std::collections::HashMap;

use serde::Serialize;
use sqlx::Row;

use crate::campaign::delivery::State;
use crate::campaign::delivery::progress::PLANNED;
use crate::campaign::model::Campaign;
use crate::campaign::{erased_counts, link};
use crate::infra::db::Conn;
use crate::infra::error::Result;

/// The numbers of a campaign. All count deliveries, that is people, except `links`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: &'static str,
    /// Frozen at launch: accepted + rejected + uncertain + suppressed + skipped + pending.
    pub planned: i64,
    /// The relay took responsibility.
    pub accepted: i64,
    /// The relay refused for good.
    pub rejected: i64,
    /// The message may be out and the answer is not known; those on the wire at this moment too.
    pub uncertain: i64,
    /// The person left before their letter was sent.
    pub suppressed: i64,
    /// No letter could be made, or the campaign was cancelled first.
    pub skipped: i64,
    /// Still to be sent.
    pub pending: i64,
    /// Of the uncertain, those on the wire at this moment.
    pub sending: i64,
    /// Of the pending, those that were refused for now and wait to be tried again.
    pub deferred: i64,
    /// Messages opened at least once.
    pub opens: i64,
    /// Messages in which any link was followed at least once.
    pub clicks: i64,
    /// People who left through a letter of the campaign.
    pub unsubscribed: i64,
    /// Messages in which each link was followed at least once.
    pub links: Vec<LinkCount>,
}

/// How often one link was followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinkCount {
    /// Its place in the letter, from 0.
    pub position: i32,
    /// Where it leads.
    pub destination: String,
    /// Messages in which it was followed at least once.
    pub clicks: i64,
}

/// One statement, so that a person who leaves at this moment is counted once: as a row or as a tally.
const COUNTS: &str = "select state, 0, cast(sum(count) as bigint), 'kept' from progress where campaign_id = $1 group by state \
                      union all select state, 0, count(*), 'held' from delivery \
                      where mailer_id is not null and campaign_id = $1 group by state \
                      union all select 'deferred', 0, count(*), 'held' from delivery \
                      where campaign_id = $1 and state = 'pending' and attempts > 0 \
                      union all select kind, position, count(distinct delivery_id), 'event' from event \
                      where campaign_id = $1 group by kind, position \
                      union all select 'clicked', 0, count(distinct delivery_id), 'event' from event \
                      where campaign_id = $1 and kind = 'click' \
                      union all select kind, position, count, 'tally' from tally where campaign_id = $1";

/// The numbers of a campaign as they are now.
pub async fn read(conn: &mut Conn, campaign: &Campaign) -> Result<Summary> {
    let mut counts: HashMap<(String, i32), i64> = HashMap::new();
    // Rows that are planned and have no end yet.
    let mut open = 0;
    for row in sqlx::query(COUNTS).bind(campaign.id).fetch_all(&mut *conn).await? {
        let (word, position, count): (String, i32, i64) = (row.get(0), row.get(1), row.get(2));
        match row.get::<String, _>(3).as_str() {
            "kept" if word == PLANNED => open += count,
            "kept" => {
                open -= count;
                *counts.entry((word, 0)).or_default() += count;
            }
            _ => *counts.entry((word, position)).or_default() += count,
        }
    }
    let number = |word: &str, position| counts.get(&(word.to_owned(), position)).copied().unwrap_or(0);
    let state = |state: State| number(state.as_str(), 0);
    let links = link::of(conn, campaign.id).await?.into_iter();
    let mut summary = Summary {
        name: campaign.name.clone(),
        state: campaign.state.as_str(),
        planned: 0,
        accepted: state(State::Accepted),
        rejected: state(State::Rejected),
        uncertain: state(State::Uncertain) + state(State::Sending),
        suppressed: state(State::Suppressed),
        skipped: state(State::Skipped),
        pending: open - state(State::Sending),
        sending: state(State::Sending),
        deferred: number("deferred", 0),
        opens: number(erased_counts::OPEN, 0),
        clicks: number(erased_counts::CLICKED, 0),
        unsubscribed: number(erased_counts::UNSUBSCRIBED, 0),
        links: links
            .map(|link| LinkCount {
                clicks: number(erased_counts::CLICK, link.position),
                position: link.position,
                destination: link.destination,
            })
            .collect(),
    };
    summary.planned =
        [summary.accepted, summary.rejected, summary.uncertain, summary.suppressed, summary.skipped, summary.pending]
            .iter()
            .sum();
    Ok(summary)
}
