//! Rows of a delimited file: cut by one state machine (quotes, doubled quotes, line breaks inside
//! quotes), with the line of the file each row begins on and its text as it stood. Lengths are
//! bounded while reading, so that no file makes memory grow.

use std::path::{Path, PathBuf};

use super::decoder::Text;
use super::delimiter::{self, Delimiter};
use crate::infra::error::{Error, Message, Result};

/// Bytes of decoded text that a row may have.
pub const ROW: usize = 1 << 20;
/// Bytes of decoded text that a cell may have.
pub const CELL: usize = 64 << 10;
/// Rows with a quotation mark that is never closed which a file may have: each costs a search of
/// [`ROW`] bytes.
const GIVEN_UP: u32 = 1_000;

/// A row as it stands in the file.
pub struct Record<'a> {
    /// The line of the file it begins on, from 1.
    pub line: u64,
    /// Its text, quotes and all, without the line end.
    pub raw: &'a str,
    /// The reason word of a row that cannot be read.
    pub fault: Option<&'static str>,
    /// The text of the cells, without quotes.
    pub(super) cells: &'a str,
    /// Where each cell ends in it.
    pub(super) ends: &'a [usize],
}

impl<'a> Record<'a> {
    /// How many cells there are.
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
    text: Text,
    path: PathBuf,
    delimiter: Delimiter,
    core: csv_core::Reader,
    line: u64,
    /// Length of the row handed out last; it leaves the window when the next is asked for.
    held: usize,
    given_up: u32,
    cells: Vec<u8>,
    ends: Vec<usize>,
}

/// How the state machine left a row.
enum Cut {
    /// Row of this many bytes and cells.
    Whole { length: usize, cells: usize },
    /// A quotation mark opens a cell and nothing closes it.
    Unclosed,
    /// The file is at its end.
    End,
}

impl Records {
    /// Rows of a text whose delimiter is found on its first line. A line `sep=;`, as Excel writes
    /// it, is taken at its word.
    pub fn new(mut text: Text, path: &Path) -> Result<Self> {
        while text.rest().len() < CELL && text.more().map_err(Error::io(path.display()))? {}
        let (delimiter, lead) = delimiter::sniff(text.rest());
        text.consume(lead);
        let core = csv_core::ReaderBuilder::new().delimiter(delimiter.byte()).build();
        Ok(Self {
            text,
            path: path.to_owned(),
            delimiter,
            core,
            line: if lead == 0 { 1 } else { 2 },
            held: 0,
            given_up: 0,
            cells: Vec::new(),
            ends: vec![0; 64],
        })
    }

    /// What stands between cells.
    pub fn delimiter(&self) -> Delimiter {
        self.delimiter
    }

    /// Bytes of the file read so far.
    pub fn taken(&self) -> u64 {
        self.text.taken()
    }

