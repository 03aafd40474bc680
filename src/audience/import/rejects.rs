//! The rejects file: rows that were not imported, with line, reason word, explanation and raw text. It is created
//! before anything is imported.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::infra::error::{Error, Message, Result, of_csv};
use crate::infra::private_file;

/// Writes rejected rows, if the user asked for a file.
pub struct Rejects(Option<(csv::Writer<File>, PathBuf)>);

impl Rejects {
    /// Creates the file, readable by its owner only. It must not be the file that is imported.
    pub fn create(path: Option<&Path>, imported: &Path) -> Result<Self> {
        let Some(path) = path else { return Ok(Self(None)) };
        if let (Ok(one), Ok(other)) = (path.canonicalize(), imported.canonicalize())
            && one == other
        {
            return Err(Message::new("import-rejects-same").with("file", path.display()).invalid_field("rejects"));
        }
        let mut options = private_file::options();
        let file = options.write(true).create(true).truncate(true).open(path).map_err(Error::io(path.display()))?;
        // Held until the import ends: a file erasure that replaced the file meanwhile would lose the rows to come.
        let _ = file.try_lock();
        let mut rejects = Self(Some((csv::Writer::from_writer(file), path.to_owned())));
        rejects.write(["line", "reason", "explanation", "row"])?;
        rejects.flush()?;
        Ok(rejects)
    }

    /// Whether a file is written.
    pub fn is_enabled(&self) -> bool {
        self.0.is_some()
    }

    /// Adds a row.
    pub fn add(&mut self, line: u64, reason: &str, explanation: &str, raw: &str) -> Result<()> {
        self.write([&line.to_string(), reason, explanation, raw])
    }

    fn write(&mut self, cells: [&str; 4]) -> Result<()> {
        let Some((writer, path)) = &mut self.0 else { return Ok(()) };
        writer.write_record(cells).map_err(|error| Error::io(path.display())(of_csv(error)))
    }

    /// Writes buffered rows to the file system.
    pub fn flush(&mut self) -> Result<()> {
        let Some((writer, path)) = &mut self.0 else { return Ok(()) };
        writer.flush().map_err(Error::io(path.display()))
    }
}
