//! How a column of a file writes dates and numbers: which of day and month comes first, and which of point and comma is
//! the decimal sign. One cell may leave that open (`07/04/1985`, `1,200`); the column as a whole is judged by all its
//! cells ([`Evidence`]), and read in one format.

use serde_json::Value;

use super::address::{is_blank, trim_blank};

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
    /// The style of numbers.
    pub numbers: Option<NumberStyle>,
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

/// A day as written: its parts in their order, and whether the year comes first.
struct WrittenDate {
    parts: [i16; 3],
    separator: char,
    year_first: bool,
}

impl WrittenDate {
    fn parse(cell: &str) -> Option<Self> {
        let day = trim_blank(cell).split([' ', 'T', '\u{a0}', '\u{202f}']).next()?.trim_end_matches(',');
        let separator = day.chars().find(|c| !c.is_ascii_digit()).filter(|c| matches!(c, '-' | '.' | '/'))?;
        let mut texts = day.split(separator);
        let texts = [texts.next()?, texts.next()?, texts.next().filter(|_| texts.next().is_none())?];
        let year_first = texts[0].len() == 4;
        let is_year = |text: &str| text.len() == 4;
        let is_part = |text: &str| (1..=2).contains(&text.len());
        let fits = match year_first {
            true => is_part(texts[1]) && is_part(texts[2]),
            false => is_part(texts[0]) && is_part(texts[1]) && is_year(texts[2]),
        };
        let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?;
        let parts = [number(texts[0])?, number(texts[1])?, number(texts[2])?];
        fits.then_some(Self { parts, separator, year_first })
    }

    /// The order that only this date has; `None` where both or neither are possible.
    fn order(&self) -> Option<DateOrder> {
        let month = 1..=12;
        match (month.contains(&self.parts[0]), month.contains(&self.parts[1])) {
            _ if self.year_first => None,
            (true, false) => Some(DateOrder::MonthFirst),
            (false, true) => Some(DateOrder::DayFirst),
            _ => None,
        }
    }

    /// Whether both orders are possible and give different days.
    fn is_unclear(&self) -> bool {
        let [one, other, _] = self.parts;
        !self.year_first && one != other && (1..=12).contains(&one) && (1..=12).contains(&other)
    }

    fn read(&self, order: DateOrder) -> Option<String> {
        let [a, b, c] = self.parts;
        let (year, month, day) = match order {
            _ if self.year_first => (a, b, c),
            DateOrder::DayFirst => (c, b, a),
            DateOrder::MonthFirst => (c, a, b),
        };
        let date = jiff::civil::Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()?;
        Some(date.to_string())
    }
}

/// Parses a date and returns it as `YYYY-MM-DD`; a time behind it is left out. Without an order the day is first unless
/// only the other order is possible.
pub fn read_date(cell: &str, order: Option<DateOrder>) -> Option<String> {
    let written = WrittenDate::parse(cell)?;
    written.read(order.or_else(|| written.order()).unwrap_or(DateOrder::DayFirst))
}

/// The cells of a column do not prove its format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unclear;

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
    /// Cells that mean two things.
    unclear: u64,
    /// The first of these.
    pub samples: Vec<String>,
}

impl Evidence {
    /// Looks at a cell of a column of dates.
    pub fn observe_date(&mut self, cell: &str) {
        let Some(written) = WrittenDate::parse(cell) else { return };
        match written.order() {
            Some(DateOrder::DayFirst) => self.day_first += 1,
            Some(DateOrder::MonthFirst) => self.month_first += 1,
            None if written.is_unclear() && written.separator == '.' => self.dotted += 1,
            None if written.is_unclear() => self.add_unclear(cell),
            None => {}
        }
    }

    /// Looks at a cell of a column of numbers.
    pub fn observe_number(&mut self, cell: &str) {
        if cell.bytes().all(|byte| byte.is_ascii_digit()) {
            return;
        }
        match (parse_number(cell, NumberStyle::Point), parse_number(cell, NumberStyle::Comma)) {
            (Some(one), Some(other)) if one != other => self.add_unclear(cell),
            (Some(_), None) => self.point += 1,
            (None, Some(_)) => self.comma += 1,
            _ => {}
        }
    }

    fn add_unclear(&mut self, cell: &str) {
        self.unclear += 1;
        if self.samples.len() < SAMPLES {
            self.samples.push(trim_blank(cell).chars().take(40).collect());
        }
    }

    /// The order of the dates, `given` where the cells do not prove one; `Err` when it has to be given.
    pub fn date_order(&self, given: Option<DateOrder>) -> Result<Option<DateOrder>, Unclear> {
        match (self.day_first > 0, self.month_first > 0) {
            (true, false) => Ok(Some(DateOrder::DayFirst)),
            (false, true) => Ok(Some(DateOrder::MonthFirst)),
            _ if given.is_some() => Ok(given),
            (false, false) if self.unclear == 0 => Ok(None),
            (true, true) if self.unclear + self.dotted == 0 => Ok(None),
            _ => Err(Unclear),
        }
    }

    /// The style of the numbers, `given` where the cells do not prove one; `Err` when it has to be given.
    pub fn number_style(&self, given: Option<NumberStyle>) -> Result<Option<NumberStyle>, Unclear> {
        match (self.point > 0, self.comma > 0) {
            (true, false) => Ok(Some(NumberStyle::Point)),
            (false, true) => Ok(Some(NumberStyle::Comma)),
            _ if given.is_some() => Ok(given),
            _ if self.unclear == 0 => Ok(None),
            _ => Err(Unclear),
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

    fn dates(cells: &[&str], given: Option<DateOrder>) -> Result<Vec<Option<String>>, Unclear> {
        let mut evidence = Evidence::default();
        cells.iter().for_each(|cell| evidence.observe_date(cell));
        let order = evidence.date_order(given)?;
        Ok(cells.iter().map(|cell| read_date(cell, order)).collect())
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
            assert_eq!(json!(dates(cells, None).expect("proven")), values, "{cells:?}");
        }
        assert!(dates(&["07/04/1985"], None).is_err());
        assert!(dates(&["07/04/1985", "12/31/1990", "31/12/1990"], None).is_err());
        assert_eq!(dates(&["07/04/1985"], Some(DateOrder::MonthFirst)), Ok(vec![Some("1985-07-04".to_owned())]));
    }
}
