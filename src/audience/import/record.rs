//! CSV reader: splits the decoded text into rows and cells, with the line of the file that each row begins on and its
//! raw text. Lengths are bounded while reading, so that no file makes memory grow.
//!
//! A quotation mark that is opened by mistake ends at the next one, perhaps many rows below. A row whose cell spans
//! lines is therefore read as one only if those lines are not rows themselves: see [`Records::swallows_rows`].

use std::path::{Path, PathBuf};

use super::decoder::DecodedText;
use super::delimiter::{self, Delimiter};
use super::quote_history::QuoteHistory;
use super::scan::{Cells, Scan, scan, split_plainly};
use crate::audience::address::is_blank;
use crate::infra::error::{Error, Message, Result};

/// Bytes of decoded text that a row may have.
pub const MAX_ROW_BYTES: usize = 1 << 20;
/// Bytes of decoded text that a cell may have.
pub const MAX_CELL_BYTES: usize = 64 << 10;
/// Searches of [`MAX_ROW_BYTES`] bytes for a closing quotation mark that a file may cost.
const MAX_SEARCHES: u32 = 1_000;

/// A row of the file.
pub struct Record<'a> {
    /// The line of the file it begins on, from 1.
    pub line: u64,
    /// Its text, quotes and all, without the line end.
    pub raw: &'a str,
    /// The reason word, if the row cannot be read; then its cells are the parts of its first line.
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

/// What the header tells of every row.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Number of columns with a name.
    pub columns: usize,
    /// The column of addresses.
    pub address: usize,
}

/// The rows of a file, one after another.
pub struct Records {
    text: DecodedText,
    path: PathBuf,
    delimiter: Delimiter,
    shape: Option<Shape>,
    line: u64,
    /// Length of the row returned last; the next call removes it from the window.
    row_length: usize,
    searches: u32,
    cells: Cells,
    quotes: QuoteHistory,
}

impl Records {
    /// A reader whose delimiter is detected.
    #[cfg(test)]
    pub fn new(text: DecodedText, path: &Path) -> Result<Self> {
        Self::with_delimiter(text, path, None)
    }

    /// A reader for cells between this delimiter. Without one it is detected from the first lines. A first line `sep=;`, as Excel
    /// writes it, is left out, and obeyed where no delimiter is named.
    pub fn with_delimiter(mut text: DecodedText, path: &Path, named: Option<Delimiter>) -> Result<Self> {
        while text.window().len() < MAX_CELL_BYTES && text.grow().map_err(Error::io(path.display()))? {}
        let detected = delimiter::detect(text.window(), named)?;
        text.consume(detected.length);
        Ok(Self {
            text,
            path: path.to_owned(),
            delimiter: detected.delimiter,
            shape: None,
            line: if detected.length == 0 { 1 } else { 2 },
            row_length: 0,
            searches: 0,
            cells: Cells::default(),
            quotes: QuoteHistory::default(),
        })
    }

