//! Intents: actions that have begun, in `journal/intents-….log`, on disk before the action changes or shows anything. A process
//! writes a file of its own, which it holds locked, and deletes it when it ends with no action open. A file whose lock is free
//! is of a process that was killed: [`Intents::settle`] hands out the actions that it had begun.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::chained_log::Entry;
use super::clock::Millis;
use super::error::{Error, Result};
use super::id::Id;
use super::{fsync, private_file};

/// Bytes after which the file is emptied once no action is open.
const MAX_IDLE: u64 = 64 * 1024;
/// Names the intent in a line, and in the audit entry that completes it.
pub const MEMBER: &str = "intent";

/// The intents of a process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Intents {
    own: Arc<Own>,
}

#[derive(Debug)]
struct Own {
    folder: PathBuf,
    state: Mutex<State>,
}

/// The file of this process, which exists from the first intent on.
#[derive(Debug, Default)]
struct State {
    file: Option<(PathBuf, File)>,
    open: usize,
    bytes: u64,
}

/// An action of a process that ended before it said how the action came out.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftBehind {
    /// The number of the intent.
    pub id: Id,
    /// When the action began.
    pub at: Millis,
    /// What the audit entry of the action says.
    pub entry: Entry,
}

impl Intents {
    /// The intents in a folder of journals.
    pub fn new(folder: PathBuf) -> Self {
        Self { own: Arc::new(Own { folder, state: Mutex::default() }) }
    }

    /// Writes that an action begins; it is on disk when this returns.
    ///
    /// # Errors
    ///
    /// Internal when the file cannot be written: the action must not begin then.
    pub async fn begin(&self, id: Id, at: Millis, entry: Entry) -> Result<()> {
        let own = self.own.clone();
        let written = tokio::task::spawn_blocking(move || own.begin(id, at, &entry)).await;
        written
            .unwrap_or_else(|_| Err(io::Error::other("the write stopped")))
            .map_err(Error::io(self.own.folder.join("intents").display()))
    }

    /// Notes that the audit log says how an action came out. Not synced: the audit log names the intent.
    pub fn end(&self, id: Id) {
        if let Err(error) = self.own.end(id) {
            tracing::warn!(%error, "the end of an action could not be noted; the audit log has it");
        }
    }

    /// Gives `record` the actions that killed processes left behind, the oldest first, and deletes their files once it has
    /// returned. Returns how many there were.
    ///
    /// # Errors
    ///
    /// Internal when a file cannot be read or deleted, and what `record` returns: the files then stay.
    pub fn settle(&self, record: impl FnOnce(Vec<LeftBehind>) -> Result<()>) -> Result<usize> {
        let folder = &self.own.folder;
        let named = folder.join("intents");
        let own = self.own.lock().file.as_ref().map(|(path, _)| path.clone());
        let _alone = lock_folder(folder).map_err(Error::io(named.display()))?;
        let (mut found, mut files) = (Vec::new(), Vec::new());
        for path in
            list(folder).map_err(Error::io(named.display()))?.into_iter().filter(|path| Some(path) != own.as_ref())
        {
            let file = File::open(&path).map_err(Error::io(path.display()))?;
            if file.try_lock().is_ok() {
                found.append(&mut read(&file).map_err(Error::io(path.display()))?);
                // The lock is kept until the file is deleted.
                files.push((path, file));
            }
        }
        found.sort_by_key(|one| (one.at, one.id));
        let count = found.len();
        if count > 0 {
            record(found)?;
        }
        for (path, _locked) in files {
            fs::remove_file(&path).map_err(Error::io(path.display()))?;
        }
        Ok(count)
    }
}

impl Own {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, id: Id, at: Millis, entry: &Entry) -> io::Result<()> {
        let mut line = entry.clone();
        line.insert(MEMBER.to_owned(), Value::from(id));
        line.insert("begun_at".to_owned(), Value::from(at));
        let mut state = self.lock();
        if state.file.is_none() {
            state.file = Some(create(&self.folder, id)?);
        }
        state.append(&format!("{}\n", Value::from(line)))?;
        if let Some((path, file)) = &state.file {
            fsync::or_exit(path.display(), file.sync_data());
        }
        state.open += 1;
        Ok(())
    }

    fn end(&self, id: Id) -> io::Result<()> {
        let mut state = self.lock();
        state.open = state.open.saturating_sub(1);
        match &state.file {
            Some((_, file)) if state.open == 0 && state.bytes > MAX_IDLE => {
                file.set_len(0)?;
                state.bytes = 0;
                Ok(())
            }
            _ => state.append(&format!("{{\"ended\":{id}}}\n")),
        }
    }
}

