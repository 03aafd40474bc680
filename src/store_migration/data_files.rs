//! Data files of a move between folders: copies keys, journals, captured messages and exports.

use std::fs;
use std::io;
use std::path::Path;

use crate::infra::config::Config;
use crate::infra::error::{Error, Result};

/// The counter file of `mailer::restore_guard`; without it a database restored later is not detected.
pub const RESTORE_GUARD: &str = "mailer.beat";

/// Whether a folder holds files that a move would replace.
pub fn exist(config: &Config) -> bool {
    let folders = [config.keys_dir(), config.journal_dir(), config.capture_dir(), config.export_dir()];
    folders.iter().any(|folder| fs::read_dir(folder).is_ok_and(|mut files| files.next().is_some()))
}

/// Copies everything but databases and locks into the new folder; existing files are replaced.
pub fn copy_all(old: &Config, new: &Config) -> Result<()> {
    for (from, to) in [
        (old.keys_dir(), new.keys_dir()),
        (old.journal_dir(), new.journal_dir()),
        (old.capture_dir(), new.capture_dir()),
        (old.export_dir(), new.export_dir()),
    ] {
        copy_folder(&from, &to).map_err(Error::io(to.display()))?;
    }
    let (from, to) = (old.data.join(RESTORE_GUARD), new.data.join(RESTORE_GUARD));
    if from.exists() {
        fs::copy(&from, &to).map_err(Error::io(to.display()))?;
    }
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            // `fs::copy` keeps the permissions: keys stay readable by their owner alone.
            fs::copy(entry.path(), &target)?;
            fs::File::open(&target)?.sync_all()?;
        }
    }
    fs::File::open(to)?.sync_all()
}
