//! Splits one row of CSV into cells (RFC 4180): quotes, doubled quotes, line breaks inside quotes. Blanks before an
//! opening quote are skipped. Text after a closing quote belongs to the cell if the cell is one line; after several lines
//! the quotation mark was not meant to open so much, and the row is [`Scan::Open`].

use memchr::{memchr, memchr2, memchr3};

use crate::audience::address::is_blank;

/// Result of scanning one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scan {
    /// A complete row of this length, without its line end.
    Whole {
        /// Bytes of the row.
        length: usize,
        /// The first cell that spans lines.
        spanning: Option<usize>,
    },
    /// A quotation mark is opened and not closed before a delimiter or a line end.
    Open,
    /// The text ends before the row does.
    More,
}

/// The cells of one row.
#[derive(Debug, Default)]
pub struct Cells {
    /// The text of the cells, without quotes.
    pub text: Vec<u8>,
    /// The end of each cell in `text`.
    pub ends: Vec<usize>,
    /// A bit for each of the first 64 cells that is quoted.
    pub quoted: u64,
}

impl Cells {
    /// Removes all cells.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.quoted = 0;
    }

    /// A bit for each of the first 64 cells that is neither quoted nor empty.
    pub fn plain(&self) -> u64 {
        let mut start = 0;
        let is_empty = |end: &usize| std::mem::replace(&mut start, *end) == *end;
        let filled = self.ends.iter().take(64).map(is_empty).enumerate();
        filled.fold(0, |bits, (cell, is_empty)| bits | u64::from(!is_empty) << cell) & !self.quoted
    }

    /// Removes a quotation mark that ends a cell and is the only one in it.
    pub fn remove_closing_quote(&mut self) {
        let mut start = 0;
        for cell in 0..self.ends.len() {
            let end = self.ends[cell];
            let text = &self.text[start..end];
            if text.ends_with(b"\"") && text.iter().filter(|byte| **byte == b'"').count() == 1 {
                self.text.remove(end - 1);
                self.ends[cell..].iter_mut().for_each(|end| *end -= 1);
                return;
            }
            start = end;
        }
    }

    fn end_cell(&mut self) {
        self.ends.push(self.text.len());
    }
}

/// Scans the row at the beginning of `text`. `ended` says that the file has no more text.
pub fn scan(text: &[u8], delimiter: u8, ended: bool, cells: &mut Cells) -> Scan {
    cells.clear();
    let (mut at, mut spanning) = (0, None);
    loop {
        let start = skip_blanks(text, at, delimiter);
        if start == text.len() && !ended {
            return Scan::More;
        }
        if text.get(start) == Some(&b'"') {
            let Some(end) = scan_quoted(text, start + 1, ended, &mut cells.text) else {
                return if ended { Scan::Open } else { Scan::More };
            };
            cells.quoted |= 1_u64.checked_shl(u32::try_from(cells.ends.len()).unwrap_or(64)).unwrap_or(0);
            let spans = memchr2(b'\n', b'\r', &text[start..end]).is_some();
            let next = skip_blanks(text, end, delimiter);
            match text.get(next) {
                None if !ended => return Scan::More,
                Some(byte) if *byte != delimiter && !is_line_end(*byte) && spans => return Scan::Open,
                Some(byte) if *byte != delimiter && !is_line_end(*byte) => at = end,
                _ => at = next,
            }
            if spans {
                spanning = spanning.or(Some(cells.ends.len()));
            }
        }
        let end = match memchr3(delimiter, b'\n', b'\r', &text[at..]) {
            Some(length) => at + length,
            None if ended => text.len(),
            None => return Scan::More,
        };
        cells.text.extend_from_slice(&text[at..end]);
        cells.end_cell();
        match text.get(end) {
            Some(byte) if *byte == delimiter => at = end + 1,
            _ => return Scan::Whole { length: end, spanning },
        }
    }
}

/// Splits a line that is no valid row at every delimiter, quotes and all.
pub fn split_plainly(line: &[u8], delimiter: u8, cells: &mut Cells) {
    cells.clear();
    for cell in line.split(|byte| *byte == delimiter) {
        cells.text.extend_from_slice(cell);
        cells.end_cell();
    }
}

/// Copies the content of a quoted cell. Returns the index behind the closing quote; `None` without one.
fn scan_quoted(text: &[u8], mut at: usize, ended: bool, into: &mut Vec<u8>) -> Option<usize> {
    loop {
        let quote = at + memchr(b'"', &text[at..])?;
        into.extend_from_slice(&text[at..quote]);
        match text.get(quote + 1) {
            Some(b'"') => into.push(b'"'),
            None if !ended => return None,
            _ => return Some(quote + 1),
        }
        at = quote + 2;
    }
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// The index of the first character from `at` that is no blank, or a delimiter or a line end.
fn skip_blanks(text: &[u8], mut at: usize, delimiter: u8) -> usize {
    while let Some(byte) = text.get(at) {
        let length = match byte {
            byte if *byte == delimiter || is_line_end(*byte) => break,
            b' ' | b'\t' => 1,
            0x21..0x80 => break,
            _ => match blank_length(&text[at..]) {
                0 => break,
                length => length,
            },
        };
        at += length;
    }
    at
}

/// Bytes of the blank character that the text begins with; 0 for any other character.
fn blank_length(text: &[u8]) -> usize {
    let head = &text[..text.len().min(4)];
    let valid = match std::str::from_utf8(head) {
        Ok(valid) => valid,
        Err(error) => std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default(),
    };
    valid.chars().next().filter(|c| is_blank(*c)).map_or(0, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> (Scan, Vec<String>) {
        let mut cells = Cells::default();
        let scan = scan(text.as_bytes(), b',', true, &mut cells);
        let starts = std::iter::once(&0).chain(&cells.ends);
        let cell = |(start, end): (&usize, &usize)| String::from_utf8_lossy(&cells.text[*start..*end]).into_owned();
        (scan, starts.zip(&cells.ends).map(cell).collect())
    }

    #[test]
    fn quotes_are_read_where_a_cell_begins() {
        for (text, cells) in [
            ("a,b\nc", &["a", "b"][..]),
            ("", &[""]),
            ("a,", &["a", ""]),
            ("\"a,b\",c", &["a,b", "c"]),
            ("a, \"Doe, Jane\" ,c", &["a", "Doe, Jane", "c"]),
            ("a,\u{a0}\u{feff}\"Roe\"\u{3000},c", &["a", "Roe", "c"]),
            ("\"The Rock\" Johnson,x", &["The Rock Johnson", "x"]),
            ("\"say \"\"hi\"\"\",x", &["say \"hi\"", "x"]),
            ("5\" disk,x", &["5\" disk", "x"]),
            ("\"two\nlines\",x\ny", &["two\nlines", "x"]),
        ] {
            assert_eq!(row(text).1, cells, "{text}");
        }
        assert_eq!(row("\"two\nlines\",x\ny").0, Scan::Whole { length: 13, spanning: Some(0) });
        for open in ["a,\"Bob\nb,Eve\nc,\"Joe\"\nd", "a,\"Bob\nb,Eve", "\"a\nb\" c,d"] {
            assert_eq!(row(open).0, Scan::Open, "{open}");
        }
    }

    #[test]
    fn a_row_is_complete_or_more_text_is_needed() {
        let text = "\"a\"\"b\" ,\"c\nd\"\u{a0},e\n";
        for end in (0..text.len() - 1).filter(|end| text.is_char_boundary(*end)) {
            let scan = scan(&text.as_bytes()[..end], b',', false, &mut Cells::default());
            assert_eq!(scan, Scan::More, "{end}");
        }
    }
}
