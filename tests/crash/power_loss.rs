//! Power loss: the process runs with a preloaded library (`power.c`) that keeps a second copy of the data folder with only what
//! was synced. When the process is dead, that copy replaces the data folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::installation::{Installation, copy_folder};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/crash/power.c");

/// Builds the library; the reason when there is no C compiler.
pub fn build(work: &Path) -> Result<(), String> {
    let made = Command::new("cc")
        .args(["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"])
        .arg(library(work))
        .args([SOURCE, "-ldl", "-lpthread"])
        .output();
    match made {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(format!("power loss needs a C compiler (Debian: gcc libc6-dev): {error}")),
    }
}

fn library(work: &Path) -> PathBuf {
    work.join("power.so")
}

/// What a disk holds of a data folder.
pub struct Disk {
    live: PathBuf,
    held: PathBuf,
    library: PathBuf,
    seed: u64,
}

impl Disk {
    /// A disk on which the data folder lies as it is now. Of what is not synced a random part, told
    /// by the seed, reaches it all the same, in any order; with an even seed nothing does.
    pub fn under(installation: &Installation, seed: u64) -> Result<Self, String> {
        let held = installation.folder.join("disk");
        let _ = fs::remove_dir_all(&held);
        copy_folder(&installation.data(), &held).map_err(|error| format!("the disk: {error}"))?;
        let library = library(installation.folder.parent().unwrap_or(Path::new(".")));
        Ok(Self { live: installation.data(), held, library, seed })
    }

    /// What the process must be told.
    pub fn environment(&self) -> Vec<(String, String)> {
        let text = |path: &Path| path.display().to_string();
        vec![
            ("LD_PRELOAD".to_owned(), text(&self.library)),
            ("POWER_LIVE".to_owned(), text(&self.live)),
            ("POWER_DISK".to_owned(), text(&self.held)),
            ("POWER_SEED".to_owned(), if self.seed.is_multiple_of(2) { 0 } else { self.seed >> 33 }.to_string()),
        ]
    }

    /// The power is gone: what was not synced is not there any more.
    pub fn lose_power(self) -> Result<(), String> {
        let restore = || {
            fs::remove_dir_all(&self.live)?;
            let _ = fs::remove_dir_all(self.held.join(".new"));
            copy_folder(&self.held, &self.live)
        };
        restore().map_err(|error| format!("after the power loss: {error}"))
    }
}
