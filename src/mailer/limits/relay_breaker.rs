//! What stands in the way of a relay. A success forgets it; when it lasts longer than the patience,
//! when letter after letter is lost or denied, or when only a change of settings can help, the relay
//! rests and others take its share. After a rest that grows each time it is tried again. Campaigns
//! are paused when no relay is left to them. No recipient is ever blamed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::infra::error::Message;
use crate::mailer::smtp::error::SmtpError;
use crate::mailer::smtp::reply_class;
use crate::mailer::smtp::wire::Reply;

/// Recipients denied in a row, for reasons of policy, after which the relay is the reason.
const DENIALS: u32 = 20;

/// After this long without another failure the next one begins anew.
const STALE: Duration = Duration::from_secs(60);

/// The longest rest before a relay is tried again.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// What stands in the way of a relay.
#[derive(Default)]
pub struct RelayBreaker {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    patience: Duration,
    connections: u32,
    /// Denied in a row.
    denials: u32,
    /// Letters in a row whose answer was lost.
    lost: u32,
    broken: Option<Broken>,
    /// Rests since the last letter that was accepted.
    rests: u32,
    /// Back from a rest, and no letter was accepted yet: the first failure is serious.
    on_trial: bool,
}

struct Broken {
    since: Instant,
    latest: Instant,
    failures: u32,
    last: String,
    serious: bool,
    /// When a relay in serious trouble is to be tried again.
    until: Option<Instant>,
}

impl RelayBreaker {
    /// Before a round of sending: how long failures may last, and over how many connections.
    pub fn arm(&self, patience: Duration, connections: u32) {
        let mut inner = self.lock();
        (inner.patience, inner.connections) = (patience, connections);
        if inner.broken.as_ref().is_some_and(|broken| !broken.serious && broken.latest.elapsed() > STALE) {
            inner.forget();
        }
    }

    /// Someone wants the relay to be tried now.
    pub fn forgive(&self) {
        self.lock().forget();
    }

    /// True when a relay in serious trouble has rested enough; the next rest begins with the answer.
    pub fn is_rested(&self) -> bool {
        let mut inner = self.lock();
        let rested = |broken: &Broken| broken.until.is_some_and(|until| until <= Instant::now());
        if !inner.broken.as_ref().is_some_and(rested) {
            return false;
        }
        inner.lay_down();
        true
    }

    /// The relay answered after its rest: letters may go to it again.
    pub fn come_back(&self) {
        let mut inner = self.lock();
        inner.forget();
        inner.on_trial = true;
        // The first letter that it denies tells that nothing has changed.
        inner.denials = DENIALS - 1;
    }

    /// The relay did something right.
    pub fn clear(&self) {
        let mut inner = self.lock();
        if inner.broken.as_ref().is_some_and(|broken| !broken.serious) {
            inner.broken = None;
        }
    }

    /// The relay took responsibility for a letter.
    pub fn accepted(&self) {
        {
            let mut inner = self.lock();
            (inner.denials, inner.lost, inner.rests, inner.on_trial) = (0, 0, 0, false);
        }
        self.clear();
    }

    /// The relay refused a recipient. One is a bounce; a row of them for reasons of policy
    /// (RFC 3463 §3.8) is a relay that will carry nothing for us. What a provider says of our
    /// settings is the lane's matter.
    pub fn refused(&self, reply: &Reply) {
        self.clear();
        if reply_class::sender_fault(reply).is_some() {
            return;
        }
        let policy = reply.is_permanent() && reply.enhanced.is_some_and(|status| status.1 == 7);
        let many = {
            let mut inner = self.lock();
            inner.denials = if policy { inner.denials + 1 } else { 0 };
            inner.denials >= DENIALS
        };
        if many {
            self.fail(Message::new("relay-denies").with("reply", reply).with("count", DENIALS), true);
        }
    }

    /// The relay failed; returns how long to rest, which grows with the failures.
    pub fn report(&self, fault: &SmtpError) -> Duration {
        tracing::warn!(phase = %fault.phase, cause = fault.message().key, "the relay failed");
        // A relay that breaks once may cost each connection a letter; what goes on must not cost more.
        let costly = fault.is_uncertain() && {
            let mut inner = self.lock();
            inner.lost += 1;
            inner.lost > inner.connections
        };
        self.fail(fault.message(), costly || fault.is_configuration())
    }

    /// The same for what is no SMTP fault.
    pub fn fail(&self, why: Message, hopeless: bool) -> Duration {
        let mut inner = self.lock();
        let (now, patience, on_trial) = (Instant::now(), inner.patience, inner.on_trial);
        let broken = inner.broken.get_or_insert_with(|| Broken {
            since: now,
            latest: now,
            failures: 0,
            last: String::new(),
            serious: false,
            until: None,
        });
        broken.failures += 1;
        broken.latest = now;
        broken.last = why.pack();
        broken.serious |= hopeless || on_trial || now - broken.since >= patience;
        if !broken.serious {
            return rest(broken.failures);
        }
        if broken.until.is_none() {
            inner.lay_down();
        }
        Duration::ZERO
    }

    /// True when sending should stop.
    pub fn is_serious(&self) -> bool {
        self.lock().broken.as_ref().is_some_and(|broken| broken.serious)
    }

    /// Why sending stopped, as a packed message.
    pub fn verdict(&self) -> Option<String> {
        self.lock().broken.as_ref().filter(|broken| broken.serious).map(|broken| broken.last.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn forget(&mut self) {
        (self.broken, self.denials, self.lost) = (None, 0, 0);
    }

    /// Begins a rest: the patience, then twice as long each time.
    fn lay_down(&mut self) {
        let rest = self.patience.saturating_mul(1 << self.rests.min(16)).min(LONGEST);
        self.rests += 1;
        if let Some(broken) = &mut self.broken {
            broken.until = Some(Instant::now() + rest);
        }
    }
}

/// How long to rest after so many failures in a row: 200 ms to 3.2 s.
pub fn rest(failures: u32) -> Duration {
    Duration::from_millis(100 << failures.clamp(1, 5))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(trouble: &RelayBreaker) -> bool {
        trouble.fail(Message::new("relay-folder"), true);
        trouble.is_serious()
    }

    #[tokio::test(start_paused = true)]
    async fn rests_grow_until_a_letter_is_accepted() {
        let trouble = RelayBreaker::default();
        trouble.arm(Duration::from_secs(30), 1);
        let mut rests = Vec::new();
        assert!(failed(&trouble));
        for _ in 0..8 {
            let began = Instant::now();
            while !trouble.is_rested() {
                tokio::time::advance(Duration::from_secs(1)).await;
            }
            rests.push(began.elapsed().as_secs());
        }
        assert_eq!(rests, [30, 60, 120, 240, 480, 900, 900, 900]);

        trouble.come_back();
        assert!(!trouble.is_serious());
        trouble.accepted();
        assert!(failed(&trouble));
        tokio::time::advance(Duration::from_secs(30)).await;
        assert!(trouble.is_rested());
    }

    #[tokio::test(start_paused = true)]
    async fn a_relay_on_trial_has_one_failure() {
        let trouble = RelayBreaker::default();
        trouble.arm(Duration::from_secs(30), 1);
        assert!(failed(&trouble));
        trouble.come_back();

        trouble.fail(Message::new("relay-folder"), false);

        assert!(trouble.is_serious());
    }
}
