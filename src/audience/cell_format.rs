//! How a column of a file writes dates and numbers: which of day and month comes first, in which hundred years a year of two
//! digits lies, whether dates are day numbers of a spreadsheet, and which of point and comma is the decimal sign. One cell may
//! leave that open (`07/04/1985`, `1,200`, `45000`); the column as a whole is judged by all its cells ([`Evidence`]), and read
//! in one format.

use serde_json::Value;

use super::address::{is_blank, trim_blank};

mod date;

use date::WrittenDate;
pub use date::read_date;

crate::text_enum! {
    /// Which part of a date such as `07/04/1985` comes first.
    DateOrder {
        /// 7 April.
        DayFirst = "day-first",
        /// 4 July.
        MonthFirst = "month-first",
    }
}

crate::text_enum! {
    /// Which sign separates the decimals of a number, and which its thousands.
    NumberStyle {
        /// A decimal point, commas between thousands.
        Point = "1,234.5",
        /// A decimal comma, points between thousands.
        Comma = "1.234,5",
    }
}

/// The format of a column. Without a part only what can mean one thing is read by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CellFormat {
    /// The order of dates.
    pub dates: Option<DateOrder>,
    /// The first of the hundred years in which years of two digits lie.
    pub years: Option<i16>,
    /// Dates are day numbers of a spreadsheet.
    pub day_numbers: bool,
    /// The style of numbers.
    pub numbers: Option<NumberStyle>,
}

/// What a user says about the dates of columns that do not prove how they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DateReading {
    /// The order of day and month.
    pub order: Option<DateOrder>,
    /// The first of the hundred years in which years of two digits lie.
    pub years: Option<i16>,
    /// A column of whole numbers has day numbers of a spreadsheet.
    pub day_numbers: bool,
}

/// Signs of currencies, which may stand before or after a number.
const CURRENCIES: [char; 14] = ['$', '€', '£', '¥', '₽', '₴', '₸', '₹', '₩', '₺', '₪', '₫', '฿', '¢'];

/// Parses a number; `Err` is the reason word. Without a style a number that means two things is refused unless it has a
/// point only, which is then the decimal sign.
pub fn read_number(cell: &str, style: Option<NumberStyle>) -> Result<Value, &'static str> {
    if let Ok(whole) = cell.parse::<i64>() {
        return Ok(Value::from(whole));
    }
    let read = |style| parse_number(cell, style);
    match style {
        Some(style) => read(style).ok_or("value-number"),
        None => match (read(NumberStyle::Point), read(NumberStyle::Comma)) {
            (Some(one), Some(other)) if one != other && cell.contains(',') => Err("value-number-unclear"),
            (Some(one), _) | (None, Some(one)) => Ok(one),
            (None, None) => Err("value-number"),
        },
    }
}

/// Parses a number of one style: sign, currency, digits in groups of three between one kind of separator, decimals,
/// exponent.
fn parse_number(cell: &str, style: NumberStyle) -> Option<Value> {
    let (decimal, group) = match style {
        NumberStyle::Point => ('.', ','),
        NumberStyle::Comma => (',', '.'),
    };
    let is_around = |c: char| is_blank(c) || CURRENCIES.contains(&c);
    let cell = cell.trim_matches(is_around);
    let (sign, digits) = match cell.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => ("-", rest.trim_start_matches(is_around)),
        None => ("", cell.strip_prefix('+').unwrap_or(cell)),
    };
    let (whole, decimals) = digits.split_once(decimal).map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
    let separator = whole.chars().find(|c| !c.is_ascii_alphanumeric());
    let whole = match separator {
        Some(sign) if sign == group || is_blank(sign) || matches!(sign, '\'' | '’' | '_') => {
            join_groups(whole, sign)?
        }
        Some(_) => return None,
        None => whole.to_owned(),
    };
    let is_plain =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'e' | b'E' | b'-' | b'+'));
    if !whole.starts_with(|c: char| c.is_ascii_digit()) && decimals.is_none() || !is_plain(&whole) {
        return None;
    }
    let Some(decimals) = decimals else {
        return match format!("{sign}{whole}").parse::<i64>() {
            Ok(whole) => Some(Value::from(whole)),
            Err(_) => to_float(&format!("{sign}{whole}")),
        };
    };
    (decimals.starts_with(|c: char| c.is_ascii_digit()) && is_plain(decimals))
        .then(|| to_float(&format!("{sign}{whole}.{decimals}")))?
}

