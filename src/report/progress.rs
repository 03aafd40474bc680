//! How far a campaign is, how fast it goes, and when it will be done at that speed.

use std::collections::VecDeque;

use super::lanes::{self, LaneStatus};
use super::summary::{self, Summary};
use crate::campaign::delivery;
use crate::campaign::model::{Campaign, State};
use crate::infra::clock::{Millis, format_local};
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;

/// Over how many ms the rate is smoothed.
const WINDOW: Millis = 15_000;

/// Seconds that must lie between two looks: letters come in bursts.
const LEAST: f64 = 3.0;

/// How fast letters came to their end lately.
#[derive(Debug, Clone, Default)]
pub struct RateEstimator {
    looks: VecDeque<(Millis, i64)>,
}

impl RateEstimator {
    /// Writes down how many letters had an end at a moment.
    pub fn note(&mut self, at: Millis, settled: i64) {
        self.looks.push_back((at, settled));
        // Two looks are kept however far apart they are: who looks seldom has a rate, too.
        while self.looks.len() > 2 && self.looks[1].0 <= at - WINDOW {
            self.looks.pop_front();
        }
    }

    /// Letters a second; `None` until it was watched long enough to mean something.
    pub fn rate(&self) -> Option<f64> {
        let ((began, before), (at, settled)) = (self.looks.front()?, self.looks.back()?);
        let seconds = (at - began) as f64 / 1e3;
        (seconds >= LEAST).then(|| (settled - before).max(0) as f64 / seconds)
    }
}

/// How far a campaign is.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The numbers.
    pub numbers: Summary,
    /// Letters that have an end.
    pub settled: i64,
    /// Letters a second over the last seconds; `None` while it does not run or nothing is known.
    pub rate: Option<f64>,
    /// When the last letter that does not wait for another try is through, at this rate.
    pub ends_at: Option<Millis>,
    /// When the next letter is tried again, where all that is left waits for that.
    pub next_at: Option<Millis>,
    /// The lanes in which letters wait, while it runs or is paused.
    pub lanes: Vec<LaneStatus>,
}

/// What has to be asked of the database.
#[derive(Debug, Clone)]
pub struct ProgressSnapshot {
    numbers: Summary,
    running: bool,
    next_due: Option<Millis>,
    lanes: Vec<LaneStatus>,
}

/// Asks how far a campaign is.
pub async fn read(conn: &mut Conn, campaign: &Campaign, now: Millis) -> Result<ProgressSnapshot> {
    let numbers = summary::read(conn, campaign).await?;
    let all_wait = numbers.deferred > 0 && numbers.deferred == numbers.pending;
    let next_due = if all_wait { delivery::next_due(conn, campaign.id).await? } else { None };
    let lanes = match campaign.state {
        State::Running | State::Paused => lanes::waiting(conn, campaign, now).await?,
        _ => Vec::new(),
    };
    Ok(ProgressSnapshot { numbers, running: campaign.state == State::Running, next_due, lanes })
}

impl ProgressSnapshot {
    /// Puts it beside what was seen before.
    pub fn with_rate(self, pace: &mut RateEstimator, now: Millis) -> Progress {
        let numbers = self.numbers;
        let settled = numbers.planned - numbers.pending - numbers.sending;
        match self.running {
            true => pace.note(now, settled),
            false => *pace = RateEstimator::default(),
        }
        let rate = pace.rate();
        let left = numbers.pending - numbers.deferred + numbers.sending;
        let ends_at = rate
            .filter(|rate| *rate > 0.0 && left > 0)
            .map(|rate| now.saturating_add((left as f64 / rate * 1e3) as Millis));
        let next_at = self.next_due.filter(|at| *at > now);
        Progress { numbers, settled, rate, ends_at, next_at, lanes: self.lanes }
    }
}

impl Progress {
    /// Per cent that have an end, rounded down: 100 means all.
    pub fn percent(&self) -> i64 {
        if self.numbers.planned == 0 { 0 } else { self.settled * 100 / self.numbers.planned }
    }

    /// The rate as it is read: one digit after the point below ten.
    fn rate_text(&self) -> Option<String> {
        self.rate.map(|rate| if rate < 10.0 { format!("{rate:.1}") } else { format!("{rate:.0}") })
    }

    /// Rate and end, or what is waited for; `None` where there is nothing to say.
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

    /// That letters are uncertain, if any are.
    pub fn uncertain_note(&self) -> Option<Message> {
        (self.uncertain() > 0).then(|| Message::new("watch-uncertain").with("count", self.uncertain()))
    }

    /// A line for each lane, where it tells more than the whole does: several, or one that is held up.
    pub fn by_lane(&self, now: Millis, lang: Lang) -> Vec<String> {
        match self.lanes.as_slice() {
            [only] if only.state() == "open" => Vec::new(),
            lanes => lanes.iter().map(|waiting| waiting.line(now, lang)).collect(),
        }
    }

    /// Letters whose fate the relay alone knows, without those that are on the wire.
    pub fn uncertain(&self) -> i64 {
        self.numbers.uncertain - self.numbers.sending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pending: i64, deferred: i64, running: bool) -> ProgressSnapshot {
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
            unsubscribed: 0,
            links: Vec::new(),
        };
        ProgressSnapshot { numbers, running, next_due: None, lanes: Vec::new() }
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds_and_tells_the_end() {
        let mut pace = RateEstimator::default();
        assert_eq!(asked(1_000, 0, true).with_rate(&mut pace, 0).rate, None);
        for second in 1..=60 {
            asked(1_000 - second, 0, true).with_rate(&mut pace, second * 1_000);
        }
        // Ten times as fast from here on.
        let mut last = None;
        for second in 61..=90 {
            last = Some(asked(940 - (second - 60) * 10, 40, true).with_rate(&mut pace, second * 1_000));
        }

        let last = last.expect("looked");
        assert_eq!((last.rate_text().as_deref(), last.percent()), (Some("10"), 36));
        assert_eq!(last.ends_at, Some(90_000 + 60_000), "600 letters at 10 a second; 40 wait for another try");
    }

    #[test]
    fn who_looks_once_a_minute_has_a_rate_too() {
        let mut pace = RateEstimator::default();
        for minute in 0..5 {
            asked(1_000 - 120 * minute, 0, true).with_rate(&mut pace, 60_000 * minute);
        }

        assert_eq!(pace.rate(), Some(2.0));
    }

    #[test]
    fn a_pause_has_no_rate_and_the_time_after_it_begins_anew() {
        let mut pace = RateEstimator::default();
        asked(900, 0, true).with_rate(&mut pace, 1_000);
        asked(800, 0, true).with_rate(&mut pace, 2_000);

        let paused = asked(800, 0, false).with_rate(&mut pace, 3_000);
        let resumed = asked(800, 0, true).with_rate(&mut pace, 900_000);

        assert_eq!((paused.rate, paused.ends_at, resumed.rate), (None, None, None));
    }
}
