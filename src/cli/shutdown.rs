//! Shutdown of the process: SIGTERM or Ctrl-C, and the time it may take.

use std::time::Duration;

use tokio::sync::watch;

/// The time from the signal to the end of the process, whatever hangs. Messages in flight have 20 seconds of it.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(24);

/// A shutdown signal: true once the process is asked to stop (SIGTERM or Ctrl-C).
pub fn signal() -> watch::Receiver<bool> {
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        wait_for_signal().await;
        let _ = stop.send(true);
    });
    stopped
}

/// Waits for the shutdown signal.
pub async fn requested(mut stop: watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

/// Waits until the process should have ended: a database or a disk that hangs must not delay its end. Deliveries
/// whose result is not stored by then will be uncertain.
pub async fn overdue() {
    requested(signal()).await;
    tokio::time::sleep(SHUTDOWN_TIMEOUT).await;
}

#[cfg(unix)]
async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

#[cfg(not(unix))]
async fn wait_for_signal() {
    drop(tokio::signal::ctrl_c().await);
}
