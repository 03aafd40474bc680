//! Waiting hits: the opens and clicks of this process that are still in memory, by delivery. An erasure looks here, so that
//! what a person did a moment before is counted before their rows are deleted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::clock::Millis;
use super::id::Id;

/// An open or a click that is not in the database yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingHit {
    /// The delivery.
    pub delivery: Id,
    /// The word of its kind.
    pub kind: &'static str,
    /// Position of the link; 0 without one.
    pub position: i32,
    /// When it happened, in ms.
    pub at: Millis,
}

/// The waiting hits of a process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct WaitingHits(Arc<Mutex<HashMap<Id, Vec<WaitingHit>>>>);

impl WaitingHits {
    /// Adds a hit.
    pub fn add(&self, hit: WaitingHit) {
        self.locked().entry(hit.delivery).or_default().push(hit);
    }

    /// Removes hits that are in the database or on disk.
    pub fn remove(&self, hits: impl Iterator<Item = WaitingHit>) {
        let mut all = self.locked();
        for hit in hits {
            if let Some(of_delivery) = all.get_mut(&hit.delivery) {
                if let Some(at) = of_delivery.iter().position(|one| *one == hit) {
                    of_delivery.swap_remove(at);
                }
                if of_delivery.is_empty() {
                    all.remove(&hit.delivery);
                }
            }
        }
    }

    /// The hits of a delivery.
    pub fn of(&self, delivery: Id) -> Vec<WaitingHit> {
        self.locked().get(&delivery).cloned().unwrap_or_default()
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.locked().is_empty()
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<Id, Vec<WaitingHit>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hit_is_found_until_it_is_removed() {
        let hits = WaitingHits::default();
        let hit = |delivery, at| WaitingHit { delivery, kind: "open", position: 0, at };
        for one in [hit(1, 5), hit(1, 6), hit(2, 5)] {
            hits.add(one);
        }

        assert_eq!(hits.of(1), [hit(1, 5), hit(1, 6)]);
        hits.remove([hit(1, 5), hit(2, 5), hit(9, 9)].into_iter());
        assert_eq!((hits.of(1), hits.of(2)), (vec![hit(1, 6)], vec![]));
        hits.remove([hit(1, 6)].into_iter());
        assert!(hits.is_empty());
    }
}
