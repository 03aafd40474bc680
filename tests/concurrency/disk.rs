//! A database as the writer knows it: what is said in a transaction is there once it is committed, and
//! one commit may fail.

use std::collections::BTreeSet;

use crate::infra::error::{Error, Result};
use crate::infra::id::Id;
use crate::infra::sync_shim::{Arc, Mutex, MutexGuard};

/// How the commit that fails does so.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nothing is written.
    Refused,
    /// All is written, and the answer is lost.
    Unheard,
}

/// What is on disk.
#[derive(Default)]
pub struct Rows {
    /// Letters of people who have left.
    pub gone: BTreeSet<Id>,
    /// Marks whose commit has returned.
    pub marked: BTreeSet<Id>,
    /// Asked for in the commit that failed.
    pub failed: BTreeSet<Id>,
    pub released: BTreeSet<Id>,
    pub results: BTreeSet<Id>,
    /// Which commit fails, counted from 0, and how.
    pub failing: Option<(usize, Failure)>,
    commits: usize,
}

#[derive(Clone, Default)]
pub struct Disk(Arc<Mutex<Rows>>);

/// What is said and not committed.
pub struct Tx {
    disk: Disk,
    asked: Vec<Id>,
    pub marks: Vec<Id>,
    pub releases: Vec<Id>,
    pub results: Vec<Id>,
}

/// The way to the database and back takes its time.
pub async fn travel() {
    shuttle::future::yield_now().await;
}

impl Disk {
    pub fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().expect("nobody fails with it")
    }

    pub async fn begin(&self) -> Tx {
        travel().await;
        let (asked, marks, releases, results) = Default::default();
        Tx { disk: self.clone(), asked, marks, releases, results }
    }
}

impl Tx {
    /// Marks those that may be sent.
    pub fn mark(&mut self, asked: Vec<Id>) -> Vec<Id> {
        let gone = &self.disk.rows().gone;
        self.marks = asked.iter().filter(|id| !gone.contains(id)).copied().collect();
        self.asked = asked;
        self.marks.clone()
    }

    pub async fn commit(self) -> Result<()> {
        travel().await;
        let failure = {
            let mut rows = self.disk.rows();
            let at = rows.commits;
            rows.commits += 1;
            assert!(rows.failed.is_empty() || self.asked.is_empty(), "something is begun after a failure");
            let failure = rows.failing.and_then(|(which, failure)| (which == at).then_some(failure));
            match failure {
                Some(_) => rows.failed.extend(&self.asked),
                None => rows.marked.extend(&self.marks),
            }
            if failure != Some(Failure::Refused) {
                rows.released.extend(&self.releases);
                rows.results.extend(&self.results);
            }
            failure
        };
        travel().await;
        if failure.is_some() { Err(Error::Away) } else { Ok(()) }
    }
}
