//! The rejects file: the rows that were not imported, and those that lost a value, as the file has them, behind columns
//! for line and reason. It is created before anything is imported. Mended, it can be imported itself: its own columns are
//! left out, and what would be a formula for a spreadsheet has an apostrophe that the import takes away.

use std::borrow::Cow;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::delimiter::Delimiter;
use super::header::{Header, REJECT_COLUMNS};
use super::scan::{Cells, Scan, scan, split_plainly};
use super::target::Target;
use crate::audience::field::Field;
use crate::audience::people_file::{SCHEMA_COLUMN, needs_apostrophe};
use crate::infra::error::{Error, Message, Result, of_csv};
use crate::infra::private_file;

/// The schema of the file, by which an import tells that its cells were disarmed.
const SCHEMA: &str = "rejects.1";

/// Writes rejected rows, if the user asked for a file.
pub struct Rejects(Option<OpenFile>);

struct OpenFile {
    writer: csv::Writer<File>,
    path: PathBuf,
    delimiter: u8,
    cells: Cells,
    /// Columns of the imported file that are written: not those of an earlier rejects file.
    columns: Vec<bool>,
}

impl Rejects {
    /// Creates the file with the columns of the imported one, readable by its owner only. It must not be that file. It begins
    /// with a byte order mark `with_mark`, and where the names of its columns need one.
    pub fn create(
        path: Option<&Path>,
        imported: &Path,
        header: &Header,
        fields: &[Field],
        delimiter: Delimiter,
        with_mark: bool,
    ) -> Result<Self> {
        let Some(path) = path else { return Ok(Self(None)) };
        if let (Ok(one), Ok(other)) = (path.canonicalize(), imported.canonicalize())
            && one == other
        {
            return Err(Message::new("import-rejects-same").with("file", path.display()).invalid_field("rejects"));
        }
        let mut options = private_file::options();
        let failed = || Error::io(path.display());
        let mut file = options.write(true).create(true).truncate(true).open(path).map_err(failed())?;
        // Held until the import ends: a file erasure that replaced the file meanwhile would lose the rows to come.
        let _ = file.try_lock();
        let names = column_names(header, fields);
        if with_mark || !names.iter().all(|name| name.is_ascii()) {
            // Spreadsheets take a file for UTF-8 only if it begins with a byte order mark.
            file.write_all("\u{feff}".as_bytes()).map_err(failed())?;
        }
        let writer = csv::WriterBuilder::new().delimiter(delimiter.byte()).flexible(true).from_writer(file);
        let is_own = |name: &String| REJECT_COLUMNS.contains(&name.as_str()) || name == SCHEMA_COLUMN;
        let columns = names.iter().map(|name| !is_own(name)).collect();
        let (path, delimiter) = (path.to_owned(), delimiter.byte());
        let mut rejects = Self(Some(OpenFile { writer, path, delimiter, cells: Cells::default(), columns }));
        let own = REJECT_COLUMNS.map(Cow::from).into_iter().chain([SCHEMA_COLUMN.into()]);
        rejects.write(own.chain(names.iter().filter(|name| !is_own(name)).map(|name| name.as_str().into())))?;
        rejects.flush()?;
        Ok(rejects)
    }

    /// Whether a file is written.
    pub fn is_enabled(&self) -> bool {
        self.0.is_some()
    }

    /// Adds a row: its line, the reason, and its text as in the imported file.
    pub fn add(&mut self, line: u64, reason: &str, raw: &str) -> Result<()> {
        let Some(open) = &mut self.0 else { return Ok(()) };
        if !matches!(scan(raw.as_bytes(), open.delimiter, true, &mut open.cells), Scan::Whole { length, .. } if length == raw.len())
        {
            let first_line = raw.split(['\r', '\n']).next().unwrap_or_default();
            split_plainly(first_line.as_bytes(), open.delimiter, &mut open.cells);
        }
        let mut cells = vec![Cow::from(line.to_string()), Cow::from(reason.to_owned()), SCHEMA.into()];
        let starts = std::iter::once(&0).chain(&open.cells.ends);
        for (index, (start, end)) in starts.zip(&open.cells.ends).enumerate() {
            if open.columns.get(index).copied().unwrap_or(true) {
                let cell = String::from_utf8_lossy(&open.cells.text[*start..*end]);
                cells.push(if needs_apostrophe(&cell) { format!("'{cell}").into() } else { cell.into_owned().into() });
            }
        }
        self.write(cells.into_iter())
    }

    fn write<'a>(&mut self, cells: impl Iterator<Item = Cow<'a, str>>) -> Result<()> {
        let Some(OpenFile { writer, path, .. }) = &mut self.0 else { return Ok(()) };
        writer
            .write_record(cells.map(|cell| cell.into_owned()))
            .map_err(|error| Error::io(path.display())(of_csv(error)))
    }

    /// Writes buffered rows to the file system.
    pub fn flush(&mut self) -> Result<()> {
        let Some(OpenFile { writer, path, .. }) = &mut self.0 else { return Ok(()) };
        writer.flush().map_err(Error::io(path.display()))
    }
}

/// The names of the columns; in a file without a header those that an import of the rejects needs.
fn column_names(header: &Header, fields: &[Field]) -> Vec<String> {
    let name = |(name, target): (&String, &Option<Target>)| match (name.strip_prefix('#'), target) {
        (Some(_), Some(Target::Email)) => "email".to_owned(),
        (Some(_), Some(Target::Field(index))) => fields[*index].name.clone(),
        _ => name.clone(),
    };
    header.names.iter().zip(&header.targets).map(name).collect()
}
