//! What the connections of one relay share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::fault::Fault;
use super::grouping::Grouping;
use super::lease::Pulse;
use super::session::Session;
use super::shift::Gate;
use super::throttle::Throttle;
use super::timer::Timers;
use super::trouble::Trouble;
use super::way::{End, Way};
use super::writer::Writer;
use crate::campaign::delivery::{Claimed, Outcome, State};
use crate::ground::clock::Millis;
use crate::ground::id::Id;
use crate::ground::installation::Installation;
use crate::ground::metric;

/// The lane of every letter as metrics name it, as long as there is one.
const LANE: &str = "all";

/// What the workers of one relay share.
pub struct Bench {
    /// The installation.
    pub home: Installation,
    /// The mailer whose connections these are.
    pub mailer: Id,
    /// The relay as metrics name it.
    pub label: String,
    /// Whether its lease holds.
    pub pulse: Pulse,
    /// Where messages go.
    pub way: Way,
    /// The pace of the relay.
    pub throttle: Throttle,
    /// The timers of the dialogue.
    pub timers: Timers,
    /// Distance of the first repeat, in ms.
    pub retry_base: Millis,
    /// Says whether messages may leave at this moment.
    pub gate: Gate,
    /// Marks and results.
    pub writer: Writer,
    /// What stands in the way of the relay, told to the shift.
    pub trouble: Arc<Trouble>,
    /// The relay's number.
    pub relay: Id,
    /// Marked deliveries that a connection may hold, at least 1.
    pub ahead: usize,
    /// Whether the relay can take several commands at once, as it says.
    pub grouping: Grouping,
    /// Letters that its connections have in hand.
    pub in_hand: AtomicUsize,
}

impl Bench {
    /// True when no connection has a letter in hand.
    pub fn is_idle(&self) -> bool {
        self.in_hand.load(Ordering::Relaxed) == 0
    }

    /// Tells those who watch from outside that a letter is begun.
    pub fn begun(&self, claimed: &Claimed) {
        if claimed.attempts > 0 {
            metric::retried(&self.label, LANE);
        }
    }

    /// Tells those who watch from outside how a try ended.
    pub fn ended(&self, outcome: &Outcome) {
        let result = match outcome.state {
            State::Pending if outcome.tried => "deferred",
            State::Pending => "untried",
            state => state.as_str(),
        };
        metric::answered(&self.label, LANE, result);
    }

    /// Waits for its turn and for a session. False when there is no need of one.
    pub async fn ready(&self, slot: &mut Option<Session>) -> Result<bool, Fault> {
        self.throttle.pass().await;
        if let (End::Smtp(target), None) = (self.way.end(), &slot) {
            let session = Session::open(target, &self.timers).await?;
            *slot = Some(if self.grouping.is_trusted() { session } else { session.plainly() });
        }
        Ok(true)
    }
}
