//! Free space of the disk that holds the data.

use std::path::Path;

/// Bytes of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskSpace {
    /// Bytes available to this user.
    pub free: u64,
    /// Total bytes.
    pub size: u64,
}

/// Space of the file system of `path`; `None` where the operating system does not report it.
#[cfg(unix)]
pub fn space(path: &Path) -> Option<DiskSpace> {
    let stat = rustix::fs::statvfs(path).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
    Some(DiskSpace { free: bytes(stat.f_bavail), size: bytes(stat.f_blocks) })
}

/// Space of the file system of `path`; `None` where the operating system does not report it.
#[cfg(not(unix))]
pub fn space(_path: &Path) -> Option<DiskSpace> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn space_is_reported_for_an_existing_folder_only() {
        let here = space(Path::new(".")).expect("reported");

        assert!(here.free > 0 && here.free <= here.size, "{here:?}");
        assert_eq!(space(Path::new("/nowhere/at/all")), None);
    }
}