    /// The next row that is not blank.
    pub fn next(&mut self) -> Result<Option<Record<'_>>> {
        let (fault, cells) = loop {
            self.let_go();
            self.skip_line_ends()?;
            match self.cut()? {
                Cut::End => return Ok(None),
                Cut::Unclosed => {
                    self.held = self.give_up()?;
                    break (Some("quote-open"), 0);
                }
                Cut::Whole { length, cells } => {
                    self.held = trimmed(&self.text.rest()[..length]);
                    if self.ends[..cells].last().is_some_and(|filled| *filled > 0) {
                        break (None, cells);
                    }
                }
            }
        };
        let ends = &self.ends[..cells];
        let read = |bytes| std::str::from_utf8(bytes).expect("decoded text is UTF-8");
        let raw = read(&self.text.rest()[..self.held]);
        let cells = read(&self.cells[..ends.last().copied().unwrap_or(0)]);
        let fault = fault.or_else(|| flaw(cells, ends));
        Ok(Some(Record { line: self.line, raw, fault, cells, ends }))
    }

    fn let_go(&mut self) {
        self.line += line_ends(&self.text.rest()[..self.held]);
        self.text.consume(std::mem::take(&mut self.held));
    }

    fn skip_line_ends(&mut self) -> Result<()> {
        loop {
            match self.text.rest() {
                [b'\r', b'\n', ..] => self.text.consume(2),
                [b'\r'] | [] => {
                    let grown = self.text.more().map_err(Error::io(self.path.display()))?;
                    match (grown, self.text.rest()) {
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

    /// Runs the state machine from the current place to the end of one row.
    fn cut(&mut self) -> Result<Cut> {
        use csv_core::ReadRecordResult as Is;
        let (mut length, mut filled, mut cells) = (0, 0, 0);
        let mut ended = false;
        loop {
            // At the end of the file a line end is added: it ends every row but an unclosed one.
            let input = if ended { b"\n" } else { &self.text.rest()[length..] };
            if input.is_empty() {
                if length > ROW {
                    return Ok(Cut::Unclosed);
                }
                ended = !self.text.more().map_err(Error::io(self.path.display()))?;
                if ended && length == 0 {
                    return Ok(Cut::End);
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
                Is::Record => return Ok(Cut::Whole { length, cells }),
                Is::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                _ if ended => return Ok(Cut::Unclosed),
                _ => {}
            }
        }
    }

    /// A row that a stray quotation mark makes endless is given up to the end of its first line.
    /// Returns the length of that line; without a line end there is nothing to go on with.
    fn give_up(&mut self) -> Result<usize> {
        self.core.reset();
        self.given_up += 1;
        let rest = self.text.rest();
        let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        match end.or((rest.len() <= ROW).then_some(rest.len())) {
            Some(end) if self.given_up <= GIVEN_UP => Ok(end),
            _ => Err(Message::new("import-line-endless")
                .with("file", self.path.display())
                .with("line", self.line)
                .invalid()),
        }
    }
}

/// What makes a row unreadable although it was cut well.
fn flaw(cells: &str, ends: &[usize]) -> Option<&'static str> {
    if cells.contains('\u{fffd}') {
        return Some("encoding");
    }
    if cells.contains('\0') {
        return Some("nul");
    }
    let starts = std::iter::once(&0).chain(ends);
    ends.iter().zip(starts).any(|(end, start)| end - start > CELL).then_some("cell-long")
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

    type Seen = (u64, String, Vec<String>, Option<&'static str>);

    fn read_in(bytes: Vec<u8>, encoding: &'static Encoding) -> Result<Vec<Seen>> {
        let text = Text::new(Box::new(Cursor::new(bytes)), encoding);
        let mut records = Records::new(text, Path::new("people.csv"))?;
        let mut seen = Vec::new();
        while let Some(record) = records.next()? {
            let cells = record.iter().map(str::to_owned).collect();
            seen.push((record.line, record.raw.to_owned(), cells, record.fault));
        }
        Ok(seen)
    }

    fn read(text: &str) -> Vec<Seen> {
        read_in(text.into(), UTF_8).expect("a table")
    }

    fn whole(line: u64, raw: &str, cells: &[&str]) -> Seen {
        (line, raw.to_owned(), cells.iter().map(|cell| (*cell).to_owned()).collect(), None)
    }

    #[test]
    fn rows_keep_their_line_and_their_text() {
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
    fn a_stray_quotation_mark_costs_one_row() {
        let seen = read("email,name\na@b.c,\"Anna\nd@e.f,Ivan\n");

        assert_eq!(seen[1], (2, "a@b.c,\"Anna".to_owned(), Vec::new(), Some("quote-open")));
        assert_eq!(seen[2], whole(3, "d@e.f,Ivan", &["d@e.f", "Ivan"]));

        let long = format!("email,name\na@b.c,\"Anna\n{}", "d@e.f,Ivan\n".repeat(200_000));
        let seen = read(&long);
        assert_eq!(seen.len(), 200_002);
        assert_eq!(seen[200_001], whole(200_002, "d@e.f,Ivan", &["d@e.f", "Ivan"]));
    }

    #[test]
    fn rows_that_cannot_be_read_say_why() {
        let text = [&b"email,name\na@b.c,\0\nb@b.c,\xff\nc@b.c,"[..], &[b'x'; CELL + 1]].concat();
        let faults: Vec<_> = read_in(text, UTF_8).expect("a table").iter().map(|seen| seen.3).collect();

        assert_eq!(faults, [None, Some("nul"), Some("encoding"), Some("cell-long")]);
    }

    #[test]
    fn a_line_without_end_is_refused_with_its_number() {
        let text = format!("email\n{}", "x".repeat(ROW * 2));
        let message = read_in(text.into(), UTF_8).expect_err("refused").message();

        assert_eq!(message.key, "import-line-endless");
        assert!(message.args.contains(&("line", "2".to_owned())));
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
