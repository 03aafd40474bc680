//! The recurrence of a series: every day, week or month at a wall-clock time in a zone. A slot is a day
//! of the calendar; what its clocks do that day moves the hour and never the number of slots.

use jiff::civil::{Date, Time, Weekday};
use jiff::{Timestamp, ToSpan};

use super::zoned_time::{ZonedTime, time_zone};
use crate::infra::clock::Millis;
use crate::infra::error::{Message, Result};

crate::text_enum! {
    /// What becomes of slots that passed while nothing ran.
    MissedPolicy {
        /// The latest one is sent, the others are left out.
        SendLatest = "send-latest",
        /// All are left out.
        Skip = "skip",
        /// The series stands still until someone decides.
        Ask = "ask",
    }
}

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// On each day.
    Day,
    /// On one day of the week.
    Week(Weekday),
    /// On one day of the month, 1 to 31; the last day of a month that is shorter.
    Month(i8),
}

/// When a series sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recurrence {
    /// How often.
    pub every: Every,
    /// At which time of the day.
    pub time: Time,
    /// The zone of that time.
    pub zone: String,
    /// What becomes of slots that were missed.
    pub late: MissedPolicy,
}

/// One turn of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// Its day, which names it.
    pub day: Date,
    /// The moment it is due.
    pub at: Millis,
}

impl Every {
    /// Reads `every` and `on` of a campaign file.
    pub fn read(every: &str, on: Option<&str>) -> Result<Self> {
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

    /// Whether a day is one of its own.
    fn takes(self, day: Date) -> bool {
        match self {
            Self::Day => true,
            Self::Week(weekday) => day.weekday() == weekday,
            Self::Month(number) => day.day() == number.min(day.days_in_month()),
        }
    }
}

impl Recurrence {
    /// The latest slot whose time has come.
    pub fn latest(&self, now: Millis) -> Result<Occurrence> {
        // A day ahead for the zones that change their date.
        let mut day = self.today(now)?.checked_add(1.day()).map_err(|_| beyond())?;
        loop {
            if self.every.takes(day) {
                let slot = self.slot(day)?;
                if slot.at <= now {
                    return Ok(slot);
                }
            }
            day = day.yesterday().map_err(|_| beyond())?;
        }
    }

    /// The first slot after a moment.
    pub fn next(&self, now: Millis) -> Result<Occurrence> {
        let mut day = self.today(now)?.checked_sub(1.day()).map_err(|_| beyond())?;
        loop {
            if self.every.takes(day) {
                let slot = self.slot(day)?;
                if slot.at > now {
                    return Ok(slot);
                }
            }
            day = day.tomorrow().map_err(|_| beyond())?;
        }
    }

    fn slot(&self, day: Date) -> Result<Occurrence> {
        Ok(Occurrence { day, at: ZonedTime::from_local(day.to_datetime(self.time), &self.zone)?.at })
    }

