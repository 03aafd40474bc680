//! First pass of an import: reads, validates and sorts every row of the file. It writes nothing to the database, so
//! an unreadable file changes nothing.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::batch::Batch;
use super::charset::Charset;
use super::decoder;
use super::delimiter::Delimiter;
use super::external_sort::{MEMORY_BYTES, SortedRows, Sorter};
use super::import_row::ImportRow;
use super::input::Input;
use super::record::{Record, Records};
use super::rejects::Rejects;
use super::row::{self, Columns, LeftOut};
use super::source::Source;
use super::staging::Staging;
use super::standing::Standing;
use super::survey::{self, Survey};
use super::{Purpose, StatusRule};
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;

/// People shown as they were read.
const PEOPLE_SHOWN: usize = 3;

/// Different values kept of a column, the rows that they are taken from, and the characters of one.
const SAMPLES: usize = 5;
const SAMPLED_ROWS: usize = 1_000;
const SAMPLE_CHARS: usize = 60;

/// Values left out of a column for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftOutCount {
    /// Number of values.
    pub values: i64,
    /// The line of the first.
    pub first_line: u64,
}

/// Counts of the first pass.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Rows read.
    pub rows: u64,
    /// Rejected rows by reason word.
    pub invalid: BTreeMap<&'static str, i64>,
    /// Values left out, by column and reason word.
    pub left_out: BTreeMap<(String, &'static str), LeftOutCount>,
    /// Rows with a value that was left out.
    pub incomplete: i64,
    /// Rows by what the file says of their people, without those that are taken.
    pub standings: BTreeMap<Standing, i64>,
    /// Some people as they were read: first those with letters outside ASCII.
    pub people: Vec<Value>,
    /// The first different values of each column.
    pub samples: Vec<Vec<String>>,
    /// How many of these people have such letters.
    telling: usize,
}

/// A file in its first pass.
pub struct FirstPass {
    input: Input,
    records: Records,
    survey: Survey,
    sorter: Sorter,
    rejects: Rejects,
    staging: Staging,
    source: Source,
    /// The encoding of the file.
    pub charset: Charset,
    /// Counts so far.
    pub counts: Counts,
}

impl FirstPass {
    /// Surveys the file; then creates the rejects file and the folder for runs.
    pub fn open(input: Input) -> Result<Self> {
        let staging = Staging::claim(&input.staging)?;
        let source = Source::open(&input.path, &staging)?;
        let charset = decoder::detect(&source, input.encoding.as_deref())?;
        let survey = survey::survey(&source, charset, &input)?;
        if let Some(rule) = &input.rule {
            rule.check_fields(&input.list, survey.header.filled(&input.fields))?;
        }
        let records = survey::rows(&source, charset, &survey)?;
        let delimiter = records.delimiter();
        // Spreadsheets take reasons in Russian, and texts of a file that had a mark or was not in UTF-8, for UTF-8 by a mark.
        let with_mark = source.has_mark || charset.name() != "utf-8" || !input.lang.tr("invalid-status").is_ascii();
        let (file, header) = (input.rejects.as_deref(), &survey.header);
        let rejects = Rejects::create(file, &input.path, header, &input.fields, delimiter, with_mark)?;
        let sorter = Sorter::new(staging.folder().to_owned(), MEMORY_BYTES);
        Ok(Self { records, survey, sorter, rejects, staging, source, charset, counts: Counts::default(), input })
    }

    /// The delimiter of cells.
    pub fn delimiter(&self) -> Delimiter {
        self.records.delimiter()
    }

    /// Bytes read so far.
    pub fn bytes_read(&self) -> u64 {
        self.records.bytes_read()
    }

    /// Bytes of the file.
    pub fn bytes_total(&self) -> u64 {
        self.source.size
    }

    /// The names of the columns and what each fills: `email`, a field, or `-`.
    pub fn columns(&self) -> Vec<(String, String)> {
        self.survey.header.describe(&self.input.fields)
    }

    /// What is to be said about the shape of the file.
    pub fn notices(&self) -> Vec<Message> {
        let header = &self.survey.header;
        let mut notices = Vec::new();
        if self.survey.titles > 0 {
            notices.push(Message::new("import-titles").with("line", self.survey.header_line));
        }
        if !header.doubled.is_empty() {
            let names: Vec<String> = header.doubled.iter().map(|column| header.name(*column)).collect();
            notices.push(Message::new("import-doubled").with("columns", names.join(", ")));
        }
        for (column, format) in self.survey.formats.iter().enumerate() {
            let days = format.day_numbers.then_some("excel");
            let style =
                format.dates.map(|order| order.as_str()).or(format.numbers.map(|style| style.as_str())).or(days);
            if let Some(style) = style {
                notices.push(Message::new("import-format").with("column", header.name(column)).with("format", style));
            }
        }
        notices
    }

    /// Reads up to `rows` rows. Returns false at the end of the file.
    pub fn read_rows(&mut self, rows: usize) -> Result<bool> {
        let batch = Batch::read(&mut self.records, rows)?;
        if self.counts.rows == 0 {
            batch.iter().take(SAMPLED_ROWS).for_each(|record| keep_samples(&mut self.counts.samples, &record));
        }
        self.counts.rows += batch.len() as u64;
        let keep_raw = self.rejects.is_enabled();
        let columns = Columns {
            header: &self.survey.header,
            fields: &self.input.fields,
            formats: &self.survey.formats,
            latest_birth: self.input.latest_birth.as_ref(),
        };
        let parsed = batch.map(|record| row::parse(record, &columns, keep_raw));
        for (record, parsed) in batch.iter().zip(parsed) {
            match parsed {
                Ok(parsed) => {
                    self.note_left_out(record.line, &parsed.left_out, record.raw)?;
                    self.take(parsed.row, row::standing(&record, &self.survey.header), record.raw)?;
                }
                Err(refusal) => {
                    *self.counts.invalid.entry(refusal.reason).or_default() += 1;
                    let explanation = refusal.explain(&self.survey.header, self.input.lang);
                    self.rejects.add(record.line, &explanation, record.raw)?;
                }
            }
        }
        Ok(!batch.is_empty())
    }

