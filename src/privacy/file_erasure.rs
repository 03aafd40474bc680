//! File erasure: removes erased contacts from the files of the data folder: captured messages, exports, rejected import
//! rows, folders of `file` relays, whatever else was put there, and folders of killed imports. Records of other contacts
//! keep every byte.
//!
//! Addresses in files are compared by the digests of the erasure log, so a failed or interrupted run is repeated without
//! knowing any address. A file that another process is writing is searched again later.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::correction_log;
use super::erasure_log::{self, ErasureRecord};
use super::log_lengths::LogLengths;
use crate::audience::address::Address;
use crate::audience::import::staging;
use crate::audience::tombstone::{self, Digest};
use crate::campaign::test_message::CONTACT_HEADER;
use crate::infra::atomic_file;
use crate::infra::config::Config;
use crate::infra::error::{Error, Result};
use crate::infra::export_register;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::secret::Key;
use crate::infra::store_location::SQLITE_FILE;

mod mention;
mod records;

/// Removes all contacts erased since the last physical erasure, and the addresses that contacts had before they were
/// corrected. Returns false while another process writes a file that may name one of them.
pub async fn erase_pending(installation: &Installation) -> Result<bool> {
    let completed = LogLengths::completed(installation);
    let mut erased = ErasedSince::read(installation, completed.erasures)?;
    erased.add(correction_log::read_from(installation, completed.corrections)?);
    if erased.digests.is_empty() {
        return Ok(true);
    }
    let (lock, config) = (lock_path(installation), installation.config.clone());
    run_blocking(move || {
        let _locked = acquire(&lock)?;
        let (owners, capture) = (export_register::read(&config), config.capture_dir());
        Sweep { erased, owners, capture, is_complete: true }.run(&config)
    })
    .await
}

/// Removes from one file, in any folder, the contacts erased since the erasure log was `from` bytes long, as contacts
/// may be erased while an export is written.
pub async fn erase_from_file(installation: &Installation, path: &Path, from: u64) -> Result<()> {
    let erased = ErasedSince::read(installation, from)?;
    if erased.digests.is_empty() {
        return Ok(());
    }
    let (lock, path, config) = (lock_path(installation), path.to_owned(), installation.config.clone());
    run_blocking(move || {
        let _locked = acquire(&lock)?;
        let owner = export_register::read(&config).get(&export_register::key(&path)).copied();
        let is_erased = |found: &Address| erased.contains(found, owner);
        ignore_missing(records::erase(&path, &is_erased)).map(drop).map_err(Error::io(path.display()))
    })
    .await
}

/// The files of the data folder that cannot be searched, such as archives: names relative to the folder.
pub fn list_unsearchable(installation: &Installation) -> Vec<String> {
    let data = &installation.config.data;
    let files = files(&installation.config).unwrap_or_default().into_iter();
    // Messages can be searched, and there may be millions.
    let is_message = |path: &PathBuf| path.file_name().is_some_and(|name| is_stored_message(&name.to_string_lossy()));
    let others = files.filter(|path| !is_message(path));
    let unsearchable = others.filter(|path| records::is_unsearchable(path).unwrap_or(false));
    unsearchable.map(|path| path.strip_prefix(data).unwrap_or(&path).display().to_string()).collect()
}

fn lock_path(installation: &Installation) -> PathBuf {
    installation.config.journal_dir().join("file_erasure.lock")
}

/// Lets one file erasure run at a time, in all processes: concurrent rewrites would corrupt a file. Held until dropped.
fn acquire(lock: &Path) -> Result<File> {
    let file = File::options().create(true).append(true).open(lock).map_err(Error::io(lock.display()))?;
    file.lock().map_err(Error::io(lock.display()))?;
    Ok(file)
}

async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::io("file erasure")(io::Error::other(error)))?
}

/// The digests of contacts erased since a position of the erasure log.
struct ErasedSince {
    key: Key,
    digests: HashMap<Id, HashSet<Digest>>,
}

impl ErasedSince {
    fn read(installation: &Installation, from: u64) -> Result<Self> {
        let mut erased = Self { key: installation.keys.tombstone.clone(), digests: HashMap::new() };
        erased.add(erasure_log::read_from(installation, from)?.0);
        Ok(erased)
    }

    fn add(&mut self, records: Vec<ErasureRecord>) {
        for record in records {
            if record.reason != erasure_log::LIFTED {
                self.digests.entry(record.workspace).or_default().insert(record.digest);
            }
        }
    }

    /// Whether the address was erased in the workspace; in any, when it is not known whose file it is.
    fn contains(&self, address: &Address, workspace: Option<Id>) -> bool {
        let is_in = |(id, digests): (&Id, &HashSet<Digest>)| {
            workspace.is_none_or(|workspace| workspace == *id)
                && tombstone::digests(&self.key, *id, address).iter().any(|digest| digests.contains(digest))
        };
        self.digests.iter().any(is_in)
    }

    /// Whether a digest, in hexadecimal digits, is that of an erased contact.
    fn contains_hex(&self, hex: &str) -> bool {
        !hex.is_empty() && self.digests.values().flatten().any(|digest| tombstone::hex(digest) == hex)
    }
}

/// One search of the data folder.
struct Sweep {
    erased: ErasedSince,
    /// The workspaces of exports.
    owners: HashMap<PathBuf, Id>,
    /// The folder of the capture relay.
    capture: PathBuf,
    /// False once a file was met that another process is writing.
    is_complete: bool,
}

