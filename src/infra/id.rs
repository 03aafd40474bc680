//! Identifiers are made by the application: 64 bits that grow with time, so that new rows land at
//! the end of every index, and that differ between processes without asking a database.
//!
//! Layout from the top: 41 bits of milliseconds since 2024, 12 bits of sequence, 10 bits drawn at
//! random once per process.

use std::sync::atomic::{AtomicI64, Ordering};

use rand::RngExt;

use crate::infra::clock::Clock;

/// Key of a row in any table.
pub type Id = i64;

/// The distance between two ids of one process.
pub const STEP: Id = 1 << NODE_BITS;

/// The number of the process that made an id.
pub fn node_of(id: Id) -> i32 {
    i32::try_from(id & (STEP - 1)).expect("ten bits fit")
}

const NODE_BITS: u32 = 10;
const SEQUENCE_BITS: u32 = 12;
const EPOCH: i64 = 1_704_067_200_000;

/// Hands out ids that always grow.
#[derive(Debug)]
pub struct Ids {
    clock: Clock,
    node: i64,
    last: AtomicI64,
}

impl Ids {
    /// A generator on the given clock with a node number of its own.
    pub fn new(clock: Clock) -> Self {
        let node = rand::rng().random_range(0..STEP);
        Self { clock, node, last: AtomicI64::new(0) }
    }

    /// The next id.
    pub fn next(&self) -> Id {
        self.reserve(1)
    }

    /// The first of `count` ids that lie [`STEP`] apart and belong to the caller alone.
    pub fn reserve(&self, count: i64) -> Id {
        let floor = (self.clock.now() - EPOCH).max(0) << SEQUENCE_BITS;
        let first = self
            .last
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(last.max(floor) + count))
            .map_or(floor, |last| last.max(floor));
        (first + 1) << NODE_BITS | self.node
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_and_reservations_do_not_overlap() {
        let ids = Ids::new(Clock::fixed(EPOCH + 1_000));

        let one = ids.next();
        let block = ids.reserve(1_000);
        let after = ids.next();

        assert!(block > one);
        assert_eq!(after, block + 1_000 * STEP);
    }
}
