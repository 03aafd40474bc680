//! Table writer: rows of cells as CSV or NDJSON (`text_table`) or as Parquet (`parquet_table`).

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

use serde::de::{Deserialize, Deserializer, Visitor};
use serde_json::Value;

#[cfg(feature = "parquet")]
use super::parquet_table::ParquetTable;
use super::schema::ColumnType;
use super::text_table::TextTable;
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
        /// Apache Parquet, in builds with the feature `parquet`.
        Parquet = "parquet",
    }
}

impl Format {
    /// Whether this build writes it.
    pub fn is_available(self) -> bool {
        self != Self::Parquet || cfg!(feature = "parquet")
    }

    /// Its media type (RFC 4180, RFC 7111; the registry of IANA for Parquet).
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Ndjson => "application/x-ndjson",
            Self::Parquet => "application/vnd.apache.parquet",
        }
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
    /// Between cells.
    pub(super) separator: u8,
}

impl Excel {
    /// The separators of a language: where decimals have a comma, cells are separated by semicolons.
    pub fn of(lang: Lang) -> Self {
        Self { separator: lang.tr("excel-separator").bytes().next().unwrap_or(b',') }
    }
}

/// A column of the table that is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// Its name.
    pub name: String,
    /// The type of its cells.
    pub kind: ColumnType,
}

/// Writes rows under named columns.
pub enum TableWriter<W: Write + Send> {
    /// CSV or NDJSON.
    Text(TextTable<W>),
    /// Parquet.
    #[cfg(feature = "parquet")]
    Parquet(ParquetTable<W>),
}

impl<W: Write + Send> TableWriter<W> {
    /// Begins a table.
    ///
    /// # Errors
    /// `Unsupported` for a format that is not [available](Format::is_available).
    pub fn new(format: Format, excel: Option<Excel>, columns: Vec<Heading>, out: W) -> io::Result<Self> {
        let names = || columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
        match format {
            Format::Csv => TextTable::csv(excel, &names(), out).map(Self::Text),
            Format::Ndjson => TextTable::ndjson(&names(), out).map(Self::Text),
            #[cfg(feature = "parquet")]
            Format::Parquet => ParquetTable::new(&columns, out).map(Self::Parquet),
            #[cfg(not(feature = "parquet"))]
            Format::Parquet => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Writes a row, which has a cell for every column.
    pub fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        match self {
            Self::Text(table) => table.row(cells),
            #[cfg(feature = "parquet")]
            Self::Parquet(table) => table.row(cells),
        }
    }

    /// Writes what is left and returns the output.
    pub fn finish(self) -> io::Result<W> {
        match self {
            Self::Text(table) => table.finish(),
            #[cfg(feature = "parquet")]
            Self::Parquet(table) => table.finish(),
        }
    }
}

/// True for a time of the years 0 to 9999.
pub(super) fn is_in_calendar(at: Millis) -> bool {
    (-62_167_219_200_000..253_402_207_200_000).contains(&at)
}

/// An id as text.
pub fn key_text(prefix: char, id: Id) -> String {
    let mut text = Vec::with_capacity(14);
    write_key(prefix, id, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Writes the prefix and 13 digits of base 32 (RFC 4648 §7, lower case), which no spreadsheet takes for a number.
pub(super) fn write_key(prefix: char, id: Id, line: &mut Vec<u8>) {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    line.push(u8::try_from(prefix).unwrap_or(b'x'));
    let digits = (0..13).rev().map(|place| DIGITS[(id.cast_unsigned() >> (5 * place)) as usize % 32]);
    line.extend(digits);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heading(name: &str) -> Heading {
        Heading { name: name.to_owned(), kind: ColumnType::Text }
    }

    fn written(format: Format, cells: &[Cell<'_>]) -> String {
        let columns = (0..cells.len()).map(|index| heading(&format!("c{index}"))).collect();
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
        for format in Format::ALL.iter().copied().filter(|format| format.is_available()) {
            let mut written = TableWriter::new(format, None, vec![heading("a")], FullDisk).map(|_| ());
            if let Ok(mut writer) = TableWriter::new(format, None, vec![heading("a")], FullDisk) {
                written =
                    writer.row(&[Cell::from("x".repeat(1 << 16).as_str())]).and_then(|()| writer.finish().map(drop));
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
        let columns = || vec![heading("a"), heading("b")];
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
