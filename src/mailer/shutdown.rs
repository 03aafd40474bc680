//! Shutdown signals: a `watch` channel that becomes true when a send round or the process must stop.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::poll_immediate;
use tokio::sync::watch;

/// How long a message on the wire may take to end after the shutdown signal.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// Waits for the signal.
pub async fn stopped(mut signal: watch::Receiver<bool>) {
    if signal.wait_for(|stop| *stop).await.is_err() {
        std::future::pending().await
    }
}

/// Runs `work`; returns `None` if the signal comes first. Work that is ready at once does not check the signal.
pub async fn or_stopped<T>(signal: &watch::Receiver<bool>, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    if let Some(done) = poll_immediate(work.as_mut()).await {
        return Some(done);
    }
    tokio::select! {
        biased;
        () = stopped(signal.clone()) => None,
        done = work => Some(done),
    }
}

/// Waits for the signal and then for `DRAIN_TIMEOUT`.
pub async fn drain_expired(signal: watch::Receiver<bool>) {
    stopped(signal).await;
    tokio::time::sleep(DRAIN_TIMEOUT).await;
}
