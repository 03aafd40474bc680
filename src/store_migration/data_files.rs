//! What lies beside the store and goes with it when the whole data folder moves: keys, journals,
//! captured letters, exports.

use std::fs;
use std::io;
use std::path::Path;

use crate::infra::config::Config;
use crate::infra::error::{Error, Result};

/// How far the mailers of the folder have come; without it a database put back later is not known.
const BEAT: &str = "mailer.beat";

/// Copies everything but databases and locks into the new folder; what is there already is replaced.
pub fn carry(old: &Config, new: &Config) -> Result<()> {
    for (from, to) in [
        (old.keys_dir(), new.keys_dir()),
        (old.journal_dir(), new.journal_dir()),
        (old.capture_dir(), new.capture_dir()),
        (old.export_dir(), new.export_dir()),
    ] {
        copy(&from, &to).map_err(Error::io(to.display()))?;
    }
    let (from, to) = (old.data.join(BEAT), new.data.join(BEAT));
    if from.exists() {
        fs::copy(&from, &to).map_err(Error::io(to.display()))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            // With its permissions: keys stay readable by the owner alone.
            fs::copy(entry.path(), &target)?;
            fs::File::open(&target)?.sync_all()?;
        }
    }
    fs::File::open(to)?.sync_all()
}
