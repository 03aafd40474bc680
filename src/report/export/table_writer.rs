//! Table writer: rows of cells as CSV or NDJSON.
//!
//! CSV is UTF-8 without a byte order mark, every cell is quoted, lines end with CR LF (RFC 4180). A text that a spreadsheet
//! would take for a formula gets a leading apostrophe ([`people_file`]); numbers, also negative ones, stay numbers. For
//! Excel the file begins with a byte order mark and has the separators of the reader's language. NDJSON holds the values
//! unchanged, one object per line. Times have a fixed width in both.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, Visitor};
use serde_json::Value;

use crate::audience::people_file;
use crate::infra::clock::Millis;
use crate::infra::i18n::Lang;
use crate::infra::id::Id;

crate::text_enum! {
    /// File format.
    Format {
        /// Comma-separated values (RFC 4180).
        Csv = "csv",
        /// One JSON object per line.
        Ndjson = "ndjson",
    }
}

/// A value in a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    /// No value.
    Null,
    /// Text.
    Text(Cow<'a, str>),
    /// A whole number.
    Whole(i64),
    /// A time in ms, written as ISO 8601 in UTC with milliseconds.
    At(Millis),
    /// An id with the prefix of its kind, written as text so that no program rounds it.
    Key(char, Id),
    /// Value of a contact field.
    Json(Value),
}

impl Cell<'_> {
    /// The text of a text cell.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Converts a whole number, an id, into a key cell.
    pub fn convert_to_key(&mut self, prefix: char) {
        if let Self::Whole(id) = *self {
            *self = Self::Key(prefix, id);
        }
    }

    /// Converts a whole number, a time in ms, into a time cell.
    pub fn convert_to_time(&mut self) {
        if let Self::Whole(at) = *self {
            *self = Self::At(at);
        }
    }
}

/// A time cell, or no value.
pub fn time(at: Option<Millis>) -> Cell<'static> {
    at.map_or(Cell::Null, Cell::At)
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<f64> for Cell<'_> {
    fn from(number: f64) -> Self {
        Self::Json(Value::from(number))
    }
}

impl From<i64> for Cell<'_> {
    fn from(number: i64) -> Self {
        Self::Whole(number)
    }
}

/// Borrows texts from the input unless they contain an escape.
impl<'de: 'a, 'a> Deserialize<'de> for Cell<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Cell<'de>;
            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("a text, a whole number or null")
            }
            fn visit_unit<E>(self) -> Result<Cell<'de>, E> {
                Ok(Cell::Null)
            }
            fn visit_i64<E>(self, number: i64) -> Result<Cell<'de>, E> {
                Ok(Cell::Whole(number))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Cell<'de>, E> {
                Ok(Cell::Whole(number.cast_signed()))
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cell<'de>, E> {
                Ok(Cell::Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Cell<'de>, E> {
                Ok(Cell::Text(Cow::Owned(text.to_owned())))
            }
        }
        from.deserialize_any(Any)
    }
}

/// What Excel expects of a CSV file in a language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Excel {
    separator: u8,
}

impl Excel {
    /// The separators of a language: where decimals have a comma, cells are separated by semicolons.
    pub fn of(lang: Lang) -> Self {
        Self { separator: lang.tr("excel-separator").bytes().next().unwrap_or(b',') }
    }
}

/// Writes rows under named columns.
pub struct TableWriter<W: Write> {
    layout: Layout,
    /// Buffer for the current row.
    line: Vec<u8>,
    out: W,
}

enum Layout {
    Csv {
        separator: u8,
    },
    /// Keys as JSON with the index of their cell, in the order of the object.
    Ndjson(Vec<(String, usize)>),
}

impl<W: Write> TableWriter<W> {
    /// Begins a table; writes the header of CSV, with what Excel expects of it.
    pub fn new(format: Format, excel: Option<Excel>, columns: Vec<String>, mut out: W) -> io::Result<Self> {
        let layout = match format {
            Format::Csv => Layout::Csv { separator: excel.map_or(b',', |excel| excel.separator) },
            Format::Ndjson => {
                let places: BTreeMap<_, _> = columns.iter().zip(0..).collect();
                let key = |(name, index): (&String, usize)| Ok((serde_json::to_string(name)?, index));
                Layout::Ndjson(places.into_iter().map(key).collect::<io::Result<_>>()?)
            }
        };
        let is_csv = matches!(layout, Layout::Csv { .. });
        if is_csv && excel.is_some() {
            out.write_all("\u{feff}".as_bytes())?;
        }
        let mut writer = Self { layout, line: Vec::new(), out };
        if is_csv {
            writer.row(&columns.iter().map(|name| name.as_str().into()).collect::<Vec<_>>())?;
        }
        Ok(writer)
    }

