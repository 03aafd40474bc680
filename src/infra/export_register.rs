//! Register of exports: `journal/exports.json`, the workspace of each exported file. An address that one workspace erased
//! may stay in the exports of another.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::infra::atomic_file::AtomicFile;
use crate::infra::config::Config;
use crate::infra::error::{Error, Result};
use crate::infra::id::Id;

/// The form of a path in the register.
pub fn key(path: &Path) -> PathBuf {
    let (folder, name) = (path.parent().filter(|folder| !folder.as_os_str().is_empty()), path.file_name());
    let folder = folder.unwrap_or(Path::new(".")).canonicalize().ok();
    folder.zip(name).map_or_else(|| path.to_owned(), |(folder, name)| folder.join(name))
}

/// The workspaces of the exported files that are known; empty when the register cannot be read.
pub fn read(config: &Config) -> HashMap<PathBuf, Id> {
    let text = fs::read(register(config)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Records the workspace of a file that is complete.
pub fn record(config: &Config, path: &Path, workspace: Id) -> Result<()> {
    change(config, path, Some(workspace))
}

/// Makes the workspace of a file unknown, before it is written.
pub fn forget(config: &Config, path: &Path) -> Result<()> {
    if read(config).contains_key(&key(path)) { change(config, path, None) } else { Ok(()) }
}

/// Files that are gone are left out from now on.
fn change(config: &Config, path: &Path, workspace: Option<Id>) -> Result<()> {
    let register = register(config);
    let write = || -> io::Result<()> {
        // Two exports may end in the same moment.
        let lock = File::create(register.with_extension("lock"))?;
        lock.lock()?;
        let mut known = read(config);
        known.retain(|path, _| path.exists());
        match workspace {
            Some(workspace) => drop(known.insert(key(path), workspace)),
            None => drop(known.remove(&key(path))),
        }
        let mut file = AtomicFile::create(&register)?;
        serde_json::to_writer(&mut file, &known)?;
        file.flush()?;
        file.persist()
    };
    write().map_err(Error::io(register.display()))
}

fn register(config: &Config) -> PathBuf {
    config.journal_dir().join("exports.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_export_to_a_path_counts_and_missing_files_are_left_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config { data: folder.path().to_owned(), database: None };
        config.prepare().expect("folders");
        let [one, two] = ["one.csv", "two.csv"].map(|name| config.export_dir().join(name));
        fs::write(&one, "a").and_then(|()| fs::write(&two, "b")).expect("written");

        record(&config, &one, 1).expect("recorded");
        record(&config, &two, 2).expect("recorded");
        record(&config, &one, 3).expect("recorded");
        assert_eq!(read(&config), HashMap::from([(key(&one), 3), (key(&two), 2)]));

        forget(&config, &one).expect("forgotten");
        assert_eq!(read(&config), HashMap::from([(key(&two), 2)]));

        record(&config, &one, 3).expect("recorded");
        fs::remove_file(&one).expect("removed");
        record(&config, &two, 2).expect("recorded");
        assert_eq!(read(&config), HashMap::from([(key(&two), 2)]));
    }
}
