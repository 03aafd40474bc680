//! Claims due deliveries of the running campaigns of a workspace and hands them to the connections
//! of its relay.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::bench::Bench;
use super::grouping::Grouping;
use super::job::Job;
use super::lease;
use super::relay::{self, Relay};
use super::shift::Shift;
use super::throttle::Throttle;
use super::timer::Timers;
use super::trouble::Trouble;
use super::way::Way;
use super::worker;
use super::writer::Writer;
use crate::campaign::delivery::{self, Claim, Claimed};
use crate::campaign::press::Press;
use crate::campaign::state::{self, Campaign, State};
use crate::ground::clock::Millis;
use crate::ground::error::Result;
use crate::ground::failpoint;
use crate::ground::id::Id;
use crate::ground::setting::{self, Setting};

/// How often a round looks whether it is over.
const LOOK: Duration = Duration::from_millis(500);

/// How long a round that is over waits for letters on the wire before it leaves them to themselves.
const GRACE: Duration = Duration::from_secs(2);

/// Sends for one workspace until nothing is due, the shift ends, the relay fails, or it is another
/// one. Returns whether anything was claimed.
pub async fn run(shift: &Shift, workspace: Id, writer: &Writer, stop: &watch::Receiver<bool>) -> Result<bool> {
    if running(shift, workspace).await?.is_empty() {
        return Ok(false);
    }
    let terms = terms(shift, workspace).await?;
    let trouble = shift.trouble(workspace);
    trouble.arm(terms.patience, terms.relay.connections);
    let bench = Arc::new(bench(shift, workspace, &terms, writer, trouble.clone()).await?);
    // Two chunks in flight keep every connection busy while the next is claimed.
    let (hand, queue) = mpsc::channel(chunk(&terms.relay));
    let queue = Arc::new(Mutex::new(queue));
    let (end, over) = watch::channel(false);
    let mut workers = JoinSet::new();
    for _ in 0..terms.relay.connections {
        workers.spawn(worker::work(bench.clone(), queue.clone(), over.clone(), stop.clone()));
    }
    let claimed = {
        let feed = pin!(feed(shift, workspace, &bench, &terms.relay, hand, &over));
        let guard = pin!(until_over(shift, workspace, &terms, &trouble, stop.clone()));
        oversee(feed, guard, &end, &mut workers).await
    };
    // What is on the wire may take minutes to end; it writes down its result whenever it does.
    let _ = timeout(GRACE, all(&mut workers)).await;
    workers.detach_all();
    while let Ok(job) = queue.lock().await.try_recv() {
        writer.release(job.claimed.id).await;
    }
    if let Some(reason) = trouble.verdict() {
        pause_all(shift, workspace, &reason).await?;
    }
    claimed
}

