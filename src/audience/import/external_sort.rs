//! People in the order of their canonical addresses, however many there are: sorted runs on disk,
//! merged as they are read. What fits into memory never touches the disk.

use std::cmp::Ordering;
use std::collections::binary_heap::{BinaryHeap, PeekMut};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::PathBuf;
use std::thread::JoinHandle;

/// Bytes of people kept in memory before a run is written; as much again is being written.
pub const BUDGET: usize = 16 << 20;

/// Runs merged at a time: each costs a buffer and an open file.
const RUNS: usize = 32;

/// A row that was read well: its texts one behind the other, since a million strings cost more than
/// to sort them. Ordered by canonical address, then line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The line of the file the row begins on.
    pub line: u64,
    text: String,
    /// Where each text ends.
    ends: [u32; TEXTS],
}

/// Canonical address, address as spelled, values, folded values, row as it stood.
const TEXTS: usize = 5;

impl Person {
    /// A row with its texts: the form of the address that is matched, the address as spelled, the
    /// field values as JSON, the texts among them in lower case, and the row as it stood, which is
    /// empty when nobody asked for rejects. Rows are bounded, so that their lengths fit.
    pub fn new(line: u64, texts: [&str; TEXTS]) -> Self {
        let mut ends = [0; TEXTS];
        let mut text = String::with_capacity(texts.iter().map(|text| text.len()).sum());
        for (end, part) in ends.iter_mut().zip(texts) {
            text.push_str(part);
            *end = u32::try_from(text.len()).unwrap_or(u32::MAX);
        }
        Self { line, text, ends }
    }

    fn part(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start as usize..self.ends[index] as usize]
    }

    /// The form of the address that is matched.
    pub fn canonical(&self) -> &str {
        self.part(0)
    }

    /// The address as spelled.
    pub fn address(&self) -> &str {
        self.part(1)
    }

    /// The field values as JSON.
    pub fn values(&self) -> &str {
        self.part(2)
    }

    /// The texts among them in lower case, as JSON.
    pub fn folded(&self) -> &str {
        self.part(3)
    }

    /// The row as it stood.
    pub fn raw(&self) -> &str {
        self.part(4)
    }

    fn weight(&self) -> usize {
        size_of::<Self>() + self.text.capacity()
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.line.to_le_bytes())?;
        for end in self.ends {
            out.write_all(&end.to_le_bytes())?;
        }
        out.write_all(self.text.as_bytes())
    }

    fn read(from: &mut BufReader<File>) -> io::Result<Self> {
        let mut head = [0; 8 + 4 * TEXTS];
        from.read_exact(&mut head)?;
        let (line, rest) = head.split_first_chunk().expect("eight of them");
        let mut ends = [0; TEXTS];
        for (end, bytes) in ends.iter_mut().zip(rest.as_chunks().0) {
            *end = u32::from_le_bytes(*bytes);
        }
        let mut text = vec![0; ends[TEXTS - 1] as usize];
        from.read_exact(&mut text)?;
        let text = String::from_utf8(text).map_err(io::Error::other)?;
        Ok(Self { line: u64::from_le_bytes(*line), text, ends })
    }
}

impl Ord for Person {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.canonical(), self.line).cmp(&(other.canonical(), other.line))
    }
}

impl PartialOrd for Person {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A sorted run on disk.
struct Run {
    path: PathBuf,
    people: u64,
}

/// Takes people in any order.
pub struct Sorter {
    folder: PathBuf,
    budget: usize,
    held: Vec<Person>,
    weight: usize,
    runs: Vec<Run>,
    /// The run that is being written while the next is read.
    writing: Option<JoinHandle<io::Result<Run>>>,
    made: u32,
    people: u64,
}

impl Sorter {
    /// A sorter that keeps its runs in `folder` and `budget` bytes in memory.
    pub fn new(folder: PathBuf, budget: usize) -> Self {
        Self { folder, budget, held: Vec::new(), weight: 0, runs: Vec::new(), writing: None, made: 0, people: 0 }
    }

