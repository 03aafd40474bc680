//! Rate limits of lanes and relays: messages per second, messages per day, and the warm-up of a new sender. `mailer::limits`
//! stores how much of a limit is used.

use std::str::FromStr;

use sqlx::any::AnyRow;

use crate::infra::db::{Cells, Query};
use crate::infra::error::{Error, Message, Result};

/// A rate limit. Every part is optional; without any, messages are sent as fast as relays take them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RateLimit {
    /// Messages per second.
    pub rate: Option<f64>,
    /// Messages per day (UTC).
    pub daily: Option<i64>,
    /// Growth of the daily quota until it reaches `daily`.
    pub warm_up: Option<WarmUp>,
}

/// A warm-up of a new sender: the daily quota grows with each day on which something was sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WarmUp {
    /// Messages on the first day.
    pub start: i64,
    /// Factor from one day of sending to the next; at least 1.
    pub growth: f64,
}

impl RateLimit {
    /// True when nothing is limited.
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }

    /// Messages allowed on a day after `days` earlier days of sending; `None` without a daily limit.
    pub fn quota(&self, days: i64) -> Option<i64> {
        let warm_up = self.warm_up.map(|warm_up| {
            let grown = warm_up.start as f64 * warm_up.growth.powf(days as f64);
            // A cast of too large a float saturates.
            grown as i64
        });
        [self.daily, warm_up].into_iter().flatten().min()
    }

    /// The same limit with a rate of at most `rate` messages per second.
    pub fn at_most(mut self, rate: Option<f64>) -> Self {
        self.rate = match (self.rate, rate) {
            (Some(own), Some(rate)) => Some(own.min(rate)),
            (own, rate) => own.or(rate),
        };
        self
    }

    /// Refuses numbers out of range.
    pub fn check(&self) -> Result<()> {
        if self.rate.is_some_and(|rate| !(rate.is_finite() && rate > 0.0)) {
            return Err(Message::new("relay-rate").invalid_field("rate"));
        }
        if self.daily.is_some_and(|daily| daily < 1) {
            return Err(Message::new("limit-daily-invalid").invalid_field("daily"));
        }
        Ok(())
    }

    /// Reads rate, daily limit, start and growth of the warm-up from column `at` on.
    pub fn from_row(row: &AnyRow, at: usize) -> Result<Self> {
        let (start, growth): (Option<i64>, Option<f64>) = (row.cell(at + 2)?, row.cell(at + 3)?);
        let warm_up = start.zip(growth).map(|(start, growth)| WarmUp { start, growth });
        Ok(Self { rate: row.cell(at)?, daily: row.cell(at + 1)?, warm_up })
    }

    /// The values of these four columns as a list of SQL expressions.
    pub fn values(&self) -> Query {
        // sqlx 0.9 binds an absent f64 as float4, which PostgreSQL then expects in every later execution: 0 stands for none.
        Query::new("nullif(:rate, 0), :daily, :warm_up_start, nullif(:warm_up_growth, 0)")
            .bind("rate", self.rate.unwrap_or(0.0))
            .bind("daily", self.daily)
            .bind("warm_up_start", self.warm_up.map(|warm_up| warm_up.start))
            .bind("warm_up_growth", self.warm_up.map_or(0.0, |warm_up| warm_up.growth))
    }
}

/// Parses `START:GROWTH`, as in `200:1.5`.
impl FromStr for WarmUp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let read = || {
            let (start, growth) = text.split_once([':', 'x', '×'])?;
            Some(Self { start: start.trim().parse().ok()?, growth: growth.trim().parse().ok()? })
        };
        let is_valid = |warm_up: &Self| warm_up.start >= 1 && warm_up.growth.is_finite() && warm_up.growth >= 1.0;
        read()
            .filter(is_valid)
            .ok_or_else(|| Message::new("limit-warm-up-invalid").with("text", text).invalid_field("warm_up"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warm_up_grows_by_days_of_sending_up_to_the_daily_limit() {
        let limit = RateLimit { daily: Some(1_000), warm_up: Some("200:1.5".parse().expect("a warm-up")), rate: None };

        let quotas: Vec<_> = (0..6).map(|days| limit.quota(days)).collect();

        assert_eq!(quotas, [200, 300, 450, 675, 1_000, 1_000].map(Some));
        assert_eq!(limit.quota(100_000), Some(1_000));
        assert_eq!(RateLimit { daily: None, ..limit }.quota(2), Some(450));
        assert_eq!(RateLimit::default().quota(0), None);
    }

    #[test]
    fn an_invalid_warm_up_is_refused() {
        for text in ["", "200", "200:", ":2", "0:2", "200:0.5", "200:NaN", "200:inf", "-1:2", "a:b"] {
            let error = text.parse::<WarmUp>().expect_err(text);
            assert_eq!((error.message().key, error.exit_code()), ("limit-warm-up-invalid", 2), "{text}");
        }
    }

    #[test]
    fn the_lower_rate_applies() {
        let limit = |rate| RateLimit { rate, ..RateLimit::default() };

        assert_eq!(limit(Some(5.0)).at_most(Some(2.0)).rate, Some(2.0));
        assert_eq!(limit(Some(1.0)).at_most(Some(2.0)).rate, Some(1.0));
        assert_eq!(limit(None).at_most(Some(2.0)).rate, Some(2.0));
        assert_eq!(limit(None).at_most(None).rate, None);
    }
}
