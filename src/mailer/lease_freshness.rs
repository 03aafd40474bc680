//! Lease freshness: the local view of whether a mailer's lease still holds, without a query.

use std::time::Duration;

use crate::infra::clock::{Clock, Millis};
use crate::infra::sync_shim::{Arc, AtomicI64, Ordering};

/// Whether a lease still holds. Cheap to clone and to ask.
#[derive(Debug, Clone)]
pub struct LeaseFreshness {
    clock: Clock,
    renewed: Arc<AtomicI64>,
    term: Millis,
}

impl LeaseFreshness {
    /// A lease of `term` ms that was requested at `requested`, by [`Clock::uptime`].
    pub fn new(clock: Clock, term: Millis, requested: Millis) -> Self {
        Self { clock, renewed: Arc::new(AtomicI64::new(requested)), term }
    }

    /// How long the lease holds without renewal, in ms.
    pub fn term(&self) -> Millis {
        self.term
    }

    /// True for four fifths of the term after the last renewal was requested, by a clock that goes on while the
    /// process is suspended. The last fifth is for the way to the relay.
    pub fn is_fresh(&self) -> bool {
        self.is_fresh_at(self.clock.uptime())
    }

    /// The same at a moment of [`Clock::uptime`].
    pub fn is_fresh_at(&self, now: Millis) -> bool {
        self.remaining_at(now) > 0
    }

    /// How long it stays fresh without renewal.
    pub fn remaining(&self) -> Duration {
        Duration::from_millis(self.remaining_at(self.clock.uptime()).max(0).unsigned_abs())
    }

    fn remaining_at(&self, now: Millis) -> Millis {
        self.renewed.load(Ordering::Acquire) + self.term / 5 * 4 - now
    }

    /// Records a renewal that was requested at `requested`: the moment before the query, because its result may have
    /// been long on the way.
    pub fn renew(&self, requested: Millis) {
        self.renewed.store(requested, Ordering::Release);
    }
}
