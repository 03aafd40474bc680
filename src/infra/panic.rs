//! Panics that were caught: a bug in the work on one item is contained there, counted, and shown by the health check.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;

use super::error::{Error, Message};

/// Catalogue key of an error that stands for a panic.
const KEY: &str = "panicked";

/// How long the health check shows a panic.
const SHOWN_FOR: Duration = Duration::from_secs(60 * 60);

/// Runs `work`. The error stands for a panic; what `work` borrowed mutably must be discarded or reset then.
pub fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| error())
}

/// The same for asynchronous work.
pub async fn catch_async<T>(work: impl Future<Output = T>) -> Result<T, Error> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|_| error())
}

/// The error that stands for a panic.
pub fn error() -> Error {
    Message::new(KEY).internal()
}

/// True for the error that stands for a panic.
pub fn is_panic(error: &Error) -> bool {
    matches!(error, Error::Internal(message) if message.key == KEY)
}

/// Logs where a panic happens, and not its text, which may hold a value of a contact.
pub fn set_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
        tracing::error!(at, "a bug: a panic");
    }));
}

/// The panics that this process has caught. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct PanicCounter(Arc<Mutex<Caught>>);

#[derive(Debug, Default)]
struct Caught {
    count: u64,
    last: Option<(&'static str, Instant)>,
}

impl PanicCounter {
    /// Counts a panic. `part` is the word for the part of the program that it happened in, as the sentence
    /// `health-panics` knows it.
    pub fn record(&self, part: &'static str) {
        let mut caught = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        caught.count += 1;
        caught.last = Some((part, Instant::now()));
        tracing::error!(part, count = caught.count, "a panic was contained");
    }

    /// The number of panics, and the part that the last one happened in; `None` when there was none in the last hour.
    pub fn recent(&self) -> Option<(u64, &'static str)> {
        let caught = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (part, at) = caught.last?;
        (at.elapsed() < SHOWN_FOR).then_some((caught.count, part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_an_error_and_is_counted() {
        assert_eq!(catch(|| 1).expect("no panic"), 1);
        assert!(is_panic(&catch(|| panic!("a bug")).map(|()| 1).expect_err("a panic")));
        assert!(is_panic(&catch_async(async { panic!("a bug") }).await.map(|()| 1).expect_err("a panic")));

        let panics = PanicCounter::default();
        assert_eq!(panics.recent(), None);
        panics.record("connection");
        panics.clone().record("composer");
        assert_eq!(panics.recent(), Some((2, "composer")));
    }
}
