//! The desk: pages of the staff on loopback, without a login.

pub mod campaign;
pub mod inbox;
pub mod overview;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::infra::clock::Millis;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::report::progress::{Progress, ProgressSnapshot, RateEstimator};
use crate::report::slow_counts::SlowCounts;
use crate::usecase::localize::StoredMessage;
use crate::web::page::Frame;

/// State of the handlers of the desk.
pub struct DeskState {
    /// Database, keys, clock.
    pub installation: Installation,
    /// Counts of the overview that take long.
    pub counts: SlowCounts,
    public_address: OnceLock<SocketAddr>,
    rates: Mutex<HashMap<Id, RateEstimator>>,
}

impl DeskState {
    /// The state at start.
    pub fn new(installation: Installation) -> Self {
        Self { installation, counts: SlowCounts::default(), public_address: OnceLock::new(), rates: Mutex::default() }
    }

    /// The address of the public listener, where the one-click button of the inbox posts to.
    pub fn public_address(&self) -> Option<SocketAddr> {
        self.public_address.get().copied()
    }

    /// Sets the address of the public listener, of which a process has one.
    pub fn set_public_address(&self, address: SocketAddr) {
        // A second call keeps the first address.
        let _ = self.public_address.set(address);
    }

    /// The progress of a campaign, with its rate since earlier calls.
    pub fn with_rate(&self, campaign: Id, snapshot: ProgressSnapshot) -> Progress {
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        snapshot.with_rate(rates.entry(campaign).or_default(), self.installation.clock.now())
    }
}

/// Rate, end time and reasons of a campaign.
fn notes(frame: Frame, reason: Option<&StoredMessage>, progress: &Progress, now: Millis) -> Vec<String> {
    let messages = [progress.speed(now), progress.uncertain_note()].into_iter().flatten();
    let mut notes: Vec<String> = messages.map(|message| frame.lang.translate(&message)).collect();
    notes.extend(progress.numbers.notes().iter().map(|message| frame.lang.translate(message)));
    notes.extend(progress.by_lane(now, frame.lang));
    notes.extend(reason.map(|reason| reason.translate(frame.lang)));
    notes
}
