//! Claims due deliveries of the running campaigns of a workspace and hands them to the connections
//! of its relay.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinSet;

use super::relay::{self, Relay};
use super::shift::{Shift, Trouble};
use super::throttle::Throttle;
use super::timer::Timers;
use super::way::Way;
use super::worker::{self, Bench};
use super::writer::Writer;
use crate::campaign::delivery::{self, Claimed};
use crate::campaign::press::Press;
use crate::campaign::state::{self, Campaign, State};
use crate::ground::error::Result;
use crate::ground::id::Id;
use crate::ground::setting::{self, Setting};

/// A delivery on its way to a connection.
pub struct Job {
    /// The delivery and the person.
    pub claimed: Claimed,
    /// What makes the message.
    pub press: Arc<Press>,
}

/// Sends for one workspace until nothing is due, the shift ends, or the relay fails. Returns whether
/// anything was claimed.
pub async fn run(shift: &Shift, workspace: Id, writer: &Writer, stop: &watch::Receiver<bool>) -> Result<bool> {
    let campaigns = running(shift, workspace).await?;
    if campaigns.is_empty() {
        return Ok(false);
    }
    let relay = relay::get(&shift.home, &mut *shift.home.db.read().await?, workspace).await?;
    let bench = Arc::new(bench(shift, &relay, writer).await?);
    // Two chunks in flight keep every connection busy while the next is claimed.
    let (hand, queue) = mpsc::channel(chunk(&relay));
    let queue = Arc::new(Mutex::new(queue));
    let mut workers = JoinSet::new();
    for _ in 0..relay.connections {
        workers.spawn(worker::work(bench.clone(), queue.clone(), stop.clone()));
    }
    let claimed = feed(shift, workspace, &relay, &bench.trouble, hand, stop).await;
    while workers.join_next().await.is_some() {}
    if let Some(reason) = bench.trouble.verdict() {
        pause_all(shift, workspace, &reason).await?;
    }
    claimed
}

async fn feed(
    shift: &Shift,
    workspace: Id,
    relay: &Relay,
    trouble: &Trouble,
    hand: mpsc::Sender<Job>,
    stop: &watch::Receiver<bool>,
) -> Result<bool> {
    let mut presses: HashMap<Id, Arc<Press>> = HashMap::new();
    let mut any = false;
    while !*stop.borrow() && !trouble.is_serious() && (shift.gate)() {
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
            for claimed in claim(shift, campaign, share).await? {
                found = true;
                if hand.send(Job { claimed, press: press.clone() }).await.is_err() {
                    return Ok(any);
                }
            }
        }
        any |= found;
        if !found {
            return Ok(any);
        }
    }
    Ok(any)
}

async fn claim(shift: &Shift, campaign: &Campaign, limit: usize) -> Result<Vec<Claimed>> {
    let mut tx = shift.home.db.write().await?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let claimed =
        delivery::claim(&mut tx, &shift.home.db, shift.lease(), campaign.id, limit, shift.home.clock.now()).await?;
    tx.commit().await?;
    Ok(claimed)
}

async fn running(shift: &Shift, workspace: Id) -> Result<Vec<Campaign>> {
    let all = state::in_state(&mut *shift.home.db.read().await?, State::Running).await?;
    Ok(all.into_iter().filter(|campaign| campaign.workspace == workspace).collect())
}

/// Deliveries claimed at a time: what a connection sends in a second or two, so that a pause or a
/// goodbye finds little in hand.
fn chunk(relay: &Relay) -> usize {
    match relay.rate {
        Some(rate) => (rate * 2.0).clamp(1.0, 500.0) as usize,
        None => 500.max(2 * relay.connections as usize),
    }
}

async fn bench(shift: &Shift, relay: &Relay, writer: &Writer) -> Result<Bench> {
    let mut conn = shift.home.db.read().await?;
    let base: i64 = setting::get(&mut conn, Setting::RetryAfter).await?.parse().unwrap_or(900);
    let percent: f64 = setting::get(&mut conn, Setting::SmtpTimers).await?.parse().unwrap_or(100.0);
    Ok(Bench {
        home: shift.home.clone(),
        way: Way::open(&shift.home, relay).await?,
        throttle: Throttle::new(relay.rate),
        timers: Timers::scaled(percent / 100.0),
        retry_base: base * 1_000,
        gate: shift.gate.clone(),
        writer: writer.clone(),
        trouble: Trouble::new(super::shift::patience(&shift.home).await?),
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
