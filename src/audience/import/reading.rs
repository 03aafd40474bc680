//! What the user decides about a file of people where it leaves something open: its columns, and what becomes of people who
//! may not be mailed.

use super::delimiter::Delimiter;
use crate::audience::cell_format::{DateOrder, DateReading, NumberStyle};
use crate::infra::error::{Message, Result};

/// What the user decided about the columns of a file, where the file leaves it open.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reading {
    /// The first line is a person.
    pub no_header: bool,
    /// The delimiter of cells; detected when not given.
    pub delimiter: Option<Delimiter>,
    /// How dates are written in columns whose values do not prove it.
    pub dates: DateReading,
    /// The style of numbers in columns whose values do not prove one.
    pub numbers: Option<NumberStyle>,
    /// What becomes of people who may not be mailed, as the file says.
    pub statuses: StatusRule,
}

/// What becomes of people who may not be mailed, as the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StatusRule {
    /// The file is refused with their number.
    #[default]
    Ask,
    /// They are suppressed or left out.
    Follow,
    /// Everyone is imported.
    Ignore,
}

/// What becomes of the people in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// They join a list.
    Subscribe,
    /// All that the file does not call mailable are suppressed.
    Suppress,
}

/// The word for day numbers of a spreadsheet among the orders of dates.
const EXCEL: &str = "excel";

impl Reading {
    /// Reads what the user says of dates: `day-first`, `month-first`, `excel`, each at most once.
    pub fn set_dates(&mut self, words: &[String]) -> Result<()> {
        for word in words {
            match word.as_str() {
                EXCEL => self.dates.day_numbers = true,
                word => {
                    let known: Vec<&str> = DateOrder::ALL.iter().map(|order| order.as_str()).chain([EXCEL]).collect();
                    let refused = || {
                        Message::new("unknown-option-word")
                            .with("option", "--dates")
                            .with("word", word)
                            .with("known", known.join(", "))
                    };
                    let order: DateOrder = word.parse().map_err(|_| refused().invalid_field("dates"))?;
                    if self.dates.order.replace(order).is_some_and(|other| other != order) {
                        return Err(Message::new("import-dates-two").invalid_field("dates"));
                    }
                }
            }
        }
        Ok(())
    }

    /// Sets the first of the hundred years in which years of two digits lie.
    pub fn set_years(&mut self, first: Option<i16>) -> Result<()> {
        if first.is_some_and(|first| !(1850..=2100).contains(&first)) {
            return Err(Message::new("import-years-wrong").invalid_field("years"));
        }
        self.dates.years = first;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_about_dates_are_read() {
        let read = |words: &[&str]| {
            let mut reading = Reading::default();
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            reading.set_dates(&words).map(|()| reading.dates).map_err(|error| error.message().key)
        };
        let both = DateReading { order: Some(DateOrder::DayFirst), years: None, day_numbers: true };
        assert_eq!(read(&["excel", "day-first"]), Ok(both));
        assert_eq!(read(&["day-first", "month-first"]), Err("import-dates-two"));
        assert_eq!(read(&["year-first"]), Err("unknown-option-word"));
        assert!(Reading::default().set_years(Some(27)).is_err());
    }
}
