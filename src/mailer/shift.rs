//! A mailer on duty: from the lease it takes to the lease it gives back. In between it starts what
//! is due, sends what is pending, and ends what is done. When the database or the lease fails, the
//! shift ends; the next one begins by settling what was left.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::dispatch;
use super::lease::{Lease, Left, Pulse, sweep};
use super::trouble::Trouble;
use super::worker::told;
use super::writer::Writer;
use crate::campaign::delivery::claim::Hand;
use crate::campaign::state::{self, State};
use crate::campaign::{delivery, launch};
use crate::ground::clock::Millis;
use crate::ground::error::{Error, Result};
use crate::ground::id::Id;
use crate::ground::installation::Installation;

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
    /// What it has claimed and not marked, where it alone sends.
    pub hand: Arc<Hand>,
    lease: Id,
    pulse: Pulse,
    troubles: Mutex<HashMap<Id, Arc<Trouble>>>,
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
    let _at_work = home.duty.mailers.raise();
    loop {
        let ended = Box::pin(serve(home, mode, gate.clone(), stop.clone())).await;
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
    let (mut lease, left) = Lease::take(home).await?;
    if left != Left::default() {
        let Left { given_back, uncertain, resent, halted } = left;
        tracing::warn!(given_back, uncertain, resent, halted, "an earlier mailer had not finished");
    }
    let (halt, halted) = watch::channel(false);
    let hand = Arc::<Hand>::default();
    let (writer, writing) = Writer::start(home.clone(), lease.id, hand.clone(), halt.clone());
    let (id, pulse) = (lease.id, lease.pulse());
    let shift = Shift { home: home.clone(), gate, hand, lease: id, pulse, troubles: Mutex::default() };
    let (next, sound, kept) = {
        let keeper = keep(home, &mut lease, &halt, stop);
        let day = Arc::new(shift).day(mode, writer, halted);
        let duty = async { (day.await, writing.await.unwrap_or(false)) };
        tokio::pin!(keeper, duty);
        tokio::select! {
            (next, sound) = &mut duty => (next, sound, Ok(())),
            kept = &mut keeper => {
                let (next, sound) = duty.await;
                (next, sound, kept)
            }
        }
    };
    lease.end(home).await?;
    kept?;
    if sound { next } else { Err(crashed()) }
}

/// Renews the lease for as long as anything is on the wire, also while the mailer goes home. Returns
/// when the lease is lost, with the shift halted: from then on others may settle what it held.
async fn keep(
    home: &Installation,
    lease: &mut Lease,
    halt: &watch::Sender<bool>,
    stop: watch::Receiver<bool>,
) -> Result<()> {
    let _held = home.duty.leases.raise();
    let third = Duration::from_millis(lease.pulse().term().unsigned_abs() / 3);
    let renewing = async {
        loop {
            tokio::time::sleep(third).await;
            if let Err(lost) = renew(home, lease).await {
                return lost;
            }
            // What this does not get to is done at the next renewal, or by someone else.
            if let Ok(Err(error)) = timeout(third, sweep(home)).await {
                tracing::warn!(error = error.message().key, "what others left was not looked at");
            }
        }
    };
    tokio::pin!(renewing);
    let lost = tokio::select! {
        lost = &mut renewing => lost,
        () = told(stop) => {
            let _ = halt.send(true);
            renewing.await
        }
    };
    let _ = halt.send(true);
    tracing::warn!(error = lost.message().key, "the lease is lost; nothing more is begun");
    Err(lost)
}

/// Renews the lease. A database that hesitates has as long as the lease holds; then its silence is
/// as bad as a no.
async fn renew(home: &Installation, lease: &mut Lease) -> Result<()> {
    loop {
        match timeout(lease.pulse().left(), lease.renew(home)).await {
            Ok(Ok(true)) => return Ok(()),
            Ok(Ok(false)) => return Err(Error::Fenced),
            Ok(Err(Error::Db(_))) if lease.pulse().is_fresh() => tokio::time::sleep(REST).await,
            Ok(Err(error)) => return Err(error),
            Err(_) => return Err(Error::Db(sqlx::Error::PoolTimedOut)),
        }
    }
}

impl Shift {
    /// The number under which this mailer holds rows.
    pub fn lease(&self) -> Id {
        self.lease
    }

    /// Whether its lease holds.
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// What stands in the way of the relay of a workspace. It outlives a round of sending: one that
    /// ends for want of letters is no sign that the relay is well.
    pub fn trouble(&self, workspace: Id) -> Arc<Trouble> {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.entry(workspace).or_default().clone()
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
        let mut held = false;
        for campaign in running {
            let due = delivery::is_due(&mut *self.home.db.read().await?, campaign.id, self.home.clock.now()).await?;
            if due && !benches.contains_key(&campaign.workspace) {
                let (shift, writer, halt) = (self.clone(), writer.clone(), halt.clone());
                let bench = async move { dispatch::run(&shift, campaign.workspace, &writer, &halt).await };
                benches.insert(campaign.workspace, tokio::spawn(bench));
            }
            if !due && !benches.contains_key(&campaign.workspace) {
                let mut tx = self.home.db.write().await?;
                let finished = state::finish(&mut tx, campaign.id, self.home.clock.now()).await?;
                tx.commit().await?;
                held |=
                    !finished && delivery::is_held(&mut *self.home.db.read().await?, campaign.id, self.lease).await?;
            }
        }
        Ok(!worked && !held && benches.is_empty())
    }

    async fn next_due(&self) -> Result<Option<Millis>> {
        let mut conn = self.home.db.read().await?;
        let mut next: Option<Millis> = None;
        for campaign in state::in_state(&mut conn, State::Running).await? {
            let due = delivery::next_due(&mut conn, campaign.id).await?;
            // What is due at once has a time long past.
            next = [next, due.map(|due| due.max(self.home.clock.now()))].into_iter().flatten().min();
        }
        Ok(next)
    }
}

/// A task of ours ended before its work was done.
fn crashed() -> Error {
    Error::Db(sqlx::Error::WorkerCrashed)
}
