//! A mailer on duty: from the lease it takes to the lease it gives back. In between it starts what
//! is due, sends what is pending, and ends what is done. When the database or the lease fails, the
//! shift ends; the next one begins by settling what was left.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::dispatch;
use super::fault::Fault;
use super::lease::{Lease, TERM};
use super::writer::Writer;
use crate::campaign::state::{self, State};
use crate::campaign::{delivery, launch};
use crate::ground::clock::Millis;
use crate::ground::error::{Error, Message, Result};
use crate::ground::id::Id;
use crate::ground::installation::Installation;
use crate::ground::setting::{self, Setting};

/// Says whether messages may leave at this moment; false while goodbyes wait to be carried out.
pub type Gate = Arc<dyn Fn() -> bool + Send + Sync>;

/// When a mailer goes home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// When it is told to stop.
    Forever,
    /// When nothing is due.
    UntilIdle,
}

/// A mailer on duty.
pub struct Shift {
    /// The installation it works for.
    pub home: Installation,
    /// Whether messages may leave.
    pub gate: Gate,
    lease: Id,
}

/// How long to rest when nothing was due, and between tries while the database is away.
const REST: Duration = Duration::from_millis(250);

/// Sends until told to stop, or until nothing is due. Returns when the next delivery that waits for
/// its time is due, if there is one.
pub async fn work(
    home: &Installation,
    mode: Mode,
    gate: Gate,
    mut stop: watch::Receiver<bool>,
) -> Result<Option<Millis>> {
    loop {
        let ended = serve(home, mode, gate.clone(), stop.clone()).await;
        match ended {
            Ok(next) if mode == Mode::UntilIdle || *stop.borrow() => return Ok(next),
            // Another mailer holds the folder: waiting would hide it.
            Err(error @ Error::Failed(_)) => return Err(error),
            Err(error) if mode == Mode::UntilIdle => return Err(error),
            Err(error) => tracing::warn!(error = %error.message().key, "the shift ended early; a new one begins"),
            Ok(_) => {}
        }
        tokio::select! {
            () = tokio::time::sleep(4 * REST) => {}
            _ = stop.wait_for(|stop| *stop) => return Ok(None),
        }
    }
}

async fn serve(home: &Installation, mode: Mode, gate: Gate, stop: watch::Receiver<bool>) -> Result<Option<Millis>> {
    let (lease, left) = Lease::take(home).await?;
    if left.given_back + left.uncertain > 0 {
        tracing::warn!(given_back = left.given_back, uncertain = left.uncertain, "an earlier mailer had not finished");
    }
    let (halt, halted) = watch::channel(false);
    let shift = Arc::new(Shift { home: home.clone(), gate, lease: lease.id });
    let (writer, writing) = Writer::start(home.clone(), lease.id);
    let (next, kept) = {
        let keeper = keep(home, &lease, &halt, stop);
        let day = shift.day(mode, writer, halted);
        tokio::pin!(keeper, day);
        tokio::select! {
            next = &mut day => (next, Ok(())),
            kept = &mut keeper => (day.await, kept),
        }
    };
    let sound = writing.await.unwrap_or(false);
    lease.end(home).await?;
    kept?;
    if sound { next } else { Err(crashed()) }
}

/// Renews the lease until the mailer is told to stop. When the lease is lost the shift is halted:
/// from then on others may settle what this mailer held.
async fn keep(
    home: &Installation,
    lease: &Lease,
    halt: &watch::Sender<bool>,
    mut stop: watch::Receiver<bool>,
) -> Result<()> {
    let kept = loop {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(TERM.unsigned_abs() / 3)) => {}
            _ = stop.wait_for(|stop| *stop) => break Ok(()),
        }
        match lease.renew(home).await {
            Ok(true) => {}
            Ok(false) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    let _ = halt.send(true);
    kept
}

impl Shift {
    /// The number under which this mailer holds rows.
    pub fn lease(&self) -> Id {
        self.lease
    }

    async fn day(
        self: Arc<Self>,
        mode: Mode,
        writer: Writer,
        mut halt: watch::Receiver<bool>,
    ) -> Result<Option<Millis>> {
        let mut benches: HashMap<Id, JoinHandle<Result<bool>>> = HashMap::new();
        loop {
            let idle = self.tick(&mut benches, &writer, &halt).await;
            let over = *halt.borrow() || !matches!(idle, Ok(false)) && (mode == Mode::UntilIdle || idle.is_err());
            if over {
                for bench in benches.into_values() {
                    bench.await.unwrap_or_else(|_| Err(crashed()))?;
                }
                idle?;
                return self.next_due().await;
            }
            tokio::select! {
                () = tokio::time::sleep(REST) => {}
                _ = halt.wait_for(|halt| *halt) => {}
            }
        }
    }