fn to_float(text: &str) -> Option<Value> {
    let number: f64 = text.parse().ok()?;
    number.is_finite().then(|| Value::from(number))
}

/// The digits of groups between separators: one to three first, not a zero alone, then three each (two each in India).
fn join_groups(text: &str, separator: char) -> Option<String> {
    let groups: Vec<&str> = text.split(separator).collect();
    let digits = |group: &&str| group.bytes().all(|byte| byte.is_ascii_digit());
    let (first, rest) = groups.split_first()?;
    let (last, middle) = rest.split_last()?;
    let middle_fits = [2, 3].iter().any(|length| middle.iter().all(|group| group.len() == *length));
    let fits = (1..=3).contains(&first.len()) && !first.starts_with('0') && last.len() == 3 && middle_fits;
    (fits && groups.iter().all(digits)).then(|| groups.concat())
}

/// Why the cells of a column do not prove its format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unclear {
    /// Which of day and month is first.
    Order,
    /// In which hundred years a year of two digits lies.
    Years,
    /// Whether whole numbers are days.
    DayNumbers,
    /// Which sign separates decimals.
    Numbers,
}

/// Cells shown where a column leaves its format open.
const SAMPLES: usize = 3;

/// What the cells of a column say about its format.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    day_first: u64,
    month_first: u64,
    point: u64,
    comma: u64,
    /// Dates with dots that may be read both ways; without other evidence their day is first.
    dotted: u64,
    /// Dates of any form.
    written: u64,
    /// Dates with a year of two digits.
    short_years: Cells,
    /// Numbers that may be days.
    day_numbers: Cells,
    /// Other cells that are no date.
    others: u64,
    /// Cells that mean two things.
    unclear: Cells,
}

/// A number of cells, with the first of them.
#[derive(Debug, Clone, Default)]
struct Cells {
    count: u64,
    samples: Vec<String>,
}

impl Cells {
    fn add(&mut self, cell: &str) {
        self.count += 1;
        if self.samples.len() < SAMPLES {
            self.samples.push(trim_blank(cell).chars().take(40).collect());
        }
    }
}

impl Evidence {
    /// Looks at a cell of a column of dates.
    pub fn observe_date(&mut self, cell: &str) {
        let Some(written) = WrittenDate::parse(cell) else {
            match trim_blank(cell) {
                "" => {}
                cell if date::read_day_number(cell).is_some() => self.day_numbers.add(cell),
                _ => self.others += 1,
            }
            return;
        };
        self.written += 1;
        if written.has_short_year() {
            self.short_years.add(cell);
        }
        match written.order() {
            Some(DateOrder::DayFirst) => self.day_first += 1,
            Some(DateOrder::MonthFirst) => self.month_first += 1,
            None if written.is_unclear() && written.separator == '.' => self.dotted += 1,
            None if written.is_unclear() => self.unclear.add(cell),
            None => {}
        }
    }

    /// The first cells that leave the format open in this way.
    pub fn samples(&self, unclear: Unclear) -> &[String] {
        match unclear {
            Unclear::Years => &self.short_years.samples,
            Unclear::DayNumbers => &self.day_numbers.samples,
            Unclear::Order | Unclear::Numbers => &self.unclear.samples,
        }
    }

