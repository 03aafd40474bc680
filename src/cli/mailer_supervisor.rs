//! Supervisor of a mailer: starts it, restarts it, and stops it on the shutdown signal or when the store is moved.
//!
//! While the data are being moved to another store nothing is sent; once they are moved, the command ends.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::shutdown;
use crate::infra::clock::Millis;
use crate::infra::db::is_missing_table;
use crate::infra::db::store_status::StoreState;
use crate::infra::error::{Error, Message, Result};
use crate::infra::installation::Installation;
use crate::infra::panic;
use crate::mailer::scheduler::{self, Mode, SendGate};

/// How often the state of the store is read.
const STORE_POLL_INTERVAL: Duration = Duration::from_millis(500);

/// The delay before a failed mailer is restarted; it doubles up to the maximum, and starts again after a mailer that
/// ran longer than that.
const MIN_RESTART_DELAY: Duration = Duration::from_secs(1);
const MAX_RESTART_DELAY: Duration = Duration::from_secs(60);

/// Supervises the mailer of one command. Cheap to clone.
#[derive(Clone)]
pub struct MailerSupervisor {
    /// True once the command is to end.
    pub stop: watch::Receiver<bool>,
    /// True while nothing may be sent.
    suspended: watch::Receiver<bool>,
    /// Why the command ends, when the store was moved.
    moved: Arc<OnceLock<Message>>,
}

impl MailerSupervisor {
    /// Reads the state of the store and begins to watch it.
    pub async fn start(installation: &Installation) -> Result<Self> {
        let is_closed = installation.db.store_status().await?.is_some();
        let (stop, stopped) = watch::channel(false);
        let (suspend, suspended) = watch::channel(is_closed);
        let moved = Arc::<OnceLock<Message>>::default();
        tokio::spawn(watch_store(installation.clone(), shutdown::signal(), stop, suspend, moved.clone()));
        Ok(Self { stop: stopped, suspended, moved })
    }

    /// Sends until the command is to end or, with [`Mode::UntilIdle`], nothing is due. Suspends while the store is
    /// being moved. Returns when the next delivery is due.
    ///
    /// # Errors
    ///
    /// What ended the mailer; with [`Mode::UntilIdle`] also a store that is being moved.
    pub async fn send(&self, installation: &Installation, mode: Mode, gate: SendGate) -> Result<Option<Millis>> {
        loop {
            if mode == Mode::UntilIdle
                && let Some(status) = installation.db.store_status().await?
            {
                return Err(status.refusal());
            }
            let (mut suspended, mut stop) = (self.suspended.clone(), self.stop.clone());
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return Ok(None),
                _ = suspended.wait_for(|suspended| !*suspended) => {}
            }
            let next_due = scheduler::run(installation, mode, gate.clone(), self.suspended.clone()).await?;
            if *self.stop.borrow() || mode == Mode::UntilIdle && !*self.suspended.borrow() {
                return Ok(next_due);
            }
        }
    }

    /// Sends until the command is to end, and restarts the mailer after every failure: for a process whose pages must
    /// stay open. The failure is logged and shown by the health check.
    pub async fn run_with_restart(&self, installation: &Installation, gate: SendGate) -> Result<Option<Millis>> {
        let _wanted = installation.mailer_status.mailers.increment();
        let mut delay = MIN_RESTART_DELAY;
        loop {
            let began = Instant::now();
            let sent = panic::catch_async(self.send(installation, Mode::Forever, gate.clone())).await.flatten();
            let error = match sent {
                Ok(next_due) => return Ok(next_due),
                Err(error) => error,
            };
            let key = error.message().key;
            installation.mailer_status.record_exit(key);
            delay = if began.elapsed() > MAX_RESTART_DELAY { MIN_RESTART_DELAY } else { delay };
            tracing::error!(error = key, seconds = delay.as_secs(), "the mailer has ended and will be restarted");
            let mut stop = self.stop.clone();
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return Ok(None),
                () = tokio::time::sleep(delay) => delay = (2 * delay).min(MAX_RESTART_DELAY),
            }
        }
    }

    /// An error when the command ended because the store was moved.
    pub fn exit_error(&self) -> Result<()> {
        self.moved.get().map_or(Ok(()), |message| Err(Error::StoreClosed(message.clone())))
    }
}

async fn watch_store(
    installation: Installation,
    mut requested: watch::Receiver<bool>,
    stop: watch::Sender<bool>,
    suspend: watch::Sender<bool>,
    moved: Arc<OnceLock<Message>>,
) {
    loop {
        tokio::select! {
            _ = requested.wait_for(|requested| *requested) => break,
            () = tokio::time::sleep(STORE_POLL_INTERVAL) => {}
        }
        // A database that hangs must not delay the shutdown.
        let status = tokio::select! {
            _ = requested.wait_for(|requested| *requested) => break,
            status = installation.db.store_status() => status,
        };
        let message = match status {
            Ok(Some(status)) if status.state == StoreState::Moved => status.refusal().message(),
            Ok(status) => {
                let is_closed = status.is_some();
                if suspend.send_if_modified(|suspended| std::mem::replace(suspended, is_closed) != is_closed) {
                    tracing::warn!(suspended = is_closed, "sending is suspended while the store is being moved");
                }
                continue;
            }
            // The old store was wiped before its new state was read here.
            Err(Error::Db(error)) if is_missing_table(&error) => Message::new("store-wiped"),
            // A database that is away is reported by the mailer and the health check.
            Err(_) => continue,
        };
        // Only this task sets it, once.
        let _ = moved.set(message);
        break;
    }
    let _ = suspend.send(true);
    let _ = stop.send(true);
}
