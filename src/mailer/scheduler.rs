//! A mailer on duty: from the lease it takes to the lease it gives back. In between it starts what
//! is due, sends what is pending, and ends what is done. When the database or the lease fails, the
//! shift ends; the next one begins by settling what was left.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout};

use super::keyed_tasks::KeyedTasks;
use super::lease::{Lease, Recovered, sweep};
use super::lease_freshness::LeaseFreshness;
use super::limits::relay_breaker::RelayBreaker;
use super::queue::group_commit::GroupCommit;
use super::relay::Relay;
use super::send_round;
use super::shutdown::stopped;
use crate::campaign::delivery::claim::InFlight;
use crate::campaign::model::{self, State};
use crate::campaign::{delivery, launch};
use crate::infra::clock::Millis;
use crate::infra::error::{Error, Result};
use crate::infra::failpoint::{self, Bug};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// Says whether messages may leave at this moment; false while goodbyes wait to be carried out.
pub type SendGate = Arc<dyn Fn() -> bool + Send + Sync>;

/// When a mailer goes home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// When it is told to stop.
    Forever,
    /// When nothing is due.
    UntilIdle,
}

/// A mailer on duty.
pub struct Scheduler {
    /// The installation it works for.
    pub installation: Installation,
    /// Whether messages may leave.
    pub gate: SendGate,
    /// What it has claimed and not marked.
    pub hand: Arc<InFlight>,
    lease: Id,
    pulse: LeaseFreshness,
    troubles: Mutex<HashMap<Id, (Relay, Arc<RelayBreaker>)>>,
    /// Campaigns that ran when it last looked, by workspace.
    seen: Mutex<HashMap<Id, HashSet<Id>>>,
    waits: Mutex<HashMap<Id, Wait>>,
    /// Connections of rounds that are over, with a message still on the wire.
    draining: Mutex<Vec<JoinSet<()>>>,
}

/// The letters of a campaign that are due must all wait: for tomorrow's quota, or for a lane that is
/// paused.
struct Wait {
    noted: Instant,
    until: Option<Millis>,
}

/// How long a wait is believed before it is looked at again: limits may be changed at any time.
const BELIEVED: Duration = Duration::from_secs(2);

/// How long to rest when nothing was due, and between tries while the database is away.
const REST: Duration = Duration::from_millis(250);

/// Sends until told to stop, or until nothing is due. Returns when the next delivery that waits for
/// its time is due, if there is one.
pub async fn run(
    installation: &Installation,
    mode: Mode,
    gate: SendGate,
    mut stop: watch::Receiver<bool>,
) -> Result<Option<Millis>> {
    let _at_work = installation.mailer_status.mailers.increment();
    loop {
        let ended = Box::pin(serve(installation, mode, gate.clone(), stop.clone())).await;
        match ended {
            Ok(next) if mode == Mode::UntilIdle || *stop.borrow() => return Ok(next),
            // Another mailer holds the folder: waiting would hide it.
            Err(error @ (Error::Internal(_) | Error::Unavailable(_))) => return Err(error),
            Err(error) if mode == Mode::UntilIdle => return Err(error),
            Err(error) => tracing::warn!(error = %error.message().key, "the shift ended early; a new one begins"),
            Ok(_) => {}
        }
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return Ok(None),
            () = tokio::time::sleep(4 * REST) => {}
        }
    }
}

async fn serve(
    installation: &Installation,
    mode: Mode,
    gate: SendGate,
    stop: watch::Receiver<bool>,
) -> Result<Option<Millis>> {
    let (mut lease, left) = Lease::acquire(installation).await?;
    if left != Recovered::default() {
        let Recovered { given_back, uncertain, resent, halted } = left;
        tracing::warn!(given_back, uncertain, resent, halted, "an earlier mailer had not finished");
    }
    let (halt, halted) = watch::channel(false);
    let hand = Arc::<InFlight>::default();
    let (writer, writing) = GroupCommit::start(installation.clone(), lease.id, hand.clone(), halt.clone());
    let writing = AbortOnDrop(writing);
    let shift = Arc::new(Scheduler {
        installation: installation.clone(),
        gate: if failpoint::has_bug(Bug::SkipFinalCheck) { Arc::new(|| true) } else { gate },
        hand,
        lease: lease.id,
        pulse: lease.pulse(),
        troubles: Mutex::default(),
        seen: Mutex::default(),
        waits: Mutex::default(),
        draining: Mutex::default(),
    });
    let (next, sound, kept) = {
        let keeper = keep(installation, &mut lease, &halt, stop);
        let day = shift.clone().day(mode, writer, halted);
        let duty = async { (day.await, writing.join().await) };
        tokio::pin!(keeper, duty);
        tokio::select! {
            biased;
            (next, sound) = &mut duty => (next, sound, Ok(())),
            kept = &mut keeper => {
                let (next, sound) = duty.await;
                (next, sound, kept)
            }
        }
    };
    lease.end(installation).await?;
    kept?;
    if sound { next } else { Err(crashed()) }
}