impl Sweep {
    fn run(mut self, config: &Config) -> Result<bool> {
        for path in files(config)? {
            self.erase(&path).map_err(Error::io(path.display()))?;
        }
        let staging = config.staging_dir();
        self.is_complete &= staging::remove_abandoned(&staging).map_err(Error::io(staging.display()))?;
        Ok(self.is_complete)
    }

    fn erase(&mut self, path: &Path) -> io::Result<()> {
        if atomic_file::is_unfinished(path) {
            self.is_complete &= ignore_missing(atomic_file::remove_abandoned(path))?.unwrap_or(true);
            return Ok(());
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        // There may be millions of these, complete and with nobody's name.
        if is_stored_message(&name) {
            return self.erase_message(path);
        }
        if is_being_written(path)? {
            self.is_complete = false;
            return Ok(());
        }
        let owner = self.owners.get(&export_register::key(path)).copied();
        let is_erased = |found: &Address| self.erased.contains(found, owner);
        if mention::is_named_after(&name, &is_erased) {
            return ignore_missing(fs::remove_file(path)).map(drop);
        }
        if path.starts_with(&self.capture) {
            return self.erase_message(path);
        }
        if name.to_lowercase().ends_with(".eml") {
            let is_about = ignore_missing(records::mentions(path, &is_erased))?.unwrap_or(false);
            return if is_about { ignore_missing(fs::remove_file(path)).map(drop) } else { Ok(()) };
        }
        ignore_missing(records::erase(path, &is_erased)).map(drop)
    }

    /// Removes a stored message whose recipient was erased, or that was made with the values of an erased contact.
    fn erase_message(&self, path: &Path) -> io::Result<()> {
        let Some(file) = ignore_missing(File::open(path))? else { return Ok(()) };
        let headers = Headers::read(BufReader::new(file))?;
        let is_erased = |found: &Address| self.erased.contains(found, None);
        if mention::mentions(&headers.recipients, &is_erased) || self.erased.contains_hex(&headers.contact) {
            ignore_missing(fs::remove_file(path))?;
        }
        Ok(())
    }
}

/// The header fields of a stored message that name people.
#[derive(Debug, Default)]
struct Headers {
    recipients: String,
    /// The digest of the contact with whose values a test message was made.
    contact: String,
}

impl Headers {
    fn read(file: impl BufRead) -> io::Result<Self> {
        let (mut headers, mut name) = (Self::default(), String::new());
        for line in file.take(1 << 16).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            if line.trim().is_empty() {
                break;
            }
            if !line.starts_with([' ', '\t']) {
                name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            }
            match name.as_str() {
                "to" | "cc" | "delivered-to" | "envelope-to" | "x-original-to" => {
                    headers.recipients.push_str(&line);
                    headers.recipients.push('\n');
                }
                name if name.eq_ignore_ascii_case(CONTACT_HEADER) => {
                    line.split_once(':').unwrap_or_default().1.trim().clone_into(&mut headers.contact);
                }
                _ => {}
            }
        }
        Ok(headers)
    }
}

/// Whether the name is that of a message in a folder of ours (`mailer::transport::eml_store`): it begins with a digest.
fn is_stored_message(name: &str) -> bool {
    let name = name.trim_start_matches('.').trim_end_matches(".part");
    let digest = name.strip_suffix(".eml").and_then(|stem| stem.split('-').next()).unwrap_or_default();
    digest.len() >= 16 && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A file that its writer has locked, as the rejected rows of an import that runs: replaced now, it would lose what
/// comes.
fn is_being_written(path: &Path) -> io::Result<bool> {
    let Some(file) = ignore_missing(File::open(path))? else { return Ok(false) };
    Ok(matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn ignore_missing<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The files of the data folder that may name people: all but keys, journals, the database, and the runs of imports.
/// Links to other folders are not followed.
fn files(config: &Config) -> Result<Vec<PathBuf>> {
    let skipped = [config.keys_dir(), config.journal_dir(), config.staging_dir()];
    // With a database server the file is that of a move to this folder, which another process writes.
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let databases = [config.store_location()?.file(), Some(PathBuf::from(SQLITE_FILE))];
    let databases: Vec<String> = databases.iter().flatten().filter_map(|path| name(path)).collect();
    let is_database = |path: &Path| {
        let ends = ["", "-wal", "-shm", "-journal", "-pages"];
        let name = name(path).unwrap_or_default();
        databases.iter().any(|database| ends.iter().any(|end| name == format!("{database}{end}")))
    };
    let mut found = Vec::new();
    // Each of these may be a link to a folder elsewhere.
    let roots = [config.data.clone(), config.capture_dir(), config.export_dir()];
    let mut folders = roots.to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(Error::io(folder.display()))? {
            let entry = entry.map_err(Error::io(folder.display()))?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(Error::io(folder.display()))?);
            if kind.is_dir() {
                if !skipped.contains(&path) && !roots.contains(&path) {
                    folders.push(path);
                }
            } else if kind.is_file() && !(folder == config.data && (is_database(&path) || is_of_ours(&path))) {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// Locks and marks that processes keep beside the database.
fn is_of_ours(path: &Path) -> bool {
    let is_lock = path
        .extension()
        .is_some_and(|ending| ["lock", "id", "beat", "begun", "lease"].iter().any(|own| ending == *own));
    is_lock || path.file_name().is_some_and(|name| ["store", "database", "machines"].iter().any(|own| name == *own))
}
