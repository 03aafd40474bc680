//! What a command that runs for long keeps an eye on: the word to stop, and whether the store it
//! works on is still in use. While the store is carried elsewhere nothing is sent; once it is
//! elsewhere, the command ends.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::serve::stop_signal;
use crate::infra::clock::Millis;
use crate::infra::db::is_missing_table;
use crate::infra::db::store_status::StoreState;
use crate::infra::error::{Error, Message, Result};
use crate::infra::installation::Installation;
use crate::mailer::scheduler::{self, Mode, SendGate};

/// How often the store is asked.
const LOOK: Duration = Duration::from_millis(500);

/// How long sending rests after a mailer has ended for a reason of its own: it doubles each time, up to
/// the second. A mailer that lasted longer than that begins anew.
const RESTS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Watches for one command.
#[derive(Clone)]
pub struct Vigil {
    /// True once the command is to end.
    pub stop: watch::Receiver<bool>,
    /// True while nothing may be sent.
    rest: watch::Receiver<bool>,
    left: Arc<OnceLock<Message>>,
}

impl Vigil {
    /// Begins. The first look is over when this returns.
    pub async fn start(installation: &Installation) -> Result<Self> {
        let resting = installation.db.store_status().await?.is_some();
        let (stop, stopped) = watch::channel(false);
        let (rest, rested) = watch::channel(resting);
        let left = Arc::<OnceLock<Message>>::default();
        tokio::spawn(watch(installation.clone(), stop_signal(), stop, rest, left.clone()));
        Ok(Self { stop: stopped, rest: rested, left })
    }

    /// Sends while nothing stands against it, until the command is to end or, with
    /// [`Mode::UntilIdle`], nothing is due.
    pub async fn send(&self, installation: &Installation, mode: Mode, gate: SendGate) -> Result<Option<Millis>> {
        loop {
            if mode == Mode::UntilIdle
                && let Some(standing) = installation.db.store_status().await?
            {
                return Err(standing.refusal());
            }
            let mut rest = self.rest.clone();
            let mut stop = self.stop.clone();
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return Ok(None),
                _ = rest.wait_for(|rest| !*rest) => {}
            }
            let next = scheduler::run(installation, mode, gate.clone(), self.rest.clone()).await?;
            if *self.stop.borrow() || mode == Mode::UntilIdle && !*self.rest.borrow() {
                return Ok(next);
            }
        }
    }

    /// Sends until the command is to end, whatever ends a mailer meanwhile: for a process whose pages
    /// must stay open. The reason is logged, told to those who ask how it is, and sending tried again.
    pub async fn insist(&self, installation: &Installation, gate: SendGate) -> Result<Option<Millis>> {
        let _meant = installation.mailer_status.mailers.increment();
        let (mut rest, longest) = RESTS;
        loop {
            let began = Instant::now();
            let error = match self.send(installation, Mode::Forever, gate.clone()).await {
                Ok(next) => return Ok(next),
                Err(error) => error,
            };
            let why = error.message().key;
            installation.mailer_status.record_exit(why);
            rest = if began.elapsed() > longest { RESTS.0 } else { rest };
            tracing::error!(error = why, seconds = rest.as_secs(), "sending has ended; it is tried again");
            let mut stop = self.stop.clone();
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return Ok(None),
                () = tokio::time::sleep(rest) => rest = (2 * rest).min(longest),
            }
        }
    }

    /// An error when the command ended because the data are elsewhere.
    pub fn verdict(&self) -> Result<()> {
        self.left.get().map_or(Ok(()), |message| Err(Error::StoreClosed(message.clone())))
    }
}

async fn watch(
    installation: Installation,
    mut asked: watch::Receiver<bool>,
    stop: watch::Sender<bool>,
    rest: watch::Sender<bool>,
    left: Arc<OnceLock<Message>>,
) {
    loop {
        tokio::select! {
            _ = asked.wait_for(|asked| *asked) => break,
            () = tokio::time::sleep(LOOK) => {}
        }
        // A database that hangs must not hold up the word to stop.
        let standing = tokio::select! {
            _ = asked.wait_for(|asked| *asked) => break,
            standing = installation.db.store_status() => standing,
        };
        let why = match standing {
            Ok(Some(standing)) if standing.state == StoreState::Moved => standing.refusal().message(),
            Ok(standing) => {
                let resting = standing.is_some();
                if rest.send_if_modified(|rest| std::mem::replace(rest, resting) != resting) {
                    tracing::warn!(resting, "sending rests while the data are carried elsewhere");
                }
                continue;
            }
            // The old store was removed before anyone here looked.
            Err(Error::Db(error)) if is_missing_table(&error) => Message::new("store-gone"),
            // A database that is away is for others to report.
            Err(_) => continue,
        };
        // Set once, by this task alone.
        let _ = left.set(why);
        break;
    }
    let _ = rest.send(true);
    let _ = stop.send(true);
}
