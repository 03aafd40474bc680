//! What a mailer has in hand and not marked yet. While it is alone that stays pending on disk, so that
//! who looks for due deliveries finds it there; it may not be given to two connections.

use std::collections::HashSet;

use crate::infra::id::Id;
use crate::infra::sync_shim::{Mutex, MutexGuard, PoisonError};

/// Deliveries in hand.
#[derive(Debug, Default)]
pub struct InFlight {
    held: Mutex<State>,
    /// One looks at a time.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    ids: HashSet<Id>,
    /// Put down since someone began to look, who may see them as they were before; `None` while
    /// nobody looks.
    stale: Option<HashSet<Id>>,
}

/// A look at what is due, from before the database is asked.
pub struct Scan<'a> {
    in_flight: &'a InFlight,
    held: usize,
    _turn: tokio::sync::MutexGuard<'a, ()>,
}

impl InFlight {
    /// Begins to look.
    pub async fn begin_scan(&self) -> Scan<'_> {
        let turn = self.turn.lock().await;
        let mut held = self.lock();
        held.stale = Some(HashSet::new());
        Scan { in_flight: self, held: held.ids.len(), _turn: turn }
    }

    /// Forgets deliveries that were marked or given back.
    pub fn remove(&self, ids: &[Id]) {
        let mut held = self.lock();
        for id in ids {
            held.ids.remove(id);
        }
        if let Some(stale) = &mut held.stale {
            stale.extend(ids);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scan<'_> {
    /// How many were in hand when it began: as many of those found may be taken already.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Of what was found those that nobody holds, at most `limit`; they are held from now on.
    pub fn take<T>(self, found: impl IntoIterator<Item = T>, id: impl Fn(&T) -> Id, limit: usize) -> Vec<T> {
        let mut held = self.in_flight.lock();
        let State { ids, stale } = &mut *held;
        let is_stale = |id: &Id| stale.as_ref().is_some_and(|stale| stale.contains(id));
        let is_free = |one: &T| !is_stale(&id(one)) && ids.insert(id(one));
        found.into_iter().filter(is_free).take(limit).collect()
    }
}

impl Drop for Scan<'_> {
    fn drop(&mut self) {
        self.in_flight.lock().stale = None;
    }
}
