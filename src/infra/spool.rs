//! Spool: a file of short lines that wait until the database can be written. Lines are on disk when
//! [`Spool::append`] returns. [`Spool::take`] renames the file, so that new lines go to a fresh one;
//! [`Spool::remove_taken`] deletes it after all its lines were processed. After a crash between the two the lines
//! are processed again (at least once).

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::infra::error::{Error, Message, Result};
use crate::infra::fsync;

/// Ends each complete line; a line without it was truncated by a crash.
const END: &str = " .";

/// A spool file. Cheap to clone; processes can share it.
#[derive(Debug, Clone)]
pub struct Spool {
    path: Arc<PathBuf>,
}

impl Spool {
    /// The spool at a path; the first append creates the file.
    pub fn new(path: PathBuf) -> Self {
        Self { path: Arc::new(path) }
    }

    /// True without waiting lines; false when the disk cannot be read.
    pub fn is_empty(&self) -> bool {
        let absent = |path: &Path| matches!(path.try_exists(), Ok(false));
        absent(&self.path) && absent(&self.taken_path())
    }

    /// Number of readable waiting lines. Reads both files, so call it seldom.
    pub fn count(&self) -> u64 {
        let count = |path: &Path| {
            let lines = File::open(path).map(|file| Lines { file: BufReader::new(file), path: path.to_owned() });
            lines.map_or(0, |lines| lines.take_while(Result::is_ok).count() as u64)
        };
        count(&self.path) + count(&self.taken_path())
    }

    /// Appends lines and syncs them to disk.
    pub async fn append(&self, lines: Vec<String>) -> Result<()> {
        let spool = self.clone();
        on_disk(move || spool.with_lock(|path| write(path, &lines))).await
    }

    /// Takes the waiting lines; `None` when there are none. Lines taken before and not removed by
    /// [`Spool::remove_taken`] are returned first.
    pub async fn take(&self) -> Result<Option<Lines>> {
        let spool = self.clone();
        on_disk(move || {
            let taken = spool.taken_path();
            spool.with_lock(|path| match (taken.exists(), path.exists()) {
                (false, true) => fs::rename(path, &taken),
                _ => Ok(()),
            })?;
            match File::open(&taken) {
                Ok(file) => Ok(Some(Lines { file: BufReader::new(file), path: taken })),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(Error::io(taken.display())(error)),
            }
        })
        .await
    }

    /// Removes the taken lines after they were processed.
    pub async fn remove_taken(&self) -> Result<()> {
        let taken = self.taken_path();
        on_disk(move || fs::remove_file(&taken).map_err(Error::io(taken.display()))).await
    }

    fn taken_path(&self) -> PathBuf {
        self.path.with_extension("taken")
    }

    /// Runs `work` under the file lock, so that no line is appended while the file is renamed.
    fn with_lock(&self, work: impl FnOnce(&Path) -> io::Result<()>) -> Result<()> {
        let run = || {
            let lock = File::create(self.path.with_extension("lock"))?;
            lock.lock()?;
            work(&self.path)
        };
        run().map_err(Error::io(self.path.display()))
    }
}

/// The complete lines of the taken file.
#[derive(Debug)]
pub struct Lines {
    file: BufReader<File>,
    path: PathBuf,
}

impl Iterator for Lines {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut line = Vec::new();
            match self.file.read_until(b'\n', &mut line) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => return Some(Err(Error::io(self.path.display())(error))),
            }
            if let Some(text) = complete(line) {
                return Some(Ok(text));
            }
        }
    }
}

/// The text of a line that ends in [`END`].
fn complete(line: Vec<u8>) -> Option<String> {
    let line = String::from_utf8(line).ok()?;
    Some(line.strip_suffix('\n')?.strip_suffix(END)?.to_owned())
}

/// Writes an empty line first, which ends a line truncated by an earlier crash.
fn write(path: &Path, lines: &[String]) -> io::Result<()> {
    let is_new = !path.exists();
    let mut text = String::from("\n");
    for line in lines {
        text.push_str(line);
        text.push_str(END);
        text.push('\n');
    }
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(text.as_bytes())?;
    fsync::or_exit(path.display(), file.sync_data());
    if is_new {
        let folder = path.parent().unwrap_or(Path::new("."));
        fsync::or_exit(folder.display(), File::open(folder)?.sync_all());
    }
    Ok(())
}

async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Message::new("spool-stopped").internal()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spool(folder: &tempfile::TempDir) -> Spool {
        Spool::new(folder.path().join("some.log"))
    }

    async fn taken(spool: &Spool) -> Vec<String> {
        let lines = spool.take().await.expect("taken").into_iter().flatten();
        lines.collect::<Result<_>>().expect("read")
    }

    #[tokio::test]
    async fn taken_lines_are_returned_again_until_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = spool(&folder);
        assert_eq!((spool.is_empty(), spool.count()), (true, 0));

        spool.append(vec!["one".to_owned(), "two".to_owned()]).await.expect("appended");
        assert_eq!(taken(&spool).await, ["one", "two"]);
        spool.append(vec!["three".to_owned()]).await.expect("appended");
        assert_eq!(taken(&spool).await, ["one", "two"], "not removed yet");
        assert_eq!(spool.count(), 3);

        spool.remove_taken().await.expect("done");
        assert!(!spool.is_empty());
        assert_eq!(taken(&spool).await, ["three"]);
        spool.remove_taken().await.expect("done");
        assert!(spool.is_empty());
    }

    #[tokio::test]
    async fn truncated_line_is_skipped() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = spool(&folder);
        spool.append(vec!["whole".to_owned()]).await.expect("appended");
        let mut file = OpenOptions::new().append(true).open(folder.path().join("some.log")).expect("opens");
        file.write_all(b"cut o").expect("written");
        spool.append(vec!["next".to_owned()]).await.expect("appended");

        assert_eq!(taken(&spool).await, ["whole", "next"]);
    }
}
