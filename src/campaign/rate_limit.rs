//! How much may leave: letters a second, letters a day, and the ramp by which a new sender comes to
//! be known. Lanes and relays each have a cap; what is drawn under it is kept elsewhere.

use std::str::FromStr;

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::infra::db::Sql;
use crate::infra::error::{Error, Message, Result};

/// A limit. Without any part of it letters leave as fast as they are taken.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RateLimit {
    /// Letters a second.
    pub rate: Option<f64>,
    /// Letters a day (UTC).
    pub daily: Option<i64>,
    /// How the day's letters grow until they reach `daily`.
    pub warm_up: Option<WarmUp>,
}

/// A warm-up. Only days on which something was sent count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WarmUp {
    /// Letters on the first day.
    pub start: i64,
    /// By how much each day's letters exceed those of the day before.
    pub growth: f64,
}

impl RateLimit {
    /// True when nothing is limited.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Letters that may leave on a day that has `days` days of sending before it.
    pub fn quota(&self, days: i64) -> Option<i64> {
        let ramped = self.warm_up.map(|ramp| {
            let grown = ramp.start as f64 * ramp.growth.powf(days as f64);
            // A cast of a float too large gives the largest number.
            grown as i64
        });
        [self.daily, ramped].into_iter().flatten().min()
    }

    /// The same cap with a rate that is not above `pace`.
    pub fn at_most(mut self, pace: Option<f64>) -> Self {
        self.rate = match (self.rate, pace) {
            (Some(rate), Some(pace)) => Some(rate.min(pace)),
            (rate, pace) => rate.or(pace),
        };
        self
    }

    /// Refuses numbers that mean nothing.
    pub fn check(&self) -> Result<()> {
        if self.rate.is_some_and(|rate| !(rate.is_finite() && rate > 0.0)) {
            return Err(Message::new("relay-rate").invalid_field("rate"));
        }
        if self.daily.is_some_and(|daily| daily < 1) {
            return Err(Message::new("limit-daily-invalid").invalid_field("daily"));
        }
        Ok(())
    }

    /// Reads the columns `rate`, `daily`, `ramp_start` and `ramp_growth` from column `at` on.
    pub fn read(row: &AnyRow, at: usize) -> Self {
        let (start, growth): (Option<i64>, Option<f64>) = (row.get(at + 2), row.get(at + 3));
        let warm_up = start.zip(growth).map(|(start, growth)| WarmUp { start, growth });
        Self { rate: row.get(at), daily: row.get(at + 1), warm_up }
    }

    /// Appends the values of these four columns.
    pub fn write(&self, sql: &mut Sql) {
        // sqlx 0.9 binds an absent f64 as float4, which PostgreSQL then expects for ever: 0 is none.
        sql.push("nullif(").bind(self.rate.unwrap_or(0.0)).push(", 0), ").bind(self.daily).push(", ");
        sql.bind(self.warm_up.map(|ramp| ramp.start)).push(", nullif(");
        sql.bind(self.warm_up.map_or(0.0, |ramp| ramp.growth)).push(", 0)");
    }
}

/// `START:GROWTH`, as in `200:1.5`.
impl FromStr for WarmUp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let read = || {
            let (start, growth) = text.split_once([':', 'x', '×'])?;
            Some(Self { start: start.trim().parse().ok()?, growth: growth.trim().parse().ok()? })
        };
        let sound = |ramp: &Self| ramp.start >= 1 && ramp.growth.is_finite() && ramp.growth >= 1.0;
        read()
            .filter(sound)
            .ok_or_else(|| Message::new("limit-warm-up-invalid").with("text", text).invalid_field("warm_up"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_grows_by_days_of_sending_and_ends_at_the_quota() {
        let cap = RateLimit { daily: Some(1_000), warm_up: Some("200:1.5".parse().expect("a ramp")), rate: None };

        let quotas: Vec<_> = (0..6).map(|days| cap.quota(days)).collect();

        assert_eq!(quotas, [200, 300, 450, 675, 1_000, 1_000].map(Some));
        assert_eq!(cap.quota(100_000), Some(1_000));
        assert_eq!(RateLimit { daily: None, ..cap }.quota(2), Some(450));
        assert_eq!(RateLimit::default().quota(0), None);
    }

    #[test]
    fn what_is_no_ramp_is_refused() {
        for text in ["", "200", "200:", ":2", "0:2", "200:0.5", "200:NaN", "200:inf", "-1:2", "a:b"] {
            let error = text.parse::<WarmUp>().expect_err(text);
            assert_eq!((error.message().key, error.exit_code()), ("limit-warm-up-invalid", 2), "{text}");
        }
    }

    #[test]
    fn the_lower_rate_holds() {
        let cap = |rate| RateLimit { rate, ..RateLimit::default() };

        assert_eq!(cap(Some(5.0)).at_most(Some(2.0)).rate, Some(2.0));
        assert_eq!(cap(Some(1.0)).at_most(Some(2.0)).rate, Some(1.0));
        assert_eq!(cap(None).at_most(Some(2.0)).rate, Some(2.0));
        assert_eq!(cap(None).at_most(None).rate, None);
    }
}
