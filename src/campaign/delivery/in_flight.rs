//! Deliveries in flight: claimed by this mailer in memory and not marked yet. Their rows are still `pending`, so a scan for
//! due deliveries finds them again; this set keeps two connections from getting the same delivery.

use std::collections::HashSet;

use crate::infra::id::Id;
use crate::infra::sync_shim::{Mutex, MutexGuard, PoisonError};

/// The set of deliveries in flight.
#[derive(Debug, Default)]
pub struct InFlight {
    state: Mutex<State>,
    /// One scan at a time.
    scanning: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    ids: HashSet<Id>,
    /// Removed since the current scan began, whose result can show them as they were before; `None` between scans.
    removed: Option<HashSet<Id>>,
}

/// A scan for due deliveries. Begins before the database is read.
pub struct Scan<'a> {
    in_flight: &'a InFlight,
    held: usize,
    _turn: tokio::sync::MutexGuard<'a, ()>,
}

impl InFlight {
    /// Begins a scan; waits for the end of the current one.
    pub async fn begin_scan(&self) -> Scan<'_> {
        let turn = self.scanning.lock().await;
        let mut state = self.lock();
        state.removed = Some(HashSet::new());
        Scan { in_flight: self, held: state.ids.len(), _turn: turn }
    }

    /// Removes deliveries that were marked or released.
    pub fn remove(&self, ids: &[Id]) {
        let mut state = self.lock();
        for id in ids {
            state.ids.remove(id);
        }
        if let Some(removed) = &mut state.removed {
            removed.extend(ids);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scan<'_> {
    /// How many deliveries were in flight when the scan began: so many of those found can be taken already.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Puts at most `limit` of the found deliveries that are not in flight into the set, and returns them.
    pub fn take<T>(self, found: impl IntoIterator<Item = T>, id: impl Fn(&T) -> Id, limit: usize) -> Vec<T> {
        let mut state = self.in_flight.lock();
        let State { ids, removed } = &mut *state;
        let was_removed = |id: &Id| removed.as_ref().is_some_and(|removed| removed.contains(id));
        let is_free = |one: &T| !was_removed(&id(one)) && ids.insert(id(one));
        found.into_iter().filter(is_free).take(limit).collect()
    }
}

impl Drop for Scan<'_> {
    fn drop(&mut self) {
        self.in_flight.lock().removed = None;
    }
}
