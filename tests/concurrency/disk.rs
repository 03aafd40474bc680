//! A database as group commit sees it: changes of a transaction are durable once it is committed, and one commit may
//! fail.

use std::collections::BTreeSet;

use crate::infra::error::{Error, Result};
use crate::infra::id::Id;
use crate::infra::sync_shim::{Arc, Mutex, MutexGuard};

/// How a commit fails.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nothing is written.
    Refused,
    /// Everything is written, and the reply is lost.
    ReplyLost,
}

/// What is on disk.
#[derive(Default)]
pub struct Rows {
    /// Deliveries of contacts who have unsubscribed.
    pub unsubscribed: BTreeSet<Id>,
    /// Marks whose commit has returned.
    pub marked: BTreeSet<Id>,
    /// Marks that were requested in the failed commit.
    pub failed: BTreeSet<Id>,
    pub released: BTreeSet<Id>,
    pub results: BTreeSet<Id>,
    /// Which commit fails, counted from 0, and how.
    pub failing: Option<(usize, Failure)>,
    commits: usize,
}

#[derive(Clone, Default)]
pub struct Disk(Arc<Mutex<Rows>>);

/// A transaction.
pub struct Tx {
    disk: Disk,
    requested: Vec<Id>,
    pub marks: Vec<Id>,
    pub releases: Vec<Id>,
    pub results: Vec<Id>,
}

/// One trip to the database: other tasks may run meanwhile.
pub async fn round_trip() {
    shuttle::future::yield_now().await;
}

impl Disk {
    pub fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().expect("no task panics while it holds the lock")
    }

    pub async fn begin(&self) -> Tx {
        round_trip().await;
        let (requested, marks, releases, results) = Default::default();
        Tx { disk: self.clone(), requested, marks, releases, results }
    }
}

impl Tx {
    /// Marks the deliveries that may be sent.
    pub fn mark(&mut self, requested: Vec<Id>) -> Vec<Id> {
        let unsubscribed = &self.disk.rows().unsubscribed;
        self.marks = requested.iter().filter(|id| !unsubscribed.contains(id)).copied().collect();
        self.requested = requested;
        self.marks.clone()
    }

    pub async fn commit(self) -> Result<()> {
        round_trip().await;
        let failure = {
            let mut rows = self.disk.rows();
            let at = rows.commits;
            rows.commits += 1;
            assert!(rows.failed.is_empty() || self.requested.is_empty(), "a mark was requested after a failed commit");
            let failure = rows.failing.and_then(|(which, failure)| (which == at).then_some(failure));
            match failure {
                Some(_) => rows.failed.extend(&self.requested),
                None => rows.marked.extend(&self.marks),
            }
            if failure != Some(Failure::Refused) {
                rows.released.extend(&self.releases);
                rows.results.extend(&self.results);
            }
            failure
        };
        round_trip().await;
        if failure.is_some() { Err(Error::Unavailable) } else { Ok(()) }
    }
}
