//! Files `mailer-*.begun` in the data folder: the deliveries whose body has begun to go out, one file for each mailer.
//!
//! They outlive the process and are never synced: the pages of a file stay when its process is killed. So the next
//! process can tell the marked deliveries that the relay may know from those of which it has nothing ([`read`]). After a
//! loss of power the pages are not to be trusted; then, and whenever anything about the file is doubtful, every marked
//! delivery counts as begun.
//!
//! Each connection overwrites its own few entries in turn. It may hold `ahead` marked deliveries, and a mark is given
//! only once the results of all earlier deliveries are committed; so an entry is overwritten when the result of its
//! delivery is safe. The files name deliveries by number only.

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use crate::infra::error::{Error, Result};
use crate::infra::failpoint::{self, Bug};
use crate::infra::id::Id;
use crate::infra::private_file;

/// Bytes of the header: magic, and a digest of what the file belongs to.
const HEADER: usize = 40;

const MAGIC: &[u8; 8] = b"begun 1\n";

/// Bytes of an entry: delivery, attempts, checksum.
const ENTRY: usize = 16;

/// The file of this mailer.
#[derive(Debug)]
pub struct BegunBodies {
    path: PathBuf,
    /// Locked for as long as the process lives.
    file: File,
    /// Entries that belong to a connection.
    used: AtomicU64,
    /// First entries of connections that have ended, by their number of entries.
    free: Mutex<HashMap<u64, Vec<u64>>>,
}

/// The entries of one connection.
#[derive(Debug)]
pub struct Ring {
    bodies: Arc<BegunBodies>,
    first: u64,
    length: u64,
    next: AtomicU64,
}

/// Records that the body of one delivery begins.
#[derive(Debug)]
pub struct BodyMark {
    ring: Arc<Ring>,
    delivery: Id,
    attempts: i32,
}

/// The deliveries whose body a dead mailer has begun, with the number of earlier attempts.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Begun(HashMap<Id, Vec<i32>>);

impl Begun {
    /// True when the body of this attempt has begun.
    pub fn contains(&self, delivery: Id, attempts: i32) -> bool {
        self.0.get(&delivery).is_some_and(|all| all.contains(&attempts))
    }
}

impl BegunBodies {
    /// Makes the file of a mailer.
    pub fn create(folder: &Path, mailer: Id) -> Result<Self> {
        let path = path(folder, mailer);
        let make = || {
            let file = private_file::options().read(true).write(true).create_new(true).open(&path)?;
            file.try_lock().map_err(|error| match error {
                TryLockError::Error(error) => error,
                TryLockError::WouldBlock => std::io::ErrorKind::WouldBlock.into(),
            })?;
            let header = [&MAGIC[..], &identity(&file, mailer)?].concat();
            file.write_all_at(&header, 0)?;
            Ok(file)
        };
        let file = make().map_err(Error::io(path.display()))?;
        Ok(Self { path, file, used: AtomicU64::new(0), free: Mutex::default() })
    }

    /// Entries for a connection that may hold so many marked deliveries.
    pub fn ring(self: &Arc<Self>, ahead: usize) -> Ring {
        let length = ahead.max(1) as u64;
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&length).and_then(Vec::pop);
        let first = free.unwrap_or_else(|| self.used.fetch_add(length, Ordering::SeqCst));
        Ring { bodies: self.clone(), first, length, next: AtomicU64::new(0) }
    }

    /// What this mailer itself has begun, once its connections have ended.
    pub fn begun(&self) -> Option<Begun> {
        let mut bytes = Vec::new();
        let size = self.file.metadata().ok()?.len();
        bytes.resize(usize::try_from(size).ok()?, 0);
        self.file.read_exact_at(&mut bytes, 0).ok()?;
        parse(bytes.get(HEADER..)?)
    }

    /// Deletes the file: its deliveries are settled.
    pub fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Ring {
    /// The mark of a delivery with so many earlier attempts.
    pub fn mark(self: &Arc<Self>, delivery: Id, attempts: i32) -> BodyMark {
        BodyMark { ring: self.clone(), delivery, attempts }
    }

    /// Gives the entries to another connection. To be called once the results of all deliveries were recorded: of a
    /// connection that was stopped in between, they stay as they are.
    pub fn release(&self) {
        let mut free = self.bodies.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.entry(self.length).or_default().push(self.first);
    }
}

impl BodyMark {
    /// Writes the entry; to be called before the first byte of the body.
    pub fn set(&self) {
        if failpoint::has_bug(Bug::NameNoBodies) {
            return;
        }
        let Ring { bodies, first, length, next } = &*self.ring;
        let entry = first + next.fetch_add(1, Ordering::SeqCst) % length;
        let bytes = encode(self.delivery, self.attempts);
        if bodies.file.write_all_at(&bytes, HEADER as u64 + entry * ENTRY as u64).is_err() {
            // Without a file every marked delivery counts as begun.
            bodies.remove();
        }
    }
}

/// What a dead mailer has begun, by its file in this folder. `None` when that cannot be told: there is no file, it is
/// damaged or a copy, the machine was started since, or the process is still alive.
pub fn read(folder: &Path, mailer: Id) -> Option<Begun> {
    let mut file = File::open(path(folder, mailer)).ok()?;
    file.try_lock().ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    let (header, entries) = bytes.split_at_checked(HEADER)?;
    let expected = [&MAGIC[..], &identity(&file, mailer).ok()?].concat();
    if header == expected { parse(entries) } else { None }
}

