//! What threads share a value by, under one name. `tests/weave` puts primitives in their place whose
//! every step a scheduler decides, and tries the orders in which threads can meet.

pub use std::sync::atomic::{AtomicI64, Ordering};
pub use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
