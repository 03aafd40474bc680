//! Time as people say it: a wall-clock time in a named zone, and the one moment that it means.
//!
//! Where the clocks jump forward an hour does not exist: the time moves forward by the gap. Where
//! they are set back it happens twice: the first is meant. Whoever asked is told of either.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::infra::clock::Millis;
use crate::infra::error::{Message, Result};

/// A wall-clock time and the moment it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZonedTime {
    /// The time that was asked for, which the zone may not have had.
    pub local: DateTime,
    /// The name of the zone, e.g. `Europe/Moscow`.
    pub zone: String,
    /// The moment. It stays when the rules of the zone change.
    pub at: Millis,
    /// Whether the clocks were changed at that time.
    pub turn: ClockChange,
}

/// What a change of the clocks does to a wall-clock time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockChange {
    /// Nothing.
    None,
    /// The time does not exist.
    Gap,
    /// The time happens twice.
    Fold,
}

impl ZonedTime {
    /// Reads `2026-12-01 10:00` in a named zone (UTC without one), or a time with an offset of its own.
    pub fn parse(text: &str, zone: Option<&str>) -> Result<Self> {
        let text = text.trim();
        if let Ok(moment) = text.parse::<Timestamp>() {
            let local = TimeZone::UTC.to_datetime(moment);
            return Ok(Self { local, zone: "UTC".to_owned(), at: moment.as_millisecond(), turn: ClockChange::None });
        }
        Self::from_local(read_local(text)?, zone.unwrap_or("UTC"))
    }

    /// The moment that a wall-clock time means in a named zone.
    pub fn from_local(local: DateTime, zone: &str) -> Result<Self> {
        let rules = time_zone(zone)?;
        let name = rules.iana_name().unwrap_or(zone).to_owned();
        let ambiguous = rules.to_ambiguous_timestamp(local);
        let turn = match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } => ClockChange::None,
            AmbiguousOffset::Gap { .. } => ClockChange::Gap,
            AmbiguousOffset::Fold { .. } => ClockChange::Fold,
        };
        let moment = ambiguous.compatible().map_err(|_| wrong(&local.to_string()))?;
        Ok(Self { local, zone: name, at: moment.as_millisecond(), turn })
    }

    /// What is to be said about the clocks at this time, if anything.
    pub fn note(&self) -> Option<Message> {
        let key = match self.turn {
            ClockChange::None => return None,
            ClockChange::Gap => "time-gap",
            ClockChange::Fold => "time-fold",
        };
        let message = Message::new(key).with("asked", self.local.strftime("%H:%M")).with("zone", &self.zone);
        Some(message.with("meant", format_in_zone(self.at, &self.zone)))
    }
}

/// Reads `2026-12-01 10:00`.
pub fn read_local(text: &str) -> Result<DateTime> {
    text.trim().parse().map_err(|_| wrong(text))
}

/// A moment as the clocks of a zone show it: `2026-12-01 10:00 Europe/Moscow`.
pub fn format_in_zone(at: Millis, zone: &str) -> String {
    let known = Timestamp::from_millisecond(at).ok().zip(TimeZone::get(zone).ok());
    known.map_or_else(String::new, |(moment, rules)| format!("{} {zone}", format_local(rules.to_datetime(moment))))
}

/// A wall-clock time as people write it; with seconds where it has any.
pub fn format_local(local: DateTime) -> String {
    let form = if local.second() == 0 { "%Y-%m-%d %H:%M" } else { "%Y-%m-%d %H:%M:%S" };
    local.strftime(form).to_string()
}

/// The rules of a zone named as in the IANA time zone database, in any letter case.
pub fn time_zone(name: &str) -> Result<TimeZone> {
    TimeZone::get(name.trim()).map_err(|_| Message::new("campaign-zone").with("zone", name).invalid_field("zone"))
}

fn wrong(text: &str) -> crate::infra::error::Error {
    Message::new("campaign-time").with("text", text).invalid_field("at")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, zone: &str) -> (String, ClockChange) {
        let moment = ZonedTime::parse(text, Some(zone)).expect("a time");
        (Timestamp::from_millisecond(moment.at).expect("in range").to_string(), moment.turn)
    }

    #[test]
    fn an_hour_that_does_not_exist_moves_forward_by_the_gap() {
        assert_eq!(at("2026-03-29 02:30", "Europe/Berlin"), ("2026-03-29T01:30:00Z".to_owned(), ClockChange::Gap));
        assert_eq!(at("2026-03-08 02:15", "America/New_York"), ("2026-03-08T07:15:00Z".to_owned(), ClockChange::Gap));
        assert_eq!(at("2026-03-29 03:00", "Europe/Berlin"), ("2026-03-29T01:00:00Z".to_owned(), ClockChange::None));
        // Lord Howe Island turns its clocks by half an hour.
        assert_eq!(
            at("2026-10-04 02:10", "Australia/Lord_Howe"),
            ("2026-10-03T15:40:00Z".to_owned(), ClockChange::Gap)
        );
    }

    #[test]
    fn of_an_hour_that_happens_twice_the_first_is_meant() {
        assert_eq!(at("2026-10-25 02:30", "Europe/Berlin"), ("2026-10-25T00:30:00Z".to_owned(), ClockChange::Fold));
        assert_eq!(at("2026-11-01 01:30", "America/New_York"), ("2026-11-01T05:30:00Z".to_owned(), ClockChange::Fold));
    }

    #[test]
    fn a_zone_without_summer_time_has_neither() {
        for text in ["2026-03-29 02:30", "2026-10-25 02:30"] {
            assert_eq!(at(text, "Europe/Moscow").1, ClockChange::None);
        }
        assert_eq!(at("2026-12-01 10:00", "Europe/Moscow").0, "2026-12-01T07:00:00Z");
    }

    #[test]
    fn what_is_said_names_the_time_that_was_asked_and_the_one_that_is_meant() {
        let note = |text| ZonedTime::parse(text, Some("europe/berlin")).expect("a time").note().expect("a note");
        let gap = note("2026-03-29 02:30");
        assert_eq!(gap.key, "time-gap");
        assert!(gap.args.contains(&("asked", "02:30".to_owned())));
        assert!(gap.args.contains(&("meant", "2026-03-29 03:30 Europe/Berlin".to_owned())));
        assert_eq!(note("2026-10-25 02:30").key, "time-fold");
        assert_eq!(ZonedTime::parse("2026-03-29 04:30", Some("Europe/Berlin")).expect("a time").note(), None);
    }

    #[test]
    fn what_is_no_time_or_no_zone_is_refused() {
        let key = |text, zone| ZonedTime::parse(text, Some(zone)).expect_err("refused").message().key;
        assert_eq!(key("2026-12-01 10:00", "Moscow"), "campaign-zone");
        assert_eq!(key("tomorrow", "Europe/Moscow"), "campaign-time");
        assert_eq!(key("2026-02-29 10:00", "Europe/Moscow"), "campaign-time");
    }
}