    /// Takes a row if its person's standing is one that this pass is for.
    fn take(&mut self, mut row: ImportRow, said: Option<Standing>, raw: &str) -> Result<()> {
        let standing = match (self.input.purpose, self.input.reading.statuses) {
            (Purpose::Subscribe, StatusRule::Ignore) => Standing::Mailable,
            (Purpose::Subscribe, _) => said.unwrap_or(Standing::Mailable),
            (Purpose::Suppress, _) => match said {
                None => self.survey.everyone,
                Some(Standing::Unknown) => Standing::Left,
                Some(standing) => standing,
            },
        };
        let is_taken = match self.input.purpose {
            Purpose::Subscribe => standing != Standing::Unknown,
            Purpose::Suppress => standing > Standing::Unknown,
        };
        if !is_taken {
            *self.counts.standings.entry(standing).or_default() += 1;
            if self.input.purpose == Purpose::Subscribe {
                let explanation = self.input.lang.tr("invalid-status");
                self.rejects.add(row.line, &explanation, raw)?;
            }
            return Ok(());
        }
        if standing == Standing::Mailable || self.input.purpose == Purpose::Suppress {
            self.show(&row, raw);
        }
        row.standing = standing;
        self.sorter.push(row).map_err(Error::io(self.staging.folder().display()))
    }

    fn note_left_out(&mut self, line: u64, left_out: &[LeftOut], raw: &str) -> Result<()> {
        if left_out.is_empty() || self.input.purpose != Purpose::Subscribe {
            return Ok(());
        }
        self.counts.incomplete += 1;
        let header = &self.survey.header;
        for value in left_out {
            let column = value.column.map_or_else(String::new, |column| header.name(column));
            let count = LeftOutCount { values: 0, first_line: line };
            self.counts.left_out.entry((column, value.reason)).or_insert(count).values += 1;
        }
        if !self.rejects.is_enabled() {
            return Ok(());
        }
        let reasons: Vec<String> = left_out.iter().map(|value| value.explain(header, self.input.lang)).collect();
        let explanation = Message::new("invalid-left-out").with("reasons", reasons.join("; "));
        self.rejects.add(line, &self.input.lang.translate(&explanation), raw)
    }

    /// Keeps some people to show, those with letters outside ASCII first: they tell a wrong encoding.
    fn show(&mut self, row: &ImportRow, raw: &str) {
        let (people, telling) = (&mut self.counts.people, &mut self.counts.telling);
        let is_telling = !raw.is_ascii();
        if *telling == PEOPLE_SHOWN || (people.len() == PEOPLE_SHOWN && !is_telling) {
            return;
        }
        let values: Value = serde_json::from_str(row.values()).unwrap_or_default();
        let person = json!({ "line": row.line, "email": row.address(), "fields": values });
        people.insert(if is_telling { *telling } else { people.len() }, person);
        *telling += usize::from(is_telling);
        people.truncate(PEOPLE_SHOWN);
    }

    /// The valid rows in order of their canonical addresses.
    pub fn finish(mut self) -> Result<UniqueRows> {
        self.rejects.flush()?;
        let valid_rows = self.sorter.rows();
        let sorted = self.sorter.finish().map_err(Error::io(self.staging.folder().display()))?;
        let lang = self.input.lang;
        let (rejects, staging) = (self.rejects, self.staging);
        Ok(UniqueRows { sorted, rejects, staging, lang, last: None, valid_rows, duplicates: 0 })
    }
}

/// Keeps the first different values of each column.
fn keep_samples(samples: &mut Vec<Vec<String>>, record: &Record<'_>) {
    for (column, cell) in record.iter().enumerate() {
        if samples.len() <= column {
            samples.push(Vec::new());
        }
        let value: String = cell.trim().chars().take(SAMPLE_CHARS).collect();
        let known = &mut samples[column];
        if known.len() < SAMPLES && !value.is_empty() && !known.contains(&value) {
            known.push(value);
        }
    }
}

/// The valid rows of a file in order of their canonical addresses, each address once.
pub struct UniqueRows {
    sorted: SortedRows,
    rejects: Rejects,
    staging: Staging,
    lang: Lang,
    /// The address returned last, and its line.
    last: Option<(String, u64)>,
    /// Number of valid rows.
    pub valid_rows: u64,
    /// Number of rows whose address an earlier row has.
    pub duplicates: i64,
}

impl UniqueRows {
    /// The next rows, at most `count`; none at the end. Of several rows with one address the first counts.
    pub fn next_slice(&mut self, count: usize) -> Result<Vec<ImportRow>> {
        let mut slice = Vec::with_capacity(count);
        while slice.len() < count
            && let Some(row) = self.sorted.next()
        {
            let row = row.map_err(Error::io(self.staging.folder().display()))?;
            match &self.last {
                Some((canonical, first)) if canonical == row.canonical() => {
                    let explanation = Message::new("invalid-duplicate").with("line", first);
                    self.duplicates += 1;
                    self.rejects.add(row.line, &self.lang.translate(&explanation), row.raw())?;
                }
                _ => {
                    self.last = Some((row.canonical().to_owned(), row.line));
                    slice.push(row);
                }
            }
        }
        if slice.is_empty() {
            self.rejects.flush()?;
        }
        Ok(slice)
    }
}
