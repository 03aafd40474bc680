//! Due dates of people's requests by law: working days of the Russian production calendar, months, or days.

use std::sync::LazyLock;

use jiff::civil::{Date, Weekday};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan};

use crate::infra::clock::{DAY, Millis};

crate::text_enum! {
    /// The law that sets a due date.
    Law {
        /// Russia: Federal Law 152-FZ, article 20.
        Ru = "ru",
        /// The European Union: GDPR, article 12(3).
        Eu = "eu",
        /// The United Kingdom: UK GDPR, article 12(3).
        Uk = "uk",
        /// The United States: California Consumer Privacy Act, section 1798.130.
        Us = "us",
        /// Canada: PIPEDA, principle 4.9 and section 8.
        Ca = "ca",
    }
}

/// A time that a law gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Term {
    WorkingDays(i64),
    Months(i64),
    Days(i64),
}

impl Law {
    const fn term(self) -> Term {
        match self {
            Self::Ru => Term::WorkingDays(10),
            Self::Eu | Self::Uk => Term::Months(1),
            Self::Us => Term::Days(45),
            Self::Ca => Term::Days(30),
        }
    }

    /// What an extension adds to the first term.
    const fn extension(self) -> Term {
        match self {
            Self::Ru => Term::WorkingDays(5),
            Self::Eu | Self::Uk => Term::Months(2),
            Self::Us => Term::Days(45),
            Self::Ca => Term::Days(30),
        }
    }

    /// The time zone in which days are counted.
    fn zone(self) -> TimeZone {
        match self {
            Self::Ru => TimeZone::fixed(Offset::constant(3)),
            _ => TimeZone::UTC,
        }
    }

    /// The last moment at which a request must be answered that was received at this moment; the day of receipt does not count.
    pub fn due_at(self, received_at: Millis) -> Millis {
        self.end_of(add(self.day(received_at), self.term()))
    }

    /// The due date after an extension.
    pub fn extended(self, received_at: Millis) -> Millis {
        let first = add(self.day(received_at), self.term());
        self.end_of(add(first, self.extension()))
    }

    fn day(self, at: Millis) -> Date {
        Timestamp::from_millisecond(at).unwrap_or_default().to_zoned(self.zone()).date()
    }

    fn end_of(self, day: Date) -> Millis {
        day.to_zoned(self.zone()).map_or(0, |start| start.timestamp().as_millisecond() + DAY - 1)
    }
}

fn add(day: Date, term: Term) -> Date {
    match term {
        Term::Months(months) => day.checked_add(months.months()).unwrap_or(day),
        Term::Days(days) => day.checked_add(days.days()).unwrap_or(day),
        Term::WorkingDays(mut left) => {
            let mut day = day;
            while left > 0 {
                let Ok(next) = day.tomorrow() else { return day };
                day = next;
                left -= i64::from(is_working_day(day));
            }
            day
        }
    }
}

/// Days that differ from the week: the first and the last of a range, and whether people work.
static EXCEPTIONS: LazyLock<Vec<(Date, Date, bool)>> = LazyLock::new(|| {
    let lines = include_str!("../../data/calendar/ru.txt").lines().filter(|line| !line.starts_with('#'));
    let read = |line: &str| {
        let (days, word) = line.split_once(' ')?;
        let (first, last) = days.split_once("..").unwrap_or((days, days));
        Some((first.parse().ok()?, last.parse().ok()?, word == "work"))
    };
    lines.filter_map(read).collect()
});

/// Whether people work on a day, by the Russian production calendar.
pub fn is_working_day(day: Date) -> bool {
    let found = EXCEPTIONS.iter().find(|(first, last, _)| (*first..=*last).contains(&day));
    found.map_or(!matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday), |(_, _, works)| *works)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn due(law: Law, received: &str) -> String {
        let at: Timestamp = received.parse().expect(received);
        law.day(law.due_at(at.as_millisecond())).to_string()
    }

    fn extended(law: Law, received: &str) -> String {
        let at: Timestamp = received.parse().expect(received);
        law.day(law.extended(at.as_millisecond())).to_string()
    }

    #[test]
    fn the_year_2026_has_247_working_days() {
        let days = date(2026, 1, 1).series(1.day()).take_while(|day| day.year() == 2026);
        assert_eq!(days.filter(|day| is_working_day(*day)).count(), 247);
    }

    #[test]
    fn every_line_of_the_calendar_is_read() {
        let lines = include_str!("../../data/calendar/ru.txt").lines();
        assert_eq!(EXCEPTIONS.len(), lines.filter(|line| !line.starts_with('#')).count());
    }

    #[test]
    fn due_dates_follow_the_law() {
        assert_eq!(due(Law::Ru, "2026-12-01T09:00:00Z"), "2026-12-15");
        // 31 December is off, and so are the first eight days of January, then a weekend.
        assert_eq!(due(Law::Ru, "2026-12-25T09:00:00Z"), "2027-01-19");
        assert_eq!(extended(Law::Ru, "2026-12-01T09:00:00Z"), "2026-12-22");
        assert_eq!(due(Law::Ru, "2026-04-24T09:00:00Z"), "2026-05-12");
        // Half past two at night in Moscow is the day before in UTC.
        assert_eq!(due(Law::Ru, "2026-11-30T23:30:00Z"), "2026-12-15");
        assert_eq!(due(Law::Eu, "2026-01-31T09:00:00Z"), "2026-02-28");
        assert_eq!(extended(Law::Uk, "2026-01-15T09:00:00Z"), "2026-04-15");
        assert_eq!(due(Law::Us, "2026-12-01T09:00:00Z"), "2027-01-15");
        assert_eq!(extended(Law::Us, "2026-12-01T09:00:00Z"), "2027-03-01");
        assert_eq!(due(Law::Ca, "2026-12-01T09:00:00Z"), "2026-12-31");
    }
}
