//! What may leave at this moment: the limits of the lanes and of the workspace, and what the servers
//! say to our pace. A worker asks before it takes a letter in hand and tells what was answered;
//! everything else follows.

pub mod lane_backoff;
pub mod rate_account;
pub mod relay_breaker;
pub mod throttle;
pub mod token_reserve;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::relay::Relay;
use super::smtp::reply_class::{self, Class};
use super::smtp::wire::Reply;
use crate::campaign::delivery::Claimed;
use crate::campaign::lane::{self, ALL, Lane};
use crate::campaign::stop_rule::StopRule;
use crate::infra::db::Conn;
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use lane_backoff::LaneBackoff;
use throttle::Throttle;
use token_reserve::{LimitName, TokenReserve};

/// Letters of a lane that are claimed at a time at most.
const CHUNK: i64 = 500;

/// How long a measured pace looks back.
const MEASURED: Duration = Duration::from_secs(10);

/// The limits of a workspace, shared by the relays of a round.
pub struct Limits {
    installation: Installation,
    /// The workspace's number.
    pub workspace: Id,
    /// What holds for all lanes together.
    pub all: TokenReserve,
    lanes: Mutex<BTreeMap<String, Arc<LaneLimit>>>,
    breakers: Mutex<HashMap<Id, StopRule>>,
    tripped: Mutex<BTreeSet<Id>>,
    /// Told when a campaign must be stopped or a lane was closed.
    pub alarm: Notify,
}

/// What holds for one lane.
pub struct LaneLimit {
    /// Its name.
    pub name: String,
    /// What may leave through it.
    pub purse: TokenReserve,
    closed: AtomicBool,
    throttle: Throttle,
    seats: Mutex<Option<(u32, Arc<Semaphore>)>>,
    meter: Mutex<Meter>,
}

/// Measures how fast a lane goes.
struct Meter {
    since: Instant,
    count: u32,
    before: f64,
}

impl Limits {
    /// The limits of a workspace as they are now.
    pub async fn open(installation: &Installation, conn: &mut Conn, workspace: Id) -> Result<Self> {
        let limits = Self {
            installation: installation.clone(),
            workspace,
            all: TokenReserve::new(installation, workspace, LimitName::Lane(ALL.to_owned()), Default::default()),
            lanes: Mutex::default(),
            breakers: Mutex::default(),
            tripped: Mutex::default(),
            alarm: Notify::new(),
        };
        limits.refresh(conn).await?;
        Ok(limits)
    }

    /// Takes in what was changed meanwhile, by an operator or another mailer.
    pub async fn refresh(&self, conn: &mut Conn) -> Result<()> {
        let lanes = lane::list(conn, self.workspace).await?;
        let receptions: HashMap<String, LaneBackoff> =
            lane_backoff::list(conn, self.workspace).await?.into_iter().collect();
        let (now, unknown) = (self.installation.clock.now(), LaneBackoff::default());
        let all = lanes.iter().find(|lane| lane.name == ALL).map_or_else(Default::default, |lane| lane.rate_limit);
        self.all.set_cap(all);
        for lane in &lanes {
            drop(self.gate(&lane.name));
        }
        for (name, gate) in locked(&self.lanes).iter() {
            let reception = receptions.get(name).unwrap_or(&unknown);
            let none = Lane::new(name, "");
            let lane = lanes.iter().find(|lane| lane.name == *name).unwrap_or(&none);
            gate.purse.set_cap(lane.rate_limit.at_most(reception.rate(now)));
            gate.closed.store(reception.reason.is_some(), Ordering::Relaxed);
            gate.set_seats(lane.connections);
        }
        Ok(())
    }

    /// What may leave through a relay.
    pub fn purse_of(&self, relay: &Relay) -> TokenReserve {
        TokenReserve::new(&self.installation, self.workspace, LimitName::Relay(relay.id), relay.rate_limit)
    }

    /// What holds for a lane.
    pub fn gate(&self, name: &str) -> Arc<LaneLimit> {
        let mut lanes = locked(&self.lanes);
        if let Some(gate) = lanes.get(name) {
            return gate.clone();
        }
        let purse =
            TokenReserve::new(&self.installation, self.workspace, LimitName::Lane(name.to_owned()), Default::default());
        let gate = Arc::new(LaneLimit {
            name: name.to_owned(),
            purse,
            closed: AtomicBool::default(),
            throttle: Throttle::default(),
            seats: Mutex::default(),
            meter: Mutex::new(Meter { since: Instant::now(), count: 0, before: 0.0 }),
        });
        lanes.insert(name.to_owned(), gate.clone());
        gate
    }