    /// Looks at a cell of a column of numbers.
    pub fn observe_number(&mut self, cell: &str) {
        if cell.bytes().all(|byte| byte.is_ascii_digit()) {
            return;
        }
        match (parse_number(cell, NumberStyle::Point), parse_number(cell, NumberStyle::Comma)) {
            (Some(one), Some(other)) if one != other => self.unclear.add(cell),
            (Some(_), None) => self.point += 1,
            (None, Some(_)) => self.comma += 1,
            _ => {}
        }
    }

    /// The format of a column of dates. What the cells do not prove is as `given`; `Err` when it has to be given. Whole numbers
    /// are days only where the column has nothing else.
    pub fn date_format(&self, given: DateReading) -> Result<CellFormat, Unclear> {
        if self.day_numbers.count > 0 && self.written + self.others == 0 {
            let format = CellFormat { day_numbers: true, ..CellFormat::default() };
            return if given.day_numbers { Ok(format) } else { Err(Unclear::DayNumbers) };
        }
        if self.short_years.count > 0 && given.years.is_none() {
            return Err(Unclear::Years);
        }
        let (unclear, dotted) = (self.unclear.count, self.dotted);
        let dates = match (self.day_first > 0, self.month_first > 0) {
            (true, false) => Some(DateOrder::DayFirst),
            (false, true) => Some(DateOrder::MonthFirst),
            _ if given.order.is_some() => given.order,
            (false, false) if unclear == 0 => None,
            (true, true) if unclear + dotted == 0 => None,
            _ => return Err(Unclear::Order),
        };
        Ok(CellFormat { dates, years: given.years, ..CellFormat::default() })
    }

