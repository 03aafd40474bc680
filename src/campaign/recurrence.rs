//! Recurrence of a series: every day, week or month at a wall-clock time in a zone. An occurrence is a calendar day; a
//! clock change moves its hour and never changes the number of occurrences.

use jiff::civil::{Date, Time, Weekday};
use jiff::{Timestamp, ToSpan};

use super::zoned_time::{ZonedTime, time_zone};
use crate::infra::clock::Millis;
use crate::infra::error::{Message, Result};

crate::text_enum! {
    /// What happens to occurrences that passed while no mailer ran. `late` in a campaign file.
    MissedPolicy {
        /// The latest one is sent, the others are skipped.
        SendLatest = "send-latest",
        /// All are skipped.
        Skip = "skip",
        /// The series waits for a decision.
        Ask = "ask",
    }
}

/// Days of a recurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// Every day.
    Day,
    /// One day of the week.
    Week(Weekday),
    /// One day of the month, 1 to 31; the last day of a shorter month.
    Month(i8),
}

/// When a series sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recurrence {
    /// Its days.
    pub every: Every,
    /// Time of day.
    pub time: Time,
    /// Zone of that time.
    pub zone: String,
    /// Policy for missed occurrences.
    pub missed: MissedPolicy,
}

/// One occurrence of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// Its day, which identifies it.
    pub day: Date,
    /// When it is due, in ms.
    pub at: Millis,
}

impl Every {
    /// Parses `every` and `on` of a campaign file.
    pub fn parse(every: &str, on: Option<&str>) -> Result<Self> {
        let wrong = || Message::new("series-on").with("every", every).with("on", on.unwrap_or("—")).invalid_field("on");
        match (every, on) {
            ("day", None) => Ok(Self::Day),
            ("week", Some(on)) => weekday(on).map(Self::Week).ok_or_else(wrong),
            ("month", Some(on)) => {
                on.parse().ok().filter(|day| (1..=31).contains(day)).map(Self::Month).ok_or_else(wrong)
            }
            ("day" | "week" | "month", _) => Err(wrong()),
            _ => Err(Message::new("series-every").with("text", every).invalid_field("every")),
        }
    }

    /// True for a day of the recurrence.
    fn contains(self, day: Date) -> bool {
        match self {
            Self::Day => true,
            Self::Week(weekday) => day.weekday() == weekday,
            Self::Month(number) => day.day() == number.min(day.days_in_month()),
        }
    }
}

impl Recurrence {
    /// The latest occurrence that is due.
    pub fn latest(&self, now: Millis) -> Result<Occurrence> {
        // Starts a day ahead: a zone can skip a date.
        let mut day = self.today(now)?.checked_add(1.day()).map_err(|_| out_of_range())?;
        loop {
            if self.every.contains(day) {
                let occurrence = self.occurrence(day)?;
                if occurrence.at <= now {
                    return Ok(occurrence);
                }
            }
            day = day.yesterday().map_err(|_| out_of_range())?;
        }
    }

    /// The first occurrence after a time.
    pub fn next(&self, now: Millis) -> Result<Occurrence> {
        let mut day = self.today(now)?.checked_sub(1.day()).map_err(|_| out_of_range())?;
        loop {
            if self.every.contains(day) {
                let occurrence = self.occurrence(day)?;
                if occurrence.at > now {
                    return Ok(occurrence);
                }
            }
            day = day.tomorrow().map_err(|_| out_of_range())?;
        }
    }

    fn occurrence(&self, day: Date) -> Result<Occurrence> {
        Ok(Occurrence { day, at: ZonedTime::from_local(day.to_datetime(self.time), &self.zone)?.at })
    }

    fn today(&self, now: Millis) -> Result<Date> {
        let now = Timestamp::from_millisecond(now).map_err(|_| out_of_range())?;
        Ok(time_zone(&self.zone)?.to_datetime(now).date())
    }
}

fn weekday(text: &str) -> Option<Weekday> {
    Some(match text.to_lowercase().as_str() {
        "monday" => Weekday::Monday,
        "tuesday" => Weekday::Tuesday,
        "wednesday" => Weekday::Wednesday,
        "thursday" => Weekday::Thursday,
        "friday" => Weekday::Friday,
        "saturday" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        _ => return None,
    })
}