/// Renews the lease for as long as anything is on the wire, also while the mailer goes home. Returns
/// when the lease is lost, with the shift halted: from then on others may settle what it held.
async fn keep(
    installation: &Installation,
    lease: &mut Lease,
    halt: &watch::Sender<bool>,
    stop: watch::Receiver<bool>,
) -> Result<()> {
    let _held = installation.mailer_status.leases.increment();
    let third = Duration::from_millis(lease.pulse().term().unsigned_abs() / 3);
    let renewing = async {
        loop {
            tokio::time::sleep(third).await;
            if let Err(lost) = renew(installation, lease).await {
                return lost;
            }
            // What this does not get to is done at the next renewal, or by someone else.
            if let Ok(Err(error)) = timeout(third, sweep(installation)).await {
                tracing::warn!(error = error.message().key, "what others left was not looked at");
            }
        }
    };
    tokio::pin!(renewing);
    let lost = tokio::select! {
        biased;
        lost = &mut renewing => lost,
        () = stopped(stop) => {
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
async fn renew(installation: &Installation, lease: &mut Lease) -> Result<()> {
    loop {
        match timeout(lease.pulse().left(), lease.renew(installation)).await {
            Ok(Ok(true)) => return Ok(()),
            Ok(Ok(false)) if failpoint::has_bug(Bug::SendWithoutLease) => return Ok(()),
            Ok(Ok(false)) => return Err(Error::Fenced),
            Ok(Err(Error::Db(_))) if lease.pulse().is_fresh() => tokio::time::sleep(REST).await,
            Ok(Err(error)) => return Err(error),
            Err(_) => return Err(Error::Db(sqlx::Error::PoolTimedOut)),
        }
    }
}

/// A task that is aborted with its owner: a mailer whose [`run`] is dropped leaves no task behind.
struct AbortOnDrop(JoinHandle<bool>);

impl AbortOnDrop {
    /// Waits for the task; false when it panicked.
    async fn join(mut self) -> bool {
        (&mut self.0).await.unwrap_or(false)
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Scheduler {
    /// Keeps the connections of a round that is over until their messages have ended.
    pub fn drain(&self, connections: JoinSet<()>) {
        let mut draining = self.draining.lock().unwrap_or_else(PoisonError::into_inner);
        draining.push(connections);
        draining.retain_mut(|connections| {
            while connections.try_join_next().is_some() {}
            !connections.is_empty()
        });
    }

    /// The number under which this mailer holds rows.
    pub fn lease(&self) -> Id {
        self.lease
    }

    /// Whether its lease holds.
    pub fn pulse(&self) -> LeaseFreshness {
        self.pulse.clone()
    }

    /// What stands in the way of a relay. It outlives a round of sending: one that ends for want of
    /// letters is no sign that the relay is well. One that was changed begins anew.
    pub fn trouble(&self, relay: &Relay) -> Arc<RelayBreaker> {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        match troubles.get(&relay.id) {
            Some((known, trouble)) if known == relay => trouble.clone(),
            _ => {
                let trouble = Arc::<RelayBreaker>::default();
                troubles.insert(relay.id, (relay.clone(), trouble.clone()));
                trouble
            }
        }
    }

    /// Takes in which campaigns of a workspace run; returns those that did not when it last looked.
    pub fn see(&self, workspace: Id, running: HashSet<Id>) -> HashSet<Id> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = seen.insert(workspace, running.clone()).unwrap_or_default();
        running.difference(&before).copied().collect()
    }

    /// Notes that what is due of a campaign must wait: until a time, or until someone acts.
    pub fn note_wait(&self, campaign: Id, until: Option<Millis>) {
        self.waits().insert(campaign, Wait { noted: Instant::now(), until });
    }

    /// Notes that a campaign has letters which may leave.
    pub fn note_free(&self, campaign: Id) {
        self.waits().remove(&campaign);
    }

    fn is_waiting(&self, campaign: Id) -> bool {
        self.waits().get(&campaign).is_some_and(|wait| wait.noted.elapsed() < BELIEVED)
    }

    fn waits(&self) -> MutexGuard<'_, HashMap<Id, Wait>> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn day(
        self: Arc<Self>,
        mode: Mode,
        writer: GroupCommit,
        mut halt: watch::Receiver<bool>,
    ) -> Result<Option<Millis>> {
        let (mut rounds, mut ended) = (KeyedTasks::default(), None);
        loop {
            let idle = self.tick(&mut rounds, ended.take(), &writer, &halt).await;
            let over = *halt.borrow() || !matches!(idle, Ok(false)) && (mode == Mode::UntilIdle || idle.is_err());
            if over {
                while let Some(ended) = rounds.ended().await {
                    self.close(ended).await?;
                }
                idle?;
                return self.next_due().await;
            }
            tokio::select! {
                biased;
                _ = halt.wait_for(|halt| *halt) => {}
                one = rounds.ended(), if !rounds.is_empty() => ended = one,
                () = tokio::time::sleep(REST) => {}
            }
        }
    }

    /// One look around: takes in what round has ended, starts what is due, sees that every workspace with
    /// work has its connections going, ends what is done. True when there was nothing to do.
    async fn tick(
        self: &Arc<Self>,
        rounds: &mut KeyedTasks<Id>,
        ended: Option<(Id, Result<()>)>,
        writer: &GroupCommit,
        halt: &watch::Receiver<bool>,
    ) -> Result<bool> {
        if let Some(ended) = ended {
            self.close(ended).await?;
            writer.settle().await;
        }
        if *halt.borrow() || !(self.gate)() {
            return Ok(false);
        }
        launch::run_due(&self.installation).await?;
        let running = model::list_in_state(&mut *self.installation.db.read().await?, State::Running).await?;
        let mut held = false;
        for campaign in running {
            let due = !self.is_waiting(campaign.id)
                && delivery::is_due(
                    &mut *self.installation.db.read().await?,
                    campaign.id,
                    self.installation.clock.now(),
                )
                .await?;
            if due && !rounds.has(&campaign.workspace) {
                let (shift, writer, halt) = (self.clone(), writer.clone(), halt.clone());
                let round = async move { send_round::run(&shift, campaign.workspace, &writer, &halt).await };
                rounds.start(campaign.workspace, round);
            }
            if !due && !rounds.has(&campaign.workspace) {
                let mut tx = self.installation.db.write().await?;
                let finished = model::finish(&mut tx, campaign.id, self.installation.clock.now()).await?;
                tx.commit().await?;
                held |= !finished
                    && delivery::is_held(&mut *self.installation.db.read().await?, campaign.id, self.lease).await?;
            }
        }
        Ok(!held && rounds.is_empty())
    }

    /// Takes in how a round of a workspace has ended. What went wrong in it, and not with the database, is
    /// said in the reason of its campaigns, and the others go on.
    async fn close(&self, (workspace, ended): (Id, Result<()>)) -> Result<()> {
        match ended {
            Err(error) if !error.is_outage() => send_round::stand_still(self, workspace, &error.message()).await,
            ended => ended,
        }
    }

    /// When the next letter leaves that has to wait: for its time, or for tomorrow's quota.
    async fn next_due(&self) -> Result<Option<Millis>> {
        let (mut conn, now) = (self.installation.db.read().await?, self.installation.clock.now());
        let mut next: Option<Millis> = None;
        for campaign in model::list_in_state(&mut conn, State::Running).await? {
            let until = self.waits().get(&campaign.id).map(|wait| wait.until);
            for lane in delivery::lanes_due(&mut conn, campaign.id).await? {
                let due = delivery::next_due_in(&mut conn, campaign.id, &lane).await?;
                let due = due.filter(|due| *due > now || until.is_none()).or(until.flatten());
                // What is due at once has a time long past.
                next = [next, due.map(|due| due.max(now))].into_iter().flatten().min();
            }
        }
        Ok(next)
    }
}

/// A task of ours ended before its work was done.
fn crashed() -> Error {
    Error::Db(sqlx::Error::WorkerCrashed)
}
