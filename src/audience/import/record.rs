//! CSV reader: splits the decoded text into rows and cells (quotes, doubled quotes, line breaks inside quotes), with
//! the line of the file that each row begins on and its raw text. Lengths are bounded while reading, so that no
//! file makes memory grow.

use std::path::{Path, PathBuf};

use super::decoder::DecodedText;
use super::delimiter::{self, Delimiter};
use crate::infra::error::{Error, Message, Result};

/// Bytes of decoded text that a row may have.
pub const MAX_ROW_BYTES: usize = 1 << 20;
/// Bytes of decoded text that a cell may have.
pub const MAX_CELL_BYTES: usize = 64 << 10;
/// Rows with an unclosed quotation mark that a file may have: each costs a search of [`MAX_ROW_BYTES`] bytes.
const MAX_UNCLOSED: u32 = 1_000;

/// A row of the file.
pub struct Record<'a> {
    /// The line of the file it begins on, from 1.
    pub line: u64,
    /// Its text, quotes and all, without the line end.
    pub raw: &'a str,
    /// The reason word, if the row cannot be read.
    pub defect: Option<&'static str>,
    /// The text of the cells, without quotes.
    pub(super) cells: &'a str,
    /// The end of each cell in `cells`.
    pub(super) ends: &'a [usize],
}

impl<'a> Record<'a> {
    /// Number of cells.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// A cell without its quotes; empty beyond the last.
    pub fn cell(&self, index: usize) -> &'a str {
        let start = if index == 0 { 0 } else { *self.ends.get(index - 1).unwrap_or(&self.cells.len()) };
        let end = *self.ends.get(index).unwrap_or(&self.cells.len());
        &self.cells[start..end]
    }

    /// All cells.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> {
        (0..self.len()).map(|index| self.cell(index))
    }
}

/// The rows of a file, one after another.
pub struct Records {
    text: DecodedText,
    path: PathBuf,
    delimiter: Delimiter,
    core: csv_core::Reader,
    line: u64,
    /// Length of the row returned last; the next call removes it from the window.
    row_length: usize,
    unclosed: u32,
    cells: Vec<u8>,
    ends: Vec<usize>,
}

/// Result of scanning one row.
enum Scan {
    /// A complete row, with its length in bytes and number of cells.
    Whole { length: usize, cells: usize },
    /// A quotation mark is opened and never closed.
    Unclosed,
    /// The file is at its end.
    End,
}

impl Records {
    /// A reader whose delimiter is detected from the first line. A first line `sep=;`, as Excel writes it, is obeyed.
    pub fn new(mut text: DecodedText, path: &Path) -> Result<Self> {
        while text.window().len() < MAX_CELL_BYTES && text.grow().map_err(Error::io(path.display()))? {}
        let (delimiter, first_line) = delimiter::detect(text.window());
        text.consume(first_line);
        let core = csv_core::ReaderBuilder::new().delimiter(delimiter.byte()).build();
        Ok(Self {
            text,
            path: path.to_owned(),
            delimiter,
            core,
            line: if first_line == 0 { 1 } else { 2 },
            row_length: 0,
            unclosed: 0,
            cells: Vec::new(),
            ends: vec![0; 64],
        })
    }

    /// The delimiter of cells.
    pub fn delimiter(&self) -> Delimiter {
        self.delimiter
    }

    /// Bytes of the file read so far.
    pub fn bytes_read(&self) -> u64 {
        self.text.bytes_read()
    }

