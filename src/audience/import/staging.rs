//! A folder for the runs of one import. It goes when the import ends; what a killed process left
//! behind goes when the next import begins.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use rand::RngExt;

use crate::infra::error::{Error, Result};

const PREFIX: &str = "import-";

/// A folder that belongs to one import for as long as this value lives.
pub struct Staging {
    folder: PathBuf,
    _lock: File,
}

impl Staging {
    /// Removes folders whose owner is gone and makes a fresh one under `root`.
    pub fn claim(root: &Path) -> Result<Self> {
        // Held while sweeping and making, so that nobody sweeps a folder that is not locked yet.
        let door = root.join("import.lock");
        let door = File::create(&door).map_err(Error::io(door.display()))?;
        door.lock().map_err(Error::io(root.display()))?;
        sweep(root).map_err(Error::io(root.display()))?;
        let folder = root.join(format!("{PREFIX}{:016x}", rand::rng().random::<u64>()));
        fs::create_dir(&folder).map_err(Error::io(folder.display()))?;
        let lock = File::create(lock_of(&folder)).map_err(Error::io(folder.display()))?;
        lock.lock().map_err(Error::io(folder.display()))?;
        Ok(Self { folder, _lock: lock })
    }

    /// Where the files go.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What stays is swept by the next import.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn lock_of(folder: &Path) -> PathBuf {
    folder.join("lock")
}

fn sweep(root: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(PREFIX) && entry.file_type()?.is_dir() {
            let alive = match File::open(lock_of(&entry.path())).map(|lock| lock.try_lock()) {
                Ok(Err(TryLockError::WouldBlock)) => true,
                Ok(Ok(()) | Err(TryLockError::Error(_))) | Err(_) => false,
            };
            if !alive {
                fs::remove_dir_all(entry.path())?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_import_left_is_swept_and_what_a_living_one_holds_stays() {
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
