//! What a campaign file says of time: when it starts, in whose time, until when it may leave, how
//! long it holds, and how often it comes again.

use jiff::civil::{DateTime, Time};

use super::recurrence::{Every, MissedPolicy, Occurrence, Recurrence};
use super::zoned_time::{ZonedTime, format_in_zone, format_local, read_local, time_zone};
use crate::infra::clock::Millis;
use crate::infra::error::{Error, Message, Result};

/// The easternmost clocks are ahead of UTC by 14 hours, in ms: nobody's morning is earlier.
const EASTERNMOST: Millis = 14 * 3_600_000;

/// The westernmost clocks are behind UTC by 12 hours, in ms.
const WESTERNMOST: Millis = 12 * 3_600_000;

/// The longest hold, in seconds.
const LONGEST_HOLD: u32 = 3_600;

/// The words of a campaign file that speak of time, as they stand there.
#[derive(Debug, Default)]
pub struct ScheduleText {
    /// `at`: a time, or for a series a time of day.
    pub at: Option<String>,
    /// `at-local`: a time by each recipient's own clock.
    pub at_local: Option<String>,
    /// `zone`.
    pub zone: Option<String>,
    /// `zone-field`: the field with the recipients' zones.
    pub zone_field: Option<String>,
    /// `until`: a time, or for a series a time of day.
    pub until: Option<String>,
    /// `hold`, in seconds.
    pub hold: Option<String>,
    /// `every`: day, week or month.
    pub every: Option<String>,
    /// `on`: the day of the week or the month.
    pub on: Option<String>,
    /// `late`: what becomes of missed slots.
    pub late: Option<String>,
}

/// When a campaign is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// When it starts; `None` when the file leaves that to the command line.
    pub start: Option<Start>,
    /// The zone of its times; UTC without one.
    pub zone: Option<String>,
    /// From when on nothing may leave.
    pub until: Option<Until>,
    /// Seconds between "send" and the first letter; the installation's setting without it.
    pub hold: Option<u32>,
}

/// When a campaign starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// At one moment for all.
    At(ZonedTime),
    /// When the clock of each recipient shows this time.
    Local(LocalStart),
    /// Again and again.
    Every(Recurrence),
}

/// A time by the recipients' own clocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalStart {
    /// What their clocks show.
    pub time: DateTime,
    /// The field that names their zones.
    pub field: String,
}

/// From when on nothing may leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Until {
    /// A moment.
    At(ZonedTime),
    /// A time of day, after each slot of a series.
    Time(Time),
}

impl Schedule {
    /// Reads the words of a campaign file.
    pub fn read(words: ScheduleText) -> Result<Self> {
        let zone = words.zone.as_deref().map(|zone| time_zone(zone).map(|_| zone.trim().to_owned())).transpose()?;
        let start = match (&words.every, &words.at_local, &words.at) {
            (Some(every), None, at) => Some(Start::Every(recurrence(&words, every, at.as_deref(), zone.as_deref())?)),
            _ if words.every.is_some() => return Err(clash("every", "at-local")),
            _ if words.on.is_some() => return Err(alone("on", "every")),
            _ if words.late.is_some() => return Err(alone("late", "every")),
            (_, Some(_), Some(_)) => return Err(clash("at", "at-local")),
            (_, Some(time), None) => {
                let field = words.zone_field.clone().ok_or_else(|| alone("at-local", "zone-field"))?;
                Some(Start::Local(LocalStart { time: read_local(time)?, field: field.trim().to_owned() }))
            }
            (_, None, Some(at)) => Some(Start::At(ZonedTime::parse(at, zone.as_deref())?)),
            (_, None, None) => None,
        };
        if words.zone_field.is_some() && !matches!(start, Some(Start::Local(_))) {
            return Err(alone("zone-field", "at-local"));
        }
        let until = match (&words.until, &start) {
            (Some(text), Some(Start::Every(_))) => Some(Until::Time(time_of_day("until", text)?)),
            (Some(text), _) => Some(Until::At(ZonedTime::parse(text, zone.as_deref())?)),
            (None, _) => None,
        };
        let hold = words.hold.as_deref().map(read_hold).transpose()?;
        Ok(Self { start, zone, until, hold })
    }

    /// The zone of its times.
    pub fn zone(&self) -> &str {
        self.zone.as_deref().unwrap_or("UTC")
    }

    /// The recurrence, when this is a series.
    pub fn recurrence(&self) -> Option<&Recurrence> {
        match &self.start {
            Some(Start::Every(recurrence)) => Some(recurrence),
            _ => None,
        }
    }

    /// The time by the recipients' own clocks, when they count.
    pub fn local(&self) -> Option<&LocalStart> {
        match &self.start {
            Some(Start::Local(local)) => Some(local),
            _ => None,
        }
    }

    /// The moment from which on nothing of a campaign that is no series may leave.
    pub fn until(&self) -> Option<Millis> {
        match &self.until {
            Some(Until::At(moment)) => Some(moment.at),
            _ => None,
        }
    }

