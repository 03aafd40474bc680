//! Atomic file replacement: writes a temporary file and renames it into place, so that a crash or a full disk
//! leaves the old file or the new one, never a part. The temporary file is locked while it is written; an
//! unlocked one is left over from a crash, may hold personal data, and is removed.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::infra::error::{Error, Result};
use crate::infra::private_file;

/// How names of temporary files begin.
const PREFIX: &str = ".aside-";

/// Replaces the content of a small file, mode 0600.
pub fn replace(path: &Path, content: &str) -> Result<()> {
    let write = || {
        let mut file = AtomicFile::create(path)?;
        file.write_all(content.as_bytes())?;
        file.persist()
    };
    write().map_err(Error::io(path.display()))
}

/// A file under construction. It is removed when dropped without [`AtomicFile::persist`].
pub struct AtomicFile {
    file: io::BufWriter<File>,
    temporary: PathBuf,
    target: PathBuf,
}

impl AtomicFile {
    /// Creates the temporary file, mode 0600, in the folder of `target`.
    pub fn create(target: &Path) -> io::Result<Self> {
        let name = target.file_name().ok_or(io::ErrorKind::IsADirectory)?;
        if target.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let temporary = folder_of(target).join(format!("{PREFIX}{}-{}", std::process::id(), name.to_string_lossy()));
        let file = private_file::options().write(true).create(true).truncate(true).open(&temporary)?;
        // A file system without locks gives a lock to no other process either.
        let _ = file.try_lock();
        Ok(Self { file: io::BufWriter::with_capacity(1 << 16, file), temporary, target: target.to_owned() })
    }

    /// Syncs the file to disk and renames it over its target.
    pub fn persist(mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        fs::rename(&self.temporary, &self.target)?;
        File::open(folder_of(&self.target))?.sync_all()
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for AtomicFile {
    /// After [`AtomicFile::persist`] the temporary name no longer exists.
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.temporary);
    }
}

/// True for the temporary file of an [`AtomicFile`].
pub fn is_unfinished(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX))
}

/// Removes a temporary file unless a process is writing it. Returns whether it is gone.
pub fn remove_abandoned(path: &Path) -> io::Result<bool> {
    match File::open(path)?.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(false),
        _ => fs::remove_file(path).map(|()| true),
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_file_keeps_the_old_content_and_persisted_file_replaces_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("people.csv");
        fs::write(&target, "old").expect("written");

        let mut dropped = AtomicFile::create(&target).expect("begun");
        dropped.write_all(b"half").expect("written");
        drop(dropped);
        assert_eq!(fs::read_to_string(&target).expect("read"), "old");

        let mut kept = AtomicFile::create(&target).expect("begun");
        kept.write_all(b"new").expect("written");
        kept.persist().expect("kept");
        assert_eq!(fs::read_to_string(&target).expect("read"), "new");
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1);
    }

    #[test]
    fn remove_abandoned_removes_unlocked_files_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let left = folder.path().join(".aside-1-people.csv");
        fs::write(&left, "anna@example.org").expect("written");
        let locked = AtomicFile::create(&folder.path().join("b.csv")).expect("begun");

        assert!(is_unfinished(&left) && is_unfinished(&locked.temporary));
        assert!(remove_abandoned(&left).expect("removed"));
        assert!(!remove_abandoned(&locked.temporary).expect("checked"));

        assert!(!left.exists());
        assert!(locked.temporary.exists());
    }
}