    /// Begins to watch the results of a campaign, unless it does already.
    pub async fn watch(&self, conn: &mut Conn, campaign: Id) -> Result<()> {
        if !locked(&self.breakers).contains_key(&campaign) {
            let breaker = StopRule::load(conn, campaign).await?;
            locked(&self.breakers).insert(campaign, breaker);
        }
        Ok(())
    }

    /// True when a letter may be taken in hand as far as its lane and campaign go.
    pub fn is_open(&self, claimed: &Claimed) -> bool {
        !self.gate(&claimed.lane).is_closed() && !locked(&self.tripped).contains(&claimed.campaign)
    }

    /// Campaigns that bounced too much since the last call.
    pub fn tripped_campaigns(&self) -> Vec<Id> {
        locked(&self.tripped).iter().copied().collect()
    }

    /// Forgets that a campaign was stopped, once it is.
    pub fn stopped(&self, campaign: Id) {
        locked(&self.tripped).remove(&campaign);
        locked(&self.breakers).remove(&campaign);
    }

    /// Takes in what was said to a letter.
    pub async fn heard(&self, claimed: &Claimed, reply: &Reply) {
        let gate = self.gate(&claimed.lane);
        let measured = gate.measure();
        let (db, now) = (&self.installation.db, self.installation.clock.now());
        if let Some(ours) = reply_class::sender_fault(reply) {
            match lane_backoff::strike(db, self.workspace, &gate.name, (ours, reply), now).await {
                Ok(Some(_)) if !gate.closed.swap(true, Ordering::Relaxed) => {
                    tracing::warn!(lane = gate.name, reply = %reply, "a provider names a fault of ours; the lane is paused");
                    self.alarm.notify_one();
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(error = %error, "a refusal could not be counted"),
            }
            return;
        }
        if reply_class::is_too_fast(reply) {
            match lane_backoff::slow(db, self.workspace, &gate.name, measured, now).await {
                Ok(Some(pace)) => {
                    gate.purse.set_cap(gate.purse.cap().at_most(Some(pace)));
                    tracing::info!(lane = gate.name, reply = %reply, pace, "a lane is told to go slower");
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(error = %error, "a lane could not be slowed"),
            }
        }
        let class = reply_class::class(reply);
        if class != Class::Soft
            && let Some(breaker) = locked(&self.breakers).get_mut(&claimed.campaign)
            && breaker.result(class == Class::Hard)
        {
            locked(&self.tripped).insert(claimed.campaign);
            self.alarm.notify_one();
        }
    }

    /// Takes a letter back that was drawn and not sent.
    pub fn put_back(&self, lane: &str, count: i64) {
        self.all.put_back(count);
        self.gate(lane).purse.put_back(count);
    }

    /// Gives back what was drawn and not sent.
    pub async fn close(&self) -> Result<()> {
        self.all.empty().await?;
        let gates: Vec<_> = locked(&self.lanes).values().cloned().collect();
        for gate in gates {
            gate.purse.empty().await?;
        }
        Ok(())
    }
}

impl LaneLimit {
    /// True while the lane is paused.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Letters a second at this moment.
    pub fn rate(&self) -> Option<f64> {
        self.purse.cap().rate
    }

    /// Letters to claim at a time: a second's worth.
    pub fn chunk(&self) -> i64 {
        self.rate().map_or(CHUNK, |rate| (rate as i64).clamp(1, CHUNK))
    }

    /// Waits for the pace of the lane and for a free connection of it.
    pub async fn pass(&self) -> Option<OwnedSemaphorePermit> {
        self.throttle.pass(self.rate()).await;
        let seats = locked(&self.seats).as_ref().map(|(_, seats)| seats.clone());
        match seats {
            Some(seats) => seats.acquire_owned().await.ok(),
            None => None,
        }
    }

    fn set_seats(&self, most: Option<u32>) {
        let mut seats = locked(&self.seats);
        if seats.as_ref().map(|(most, _)| *most) != most {
            *seats = most.map(|most| (most, Arc::new(Semaphore::new(most as usize))));
        }
    }

    /// Counts a reply; returns how many a second there were of late.
    fn measure(&self) -> f64 {
        let mut meter = locked(&self.meter);
        let elapsed = meter.since.elapsed();
        meter.count += 1;
        let rate = f64::from(meter.count) / elapsed.as_secs_f64().max(0.1);
        if elapsed >= MEASURED {
            *meter = Meter { since: Instant::now(), count: 0, before: rate };
        }
        // A stretch that has just begun says little.
        if elapsed < MEASURED / 10 && meter.before > 0.0 { meter.before } else { rate }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
