//! Dates as people and programs write them: `2026-12-31`, `31.12.2026`, `12/31/2026`, `5 мая 1990`, `May 5, 1990`, `05-May-90`,
//! each with a time behind it or not; and days as numbers of a spreadsheet.

use jiff::civil::Date;

use super::{CellFormat, DateOrder};
use crate::audience::address::{is_blank, trim_blank};

/// How the names of months begin in English and Russian, from January on. Such a beginning is a name of its own.
const MONTHS: [&[&str]; 12] = [
    &["jan", "янв"],
    &["feb", "фев"],
    &["mar", "мар"],
    &["apr", "апр"],
    &["may", "май", "мая"],
    &["jun", "июн"],
    &["jul", "июл"],
    &["aug", "авг"],
    &["sep", "сен"],
    &["oct", "окт"],
    &["nov", "ноя"],
    &["dec", "дек"],
];

/// Longer names of months, as they may follow those beginnings.
const MONTH_NAMES: &[&str] = &[
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "sept",
    "январь",
    "января",
    "февраль",
    "февраля",
    "март",
    "марта",
    "апрель",
    "апреля",
    "май",
    "мая",
    "июнь",
    "июня",
    "июль",
    "июля",
    "август",
    "августа",
    "сентябрь",
    "сентября",
    "сент",
    "октябрь",
    "октября",
    "ноябрь",
    "ноября",
    "декабрь",
    "декабря",
    "нояб",
    "февр",
];

/// Days of a spreadsheet that may be dates of people: from 1910 to 2099.
const DAY_NUMBERS: std::ops::RangeInclusive<f64> = 3_654.0..=73_050.0;

/// A day as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WrittenDate {
    /// The parts of a date in numbers, in their order; of one with the name of a month, day, month and year.
    parts: [i16; 3],
    /// The sign between numbers.
    pub(super) separator: char,
    form: Form,
    short_year: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `2026-12-31`
    YearFirst,
    /// `31/12/2026` or `12/31/2026`
    YearLast,
    /// `31 December 2026`
    Named,
}

impl WrittenDate {
    /// Parses a cell; `None` for one that is no date.
    pub(super) fn parse(cell: &str) -> Option<Self> {
        let cell = trim_blank(cell);
        if cell.len() > 64 {
            return None;
        }
        Self::parse_numbers(cell).or_else(|| Self::parse_named(cell))
    }

    fn parse_numbers(cell: &str) -> Option<Self> {
        let day = cell.split([' ', 'T', '\u{a0}', '\u{202f}']).next()?.trim_end_matches(',');
        let separator = day.chars().find(|c| !c.is_ascii_digit()).filter(|c| matches!(c, '-' | '.' | '/'))?;
        let mut texts = day.split(separator);
        let texts = [texts.next()?, texts.next()?, texts.next().filter(|_| texts.next().is_none())?];
        let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?;
        let parts = [number(texts[0])?, number(texts[1])?, number(texts[2])?];
        let form = if texts[0].len() == 4 { Form::YearFirst } else { Form::YearLast };
        let is_part = |text: &str| (1..=2).contains(&text.len());
        let short_year = form == Form::YearLast && texts[2].len() == 2;
        let fits = match form {
            Form::YearFirst => is_part(texts[1]) && is_part(texts[2]),
            _ => is_part(texts[0]) && is_part(texts[1]) && (short_year || texts[2].len() == 4),
        };
        let written = Self { parts, separator, form, short_year };
        // `85-04-07` begins with the year.
        (fits && (!short_year || written.order().is_some() || written.is_day_and_month())).then_some(written)
    }

    /// A date with the name of a month: with two numbers beside it, the day and the year. A year of two digits comes last.
    fn parse_named(cell: &str) -> Option<Self> {
        let is_between = |c: char| is_blank(c) || c.is_whitespace() || matches!(c, '-' | '.' | '/' | ',');
        let mut words = cell.split(is_between).filter(|word| !word.is_empty()).filter(|word| !is_weekday(word));
        let (mut month, mut numbers) = (None, Vec::new());
        for word in words.by_ref().take(3) {
            match month_of(word) {
                Some(found) if month.is_none() => month = Some(found),
                Some(_) => return None,
                None => numbers.push(word),
            }
        }
        // A time may follow, and in Russian the word for a year.
        let is_rest = |word: &str| matches!(word, "г" | "года" | "at" | "в") || word.contains(':') || is_zone(word);
        if !words.all(is_rest) {
            return None;
        }
        let [first, last] = numbers[..] else { return None };
        let number =
            |text: &str| -> Option<i16> { text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())? };
        let day_of = |text: &str| {
            let plain = ["st", "nd", "rd", "th"].iter().find_map(|end| text.strip_suffix(end)).unwrap_or(text);
            number(plain).filter(|_| (1..=2).contains(&plain.len()))
        };
        let (day, year) = if first.len() == 4 { (last, first) } else { (first, last) };
        let fits = matches!(year.len(), 2 | 4);
        let parts = [day_of(day)?, month?, number(year)?];
        fits.then_some(Self { parts, separator: ' ', form: Form::Named, short_year: year.len() == 2 })
    }

    /// Whether its year has two digits.
    pub(super) fn has_short_year(&self) -> bool {
        self.short_year
    }

    /// The order that only this date has; `None` where both or neither are possible.
    pub(super) fn order(&self) -> Option<DateOrder> {
        let (day, month) = (1..=31, 1..=12);
        let [first, second, _] = self.parts;
        match (month.contains(&first), month.contains(&second)) {
            _ if self.form != Form::YearLast => None,
            (true, false) if day.contains(&second) => Some(DateOrder::MonthFirst),
            (false, true) if day.contains(&first) => Some(DateOrder::DayFirst),
            _ => None,
        }
    }

    /// Whether both orders are possible and give different days.
    pub(super) fn is_unclear(&self) -> bool {
        self.is_day_and_month() && self.parts[0] != self.parts[1]
    }

    fn is_day_and_month(&self) -> bool {
        let [one, other, _] = self.parts;
        self.form == Form::YearLast && (1..=12).contains(&one) && (1..=12).contains(&other)
    }

    fn read(&self, order: DateOrder, years: Option<i16>) -> Option<String> {
        let [a, b, c] = self.parts;
        let (year, month, day) = match (self.form, order) {
            (Form::YearFirst, _) => (a, b, c),
            (Form::Named, _) | (Form::YearLast, DateOrder::DayFirst) => (c, b, a),
            (Form::YearLast, DateOrder::MonthFirst) => (c, a, b),
        };
        let year = match self.short_year {
            true => years.map(|first| first + (year - first).rem_euclid(100))?,
            false => year,
        };
        let date = Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()?;
        Some(date.to_string())
    }
}

