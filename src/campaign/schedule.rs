//! Schedule of a campaign file: start, time zone, latest time, hold and recurrence.

use jiff::civil::{DateTime, Time};

use super::recurrence::{Every, MissedPolicy, Occurrence, Recurrence};
use super::zoned_time::{ZonedTime, format_in_zone, format_local, parse_local, time_zone};
use crate::infra::clock::Millis;
use crate::infra::error::{Error, Message, Result};
use crate::infra::setting::MAX_HOLD;

/// Offset of the easternmost time zone, UTC+14, in ms.
const EASTERNMOST: Millis = 14 * 3_600_000;

/// Offset of the westernmost time zone, UTC-12, in ms.
const WESTERNMOST: Millis = 12 * 3_600_000;

/// The settings of a campaign file that concern time, as text.
#[derive(Debug, Default)]
pub struct ScheduleText {
    /// `at`: a time; a time of day for a series.
    pub at: Option<String>,
    /// `at-local`: a time in each recipient's own zone.
    pub at_local: Option<String>,
    /// `zone`.
    pub zone: Option<String>,
    /// `zone-field`: the field with the recipients' zones.
    pub zone_field: Option<String>,
    /// `until`: a time; a time of day for a series.
    pub until: Option<String>,
    /// `hold`, in seconds.
    pub hold: Option<String>,
    /// `every`: day, week or month.
    pub every: Option<String>,
    /// `on`: the day of the week or the month.
    pub on: Option<String>,
    /// `late`: policy for missed occurrences.
    pub late: Option<String>,
}

/// When a campaign is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Start; `None` when the file does not name one.
    pub start: Option<Start>,
    /// Zone of the times; UTC without one.
    pub zone: Option<String>,
    /// No message is sent from this time on.
    pub until: Option<Until>,
    /// Seconds between the start and the first message; `None` for the installation's setting.
    pub hold: Option<u32>,
}

/// When a campaign starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// At one point in time for all.
    At(ZonedTime),
    /// At this time in each recipient's zone.
    Local(LocalStart),
    /// Repeatedly: a series.
    Every(Recurrence),
}

/// A wall-clock time in the recipients' own zones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalStart {
    /// The wall-clock time.
    pub time: DateTime,
    /// Contact field that names the zone.
    pub field: String,
}

/// No message is sent from this time on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Until {
    /// A point in time.
    At(ZonedTime),
    /// A time of day, after each occurrence of a series.
    Time(Time),
}

impl Schedule {
    /// Parses the settings of a campaign file.
    ///
    /// # Errors
    /// Invalid, when settings are wrong or exclude each other.
    pub fn parse(words: ScheduleText) -> Result<Self> {
        let zone = words.zone.as_deref().map(|zone| time_zone(zone).map(|_| zone.trim().to_owned())).transpose()?;
        let start = match (&words.every, &words.at_local, &words.at) {
            (Some(every), None, at) => Some(Start::Every(recurrence(&words, every, at.as_deref(), zone.as_deref())?)),
            _ if words.every.is_some() => return Err(exclusive("every", "at-local")),
            _ if words.on.is_some() => return Err(requires("on", "every")),
            _ if words.late.is_some() => return Err(requires("late", "every")),
            (_, Some(_), Some(_)) => return Err(exclusive("at", "at-local")),
            (_, Some(time), None) => {
                let field = words.zone_field.clone().ok_or_else(|| requires("at-local", "zone-field"))?;
                Some(Start::Local(LocalStart { time: parse_local(time)?, field: field.trim().to_owned() }))
            }
            (_, None, Some(at)) => Some(Start::At(ZonedTime::parse(at, zone.as_deref())?)),
            (_, None, None) => None,
        };
        if words.zone_field.is_some() && !matches!(start, Some(Start::Local(_))) {
            return Err(requires("zone-field", "at-local"));
        }
        let until = match (&words.until, &start) {
            (Some(text), Some(Start::Every(_))) => Some(Until::Time(time_of_day("until", text)?)),
            (Some(text), _) => Some(Until::At(ZonedTime::parse(text, zone.as_deref())?)),
            (None, _) => None,
        };
        let hold = words.hold.as_deref().map(parse_hold).transpose()?;
        Ok(Self { start, zone, until, hold })
    }

    /// Zone of the times; UTC without one.
    pub fn zone(&self) -> &str {
        self.zone.as_deref().unwrap_or("UTC")
    }

    /// Recurrence of a series.
    pub fn recurrence(&self) -> Option<&Recurrence> {
        match &self.start {
            Some(Start::Every(recurrence)) => Some(recurrence),
            _ => None,
        }
    }

    /// Time in the recipients' own zones, when the campaign starts by it.
    pub fn local(&self) -> Option<&LocalStart> {
        match &self.start {
            Some(Start::Local(local)) => Some(local),
            _ => None,
        }
    }

    /// Latest time of a campaign that is no series, in ms.
    pub fn until(&self) -> Option<Millis> {
        match &self.until {
            Some(Until::At(time)) => Some(time.at),
            _ => None,
        }
    }

    /// Latest time of one occurrence of a series, in ms: the first time of day after it.
    pub fn until_of(&self, recurrence: &Recurrence, occurrence: Occurrence) -> Result<Option<Millis>> {
        let Some(Until::Time(time)) = &self.until else { return Ok(None) };
        let same = ZonedTime::from_local(occurrence.day.to_datetime(*time), &recurrence.zone)?;
        if same.at > occurrence.at {
            return Ok(Some(same.at));
        }
        let next = occurrence.day.tomorrow().map_err(|_| Message::new("series-clock").internal())?;
        ZonedTime::from_local(next.to_datetime(*time), &recurrence.zone).map(|time| Some(time.at))
    }
}