    /// The same for one slot of a series: the first time after it that the clock shows the hour.
    pub fn until_of(&self, recurrence: &Recurrence, slot: Occurrence) -> Result<Option<Millis>> {
        let Some(Until::Time(time)) = &self.until else { return Ok(None) };
        let same = ZonedTime::from_local(slot.day.to_datetime(*time), &recurrence.zone)?;
        if same.at > slot.at {
            return Ok(Some(same.at));
        }
        let next = slot.day.tomorrow().map_err(|_| Message::new("series-clock").internal())?;
        ZonedTime::from_local(next.to_datetime(*time), &recurrence.zone).map(|moment| Some(moment.at))
    }
}

impl LocalStart {
    /// When the audience must be there: as the first clock on earth shows the time.
    pub fn first(&self) -> Result<Millis> {
        Ok(ZonedTime::from_local(self.time, "UTC")?.at - EASTERNMOST)
    }

    /// When the last clock on earth shows the time.
    pub fn last(&self) -> Result<Millis> {
        Ok(ZonedTime::from_local(self.time, "UTC")?.at + WESTERNMOST)
    }
}

/// The moment that a campaign starts at, with what is kept of the words it was asked in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartTime {
    /// When its audience is frozen.
    pub at: Millis,
    /// The wall-clock time that was asked for.
    pub local: String,
    /// The zone of that time.
    pub zone: String,
}

impl From<&ZonedTime> for StartTime {
    fn from(moment: &ZonedTime) -> Self {
        Self { at: moment.at, local: format_local(moment.local), zone: moment.zone.clone() }
    }
}

impl StartTime {
    /// The moment as the clocks of its zone show it.
    pub fn say(&self) -> String {
        format_in_zone(self.at, &self.zone)
    }
}

fn recurrence(words: &ScheduleText, every: &str, at: Option<&str>, zone: Option<&str>) -> Result<Recurrence> {
    let at = at.ok_or_else(|| alone("every", "at"))?;
    let late = words.late.as_deref().unwrap_or("send-latest").parse::<MissedPolicy>()?;
    let every = Every::read(every.trim(), words.on.as_deref().map(str::trim))?;
    Ok(Recurrence { every, time: time_of_day("at", at)?, zone: zone.unwrap_or("UTC").to_owned(), late })
}

fn time_of_day(key: &str, text: &str) -> Result<Time> {
    text.trim().parse().map_err(|_| Message::new("series-time").with("key", key).with("text", text).invalid_field("at"))
}

fn read_hold(text: &str) -> Result<u32> {
    let seconds = text.parse().ok().filter(|seconds| *seconds <= LONGEST_HOLD);
    seconds.ok_or_else(|| {
        Message::new("campaign-hold").with("text", text).with("most", LONGEST_HOLD).invalid_field("hold")
    })
}

fn clash(one: &str, other: &str) -> Error {
    Message::new("schedule-clash").with("one", one).with("other", other).invalid()
}

fn alone(one: &str, other: &str) -> Error {
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
        Schedule::read(words(pairs)).expect("a schedule")
    }

    fn refusal(pairs: &[(&str, &str)]) -> &'static str {
        Schedule::read(words(pairs)).expect_err("refused").message().key
    }

    #[test]
    fn a_series_has_a_time_of_day_and_a_rest_that_may_be_left_out() {
        let read = read(&[("every", "month"), ("on", "31"), ("at", "09:00"), ("zone", "Europe/Moscow")]);
        let Some(Start::Every(recurrence)) = read.start else { panic!("a series") };
        assert_eq!((recurrence.every, recurrence.late), (Every::Month(31), MissedPolicy::SendLatest));
        assert_eq!(recurrence.zone, "Europe/Moscow");
    }

    #[test]
    fn a_series_may_end_each_letter_after_midnight() {
        let read = read(&[("every", "day"), ("at", "22:00"), ("until", "02:00"), ("zone", "Europe/Moscow")]);
        let Some(Start::Every(recurrence)) = &read.start else { panic!("a series") };
        let slot = recurrence.next(0).expect("a slot");

        assert_eq!(read.until_of(recurrence, slot).expect("a time"), Some(slot.at + 4 * 3_600_000));
    }

    #[test]
    fn the_first_and_the_last_clock_on_earth_enclose_every_other() {
        let read = read(&[("at-local", "2026-12-01 09:00"), ("zone-field", "timezone")]);
        let Some(Start::Local(local)) = &read.start else { panic!("a local time") };
        for (zone, at) in [("Pacific/Kiritimati", local.first()), ("Etc/GMT+12", local.last())] {
            assert_eq!(ZonedTime::from_local(local.time, zone).expect("a moment").at, at.expect("a moment"), "{zone}");
        }
    }

    #[test]
    fn words_that_do_not_go_together_are_refused() {
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
