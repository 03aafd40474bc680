//! Spool: a file of short lines that wait until the database can be written. Lines are on disk when [`Spool::append`] returns.
//!
//! [`Spool::take`] renames the file, so that new lines go to a fresh one, and gives the taken one an id. Its lines are read in
//! chunks from a position that the reader keeps in the database ([`spool_position`](super::spool_position)): a reader that
//! commits the position with what it made of the lines processes each line once, however often it is killed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::infra::error::{Error, Message, Result};
use crate::infra::fsync;
use crate::infra::id::Id;

/// Ends each complete line; a line without it was truncated by a crash.
const END: &str = " .";
/// Bytes of the longest line that is read.
const MAX_LINE: u64 = 512;

/// A spool file. Cheap to clone; processes can share it.
#[derive(Debug, Clone)]
pub struct Spool {
    path: Arc<PathBuf>,
    counts: Arc<Mutex<Counts>>,
}

/// The lines counted so far, so that a long file is not read again for every count.
#[derive(Debug, Default)]
struct Counts {
    /// Bytes of the fresh file, and the lines in them.
    fresh: (u64, u64),
    /// Bytes of the taken file that were processed.
    position: u64,
    /// Lines of the taken file behind them; `None` before the first count.
    left: Option<u64>,
}

/// A line of the taken file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpoolLine {
    /// A complete line, without its end.
    Text(String),
    /// A line that cannot be read: the catalogue key of the reason.
    Damaged(&'static str),
}

/// Lines of the taken file.
#[derive(Debug)]
pub struct Chunk {
    /// The lines, without empty ones.
    pub lines: Vec<SpoolLine>,
    /// The position behind them.
    pub end: u64,
    /// True at the end of the file.
    pub is_last: bool,
}

/// The taken file.
#[derive(Debug)]
pub struct TakenFile {
    /// Its id, never used for another file.
    pub id: Id,
    spool: Spool,
}

impl Spool {
    /// The spool at a path; the first append creates the file.
    pub fn new(path: PathBuf) -> Self {
        Self { path: Arc::new(path), counts: Arc::default() }
    }

    /// True without waiting lines; false when the disk cannot be read.
    pub fn is_empty(&self) -> bool {
        let absent = |path: &Path| matches!(path.try_exists(), Ok(false));
        absent(&self.path) && absent(&self.taken_path())
    }

    /// Number of waiting lines. Reads what was added since the last count, the first time the whole file.
    pub fn count(&self) -> u64 {
        let mut counts = self.counts();
        let length = fs::metadata(&*self.path).map_or(0, |found| found.len());
        let (read, lines) = if length < counts.fresh.0 { (0, 0) } else { counts.fresh };
        counts.fresh = (length, lines + count_lines(&self.path, read, length));
        let taken = self.taken_path();
        if !taken.exists() {
            (counts.position, counts.left) = (0, None);
            return counts.fresh.1;
        }
        let position = counts.position;
        counts.fresh.1 + *counts.left.get_or_insert_with(|| count_lines(&taken, position, u64::MAX))
    }

    /// Appends lines and syncs them to disk. On an error none was added.
    pub async fn append(&self, lines: Vec<String>) -> Result<()> {
        let spool = self.clone();
        on_disk(move || spool.with_lock(|path| write(path, &lines))).await
    }

    /// Takes the waiting lines; `None` when there are none. A file that was taken before and not removed by
    /// [`TakenFile::remove`] is returned first. `new_id` becomes the id of a file that is taken now.
    pub async fn take(&self, new_id: Id) -> Result<Option<TakenFile>> {
        let spool = self.clone();
        on_disk(move || {
            let (taken, id_path) = (spool.taken_path(), spool.path.with_extension("id"));
            let id = spool.with_lock(|path| {
                if !taken.exists() && path.exists() {
                    write_id(&id_path, new_id)?;
                    fs::rename(path, &taken)?;
                    sync_folder(path)?;
                    *spool.counts() = Counts::default();
                }
                if !taken.exists() {
                    return Ok(None);
                }
                // A file that an earlier version took has no id.
                match fs::read_to_string(&id_path).ok().and_then(|text| text.trim().parse().ok()) {
                    Some(id) => Ok(Some(id)),
                    None => write_id(&id_path, new_id).map(|()| Some(new_id)),
                }
            })?;
            Ok(id.map(|id| TakenFile { id, spool }))
        })
        .await
    }

