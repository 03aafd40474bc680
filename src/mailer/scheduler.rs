//! Scheduler: the main loop of a mailer, from acquiring its lease to releasing it.
//!
//! It starts due campaigns, runs a send round for each workspace with due deliveries, and finishes campaigns that are
//! done. When the database or the lease fails the loop ends; the next one first recovers the deliveries that were
//! left.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::keyed_tasks::KeyedTasks;
use super::lease::{self, Lease, Recovered};
pub use super::mailer_context::SendGate;
use super::mailer_context::{DrainingConnections, Mailer, MailerContext};
use super::queue::group_commit::GroupCommit;
use super::send_round;
use super::shutdown::stopped;
use crate::audience::hard_bounce;
use crate::campaign::delivery::claim::InFlight;
use crate::campaign::delivery::{open_lanes, uncertain};
use crate::campaign::launch::DueWork;
use crate::campaign::lifecycle;
use crate::campaign::model::{self, State};
use crate::campaign::running::{self, RunningCampaign};
use crate::infra::clock::Millis;
use crate::infra::error::{Error, Result};
use crate::infra::failpoint::{self, Bug};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::panic;

/// When the scheduler returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// At the shutdown signal.
    Forever,
    /// When nothing is due.
    UntilIdle,
}

/// The interval between two looks at the database while something is sent, and between attempts while it does not answer.
const TICK_INTERVAL: Duration = Duration::from_millis(250);

/// The interval while nothing is sent: a campaign that another process starts begins within it.
const IDLE_INTERVAL: Duration = Duration::from_secs(1);

/// Sends until the shutdown signal, or until nothing is due. Returns when the next delivery that waits is due, if any.
pub async fn run(
    installation: &Installation,
    mode: Mode,
    send_gate: SendGate,
    mut stop: watch::Receiver<bool>,
) -> Result<Option<Millis>> {
    let _counted = installation.mailer_status.mailers.increment();
    loop {
        let ended = Box::pin(run_under_lease(installation, mode, send_gate.clone(), stop.clone()));
        let ended = panic::catch_async(ended).await.flatten();
        if ended.as_ref().is_err_and(panic::is_panic) {
            installation.panics.record("scheduler");
        }
        match ended {
            Ok(next) if mode == Mode::UntilIdle || *stop.borrow() => return Ok(next),
            // Another mailer holds the data folder: waiting would hide that.
            Err(error @ (Error::Internal(_) | Error::Unavailable(_))) => return Err(error),
            Err(error) if mode == Mode::UntilIdle => return Err(error),
            Err(error) => tracing::warn!(error = %error.message().key, "scheduler ended early; starting again"),
            Ok(_) => {}
        }
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return Ok(None),
            () = tokio::time::sleep(4 * TICK_INTERVAL) => {}
        }
    }
}

/// Acquires a lease, schedules until the lease or the database fails or the mode says so, and releases the lease.
async fn run_under_lease(
    installation: &Installation,
    mode: Mode,
    send_gate: SendGate,
    stop: watch::Receiver<bool>,
) -> Result<Option<Millis>> {
    let (mut lease, recovered) = Lease::acquire(installation).await?;
    if recovered != Recovered::default() {
        let Recovered { released, uncertain, resent, halted } = recovered;
        tracing::warn!(released, uncertain, resent, halted, "recovered deliveries of an earlier mailer");
    }
    // Those whose mailer ended between the commit of the results and the suppression.
    hard_bounce::apply(&installation.db).await?;
    let (halt, halted) = watch::channel(false);
    let in_flight = Arc::<InFlight>::default();
    let (group_commit, committing) =
        GroupCommit::start(installation.clone(), lease.id, in_flight.clone(), halt.clone());
    let committing = AbortOnDrop(committing);
    let context = Arc::new(MailerContext::new(installation, &lease, in_flight, send_gate));
    // Lives until the group commit has ended, that is, until the last connection has.
    let draining = Arc::<DrainingConnections>::default();
    let mailer = Mailer { context, group_commit, draining: draining.clone() };
    let (next, committed, kept) = {
        let keep_lease = keep_lease(installation, &mut lease, &halt, stop);
        let schedule = schedule(mailer, mode, halted);
        // The group commit ends when the last handle to it is dropped, after everything is committed.
        let work = async { (schedule.await, committing.join().await) };
        tokio::pin!(keep_lease, work);
        tokio::select! {
            biased;
            (next, committed) = &mut work => (next, committed, Ok(())),
            kept = &mut keep_lease => {
                let (next, committed) = work.await;
                (next, committed, kept)
            }
        }
    };
    lease.release(installation).await?;
    kept?;
    if committed { next } else { Err(crashed()) }
}

