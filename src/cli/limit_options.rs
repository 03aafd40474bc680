//! Options that lanes and relays share: their limits. `none` removes a limit.

use std::str::FromStr;

use clap::Args;

use crate::campaign::rate_limit::{RateLimit, WarmUp};
use crate::infra::error::{Error, Message};
use crate::infra::i18n::Lang;
use crate::usecase::limits::{Change, LimitChange, Today};

/// A value, or the word `none`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrNone<T>(pub Option<T>);

impl<T: FromStr> FromStr for OrNone<T> {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "none" => Ok(Self(None)),
            other => match other.parse() {
                Ok(value) => Ok(Self(Some(value))),
                Err(_) => Err(Message::new("limit-value-invalid").with("text", text).invalid()),
            },
        }
    }
}

/// The limits of a lane or relay; options left out keep their value.
#[derive(Debug, Clone, Default, Args)]
pub struct Limits {
    /// Messages a second, or `none`
    #[arg(long, value_name = "N")]
    pub rate: Option<OrNone<f64>>,
    /// Messages a day (UTC), or `none`; the rest is sent on the next day
    #[arg(long, value_name = "N")]
    pub daily: Option<OrNone<i64>>,
    /// Messages on the first day and the factor from one day of sending to the next, e.g. `200:1.5`, or `none`
    #[arg(long, value_name = "START:GROWTH")]
    pub warm_up: Option<OrNone<WarmUp>>,
}

impl Limits {
    /// The change that the options name.
    pub fn change(&self) -> LimitChange {
        LimitChange { rate: change(self.rate), daily: change(self.daily), warm_up: change(self.warm_up) }
    }
}

/// The change that an option names.
pub fn change<T>(option: Option<OrNone<T>>) -> Change<T> {
    match option {
        None => Change::Keep,
        Some(OrNone(None)) => Change::Remove,
        Some(OrNone(Some(value))) => Change::Set(value),
    }
}

/// A limit in words; `None` when nothing is limited.
pub fn text(limit: &RateLimit, today: Today, lang: Lang) -> Option<String> {
    let rate = limit.rate.map(|rate| Message::new("limit-rate").with("rate", round(rate)));
    let today = today.quota.map(|quota| Message::new("limit-today").with("sent", today.sent).with("quota", quota));
    let warm_up = limit
        .warm_up
        .map(|warm_up| Message::new("limit-warm-up").with("start", warm_up.start).with("growth", warm_up.growth));
    let parts: Vec<_> = [rate, today, warm_up].into_iter().flatten().map(|message| lang.translate(&message)).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// A rate to two places.
pub fn round(rate: f64) -> f64 {
    (rate * 100.0).round() / 100.0
}
