//! Wall-clock time in an IANA time zone and the point in time it means.
//!
//! A time in a daylight-saving gap does not exist: it moves forward by the gap. A time in a fold happens twice: the first
//! is taken. [`ZonedTime::warning`] reports either.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::infra::clock::Millis;
use crate::infra::error::{Message, Result};

/// A wall-clock time in a zone and the point in time it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZonedTime {
    /// The wall-clock time as entered; it may not exist in the zone.
    pub local: DateTime,
    /// IANA name of the zone, such as `Europe/Moscow`.
    pub zone: String,
    /// The point in time. It is kept when the rules of the zone change.
    pub at: Millis,
    /// Whether the clocks change at that time.
    pub clock_change: ClockChange,
}

/// Effect of a clock change on a wall-clock time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockChange {
    /// None.
    None,
    /// The time does not exist.
    Gap,
    /// The time happens twice.
    Fold,
}

impl ZonedTime {
    /// Parses `2026-12-01 10:00` in a zone (UTC without one), or a time with an offset (RFC 3339).
    pub fn parse(text: &str, zone: Option<&str>) -> Result<Self> {
        let text = text.trim();
        if let Ok(time) = text.parse::<Timestamp>() {
            let local = TimeZone::UTC.to_datetime(time);
            return Ok(Self {
                local,
                zone: "UTC".to_owned(),
                at: time.as_millisecond(),
                clock_change: ClockChange::None,
            });
        }
        Self::from_local(parse_local(text)?, zone.unwrap_or("UTC"))
    }

    /// The point in time that a wall-clock time means in a zone.
    pub fn from_local(local: DateTime, zone: &str) -> Result<Self> {
        let rules = time_zone(zone)?;
        let name = rules.iana_name().unwrap_or(zone).to_owned();
        let ambiguous = rules.to_ambiguous_timestamp(local);
        let clock_change = match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } => ClockChange::None,
            AmbiguousOffset::Gap { .. } => ClockChange::Gap,
            AmbiguousOffset::Fold { .. } => ClockChange::Fold,
        };
        let time = ambiguous.compatible().map_err(|_| invalid(&local.to_string()))?;
        Ok(Self { local, zone: name, at: time.as_millisecond(), clock_change })
    }

    /// Warning when the clocks change at this time.
    pub fn warning(&self) -> Option<Message> {
        let key = match self.clock_change {
            ClockChange::None => return None,
            ClockChange::Gap => "time-gap",
            ClockChange::Fold => "time-fold",
        };
        let message = Message::new(key).with("asked", self.local.strftime("%H:%M")).with("zone", &self.zone);
        Some(message.with("meant", format_in_zone(self.at, &self.zone)))
    }
}

/// Parses `2026-12-01 10:00`.
pub fn parse_local(text: &str) -> Result<DateTime> {
    text.trim().parse().map_err(|_| invalid(text))
}

/// Formats a point in time in a zone: `2026-12-01 10:00 Europe/Moscow`.
pub fn format_in_zone(at: Millis, zone: &str) -> String {
    let known = Timestamp::from_millisecond(at).ok().zip(TimeZone::get(zone).ok());
    known.map_or_else(String::new, |(time, rules)| format!("{} {zone}", format_local(rules.to_datetime(time))))
}

/// Formats a wall-clock time; with seconds if they are not zero.
pub fn format_local(local: DateTime) -> String {
    let format = if local.second() == 0 { "%Y-%m-%d %H:%M" } else { "%Y-%m-%d %H:%M:%S" };
    local.strftime(format).to_string()
}

/// A zone of the IANA time zone database by name, in upper or lower case.
pub fn time_zone(name: &str) -> Result<TimeZone> {
    TimeZone::get(name.trim()).map_err(|_| Message::new("campaign-zone").with("zone", name).invalid_field("zone"))
}

fn invalid(text: &str) -> crate::infra::error::Error {
    Message::new("campaign-time").with("text", text).invalid_field("at")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, zone: &str) -> (String, ClockChange) {
        let time = ZonedTime::parse(text, Some(zone)).expect("a time");
        (Timestamp::from_millisecond(time.at).expect("in range").to_string(), time.clock_change)
    }

    #[test]
    fn a_time_in_a_gap_moves_forward_by_the_gap() {
        assert_eq!(at("2026-03-29 02:30", "Europe/Berlin"), ("2026-03-29T01:30:00Z".to_owned(), ClockChange::Gap));
        assert_eq!(at("2026-03-08 02:15", "America/New_York"), ("2026-03-08T07:15:00Z".to_owned(), ClockChange::Gap));
        assert_eq!(at("2026-03-29 03:00", "Europe/Berlin"), ("2026-03-29T01:00:00Z".to_owned(), ClockChange::None));
        // Lord Howe Island changes its clocks by half an hour.
        assert_eq!(
            at("2026-10-04 02:10", "Australia/Lord_Howe"),
            ("2026-10-03T15:40:00Z".to_owned(), ClockChange::Gap)
        );
    }

    #[test]
    fn a_time_in_a_fold_is_the_first_one() {
        assert_eq!(at("2026-10-25 02:30", "Europe/Berlin"), ("2026-10-25T00:30:00Z".to_owned(), ClockChange::Fold));
        assert_eq!(at("2026-11-01 01:30", "America/New_York"), ("2026-11-01T05:30:00Z".to_owned(), ClockChange::Fold));
    }

    #[test]
    fn a_zone_without_daylight_saving_has_no_clock_changes() {
        for text in ["2026-03-29 02:30", "2026-10-25 02:30"] {
            assert_eq!(at(text, "Europe/Moscow").1, ClockChange::None);
        }
        assert_eq!(at("2026-12-01 10:00", "Europe/Moscow").0, "2026-12-01T07:00:00Z");
    }

    #[test]
    fn the_warning_names_the_entered_time_and_the_time_it_means() {
        let note = |text| ZonedTime::parse(text, Some("europe/berlin")).expect("a time").warning().expect("a note");
        let gap = note("2026-03-29 02:30");
        assert_eq!(gap.key, "time-gap");
        assert_eq!(gap.text("asked"), "02:30");
        assert_eq!(gap.text("meant"), "2026-03-29 03:30 Europe/Berlin");
        assert_eq!(note("2026-10-25 02:30").key, "time-fold");
        assert_eq!(ZonedTime::parse("2026-03-29 04:30", Some("Europe/Berlin")).expect("a time").warning(), None);
    }

    #[test]
    fn invalid_times_and_zones_are_refused() {
        let key = |text, zone| ZonedTime::parse(text, Some(zone)).expect_err("refused").message().key;
        assert_eq!(key("2026-12-01 10:00", "Moscow"), "campaign-zone");
        assert_eq!(key("tomorrow", "Europe/Moscow"), "campaign-time");
        assert_eq!(key("2026-02-29 10:00", "Europe/Moscow"), "campaign-time");
    }
}
