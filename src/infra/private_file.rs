//! File modes: what holds personal data or secrets is readable by its owner alone.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

/// Makes every file and folder that the process creates from now on private to its owner. Called once at the start.
pub fn restrict_new_files() {
    #[cfg(unix)]
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
}

/// Options that create a file with mode 0600. What it is opened for is left to the caller.
pub fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Creates an empty file with mode 0600 where there is none, and takes other users' rights from one that exists.
pub fn ensure(path: &Path) -> io::Result<()> {
    options().write(true).create(true).truncate(false).open(path)?;
    restrict(path, 0o600)
}

/// Takes other users' rights from a file or folder; nothing is done for one that is missing.
#[cfg(unix)]
pub fn restrict(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    match fs::metadata(path) {
        Ok(found) if found.permissions().mode() & 0o077 == 0 => Ok(()),
        Ok(_) => fs::set_permissions(path, fs::Permissions::from_mode(mode)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Takes other users' rights from a file or folder; nothing is done on this system.
#[cfg(not(unix))]
pub fn restrict(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

/// Whether other users of the machine may read or change an open file.
#[cfg(unix)]
pub fn is_open_to_others(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(file.metadata()?.permissions().mode() & 0o077 != 0)
}

/// Whether other users of the machine may read or change an open file; not known on this system.
#[cfg(not(unix))]
pub fn is_open_to_others(_file: &File) -> io::Result<bool> {
    Ok(false)
}