/// The number of a month by its name.
fn month_of(word: &str) -> Option<i16> {
    let word = word.to_lowercase();
    let is_short = |start: &&&str| word == **start;
    let is_name = || MONTH_NAMES.contains(&word.as_str());
    let number = MONTHS
        .iter()
        .position(|starts| starts.iter().any(|start| is_short(&start) || word.starts_with(start) && is_name()))?;
    i16::try_from(number + 1).ok()
}

fn is_weekday(word: &str) -> bool {
    let word = word.to_lowercase();
    let names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    names.iter().any(|name| word == *name || word == name[..3])
}

fn is_zone(word: &str) -> bool {
    matches!(word, "AM" | "PM" | "am" | "pm" | "UTC" | "GMT" | "Z" | "+0000")
}

/// Reads a day number of a spreadsheet, which counts days from the end of 1899.
pub(super) fn read_day_number(cell: &str) -> Option<String> {
    let is_number = cell.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && cell.len() <= 16;
    let number: f64 = is_number.then(|| cell.parse().ok())??;
    let day = DAY_NUMBERS.contains(&number).then_some(number.trunc() as i64)?;
    let start = Date::constant(1899, 12, 30);
    start.checked_add(jiff::Span::new().try_days(day).ok()?).ok().map(|date| date.to_string())
}

/// Parses a date and returns it as `YYYY-MM-DD`; a time behind it is left out. Without an order the day is first unless
/// only the other order is possible; without the years a year of two digits is no date.
pub fn read_date(cell: &str, format: CellFormat) -> Option<String> {
    if format.day_numbers {
        return read_day_number(trim_blank(cell));
    }
    let written = WrittenDate::parse(cell)?;
    written.read(format.dates.or_else(|| written.order()).unwrap_or(DateOrder::DayFirst), format.years)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_months_are_read_in_english_and_russian() {
        let read = |cell: &str| read_date(cell, CellFormat::default());
        for cell in [
            "5 мая 1990",
            "05 Мая 1990 г.",
            "5 май 1990 года",
            "May 5, 1990",
            "MAY 05 1990",
            "5 May 1990 10:15",
            "5th of May 1990",
            "Sat, 5 May 1990 10:15:00 GMT",
            "1990-May-05",
            "5-may-1990",
            "5.мая.1990",
            "May 5th, 1990 at 10:15 PM",
        ] {
            let expected = if cell.contains(" of ") { None } else { Some("1990-05-05".to_owned()) };
            assert_eq!(read(cell), expected, "{cell}");
        }
        for (cell, month) in [
            ("1 янв. 2001", "01"),
            ("1 февраля 2001", "02"),
            ("1 Sept 2001", "09"),
            ("1 нояб. 2001", "11"),
            ("December 1, 2001", "12"),
            ("1 июля 2001", "07"),
            ("1 june 2001", "06"),
        ] {
            assert_eq!(read(cell), Some(format!("2001-{month}-01")), "{cell}");
        }
        for cell in [
            "5 marble 1990",
            "May 1990",
            "5 May",
            "31 Feb 1990",
            "May May 1990",
            "5 May 1990 or later",
            "05-May-90",
            "1 мартини 2001",
        ] {
            assert_eq!(read(cell), None, "{cell}");
        }
    }

    #[test]
    fn a_day_number_lies_between_1910_and_2099() {
        for (cell, expected) in [
            ("3654", Some("1910-01-01")),
            ("45000.99", Some("2023-03-15")),
            ("73050", Some("2099-12-31")),
            ("73051", None),
            ("12", None),
            ("1e4", None),
            ("", None),
        ] {
            assert_eq!(read_day_number(cell).as_deref(), expected, "{cell}");
        }
    }
}
