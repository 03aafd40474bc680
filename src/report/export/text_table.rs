//! Tables as text: CSV and NDJSON.
//!
//! CSV is UTF-8 without a byte order mark, every cell is quoted, lines end with CR LF (RFC 4180). A text that a spreadsheet
//! would take for a formula gets a leading apostrophe ([`people_file`]); numbers, also negative ones, stay numbers. For
//! Excel the file begins with a byte order mark and has the separators of the reader's language. NDJSON holds the values
//! unchanged, one object per line. Times have a fixed width in both.

use std::collections::BTreeMap;
use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::Value;

use super::table_writer::{Cell, Excel, is_in_calendar, write_key};
use crate::audience::people_file;
use crate::infra::clock::Millis;

/// A table of text that is being written.
pub struct TextTable<W: Write> {
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

impl<W: Write> TextTable<W> {
    /// Begins CSV with a header, and with what Excel expects of it.
    pub fn csv(excel: Option<Excel>, columns: &[String], mut out: W) -> io::Result<Self> {
        if excel.is_some() {
            out.write_all("\u{feff}".as_bytes())?;
        }
        let separator = excel.map_or(b',', |excel| excel.separator);
        let mut table = Self { layout: Layout::Csv { separator }, line: Vec::new(), out };
        table.row(&columns.iter().map(|name| name.as_str().into()).collect::<Vec<_>>())?;
        Ok(table)
    }

    /// Begins a file of one object per line.
    pub fn ndjson(columns: &[String], out: W) -> io::Result<Self> {
        let places: BTreeMap<_, _> = columns.iter().zip(0..).collect();
        let key = |(name, index): (&String, usize)| Ok((serde_json::to_string(name)?, index));
        let keys = places.into_iter().map(key).collect::<io::Result<_>>()?;
        Ok(Self { layout: Layout::Ndjson(keys), line: Vec::new(), out })
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

/// Writes a time as ISO 8601 in 24 characters, `2026-11-21T10:00:00.000Z`; nothing for one outside the calendar.
fn write_time(at: Millis, line: &mut Vec<u8>) -> io::Result<()> {
    match Timestamp::from_millisecond(at) {
        Ok(time) if is_in_calendar(at) => write!(line, "{time:.3}"),
        _ => Ok(()),
    }
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
