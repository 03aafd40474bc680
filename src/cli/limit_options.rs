//! Options that lanes and relays have in common: their limits. `none` takes a limit back.

use std::str::FromStr;

use clap::Args;
use serde_json::{Value, json};

use crate::campaign::rate_limit::{RateLimit, WarmUp};
use crate::infra::error::{Error, Message};
use crate::infra::i18n::Lang;

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
                Err(_) => Err(Message::new("cap-value").with("text", text).invalid()),
            },
        }
    }
}

/// What may leave. What is not named stays as it is.
#[derive(Debug, Clone, Default, Args)]
pub struct Limits {
    /// Letters a second, or `none`
    #[arg(long, value_name = "N")]
    pub rate: Option<OrNone<f64>>,
    /// Letters a day (UTC), or `none`; the rest goes on the next day
    #[arg(long, value_name = "N")]
    pub daily: Option<OrNone<i64>>,
    /// Letters on the first day and by how much each day of sending exceeds the one before, e.g. `200:1.5`, or `none`
    #[arg(long, value_name = "START:GROWTH")]
    pub warm_up: Option<OrNone<WarmUp>>,
}

impl Limits {
    /// The cap with what is named here.
    pub fn apply(&self, mut cap: RateLimit) -> RateLimit {
        cap.rate = self.rate.map_or(cap.rate, |rate| rate.0);
        cap.daily = self.daily.map_or(cap.daily, |daily| daily.0);
        cap.warm_up = self.warm_up.map_or(cap.warm_up, |ramp| ramp.0);
        cap
    }
}

/// A cap for programs.
pub fn json(cap: &RateLimit) -> Value {
    json!({
        "rate": cap.rate,
        "daily": cap.daily,
        "warm_up": cap.warm_up.map(|ramp| json!({ "start": ramp.start, "growth": ramp.growth })),
    })
}

/// A cap in words; empty when nothing is limited. `today` is what was sent and may be sent today.
pub fn text(cap: &RateLimit, (sent, quota): (i64, Option<i64>), lang: Lang) -> String {
    let rate = cap.rate.map(|rate| lang.translate(&Message::new("cap-rate").with("rate", round(rate))));
    let today = quota.map(|quota| lang.translate(&Message::new("cap-today").with("sent", sent).with("quota", quota)));
    let ramp = cap
        .warm_up
        .map(|ramp| lang.translate(&Message::new("cap-warm-up").with("start", ramp.start).with("growth", ramp.growth)));
    [rate, today, ramp].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Two places are enough for a pace.
pub fn round(rate: f64) -> f64 {
    (rate * 100.0).round() / 100.0
}
