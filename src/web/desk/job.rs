//! Work that may take longer than a page: it goes on in the background, and pages show its progress until its result is there.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::panic;

/// How long a page waits for a result before it shows the progress.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Jobs by the key of what they work on.
#[derive(Debug)]
pub struct Jobs<T>(Mutex<HashMap<Id, Arc<Job<T>>>>);

/// A job that runs or has ended.
#[derive(Debug)]
pub struct Job<T> {
    done: AtomicU64,
    total: AtomicU64,
    result: OnceLock<std::result::Result<T, Message>>,
    ended: Notify,
}

impl<T> Default for Jobs<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Send + Sync + 'static> Jobs<T> {
    /// The latest job of this key.
    pub fn find(&self, key: Id) -> Option<Arc<Job<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }

    /// Forgets the job of this key; one that runs goes on unseen.
    pub fn forget(&self, key: Id) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    /// Starts a job unless one of this key runs, and waits a moment for its result. `work` is given the job for its progress.
    pub async fn run<F>(&self, key: Id, work: impl FnOnce(Arc<Job<T>>) -> F) -> Arc<Job<T>>
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let job = {
            let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match jobs.get(&key).filter(|job| job.result.get().is_none()) {
                Some(running) => running.clone(),
                None => {
                    let job = Arc::new(Job {
                        done: AtomicU64::new(0),
                        total: AtomicU64::new(0),
                        result: OnceLock::new(),
                        ended: Notify::new(),
                    });
                    let (own, future) = (job.clone(), work(job.clone()));
                    tokio::spawn(async move {
                        let result = panic::catch_async(future).await.flatten();
                        if let Err(error) = &result {
                            error.log_causes();
                        }
                        // A job has one result.
                        let _ = own.result.set(result.map_err(|error| error.message()));
                        own.ended.notify_waiters();
                    });
                    jobs.insert(key, job.clone());
                    job
                }
            }
        };
        job.wait().await;
        job
    }
}

impl<T> Job<T> {
    /// Sets how far the job is.
    pub fn set_progress(&self, done: u64, total: u64) {
        self.done.store(done, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    /// Waits a moment for the result; without one in time the page shows the progress.
    async fn wait(&self) {
        let ended = self.ended.notified();
        if self.result.get().is_none() {
            let _ = timeout(PATIENCE, ended).await;
        }
    }

    /// How far the job is, and how much there is in all.
    pub fn progress(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    /// What came of it; `None` while it runs.
    pub fn result(&self) -> Option<std::result::Result<&T, &Message>> {
        self.result.get().map(|result| result.as_ref())
    }
}
