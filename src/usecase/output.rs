//! Values that outputs share: times as ISO 8601.

use serde::Serializer;

use crate::infra::clock::Millis;

/// A time as ISO 8601 in UTC.
pub fn utc(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at).map(|at| at.to_string()).unwrap_or_default()
}

/// Serialises a time as ISO 8601 in UTC, for `#[serde(serialize_with)]`.
pub fn time<S: Serializer>(at: &Millis, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&utc(*at))
}

/// Serialises an optional time as ISO 8601 in UTC or null.
pub fn optional_time<S: Serializer>(at: &Option<Millis>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serializer.serialize_str(&utc(*at)),
        None => serializer.serialize_none(),
    }
}
