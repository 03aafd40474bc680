//! Circuit breaker of a relay: stops sending through a relay that fails, and probes it after a cooldown.
//!
//! The breaker opens when failures last longer than the setting `relay-patience` allows, when message after message is
//! lost or denied, or when only a changed setting can help. Other relays then take the share. After a cooldown, which
//! doubles each time, the relay is probed; if it answers the breaker is half open, and its next failure opens it
//! again. Campaigns without another relay are paused. Recipients are never blamed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::infra::error::Message;
use crate::mailer::smtp::error::SmtpError;
use crate::mailer::smtp::reply::Reply;
use crate::mailer::smtp::reply_class::{self, Class};

/// Refusals in a row for which no person is to blame, after which the relay is the reason.
const MAX_DENIALS: u32 = 20;

/// After this time without another failure the count of failures starts again.
const FAILURE_TTL: Duration = Duration::from_secs(60);

/// A relay that has accepted a message within this time works: a refused connection is one too many.
const WORKING_TIME: Duration = Duration::from_secs(60);

/// The longest wait for a relay that takes no session at all.
const MAX_BUSY_WAIT: Duration = Duration::from_secs(5 * 60);

/// The longest pause of one connection that was one too many.
const MAX_EXTRA_PAUSE: Duration = Duration::from_secs(60);

/// The longest cooldown.
const MAX_COOLDOWN: Duration = Duration::from_secs(15 * 60);

/// The circuit breaker of one relay.
#[derive(Default)]
pub struct RelayBreaker {
    state: Mutex<State>,
    /// A clone is held by each open session.
    sessions: Arc<()>,
}

#[derive(Default)]
struct State {
    /// How long failures may last before the breaker opens.
    max_failure_time: Duration,
    connections: u32,
    /// Recipients denied in a row.
    denials: u32,
    /// Messages in a row whose reply was lost.
    lost: u32,
    failing: Option<Failing>,
    last_accepted: Option<Instant>,
    /// Until when a relay that takes no session is left alone, and how often in a row it took none.
    busy: Option<(Instant, u32)>,
    /// Cooldowns since the last accepted message.
    cooldowns: u32,
    /// Probed after a cooldown, and no message was accepted yet.
    half_open: bool,
}

/// A relay that fails.
struct Failing {
    since: Instant,
    latest: Instant,
    failures: u32,
    /// The last failure, as a packed message.
    reason: String,
    /// True when the breaker is open.
    open: bool,
    /// The end of the cooldown of an open breaker.
    cooldown_until: Option<Instant>,
}

impl RelayBreaker {
    /// Sets, at the start of a send round, how long failures may last and how many connections the relay has.
    pub fn configure(&self, max_failure_time: Duration, connections: u32) {
        let mut state = self.lock();
        (state.max_failure_time, state.connections) = (max_failure_time, connections);
        if state.failing.as_ref().is_some_and(|failing| !failing.open && failing.latest.elapsed() > FAILURE_TTL) {
            state.close();
        }
    }

    /// Closes the breaker: the relay is tried now.
    pub fn reset(&self) {
        self.lock().close();
    }

    /// True when the cooldown is over and the caller is to probe the relay. Starts the next cooldown, for a probe that
    /// fails.
    pub fn start_probe(&self) -> bool {
        let mut state = self.lock();
        let is_over = |failing: &Failing| failing.cooldown_until.is_some_and(|until| until <= Instant::now());
        if !state.failing.as_ref().is_some_and(is_over) {
            return false;
        }
        state.start_cooldown();
        true
    }

    /// The probe succeeded: messages may be sent, and the next failure opens the breaker again.
    pub fn half_open(&self) {
        let mut state = self.lock();
        state.close();
        state.half_open = true;
        // A single denied message shows that nothing has changed.
        state.denials = MAX_DENIALS - 1;
    }

    /// The relay has accepted a message.
    pub fn record_accepted(&self) {
        let mut state = self.lock();
        (state.denials, state.lost, state.cooldowns, state.half_open) = (0, 0, 0, false);
        (state.last_accepted, state.busy) = (Some(Instant::now()), None);
        state.forget_failures();
    }

    /// The relay has refused a recipient or a message. One refusal is a bounce; many in a row for which no person is to
    /// blame mean that the relay carries nothing. Sender faults concern the lane, and content the campaign.
    pub fn record_refused(&self, reply: &Reply, class: Class) {
        let is_elsewhere =
            reply_class::sender_fault(reply).is_some() || matches!(class, Class::Message | Class::TooLarge);
        let is_denial = reply.is_permanent() && matches!(class, Class::Policy | Class::Sender | Class::Relay);
        let denied = {
            let mut state = self.lock();
            state.forget_failures();
            if !is_elsewhere {
                state.denials = if is_denial { state.denials + 1 } else { 0 };
            }
            !is_elsewhere && state.denials >= MAX_DENIALS
        };
        if denied {
            self.record_failure(Message::new("relay-denies").with("reply", reply).with("count", MAX_DENIALS), true);
        }
    }

    /// A session has failed. Returns how long its connection pauses.
    pub fn record_error(&self, error: &SmtpError) -> Duration {
        tracing::warn!(phase = %error.phase, cause = error.message().key, "relay failed");
        // A relay that fails once may cost each connection one message; a failure that goes on must not cost more.
        let costly = error.is_uncertain() && {
            let mut state = self.lock();
            state.lost += 1;
            state.lost > state.connections
        };
        self.record_failure(error.message(), costly || error.is_configuration())
    }

