//! Time under the scheduler: it decides how long something took and whether a timeout has expired.

use std::future::poll_fn;
use std::ops::Add;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use shuttle::rand::{Rng, thread_rng};

/// How often a future is polled before its timeout expires.
const POLLS: usize = 3;

/// A moment; all moments are equal.
#[derive(Clone, Copy)]
pub struct Instant;

/// The timeout expired.
pub struct Elapsed;

impl Instant {
    pub fn now() -> Self {
        Self
    }

    /// Zero, or one second.
    pub fn elapsed(self) -> Duration {
        if thread_rng().gen_bool(0.5) { Duration::ZERO } else { Duration::from_secs(1) }
    }
}

impl Add<Duration> for Instant {
    type Output = Self;
    fn add(self, _: Duration) -> Self {
        self
    }
}

pub async fn sleep(_: Duration) {
    shuttle::future::yield_now().await;
}

pub async fn timeout_at<F: Future>(_: Instant, future: F) -> Result<F::Output, Elapsed> {
    let (mut future, mut polls) = (pin!(future), 0);
    poll_fn(|context| {
        if let Poll::Ready(done) = future.as_mut().poll(context) {
            return Poll::Ready(Ok(done));
        }
        polls += 1;
        if polls == POLLS {
            return Poll::Ready(Err(Elapsed));
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}
