//! What a mailer has in hand and not marked yet. While it is alone that stays pending on disk, so that
//! who looks for due deliveries finds it there; it may not be given to two connections.

use std::collections::HashSet;

use crate::infra::id::Id;
use crate::infra::sync_shim::{Mutex, MutexGuard, PoisonError};

/// Deliveries in hand.
#[derive(Debug, Default)]
pub struct Hand {
    held: Mutex<Held>,
    /// One looks at a time.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Held {
    ids: HashSet<Id>,
    /// Put down since someone began to look, who may see them as they were before; `None` while
    /// nobody looks.
    stale: Option<HashSet<Id>>,
}

/// A look at what is due, from before the database is asked.
pub struct Look<'a> {
    hand: &'a Hand,
    held: usize,
    _turn: tokio::sync::MutexGuard<'a, ()>,
}

impl Hand {
    /// Begins to look.
    pub async fn look(&self) -> Look<'_> {
        let turn = self.turn.lock().await;
        let mut held = self.lock();
        held.stale = Some(HashSet::new());
        Look { hand: self, held: held.ids.len(), _turn: turn }
    }

    /// Forgets deliveries that were marked or given back.
    pub fn put_down(&self, ids: &[Id]) {
        let mut held = self.lock();
        for id in ids {
            held.ids.remove(id);
        }
        if let Some(stale) = &mut held.stale {
            stale.extend(ids);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Look<'_> {
    /// How many were in hand when it began: as many of those found may be taken already.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Of what was found those that nobody holds, at most `limit`; they are held from now on.
    pub fn take<T>(self, found: impl IntoIterator<Item = T>, id: impl Fn(&T) -> Id, limit: usize) -> Vec<T> {
        let mut held = self.hand.lock();
        let Held { ids, stale } = &mut *held;
        let is_stale = |id: &Id| stale.as_ref().is_some_and(|stale| stale.contains(id));
        let is_free = |one: &T| !is_stale(&id(one)) && ids.insert(id(one));
        found.into_iter().filter(is_free).take(limit).collect()
    }
}

impl Drop for Look<'_> {
    fn drop(&mut self) {
        self.hand.lock().stale = None;
    }
}