/// Runs the feed, then waits for the workers; as soon as the guard returns, all are told to end.
async fn oversee<T>(
    mut feed: impl Future<Output = T> + Unpin,
    mut guard: impl Future<Output = ()> + Unpin,
    end: &watch::Sender<bool>,
    workers: &mut JoinSet<()>,
) -> T {
    tokio::select! {
        fed = &mut feed => {
            tokio::select! {
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

/// Returns when these workers must not begin another letter: the shift ends, the relay is in
/// serious trouble or has been changed, or nothing of the workspace runs any more.
async fn until_over(shift: &Shift, workspace: Id, terms: &Terms, trouble: &Trouble, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        // A database that is away is the feed's to report.
        let idle = running(shift, workspace).await.is_ok_and(|running| running.is_empty());
        let changed = self::terms(shift, workspace).await.is_ok_and(|now| now != *terms);
        if idle || changed || trouble.is_serious() {
            return;
        }
    }
}

async fn feed(
    shift: &Shift,
    workspace: Id,
    bench: &Bench,
    relay: &Relay,
    hand: mpsc::Sender<Job>,
    over: &watch::Receiver<bool>,
) -> Result<bool> {
    let mut presses: HashMap<Id, Arc<Press>> = HashMap::new();
    let mut any = false;
    while !*over.borrow() && !bench.trouble.is_serious() && (shift.gate)() {
        let campaigns = running(shift, workspace).await?;
        let share = (chunk(relay) / campaigns.len().max(1)).max(1);
        let mut found = false;
        for campaign in &campaigns {
            let press = match presses.get(&campaign.id) {
                Some(press) => press.clone(),
                None => match Press::open(&shift.home, campaign) {
                    Ok(press) => presses.entry(campaign.id).or_insert(Arc::new(press)).clone(),
                    Err(error) => {
                        let mut tx = shift.home.db.write().await?;
                        state::pause(&mut tx, campaign, error.message().key).await?;
                        tx.commit().await?;
                        continue;
                    }
                },
            };
            for claimed in claim(shift, campaign, "rest", share).await? {
                found = true;
                let id = claimed.id;
                tokio::select! {
                    biased;
                    () = worker::told(over.clone()) => bench.writer.release(id).await,
                    _ = hand.send(Job { claimed, press: press.clone() }) => {}
                }
            }
        }
        any |= found;
        // What a connection has in hand may come back, for another to send.
        if !found {
            if hand.capacity() == hand.max_capacity() && bench.is_idle() {
                return Ok(any);
            }
            tokio::time::sleep(LOOK / 5).await;
        }
    }
    Ok(any)
}

async fn claim(shift: &Shift, campaign: &Campaign, lane: &str, limit: usize) -> Result<Vec<Claimed>> {
    let (home, now) = (&shift.home, shift.home.clock.now());
    let wanted = Claim { mailer: shift.lease(), campaign: campaign.id, lane, limit, now };
    let claimed = match home.db.is_shared() {
        true => {
            let mut tx = home.db.write().await?;
            lease::hold(&mut tx, &home.db, shift.lease()).await?;
            let claimed = delivery::claim::lease(&mut tx, &home.db, &wanted).await?;
            tx.commit().await?;
            claimed
        }
        false => delivery::claim(&home.db, &shift.hand, &wanted).await?,
    };
    failpoint::reach("claimed");
    Ok(claimed)
}

async fn running(shift: &Shift, workspace: Id) -> Result<Vec<Campaign>> {
    let all = state::in_state(&mut *shift.home.db.read().await?, State::Running).await?;
    let now = shift.home.clock.now();
    Ok(all.into_iter().filter(|campaign| campaign.workspace == workspace && !campaign.is_late(now)).collect())
}

/// Deliveries claimed at a time: what a connection sends in a second or two, so that a pause or a
/// goodbye finds little in hand.
fn chunk(relay: &Relay) -> usize {
    match relay.rate {
        Some(rate) => (rate * 2.0).clamp(1.0, 500.0) as usize,
        None => 500.max(2 * relay.connections as usize),
    }
}

/// What holds for a round of sending.
#[derive(PartialEq)]
struct Terms {
    relay: Relay,
    patience: Duration,
    /// Distance of the first repeat, in ms.
    retry_base: Millis,
    /// Per cent of the timers.
    timers: f64,
}

async fn terms(shift: &Shift, workspace: Id) -> Result<Terms> {
    let mut conn = shift.home.db.read().await?;
    let patience = setting::get(&mut conn, Setting::RelayPatience).await?;
    let base: Millis = setting::get(&mut conn, Setting::RetryAfter).await?.parse().unwrap_or(900);
    Ok(Terms {
        relay: relay::get(&shift.home, &mut conn, workspace).await?,
        patience: Duration::from_secs(patience.parse().unwrap_or(30)),
        retry_base: base * 1_000,
        timers: setting::get(&mut conn, Setting::SmtpTimers).await?.parse().unwrap_or(100.0),
    })
}

async fn bench(shift: &Shift, workspace: Id, terms: &Terms, writer: &Writer, trouble: Arc<Trouble>) -> Result<Bench> {
    Ok(Bench {
        home: shift.home.clone(),
        mailer: shift.lease(),
        label: terms.relay.kind.label(),
        pulse: shift.pulse(),
        way: Way::open(&shift.home, &terms.relay).await?,
        throttle: Throttle::new(terms.relay.rate),
        timers: Timers::scaled(terms.timers / 100.0),
        retry_base: terms.retry_base,
        gate: shift.gate.clone(),
        writer: writer.clone(),
        trouble,
        relay: workspace,
        ahead: std::env::var("SENDOFF_AHEAD").ok().and_then(|n| n.parse().ok()).unwrap_or(1),
        grouping: Grouping::default(),
        in_hand: AtomicUsize::default(),
    })
}

async fn pause_all(shift: &Shift, workspace: Id, reason: &str) -> Result<()> {
    let mut tx = shift.home.db.write().await?;
    for campaign in state::in_state(&mut tx, State::Running).await? {
        if campaign.workspace == workspace {
            state::pause(&mut tx, &campaign, reason).await?;
            tracing::warn!(campaign.id = campaign.id, reason, "the relay failed; the campaign is paused");
        }
    }
    tx.commit().await
}
