//! The ground beneath the pieces that are tried: primitives of the scheduler, a clock that goes on when a
//! scene says so, and a database that is one account.

pub mod share {
    pub use shuttle::sync::atomic::{AtomicI64, Ordering};
    pub use shuttle::sync::{Arc, Mutex, MutexGuard};
    pub use std::sync::PoisonError;
}

pub mod clock {
    use super::share::{Arc, AtomicI64, Ordering};

    pub type Millis = i64;

    /// A clock that goes on when a scene says so.
    #[derive(Clone, Default)]
    pub struct Clock(Arc<AtomicI64>);

    impl Clock {
        /// A pulse asks for the time of the process; the scenes tell it theirs.
        pub fn uptime() -> Millis {
            unreachable!("the scenes have a clock of their own")
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
    pub type Result<T> = std::result::Result<T, std::convert::Infallible>;
}

pub mod id {
    pub type Id = i64;
}

pub mod installation {
    use super::clock::Clock;
    use crate::mailer::allowance::Account;

    /// The database holds one account.
    #[derive(Clone, Default)]
    pub struct Installation {
        pub db: Account,
        pub clock: Clock,
    }
}
