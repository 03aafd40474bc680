//! Rows of cells as CSV or NDJSON.
//!
//! CSV is UTF-8 without a byte order mark, every cell quoted, lines ended by CR LF (RFC 4180). A text
//! that a spreadsheet would take for a formula gets an apostrophe in front; numbers stay numbers, also
//! negative ones. NDJSON holds the values as they are, one object a line.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, Visitor};
use serde_json::Value;

use crate::infra::clock::Millis;

crate::text_enum! {
    /// How rows are written.
    Format {
        /// For spreadsheets and other tools.
        Csv = "csv",
        /// One JSON object a line.
        Ndjson = "ndjson",
    }
}

/// What stands in a row under a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    /// Nothing.
    Null,
    /// A text.
    Text(Cow<'a, str>),
    /// A whole number.
    Whole(i64),
    /// A point in time, written as ISO 8601 in UTC.
    At(Millis),
    /// The value of a field.
    Json(Value),
}

impl Cell<'_> {
    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Makes a whole number the point in time that it stands for.
    pub fn date(&mut self) {
        if let Self::Whole(at) = *self {
            *self = Self::At(at);
        }
    }
}

/// A point in time, or nothing.
pub fn time(at: Option<Millis>) -> Cell<'static> {
    at.map_or(Cell::Null, Cell::At)
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<i64> for Cell<'_> {
    fn from(number: i64) -> Self {
        Self::Whole(number)
    }
}

/// Reads texts where they stand, unless something in them is escaped.
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

/// A file of rows under named columns.
pub struct TableWriter<W: Write> {
    form: Layout,
    /// The row that is being written.
    line: Vec<u8>,
    out: W,
}

enum Layout {
    Csv,
    /// The keys as JSON, each with the index of its cell, in the order of the object.
    Ndjson(Vec<(String, usize)>),
}

impl<W: Write> TableWriter<W> {
    /// Begins a sheet; CSV gets its header.
    pub fn new(format: Format, columns: Vec<String>, out: W) -> io::Result<Self> {
        let form = match format {
            Format::Csv => Layout::Csv,
            Format::Ndjson => {
                let places: BTreeMap<_, _> = columns.iter().zip(0..).collect();
                let key = |(name, index): (&String, usize)| Ok((serde_json::to_string(name)?, index));
                Layout::Ndjson(places.into_iter().map(key).collect::<io::Result<_>>()?)
            }
        };
        let mut sheet = Self { form, line: Vec::new(), out };
        if matches!(sheet.form, Layout::Csv) {
            sheet.row(&columns.iter().map(|name| name.as_str().into()).collect::<Vec<_>>())?;
        }
        Ok(sheet)
    }

    /// Adds a row; it has a cell for every column.
    pub fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        self.line.clear();
        match &self.form {
            Layout::Csv => {
                for (index, cell) in cells.iter().enumerate() {
                    self.line.extend_from_slice(if index > 0 { b",\"" } else { b"\"" });
                    quoted(cell, &mut self.line)?;
                    self.line.push(b'"');
                }
                self.line.extend_from_slice(b"\r\n");
            }
            Layout::Ndjson(keys) => {
                let mut sign = b'{';
                for (key, index) in keys {
                    self.line.push(sign);
                    self.line.extend_from_slice(key.as_bytes());
                    self.line.push(b':');
                    json(&cells[*index], &mut self.line)?;
                    sign = b',';
                }
                self.line.extend_from_slice(b"}\n");
            }
        }
        self.out.write_all(&self.line)
    }

    /// Hands everything over.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush().map(|()| self.out)
    }
}

/// The cell as it stands between quotes.
fn quoted(cell: &Cell<'_>, line: &mut Vec<u8>) -> io::Result<()> {
    match cell {
        Cell::Null | Cell::Json(Value::Null) => {}
        Cell::Text(text) => guarded(text, line),
        Cell::Json(Value::String(text)) => guarded(text, line),
        Cell::Whole(number) => write!(line, "{number}")?,
        Cell::At(at) => date(*at, line)?,
        Cell::Json(value) => write!(line, "{value}")?,
    }
    Ok(())
}

