//! Counts how often this process has used its database: connections taken for reading and write transactions begun.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers since the database was opened. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct AccessCount(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    reads: AtomicU64,
    writes: AtomicU64,
}

impl AccessCount {
    /// Connections taken for reading.
    pub fn reads(&self) -> u64 {
        self.0.reads.load(Ordering::Relaxed)
    }

    /// Write transactions begun.
    pub fn writes(&self) -> u64 {
        self.0.writes.load(Ordering::Relaxed)
    }

    pub(super) fn add_read(&self) {
        self.0.reads.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn add_write(&self) {
        self.0.writes.fetch_add(1, Ordering::Relaxed);
    }
}