    /// Calls `see` with every complete line that waits, taken or not; lines that are taken meanwhile may come twice. Blocks: to
    /// be called where that is allowed.
    pub fn scan(&self, mut see: impl FnMut(&str)) -> io::Result<()> {
        let position = self.counts().position;
        // In the order that lines move, so that none is missed.
        for (path, from) in [((*self.path).clone(), 0), (self.taken_path(), position)] {
            match File::open(path) {
                Ok(mut file) => {
                    file.seek(SeekFrom::Start(from))?;
                    let mut lines = Lines::new(file);
                    while let Some((line, _)) = lines.next_line()? {
                        if let SpoolLine::Text(text) = line {
                            see(&text);
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn taken_path(&self) -> PathBuf {
        self.path.with_extension("taken")
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` under the file lock, so that no line is appended while the file is renamed.
    fn with_lock<T>(&self, work: impl FnOnce(&Path) -> io::Result<T>) -> Result<T> {
        let run = || {
            let lock = File::create(self.path.with_extension("lock"))?;
            lock.lock()?;
            work(&self.path)
        };
        run().map_err(Error::io(self.path.display()))
    }
}

impl TakenFile {
    /// Reads up to `limit` lines behind a position.
    pub async fn read(&self, position: u64, limit: usize) -> Result<Chunk> {
        let path = self.spool.taken_path();
        {
            let mut counts = self.spool.counts();
            if counts.position < position {
                (counts.position, counts.left) = (position, None);
            }
        }
        on_disk(move || read_chunk(&path, position, limit).map_err(Error::io(path.display()))).await
    }

    /// Remembers for [`Spool::count`] that lines up to a position were processed.
    pub fn set_processed(&self, position: u64, lines: usize) {
        let mut counts = self.spool.counts();
        counts.position = position;
        counts.left = counts.left.map(|left| left.saturating_sub(lines as u64));
    }

    /// Removes the file after all its lines were processed.
    pub async fn remove(self) -> Result<()> {
        let taken = self.spool.taken_path();
        on_disk(move || {
            let removed = fs::remove_file(&taken).and_then(|()| sync_folder(&taken));
            (self.spool.counts().position, self.spool.counts().left) = (0, None);
            removed.map_err(Error::io(taken.display()))
        })
        .await
    }
}

fn read_chunk(path: &Path, position: u64, limit: usize) -> io::Result<Chunk> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(position))?;
    let mut lines = Lines::new(file);
    let mut chunk = Chunk { lines: Vec::with_capacity(limit), end: position, is_last: false };
    while chunk.lines.len() < limit {
        let Some((line, bytes)) = lines.next_line()? else {
            chunk.is_last = true;
            break;
        };
        chunk.end += bytes;
        if line != SpoolLine::Text(String::new()) {
            chunk.lines.push(line);
        }
    }
    Ok(chunk)
}

/// Reads lines of bounded length.
struct Lines {
    file: BufReader<File>,
    line: Vec<u8>,
}

impl Lines {
    fn new(file: File) -> Self {
        Self { file: BufReader::with_capacity(64 * 1024, file), line: Vec::with_capacity(128) }
    }

    /// The next line, an empty one as an empty text, and its length in bytes.
    fn next_line(&mut self) -> io::Result<Option<(SpoolLine, u64)>> {
        self.line.clear();
        let mut bytes = (&mut self.file).take(MAX_LINE).read_until(b'\n', &mut self.line)? as u64;
        if bytes == 0 {
            return Ok(None);
        }
        if bytes == MAX_LINE && self.line.last() != Some(&b'\n') {
            bytes += self.file.skip_until(b'\n')? as u64;
            return Ok(Some((SpoolLine::Damaged("spool-line-long"), bytes)));
        }
        let line = match str::from_utf8(&self.line) {
            Ok("\n") => SpoolLine::Text(String::new()),
            Ok(text) => match text.strip_suffix('\n').and_then(|text| text.strip_suffix(END)) {
                Some(text) => SpoolLine::Text(text.to_owned()),
                None => SpoolLine::Damaged("spool-line-cut"),
            },
            Err(_) => SpoolLine::Damaged("spool-line-bytes"),
        };
        Ok(Some((line, bytes)))
    }
}

/// The lines between two positions of a file; 0 when it cannot be read.
fn count_lines(path: &Path, from: u64, to: u64) -> u64 {
    let counted = || -> io::Result<u64> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(from))?;
        let (mut lines, mut position, mut count) = (Lines::new(file), from, 0);
        while position < to
            && let Some((line, bytes)) = lines.next_line()?
        {
            position += bytes;
            count += u64::from(line != SpoolLine::Text(String::new()));
        }
        Ok(count)
    };
    counted().unwrap_or(0)
}

/// Writes an empty line first, which ends a line truncated by an earlier crash. What was written before an error is removed.
fn write(path: &Path, lines: &[String]) -> io::Result<()> {
    let is_new = !path.exists();
    let mut text = String::from("\n");
    for line in lines {
        text.push_str(line);
        text.push_str(END);
        text.push('\n');
    }
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    let length = file.metadata()?.len();
    if let Err(error) = file.write_all(text.as_bytes()) {
        // If this fails too, the reader sets the cut line aside.
        let _ = file.set_len(length);
        return Err(error);
    }
    fsync::or_exit(path.display(), file.sync_data());
    if is_new {
        sync_folder(path)?;
    }
    Ok(())
}

fn write_id(path: &Path, id: Id) -> io::Result<()> {
    let new = path.with_extension("id-new");
    let mut file = File::create(&new)?;
    file.write_all(format!("{id}\n").as_bytes())?;
    fsync::or_exit(new.display(), file.sync_all());
    fs::rename(&new, path)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fsync::or_exit(folder.display(), File::open(folder)?.sync_all());
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

    fn text(line: &str) -> SpoolLine {
        SpoolLine::Text(line.to_owned())
    }

    async fn append(spool: &Spool, lines: &[&str]) {
        spool.append(lines.iter().map(|line| (*line).to_owned()).collect()).await.expect("appended");
    }

    async fn taken(spool: &Spool, id: Id) -> TakenFile {
        spool.take(id).await.expect("taken").expect("a file")
    }

    #[tokio::test]
    async fn taken_file_keeps_its_id_until_it_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = spool(&folder);
        assert_eq!((spool.is_empty(), spool.count()), (true, 0));

        append(&spool, &["one", "two"]).await;
        let first = taken(&spool, 7).await;
        append(&spool, &["three"]).await;
        let again = taken(&spool, 8).await;
        assert_eq!((first.id, again.id), (7, 7), "not removed yet");
        assert_eq!(again.read(0, 9).await.expect("read").lines, [text("one"), text("two")]);
        assert_eq!(spool.count(), 3);

        again.remove().await.expect("removed");
        assert!(!spool.is_empty());
        let second = taken(&spool, 9).await;
        assert_eq!((second.id, second.read(0, 9).await.expect("read").lines), (9, vec![text("three")]));
        second.remove().await.expect("removed");
        assert!(spool.is_empty());
    }

    #[tokio::test]
    async fn lines_are_read_in_chunks_and_counted_from_the_position() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = spool(&folder);
        append(&spool, &["one", "two"]).await;
        append(&spool, &["three"]).await;
        let file = taken(&spool, 7).await;
        append(&spool, &["four"]).await;
        assert_eq!(spool.count(), 4);

        let first = file.read(0, 2).await.expect("read");
        assert_eq!((first.lines, first.is_last), (vec![text("one"), text("two")], false));
        file.set_processed(first.end, 2);
        assert_eq!(spool.count(), 2);
        append(&spool, &["five"]).await;
        assert_eq!(spool.count(), 3);
        let second = file.read(first.end, 2).await.expect("read");
        assert_eq!((second.lines, second.is_last), (vec![text("three")], true));
        file.set_processed(second.end, 1);
        file.remove().await.expect("removed");
        assert_eq!(spool.count(), 2);

        // A process that starts in the middle of a file counts what is left of it.
        let other = Spool::new(folder.path().join("some.log"));
        let file = taken(&other, 8).await;
        let chunk = file.read(0, 1).await.expect("read");
        file.read(chunk.end, 1).await.expect("read");
        assert_eq!(other.count(), 1);
    }

    #[tokio::test]
    async fn damaged_lines_are_told_and_those_behind_them_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = spool(&folder);
        append(&spool, &["whole"]).await;
        let mut file = OpenOptions::new().append(true).open(folder.path().join("some.log")).expect("opens");
        file.write_all(&[vec![b'x'; 100_000], b"\n\xff\xfe .\ncut o".to_vec()].concat()).expect("written");
        append(&spool, &["next"]).await;

        let lines = taken(&spool, 7).await.read(0, 99).await.expect("read").lines;

        let damaged = ["spool-line-long", "spool-line-bytes", "spool-line-cut"].map(SpoolLine::Damaged);
        assert_eq!(lines, [&[text("whole")], damaged.as_slice(), &[text("next")]].concat());
    }
}