    fn today(&self, now: Millis) -> Result<Date> {
        let now = Timestamp::from_millisecond(now).map_err(|_| beyond())?;
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

/// The clock of the machine stands thousands of years away.
fn beyond() -> crate::infra::error::Error {
    Message::new("series-clock").internal()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::clock::DAY;

    fn recurrence(every: &str, on: Option<&str>, time: &str, zone: &str) -> Recurrence {
        let every = Every::read(every, on).expect("a recurrence");
        Recurrence { every, time: time.parse().expect("a time"), zone: zone.to_owned(), late: MissedPolicy::SendLatest }
    }

    fn at(text: &str) -> Millis {
        text.parse::<Timestamp>().expect("a moment").as_millisecond()
    }

    fn slots(recurrence: &Recurrence, from: &str, count: usize) -> Vec<String> {
        let mut now = at(from);
        (0..count)
            .map(|_| {
                let slot = recurrence.next(now).expect("a slot");
                assert_eq!(recurrence.latest(slot.at).expect("a slot"), slot);
                assert!(recurrence.latest(slot.at - 1).expect("a slot").day < slot.day);
                now = slot.at;
                Timestamp::from_millisecond(slot.at).expect("in range").to_string()
            })
            .collect()
    }

    #[test]
    fn a_daily_slot_keeps_its_hour_when_the_clocks_change() {
        let daily = recurrence("day", None, "09:00", "Europe/Berlin");
        let spring = ["2026-03-28T08:00:00Z", "2026-03-29T07:00:00Z", "2026-03-30T07:00:00Z"];
        assert_eq!(slots(&daily, "2026-03-28T00:00:00Z", 3), spring);
        let autumn = ["2026-10-24T07:00:00Z", "2026-10-25T08:00:00Z", "2026-10-26T08:00:00Z"];
        assert_eq!(slots(&daily, "2026-10-24T00:00:00Z", 3), autumn);
    }

    #[test]
    fn a_slot_in_the_gap_or_in_the_fold_is_one_slot() {
        let night = recurrence("day", None, "02:30", "Europe/Berlin");
        let spring = ["2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"];
        assert_eq!(slots(&night, "2026-03-28T00:00:00Z", 3), spring);
        let autumn = ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"];
        assert_eq!(slots(&night, "2026-10-24T00:00:00Z", 3), autumn);
        let york = recurrence("day", None, "01:30", "America/New_York");
        let folded = ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"];
        assert_eq!(slots(&york, "2026-11-01T04:00:00Z", 2), folded);
    }

    #[test]
    fn a_month_that_is_shorter_sends_on_its_last_day() {
        let monthly = recurrence("month", Some("31"), "09:00", "Europe/Moscow");
        let days = ["2027-01-31T06:00:00Z", "2027-02-28T06:00:00Z", "2027-03-31T06:00:00Z", "2027-04-30T06:00:00Z"];
        assert_eq!(slots(&monthly, "2027-01-15T00:00:00Z", 4), days);
        assert_eq!(slots(&monthly, "2028-02-01T00:00:00Z", 1), ["2028-02-29T06:00:00Z"]);
        let first = recurrence("month", Some("1"), "00:00", "Europe/Moscow");
        assert_eq!(slots(&first, "2027-01-15T00:00:00Z", 1), ["2027-01-31T21:00:00Z"]);
    }

    #[test]
    fn a_week_has_one_slot() {
        let weekly = recurrence("week", Some("Monday"), "09:00", "Europe/Moscow");
        assert_eq!(slots(&weekly, "2026-11-21T10:00:00Z", 2), ["2026-11-23T06:00:00Z", "2026-11-30T06:00:00Z"]);
    }

    #[test]
    fn no_day_of_four_years_is_left_out_or_taken_twice() {
        for zone in ["Europe/Berlin", "America/New_York", "Europe/Moscow", "Pacific/Kiritimati", "Africa/Casablanca"] {
            let daily = recurrence("day", None, "02:30", zone);
            let (mut now, mut day) = (at("2026-01-01T12:00:00Z"), None::<Date>);
            for _ in 0..4 * 365 {
                let slot = daily.next(now).expect("a slot");
                assert!(day.is_none_or(|day| day.tomorrow().expect("in range") == slot.day), "{zone} {}", slot.day);
                assert!(slot.at > now && slot.at <= now + 2 * DAY);
                (now, day) = (slot.at, Some(slot.day));
            }
        }
    }

    #[test]
    fn a_rhythm_that_says_no_day_is_refused() {
        for (every, on) in
            [("week", None), ("week", Some("31")), ("month", Some("32")), ("month", None), ("day", Some("1"))]
        {
            assert_eq!(Every::read(every, on).expect_err("refused").message().key, "series-on", "{every} {on:?}");
        }
        assert_eq!(Every::read("hour", None).expect_err("refused").message().key, "series-every");
    }
}
