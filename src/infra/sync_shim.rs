//! Synchronisation primitives under one name. `tests/concurrency` replaces this module by the primitives of the
//! model checker shuttle, which tries the possible interleavings.

pub use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
pub use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
pub use tokio::task::{JoinHandle, spawn};
pub use tokio::time::{Instant, sleep, timeout_at};
