//! What threads and tasks share a value by, and wait by, under one name. `tests/concurrency` puts primitives in
//! their place whose every step a scheduler decides, and tries the orders in which they can meet.

pub use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
pub use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
pub use tokio::task::{JoinHandle, spawn};
pub use tokio::time::{Instant, sleep, timeout_at};
