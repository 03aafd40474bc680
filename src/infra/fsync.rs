//! A failed fsync ends the process. The operating system may have dropped the dirty pages and may report success
//! at the next try, so a retry proves nothing. The next process starts from what the disk really holds.

use std::fmt::Display;
use std::io;

/// Returns the value of a successful sync; after a failed sync of `what`, a file or the database, ends the
/// process with exit code 1.
pub fn or_exit<T>(what: impl Display, synced: io::Result<T>) -> T {
    synced.unwrap_or_else(|error| exit(what, error))
}

/// Ends the process because `what` could not be synced.
pub fn exit(what: impl Display, error: impl Display) -> ! {
    tracing::error!(
        %error,
        "fsync of {what} failed: data written to it may be lost, and nothing that depends on it was confirmed. \
         The process exits; check the disk, then start Sendoff again"
    );
    std::process::exit(1)
}