    /// The next row that is not blank.
    pub fn next(&mut self) -> Result<Option<Record<'_>>> {
        let (defect, cells) = loop {
            self.release_row();
            self.skip_line_ends()?;
            match self.scan_row()? {
                Scan::End => return Ok(None),
                Scan::Unclosed => {
                    self.row_length = self.skip_unclosed()?;
                    break (Some("quote-open"), 0);
                }
                Scan::Whole { length, cells } => {
                    self.row_length = trimmed(&self.text.window()[..length]);
                    if self.ends[..cells].last().is_some_and(|filled| *filled > 0) {
                        break (None, cells);
                    }
                }
            }
        };
        let ends = &self.ends[..cells];
        let read = |bytes| std::str::from_utf8(bytes).expect("decoded text is UTF-8");
        let raw = read(&self.text.window()[..self.row_length]);
        let cells = read(&self.cells[..ends.last().copied().unwrap_or(0)]);
        let defect = defect.or_else(|| find_defect(cells, ends));
        Ok(Some(Record { line: self.line, raw, defect, cells, ends }))
    }

    fn release_row(&mut self) {
        self.line += line_ends(&self.text.window()[..self.row_length]);
        self.text.consume(std::mem::take(&mut self.row_length));
    }

    fn skip_line_ends(&mut self) -> Result<()> {
        loop {
            match self.text.window() {
                [b'\r', b'\n', ..] => self.text.consume(2),
                [b'\r'] | [] => {
                    let grown = self.text.grow().map_err(Error::io(self.path.display()))?;
                    match (grown, self.text.window()) {
                        (true, _) => continue,
                        (false, []) => return Ok(()),
                        (false, _) => self.text.consume(1),
                    }
                }
                [b'\r' | b'\n', ..] => self.text.consume(1),
                _ => return Ok(()),
            }
            self.line += 1;
        }
    }

    /// Runs the CSV state machine to the end of one row.
    fn scan_row(&mut self) -> Result<Scan> {
        use csv_core::ReadRecordResult as Is;
        let (mut length, mut filled, mut cells) = (0, 0, 0);
        let mut ended = false;
        loop {
            // At the end of the file a line end is added: it ends every row but an unclosed one.
            let input = if ended { b"\n" } else { &self.text.window()[length..] };
            if input.is_empty() {
                if length > MAX_ROW_BYTES {
                    return Ok(Scan::Unclosed);
                }
                ended = !self.text.grow().map_err(Error::io(self.path.display()))?;
                if ended && length == 0 {
                    return Ok(Scan::End);
                }
                continue;
            }
            if self.cells.len() < filled + input.len() + 1 {
                self.cells.resize(filled + input.len() + 1, 0);
            }
            let (is, read, wrote, found) =
                self.core.read_record(input, &mut self.cells[filled..], &mut self.ends[cells..]);
            filled += wrote;
            cells += found;
            length += if ended { 0 } else { read };
            match is {
                Is::Record => return Ok(Scan::Whole { length, cells }),
                Is::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                _ if ended => return Ok(Scan::Unclosed),
                _ => {}
            }
        }
    }

    /// Skips the first line of a row whose quotation mark is never closed. Returns the length of that line; fails
    /// without a line end, and after too many such rows.
    fn skip_unclosed(&mut self) -> Result<usize> {
        self.core.reset();
        self.unclosed += 1;
        let rest = self.text.window();
        let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        match end.or((rest.len() <= MAX_ROW_BYTES).then_some(rest.len())) {
            Some(end) if self.unclosed <= MAX_UNCLOSED => Ok(end),
            _ => Err(Message::new("import-line-endless")
                .with("file", self.path.display())
                .with("line", self.line)
                .invalid()),
        }
    }
}

/// The reason why a complete row cannot be read, if any.
fn find_defect(cells: &str, ends: &[usize]) -> Option<&'static str> {
    if cells.contains('\u{fffd}') {
        return Some("encoding");
    }
    if cells.contains('\0') {
        return Some("nul");
    }
    let starts = std::iter::once(&0).chain(ends);
    ends.iter().zip(starts).any(|(end, start)| end - start > MAX_CELL_BYTES).then_some("cell-long")
}

fn trimmed(raw: &[u8]) -> usize {
    raw.len() - raw.iter().rev().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
}

