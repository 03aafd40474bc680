//! Lock files: a file that one process at a time holds, with the id of that process in it. The system releases the lock
//! when the process ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use crate::infra::error::{Error, Message, Result};

/// [`is_held`] holds the lock for a moment; a process that wants it tries again so often, after this time.
const ATTEMPTS: u32 = 5;
const RETRY_DELAY: Duration = Duration::from_millis(4);

/// Locks a file for this process and writes its process id into it.
///
/// # Errors
/// Unavailable while another process, or another part of this one, holds it.
pub fn acquire(path: &Path) -> Result<File> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(Error::io(path.display()))?;
    let mut locked = file.try_lock();
    for _ in 1..ATTEMPTS {
        if !matches!(locked, Err(TryLockError::WouldBlock)) {
            break;
        }
        sleep(RETRY_DELAY);
        locked = file.try_lock();
    }
    match locked {
        Ok(()) => {
            let mine = format!("{}\n", std::process::id());
            let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(mine.as_bytes()));
            written.map_err(Error::io(path.display()))?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            Err(Message::new("lock-held").with("file", path.display()).with("pid", holder.trim()).unavailable())
        }
        Err(TryLockError::Error(error)) => Err(Error::io(path.display())(error)),
    }
}

/// True while a process holds the file, be it this one.
pub fn is_held(path: &Path) -> bool {
    match File::open(path) {
        Ok(file) => matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_held_until_its_lock_is_dropped() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("one.lock");
        assert!(!is_held(&path), "there is none");

        let lock = acquire(&path).expect("a lock");
        assert!(is_held(&path));
        assert_eq!(acquire(&path).expect_err("held").message().text("pid"), std::process::id().to_string());

        drop(lock);
        assert!(!is_held(&path));
        acquire(&path).expect("free again");
    }
}
