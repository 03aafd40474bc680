//! Whether a lease holds, for those who must know at once and may ask nobody.

use std::time::Duration;

use crate::infra::clock::{Clock, Millis};
use crate::infra::sync_shim::{Arc, AtomicI64, Ordering};

/// Tells without asking anyone whether a lease still holds; cheap to clone and to ask.
#[derive(Debug, Clone)]
pub struct LeaseFreshness {
    clock: Clock,
    renewed: Arc<AtomicI64>,
    term: Millis,
}

impl LeaseFreshness {
    /// The pulse of a lease of `term` ms that was asked for at `asked`, by [`Clock::uptime`].
    pub fn new(clock: Clock, term: Millis, asked: Millis) -> Self {
        Self { clock, renewed: Arc::new(AtomicI64::new(asked)), term }
    }

    /// How long the lease holds unless it is renewed, in ms.
    pub fn term(&self) -> Millis {
        self.term
    }

    /// True for four fifths of the term since the last renewal was asked for, by a clock that goes on
    /// while the process is stopped or the machine asleep. The rest is for the way to the relay.
    pub fn is_fresh(&self) -> bool {
        self.is_fresh_at(self.clock.uptime())
    }

    /// The same at a moment of [`Clock::uptime`].
    pub fn is_fresh_at(&self, now: Millis) -> bool {
        self.left_at(now) > 0
    }

    /// How long it will be fresh, unless it is renewed.
    pub fn left(&self) -> Duration {
        Duration::from_millis(self.left_at(self.clock.uptime()).max(0).unsigned_abs())
    }

    fn left_at(&self, now: Millis) -> Millis {
        self.renewed.load(Ordering::Acquire) + self.term / 5 * 4 - now
    }

    /// The lease holds for another term since `asked`: the moment before the database was asked, for its
    /// answer may have been long on the way.
    pub fn renew(&self, asked: Millis) {
        self.renewed.store(asked, Ordering::Release);
    }
}