    /// Takes one more.
    pub fn push(&mut self, person: Person) -> io::Result<()> {
        self.weight += person.weight();
        self.people += 1;
        self.held.push(person);
        if self.weight > self.budget { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> io::Result<()> {
        self.gather()?;
        if self.runs.len() == RUNS {
            let merged = Sorted::merge(std::mem::take(&mut self.runs), Vec::new())?;
            let run = write(self.next_path(), merged)?;
            self.runs.push(run);
        }
        self.weight = 0;
        let mut people = std::mem::take(&mut self.held);
        let path = self.next_path();
        self.writing = Some(std::thread::spawn(move || {
            people.sort_unstable();
            write(path, people.into_iter().map(Ok))
        }));
        Ok(())
    }

    /// Waits for the run that is being written.
    fn gather(&mut self) -> io::Result<()> {
        if let Some(writing) = self.writing.take() {
            self.runs.push(writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(())
    }

    fn next_path(&mut self) -> PathBuf {
        self.made += 1;
        self.folder.join(format!("run-{}", self.made))
    }

    /// Everyone in order.
    pub fn finish(mut self) -> io::Result<Sorted> {
        self.gather()?;
        self.held.sort_unstable();
        Sorted::merge(self.runs, self.held)
    }

    /// How many were taken.
    pub fn people(&self) -> u64 {
        self.people
    }
}

fn write(path: PathBuf, people: impl Iterator<Item = io::Result<Person>>) -> io::Result<Run> {
    let mut out = BufWriter::with_capacity(64 << 10, File::create(&path)?);
    let mut count = 0;
    for person in people {
        person?.write(&mut out)?;
        count += 1;
    }
    out.flush()?;
    Ok(Run { path, people: count })
}

/// Where people of one run come from.
enum Source {
    Memory(std::vec::IntoIter<Person>),
    Disk { file: BufReader<File>, path: PathBuf, left: u64 },
}

impl Source {
    fn next(&mut self) -> io::Result<Option<Person>> {
        match self {
            Self::Memory(people) => Ok(people.next()),
            Self::Disk { path, left: 0, .. } => {
                std::fs::remove_file(path)?;
                Ok(None)
            }
            Self::Disk { file, left, .. } => {
                *left -= 1;
                Person::read(file).map(Some)
            }
        }
    }
}

/// The next person of a run; the least of all stands on top of the heap.
struct Head(Person, usize);

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        (&other.0, other.1).cmp(&(&self.0, self.1))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

/// People in order.
pub struct Sorted {
    sources: Vec<Source>,
    heads: BinaryHeap<Head>,
}

impl Sorted {
    fn merge(runs: Vec<Run>, held: Vec<Person>) -> io::Result<Self> {
        let mut sources = vec![Source::Memory(held.into_iter())];
        for run in runs {
            let file = BufReader::with_capacity(64 << 10, File::open(&run.path)?);
            sources.push(Source::Disk { file, path: run.path, left: run.people });
        }
        let mut heads = BinaryHeap::new();
        for (index, source) in sources.iter_mut().enumerate() {
            if let Some(person) = source.next()? {
                heads.push(Head(person, index));
            }
        }
        Ok(Self { sources, heads })
    }
}

impl Iterator for Sorted {
    type Item = io::Result<Person>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut head = self.heads.peek_mut()?;
        let next = self.sources[head.1].next();
        Some(next.map(|next| match next {
            Some(person) => std::mem::replace(&mut head.0, person),
            None => PeekMut::pop(head).0,
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn person(canonical: &str, line: u64) -> Person {
        let values = format!("{{\"n\":{line}}}");
        Person::new(line, [canonical, &canonical.to_uppercase(), &values, "", &"я".repeat(9)])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn runs_on_disk_come_out_as_one_sort_in_memory(
            names in prop::collection::vec("[a-dё]{1,3}", 0..400),
            budget in 0_usize..20_000,
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let mut people: Vec<_> = names.into_iter().zip(1..).map(|(name, line)| person(&name, line)).collect();
            let mut sorter = Sorter::new(folder.path().to_owned(), budget);
            for person in &people {
                sorter.push(person.clone()).expect("room on the disk");
            }

            let sorted: Vec<_> = sorter.finish().expect("sorted").collect::<io::Result<_>>().expect("reads");

            people.sort();
            prop_assert_eq!(sorted, people);
            let left = std::fs::read_dir(folder.path()).expect("a folder").count();
            prop_assert_eq!(left, 0, "runs are gone once read");
        }
    }
}
