//! Work that may take longer than a page: it goes on in the background, and pages show its progress until its result is there.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::panic;

/// How long a page waits for a result before it shows the progress.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// How long a page waits for a count before it shows the last one, or that it is being counted.
const PATIENCE_FOR_COUNT: Duration = Duration::from_millis(80);

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
        self.run_within(key, PATIENCE, work).await
    }

    async fn run_within<F>(&self, key: Id, patience: Duration, work: impl FnOnce(Arc<Job<T>>) -> F) -> Arc<Job<T>>
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
        job.wait(patience).await;
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
    async fn wait(&self, patience: Duration) {
        let ended = self.ended.notified();
        if self.result.get().is_none() {
            let _ = timeout(patience, ended).await;
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

/// Counts that take longer than a page, by the key of what is counted: a page shows the last one while a newer one is made.
#[derive(Debug)]
pub struct Counts<T> {
    jobs: Jobs<T>,
    last: Mutex<HashMap<Id, (T, Instant)>>,
}

impl<T> Default for Counts<T> {
    fn default() -> Self {
        Self { jobs: Jobs::default(), last: Mutex::default() }
    }
}

impl<T: Clone + Send + Sync + 'static> Counts<T> {
    /// The count of this key, at most so old unless a newer one takes its time; `None` while the first one is made.
    pub async fn get<F>(&self, key: Id, oldest: Duration, work: impl FnOnce() -> F) -> Option<T>
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some((count, at)) = &last
            && at.elapsed() < oldest
        {
            return Some(count.clone());
        }
        let job = self.jobs.run_within(key, PATIENCE_FOR_COUNT, |_| work()).await;
        match job.result() {
            Some(Ok(count)) => {
                let mut counted = self.last.lock().unwrap_or_else(PoisonError::into_inner);
                counted.insert(key, (count.clone(), Instant::now()));
                self.jobs.forget(key);
                Some(count.clone())
            }
            Some(Err(_)) => {
                self.jobs.forget(key);
                last.map(|(count, _)| count)
            }
            None => last.map(|(count, _)| count),
        }
    }

    /// Forgets the count of this key, because what it counts was changed.
    pub fn forget(&self, key: Id) {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        self.jobs.forget(key);
    }
}
