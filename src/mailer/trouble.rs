//! What stands in the way of a relay. A success forgets it; when it lasts longer than the patience,
//! when letter after letter is lost or denied, or when only a change of settings can help, the
//! campaigns are paused. No recipient is ever blamed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::fault::Fault;
use super::wire::Reply;
use crate::ground::error::Message;

/// Recipients denied in a row, for reasons of policy, after which the relay is the reason.
const DENIALS: u32 = 20;

/// After this long without another failure the next one begins anew.
const STALE: Duration = Duration::from_secs(60);

/// What stands in the way of a relay.
#[derive(Default)]
pub struct Trouble {
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
}

struct Broken {
    since: Instant,
    latest: Instant,
    failures: u32,
    last: String,
    serious: bool,
}

impl Trouble {
    /// Before a round of sending: how long failures may last, and over how many connections.
    pub fn arm(&self, patience: Duration, connections: u32) {
        let mut inner = self.lock();
        (inner.patience, inner.connections) = (patience, connections);
        if inner.broken.as_ref().is_some_and(|broken| broken.serious || broken.latest.elapsed() > STALE) {
            (inner.broken, inner.denials, inner.lost) = (None, 0, 0);
        }
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
            (inner.denials, inner.lost) = (0, 0);
        }
        self.clear();
    }

    /// The relay refused a recipient. One is a bounce; a row of them for reasons of policy
    /// (RFC 3463 §3.8) is a relay that will carry nothing for us.
    pub fn refused(&self, reply: &Reply) {
        self.clear();
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
    pub fn report(&self, fault: &Fault) -> Duration {
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
        let (now, patience) = (Instant::now(), inner.patience);
        let broken = inner.broken.get_or_insert_with(|| Broken {
            since: now,
            latest: now,
            failures: 0,
            last: String::new(),
            serious: false,
        });
        broken.failures += 1;
        broken.latest = now;
        broken.last = why.pack();
        broken.serious |= hopeless || now - broken.since >= patience;
        if broken.serious { Duration::ZERO } else { rest(broken.failures) }
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

/// How long to rest after so many failures in a row: 200 ms to 3.2 s.
pub fn rest(failures: u32) -> Duration {
    Duration::from_millis(100 << failures.clamp(1, 5))
}