/// Renews the lease for as long as a message is on the wire, also during shutdown. Returns when the lease is lost,
/// with `halt` set: from then on other mailers may recover the deliveries.
async fn keep_lease(
    installation: &Installation,
    lease: &mut Lease,
    halt: &watch::Sender<bool>,
    stop: watch::Receiver<bool>,
) -> Result<()> {
    let _counted = installation.mailer_status.leases.increment();
    let third = Duration::from_millis(lease.freshness().term().unsigned_abs() / 3);
    let renewing = async {
        loop {
            tokio::time::sleep(third).await;
            if let Err(lost) = renew(installation, lease).await {
                return lost;
            }
            // What is not recovered in time is recovered at the next renewal, or by another mailer.
            if let Ok(Err(error)) = timeout(third, lease::recover(installation)).await {
                tracing::warn!(error = error.message().key, "deliveries of other mailers could not be recovered");
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
    tracing::warn!(error = lost.message().key, "lease lost; no message is begun any more");
    Err(lost)
}

/// Renews the lease. A database that does not answer is retried for as long as the lease is fresh.
async fn renew(installation: &Installation, lease: &mut Lease) -> Result<()> {
    loop {
        match timeout(lease.freshness().remaining(), lease.renew(installation)).await {
            Ok(Ok(true)) => return Ok(()),
            Ok(Ok(false)) if failpoint::has_bug(Bug::SendWithoutLease) => return Ok(()),
            Ok(Ok(false)) => return Err(Error::Fenced),
            Ok(Err(Error::Db(_))) if lease.freshness().is_fresh() => tokio::time::sleep(TICK_INTERVAL).await,
            Ok(Err(error)) => return Err(error),
            Err(_) => return Err(Error::Db(sqlx::Error::PoolTimedOut)),
        }
    }
}

/// A task that is aborted with its owner: a scheduler that is dropped leaves no task behind.
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

/// Ticks until `halt`, or until nothing is due. Returns when the next waiting delivery is due.
async fn schedule(mailer: Mailer, mode: Mode, mut halt: watch::Receiver<bool>) -> Result<Option<Millis>> {
    let (mut rounds, mut ended, mut due_work) = (KeyedTasks::default(), None, DueWork::default());
    let status = mailer.context.installation.mailer_status.clone();
    loop {
        let outlook = tick(&mailer, &mut rounds, &mut due_work, ended.take(), &halt).await;
        status.count_look();
        let is_idle = matches!(outlook, Ok(Outlook::Idle { .. }));
        let over = *halt.borrow() || is_idle && mode == Mode::UntilIdle || outlook.is_err();
        if over {
            while let Some(ended) = rounds.join_next().await {
                round_ended(&mailer.context, ended).await?;
            }
            outlook?;
            return next_due(&mailer.context).await;
        }
        let pause = match outlook? {
            Outlook::Busy => TICK_INTERVAL,
            Outlook::Idle { due_in } => due_in.unwrap_or(IDLE_INTERVAL).clamp(TICK_INTERVAL, IDLE_INTERVAL),
        };
        tokio::select! {
            biased;
            _ = halt.wait_for(|halt| *halt) => {}
            one = rounds.join_next(), if !rounds.is_empty() => ended = one,
            () = status.woken() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// What a look at the database has found.
enum Outlook {
    /// Something is being sent, or will be in a moment.
    Busy,
    /// There was nothing to do.
    Idle {
        /// When the next delivery that waits is due.
        due_in: Option<Duration>,
    },
}

/// Starts due campaigns, starts a send round for each workspace with due deliveries, and finishes campaigns. Writes nothing
/// where there is nothing to do.
async fn tick(
    mailer: &Mailer,
    rounds: &mut KeyedTasks<Id>,
    due_work: &mut DueWork,
    ended: Option<(Id, Result<()>)>,
    halt: &watch::Receiver<bool>,
) -> Result<Outlook> {
    if let Some(ended) = ended {
        round_ended(&mailer.context, ended).await?;
        mailer.group_commit.flush().await;
    }
    if *halt.borrow() || !(mailer.context.send_gate)() {
        return Ok(Outlook::Busy);
    }
    let (context, installation) = (&mailer.context, &mailer.context.installation);
    due_work.run(installation).await?;
    let now = installation.clock.now();
    let running = running::list(&mut *installation.db.read().await?, context.lease, now).await?;
    let (mut held, mut due_in) = (false, None);
    for campaign in running {
        let is_cooling_down = context.is_cooling_down(campaign.workspace);
        let is_due = !is_cooling_down && !context.is_waiting(campaign.id) && campaign.is_due(now);
        if is_due && !rounds.has(&campaign.workspace) {
            context.work.begin(installation, context.lease, &context.freshness).await?;
            let (mailer, halt) = (mailer.clone(), halt.clone());
            rounds.spawn(campaign.workspace, async move { send_round::run(&mailer, campaign.workspace, &halt).await });
        }
        if !is_due && !rounds.has(&campaign.workspace) && !is_cooling_down {
            let is_finished = finish_settled(installation, &campaign).await?;
            held |= !is_finished && campaign.is_held_by_other;
            let later = campaign.next_due.filter(|due| *due > now);
            due_in = [due_in, later.map(|due| Duration::from_millis((due - now).unsigned_abs()))]
                .into_iter()
                .flatten()
                .min();
        }
    }
    Ok(match !held && rounds.is_empty() && !context.is_any_cooling_down() {
        true => {
            if mailer.draining.is_empty() {
                context.work.end();
            }
            Outlook::Idle { due_in }
        }
        false => Outlook::Busy,
    })
}

/// Finishes a campaign whose deliveries are all final, and resends uncertain ones where it says so. True when it is
/// finished.
async fn finish_settled(installation: &Installation, campaign: &RunningCampaign) -> Result<bool> {
    let is_due = campaign.is_settled()
        || campaign.may_resend
            && uncertain::is_resend_due(&mut *installation.db.read().await?, Some(campaign.id)).await?;
    if !is_due {
        return Ok(false);
    }
    let mut tx = installation.db.write().await?;
    let is_finished = lifecycle::finish(&mut tx, campaign.id, installation.clock.now()).await?;
    tx.commit().await?;
    Ok(is_finished)
}

/// Handles the result of a workspace's send round. An error other than an outage pauses the campaigns of the
/// workspace, with the error as the reason. After a panic the next round waits a little; the third in a row pauses.
async fn round_ended(mailer: &MailerContext, (workspace, result): (Id, Result<()>)) -> Result<()> {
    let is_panic = result.as_ref().is_err_and(panic::is_panic);
    if is_panic {
        mailer.installation.panics.record("round");
    }
    match result {
        Err(_) if mailer.count_panic(workspace, is_panic) => Ok(()),
        Err(error) if !error.is_outage() => mailer.pause_all(workspace, &error.message()).await,
        result => result,
    }
}

/// When the next waiting delivery may be sent: at its due time, or when the quota allows it.
async fn next_due(mailer: &MailerContext) -> Result<Option<Millis>> {
    let (mut conn, now) = (mailer.installation.db.read().await?, mailer.installation.clock.now());
    let mut next: Option<Millis> = None;
    for campaign in model::list_in_state(&mut conn, State::Running).await? {
        let until = mailer.waits_until(campaign.id);
        for lane in open_lanes::list(&mut conn, campaign.id).await? {
            let due = Some(lane.next_due).filter(|due| *due > now || until.is_none()).or(until.flatten());
            // The due time of a delivery that is due at once may be long past.
            next = [next, due.map(|due| due.max(now))].into_iter().flatten().min();
        }
    }
    Ok(next)
}

/// The error of a task that ended before its work was done.
fn crashed() -> Error {
    Error::Db(sqlx::Error::WorkerCrashed)
}
