//! What a file tells of its quotation marks: which columns it quotes, whether a cell of several lines has swallowed rows of other
//! people because its mark was not meant to open so much, and where the mark stands that has closed it.

use super::delimiter::Delimiter;
use super::record::Shape;
use super::scan::Cells;
use crate::audience::address::{Address, trim_blank};

/// The quotation marks of the rows so far.
#[derive(Debug, Default)]
pub struct QuoteHistory {
    /// A bit for each column that was quoted, in the header or below.
    quoted: u64,
    /// A bit for each column that had a cell without quotes below the header.
    plain: u64,
    /// The line whose row closes a cell that a row above has opened by mistake.
    stray: Option<u64>,
}

impl QuoteHistory {
    /// Takes note of a row.
    pub fn observe(&mut self, cells: &Cells, is_below_header: bool) {
        self.quoted |= cells.quoted;
        if is_below_header {
            self.plain |= cells.plain();
        }
    }

    /// Says that the row of this line ends with a mark that belongs to a row which was refused.
    pub fn expect_stray(&mut self, line: u64) {
        self.stray = Some(line);
    }

    /// Removes the mark from the row of that line.
    pub fn remove_stray(&mut self, line: u64, cells: &mut Cells) {
        if self.stray == Some(line) {
            cells.remove_closing_quote();
            self.stray = None;
        }
    }

    /// Whether a row, whose cell number `spanning` spans lines, has taken rows of other people into that cell: most of its
    /// lines look like rows themselves, with an address in the column of addresses. The first line counts if that column
    /// comes after the cell, the last if it comes before. Where every cell of the column has been quoted, rows within a cell
    /// cannot be: they would be quoted too.
    pub fn has_swallowed(&self, row: &str, cells: &Cells, spanning: usize, shape: Shape, delimiter: Delimiter) -> bool {
        if cells.ends.len() > shape.columns && cells.ends[shape.columns - 1] < cells.text.len() {
            return true;
        }
        let bit = 1_u64.checked_shl(u32::try_from(spanning).unwrap_or(64)).unwrap_or(0);
        if self.quoted & bit != 0 && self.plain & bit == 0 {
            return false;
        }
        let mut lines: Vec<_> = row.split(['\n', '\r']).filter(|line| !line.is_empty()).collect();
        if spanning > shape.address {
            lines.remove(0);
        } else {
            lines.pop();
        }
        let rows = lines.iter().filter(|line| looks_like_row(line, shape, delimiter)).count();
        rows > 0 && 2 * rows >= lines.len()
    }
}

/// Whether a line has as many cells as the header, an address among them, and no blanks behind delimiters.
fn looks_like_row(line: &str, shape: Shape, delimiter: Delimiter) -> bool {
    let mut cells = line.split(char::from(delimiter.byte()));
    let has_blanks = cells.clone().skip(1).any(|cell| cell.starts_with(' '));
    let has_enough = cells.clone().count() >= shape.columns && !has_blanks;
    let address = cells.nth(shape.address).map(|cell| trim_blank(cell.trim_matches('"')));
    has_enough && address.is_some_and(|text| Address::parse(text).is_ok())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::path::Path;

    use super::super::decoder::DecodedText;
    use super::super::record::{Records, Shape};

    #[test]
    fn an_open_quotation_mark_takes_no_rows_of_others() {
        let read = |text: &str, address| {
            let text = DecodedText::utf_8(Box::new(Cursor::new(text.to_owned())));
            let mut records = Records::new(text, Path::new("people.csv")).expect("a table");
            let columns = records.next().expect("read").expect("a header").len();
            records.set_shape(Shape { columns, address });
            let mut seen = Vec::new();
            while let Some(record) = records.next().expect("read") {
                seen.push((record.line, record.defect.is_some()));
            }
            seen
        };
        let open =
            |lines: &[u64], bad: &[u64]| lines.iter().map(|line| (*line, bad.contains(line))).collect::<Vec<_>>();

        // Closed in the middle of a line, at the end of one, in the next row, and many rows below.
        let eve = "email,name\na@x.test,\"Bob\nb@x.test,Eve\n";
        assert_eq!(read(&format!("{eve}c@x.test,\"Joe\"\nd@x.test,Dan\n"), 0), open(&[2, 3, 4, 5], &[2]));
        assert_eq!(read(&format!("{eve}c@x.test,Joe\"\nd@x.test,Dan\n"), 0), open(&[2, 3, 4, 5], &[2]));
        assert_eq!(read("email,name\na@x.test,\"Bob\nb@x.test,Eve\"\n", 0), open(&[2, 3], &[2]));
        let many: String = (0..390).map(|n| format!("p{n}@x.test,P{n}\n")).collect();
        let far = read(&format!("email,name\na@x.test,\"Bob\n{many}z@x.test,Zed\"\n"), 0);
        assert_eq!((far.len(), far.iter().filter(|row| row.1).count()), (392, 1));
        assert_eq!(read("email\n\"a@x.test\nb@x.test\nc@x.test\"\n", 0), open(&[2, 3, 4], &[2]));
        assert_eq!(read("name,email\n\"Bob,a@x.test\nEve,b@x.test\nJoe\",c@x.test\n", 1), open(&[2, 3, 4], &[2]));
        assert_eq!(
            read("name,email,city\nBob,a@x.test,\"Rome\nEve,b@x.test,Oslo\nJoe,c@x.test,\"\"\n", 1),
            open(&[2, 3, 4], &[2])
        );
        // A cell of several lines that belongs to one person.
        for note in ["one\ntwo", "Contacts:\njoe@x.test\nann@x.test", "\n", "a, b\nc, d", "x\n\"\"y\"\", z"] {
            assert_eq!(read(&format!("email,note\na@x.test,\"{note}\"\n"), 0).len(), 1, "{note}");
            assert_eq!(read(&format!("note,email\n\"{note}\",a@x.test\n"), 1).len(), 1, "{note}");
        }
        // Lines of a note that look like rows: with blanks, with fewer cells, and in a file that quotes every note.
        let note = "Ask:\njoe@x.test, Joe\nann@x.test, Ann";
        assert_eq!(read(&format!("email,note\na@x.test,\"{note}\"\n"), 0).len(), 1);
        let note = note.replace(", ", ",");
        assert_eq!(read(&format!("email,city,note\na@x.test,Rome,\"{note}\"\n"), 0).len(), 1);
        assert_eq!(read(&format!("email,note\na@x.test,\"b\"\nc@x.test,\"{note}\"\n"), 0).len(), 2);
        assert_eq!(read(&format!("\"email\",\"note\"\n\"a@x.test\",\"{note}\"\n"), 0).len(), 1);
        assert_eq!(read(&format!("email,note\na@x.test,b\nc@x.test,\"{note}\"\n"), 0).len(), 4);
    }

    #[test]
    fn a_refused_quotation_mark_leaves_none_in_the_row_that_closes_it() {
        let text = "email,name\na@x.test,\"Bob\nb@x.test,Eve\nc@x.test,Joe\"\nd@x.test,5\"\n";
        let text = DecodedText::utf_8(Box::new(Cursor::new(text.to_owned())));
        let mut records = Records::new(text, Path::new("people.csv")).expect("a table");
        records.set_shape(Shape { columns: 2, address: 0 });
        let mut names = Vec::new();
        while let Some(record) = records.next().expect("read") {
            names.push(record.cell(1).to_owned());
        }
        assert_eq!(names, ["name", "\"Bob", "Eve", "Joe", "5\""]);
    }
}
