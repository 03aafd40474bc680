//! Hash-chained log: files of JSON lines in `journal/`, one file a month (`audit-2026-12.log`). Each line names the hash of the
//! line before it, so a line that is changed, removed or put in later is found; the newest line is named in a file of its own
//! (`audit.head`), authenticated by a key of the installation, so that lines missing at the end are found too.
//!
//! The hash of a line is the SHA-256 of the line without its last member, `hash`. Other programs can check that.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::clock::Millis;
use super::error::{Error, Message, Result};
use super::secret::Key;
use super::{fsync, hex, private_file};

pub mod reader;
pub mod verification;

/// Names the hash of the line before the first.
const NO_PREVIOUS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Bytes of the longest line.
const MAX_LINE: u64 = 64 * 1024;

/// What a line says: the members before and after are the log's.
pub type Entry = Map<String, Value>;

/// A log of one machine. Cheap to clone; processes can share it.
#[derive(Debug, Clone)]
pub struct ChainedLog {
    folder: Arc<PathBuf>,
    name: &'static str,
    key: Arc<Key>,
    /// Entries that wait for the next write, and the number of writes.
    waiting: Arc<Mutex<Waiting>>,
    writing: Arc<tokio::sync::Mutex<()>>,
    /// Writes of this process that failed.
    failures: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct Waiting {
    entries: Vec<(Millis, Entry)>,
    /// The number of the write that takes the entries that wait now.
    next: u64,
    /// Writes that failed, for those who waited for them.
    failed: Vec<u64>,
}

/// The newest line: its number and its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Head {
    seq: u64,
    hash: String,
}

impl ChainedLog {
    /// The log of this name in a folder; the first entry makes its files. `key` authenticates the head.
    pub fn new(folder: PathBuf, name: &'static str, key: Key) -> Self {
        let (waiting, writing, failures) = (Arc::default(), Arc::default(), Arc::default());
        Self { folder: Arc::new(folder), name, key: Arc::new(key), waiting, writing, failures }
    }

    /// Appends entries. They are on disk when this returns; entries of concurrent callers share a write.
    ///
    /// # Errors
    ///
    /// Internal when the file cannot be written; a failed sync ends the process.
    pub async fn append(&self, now: Millis, entries: Vec<Entry>) -> Result<()> {
        let mine = {
            let mut waiting = self.lock();
            waiting.entries.extend(entries.into_iter().map(|entry| (now, entry)));
            waiting.next
        };
        let _writing = self.writing.lock().await;
        let (taken, number) = {
            let mut waiting = self.lock();
            if waiting.next > mine {
                // Another caller wrote them.
                return if waiting.failed.contains(&mine) { Err(unwritten()) } else { Ok(()) };
            }
            waiting.next += 1;
            (std::mem::take(&mut waiting.entries), mine)
        };
        let log = self.clone();
        let written = tokio::task::spawn_blocking(move || log.write(&taken)).await;
        let written = written.unwrap_or_else(|_| Err(io::Error::other("the write stopped")));
        written.map_err(|error| {
            self.failures.fetch_add(1, Ordering::Relaxed);
            let mut waiting = self.lock();
            waiting.failed.push(number);
            let excess = waiting.failed.len().saturating_sub(100);
            waiting.failed.drain(..excess);
            Error::io(self.folder.join(self.name).display())(error)
        })
    }

    /// How many writes of this process failed.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// [`ChainedLog::append`] for code that waits for files anyway.
    ///
    /// # Errors
    ///
    /// As for [`ChainedLog::append`].
    pub fn append_blocking(&self, now: Millis, entries: Vec<Entry>) -> Result<()> {
        let entries: Vec<_> = entries.into_iter().map(|entry| (now, entry)).collect();
        self.write(&entries).map_err(Error::io(self.folder.join(self.name).display()))
    }

    /// The files, the oldest first.
    pub fn files(&self) -> Result<Vec<PathBuf>> {
        let found = fs::read_dir(&*self.folder).map_err(Error::io(self.folder.display()))?;
        let mut files: Vec<PathBuf> =
            found.flatten().map(|file| file.path()).filter(|path| self.month_of(path).is_some()).collect();
        files.sort();
        Ok(files)
    }

