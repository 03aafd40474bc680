//! People in the order of their canonical addresses, however many there are: sorted runs on disk,
//! merged as they are read. What fits into memory never touches the disk.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::PathBuf;
use std::thread::JoinHandle;

/// Bytes of people kept in memory before a run is written; as much again is being written.
pub const BUDGET: usize = 16 << 20;

/// Runs merged at a time: each costs a buffer and an open file.
const RUNS: usize = 32;

/// A row that was read well.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Person {
    /// The form of the address that is matched.
    pub canonical: String,
    /// The line of the file the row begins on.
    pub line: u64,
    /// The address as spelled.
    pub address: String,
    /// The field values as JSON.
    pub values: String,
    /// The texts among them in lower case, as JSON.
    pub folded: String,
    /// The row as it stood; empty when nobody asked for rejects.
    pub raw: String,
}

impl Person {
    fn texts(&self) -> [&String; 5] {
        [&self.canonical, &self.address, &self.values, &self.folded, &self.raw]
    }

    fn weight(&self) -> usize {
        size_of::<Self>() + self.texts().iter().map(|text| text.capacity()).sum::<usize>()
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.line.to_le_bytes())?;
        for text in self.texts() {
            out.write_all(&(text.len() as u64).to_le_bytes())?;
            out.write_all(text.as_bytes())?;
        }
        Ok(())
    }

    fn read(from: &mut BufReader<File>) -> io::Result<Self> {
        let line = read_number(from)?;
        let mut texts = [const { String::new() }; 5];
        for text in &mut texts {
            let length = read_number(from)?;
            from.take(length).read_to_string(text)?;
        }
        let [canonical, address, values, folded, raw] = texts;
        Ok(Self { canonical, line, address, values, folded, raw })
    }
}

fn read_number(from: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
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
        let mut sorted = Self { sources, heads: BinaryHeap::new() };
        for index in 0..sorted.sources.len() {
            sorted.refill(index)?;
        }
        Ok(sorted)
    }

    fn refill(&mut self, index: usize) -> io::Result<()> {
        if let Some(person) = self.sources[index].next()? {
            self.heads.push(Head(person, index));
        }
        Ok(())
    }
}

impl Iterator for Sorted {
    type Item = io::Result<Person>;

    fn next(&mut self) -> Option<Self::Item> {
        let Head(person, index) = self.heads.pop()?;
        Some(self.refill(index).map(|()| person))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn person(canonical: String, line: u64) -> Person {
        Person {
            address: canonical.to_uppercase(),
            values: format!("{{\"n\":{line}}}"),
            folded: String::new(),
            raw: "я".repeat(9),
            canonical,
            line,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn runs_on_disk_come_out_as_one_sort_in_memory(
            names in prop::collection::vec("[a-dё]{1,3}", 0..400),
            budget in 0_usize..20_000,
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let mut people: Vec<_> = names.into_iter().zip(1..).map(|(name, line)| person(name, line)).collect();
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