    /// Tells the reader what the rows below the header look like.
    pub fn set_shape(&mut self, shape: Shape) {
        self.shape = Some(shape);
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
        let defect = loop {
            self.release_row();
            self.skip_line_ends()?;
            match self.scan_row()? {
                None => return Ok(None),
                Some(Scan::Whole { length, spanning }) => {
                    self.row_length = length;
                    if spanning.is_some_and(|cell| self.swallows_rows(length, cell)) {
                        self.quotes.expect_stray(self.line + line_ends(&self.text.window()[..length]));
                        self.take_first_line()?;
                        break Some("quote-open");
                    }
                    self.quotes.remove_stray(self.line, &mut self.cells);
                    if !self.is_row_blank() {
                        self.quotes.observe(&self.cells, self.shape.is_some());
                        break None;
                    }
                }
                Some(Scan::Open | Scan::More) => {
                    self.take_first_line()?;
                    break Some("quote-open");
                }
            }
        };
        let ends = &self.cells.ends[..];
        let read = |bytes| std::str::from_utf8(bytes).expect("decoded text is UTF-8");
        let raw = read(&self.text.window()[..self.row_length]);
        Ok(Some(Record { line: self.line, raw, defect, cells: read(&self.cells.text), ends }))
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

    /// Scans one row; `None` at the end of the file, [`Scan::More`] for a row that is too long.
    fn scan_row(&mut self) -> Result<Option<Scan>> {
        let mut ended = false;
        loop {
            let window = self.text.window();
            if ended && window.is_empty() {
                return Ok(None);
            }
            let scan = if window.is_empty() {
                Scan::More
            } else {
                scan(window, self.delimiter.byte(), ended, &mut self.cells)
            };
            if scan != Scan::More || window.len() > MAX_ROW_BYTES {
                return Ok(Some(scan));
            }
            // Twice the text, since the row is scanned again from its beginning.
            let wanted = 2 * window.len();
            while !ended && self.text.window().len() <= wanted {
                ended = !self.text.grow().map_err(Error::io(self.path.display()))?;
            }
        }
    }

    fn is_row_blank(&self) -> bool {
        let text = &self.cells.text;
        text.is_empty()
            || (text[0] <= b' ' || !text.is_ascii())
                && std::str::from_utf8(text).is_ok_and(|text| text.chars().all(is_blank))
    }

    fn swallows_rows(&self, length: usize, spanning: usize) -> bool {
        let Some(shape) = self.shape else { return false };
        let row = std::str::from_utf8(&self.text.window()[..length]);
        row.is_ok_and(|row| self.quotes.has_swallowed(row, &self.cells, spanning, shape, self.delimiter))
    }

    /// Takes the first line of a row whose quotation mark is never closed as the row. Fails without a line end, and
    /// after too many long searches.
    fn take_first_line(&mut self) -> Result<()> {
        let rest = self.text.window();
        self.searches += u32::from(rest.len() > MAX_ROW_BYTES);
        let end = memchr::memchr2(b'\r', b'\n', rest);
        match end.or((rest.len() <= MAX_ROW_BYTES).then_some(rest.len())) {
            Some(end) if self.searches <= MAX_SEARCHES => {
                split_plainly(&rest[..end], self.delimiter.byte(), &mut self.cells);
                self.row_length = end;
                Ok(())
            }
            _ => Err(Message::new("import-line-endless")
                .with("limit", MAX_ROW_BYTES)
                .with("file", self.path.display())
                .with("line", self.line)
                .invalid()),
        }
    }
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

    use super::super::charset::Charset;
    use super::*;

    type ReadRow = (u64, String, Vec<String>, Option<&'static str>);

    fn read_in(bytes: Vec<u8>, encoding: &'static Encoding) -> Result<Vec<ReadRow>> {
        let text = DecodedText::new(Box::new(Cursor::new(bytes)), Charset::Standard(encoding));
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

        let cells = vec!["a@b.c".to_owned(), "\"Anna".to_owned()];
        assert_eq!(seen[1], (2, "a@b.c,\"Anna".to_owned(), cells, Some("quote-open")));
        assert_eq!(seen[2], whole(3, "d@e.f,Ivan", &["d@e.f", "Ivan"]));

        let long = format!("email,name\na@b.c,\"Anna\n{}", "d@e.f,Ivan\n".repeat(200_000));
        let seen = read(&long);
        assert_eq!(seen.len(), 200_002);
        assert_eq!(seen[200_001], whole(200_002, "d@e.f,Ivan", &["d@e.f", "Ivan"]));
    }

    #[test]
    fn a_file_of_open_quotation_marks_is_read_in_linear_time() {
        let text = format!("email,name\n{}", "a@b.cd,\"Anna\n".repeat(100_000));
        assert_eq!(read(&text).iter().filter(|row| row.3 == Some("quote-open")).count(), 100_000);
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
            rows in prop::collection::vec(prop::collection::vec("([а-яёА-Я a-z,;|\t\"\n0-9]{0,12}[а-яa-z0-9])?", 3), 1..40),
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