    /// Deletes the files of months before `month` (`2026-12`). The chain of the others stays whole.
    pub fn prune(&self, month: &str) -> Result<usize> {
        let mut files = self.files()?;
        // The newest file holds the line that the next one follows.
        files.pop();
        let old: Vec<PathBuf> =
            files.into_iter().filter(|path| self.month_of(path).is_some_and(|of| *of < *month)).collect();
        for file in &old {
            fs::remove_file(file).map_err(Error::io(file.display()))?;
        }
        Ok(old.len())
    }

    /// The month of a file of this log, `2026-12`.
    fn month_of(&self, path: &Path) -> Option<String> {
        let name = path.file_name()?.to_str()?;
        let month = name.strip_prefix(self.name)?.strip_prefix('-')?.strip_suffix(".log")?;
        let is_month = month.len() == 7
            && month.bytes().enumerate().all(|(at, byte)| match at {
                4 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        is_month.then(|| month.to_owned())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, entries: &[(Millis, Entry)]) -> io::Result<()> {
        let Some((newest, _)) = entries.last() else { return Ok(()) };
        fs::create_dir_all(&*self.folder)?;
        let lock = private_file::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.folder.join(format!("{}.lock", self.name)))?;
        lock.lock()?;
        let files = self.files().map_err(io::Error::other)?;
        let month = format!("{}-{}.log", self.name, month(*newest));
        let path = self.folder.join(month);
        // A clock that went back opens no earlier file.
        let path = files.last().filter(|last| **last > path).cloned().unwrap_or(path);
        let is_new = !path.exists();
        let mut file = private_file::options().read(true).append(true).create(true).open(&path)?;
        let mut head = match end_line(&mut file)? {
            None => match files.iter().rev().find(|other| **other < path) {
                Some(before) => head_of(&mut File::open(before)?)?,
                None => None,
            },
            Some(line) => Some(read_head(&line)),
        };
        let mut text = String::new();
        for (at, entry) in entries {
            let next = line(head.as_ref(), *at, entry);
            text.push_str(&next.0);
            text.push('\n');
            head = Some(next.1);
        }
        file.write_all(text.as_bytes())?;
        fsync::or_exit(path.display(), file.sync_data());
        if is_new {
            fsync::or_exit(self.folder.display(), File::open(&*self.folder)?.sync_all());
        }
        if let Some(head) = head {
            self.write_head(&head)?;
        }
        Ok(())
    }

    fn write_head(&self, head: &Head) -> io::Result<()> {
        let text = json!({ "seq": head.seq, "hash": head.hash, "mac": self.mac(head) }).to_string();
        let path = self.head_path();
        let mut file = private_file::options().write(true).create(true).truncate(false).open(&path)?;
        // One short write in place: a line that is longer than its predecessor's covers it.
        file.write_all(format!("{text}\n").as_bytes())?;
        // Not synced: an older head that is found after a loss of power is still in the chain.
        file.set_len(text.len() as u64 + 1)
    }

    fn head_path(&self) -> PathBuf {
        self.folder.join(format!("{}.head", self.name))
    }

    fn mac(&self, head: &Head) -> String {
        let parts: [&[u8]; 4] = [b"head of a log", self.name.as_bytes(), &head.seq.to_be_bytes(), head.hash.as_bytes()];
        hex::encode(&self.key.mac(&parts))
    }
}

/// A line and what the next one must name.
fn line(head: Option<&Head>, at: Millis, entry: &Entry) -> (String, Head) {
    let seq = head.map_or(1, |head| head.seq + 1);
    let previous = head.map_or(NO_PREVIOUS, |head| &head.hash);
    let at = jiff::Timestamp::from_millisecond(at).map_or_else(|_| at.to_string(), |at| at.to_string());
    let mut members = format!("{{\"seq\":{seq},\"at\":\"{at}\"");
    for (name, value) in entry {
        members.push_str(&format!(",{}:{value}", Value::from(name.as_str())));
    }
    members.push_str(&format!(",\"previous\":\"{previous}\""));
    let hash = hash(&members);
    (format!("{members},\"hash\":\"{hash}\"}}"), Head { seq, hash })
}

/// The hash of a line, given as its members before `hash`.
fn hash(members: &str) -> String {
    hex::encode(&Sha256::digest(format!("{members}}}").as_bytes()))
}

/// The number and the hash of a line; those of a damaged line are made of its bytes, so that what follows is still chained.
fn read_head(line: &[u8]) -> Head {
    let text = String::from_utf8_lossy(line);
    let value: Option<Value> = serde_json::from_str(&text).ok();
    let seq = value.as_ref().and_then(|value| value["seq"].as_u64());
    let own = value.as_ref().and_then(|value| value["hash"].as_str().map(str::to_owned));
    Head { seq: seq.unwrap_or(0), hash: own.unwrap_or_else(|| hex::encode(&Sha256::digest(line))) }
}

fn head_of(file: &mut File) -> io::Result<Option<Head>> {
    Ok(end_line(file)?.map(|line| read_head(&line)))
}

/// The last line of a file, without its end; cuts off a line that a crash left incomplete, which nobody was told of.
fn end_line(file: &mut File) -> io::Result<Option<Vec<u8>>> {
    let length = file.metadata()?.len();
    let from = length.saturating_sub(MAX_LINE);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let complete = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    if complete < bytes.len() {
        file.set_len(from + complete as u64)?;
        bytes.truncate(complete);
    }
    bytes.pop();
    let start = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let line = bytes.split_off(start);
    Ok((!line.is_empty()).then_some(line))
}

/// The month of a moment in UTC, `2026-12`.
pub fn month(at: Millis) -> String {
    let text = jiff::Timestamp::from_millisecond(at).unwrap_or_default().to_string();
    text.chars().take(7).collect()
}

fn unwritten() -> Error {
    Message::new("spool-stopped").unavailable()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECEMBER: Millis = 1_796_083_200_000;

    pub fn entry(text: &str) -> Entry {
        [("text".to_owned(), Value::from(text))].into_iter().collect()
    }

    #[tokio::test]
    async fn concurrent_entries_form_one_chain_over_months() {
        let folder = tempfile::tempdir().expect("a folder");
        let key = Key::generate();
        let log = ChainedLog::new(folder.path().to_owned(), "audit", key.clone());
        let other = ChainedLog::new(folder.path().to_owned(), "audit", key);
        let writes = (0..20_i64).map(|at| {
            let log = if at % 2 == 0 { log.clone() } else { other.clone() };
            async move { log.append(DECEMBER + at, vec![entry("a"), entry("b")]).await }
        });
        for written in futures_util::future::join_all(writes).await {
            written.expect("written");
        }
        log.append(DECEMBER + 40 * super::super::clock::DAY, vec![entry("January")]).await.expect("written");
        // The clock goes back.
        log.append(DECEMBER, vec![entry("late")]).await.expect("written");

        let verified = log.verify().expect("read");
        assert_eq!((verified.entries, verified.problems.len()), (42, 0));
        assert_eq!(log.files().expect("listed").len(), 2);
        assert_eq!(log.prune("2027-01").expect("pruned"), 1);
        let verified = log.verify().expect("read");
        assert_eq!((verified.entries, verified.problems.len()), (2, 0));
    }

    #[tokio::test]
    async fn a_line_that_a_crash_cut_off_is_no_break() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = ChainedLog::new(folder.path().to_owned(), "audit", Key::generate());
        log.append(DECEMBER, vec![entry("a")]).await.expect("written");
        let file = log.files().expect("listed").remove(0);
        let mut text = fs::read_to_string(&file).expect("read");
        text.push_str("{\"seq\":2,\"at");
        fs::write(&file, text).expect("written");

        log.append(DECEMBER, vec![entry("b")]).await.expect("written");

        let verified = log.verify().expect("read");
        assert_eq!((verified.entries, verified.problems.len()), (2, 0));
    }
}
