//! The first pass: every row of the file is read, checked and put in order. Nothing is written to
//! the database yet, so a file that turns out to be no table has changed nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use encoding_rs::Encoding;

use super::batch::Batch;
use super::decoder;
use super::delimiter::Delimiter;
use super::external_sort::{BUDGET, Person, Sorted, Sorter};
use super::header::Header;
use super::record::Records;
use super::rejects::Rejects;
use super::row::{self, Refusal};
use super::staging::Staging;
use super::type_inference::Guess;
use crate::audience::field::Field;
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;

/// Rows that are looked at to guess the type of a column.
const SAMPLE: usize = 200;

/// What to read, and how.
pub struct Task {
    /// The file.
    pub path: PathBuf,
    /// The encoding the user named.
    pub encoding: Option<String>,
    /// Columns and the fields they fill.
    pub map: Vec<(String, String)>,
    /// The declared fields.
    pub fields: Vec<Field>,
    /// Where refused rows go.
    pub rejects: Option<PathBuf>,
    /// The folder for sorted runs.
    pub staging: PathBuf,
    /// The language of the reasons in the rejects.
    pub lang: Lang,
}

/// A file being read.
pub struct Reading {
    task: Task,
    records: Records,
    header: Header,
    sorter: Sorter,
    rejects: Rejects,
    staging: Staging,
    /// What its text was decoded from.
    pub encoding: &'static Encoding,
    /// Bytes in all; 0 for a pipe.
    pub size: u64,
    /// Rows read so far.
    pub rows: u64,
    /// Refused rows by reason.
    pub invalid: BTreeMap<&'static str, i64>,
}

impl Reading {
    /// Opens the file and settles its columns; then makes the rejects file and the folder for runs.
    pub fn open(task: Task) -> Result<Self> {
        let opened = decoder::open(&task.path, task.encoding.as_deref())?;
        let refuse = |key| Message::new(key).with("file", task.path.display());
        let mut records = Records::new(opened.text, &task.path)?;
        let header = match records.next()? {
            None => return Err(refuse("import-empty").invalid()),
            Some(first) => match first.fault {
                None | Some("cell-long") => Header::read(&first, &task.fields, &task.map)?,
                Some("encoding") => {
                    return Err(refuse("import-header-encoding").with("encoding", name(opened.encoding)).invalid());
                }
                Some("nul") => return Err(refuse("import-binary").invalid()),
                Some(_) => return Err(refuse("import-line-endless").with("line", first.line).invalid()),
            },
        };
        let undeclared = header.undeclared();
        if !undeclared.is_empty() {
            return Err(header.refuse(&guess(&mut records, undeclared)?));
        }
        let rejects = Rejects::create(task.rejects.as_deref(), &task.path)?;
        let staging = Staging::claim(&task.staging)?;
        let sorter = Sorter::new(staging.folder().to_owned(), BUDGET);
        Ok(Self {
            records,
            header,
            sorter,
            rejects,
            staging,
            encoding: opened.encoding,
            size: opened.size,
            rows: 0,
            invalid: BTreeMap::new(),
            task,
        })
    }

    /// What stands between cells.
    pub fn delimiter(&self) -> Delimiter {
        self.records.delimiter()
    }

    /// Bytes read so far.
    pub fn taken(&self) -> u64 {
        self.records.taken()
    }

    /// The names of the columns and what each fills: `email`, a field, or `-`.
    pub fn columns(&self) -> Vec<(String, String)> {
        self.header.describe(&self.task.fields)
    }

    /// Reads up to `rows` rows. False at the end of the file.
    pub fn advance(&mut self, rows: usize) -> Result<bool> {
        let batch = Batch::cut(&mut self.records, rows)?;
        self.rows += batch.len() as u64;
        let wanted = self.rejects.wanted();
        let people = batch.map(|record| -> Result<Person, Refusal> {
            let told = row::read(record, &self.header, &self.task.fields)?;
            let raw = if wanted { record.raw } else { "" };
            let (canonical, address) = (told.address.canonical(), told.address.expose());
            Ok(Person::new(record.line, [&canonical, &address, &told.values, &told.folded, raw]))
        });
        for (record, person) in batch.iter().zip(people) {
            match person {
                Ok(person) => self.sorter.push(person).map_err(Error::io(self.staging.folder().display()))?,
                Err(refusal) => {
                    *self.invalid.entry(refusal.reason).or_default() += 1;
                    reject(&mut self.rejects, record.line, refusal, record.raw, &self.header, self.task.lang)?;
                }
            }
        }
        Ok(!batch.is_empty())
    }

    /// Everyone who was read well, in order.
    pub fn finish(mut self) -> Result<Ordered> {
        self.rejects.flush()?;
        let people = self.sorter.people();
        let sorted = self.sorter.finish().map_err(Error::io(self.staging.folder().display()))?;
        let lang = self.task.lang;
        let (rejects, staging) = (self.rejects, self.staging);
        Ok(Ordered { sorted, rejects, staging, lang, last: None, people, duplicates: 0 })
    }
}

fn reject(rejects: &mut Rejects, line: u64, refusal: Refusal, raw: &str, header: &Header, lang: Lang) -> Result<()> {
    if !rejects.wanted() {
        return Ok(());
    }
    rejects.add(line, refusal.reason, &refusal.explain(header, lang), raw)
}

fn guess(records: &mut Records, undeclared: Vec<usize>) -> Result<Vec<(usize, Guess)>> {
    let mut guesses: Vec<_> = undeclared.into_iter().map(|place| (place, Guess::default())).collect();
    for _ in 0..SAMPLE {
        let Some(record) = records.next()? else { break };
        for (place, guess) in guesses.iter_mut().filter(|_| record.fault.is_none()) {
            guess.see(record.cell(*place));
        }
    }
    Ok(guesses)
}

/// The name of an encoding as people write it.
pub fn name(encoding: &'static Encoding) -> String {
    encoding.name().to_lowercase()
}

/// The people of a file in the order of their canonical addresses, each address once.
pub struct Ordered {
    sorted: Sorted,
    rejects: Rejects,
    staging: Staging,
    lang: Lang,
    /// The address handed out last, and its line.
    last: Option<(String, u64)>,
    /// Rows that were read well.
    pub people: u64,
    /// Rows whose address an earlier row has.
    pub duplicates: i64,
}

impl Ordered {
    /// Up to `count` people; none at the end. Of rows with one address the first counts.
    pub fn slice(&mut self, count: usize) -> Result<Vec<Person>> {
        let mut slice = Vec::with_capacity(count);
        while slice.len() < count
            && let Some(person) = self.sorted.next()
        {
            let person = person.map_err(Error::io(self.staging.folder().display()))?;
            match &self.last {
                Some((canonical, first)) if canonical == person.canonical() => {
                    let explanation = Message::new("invalid-duplicate").with("line", first);
                    self.duplicates += 1;
                    self.rejects.add(person.line, "duplicate", &self.lang.translate(&explanation), person.raw())?;
                }
                _ => {
                    self.last = Some((person.canonical().to_owned(), person.line));
                    slice.push(person);
                }
            }
        }
        if slice.is_empty() {
            self.rejects.flush()?;
        }
        Ok(slice)
    }
}
