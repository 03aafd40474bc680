//! External merge sort of import rows by canonical address: sorted runs on disk, merged while they are read. Rows that
//! fit into memory never touch the disk.

use std::cmp::Ordering;
use std::collections::binary_heap::{BinaryHeap, PeekMut};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::PathBuf;
use std::thread::JoinHandle;

use super::import_row::ImportRow;

/// Bytes of rows buffered in memory before a run is written. As much again is held while it is being written.
pub const MEMORY_BYTES: usize = 16 << 20;

/// Runs merged at a time: each costs a buffer and an open file.
const MAX_RUNS: usize = 32;

/// A sorted run on disk.
struct Run {
    path: PathBuf,
    rows: u64,
}

/// Sorts rows that are pushed in any order.
pub struct Sorter {
    folder: PathBuf,
    memory_bytes: usize,
    buffer: Vec<ImportRow>,
    buffered_bytes: usize,
    runs: Vec<Run>,
    /// The run that is being written while the next is read.
    writing: Option<JoinHandle<io::Result<Run>>>,
    run_count: u32,
    rows: u64,
}

impl Sorter {
    /// A sorter that keeps its runs in `folder` and `memory_bytes` bytes in memory.
    pub fn new(folder: PathBuf, memory_bytes: usize) -> Self {
        Self {
            folder,
            memory_bytes,
            buffer: Vec::new(),
            buffered_bytes: 0,
            runs: Vec::new(),
            writing: None,
            run_count: 0,
            rows: 0,
        }
    }

    /// Adds a row.
    pub fn push(&mut self, row: ImportRow) -> io::Result<()> {
        self.buffered_bytes += row.memory_bytes();
        self.rows += 1;
        self.buffer.push(row);
        if self.buffered_bytes > self.memory_bytes { self.write_run() } else { Ok(()) }
    }

    fn write_run(&mut self) -> io::Result<()> {
        self.join_writer()?;
        if self.runs.len() == MAX_RUNS {
            let merged = SortedRows::merge(std::mem::take(&mut self.runs), Vec::new())?;
            let run = write(self.next_path(), merged)?;
            self.runs.push(run);
        }
        self.buffered_bytes = 0;
        let mut rows = std::mem::take(&mut self.buffer);
        let path = self.next_path();
        self.writing = Some(std::thread::spawn(move || {
            rows.sort_unstable();
            write(path, rows.into_iter().map(Ok))
        }));
        Ok(())
    }

    /// Waits for the thread that writes a run.
    fn join_writer(&mut self) -> io::Result<()> {
        if let Some(writing) = self.writing.take() {
            self.runs.push(writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(())
    }

    fn next_path(&mut self) -> PathBuf {
        self.run_count += 1;
        self.folder.join(format!("run-{}", self.run_count))
    }

    /// All rows in order.
    pub fn finish(mut self) -> io::Result<SortedRows> {
        self.join_writer()?;
        self.buffer.sort_unstable();
        SortedRows::merge(self.runs, self.buffer)
    }

    /// Number of rows added.
    pub fn rows(&self) -> u64 {
        self.rows
    }
}

fn write(path: PathBuf, rows: impl Iterator<Item = io::Result<ImportRow>>) -> io::Result<Run> {
    let mut out = BufWriter::with_capacity(64 << 10, File::create(&path)?);
    let mut count = 0;
    for row in rows {
        row?.write(&mut out)?;
        count += 1;
    }
    out.flush()?;
    Ok(Run { path, rows: count })
}

/// Reads the rows of one run.
enum RunReader {
    Memory(std::vec::IntoIter<ImportRow>),
    Disk { file: BufReader<File>, path: PathBuf, left: u64 },
}

impl RunReader {
    fn next(&mut self) -> io::Result<Option<ImportRow>> {
        match self {
            Self::Memory(rows) => Ok(rows.next()),
            Self::Disk { path, left: 0, .. } => {
                std::fs::remove_file(path)?;
                Ok(None)
            }
            Self::Disk { file, left, .. } => {
                *left -= 1;
                ImportRow::read(file).map(Some)
            }
        }
    }
}

/// The next row of a run; the least of all is on top of the heap.
struct HeapEntry(ImportRow, usize);

impl Ord for HeapEntry {
    fn cmp(&self, other: &Self) -> Ordering {
        (&other.0, other.1).cmp(&(&self.0, self.1))
    }
}

impl PartialOrd for HeapEntry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for HeapEntry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for HeapEntry {}

/// Iterator over all rows in order.
pub struct SortedRows {
    readers: Vec<RunReader>,
    heap: BinaryHeap<HeapEntry>,
}

impl SortedRows {
    fn merge(runs: Vec<Run>, buffer: Vec<ImportRow>) -> io::Result<Self> {
        let mut readers = vec![RunReader::Memory(buffer.into_iter())];
        for run in runs {
            let file = BufReader::with_capacity(64 << 10, File::open(&run.path)?);
            readers.push(RunReader::Disk { file, path: run.path, left: run.rows });
        }
        let mut heap = BinaryHeap::new();
        for (index, reader) in readers.iter_mut().enumerate() {
            if let Some(row) = reader.next()? {
                heap.push(HeapEntry(row, index));
            }
        }
        Ok(Self { readers, heap })
    }
}

impl Iterator for SortedRows {
    type Item = io::Result<ImportRow>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut head = self.heap.peek_mut()?;
        let next = self.readers[head.1].next();
        Some(next.map(|next| match next {
            Some(row) => std::mem::replace(&mut head.0, row),
            None => PeekMut::pop(head).0,
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::standing::Standing;
    use super::*;

    fn row(canonical: &str, line: u64) -> ImportRow {
        let values = format!("{{\"n\":{line}}}");
        ImportRow::new(line, Standing::Mailable, [canonical, &canonical.to_uppercase(), &values, "", &"я".repeat(9)])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn sorting_with_runs_on_disk_equals_sorting_in_memory(
            names in prop::collection::vec("[a-dё]{1,3}", 0..400),
            memory_bytes in 0_usize..20_000,
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let mut rows: Vec<_> = names.into_iter().zip(1..).map(|(name, line)| row(&name, line)).collect();
            let mut sorter = Sorter::new(folder.path().to_owned(), memory_bytes);
            for row in &rows {
                sorter.push(row.clone()).expect("room on the disk");
            }

            let sorted: Vec<_> = sorter.finish().expect("sorted").collect::<io::Result<_>>().expect("reads");

            rows.sort();
            prop_assert_eq!(sorted, rows);
            let left = std::fs::read_dir(folder.path()).expect("a folder").count();
            prop_assert_eq!(left, 0, "runs are gone once read");
        }
    }
}