impl LocalStart {
    /// When the first zone on earth reaches the time; the audience must be frozen by then.
    pub fn first(&self) -> Result<Millis> {
        Ok(ZonedTime::from_local(self.time, "UTC")?.at - EASTERNMOST)
    }

    /// When the last zone on earth reaches the time.
    pub fn last(&self) -> Result<Millis> {
        Ok(ZonedTime::from_local(self.time, "UTC")?.at + WESTERNMOST)
    }
}

/// Start of a campaign: the point in time, and the wall-clock time it was computed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartTime {
    /// When the audience is frozen, in ms.
    pub at: Millis,
    /// The wall-clock time as entered.
    pub local: String,
    /// Zone of that time.
    pub zone: String,
}

impl From<&ZonedTime> for StartTime {
    fn from(time: &ZonedTime) -> Self {
        Self { at: time.at, local: format_local(time.local), zone: time.zone.clone() }
    }
}

impl StartTime {
    /// The point in time, formatted in its zone.
    pub fn format(&self) -> String {
        format_in_zone(self.at, &self.zone)
    }
}

fn recurrence(words: &ScheduleText, every: &str, at: Option<&str>, zone: Option<&str>) -> Result<Recurrence> {
    let at = at.ok_or_else(|| requires("every", "at"))?;
    let missed = words.late.as_deref().unwrap_or("send-latest").parse::<MissedPolicy>()?;
    let every = Every::parse(every.trim(), words.on.as_deref().map(str::trim))?;
    Ok(Recurrence { every, time: time_of_day("at", at)?, zone: zone.unwrap_or("UTC").to_owned(), missed })
}

fn time_of_day(key: &str, text: &str) -> Result<Time> {
    text.trim().parse().map_err(|_| Message::new("series-time").with("key", key).with("text", text).invalid_field("at"))
}

fn parse_hold(text: &str) -> Result<u32> {
    let seconds = text.parse().ok().filter(|seconds| *seconds <= MAX_HOLD);
    seconds.ok_or_else(|| Message::new("campaign-hold").with("text", text).with("most", MAX_HOLD).invalid_field("hold"))
}

fn exclusive(one: &str, other: &str) -> Error {
    Message::new("schedule-clash").with("one", one).with("other", other).invalid()
}

fn requires(one: &str, other: &str) -> Error {
    Message::new("schedule-alone").with("one", one).with("other", other).invalid()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(pairs: &[(&str, &str)]) -> ScheduleText {
        let word = |key: &str| pairs.iter().find(|(name, _)| *name == key).map(|(_, text)| (*text).to_owned());
        ScheduleText {
            at: word("at"),
            at_local: word("at-local"),
            zone: word("zone"),
            zone_field: word("zone-field"),
            until: word("until"),
            hold: word("hold"),
            every: word("every"),
            on: word("on"),
            late: word("late"),
        }
    }

    fn read(pairs: &[(&str, &str)]) -> Schedule {
        Schedule::parse(words(pairs)).expect("a schedule")
    }

    fn refusal(pairs: &[(&str, &str)]) -> &'static str {
        Schedule::parse(words(pairs)).expect_err("refused").message().key
    }

    #[test]
    fn a_series_needs_only_recurrence_and_time_of_day() {
        let read = read(&[("every", "month"), ("on", "31"), ("at", "09:00"), ("zone", "Europe/Moscow")]);
        let Some(Start::Every(recurrence)) = read.start else { panic!("a series") };
        assert_eq!((recurrence.every, recurrence.missed), (Every::Month(31), MissedPolicy::SendLatest));
        assert_eq!(recurrence.zone, "Europe/Moscow");
    }

    #[test]
    fn latest_time_of_an_occurrence_may_be_on_the_next_day() {
        let read = read(&[("every", "day"), ("at", "22:00"), ("until", "02:00"), ("zone", "Europe/Moscow")]);
        let Some(Start::Every(recurrence)) = &read.start else { panic!("a series") };
        let occurrence = recurrence.next(0).expect("an occurrence");

        assert_eq!(read.until_of(recurrence, occurrence).expect("a time"), Some(occurrence.at + 4 * 3_600_000));
    }

    #[test]
    fn first_and_last_zone_enclose_every_other() {
        let read = read(&[("at-local", "2026-12-01 09:00"), ("zone-field", "timezone")]);
        let Some(Start::Local(local)) = &read.start else { panic!("a local time") };
        for (zone, at) in [("Pacific/Kiritimati", local.first()), ("Etc/GMT+12", local.last())] {
            assert_eq!(ZonedTime::from_local(local.time, zone).expect("a time").at, at.expect("a time"), "{zone}");
        }
    }

    #[test]
    fn exclusive_settings_are_refused() {
        assert_eq!(refusal(&[("at", "2026-12-01 09:00"), ("at-local", "2026-12-01 09:00")]), "schedule-clash");
        assert_eq!(refusal(&[("every", "day"), ("at-local", "09:00")]), "schedule-clash");
        assert_eq!(refusal(&[("at-local", "2026-12-01 09:00")]), "schedule-alone");
        assert_eq!(refusal(&[("zone-field", "timezone")]), "schedule-alone");
        assert_eq!(refusal(&[("late", "skip")]), "schedule-alone");
        assert_eq!(refusal(&[("every", "day")]), "schedule-alone");
        assert_eq!(refusal(&[("every", "day"), ("at", "2026-12-01 09:00 x")]), "series-time");
        assert_eq!(refusal(&[("hold", "a minute")]), "campaign-hold");
        assert_eq!(refusal(&[("hold", "3601")]), "campaign-hold");
        assert_eq!(refusal(&[("every", "day"), ("at", "9:00"), ("late", "burst")]), "unknown-word");
    }
}
