//! Progress of a campaign: final deliveries, rate, and estimated end.

use std::collections::VecDeque;

use super::lanes::{self, LaneStatus};
use super::summary::{self, Summary};
use crate::campaign::delivery;
use crate::campaign::model::{Campaign, State};
use crate::infra::clock::{Millis, format_local};
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;

/// Window over which the rate is averaged, in ms.
const WINDOW: Millis = 15_000;

/// Minimum time between two samples for a rate, in seconds: messages are sent in bursts.
const MIN_SECONDS: f64 = 3.0;

/// Estimates the rate of final deliveries from samples.
#[derive(Debug, Clone, Default)]
pub struct RateEstimator {
    samples: VecDeque<(Millis, i64)>,
}

impl RateEstimator {
    /// Adds a sample: the number of final deliveries at a time.
    pub fn add_sample(&mut self, at: Millis, settled: i64) {
        self.samples.push_back((at, settled));
        // Two samples are kept however far apart they are, so that rare samples give a rate too.
        while self.samples.len() > 2 && self.samples[1].0 <= at - WINDOW {
            self.samples.pop_front();
        }
    }

    /// Final deliveries per second; `None` until the samples span enough time.
    pub fn rate(&self) -> Option<f64> {
        let ((began, before), (at, settled)) = (self.samples.front()?, self.samples.back()?);
        let seconds = (at - began) as f64 / 1e3;
        (seconds >= MIN_SECONDS).then(|| (settled - before).max(0) as f64 / seconds)
    }
}

/// Progress of a campaign.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The numbers.
    pub numbers: Summary,
    /// Number of final deliveries.
    pub settled: i64,
    /// Final deliveries per second; `None` while the campaign does not run or the rate is unknown.
    pub rate: Option<f64>,
    /// Estimated end of the deliveries that are not deferred, at this rate.
    pub ends_at: Option<Millis>,
    /// Next attempt, when every open delivery is deferred.
    pub next_at: Option<Millis>,
    /// Lanes with pending deliveries, while the campaign runs or is paused.
    pub lanes: Vec<LaneStatus>,
}

/// What the database knows of the progress.
#[derive(Debug, Clone)]
pub struct ProgressSnapshot {
    numbers: Summary,
    running: bool,
    next_due: Option<Millis>,
    lanes: Vec<LaneStatus>,
}

/// Reads the progress of a campaign.
pub async fn read(conn: &mut Conn, campaign: &Campaign, now: Millis) -> Result<ProgressSnapshot> {
    let numbers = summary::read(conn, campaign).await?;
    let lanes = match campaign.state {
        State::Running | State::Paused => lanes::list(conn, campaign, now).await?,
        _ => Vec::new(),
    };
    with_lanes(conn, campaign, numbers, lanes).await
}

/// The progress of a campaign whose numbers and lanes are known.
pub async fn with_lanes(
    conn: &mut Conn,
    campaign: &Campaign,
    numbers: Summary,
    lanes: Vec<LaneStatus>,
) -> Result<ProgressSnapshot> {
    let all_deferred = numbers.deferred > 0 && numbers.deferred == numbers.pending;
    let next_due = if all_deferred { delivery::next_due(conn, campaign.id).await? } else { None };
    Ok(ProgressSnapshot { numbers, running: campaign.state == State::Running, next_due, lanes })
}

impl ProgressSnapshot {
    /// Adds the sample to an estimator and returns the progress with its rate.
    pub fn with_rate(self, estimator: &mut RateEstimator, now: Millis) -> Progress {
        let numbers = self.numbers;
        let settled = numbers.planned - numbers.pending;
        match self.running {
            true => estimator.add_sample(now, settled),
            false => *estimator = RateEstimator::default(),
        }
        let rate = estimator.rate();
        let left = numbers.pending - numbers.deferred;
        let ends_at = rate
            .filter(|rate| *rate > 0.0 && left > 0)
            .map(|rate| now.saturating_add((left as f64 / rate * 1e3) as Millis));
        let next_at = self.next_due.filter(|at| *at > now);
        Progress { numbers, settled, rate, ends_at, next_at, lanes: self.lanes }
    }
}

