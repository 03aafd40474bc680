//! Batches of some thousands of rows. One thread splits the text into rows; several threads parse the rows of a
//! batch, since they are independent of each other.

use std::ops::Range;
use std::panic::resume_unwind;
use std::thread;

use super::record::{Record, Records};
use crate::infra::error::Result;

/// Bytes of text from which a batch reads no more rows.
const MAX_BYTES: usize = 4 << 20;

/// Threads that parse a batch; more would wait for the one that splits the text.
const MAX_THREADS: usize = 4;

/// Rows in the order of the file.
#[derive(Default)]
pub struct Batch {
    /// The raw text of each row, followed by its cells.
    text: String,
    ends: Vec<usize>,
    rows: Vec<Row>,
}

/// The ranges of a row in its batch.
struct Row {
    line: u64,
    defect: Option<&'static str>,
    raw: Range<usize>,
    cells: Range<usize>,
    ends: Range<usize>,
}

impl Batch {
    /// Reads up to `rows` rows; none at the end of the file.
    pub fn read(records: &mut Records, rows: usize) -> Result<Self> {
        let mut batch = Self::default();
        while batch.rows.len() < rows
            && batch.text.len() < MAX_BYTES
            && let Some(record) = records.next()?
        {
            batch.push(&record);
        }
        Ok(batch)
    }

    fn push(&mut self, record: &Record<'_>) {
        let (start, first) = (self.text.len(), self.ends.len());
        self.text.push_str(record.raw);
        let middle = self.text.len();
        self.text.push_str(record.cells);
        self.ends.extend_from_slice(record.ends);
        self.rows.push(Row {
            line: record.line,
            defect: record.defect,
            raw: start..middle,
            cells: middle..self.text.len(),
            ends: first..self.ends.len(),
        });
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True at the end of the file.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows.
    pub fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        self.rows.iter().map(|row| self.record(row))
    }

    fn record(&self, row: &Row) -> Record<'_> {
        Record {
            line: row.line,
            raw: &self.text[row.raw.clone()],
            defect: row.defect,
            cells: &self.text[row.cells.clone()],
            ends: &self.ends[row.ends.clone()],
        }
    }

    /// Maps each row on several threads; the results keep the order of the rows.
    pub fn map<T: Send>(&self, make: impl Fn(&Record<'_>) -> T + Sync) -> Vec<T> {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
        let share = self.rows.len().div_ceil(threads).max(1);
        let work = |rows: &[Row]| rows.iter().map(|row| make(&self.record(row))).collect::<Vec<T>>();
        thread::scope(|scope| {
            let threads: Vec<_> = self.rows.chunks(share).map(|rows| scope.spawn(|| work(rows))).collect();
            let made = threads.into_iter().map(|handle| handle.join().unwrap_or_else(|panic| resume_unwind(panic)));
            made.flatten().collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::path::Path;

    use super::*;
    use crate::audience::import::decoder::DecodedText;

    type ReadRow = (u64, String, Vec<String>, Option<&'static str>);

    fn records(text: &str) -> Records {
        let text = DecodedText::utf_8(Box::new(Cursor::new(text.to_owned())));
        Records::new(text, Path::new("people.csv")).expect("a table")
    }

    fn copy(record: &Record<'_>) -> ReadRow {
        let cells = record.iter().map(str::to_owned).collect();
        (record.line, record.raw.to_owned(), cells, record.defect)
    }

    #[test]
    fn rows_of_batches_equal_rows_read_one_by_one() {
        let row = |n: usize| match n % 50 {
            7 => "\n".to_owned(),
            8 => format!("\"p{n}@example.org\",\"two\nlines, \"\"quoted\"\"\"\n"),
            9 => format!("p{n}@example.org,\0\n"),
            10 => format!("p{n}@example.org,{}\n", "x".repeat(70_000)),
            _ => format!("p{n}@example.org,Имя {n}\n"),
        };
        let text: String = (0..5_000).map(row).collect();
        let (mut one, mut alone) = (records(&text), Vec::new());
        while let Some(record) = one.next().expect("a row") {
            alone.push(copy(&record));
        }

        let (mut many, mut together, mut batches) = (records(&text), Vec::new(), 0);
        loop {
            let batch = Batch::read(&mut many, 2_000).expect("rows");
            if batch.is_empty() {
                break;
            }
            assert!(batch.len() <= 2_000 && batch.text.len() < MAX_BYTES + 200_000);
            batches += 1;
            assert!(batch.iter().map(|record| record.line).eq(batch.map(|record| record.line)));
            together.extend(batch.map(copy));
        }

        assert_eq!(together, alone);
        assert!(batches > 3, "{batches} batches: long rows make short ones");
    }
}
