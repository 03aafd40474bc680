//! A round of sending for one workspace: connections to each of its relays, and a feed that brings
//! them letters. The round ends when nothing can be sent, when the shift ends, or when a relay was
//! changed: the next one begins with what holds then.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::connection;
use super::limits::Limits;
use super::queue::feeder::{self, RelayQueue, SendRound};
use super::queue::group_commit::GroupCommit;
use super::queue::job::Job;
use super::relay::{self, Relay};
use super::relay_context::RelayContext;
use super::scheduler::Scheduler;
use crate::campaign::model::{self, Campaign, State};
use crate::infra::clock::Millis;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::setting::{self, Setting};

/// How often a round looks whether it is over.
pub const LOOK: Duration = Duration::from_millis(500);

/// How long a round that is over waits for letters on the wire before it leaves them to themselves.
const GRACE: Duration = Duration::from_secs(2);

/// Sends for one workspace until nothing can be sent.
pub async fn run(
    shift: &Arc<Scheduler>,
    workspace: Id,
    writer: &GroupCommit,
    stop: &watch::Receiver<bool>,
) -> Result<()> {
    if running(shift, workspace).await?.is_empty() {
        return Ok(());
    }
    let terms = RoundSettings::load(shift, workspace).await?;
    let limits =
        Arc::new(Limits::open(&shift.installation, &mut *shift.installation.db.read().await?, workspace).await?);
    let (end, over) = watch::channel(false);
    let mut workers = JoinSet::new();
    let mut docks = Vec::with_capacity(terms.relays.len());
    let mut queues = Vec::with_capacity(terms.relays.len());
    for relay in &terms.relays {
        let bench = Arc::new(RelayContext::open(shift, relay, &terms, writer, limits.clone()).await?);
        bench.trouble.arm(terms.patience, relay.connections);
        let (hand, queue) = mpsc::channel(chunk(relay));
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..relay.connections {
            workers.spawn(connection::work(bench.clone(), queue.clone(), over.clone(), stop.clone()));
        }
        queues.push((queue, bench.clone()));
        docks.push(RelayQueue::new(relay.clone(), bench, hand));
    }
    let fed = {
        let round = SendRound::new(shift.clone(), workspace, docks, limits.clone(), over.clone());
        let feed = pin!(feeder::run(Arc::new(round)));
        let guard = pin!(until_over(shift, workspace, &terms, stop.clone()));
        oversee(feed, guard, &end, &mut workers).await
    };
    // What is on the wire may take minutes to end; it writes down its result whenever it does.
    let _ = timeout(GRACE, all(&mut workers)).await;
    shift.drain(workers);
    for (queue, bench) in queues {
        let mut queue = queue.lock().await;
        while let Ok(job) = queue.try_recv() {
            give_back(&bench, &job).await;
        }
        bench.purse.empty().await?;
    }
    limits.close().await?;
    fed
}

/// Lets the campaigns of a workspace stand still whose letters cannot be sent at all. What is wrong with its
/// relays is no matter of other workspaces.
pub async fn stand_still(shift: &Scheduler, workspace: Id, why: &Message) -> Result<()> {
    for campaign in running(shift, workspace).await? {
        pause(shift, campaign.id, &why.pack()).await?;
    }
    Ok(())
}

/// Pauses a campaign, unless someone has stopped it meanwhile. `reason` is a packed message.
pub async fn pause(shift: &Scheduler, campaign: Id, reason: &str) -> Result<()> {
    let mut tx = shift.installation.db.write().await?;
    match model::find(&mut tx, campaign).await? {
        Some(found) if found.state == State::Running => model::pause(&mut tx, &found, reason).await?,
        _ => return Ok(()),
    }
    tx.commit().await?;
    tracing::warn!(campaign.id = campaign, reason, "a campaign is paused");
    Ok(())
}

/// Gives a letter back that no connection has taken in hand.
pub async fn give_back(bench: &RelayContext, job: &Job) {
    bench.put_back(&job.claimed);
    bench.writer.release(job.claimed.id).await;
}

/// Runs the feed, then waits for the workers; as soon as the guard returns, all are told to end.
async fn oversee<T>(
    mut feed: impl Future<Output = T> + Unpin,
    mut guard: impl Future<Output = ()> + Unpin,
    end: &watch::Sender<bool>,
    workers: &mut JoinSet<()>,
) -> T {
    tokio::select! {
        biased;
        fed = &mut feed => {
            tokio::select! {
                biased;
                () = all(workers) => {}
                () = &mut guard => drop(end.send_replace(true)),
            }
            fed
        }
        () = &mut guard => {
            end.send_replace(true);
            feed.await
        }
    }
}

async fn all(workers: &mut JoinSet<()>) {
    while workers.join_next().await.is_some() {}
}

/// Returns when no other letter may be begun: the shift ends, a relay or a setting has been changed,
/// or nothing of the workspace runs any more.
async fn until_over(shift: &Scheduler, workspace: Id, terms: &RoundSettings, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        // A database that is away is the feed's to report.
        let idle = running(shift, workspace).await.is_ok_and(|running| running.is_empty());
        let changed = RoundSettings::load(shift, workspace).await.is_ok_and(|now| now != *terms);
        if idle || changed {
            return;
        }
    }
}

/// The campaigns of a workspace that run.
pub async fn running(shift: &Scheduler, workspace: Id) -> Result<Vec<Campaign>> {
    let all = model::list_in_state(&mut *shift.installation.db.read().await?, State::Running).await?;
    let now = shift.installation.clock.now();
    Ok(all.into_iter().filter(|campaign| campaign.workspace == workspace && !campaign.is_late(now)).collect())
}

/// Letters that wait for the connections of a relay at most: what they send while the next are
/// claimed. A pause or a goodbye finds little in hand, and a relay that comes back gets its share soon.
fn chunk(relay: &Relay) -> usize {
    let most = (16 * relay.connections as usize).clamp(64, 500).max(relay.connections as usize);
    relay.rate_limit.rate.map_or(most, |rate| ((rate * 2.0) as usize).clamp(1, most))
}

/// What holds for a round of sending.
#[derive(PartialEq)]
pub struct RoundSettings {
    /// The relays of the workspace.
    pub relays: Vec<Relay>,
    /// How long a relay may fail.
    pub patience: Duration,
    /// Distance of the first repeat, in ms.
    pub retry_base: Millis,
    /// Per cent of the timers.
    pub timers: f64,
}

impl RoundSettings {
    async fn load(shift: &Scheduler, workspace: Id) -> Result<Self> {
        let mut conn = shift.installation.db.read().await?;
        let patience = setting::get(&mut conn, Setting::RelayPatience).await?;
        let base: Millis = setting::get(&mut conn, Setting::RetryAfter).await?.parse().unwrap_or(900);
        Ok(Self {
            relays: relay::list(&shift.installation, &mut conn, workspace).await?,
            patience: Duration::from_secs(patience.parse().unwrap_or(30)),
            retry_base: base * 1_000,
            timers: setting::get(&mut conn, Setting::SmtpTimers).await?.parse().unwrap_or(100.0),
        })
    }
}
