//! A file of short lines beside the database, for what cannot be written to it at the moment. Lines
//! are on disk when [`Spool::append`] returns. Whoever carries them out sets them aside first, so
//! that new lines go to a fresh file, and removes what was set aside when all of it is done: after
//! a crash between the two it is carried out again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::infra::error::{Error, Message, Result};
use crate::infra::fsync;

/// Ends each line, so that one cut off by a crash is known as such.
const END: &str = " .";

/// A file of lines that wait for the database. Cheap to clone; safe between processes.
#[derive(Debug, Clone)]
pub struct Spool {
    path: Arc<PathBuf>,
}

impl Spool {
    /// The spool at a path; the file is made with the first line.
    pub fn new(path: PathBuf) -> Self {
        Self { path: Arc::new(path) }
    }

    /// True when nothing waits. When the disk does not tell, something does.
    pub fn is_empty(&self) -> bool {
        let absent = |path: &Path| matches!(path.try_exists(), Ok(false));
        absent(&self.path) && absent(&self.aside())
    }

    /// How many lines wait, of those that can be read. Walks the files: for a look now and then.
    pub fn count(&self) -> u64 {
        let count = |path: &Path| {
            let lines = File::open(path).map(|file| Lines { file: BufReader::new(file), path: path.to_owned() });
            lines.map_or(0, |lines| lines.take_while(Result::is_ok).count() as u64)
        };
        count(&self.path) + count(&self.aside())
    }

    /// Appends lines and waits until they are on disk.
    pub async fn append(&self, lines: Vec<String>) -> Result<()> {
        let spool = self.clone();
        on_disk(move || spool.guarded(|path| write(path, &lines))).await
    }

    /// Sets aside what waits and returns its lines, or `None` when nothing does. What was set aside
    /// before and is not [`Spool::remove_taken`] comes first.
    pub async fn take(&self) -> Result<Option<Lines>> {
        let spool = self.clone();
        on_disk(move || {
            let aside = spool.aside();
            spool.guarded(|path| match (aside.exists(), path.exists()) {
                (false, true) => fs::rename(path, &aside),
                _ => Ok(()),
            })?;
            match File::open(&aside) {
                Ok(file) => Ok(Some(Lines { file: BufReader::new(file), path: aside })),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(Error::io(aside.display())(error)),
            }
        })
        .await
    }

    /// Removes what was set aside: all of it is carried out.
    pub async fn remove_taken(&self) -> Result<()> {
        let aside = self.aside();
        on_disk(move || fs::remove_file(&aside).map_err(Error::io(aside.display()))).await
    }

    fn aside(&self) -> PathBuf {
        self.path.with_extension("taken")
    }

    /// Runs under the lock of the spool, so that no line is appended to a file on its way aside.
    fn guarded(&self, work: impl FnOnce(&Path) -> io::Result<()>) -> Result<()> {
        let run = || {
            let lock = File::create(self.path.with_extension("lock"))?;
            lock.lock()?;
            work(&self.path)
        };
        run().map_err(Error::io(self.path.display()))
    }
}

/// The whole lines of a spool that was set aside.
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
            if let Some(whole) = whole(line) {
                return Some(Ok(whole));
            }
        }
    }
}

fn whole(line: Vec<u8>) -> Option<String> {
    let line = String::from_utf8(line).ok()?;
    Some(line.strip_suffix('\n')?.strip_suffix(END)?.to_owned())
}

/// The empty line in front keeps a line that was cut off before from swallowing the first of these.
fn write(path: &Path, lines: &[String]) -> io::Result<()> {
    let fresh = !path.exists();
    let mut text = String::from("\n");
    for line in lines {
        text.push_str(line);
        text.push_str(END);
        text.push('\n');
    }
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(text.as_bytes())?;
    fsync::or_exit(path.display(), file.sync_data());
    if fresh {
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
    async fn lines_wait_until_they_are_done() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = spool(&folder);
        assert_eq!((spool.is_empty(), spool.count()), (true, 0));

        spool.append(vec!["one".to_owned(), "two".to_owned()]).await.expect("appended");
        assert_eq!(taken(&spool).await, ["one", "two"]);
        spool.append(vec!["three".to_owned()]).await.expect("appended");
        assert_eq!(taken(&spool).await, ["one", "two"], "not done, so it comes again");
        assert_eq!(spool.count(), 3);

        spool.remove_taken().await.expect("done");
        assert!(!spool.is_empty());
        assert_eq!(taken(&spool).await, ["three"]);
        spool.remove_taken().await.expect("done");
        assert!(spool.is_empty());
    }

    #[tokio::test]
    async fn a_line_cut_off_by_a_crash_is_left_out_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = spool(&folder);
        spool.append(vec!["whole".to_owned()]).await.expect("appended");
        let mut file = OpenOptions::new().append(true).open(folder.path().join("some.log")).expect("opens");
        file.write_all(b"cut o").expect("written");
        spool.append(vec!["next".to_owned()]).await.expect("appended");

        assert_eq!(taken(&spool).await, ["whole", "next"]);
    }
}