fn line_ends(raw: &[u8]) -> u64 {
    let ends = raw.iter().enumerate().filter(|(at, byte)| match byte {
        b'\n' => true,
        b'\r' => raw.get(at + 1) != Some(&b'\n'),
        _ => false,
    });
    ends.count() as u64
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use encoding_rs::{Encoding, KOI8_R, UTF_8, UTF_16LE, WINDOWS_1251};
    use proptest::prelude::*;

    use super::*;

    type ReadRow = (u64, String, Vec<String>, Option<&'static str>);

    fn read_in(bytes: Vec<u8>, encoding: &'static Encoding) -> Result<Vec<ReadRow>> {
        let text = DecodedText::new(Box::new(Cursor::new(bytes)), encoding);
        let mut records = Records::new(text, Path::new("people.csv"))?;
        let mut seen = Vec::new();
        while let Some(record) = records.next()? {
            let cells = record.iter().map(str::to_owned).collect();
            seen.push((record.line, record.raw.to_owned(), cells, record.defect));
        }
        Ok(seen)
    }

    fn read(text: &str) -> Vec<ReadRow> {
        read_in(text.into(), UTF_8).expect("a table")
    }

    fn whole(line: u64, raw: &str, cells: &[&str]) -> ReadRow {
        (line, raw.to_owned(), cells.iter().map(|cell| (*cell).to_owned()).collect(), None)
    }

    #[test]
    fn a_row_has_its_line_number_and_raw_text() {
        let text = "email;note\r\n\r\na@b.c;\"two\r\nlines; \"\"quoted\"\"\"\r\n;\nd@e.f;x";

        assert_eq!(
            read(text),
            [
                whole(1, "email;note", &["email", "note"]),
                whole(3, "a@b.c;\"two\r\nlines; \"\"quoted\"\"\"", &["a@b.c", "two\r\nlines; \"quoted\""]),
                whole(6, "d@e.f;x", &["d@e.f", "x"]),
            ]
        );
        assert_eq!(read("a,b\rc,d\r")[1], whole(2, "c,d", &["c", "d"]));
    }

    #[test]
    fn an_unclosed_quotation_mark_loses_one_row() {
        let seen = read("email,name\na@b.c,\"Anna\nd@e.f,Ivan\n");

        assert_eq!(seen[1], (2, "a@b.c,\"Anna".to_owned(), Vec::new(), Some("quote-open")));
        assert_eq!(seen[2], whole(3, "d@e.f,Ivan", &["d@e.f", "Ivan"]));

        let long = format!("email,name\na@b.c,\"Anna\n{}", "d@e.f,Ivan\n".repeat(200_000));
        let seen = read(&long);
        assert_eq!(seen.len(), 200_002);
        assert_eq!(seen[200_001], whole(200_002, "d@e.f,Ivan", &["d@e.f", "Ivan"]));
    }

    #[test]
    fn an_unreadable_row_has_its_reason() {
        let text = [&b"email,name\na@b.c,\0\nb@b.c,\xff\nc@b.c,"[..], &[b'x'; MAX_CELL_BYTES + 1]].concat();
        let defects: Vec<_> = read_in(text, UTF_8).expect("a table").iter().map(|seen| seen.3).collect();

        assert_eq!(defects, [None, Some("nul"), Some("encoding"), Some("cell-long")]);
    }

    #[test]
    fn an_endless_line_is_refused_with_its_number() {
        let text = format!("email\n{}", "x".repeat(MAX_ROW_BYTES * 2));
        let message = read_in(text.into(), UTF_8).expect_err("refused").message();

        assert_eq!(message.key, "import-line-endless");
        assert_eq!(message.text("line"), "2");
    }

    fn quoted(cell: &str) -> String {
        format!("\"{}\"", cell.replace('"', "\"\""))
    }

    proptest! {
        #[test]
        fn any_table_in_any_encoding_and_delimiter_is_read_as_written(
            rows in prop::collection::vec(prop::collection::vec("[а-яёА-Я a-z,;\t\"\n0-9]{0,12}", 3), 1..40),
            encoding in prop::sample::select(vec![UTF_8, UTF_16LE, WINDOWS_1251, KOI8_R]),
            delimiter in prop::sample::select(Delimiter::ALL.to_vec()),
            ending in prop::sample::select(vec!["\n", "\r\n"]),
        ) {
            let between = char::from(delimiter.byte()).to_string();
            let mut text = ["\"email\"", "\"name\"", "\"note\""].join(&between) + ending;
            for row in &rows {
                text += &(row.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(&between) + ending);
            }
            let bytes = match encoding.name() {
                "UTF-16LE" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
                _ => encoding.encode(&text).0.into_owned(),
            };

            let seen = read_in(bytes, encoding).expect("a table");

            let kept = rows.iter().filter(|row| row.iter().any(|cell| !cell.is_empty()));
            prop_assert!(seen[1..].iter().map(|seen| &seen.2).eq(kept));
            for (line, raw, ..) in &seen {
                let place: Vec<_> = text.split('\n').skip(*line as usize - 1).collect();
                prop_assert!(place.join("\n").starts_with(raw.as_str()), "line {line}");
            }
        }
    }
}
