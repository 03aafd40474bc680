//! How much room is left where the data lies.

use std::path::Path;

/// Bytes that a file system holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskSpace {
    /// Still to be had by this user.
    pub free: u64,
    /// Altogether.
    pub size: u64,
}

/// The room of the file system that a path lies on; `None` where the system does not tell.
#[cfg(unix)]
pub fn space(path: &Path) -> Option<DiskSpace> {
    let told = rustix::fs::statvfs(path).ok()?;
    Some(DiskSpace {
        free: told.f_bavail.saturating_mul(told.f_frsize),
        size: told.f_blocks.saturating_mul(told.f_frsize),
    })
}

/// The room of the file system that a path lies on; `None` where the system does not tell.
#[cfg(not(unix))]
pub fn space(_path: &Path) -> Option<DiskSpace> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_folder_has_room_and_nowhere_has_none() {
        let here = space(Path::new(".")).expect("told");

        assert!(here.free > 0 && here.free <= here.size, "{here:?}");
        assert_eq!(space(Path::new("/nowhere/at/all")), None);
    }
}
