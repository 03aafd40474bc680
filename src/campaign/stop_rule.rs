//! Stop rules of a campaign: it stops when too many of its first deliveries bounce or too many recipients complain, which
//! mailbox providers hold against the sender.

use sqlx::Row;

use super::delivery::State;
use super::delivery::counts;
use crate::infra::db::{Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// Number of results at the start of a campaign that are watched for hard bounces.
pub const WATCHED_RESULTS: i64 = 500;

/// Hard bounces allowed among them: 5 %.
pub const MAX_HARD_BOUNCES: i64 = WATCHED_RESULTS / 20;

/// With fewer accepted messages complaints are ignored: one recipient would decide.
const MIN_ACCEPTED: i64 = 1_000;

/// Complaints per thousand messages at which we warn; from the sender rules of Gmail and Yahoo.
const WARN_RATE: f64 = 1.0;

/// Complaints per thousand messages at which the campaign must stop.
const STOP_RATE: f64 = 3.0;

/// Counts the first results of a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StopRule {
    results: i64,
    hard: i64,
}

impl StopRule {
    /// Loads the counts of a campaign. A campaign that was stopped for its bounces and resumed is past the limit and is not
    /// stopped again.
    pub async fn load(conn: &mut Conn, campaign: Id) -> Result<Self> {
        let counts = counts::read(conn, campaign).await?.by_state();
        let results = counts
            .iter()
            .filter(|(state, _)| matches!(state, State::Accepted | State::Rejected))
            .map(|(_, count)| count)
            .sum();
        Ok(Self { results, hard: count_bounces(conn, campaign, MAX_HARD_BOUNCES + 1).await? })
    }

    /// Counts a result; true when it exceeds the limit.
    pub fn count_result(&mut self, is_hard: bool) -> bool {
        self.results += 1;
        self.hard += i64::from(is_hard);
        is_hard && self.hard == MAX_HARD_BOUNCES + 1 && self.results <= WATCHED_RESULTS
    }
}

/// Hard bounces of a campaign, counted up to `limit`.
async fn count_bounces(conn: &mut Conn, campaign: Id, limit: i64) -> Result<i64> {
    let row = Query::new(
        "select count(*)
           from (select 1
                   from delivery
                  where campaign_id = :campaign and state = 'rejected' and reason = 'bounce'
                  limit :limit) bounced",
    )
    .bind("campaign", campaign)
    .bind("limit", limit)
    .fetch_optional(conn)
    .await?;
    Ok(row.map_or(0, |row| row.get(0)))
}

/// Result of the complaint rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Complaints {
    /// No action.
    Few,
    /// Warn: mailbox providers begin to notice.
    Many,
    /// Stop the campaign.
    TooMany,
}

/// Compares the complaints about a campaign with its accepted messages.
pub async fn check_complaints(conn: &mut Conn, campaign: Id) -> Result<Complaints> {
    let row = Query::new(
        "select (select count(distinct delivery_id) from event where campaign_id = :campaign and kind = 'complaint')
                + (select cast(coalesce(sum(count), 0) as bigint)
                     from erased_count
                    where campaign_id = :campaign and kind = 'complaint')",
    )
    .bind("campaign", campaign)
    .fetch_optional(&mut *conn)
    .await?;
    let complaints: i64 = row.map_or(0, |row| row.get(0));
    if complaints == 0 {
        return Ok(Complaints::Few);
    }
    let counts = counts::read(conn, campaign).await?.by_state();
    let accepted = counts.iter().find(|(state, _)| *state == State::Accepted).map_or(0, |(_, count)| *count);
    Ok(complaint_rule(complaints, accepted))
}

fn complaint_rule(complaints: i64, accepted: i64) -> Complaints {
    let share = complaints as f64 / accepted.max(1) as f64 * 1_000.0;
    match share {
        _ if accepted < MIN_ACCEPTED => Complaints::Few,
        share if share >= STOP_RATE => Complaints::TooMany,
        share if share >= WARN_RATE => Complaints::Many,
        _ => Complaints::Few,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts results, one in `every` a hard bounce; returns after how many the rule stops the campaign.
    fn stops_after(every: i64, results: i64) -> Option<i64> {
        let mut rule = StopRule::default();
        (1..=results).find(|n| rule.count_result(n % every == 0))
    }

    #[test]
    fn more_than_five_percent_of_the_first_results_stop_the_campaign() {
        assert_eq!(stops_after(20, 10_000), None, "25 of the first 500");
        assert_eq!(stops_after(19, 10_000), Some(494));
        assert_eq!(stops_after(1, 10_000), Some(26));
        assert_eq!(stops_after(2, 50), None, "too few to judge");
    }

    #[test]
    fn later_bounces_and_bounces_after_a_resume_do_not_stop() {
        let mut rule = StopRule { results: WATCHED_RESULTS, hard: 0 };
        assert!((0..100).all(|_| !rule.count_result(true)));

        let mut resumed = StopRule { results: 40, hard: MAX_HARD_BOUNCES + 1 };
        assert!((0..100).all(|_| !resumed.count_result(true)));
    }

    #[test]
    fn complaints_are_compared_per_thousand() {
        assert_eq!(complaint_rule(9, 10_000), Complaints::Few);
        assert_eq!(complaint_rule(10, 10_000), Complaints::Many);
        assert_eq!(complaint_rule(29, 10_000), Complaints::Many);
        assert_eq!(complaint_rule(30, 10_000), Complaints::TooMany);
        assert_eq!(complaint_rule(999, 999), Complaints::Few);
    }
}