/// Deletes the files of mailers that are dead and not among `alive`. Their deliveries must be settled.
pub fn remove_dead(folder: &Path, alive: &[Id]) {
    let Ok(names) = fs::read_dir(folder) else { return };
    for entry in names.flatten() {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("mailer-")?.strip_suffix(".begun"));
        let Some(mailer) = number.and_then(|number| number.parse::<Id>().ok()) else { continue };
        let is_dead = || File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
        if !alive.contains(&mailer) && is_dead() {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn path(folder: &Path, mailer: Id) -> PathBuf {
    folder.join(format!("mailer-{mailer}.begun"))
}

/// A digest of the mailer, of this start of the machine, and of the file itself: a copy of it is another file.
fn identity(file: &File, mailer: Id) -> std::io::Result<[u8; 32]> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let metadata = file.metadata()?;
    let made = metadata.created().ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let text = format!("{mailer} {boot} {} {} {}", metadata.dev(), metadata.ino(), made.as_nanos());
    Ok(Sha256::digest(text).into())
}

/// `None` when an entry is neither empty nor whole.
fn parse(entries: &[u8]) -> Option<Begun> {
    let mut begun = Begun::default();
    for entry in entries.chunks(ENTRY) {
        let entry: &[u8; ENTRY] = entry.try_into().ok()?;
        if *entry == [0; ENTRY] {
            continue;
        }
        let delivery = Id::from_le_bytes(entry[..8].try_into().ok()?);
        let attempts = i32::from_le_bytes(entry[8..12].try_into().ok()?);
        if encode(delivery, attempts) != *entry {
            return None;
        }
        begun.0.entry(delivery).or_default().push(attempts);
    }
    Some(begun)
}

fn encode(delivery: Id, attempts: i32) -> [u8; ENTRY] {
    let mut entry = [0; ENTRY];
    entry[..8].copy_from_slice(&delivery.to_le_bytes());
    entry[8..12].copy_from_slice(&attempts.to_le_bytes());
    // FNV-1a; never 0, so that no entry looks empty.
    let sum = entry[..12].iter().fold(0x811c_9dc5_u32, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    entry[12..].copy_from_slice(&(sum | 1).to_le_bytes());
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAILER: Id = 7;

    fn made(folder: &Path) -> Arc<BegunBodies> {
        Arc::new(BegunBodies::create(folder, MAILER).expect("a file"))
    }

    #[test]
    fn last_bodies_of_each_connection_are_read_after_its_process_is_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let bodies = made(folder.path());
        let (one, two) = (Arc::new(bodies.ring(1)), Arc::new(bodies.ring(2)));
        for delivery in 1..=5 {
            one.mark(delivery, 0).set();
            two.mark(10 * delivery, 1).set();
        }
        let _not_begun = one.mark(6, 0);
        assert_eq!(read(folder.path(), MAILER), None, "the process is alive");
        let expected: Begun = Begun([(5, vec![0]), (40, vec![1]), (50, vec![1])].into());
        assert_eq!(bodies.begun().as_ref(), Some(&expected));
        drop((one, two, _not_begun, bodies));

        let begun = read(folder.path(), MAILER).expect("a trusted file");
        assert_eq!(begun, expected);
        assert!(begun.contains(40, 1) && !begun.contains(40, 0) && !begun.contains(4, 0));
        assert_eq!(read(folder.path(), MAILER + 1), None, "there is none");
        remove_dead(folder.path(), &[MAILER]);
        assert!(read(folder.path(), MAILER).is_some());
        remove_dead(folder.path(), &[]);
        assert_eq!(read(folder.path(), MAILER), None);
    }

    #[test]
    fn entries_of_a_connection_that_was_stopped_are_not_given_to_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let bodies = made(folder.path());
        let (stopped, ended) = (Arc::new(bodies.ring(1)), Arc::new(bodies.ring(1)));
        stopped.mark(1, 0).set();
        ended.mark(2, 0).set();
        ended.release();
        drop((stopped, ended));
        Arc::new(bodies.ring(1)).mark(3, 0).set();
        Arc::new(bodies.ring(1)).mark(4, 0).set();
        let begun = bodies.begun().expect("trusted");
        assert!([1, 3, 4].iter().all(|delivery| begun.contains(*delivery, 0)) && !begun.contains(2, 0));
    }

    #[test]
    fn doubtful_file_is_not_trusted() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = path(folder.path(), MAILER);
        let begin = || {
            let _ = fs::remove_file(&file);
            let bodies = made(folder.path());
            Arc::new(bodies.ring(1)).mark(3, 0).set();
        };
        begin();
        let good = fs::read(&file).expect("read");
        assert!(read(folder.path(), MAILER).is_some());
        for at in [0, 8, 39, HEADER, HEADER + 9, HEADER + 15] {
            begin();
            let mut bytes = fs::read(&file).expect("read");
            bytes[at] ^= 1;
            fs::write(&file, &bytes).expect("written");
            assert_eq!(read(folder.path(), MAILER), None, "byte {at}");
        }
        for length in [0, 20, HEADER + 5] {
            begin();
            let bytes = fs::read(&file).expect("read");
            fs::write(&file, &bytes[..length]).expect("written");
            assert_eq!(read(folder.path(), MAILER), None, "{length} bytes");
        }
        fs::remove_file(&file).expect("removed");
        let copy = folder.path().join("copy");
        fs::write(&copy, good).expect("a copy");
        fs::rename(&copy, &file).expect("renamed");
        assert_eq!(read(folder.path(), MAILER), None, "a copy, as after a backup was put back");
    }
}
