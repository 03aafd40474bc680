//! Replaces `infra` for the included files: primitives of `shuttle`, a clock that a scenario advances, and a database
//! of one rate account and some delivery rows.

pub mod sync_shim {
    pub use crate::time::{Instant, sleep, timeout_at};
    pub use shuttle::future::{JoinHandle, spawn};
    pub use shuttle::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
    pub use shuttle::sync::{Arc, Mutex, MutexGuard};
    pub use std::sync::PoisonError;
}

pub mod clock {
    use super::sync_shim::{Arc, AtomicI64, Ordering};

    pub type Millis = i64;

    /// A clock that a scenario advances.
    #[derive(Clone, Debug, Default)]
    pub struct Clock(Arc<AtomicI64>);

    impl Clock {
        /// Scenarios pass the time of their own clock instead.
        pub fn uptime(&self) -> Millis {
            unreachable!("scenarios have a clock of their own")
        }

        pub fn now(&self) -> Millis {
            self.0.load(Ordering::SeqCst)
        }

        pub fn advance(&self, by: Millis) {
            self.0.fetch_add(by, Ordering::SeqCst);
        }
    }
}

pub mod error {
    pub type Result<T> = std::result::Result<T, Error>;

    #[derive(Debug)]
    #[expect(dead_code, reason = "no scenario loses its lease")]
    pub enum Error {
        Unavailable,
        Fenced,
    }

    pub struct Message {
        pub key: &'static str,
    }

    impl Error {
        pub fn message(&self) -> Message {
            Message { key: "database-away" }
        }
    }
}

pub mod id {
    pub type Id = i64;
}

pub mod db {
    use crate::disk::Disk;
    use crate::mailer::limits::rate_account::RateAccount;

    #[derive(Clone, Default)]
    pub struct Db {
        pub account: RateAccount,
        pub disk: Disk,
    }
}

pub mod installation {
    use super::clock::Clock;
    use super::db::Db;

    #[derive(Clone, Default)]
    pub struct Installation {
        pub db: Db,
        pub clock: Clock,
    }
}