impl Progress {
    /// Final deliveries in percent, rounded down: 100 means all.
    pub fn percent(&self) -> i64 {
        if self.numbers.planned == 0 { 0 } else { self.settled * 100 / self.numbers.planned }
    }

    /// The rate as text, with one decimal below ten.
    fn rate_text(&self) -> Option<String> {
        self.rate.map(|rate| if rate < 10.0 { format!("{rate:.1}") } else { format!("{rate:.0}") })
    }

    /// Rate and estimated end, or the next attempt; `None` when neither is known.
    pub fn speed(&self, now: Millis) -> Option<Message> {
        if let Some(at) = self.next_at {
            return Some(Message::new("watch-again").with("time", format_local(at, now)));
        }
        let rate = self.rate_text()?;
        Some(match self.ends_at {
            Some(at) => Message::new("watch-ends").with("rate", rate).with("time", format_local(at, now)),
            None => Message::new("watch-rate").with("rate", rate),
        })
    }

    /// Note on uncertain deliveries, if there are any.
    pub fn uncertain_note(&self) -> Option<Message> {
        (self.uncertain() > 0).then(|| Message::new("watch-uncertain").with("count", self.uncertain()))
    }

    /// One line per lane; none when a single open lane would repeat the total.
    pub fn by_lane(&self, now: Millis, lang: Lang) -> Vec<String> {
        match self.lanes.as_slice() {
            [only] if only.state() == "open" => Vec::new(),
            lanes => lanes.iter().map(|waiting| waiting.line(now, lang)).collect(),
        }
    }

    /// Uncertain deliveries.
    pub fn uncertain(&self) -> i64 {
        self.numbers.uncertain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(pending: i64, deferred: i64, running: bool) -> ProgressSnapshot {
        let numbers = Summary {
            name: "autumn".to_owned(),
            state: if running { "running" } else { "paused" },
            planned: 1_000,
            accepted: 1_000 - pending,
            rejected: 0,
            uncertain: 0,
            suppressed: 0,
            skipped: 0,
            pending,
            sending: 0,
            deferred,
            opens: 0,
            clicks: 0,
            opens_total: 0,
            clicks_total: 0,
            unsubscribed: 0,
            lost: 0,
            set_aside: 0,
            links: Vec::new(),
        };
        ProgressSnapshot { numbers, running, next_due: None, lanes: Vec::new() }
    }

    #[test]
    fn the_rate_of_the_last_seconds_gives_the_estimated_end() {
        let mut estimator = RateEstimator::default();
        assert_eq!(snapshot(1_000, 0, true).with_rate(&mut estimator, 0).rate, None);
        for second in 1..=60 {
            snapshot(1_000 - second, 0, true).with_rate(&mut estimator, second * 1_000);
        }
        // Ten times as fast from here on.
        let mut last = None;
        for second in 61..=90 {
            last = Some(snapshot(940 - (second - 60) * 10, 40, true).with_rate(&mut estimator, second * 1_000));
        }

        let last = last.expect("looked");
        assert_eq!((last.rate_text().as_deref(), last.percent()), (Some("10"), 36));
        assert_eq!(last.ends_at, Some(90_000 + 60_000), "600 deliveries at 10 a second; 40 are deferred");
    }

    #[test]
    fn one_sample_per_minute_gives_a_rate() {
        let mut estimator = RateEstimator::default();
        for minute in 0..5 {
            snapshot(1_000 - 120 * minute, 0, true).with_rate(&mut estimator, 60_000 * minute);
        }

        assert_eq!(estimator.rate(), Some(2.0));
    }

    #[test]
    fn a_pause_resets_the_rate() {
        let mut estimator = RateEstimator::default();
        snapshot(900, 0, true).with_rate(&mut estimator, 1_000);
        snapshot(800, 0, true).with_rate(&mut estimator, 2_000);

        let paused = snapshot(800, 0, false).with_rate(&mut estimator, 3_000);
        let resumed = snapshot(800, 0, true).with_rate(&mut estimator, 900_000);

        assert_eq!((paused.rate, paused.ends_at, resumed.rate), (None, None, None));
    }
}
