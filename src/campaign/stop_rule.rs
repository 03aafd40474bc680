//! Stop rules of a campaign: it stops when too many of its first deliveries bounce or too many recipients complain, which
//! mailbox providers hold against the sender, and when one message after another is refused for a reason that is not the
//! recipients'.

use super::delivery::State;
use super::delivery::counts;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// Number of results at the start of a campaign that are watched for hard bounces.
pub const WATCHED_RESULTS: i64 = 500;

/// Hard bounces allowed among them: 5 %.
pub const MAX_HARD_BOUNCES: i64 = WATCHED_RESULTS / 20;

/// Refusals in a row that no person is to blame for.
const MAX_REFUSALS: i64 = 20;

/// The same, while no message of the campaign was accepted.
const MAX_FIRST_REFUSALS: i64 = 10;

/// With fewer accepted messages complaints are ignored: one recipient would decide.
const MIN_ACCEPTED: i64 = 1_000;

/// Complaints per thousand messages at which we warn; from the sender rules of Gmail and Yahoo.
const WARN_RATE: f64 = 1.0;

/// Complaints per thousand messages at which the campaign must stop.
const STOP_RATE: f64 = 3.0;

/// Counts the results of a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StopRule {
    results: i64,
    accepted: i64,
    hard: i64,
    /// Refusals since the last accepted message.
    refused: i64,
}

/// Why a campaign must stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// More than [`MAX_HARD_BOUNCES`] of the first [`WATCHED_RESULTS`] results were hard bounces.
    Bounces,
    /// So many messages in a row were refused for a reason that is not the recipients'.
    Refusals(i64),
}

impl StopRule {
    /// Loads the counts of a campaign. A campaign that was stopped for its bounces and resumed is past the limit and is not
    /// stopped again for them.
    pub async fn load(conn: &mut Conn, campaign: Id) -> Result<Self> {
        let counts = counts::read(conn, campaign).await?.by_state();
        let of = |wanted| counts.iter().find(|(state, _)| *state == wanted).map_or(0, |(_, count)| *count);
        let (accepted, rejected) = (of(State::Accepted), of(State::Rejected));
        let hard = count_bounces(conn, campaign, MAX_HARD_BOUNCES + 1).await?;
        Ok(Self { results: accepted + rejected, accepted, hard, refused: 0 })
    }

    /// True when a message of the campaign was accepted.
    pub fn has_accepted(&self) -> bool {
        self.accepted > 0
    }

    /// Counts an accepted message.
    pub fn count_accepted(&mut self) -> Option<Stop> {
        (self.results, self.accepted, self.refused) = (self.results + 1, self.accepted + 1, 0);
        None
    }

    /// Counts a hard bounce.
    pub fn count_bounce(&mut self) -> Option<Stop> {
        (self.results, self.hard) = (self.results + 1, self.hard + 1);
        (self.hard == MAX_HARD_BOUNCES + 1 && self.results <= WATCHED_RESULTS).then_some(Stop::Bounces)
    }

    /// Counts a permanent refusal that is no hard bounce.
    pub fn count_refusal(&mut self) -> Option<Stop> {
        (self.results, self.refused) = (self.results + 1, self.refused + 1);
        let most = if self.has_accepted() { MAX_REFUSALS } else { MAX_FIRST_REFUSALS };
        (self.refused == most).then_some(Stop::Refusals(most))
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
    row.map_or(Ok(0), |row| row.cell(0))
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
    let complaints: i64 = row.map_or(Ok(0), |row| row.cell(0))?;
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
        (1..=results).find(|n| if n % every == 0 { rule.count_bounce() } else { rule.count_accepted() }.is_some())
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
        let mut rule = StopRule { results: WATCHED_RESULTS, ..StopRule::default() };
        assert!((0..100).all(|_| rule.count_bounce().is_none()));

        let mut resumed = StopRule { results: 40, hard: MAX_HARD_BOUNCES + 1, ..StopRule::default() };
        assert!((0..100).all(|_| resumed.count_bounce().is_none()));
    }

    #[test]
    fn refusals_in_a_row_stop_the_campaign_and_an_accepted_message_ends_the_row() {
        let mut rule = StopRule::default();
        assert_eq!((1..=50).find(|_| rule.count_refusal().is_some()), Some(10));

        let mut rule = StopRule::default();
        rule.count_accepted();
        assert!((1..20).all(|_| rule.count_refusal().is_none() && rule.count_bounce().is_none()));
        rule.count_accepted();
        assert_eq!((1..=50).find(|_| rule.count_refusal().is_some()), Some(20));
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