    /// Writes a row, which has a cell for every column.
    pub fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        self.line.clear();
        match &self.layout {
            Layout::Csv { separator } => {
                for (index, cell) in cells.iter().enumerate() {
                    if index > 0 {
                        self.line.push(*separator);
                    }
                    self.line.push(b'"');
                    write_csv(cell, *separator == b';', &mut self.line)?;
                    self.line.push(b'"');
                }
                self.line.extend_from_slice(b"\r\n");
            }
            Layout::Ndjson(keys) => {
                let mut separator = b'{';
                for (key, index) in keys {
                    self.line.push(separator);
                    self.line.extend_from_slice(key.as_bytes());
                    self.line.push(b':');
                    write_json(&cells[*index], &mut self.line)?;
                    separator = b',';
                }
                self.line.extend_from_slice(b"}\n");
            }
        }
        self.out.write_all(&self.line)
    }

    /// Flushes the output and returns it.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush().map(|()| self.out)
    }
}

/// Writes a cell between the quotes of CSV.
fn write_csv(cell: &Cell<'_>, has_decimal_comma: bool, line: &mut Vec<u8>) -> io::Result<()> {
    match cell {
        Cell::Null | Cell::Json(Value::Null) => {}
        Cell::Text(text) => write_guarded(text, line),
        Cell::Json(Value::String(text)) => write_guarded(text, line),
        Cell::Whole(number) => write!(line, "{number}")?,
        Cell::At(at) => write_time(*at, line)?,
        Cell::Key(prefix, id) => write_key(*prefix, *id, line),
        Cell::Json(Value::Number(number)) if has_decimal_comma => {
            line.extend_from_slice(number.to_string().replace('.', ",").as_bytes());
        }
        Cell::Json(value) => write!(line, "{value}")?,
    }
    Ok(())
}

fn write_json(cell: &Cell<'_>, line: &mut Vec<u8>) -> io::Result<()> {
    match cell {
        Cell::Null => line.extend_from_slice(b"null"),
        Cell::Text(text) => serde_json::to_writer(line, text)?,
        Cell::Whole(number) => write!(line, "{number}")?,
        Cell::At(at) if !is_in_calendar(*at) => line.extend_from_slice(b"null"),
        Cell::At(at) => {
            line.push(b'"');
            write_time(*at, line)?;
            line.push(b'"');
        }
        Cell::Key(prefix, id) => {
            line.push(b'"');
            write_key(*prefix, *id, line);
            line.push(b'"');
        }
        Cell::Json(value) => serde_json::to_writer(line, value)?,
    }
    Ok(())
}

/// True for a time of the years 0 to 9999.
fn is_in_calendar(at: Millis) -> bool {
    (-62_167_219_200_000..253_402_207_200_000).contains(&at)
}

/// Writes a time as ISO 8601 in 24 characters, `2026-11-21T10:00:00.000Z`; nothing for one outside the calendar.
fn write_time(at: Millis, line: &mut Vec<u8>) -> io::Result<()> {
    match Timestamp::from_millisecond(at) {
        Ok(time) if is_in_calendar(at) => write!(line, "{time:.3}"),
        _ => Ok(()),
    }
}