fn json(cell: &Cell<'_>, line: &mut Vec<u8>) -> io::Result<()> {
    match cell {
        Cell::Null => line.extend_from_slice(b"null"),
        Cell::Text(text) => serde_json::to_writer(line, text)?,
        Cell::Whole(number) => write!(line, "{number}")?,
        Cell::At(at) if Timestamp::from_millisecond(*at).is_err() => line.extend_from_slice(b"null"),
        Cell::At(at) => {
            line.push(b'"');
            date(*at, line)?;
            line.push(b'"');
        }
        Cell::Json(value) => serde_json::to_writer(line, value)?,
    }
    Ok(())
}

/// What lies outside the calendar is nothing.
fn date(at: Millis, line: &mut Vec<u8>) -> io::Result<()> {
    Timestamp::from_millisecond(at).map_or(Ok(()), |at| write!(line, "{at}"))
}

/// The text, harmless in a spreadsheet: ASCII and full-width forms of the signs that begin a formula.
fn guarded(text: &str, line: &mut Vec<u8>) {
    let risky = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    if text.starts_with(risky) {
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
        let mut sheet = TableWriter::new(format, columns, Vec::new()).expect("begun");
        sheet.row(cells).expect("written");
        String::from_utf8(sheet.finish().expect("finished")).expect("UTF-8")
    }

    #[test]
    fn texts_that_look_like_formulas_are_texts() {
        for text in ["=1+1", "+7 900", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠x"] {
            let csv = written(Format::Csv, &[text.into()]);
            assert_eq!(csv, format!("\"c0\"\r\n\"'{text}\"\r\n"));
            let back: Value = serde_json::from_str(&written(Format::Ndjson, &[text.into()])).expect("JSON");
            assert_eq!(back["c0"], text);
        }
    }

    #[test]
    fn numbers_stay_numbers() {
        let cells = [Cell::Whole(-5), Cell::Json(Value::from(-1.5)), Cell::Null, Cell::from("a\"b,\nc")];

        assert_eq!(
            written(Format::Csv, &cells),
            "\"c0\",\"c1\",\"c2\",\"c3\"\r\n\"-5\",\"-1.5\",\"\",\"a\"\"b,\nc\"\r\n"
        );
        assert_eq!(written(Format::Ndjson, &cells), "{\"c0\":-5,\"c1\":-1.5,\"c2\":null,\"c3\":\"a\\\"b,\\nc\"}\n");
    }

    #[test]
    fn a_full_disk_is_told_as_one() {
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
            let mut written = TableWriter::new(format, vec!["a".to_owned()], FullDisk).map(|_| ());
            if let Ok(mut sheet) = TableWriter::new(format, vec!["a".to_owned()], FullDisk) {
                written = sheet.row(&[Cell::from("x".repeat(1 << 16).as_str())]);
            }
            assert_eq!(written.expect_err("a full disk").kind(), io::ErrorKind::StorageFull, "{format}");
        }
    }

    #[test]
    fn times_are_utc() {
        let cells = [time(Some(1_795_255_200_000)), time(Some(1_795_255_200_120)), time(None), time(Some(i64::MAX))];
        assert_eq!(
            written(Format::Csv, &cells),
            "\"c0\",\"c1\",\"c2\",\"c3\"\r\n\"2026-11-21T10:00:00Z\",\"2026-11-21T10:00:00.12Z\",\"\",\"\"\r\n"
        );
        assert!(written(Format::Ndjson, &cells).ends_with(",\"c2\":null,\"c3\":null}\n"));
    }

    #[test]
    fn what_a_database_strings_together_is_read_as_it_was() {
        let row: Vec<Cell<'_>> = serde_json::from_str(r#"["plain","a\"b\u001f\\",-7,null,""]"#).expect("a row");
        let borrowed = |text| Cell::Text(Cow::Borrowed(text));
        assert_eq!(row, [borrowed("plain"), borrowed("a\"b\u{1f}\\"), Cell::Whole(-7), Cell::Null, borrowed("")]);
    }
}
