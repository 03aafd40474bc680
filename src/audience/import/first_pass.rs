//! First pass of an import: reads, validates and sorts every row of the file. It writes nothing to the database, so
//! an unreadable file changes nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use encoding_rs::Encoding;

use super::batch::Batch;
use super::decoder;
use super::delimiter::Delimiter;
use super::external_sort::{MEMORY_BYTES, SortedRows, Sorter};
use super::header::Header;
use super::import_row::ImportRow;
use super::record::Records;
use super::rejects::Rejects;
use super::row::{self, Refusal};
use super::staging::Staging;
use super::type_inference::TypeInference;
use crate::audience::field::Field;
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;

/// Rows from which the type of an undeclared column is inferred.
const SAMPLE: usize = 200;

/// The file to read, and how to read it.
pub struct Input {
    /// The file.
    pub path: PathBuf,
    /// The encoding the user named.
    pub encoding: Option<String>,
    /// Columns and the fields they fill.
    pub map: Vec<(String, String)>,
    /// The declared fields.
    pub fields: Vec<Field>,
    /// The file for rejected rows.
    pub rejects: Option<PathBuf>,
    /// The folder for sorted runs.
    pub staging: PathBuf,
    /// The language of the explanations in the rejects file.
    pub lang: Lang,
}

/// A file in its first pass.
pub struct FirstPass {
    input: Input,
    records: Records,
    header: Header,
    sorter: Sorter,
    rejects: Rejects,
    staging: Staging,
    /// The encoding of the file.
    pub encoding: &'static Encoding,
    /// Bytes of the file; 0 for a pipe.
    pub size: u64,
    /// Rows read so far.
    pub rows: u64,
    /// Rejected rows by reason word.
    pub invalid: BTreeMap<&'static str, i64>,
}

impl FirstPass {
    /// Opens the file and parses its header; then creates the rejects file and the folder for runs.
    pub fn open(input: Input) -> Result<Self> {
        let opened = decoder::open(&input.path, input.encoding.as_deref())?;
        let refuse = |key| Message::new(key).with("file", input.path.display());
        let mut records = Records::new(opened.text, &input.path)?;
        let header = match records.next()? {
            None => return Err(refuse("import-empty").invalid()),
            Some(first) => match first.defect {
                None | Some("cell-long") => Header::read(&first, &input.fields, &input.map)?,
                Some("encoding") => {
                    return Err(refuse("import-header-encoding")
                        .with("encoding", encoding_name(opened.encoding))
                        .invalid());
                }
                Some("nul") => return Err(refuse("import-binary").invalid()),
                Some(_) => return Err(refuse("import-line-endless").with("line", first.line).invalid()),
            },
        };
        let undeclared = header.undeclared();
        if !undeclared.is_empty() {
            return Err(header.refuse(&infer_types(&mut records, undeclared)?));
        }
        let rejects = Rejects::create(input.rejects.as_deref(), &input.path)?;
        let staging = Staging::claim(&input.staging)?;
        let sorter = Sorter::new(staging.folder().to_owned(), MEMORY_BYTES);
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
            input,
        })
    }

    /// The delimiter of cells.
    pub fn delimiter(&self) -> Delimiter {
        self.records.delimiter()
    }

    /// Bytes read so far.
    pub fn bytes_read(&self) -> u64 {
        self.records.bytes_read()
    }

    /// The names of the columns and what each fills: `email`, a field, or `-`.
    pub fn columns(&self) -> Vec<(String, String)> {
        self.header.describe(&self.input.fields)
    }

    /// Reads up to `rows` rows. Returns false at the end of the file.
    pub fn read_rows(&mut self, rows: usize) -> Result<bool> {
        let batch = Batch::read(&mut self.records, rows)?;
        self.rows += batch.len() as u64;
        let keep_raw = self.rejects.is_enabled();
        let rows = batch.map(|record| row::parse(record, &self.header, &self.input.fields, keep_raw));
        for (record, row) in batch.iter().zip(rows) {
            match row {
                Ok(row) => self.sorter.push(row).map_err(Error::io(self.staging.folder().display()))?,
                Err(refusal) => {
                    *self.invalid.entry(refusal.reason).or_default() += 1;
                    reject(&mut self.rejects, record.line, refusal, record.raw, &self.header, self.input.lang)?;
                }
            }
        }
        Ok(!batch.is_empty())
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

fn reject(rejects: &mut Rejects, line: u64, refusal: Refusal, raw: &str, header: &Header, lang: Lang) -> Result<()> {
    if !rejects.is_enabled() {
        return Ok(());
    }
    rejects.add(line, refusal.reason, &refusal.explain(header, lang), raw)
}

fn infer_types(records: &mut Records, undeclared: Vec<usize>) -> Result<Vec<(usize, TypeInference)>> {
    let mut inferred: Vec<_> = undeclared.into_iter().map(|column| (column, TypeInference::default())).collect();
    for _ in 0..SAMPLE {
        let Some(record) = records.next()? else { break };
        for (column, inference) in inferred.iter_mut().filter(|_| record.defect.is_none()) {
            inference.observe(record.cell(*column));
        }
    }
    Ok(inferred)
}

/// The name of an encoding in lower case.
pub fn encoding_name(encoding: &'static Encoding) -> String {
    encoding.name().to_lowercase()
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
                    self.rejects.add(row.line, "duplicate", &self.lang.translate(&explanation), row.raw())?;
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