/// An id as text.
pub fn key_text(prefix: char, id: Id) -> String {
    let mut text = Vec::with_capacity(14);
    write_key(prefix, id, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Writes the prefix and 13 digits of base 32 (RFC 4648 §7, lower case), which no spreadsheet takes for a number.
fn write_key(prefix: char, id: Id, line: &mut Vec<u8>) {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    line.push(u8::try_from(prefix).unwrap_or(b'x'));
    let digits = (0..13).rev().map(|place| DIGITS[(id.cast_unsigned() >> (5 * place)) as usize % 32]);
    line.extend(digits);
}

/// Writes a text that no spreadsheet takes for a formula.
fn write_guarded(text: &str, line: &mut Vec<u8>) {
    if people_file::needs_apostrophe(text) {
        line.push(b'\'');
    }
    let mut rest = text.as_bytes();
    while let Some(at) = memchr::memchr(b'"', rest) {
        line.extend_from_slice(&rest[..=at]);
        line.push(b'"');
        rest = &rest[at + 1..];
    }
    line.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: Format, cells: &[Cell<'_>]) -> String {
        let columns = (0..cells.len()).map(|index| format!("c{index}")).collect();
        let mut writer = TableWriter::new(format, None, columns, Vec::new()).expect("begun");
        writer.row(cells).expect("written");
        String::from_utf8(writer.finish().expect("finished")).expect("UTF-8")
    }

    #[test]
    fn formulas_in_texts_are_disarmed() {
        for text in ["=1+1", "+7 900", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠x"] {
            let csv = written(Format::Csv, &[text.into()]);
            assert_eq!(csv, format!("\"c0\"\r\n\"'{text}\"\r\n"));
            let back: Value = serde_json::from_str(&written(Format::Ndjson, &[text.into()])).expect("JSON");
            assert_eq!(back["c0"], text);
        }
    }

    #[test]
    fn numbers_are_not_disarmed() {
        let cells = [Cell::Whole(-5), Cell::Json(Value::from(-1.5)), Cell::Null, Cell::from("a\"b,\nc")];

        assert_eq!(
            written(Format::Csv, &cells),
            "\"c0\",\"c1\",\"c2\",\"c3\"\r\n\"-5\",\"-1.5\",\"\",\"a\"\"b,\nc\"\r\n"
        );
        assert_eq!(written(Format::Ndjson, &cells), "{\"c0\":-5,\"c1\":-1.5,\"c2\":null,\"c3\":\"a\\\"b,\\nc\"}\n");
    }

    #[test]
    fn a_full_disk_is_reported() {
        struct FullDisk;
        impl Write for FullDisk {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for format in [Format::Csv, Format::Ndjson] {
            let mut written = TableWriter::new(format, None, vec!["a".to_owned()], FullDisk).map(|_| ());
            if let Ok(mut writer) = TableWriter::new(format, None, vec!["a".to_owned()], FullDisk) {
                written = writer.row(&[Cell::from("x".repeat(1 << 16).as_str())]);
            }
            assert_eq!(written.expect_err("a full disk").kind(), io::ErrorKind::StorageFull, "{format}");
        }
    }

    #[test]
    fn times_are_written_in_utc() {
        let cells = [time(Some(1_795_255_200_000)), time(Some(1_795_255_200_120)), time(None), time(Some(i64::MAX))];
        assert_eq!(
            written(Format::Csv, &cells),
            "\"c0\",\"c1\",\"c2\",\"c3\"\r\n\"2026-11-21T10:00:00.000Z\",\"2026-11-21T10:00:00.120Z\",\"\",\"\"\r\n"
        );
        assert!(written(Format::Ndjson, &cells).ends_with(",\"c2\":null,\"c3\":null}\n"));
    }

    #[test]
    fn excel_gets_a_mark_and_the_separators_of_the_language() {
        let columns = || vec!["a".to_owned(), "b".to_owned()];
        let cells = [Cell::Json(Value::from(-1.5)), Cell::Text("x;y".into())];
        for (lang, expected) in
            [(Lang::EN, "\"a\",\"b\"\r\n\"-1.5\",\"x;y\"\r\n"), (Lang::RU, "\"a\";\"b\"\r\n\"-1,5\";\"x;y\"\r\n")]
        {
            let excel = Some(Excel::of(lang));
            let mut writer = TableWriter::new(Format::Csv, excel, columns(), Vec::new()).expect("begun");
            writer.row(&cells).expect("written");
            assert_eq!(
                String::from_utf8(writer.finish().expect("done")).expect("UTF-8"),
                format!("\u{feff}{expected}")
            );
        }
    }

    #[test]
    fn keys_have_a_prefix_and_a_fixed_width() {
        let cells = [Cell::Key('d', 1), Cell::Key('p', i64::MAX)];
        let line = written(Format::Csv, &cells);
        assert!(line.ends_with("\"d0000000000001\",\"p7vvvvvvvvvvvv\"\r\n"), "{line}");
        assert!(written(Format::Ndjson, &cells).starts_with("{\"c0\":\"d0000000000001\""));
    }

    #[test]
    fn rows_of_the_database_are_read_unchanged() {
        let row: Vec<Cell<'_>> = serde_json::from_str(r#"["plain","a\"b\u001f\\",-7,null,""]"#).expect("a row");
        let borrowed = |text| Cell::Text(Cow::Borrowed(text));
        assert_eq!(row, [borrowed("plain"), borrowed("a\"b\u{1f}\\"), Cell::Whole(-7), Cell::Null, borrowed("")]);
    }
}
