//! Temporary folder for the sorted runs of one import. It is removed when the import ends; the next import removes
//! folders that killed processes left behind.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use rand::RngExt;

use crate::infra::error::{Error, Result};

const PREFIX: &str = "import-";

/// A folder that is locked, and removed when this value is dropped.
pub struct Staging {
    folder: PathBuf,
    _lock: File,
}

impl Staging {
    /// Removes abandoned folders and creates a new one under `root`.
    pub fn claim(root: &Path) -> Result<Self> {
        // Held meanwhile, so that no other process removes a folder that is not locked yet.
        let _lock = lock(root).map_err(Error::io(root.display()))?;
        remove_unlocked(root).map_err(Error::io(root.display()))?;
        let folder = root.join(format!("{PREFIX}{:016x}", rand::rng().random::<u64>()));
        fs::create_dir(&folder).map_err(Error::io(folder.display()))?;
        let folder_lock = File::create(lock_of(&folder)).map_err(Error::io(folder.display()))?;
        folder_lock.lock().map_err(Error::io(folder.display()))?;
        Ok(Self { folder, _lock: folder_lock })
    }

    /// The path of the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // The next import removes a folder that could not be removed now.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn lock_of(folder: &Path) -> PathBuf {
    folder.join("lock")
}

/// Removes the folders of imports that were killed. Returns false while an import runs.
pub fn remove_abandoned(root: &Path) -> std::io::Result<bool> {
    let _lock = lock(root)?;
    remove_unlocked(root)
}

/// The lock under which folders come and go.
fn lock(root: &Path) -> std::io::Result<File> {
    let lock = File::create(root.join("import.lock"))?;
    lock.lock()?;
    Ok(lock)
}

fn remove_unlocked(root: &Path) -> std::io::Result<bool> {
    let mut is_clear = true;
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(PREFIX) && entry.file_type()?.is_dir() {
            let is_running = match File::open(lock_of(&entry.path())).map(|lock| lock.try_lock()) {
                Ok(Err(TryLockError::WouldBlock)) => true,
                Ok(Ok(()) | Err(TryLockError::Error(_))) | Err(_) => false,
            };
            if is_running {
                is_clear = false;
            } else {
                fs::remove_dir_all(entry.path())?;
            }
        }
    }
    Ok(is_clear)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abandoned_folder_is_removed_and_a_locked_one_kept() {
        let root = tempfile::tempdir().expect("a folder");
        let left = root.path().join("import-dead");
        fs::create_dir(&left).expect("made");
        fs::write(left.join("run-0"), "anna@example.org").expect("written");

        let living = Staging::claim(root.path()).expect("claimed");
        fs::write(living.folder().join("run-0"), "ivan@example.org").expect("written");
        let other = Staging::claim(root.path()).expect("claimed");

        assert!(!left.exists());
        assert!(living.folder().join("run-0").exists());
        let folders = [living.folder().to_owned(), other.folder().to_owned()];
        drop((living, other));
        assert!(folders.iter().all(|folder| !folder.exists()));
    }
}
