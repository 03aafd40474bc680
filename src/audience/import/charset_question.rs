//! The question about a file whose encoding its bytes do not prove: some of its rows in the two likeliest readings.

use std::io::{BufReader, Read};

use super::charset::Charset;
use super::source::Source;
use crate::audience::address::{Address, is_hidden, trim_blank};
use crate::infra::error::{Error, Message, Result};

/// Rows that are shown.
const ROWS: usize = 3;

/// Bytes of a row that are shown.
const MAX_ROW: usize = 200;

/// The refusal of a file with two readings.
pub fn ask(source: &Source, one: Charset, other: Charset) -> Result<Error> {
    let lines = telling_lines(source, one, other)?;
    let shown = |charset: Charset| {
        let rows = lines.iter().map(|line| format!("  {}", masked(&charset.decode(line))));
        rows.collect::<Vec<_>>().join("\n")
    };
    Ok(Message::new("import-encoding-unclear")
        .with("file", source.name.display())
        .with("first", one.name())
        .with("first_rows", shown(one))
        .with("second", other.name())
        .with("second_rows", shown(other))
        .invalid())
}

/// The first lines whose readings differ.
fn telling_lines(source: &Source, one: Charset, other: Charset) -> Result<Vec<Vec<u8>>> {
    let (mut lines, mut line) = (Vec::new(), Vec::new());
    for byte in BufReader::with_capacity(1 << 16, source.reader()?).bytes() {
        let byte = byte.map_err(Error::io(source.name.display()))?;
        if !matches!(byte, b'\n' | b'\r') {
            if line.len() < MAX_ROW {
                line.push(byte);
            }
            continue;
        }
        let line = std::mem::take(&mut line);
        if !line.is_ascii() && one.decode(&line) != other.decode(&line) {
            lines.push(line);
        }
        if lines.len() == ROWS {
            return Ok(lines);
        }
    }
    if !line.is_ascii() {
        lines.push(line);
    }
    Ok(lines)
}

/// A line whose addresses are masked.
fn masked(line: &str) -> String {
    let cell = |cell: &str| match cell.contains('@') {
        true => Address::parse(trim_blank(cell).trim_matches('"'))
            .map_or("***@***".to_owned(), |address| address.to_string()),
        false => cell.chars().filter(|c| !is_hidden(*c) || *c == char::REPLACEMENT_CHARACTER).collect(),
    };
    let separator = [',', ';', '\t', '|'].into_iter().max_by_key(|sign| line.matches(*sign).count()).unwrap_or(',');
    line.split(separator).map(cell).collect::<Vec<_>>().join(&separator.to_string())
}