    /// One look around: starts what is due, sees that every workspace with work has its connections
    /// going, ends what is done. True when there was nothing to do.
    async fn tick(
        self: &Arc<Self>,
        benches: &mut HashMap<Id, JoinHandle<Result<bool>>>,
        writer: &Writer,
        halt: &watch::Receiver<bool>,
    ) -> Result<bool> {
        if *halt.borrow() || !(self.gate)() {
            return Ok(false);
        }
        launch::due(&self.home).await?;
        let mut worked = false;
        for workspace in benches.keys().copied().collect::<Vec<_>>() {
            if benches[&workspace].is_finished()
                && let Some(bench) = benches.remove(&workspace)
            {
                worked |= bench.await.unwrap_or_else(|_| Err(crashed()))?;
            }
        }
        let running = state::in_state(&mut *self.home.db.read().await?, State::Running).await?;
        for campaign in running {
            let due = delivery::is_due(&mut *self.home.db.read().await?, campaign.id, self.home.clock.now()).await?;
            if due && !benches.contains_key(&campaign.workspace) {
                let (shift, writer, halt) = (self.clone(), writer.clone(), halt.clone());
                let bench = async move { dispatch::run(&shift, campaign.workspace, &writer, &halt).await };
                benches.insert(campaign.workspace, tokio::spawn(bench));
            }
            if !due && !benches.contains_key(&campaign.workspace) {
                let mut tx = self.home.db.write().await?;
                state::finish(&mut tx, campaign.id, self.home.clock.now()).await?;
                tx.commit().await?;
            }
        }
        Ok(!worked && benches.is_empty())
    }

    async fn next_due(&self) -> Result<Option<Millis>> {
        let mut conn = self.home.db.read().await?;
        let mut next: Option<Millis> = None;
        for campaign in state::in_state(&mut conn, State::Running).await? {
            let due = delivery::next_due(&mut conn, campaign.id).await?;
            next = [next, due].into_iter().flatten().min();
        }
        Ok(next)
    }
}

/// A task of ours ended before its work was done.
fn crashed() -> Error {
    Error::Db(sqlx::Error::WorkerCrashed)
}

/// What stands in the way of a relay. A success forgets it; when it lasts longer than the patience,
/// or only a change of settings can help, the campaigns are paused. No recipient is ever blamed.
pub struct Trouble {
    patience: Duration,
    inner: Mutex<Option<Broken>>,
}

struct Broken {
    since: Instant,
    failures: u32,
    last: String,
    serious: bool,
}

impl Trouble {
    /// Trouble that is serious after `patience` without a single success.
    pub fn new(patience: Duration) -> Self {
        Self { patience, inner: Mutex::new(None) }
    }

    /// The relay did something right.
    pub fn clear(&self) {
        let mut inner = self.inner.lock().expect("nothing panics while it is held");
        if inner.as_ref().is_some_and(|broken| !broken.serious) {
            *inner = None;
        }
    }

    /// The relay failed; returns after a pause that grows with the failures.
    pub async fn report(&self, fault: &Fault) {
        tracing::warn!(phase = %fault.phase, cause = fault.message().key, "the relay failed");
        self.fail(fault.message(), fault.is_configuration()).await;
    }

    /// The same for what is no SMTP fault.
    pub async fn fail(&self, why: Message, hopeless: bool) {
        let rest = {
            let mut inner = self.inner.lock().expect("nothing panics while it is held");
            let broken = inner.get_or_insert_with(|| Broken {
                since: Instant::now(),
                failures: 0,
                last: String::new(),
                serious: false,
            });
            broken.failures += 1;
            broken.last = why.pack();
            broken.serious |= hopeless || broken.since.elapsed() >= self.patience;
            if broken.serious { Duration::ZERO } else { Duration::from_millis(100 << broken.failures.min(5)) }
        };
        tokio::time::sleep(rest).await;
    }

    /// True when sending should stop.
    pub fn is_serious(&self) -> bool {
        self.inner.lock().expect("nothing panics while it is held").as_ref().is_some_and(|broken| broken.serious)
    }

    /// Why sending stopped, as a packed message.
    pub fn verdict(&self) -> Option<String> {
        let inner = self.inner.lock().expect("nothing panics while it is held");
        inner.as_ref().filter(|broken| broken.serious).map(|broken| broken.last.clone())
    }
}

/// How long a relay may fail before its campaigns are paused.
pub async fn patience(home: &Installation) -> Result<Duration> {
    let seconds = setting::get(&mut *home.db.read().await?, Setting::RelayPatience).await?;
    Ok(Duration::from_secs(seconds.parse().unwrap_or(30)))
}
