//! What the connections of one relay share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::lease_freshness::LeaseFreshness;
use super::limits::Limits;
use super::limits::relay_breaker::RelayBreaker;
use super::limits::throttle::Throttle;
use super::limits::token_reserve::TokenReserve;
use super::queue::group_commit::GroupCommit;
use super::relay::Relay;
use super::scheduler::{Scheduler, SendGate};
use super::send_round::RoundSettings;
use super::smtp::error::SmtpError;
use super::smtp::pipelining_trust::PipeliningTrust;
use super::smtp::session::Session;
use super::smtp::timeouts::Timeouts;
use super::transport::{End, Transport};
use crate::campaign::delivery::{Claimed, DeliveryResult, State};
use crate::infra::clock::Millis;
use crate::infra::error::Result;
use crate::infra::failpoint;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::metric;

/// How long a look at the disk is good for.
const GLANCE: Duration = Duration::from_millis(5);

/// What the workers of one relay share.
pub struct RelayContext {
    /// The installation.
    pub installation: Installation,
    /// The mailer whose connections these are.
    pub mailer: Id,
    /// The workspace and the relay as metrics name them.
    path: metric::RelayLabels,
    /// Whether its lease holds.
    pub pulse: LeaseFreshness,
    /// Where messages go.
    pub way: Transport,
    /// What holds for the lanes and the workspace.
    pub limits: Arc<Limits>,
    /// What may leave through the relay.
    pub purse: TokenReserve,
    /// The pace of the relay.
    throttle: Throttle,
    /// The timers of the dialogue.
    pub timers: Timeouts,
    /// Distance of the first repeat, in ms.
    pub retry_base: Millis,
    /// Says whether messages may leave.
    gate: SendGate,
    /// What it said last, and when.
    allowed: Mutex<Option<(Instant, bool)>>,
    /// Marks and results.
    pub writer: GroupCommit,
    /// What stands in the way of the relay, told to the shift.
    pub trouble: Arc<RelayBreaker>,
    /// The relay's number.
    pub relay: Id,
    /// Marked deliveries that a connection may hold, at least 1.
    pub ahead: usize,
    /// Whether the relay can take several commands at once, as it says.
    pub grouping: PipeliningTrust,
    /// Letters that its connections have in hand.
    pub in_hand: AtomicUsize,
}

impl RelayContext {
    /// The bench of a relay, its way open.
    pub async fn open(
        shift: &Scheduler,
        relay: &Relay,
        terms: &RoundSettings,
        writer: &GroupCommit,
        limits: Arc<Limits>,
    ) -> Result<Self> {
        Ok(Self {
            installation: shift.installation.clone(),
            mailer: shift.lease(),
            path: metric::RelayLabels { workspace: limits.workspace.to_string(), relay: relay.name.clone() },
            pulse: shift.pulse(),
            way: Transport::open(&shift.installation, relay).await?,
            purse: limits.purse_of(relay),
            limits,
            throttle: Throttle::default(),
            timers: Timeouts::scaled(terms.timers / 100.0),
            retry_base: terms.retry_base,
            gate: shift.gate.clone(),
            allowed: Mutex::default(),
            writer: writer.clone(),
            trouble: shift.trouble(relay),
            relay: relay.id,
            ahead: relay.ahead as usize,
            grouping: PipeliningTrust::default(),
            in_hand: AtomicUsize::default(),
        })
    }

    /// Whether messages may leave. It takes a look at the disk, which is good for a few milliseconds.
    pub fn may_send(&self) -> bool {
        let mut allowed = self.allowed.lock().unwrap_or_else(PoisonError::into_inner);
        match *allowed {
            Some((asked, answer)) if asked.elapsed() < GLANCE => answer,
            _ => allowed.insert((Instant::now(), (self.gate)())).1,
        }
    }

    /// True when no connection has a letter in hand.
    pub fn is_idle(&self) -> bool {
        self.in_hand.load(Ordering::Relaxed) == 0
    }

    /// Tells those who watch from outside that a letter is begun.
    pub fn begun(&self, claimed: &Claimed, attempts: i32) {
        if attempts > 0 {
            metric::count_retry(&self.path, &claimed.lane);
        }
    }

    /// Tells those who watch from outside how a try ended.
    pub fn ended(&self, claimed: &Claimed, outcome: &DeliveryResult) {
        let result = match outcome.state {
            State::Pending if outcome.tried => "deferred",
            State::Pending => "untried",
            state => state.as_str(),
        };
        metric::count_attempt(&self.path, &claimed.lane, result);
    }

    /// Waits for the pace of the relay. False when the letter must not be begun now.
    pub async fn pass(&self, claimed: &Claimed) -> bool {
        self.throttle.pass(self.purse.cap().rate).await;
        self.limits.is_open(claimed)
    }

    /// Takes back what was drawn for a letter that was not sent.
    pub fn put_back(&self, claimed: &Claimed) {
        self.limits.put_back(&claimed.lane, 1);
        self.purse.put_back(1);
    }

    /// Opens a session where there is none and one is needed.
    pub async fn connect(&self, slot: &mut Option<Session>) -> std::result::Result<(), SmtpError> {
        if let (End::Smtp(target), None) = (self.way.end(), &slot) {
            let session = Session::open_over(&self.installation.network, target, &self.timers).await?;
            *slot = Some(if self.grouping.is_trusted() { session } else { session.without_pipelining() });
        }
        failpoint::hit("after-connect");
        Ok(())
    }

    /// True when the far end lets us in.
    pub async fn answers(&self) -> bool {
        let End::Smtp(target) = self.way.end() else { return true };
        let Ok(mut session) = Session::open_over(&self.installation.network, target, &self.timers).await else {
            return false;
        };
        let sound = session.noop().await.is_ok();
        session.quit().await;
        sound
    }
}
