//! The word that ends work: a round is over, the program is asked to stop.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::poll_immediate;
use tokio::sync::watch;

/// How long a letter that is on the wire may take to end once the program is asked to stop.
const DRAIN: Duration = Duration::from_secs(20);

/// Waits until the word is given.
pub async fn stopped(mut word: watch::Receiver<bool>) {
    if word.wait_for(|word| *word).await.is_err() {
        std::future::pending().await
    }
}

/// What comes of it, unless the word is given first. Where it need not wait, the word is not asked for.
pub async fn or_stopped<T>(word: &watch::Receiver<bool>, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    if let Some(done) = poll_immediate(work.as_mut()).await {
        return Some(done);
    }
    tokio::select! {
        biased;
        () = stopped(word.clone()) => None,
        done = work => Some(done),
    }
}

/// Waits until a text that is on the wire has had its time after the word.
pub async fn drain_expired(stop: watch::Receiver<bool>) {
    stopped(stop).await;
    tokio::time::sleep(DRAIN).await;
}
