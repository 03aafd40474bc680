//! Reading a hash-chained log: forwards, or from its newest line to its oldest in blocks, so that a long log is not read for its
//! last page.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::PathBuf;

use serde_json::Value;

use super::ChainedLog;
use crate::infra::error::{Error, Result};

/// Bytes that are read at a time.
const BLOCK: u64 = 64 * 1024;

/// Lines from the newest to the oldest, as JSON; lines that cannot be read are left out.
pub struct NewestFirst {
    files: Vec<PathBuf>,
    open: Option<Backwards>,
}

impl ChainedLog {
    /// The lines, the newest first.
    ///
    /// # Errors
    ///
    /// Internal when the folder cannot be read; the iterator's items fail when a file cannot.
    pub fn newest_first(&self) -> Result<NewestFirst> {
        Ok(NewestFirst { files: self.files()?, open: None })
    }
}

impl ChainedLog {
    /// Calls `each` with every line and its text, the oldest first; a line that cannot be read is left out.
    ///
    /// # Errors
    ///
    /// Internal when a file cannot be read, and what `each` returns.
    pub fn for_each(&self, mut each: impl FnMut(&str, &Value) -> Result<()>) -> Result<()> {
        for path in self.files()? {
            let file = File::open(&path).map_err(Error::io(path.display()))?;
            for line in BufReader::new(file).split(b'\n') {
                let line = line.map_err(Error::io(path.display()))?;
                let text = String::from_utf8_lossy(&line);
                if let Ok(value) = serde_json::from_str(&text) {
                    each(&text, &value)?;
                }
            }
        }
        Ok(())
    }
}

impl Iterator for NewestFirst {
    type Item = Result<Value>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.open.is_none() {
                let path = self.files.pop()?;
                match Backwards::open(&path) {
                    Ok(open) => self.open = Some(open),
                    Err(error) => return Some(Err(Error::io(path.display())(error))),
                }
            }
            let open = self.open.as_mut()?;
            match open.next_line() {
                Ok(Some(line)) => {
                    if let Ok(value) = serde_json::from_slice(&line) {
                        return Some(Ok(value));
                    }
                }
                Ok(None) => self.open = None,
                Err(error) => {
                    self.open = None;
                    return Some(Err(Error::io("log")(error)));
                }
            }
        }
    }
}

/// A file that is read from its end.
struct Backwards {
    file: File,
    /// Bytes of the file before `bytes`.
    before: u64,
    bytes: Vec<u8>,
}

impl Backwards {
    fn open(path: &PathBuf) -> io::Result<Self> {
        let file = File::open(path)?;
        let before = file.metadata()?.len();
        Ok(Self { file, before, bytes: Vec::new() })
    }

    /// The line before the last one that was returned, without its end.
    fn next_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.bytes.last() == Some(&b'\n') {
            self.bytes.pop();
        }
        loop {
            if let Some(at) = self.bytes.iter().rposition(|byte| *byte == b'\n') {
                return Ok(Some(self.bytes.split_off(at + 1)));
            }
            if self.before == 0 {
                let rest = std::mem::take(&mut self.bytes);
                return Ok((!rest.is_empty()).then_some(rest));
            }
            let length = BLOCK.min(self.before);
            self.before -= length;
            self.file.seek(SeekFrom::Start(self.before))?;
            let mut block = Vec::new();
            Read::by_ref(&mut self.file).take(length).read_to_end(&mut block)?;
            let was_at_end = self.bytes.is_empty();
            block.append(&mut self.bytes);
            self.bytes = block;
            if was_at_end && self.bytes.last() == Some(&b'\n') {
                self.bytes.pop();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::entry;
    use super::*;
    use crate::infra::secret::Key;

    #[tokio::test]
    async fn lines_come_newest_first_over_blocks_and_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = ChainedLog::new(folder.path().to_owned(), "audit", Key::generate());
        let start = 1_796_083_200_000;
        let entries = |count: usize| (0..count).map(|_| entry(&"x".repeat(333))).collect();
        log.append(start, entries(1_000)).await.expect("written");
        log.append(start + 40 * crate::infra::clock::DAY, entries(500)).await.expect("written");

        let found: Vec<u64> =
            log.newest_first().expect("opened").map(|line| line.expect("read")["seq"].as_u64().unwrap_or(0)).collect();

        assert_eq!(found, (1..=1_500).rev().collect::<Vec<_>>());
    }
}
