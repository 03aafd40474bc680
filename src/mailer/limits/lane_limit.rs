//! Limits of one lane during a send round: rate, connections, pause, and the measured rate.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::mailer::limits::rate_account::LimitKey;
use crate::mailer::limits::throttle::Throttle;
use crate::mailer::limits::token_reserve::TokenReserve;

/// The most deliveries of a lane to claim at a time.
const MAX_CLAIM: i64 = 500;

/// Refusals in a row, other than hard bounces, for which a lane is paused: the servers of one provider refuse what those of
/// others accept, and go on until everyone there was tried.
pub const MAX_LANE_REFUSALS: i64 = 20;

/// The period over which the rate of a lane is measured.
const RATE_PERIOD: Duration = Duration::from_secs(10);

/// The limits of one lane.
pub struct LaneLimit {
    /// The lane's name.
    pub name: String,
    /// Tokens of the lane's rate limit.
    pub tokens: TokenReserve,
    closed: AtomicBool,
    /// Refusals since the last accepted message.
    refused: AtomicI64,
    throttle: Throttle,
    /// The most connections and the free ones; `None` without a limit.
    connections: Mutex<Option<(u32, Arc<Semaphore>)>>,
    meter: Mutex<Meter>,
}

/// Measures the rate of a lane.
struct Meter {
    since: Instant,
    count: u32,
    /// The rate of the period before.
    previous: f64,
}

impl LaneLimit {
    /// A lane without limits.
    pub fn new(installation: &Installation, workspace: Id, name: &str) -> Self {
        let key = LimitKey::Lane(name.to_owned());
        Self {
            name: name.to_owned(),
            tokens: TokenReserve::new(installation, workspace, key, Default::default()),
            closed: AtomicBool::default(),
            refused: AtomicI64::default(),
            throttle: Throttle::default(),
            connections: Mutex::default(),
            meter: Mutex::new(Meter { since: Instant::now(), count: 0, previous: 0.0 }),
        }
    }

    /// True while the lane is paused.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Pauses or resumes the lane; returns whether it was paused before.
    pub fn set_closed(&self, closed: bool) -> bool {
        self.closed.swap(closed, Ordering::Relaxed)
    }

    /// Counts a refusal that is no hard bounce. True at the one for which the lane must be paused.
    pub fn count_refusal(&self) -> bool {
        self.refused.fetch_add(1, Ordering::Relaxed) + 1 == MAX_LANE_REFUSALS
    }

    /// Begins to count refusals again: a message was accepted, or a pause follows.
    pub fn reset_refusals(&self) {
        self.refused.store(0, Ordering::Relaxed);
    }

    /// Messages per second at this moment.
    pub fn rate(&self) -> Option<f64> {
        self.tokens.rate_limit().rate
    }

    /// Deliveries to claim at a time: those of one second.
    pub fn claim_limit(&self) -> i64 {
        self.rate().map_or(MAX_CLAIM, |rate| (rate as i64).clamp(1, MAX_CLAIM))
    }

    /// Waits until the rate allows the next message and a connection of the lane is free.
    pub async fn wait_for_turn(&self) -> Option<OwnedSemaphorePermit> {
        self.throttle.wait(self.rate()).await;
        let connections = locked(&self.connections).as_ref().map(|(_, free)| free.clone());
        match connections {
            Some(free) => free.acquire_owned().await.ok(),
            None => None,
        }
    }

    /// Sets the most connections of the lane.
    pub fn set_connections(&self, most: Option<u32>) {
        let mut connections = locked(&self.connections);
        if connections.as_ref().map(|(most, _)| *most) != most {
            *connections = most.map(|most| (most, Arc::new(Semaphore::new(most as usize))));
        }
    }

    /// Counts a reply; returns the recent rate in replies per second.
    pub fn count_reply(&self) -> f64 {
        let mut meter = locked(&self.meter);
        let elapsed = meter.since.elapsed();
        meter.count += 1;
        let rate = f64::from(meter.count) / elapsed.as_secs_f64().max(0.1);
        if elapsed >= RATE_PERIOD {
            *meter = Meter { since: Instant::now(), count: 0, previous: rate };
        }
        // A period that has just begun says little.
        if elapsed < RATE_PERIOD / 10 && meter.previous > 0.0 { meter.previous } else { rate }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