    /// The relay has taken a session. It counts as open for as long as the value lives.
    pub fn record_session(&self) -> Arc<()> {
        self.lock().busy = None;
        self.sessions.clone()
    }

    /// The relay takes no further session at the moment. If it has taken others, this connection pauses, longer with each
    /// of its `failures` in a row; otherwise the whole relay is left alone for a while. Nothing is paused: sending
    /// goes on by itself. Returns how long the connection pauses.
    pub fn record_busy(&self, error: &SmtpError, failures: u32) -> Duration {
        let mut state = self.lock();
        let has_sessions = Arc::strong_count(&self.sessions) > 1;
        if has_sessions || state.last_accepted.is_some_and(|at| at.elapsed() < WORKING_TIME) {
            return Duration::from_secs(1 << failures.min(6)).min(MAX_EXTRA_PAUSE);
        }
        let (now, refused) = (Instant::now(), state.busy.map_or(0, |(_, refused)| refused));
        // The connections of one attempt count once.
        if state.busy.is_none_or(|(until, _)| until <= now) {
            let first = (state.max_failure_time / 8).clamp(Duration::from_millis(250), Duration::from_secs(5));
            let wait = first.saturating_mul(1 << refused.min(16)).min(MAX_BUSY_WAIT);
            state.busy = Some((now + wait, refused + 1));
            tracing::warn!(
                cause = error.message().key,
                seconds = wait.as_secs(),
                "relay takes no session; trying again"
            );
        }
        Duration::ZERO
    }

    /// How long the relay is still left alone because it takes no session.
    pub fn busy_for(&self) -> Option<Duration> {
        let (until, _) = self.lock().busy?;
        Some(until.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }

    /// The relay has failed for another reason; `permanent` opens the breaker at once. Returns how long the connection
    /// pauses.
    pub fn record_failure(&self, reason: Message, permanent: bool) -> Duration {
        let mut state = self.lock();
        let (now, max_failure_time, half_open) = (Instant::now(), state.max_failure_time, state.half_open);
        let failing = state.failing.get_or_insert_with(|| Failing {
            since: now,
            latest: now,
            failures: 0,
            reason: String::new(),
            open: false,
            cooldown_until: None,
        });
        failing.failures += 1;
        failing.latest = now;
        failing.reason = reason.pack();
        failing.open |= permanent || half_open || now - failing.since >= max_failure_time;
        if !failing.open {
            return backoff(failing.failures);
        }
        if failing.cooldown_until.is_none() {
            state.start_cooldown();
        }
        Duration::ZERO
    }

    /// True when nothing is to be sent through the relay.
    pub fn is_open(&self) -> bool {
        self.lock().failing.as_ref().is_some_and(|failing| failing.open)
    }

    /// Why the breaker is open, as a packed message.
    pub fn open_reason(&self) -> Option<String> {
        self.lock().failing.as_ref().filter(|failing| failing.open).map(|failing| failing.reason.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn close(&mut self) {
        (self.failing, self.busy, self.denials, self.lost) = (None, None, 0, 0);
    }

    /// The relay answers as it should. An open breaker stays open: only a probe closes it.
    fn forget_failures(&mut self) {
        if self.failing.as_ref().is_some_and(|failing| !failing.open) {
            self.failing = None;
        }
    }

    /// Starts a cooldown: as long as `max_failure_time`, then twice as long each time.
    fn start_cooldown(&mut self) {
        let cooldown = self.max_failure_time.saturating_mul(1 << self.cooldowns.min(16)).min(MAX_COOLDOWN);
        self.cooldowns += 1;
        if let Some(failing) = &mut self.failing {
            failing.cooldown_until = Some(Instant::now() + cooldown);
        }
    }
}

/// How long a connection pauses after so many failures in a row: 200 ms to 3.2 s.
pub fn backoff(failures: u32) -> Duration {
    Duration::from_millis(100 << failures.clamp(1, 5))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(breaker: &RelayBreaker) -> bool {
        breaker.record_failure(Message::new("relay-folder"), true);
        breaker.is_open()
    }

    #[tokio::test(start_paused = true)]
    async fn cooldowns_double_until_a_message_is_accepted() {
        let breaker = RelayBreaker::default();
        breaker.configure(Duration::from_secs(30), 1);
        let mut cooldowns = Vec::new();
        assert!(fail(&breaker));
        for _ in 0..8 {
            let began = Instant::now();
            while !breaker.start_probe() {
                tokio::time::advance(Duration::from_secs(1)).await;
            }
            cooldowns.push(began.elapsed().as_secs());
        }
        assert_eq!(cooldowns, [30, 60, 120, 240, 480, 900, 900, 900]);

        breaker.half_open();
        assert!(!breaker.is_open());
        breaker.record_accepted();
        assert!(fail(&breaker));
        tokio::time::advance(Duration::from_secs(30)).await;
        assert!(breaker.start_probe());
    }

    #[tokio::test(start_paused = true)]
    async fn one_failure_opens_a_half_open_breaker() {
        let breaker = RelayBreaker::default();
        breaker.configure(Duration::from_secs(30), 1);
        assert!(fail(&breaker));
        breaker.half_open();

        breaker.record_failure(Message::new("relay-folder"), false);

        assert!(breaker.is_open());
    }
}
