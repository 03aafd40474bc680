//! When a campaign must stop before it does harm: many addresses that do not exist, or many people
//! who complain, are what providers judge a sender by.

use sqlx::Row;

use super::delivery::State;
use super::delivery::progress;
use crate::infra::db::Conn;
use crate::infra::error::Result;
use crate::infra::id::Id;

/// Results at the start of a campaign that are watched for hard bounces.
pub const WATCHED_RESULTS: i64 = 500;

/// Hard bounces among them that are still borne: five in a hundred.
pub const MAX_HARD_BOUNCES: i64 = WATCHED_RESULTS / 20;

/// Letters below which complaints are not weighed: a single person would decide.
const LEAST: i64 = 1_000;

/// Complaints in a thousand letters from which on we warn; Gmail's and Yahoo's rules for senders.
const WARN: f64 = 1.0;

/// From which on the campaign must stop.
const STOP: f64 = 3.0;

/// Watches the first results of a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StopRule {
    results: i64,
    hard: i64,
}

impl StopRule {
    /// What is known of a campaign so far. One that was stopped for its bounces and resumed is past
    /// the mark, and is not stopped again.
    pub async fn load(conn: &mut Conn, campaign: Id) -> Result<Self> {
        let counts = progress::of(conn, campaign).await?.all();
        let results = counts
            .iter()
            .filter(|(state, _)| matches!(state, State::Accepted | State::Rejected))
            .map(|(_, count)| count)
            .sum();
        Ok(Self { results, hard: bounces(conn, campaign, MAX_HARD_BOUNCES + 1).await? })
    }

    /// Takes a result in; true when it is the one too many.
    pub fn result(&mut self, is_hard: bool) -> bool {
        self.results += 1;
        self.hard += i64::from(is_hard);
        is_hard && self.hard == MAX_HARD_BOUNCES + 1 && self.results <= WATCHED_RESULTS
    }
}

/// Hard bounces of a campaign, counted up to `most`.
async fn bounces(conn: &mut Conn, campaign: Id, most: i64) -> Result<i64> {
    let row = sqlx::query(
        "select count(*) from (select 1 from delivery where campaign_id = $1 and state = 'rejected' \
         and reason = 'bounce' limit $2) bounced",
    )
    .bind(campaign)
    .bind(most)
    .fetch_one(conn)
    .await?;
    Ok(row.get(0))
}

/// What complaints ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Complaints {
    /// Nothing.
    Few,
    /// A warning: providers begin to take note.
    Many,
    /// A stop.
    TooMany,
}

/// Weighs the complaints about a campaign against the letters that were accepted.
pub async fn complaints(conn: &mut Conn, campaign: Id) -> Result<Complaints> {
    let row =
        sqlx::query("select count(distinct delivery_id) from event where campaign_id = $1 and kind = 'complaint'")
            .bind(campaign)
            .fetch_one(&mut *conn)
            .await?;
    let complaints: i64 = row.get(0);
    if complaints == 0 {
        return Ok(Complaints::Few);
    }
    let counts = progress::of(conn, campaign).await?.all();
    let accepted = counts.iter().find(|(state, _)| *state == State::Accepted).map_or(0, |(_, count)| *count);
    Ok(weigh(complaints, accepted))
}

fn weigh(complaints: i64, accepted: i64) -> Complaints {
    let share = complaints as f64 / accepted.max(1) as f64 * 1_000.0;
    match share {
        _ if accepted < LEAST => Complaints::Few,
        share if share >= STOP => Complaints::TooMany,
        share if share >= WARN => Complaints::Many,
        _ => Complaints::Few,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds results, one in `every` a hard bounce; says after how many it trips.
    fn trips(every: i64, results: i64) -> Option<i64> {
        let mut breaker = StopRule::default();
        (1..=results).find(|n| breaker.result(n % every == 0))
    }

    #[test]
    fn more_than_five_in_a_hundred_of_the_first_results_trip() {
        assert_eq!(trips(20, 10_000), None, "25 of the first 500");
        assert_eq!(trips(19, 10_000), Some(494));
        assert_eq!(trips(1, 10_000), Some(26));
        assert_eq!(trips(2, 50), None, "too few to judge");
    }

    #[test]
    fn later_bounces_do_not_trip_and_none_trips_twice() {
        let mut breaker = StopRule { results: WATCHED_RESULTS, hard: 0 };
        assert!((0..100).all(|_| !breaker.result(true)));

        let mut resumed = StopRule { results: 40, hard: MAX_HARD_BOUNCES + 1 };
        assert!((0..100).all(|_| !resumed.result(true)));
    }

    #[test]
    fn complaints_are_weighed_in_thousandths() {
        assert_eq!(weigh(9, 10_000), Complaints::Few);
        assert_eq!(weigh(10, 10_000), Complaints::Many);
        assert_eq!(weigh(29, 10_000), Complaints::Many);
        assert_eq!(weigh(30, 10_000), Complaints::TooMany);
        assert_eq!(weigh(999, 999), Complaints::Few);
    }
}
