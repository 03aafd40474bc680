//! Limits of lanes and relays: what to change of them, and how they are shown.

use serde::Serialize;

use crate::campaign::rate_limit::{RateLimit, WarmUp};

/// A change of an optional value.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Change<T> {
    /// Leave it as it is.
    #[default]
    Keep,
    /// Remove it.
    Remove,
    /// Replace it.
    Set(T),
}

impl<T> Change<T> {
    /// The value after the change.
    pub fn apply(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Keep => before,
            Self::Remove => None,
            Self::Set(value) => Some(value),
        }
    }
}

/// What to change of a rate limit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LimitChange {
    /// Messages a second.
    pub rate: Change<f64>,
    /// Messages a day (UTC).
    pub daily: Change<i64>,
    /// The warm-up.
    pub warm_up: Change<WarmUp>,
}

impl LimitChange {
    /// The limit after the change.
    pub fn apply(self, before: RateLimit) -> RateLimit {
        RateLimit {
            rate: self.rate.apply(before.rate),
            daily: self.daily.apply(before.daily),
            warm_up: self.warm_up.apply(before.warm_up),
        }
    }
}

/// A rate limit.
#[derive(Debug, Serialize)]
pub struct LimitView {
    /// Messages a second.
    pub rate: Option<f64>,
    /// Messages a day (UTC).
    pub daily: Option<i64>,
    /// The warm-up.
    pub warm_up: Option<WarmUpView>,
}

/// A warm-up.
#[derive(Debug, Serialize)]
pub struct WarmUpView {
    /// Messages on the first day.
    pub start: i64,
    /// The factor from one day of sending to the next.
    pub growth: f64,
}

impl From<RateLimit> for LimitView {
    fn from(limit: RateLimit) -> Self {
        let warm_up = limit.warm_up.map(|warm_up| WarmUpView { start: warm_up.start, growth: warm_up.growth });
        Self { rate: limit.rate, daily: limit.daily, warm_up }
    }
}

/// What was sent today (UTC), and the quota of today.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Today {
    /// Messages sent.
    pub sent: i64,
    /// Messages that may be sent; null without a daily limit and warm-up.
    pub quota: Option<i64>,
}

impl From<(i64, Option<i64>)> for Today {
    fn from((sent, quota): (i64, Option<i64>)) -> Self {
        Self { sent, quota }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_keeps_what_it_does_not_name() {
        let before = RateLimit { rate: Some(5.0), daily: Some(100), warm_up: None };

        let change = LimitChange { rate: Change::Remove, warm_up: Change::Keep, daily: Change::Set(7) };
        assert_eq!(change.apply(before), RateLimit { rate: None, daily: Some(7), warm_up: None });
        assert_eq!(LimitChange::default().apply(before), before);
    }
}