/// The machine's clock is thousands of years off.
fn out_of_range() -> crate::infra::error::Error {
    Message::new("series-clock").internal()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::clock::DAY;

    fn recurrence(every: &str, on: Option<&str>, time: &str, zone: &str) -> Recurrence {
        let every = Every::parse(every, on).expect("a recurrence");
        Recurrence {
            every,
            time: time.parse().expect("a time"),
            zone: zone.to_owned(),
            missed: MissedPolicy::SendLatest,
        }
    }

    fn at(text: &str) -> Millis {
        text.parse::<Timestamp>().expect("a time").as_millisecond()
    }

    fn occurrences(recurrence: &Recurrence, from: &str, count: usize) -> Vec<String> {
        let mut now = at(from);
        (0..count)
            .map(|_| {
                let occurrence = recurrence.next(now).expect("an occurrence");
                assert_eq!(recurrence.latest(occurrence.at).expect("an occurrence"), occurrence);
                assert!(recurrence.latest(occurrence.at - 1).expect("an occurrence").day < occurrence.day);
                now = occurrence.at;
                Timestamp::from_millisecond(occurrence.at).expect("in range").to_string()
            })
            .collect()
    }

    #[test]
    fn a_daily_occurrence_keeps_its_hour_when_the_clocks_change() {
        let daily = recurrence("day", None, "09:00", "Europe/Berlin");
        let spring = ["2026-03-28T08:00:00Z", "2026-03-29T07:00:00Z", "2026-03-30T07:00:00Z"];
        assert_eq!(occurrences(&daily, "2026-03-28T00:00:00Z", 3), spring);
        let autumn = ["2026-10-24T07:00:00Z", "2026-10-25T08:00:00Z", "2026-10-26T08:00:00Z"];
        assert_eq!(occurrences(&daily, "2026-10-24T00:00:00Z", 3), autumn);
    }

    #[test]
    fn an_occurrence_in_a_gap_or_fold_is_one_occurrence() {
        let night = recurrence("day", None, "02:30", "Europe/Berlin");
        let spring = ["2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"];
        assert_eq!(occurrences(&night, "2026-03-28T00:00:00Z", 3), spring);
        let autumn = ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"];
        assert_eq!(occurrences(&night, "2026-10-24T00:00:00Z", 3), autumn);
        let york = recurrence("day", None, "01:30", "America/New_York");
        let folded = ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"];
        assert_eq!(occurrences(&york, "2026-11-01T04:00:00Z", 2), folded);
    }

    #[test]
    fn a_shorter_month_sends_on_its_last_day() {
        let monthly = recurrence("month", Some("31"), "09:00", "Europe/Moscow");
        let days = ["2027-01-31T06:00:00Z", "2027-02-28T06:00:00Z", "2027-03-31T06:00:00Z", "2027-04-30T06:00:00Z"];
        assert_eq!(occurrences(&monthly, "2027-01-15T00:00:00Z", 4), days);
        assert_eq!(occurrences(&monthly, "2028-02-01T00:00:00Z", 1), ["2028-02-29T06:00:00Z"]);
        let first = recurrence("month", Some("1"), "00:00", "Europe/Moscow");
        assert_eq!(occurrences(&first, "2027-01-15T00:00:00Z", 1), ["2027-01-31T21:00:00Z"]);
    }

    #[test]
    fn a_week_has_one_occurrence() {
        let weekly = recurrence("week", Some("Monday"), "09:00", "Europe/Moscow");
        assert_eq!(occurrences(&weekly, "2026-11-21T10:00:00Z", 2), ["2026-11-23T06:00:00Z", "2026-11-30T06:00:00Z"]);
    }

    #[test]
    fn every_day_of_four_years_occurs_once() {
        for zone in ["Europe/Berlin", "America/New_York", "Europe/Moscow", "Pacific/Kiritimati", "Africa/Casablanca"] {
            let daily = recurrence("day", None, "02:30", zone);
            let (mut now, mut day) = (at("2026-01-01T12:00:00Z"), None::<Date>);
            for _ in 0..4 * 365 {
                let occurrence = daily.next(now).expect("an occurrence");
                assert!(
                    day.is_none_or(|day| day.tomorrow().expect("in range") == occurrence.day),
                    "{zone} {}",
                    occurrence.day
                );
                assert!(occurrence.at > now && occurrence.at <= now + 2 * DAY);
                (now, day) = (occurrence.at, Some(occurrence.day));
            }
        }
    }

    #[test]
    fn a_recurrence_without_a_valid_day_is_refused() {
        for (every, on) in
            [("week", None), ("week", Some("31")), ("month", Some("32")), ("month", None), ("day", Some("1"))]
        {
            assert_eq!(Every::parse(every, on).expect_err("refused").message().key, "series-on", "{every} {on:?}");
        }
        assert_eq!(Every::parse("hour", None).expect_err("refused").message().key, "series-every");
    }
}