impl State {
    fn append(&mut self, line: &str) -> io::Result<()> {
        if let Some((_, file)) = &mut self.file {
            file.write_all(line.as_bytes())?;
            self.bytes += line.len() as u64;
        }
        Ok(())
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some((path, _)) = state.file.take_if(|_| state.open == 0)
            && let Err(error) = fs::remove_file(&path)
        {
            tracing::warn!(%error, "a file of finished actions could not be deleted");
        }
    }
}

/// Held while files are made or taken away, so that a file without its lock is never seen.
fn lock_folder(folder: &Path) -> io::Result<File> {
    let lock = private_file::options().write(true).create(true).truncate(false).open(folder.join("intents.lock"))?;
    lock.lock()?;
    Ok(lock)
}

fn create(folder: &Path, id: Id) -> io::Result<(PathBuf, File)> {
    fs::create_dir_all(folder)?;
    let _alone = lock_folder(folder)?;
    let path = folder.join(format!("intents-{id}.log"));
    let file = private_file::options().append(true).create_new(true).open(&path)?;
    file.lock()?;
    fsync::or_exit(folder.display(), File::open(folder)?.sync_all());
    Ok((path, file))
}

fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let is_intents = |path: &PathBuf| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.starts_with("intents-") && name.ends_with(".log"))
    };
    Ok(fs::read_dir(folder)?.flatten().map(|file| file.path()).filter(is_intents).collect())
}

/// The actions of a file that were not ended. A line that a crash cut off began nothing.
fn read(file: &File) -> io::Result<Vec<LeftBehind>> {
    let mut open: Vec<LeftBehind> = Vec::new();
    for line in BufReader::new(file).split(b'\n') {
        let Ok(Value::Object(mut entry)) = serde_json::from_slice(&line?) else { continue };
        if let Some(ended) = entry.get("ended").and_then(Value::as_i64) {
            open.retain(|one| one.id != ended);
            continue;
        }
        let mut number = |name: &str| entry.remove(name).and_then(|value| value.as_i64());
        if let (Some(id), Some(at)) = (number(MEMBER), number("begun_at")) {
            open.push(LeftBehind { id, at, entry });
        }
    }
    Ok(open)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(action: &str) -> Entry {
        [("action".to_owned(), Value::from(action))].into_iter().collect()
    }

    /// The intents of a process that was killed: its file without its lock.
    fn killed(folder: &Path, text: &str) {
        fs::write(folder.join("intents-99.log"), text).expect("written");
    }

    fn settled(intents: &Intents) -> Vec<LeftBehind> {
        let mut all = Vec::new();
        intents
            .settle(|found| {
                all = found;
                Ok(())
            })
            .expect("settled");
        all
    }

    #[tokio::test]
    async fn a_killed_process_leaves_what_it_had_begun_and_a_living_one_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let intents = Intents::new(folder.path().to_owned());
        let other = Intents::new(folder.path().to_owned());
        intents.begin(1, 10, entry("export")).await.expect("begun");
        assert_eq!(settled(&other), [], "the process lives");
        let text = fs::read_to_string(folder.path().join("intents-1.log")).expect("on disk");
        intents.end(1);
        drop(intents);
        assert!(!folder.path().join("intents-1.log").exists(), "nothing is open");

        killed(folder.path(), &format!("{text}{}{{\"ended\":3}}\n{{\"intent\":4,\"beg", text.replace(":1", ":3")));
        let refused = other.settle(|_| Err(Error::io("audit")(io::Error::other("full"))));
        assert!(refused.is_err());
        assert_eq!(
            settled(&other),
            [LeftBehind { id: 1, at: 10, entry: entry("export") }],
            "kept until it is recorded"
        );
        assert_eq!(settled(&other), []);
    }

    #[tokio::test]
    async fn a_long_file_is_emptied_when_nothing_is_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let intents = Intents::new(folder.path().to_owned());
        intents.begin(1, 10, entry(&"x".repeat(70_000))).await.expect("begun");
        intents.begin(2, 10, entry("export")).await.expect("begun");
        let length = || fs::metadata(folder.path().join("intents-1.log")).expect("there").len();
        intents.end(1);
        assert!(length() > MAX_IDLE);
        intents.end(2);
        assert_eq!(length(), 0);
    }
}
