//! Rows of cells as CSV or NDJSON.
//!
//! CSV is UTF-8 without a byte order mark, every cell quoted, lines ended by CR LF (RFC 4180). A text
//! that a spreadsheet would take for a formula gets an apostrophe in front; numbers stay numbers, also
//! negative ones. NDJSON holds the values as they are, one object a line.

use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::ground::clock::Millis;
use crate::ground::error::of_csv;

crate::text_enum! {
    /// How rows are written.
    Format {
        /// For spreadsheets and other tools.
        Csv = "csv",
        /// One JSON object a line.
        Ndjson = "ndjson",
    }
}

/// A text, whole number, number or null.
pub type Cell = Value;

/// A point in time as ISO 8601 in UTC.
pub fn time(at: Option<Millis>) -> Cell {
    at.and_then(|at| Timestamp::from_millisecond(at).ok()).map_or(Value::Null, |at| Value::from(at.to_string()))
}

/// A file of rows under named columns.
pub struct Sheet<W: Write> {
    columns: Vec<String>,
    out: Out<W>,
}

enum Out<W: Write> {
    Csv(Box<csv::Writer<W>>),
    Ndjson(W),
}

impl<W: Write> Sheet<W> {
    /// Begins a sheet; CSV gets its header.
    pub fn new(format: Format, columns: Vec<String>, out: W) -> io::Result<Self> {
        let out = match format {
            Format::Ndjson => Out::Ndjson(out),
            Format::Csv => {
                let mut writer = csv::WriterBuilder::new()
                    .quote_style(csv::QuoteStyle::Always)
                    .terminator(csv::Terminator::CRLF)
                    .from_writer(out);
                writer.write_record(columns.iter().map(|name| guarded(name))).map_err(of_csv)?;
                Out::Csv(Box::new(writer))
            }
        };
        Ok(Self { columns, out })
    }

    /// Adds a row; it has a cell for every column.
    pub fn row(&mut self, cells: Vec<Cell>) -> io::Result<()> {
        match &mut self.out {
            Out::Csv(writer) => writer.write_record(cells.iter().map(cell)).map_err(of_csv),
            Out::Ndjson(out) => {
                let object: Map<String, Value> = self.columns.iter().cloned().zip(cells).collect();
                serde_json::to_writer(&mut *out, &object)?;
                out.write_all(b"\n")
            }
        }
    }

    /// Hands everything over.
    pub fn finish(self) -> io::Result<W> {
        match self.out {
            Out::Csv(writer) => writer.into_inner().map_err(|error| io::Error::other(error.to_string())),
            Out::Ndjson(mut out) => out.flush().map(|()| out),
        }
    }
}

fn cell(value: &Cell) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => guarded(text),
        other => other.to_string(),
    }
}

/// The text, harmless in a spreadsheet: ASCII and full-width forms of the signs that begin a formula.
fn guarded(text: &str) -> String {
    let risky = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    if text.starts_with(risky) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: Format, cells: Vec<Cell>) -> String {
        let columns = (0..cells.len()).map(|index| format!("c{index}")).collect();
        let mut sheet = Sheet::new(format, columns, Vec::new()).expect("begun");
        sheet.row(cells).expect("written");
        String::from_utf8(sheet.finish().expect("finished")).expect("UTF-8")
    }

    #[test]
    fn texts_that_look_like_formulas_are_texts() {
        for text in ["=1+1", "+7 900", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠x"] {
            let csv = written(Format::Csv, vec![text.into()]);
            assert_eq!(csv, format!("\"c0\"\r\n\"'{text}\"\r\n"));
            let back: Value = serde_json::from_str(&written(Format::Ndjson, vec![text.into()])).expect("JSON");
            assert_eq!(back["c0"], text);
        }
    }

    #[test]
    fn numbers_stay_numbers() {
        let cells = vec![Value::from(-5), Value::from(-1.5), Value::Null, Value::from("a\"b,\nc")];

        assert_eq!(
            written(Format::Csv, cells.clone()),
            "\"c0\",\"c1\",\"c2\",\"c3\"\r\n\"-5\",\"-1.5\",\"\",\"a\"\"b,\nc\"\r\n"
        );
        assert_eq!(written(Format::Ndjson, cells), "{\"c0\":-5,\"c1\":-1.5,\"c2\":null,\"c3\":\"a\\\"b,\\nc\"}\n");
    }

    #[test]
    fn a_full_disk_is_told_as_one() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for format in [Format::Csv, Format::Ndjson] {
            let mut written = Sheet::new(format, vec!["a".to_owned()], Full).map(|_| ());
            if let Ok(mut sheet) = Sheet::new(format, vec!["a".to_owned()], Full) {
                written = sheet.row(vec![Value::from("x".repeat(1 << 16))]);
            }
            assert_eq!(written.expect_err("a full disk").kind(), io::ErrorKind::StorageFull, "{format}");
        }
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(time(Some(1_795_255_200_000)), "2026-11-21T10:00:00Z");
        assert_eq!(time(None), Value::Null);
    }
}
