//! A sync that fails ends the process. The system may have dropped what it was told to keep, and may
//! say at the next try that all is well: asking again would be pretending. The next process begins
//! with what the disk really holds.

use std::fmt::Display;
use std::io;

/// Passes a success on; after a failed sync of `what`, a file or database, ends the process with
/// exit code 1.
pub fn or_exit<T>(what: impl Display, synced: io::Result<T>) -> T {
    synced.unwrap_or_else(|error| exit(what, error))
}

/// Ends the process because `what` could not be synced.
pub fn exit(what: impl Display, why: impl Display) -> ! {
    tracing::error!(
        %why,
        "fsync of {what} failed: what was written to it may be gone. Nothing was confirmed that depends on it. \
         This process ends here; look after the disk, then start Sendoff again"
    );
    std::process::exit(1)
}
