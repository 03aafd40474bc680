//! A file that is written aside and takes its name only when it is whole, so that a crash or a full
//! disk leaves the old file or the new one, never half of either. While it is written it is locked:
//! one that nobody holds any more is rubbish, and may hold people.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const PREFIX: &str = ".aside-";

/// A file that is being written.
pub struct AtomicFile {
    file: io::BufWriter<File>,
    aside: PathBuf,
    target: PathBuf,
}

impl AtomicFile {
    /// Begins a file, readable by its owner alone, in the folder of its target.
    pub fn create(target: &Path) -> io::Result<Self> {
        let name = target.file_name().ok_or(io::ErrorKind::IsADirectory)?;
        if target.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let aside = folder_of(target).join(format!("{PREFIX}{}-{}", std::process::id(), name.to_string_lossy()));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&aside)?;
        // Where the file system knows no locks, nobody will take ours either.
        let _ = file.try_lock();
        Ok(Self { file: io::BufWriter::with_capacity(1 << 16, file), aside, target: target.to_owned() })
    }

    /// Puts the file, whole and on disk, in the place of its target.
    pub fn persist(mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        fs::rename(&self.aside, &self.target)?;
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
    /// After `keep` the name is gone and there is nothing to remove.
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.aside);
    }
}

/// Whether the file was begun by an [`AtomicFile`] and not finished yet.
pub fn is_unfinished(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX))
}

/// Removes an unfinished file unless someone is writing it.
pub fn remove_abandoned(path: &Path) -> io::Result<()> {
    match File::open(path)?.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(()),
        _ => fs::remove_file(path),
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
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
    fn what_a_killed_writer_left_is_discarded_and_what_a_living_one_writes_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let left = folder.path().join(".aside-1-people.csv");
        fs::write(&left, "anna@example.org").expect("written");
        let living = AtomicFile::create(&folder.path().join("b.csv")).expect("begun");

        for path in [&left, &living.aside] {
            assert!(is_unfinished(path));
            remove_abandoned(path).expect("looked at");
        }

        assert!(!left.exists());
        assert!(living.aside.exists());
    }
}
