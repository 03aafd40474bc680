//! Context of one relay during a send round: what its connections share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::limits::Limits;
use super::limits::relay_breaker::RelayBreaker;
use super::limits::throttle::Throttle;
use super::limits::token_reserve::TokenReserve;
use super::mailer_context::MailerContext;
use super::queue::group_commit::GroupCommit;
use super::relay::Relay;
use super::smtp::error::SmtpError;
use super::smtp::pipelining_trust::PipeliningTrust;
use super::smtp::timeouts::Timeouts;
use super::transport::{Channel, Transport};
use crate::campaign::delivery::{Claimed, DeliveryResult, State};
use crate::infra::clock::Millis;
use crate::infra::error::Result;
use crate::infra::failpoint;
use crate::infra::id::Id;
use crate::infra::metric;

/// How long an answer of the send gate is used; it may read the disk.
const SEND_GATE_TTL: Duration = Duration::from_millis(5);

/// What the connections of one relay share.
pub struct RelayContext {
    /// The mailer.
    pub mailer: Arc<MailerContext>,
    /// Commits marks and results.
    pub group_commit: GroupCommit,
    /// The relay's id.
    pub relay: Id,
    /// The relay's name.
    pub name: String,
    /// Where messages go.
    pub transport: Transport,
    /// Time limits of SMTP.
    pub timeouts: Timeouts,
    /// The delay before the first retry, in ms.
    pub retry_base: Millis,
    /// The most marked deliveries that a connection may hold, at least 1.
    pub ahead: usize,
    /// The limits of the lanes and of the workspace.
    pub limits: Arc<Limits>,
    /// Tokens of the relay's rate limit.
    pub tokens: TokenReserve,
    /// The circuit breaker of the relay.
    pub breaker: Arc<RelayBreaker>,
    /// Whether the relay's pipelining works.
    pub pipelining_trust: PipeliningTrust,
    /// Deliveries that its connections hold.
    pub held: AtomicUsize,
    throttle: Throttle,
    /// The last answer of the send gate and its time.
    gate_answer: Mutex<Option<(Instant, bool)>>,
    /// The workspace and the relay as metrics name them.
    labels: metric::RelayLabels,
}

impl RelayContext {
    /// Opens the transport of a relay.
    pub async fn open(
        mailer: &Arc<MailerContext>,
        group_commit: &GroupCommit,
        relay: &Relay,
        (timeouts, retry_base): (Timeouts, Millis),
        limits: Arc<Limits>,
    ) -> Result<Self> {
        Ok(Self {
            mailer: mailer.clone(),
            group_commit: group_commit.clone(),
            relay: relay.id,
            name: relay.name.clone(),
            transport: Transport::open(&mailer.installation, relay).await?,
            timeouts,
            retry_base,
            ahead: relay.ahead as usize,
            tokens: limits.relay_tokens(relay),
            labels: metric::RelayLabels { workspace: limits.workspace.to_string(), relay: relay.name.clone() },
            limits,
            breaker: mailer.breaker(relay),
            pipelining_trust: PipeliningTrust::default(),
            held: AtomicUsize::default(),
            throttle: Throttle::default(),
            gate_answer: Mutex::default(),
        })
    }

    /// The time by the installation's clock.
    pub fn now(&self) -> Millis {
        self.mailer.installation.clock.now()
    }

    /// True when messages may be sent at this moment. The answer may be a few milliseconds old.
    pub fn may_send(&self) -> bool {
        let mut answer = self.gate_answer.lock().unwrap_or_else(PoisonError::into_inner);
        match *answer {
            Some((asked, may_send)) if asked.elapsed() < SEND_GATE_TTL => may_send,
            _ => answer.insert((Instant::now(), (self.mailer.send_gate)())).1,
        }
    }

    /// True when no connection holds a delivery.
    pub fn is_idle(&self) -> bool {
        self.held.load(Ordering::Relaxed) == 0
    }

    /// Counts an attempt that begins.
    pub fn count_begun(&self, claimed: &Claimed, attempts: i32) {
        if attempts > 0 {
            metric::count_retry(&self.labels, &claimed.lane);
        }
    }

    /// Counts an attempt that has ended.
    pub fn count_ended(&self, claimed: &Claimed, result: &DeliveryResult) {
        let label = match result.state {
            State::Pending if result.tried => "deferred",
            State::Pending => "untried",
            state => state.as_str(),
        };
        metric::count_attempt(&self.labels, &claimed.lane, label);
    }

    /// Waits until the rate of the relay allows the next message. False if the lane or campaign was closed meanwhile.
    pub async fn wait_for_turn(&self, claimed: &Claimed) -> bool {
        self.throttle.wait(self.tokens.rate_limit().rate).await;
        self.limits.is_open(claimed)
    }

    /// Returns the tokens of a delivery that was not sent.
    pub fn refund(&self, claimed: &Claimed) {
        self.limits.refund(&claimed.lane, 1);
        self.tokens.refund(1);
    }

    /// Releases a claimed delivery that was not marked: returns its tokens and gives it back to the queue.
    pub async fn release(&self, claimed: &Claimed) {
        self.refund(claimed);
        self.group_commit.release(claimed.id).await;
    }

    /// Opens a channel if `slot` has none.
    pub async fn connect(&self, slot: &mut Option<Channel>) -> std::result::Result<(), SmtpError> {
        if slot.is_none() {
            let channel = self.transport.connect(&self.timeouts).await?.counted(self.breaker.record_session());
            *slot = Some(if self.pipelining_trust.is_trusted() { channel } else { channel.without_pipelining() });
        }
        failpoint::hit("after-connect");
        Ok(())
    }

    /// True when the relay accepts connections.
    pub async fn is_reachable(&self) -> bool {
        self.transport.is_reachable(&self.timeouts).await
    }
}