    /// The style of the numbers, `given` where the cells do not prove one; `Err` when it has to be given.
    pub fn number_style(&self, given: Option<NumberStyle>) -> Result<Option<NumberStyle>, Unclear> {
        match (self.point > 0, self.comma > 0) {
            (true, false) => Ok(Some(NumberStyle::Point)),
            (false, true) => Ok(Some(NumberStyle::Comma)),
            _ if given.is_some() => Ok(given),
            _ if self.unclear.count == 0 => Ok(None),
            _ => Err(Unclear::Numbers),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Reads a column of numbers as an import does; `None` for a cell that is left out.
    fn numbers(cells: &[&str], given: Option<NumberStyle>) -> Result<Vec<Option<Value>>, Unclear> {
        let mut evidence = Evidence::default();
        cells.iter().for_each(|cell| evidence.observe_number(cell));
        let style = evidence.number_style(given)?;
        Ok(cells.iter().map(|cell| read_number(cell, style).ok()).collect())
    }

    fn dates(cells: &[&str], given: DateReading) -> Result<Vec<Option<String>>, Unclear> {
        let mut evidence = Evidence::default();
        cells.iter().for_each(|cell| evidence.observe_date(cell));
        let format = evidence.date_format(given)?;
        Ok(cells.iter().map(|cell| read_date(cell, format)).collect())
    }

    #[test]
    fn a_column_of_numbers_has_one_style_proven_by_its_cells() {
        for (cells, values) in [
            (&["1,200", "$1,200.50"][..], json!([1200, 1200.5])),
            (&["1.234", "12,5"], json!([1234, 12.5])),
            (&["1 234,5", "7,125"], json!([1234.5, 7.125])),
            (&["1,234,567", "12,345"], json!([1_234_567, 12_345])),
            (&["0,125", "1,200"], json!([0.125, 1.2])),
            (&["1'234.50", "2,000 €"], json!([1234.5, 2000])),
            (&["12,34,567", "-1,200"], json!([1_234_567, -1200])),
            (&["12,5", "12.5", "7"], json!([12.5, 12.5, 7])),
            (&["−5", "+3", "1e3", "007", "1\u{202f}000"], json!([-5, 3, 1000.0, 7, 1000])),
            (
                &["1,2,3", "x", "1.2.3", "12,3456.7", "1e999", "NaN", "$", "5."],
                json!([null, null, null, null, null, null, null, null]),
            ),
        ] {
            assert_eq!(json!(numbers(cells, None).expect("proven")), values, "{cells:?}");
        }
        for unclear in [&["1,200", "12,345"][..], &["1.234"], &["1,200", "1,5", "1.5"]] {
            assert!(numbers(unclear, None).is_err(), "{unclear:?}");
        }
        assert_eq!(numbers(&["1,200", "x"], Some(NumberStyle::Point)), Ok(vec![Some(1200.into()), None]));
        assert_eq!(numbers(&["1,200"], Some(NumberStyle::Comma)), Ok(vec![Some(1.2.into())]));
    }

    #[test]
    fn a_column_of_dates_has_one_order_proven_by_its_cells() {
        for (cells, values) in [
            (&["12/31/1990", "07/04/1985", "02/30/1990"][..], json!(["1990-12-31", "1985-07-04", null])),
            (&["31/12/1990", "07/04/1985"], json!(["1990-12-31", "1985-04-07"])),
            (&["31-12-1990 10:15", "07-04-1985"], json!(["1990-12-31", "1985-04-07"])),
            (&["07.04.1985", "05.05.1985"], json!(["1985-04-07", "1985-05-05"])),
            (&["1985-04-07T10:00:00Z", "1985/4/7"], json!(["1985-04-07", "1985-04-07"])),
            (
                &["05/05/1985", "", "04/05", "x", "1/2/3/4", "99/99/1999"],
                json!(["1985-05-05", null, null, null, null, null]),
            ),
        ] {
            assert_eq!(json!(dates(cells, DateReading::default()).expect("proven")), values, "{cells:?}");
        }
        let (unknown, order) = (DateReading::default(), Some(DateOrder::MonthFirst));
        assert_eq!(dates(&["07/04/1985"], unknown), Err(Unclear::Order));
        assert_eq!(dates(&["07/04/1985", "12/31/1990", "31/12/1990"], unknown), Err(Unclear::Order));
        let given = DateReading { order, ..unknown };
        assert_eq!(dates(&["07/04/1985"], given), Ok(vec![Some("1985-07-04".to_owned())]));
    }

    #[test]
    fn a_year_of_two_digits_is_read_as_the_user_says() {
        let years = |years| DateReading { years: Some(years), ..DateReading::default() };
        let cells = ["31/12/85", "07/04/26", "05-May-27", "1.2.1999", "May 5, 99"];
        assert_eq!(dates(&cells, DateReading::default()), Err(Unclear::Years));
        let expected = |years: [&str; 5]| json!(years);
        assert_eq!(
            json!(dates(&cells, years(1927)).expect("read")),
            expected(["1985-12-31", "2026-04-07", "1927-05-05", "1999-02-01", "1999-05-05"])
        );
        assert_eq!(
            json!(dates(&cells, years(1990)).expect("read")),
            expected(["2085-12-31", "2026-04-07", "2027-05-05", "1999-02-01", "1999-05-05"])
        );
        // Which of day and month is first is another question, and one that begins with the year is no date.
        assert_eq!(dates(&["07/04/85"], years(1927)), Err(Unclear::Order));
        assert_eq!(dates(&["85-04-07", "31-12-85"], years(1927)), Ok(vec![None, Some("1985-12-31".to_owned())]));
    }

    #[test]
    fn day_numbers_are_dates_in_a_column_of_nothing_else() {
        let given = DateReading { day_numbers: true, ..DateReading::default() };
        assert_eq!(dates(&["45000", "", "32874.5"], DateReading::default()), Err(Unclear::DayNumbers));
        let read = dates(&["45000", "", "32874.5"], given).expect("read");
        assert_eq!(json!(read), json!(["2023-03-15", null, "1990-01-01"]));
        for others in [["45000", "1990-05-05"], ["45000", "12"], ["45000", "x"]] {
            assert_eq!(dates(&others, given).expect("read")[0], None, "{others:?}");
        }
        assert_eq!(
            json!(dates(&["1990-05-05", "3.4.1990"], given).expect("read")),
            json!(["1990-05-05", "1990-04-03"])
        );
    }
}
