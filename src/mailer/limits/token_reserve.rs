//! What was drawn under one limit and not sent yet, in memory: one look into the table serves many
//! letters. What is left goes back into the table when the round ends; a mailer that dies loses it,
//! which errs on the side of sending less.

use crate::campaign::rate_limit::RateLimit;
use crate::infra::clock::Millis;
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::sync_shim::{AtomicI64, Mutex, Ordering, PoisonError};
use crate::mailer::limits::rate_account::{self, LimitKey};

/// Letters drawn at a time at least, where the limit has them.
const REFILL: i64 = 100;

/// The name of a limit that a purse draws from.
#[derive(Debug, Clone)]
pub enum LimitName {
    /// A lane, or `all`.
    Lane(String),
    /// A relay.
    Relay(Id),
}

impl LimitName {
    fn gate(&self) -> LimitKey<'_> {
        match self {
            Self::Lane(name) => LimitKey::Lane(name),
            Self::Relay(id) => LimitKey::Relay(*id),
        }
    }
}

/// Letters that may leave under one limit.
pub struct TokenReserve {
    installation: Installation,
    workspace: Id,
    name: LimitName,
    cap: Mutex<RateLimit>,
    /// Grant and not taken out.
    held: tokio::sync::Mutex<i64>,
    /// Put back since, by whoever did not send.
    back: AtomicI64,
    /// When the next day begins, once this day's letters are used up; 0 while they are not.
    shut_until: AtomicI64,
}

impl TokenReserve {
    /// An empty purse of a workspace.
    pub fn new(installation: &Installation, workspace: Id, name: LimitName, cap: RateLimit) -> Self {
        Self {
            installation: installation.clone(),
            workspace,
            name,
            cap: Mutex::new(cap),
            held: tokio::sync::Mutex::default(),
            back: AtomicI64::default(),
            shut_until: AtomicI64::default(),
        }
    }

    /// The limit in force.
    pub fn cap(&self) -> RateLimit {
        *self.cap.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts another limit in force.
    pub fn set_cap(&self, cap: RateLimit) {
        let before = std::mem::replace(&mut *self.cap.lock().unwrap_or_else(PoisonError::into_inner), cap);
        if before != cap {
            self.shut_until.store(0, Ordering::Relaxed);
        }
    }

    /// Takes out up to `want` letters.
    pub async fn take(&self, want: i64) -> Result<i64> {
        let (cap, mut held) = (self.cap(), self.held.lock().await);
        let back = self.back.swap(0, Ordering::Relaxed);
        if cap.is_open() {
            *held = 0;
            return Ok(want);
        }
        *held += back;
        if *held == 0 && want > 0 && self.shut_until().is_none() {
            let (db, now) = (&self.installation.db, self.installation.clock.now());
            let drawn = rate_account::draw(db, self.workspace, self.name.gate(), &cap, want.max(REFILL), now).await?;
            *held = drawn.count;
            self.shut_until.store(drawn.opens_at.filter(|_| drawn.count == 0).unwrap_or(0), Ordering::Relaxed);
        }
        let taken = want.min(*held);
        *held -= taken;
        Ok(taken)
    }

    /// Puts letters back that were not sent.
    pub fn put_back(&self, count: i64) {
        self.back.fetch_add(count, Ordering::Relaxed);
    }

    /// When it can be drawn from again, if this day's letters are used up.
    pub fn shut_until(&self) -> Option<Millis> {
        Some(self.shut_until.load(Ordering::Relaxed)).filter(|until| *until > self.installation.clock.now())
    }

    /// Gives everything back.
    pub async fn empty(&self) -> Result<()> {
        let mut held = self.held.lock().await;
        let left = std::mem::take(&mut *held) + self.back.swap(0, Ordering::Relaxed);
        let cap = self.cap();
        if left == 0 || cap.is_open() {
            return Ok(());
        }
        rate_account::refund(
            &self.installation.db,
            self.workspace,
            self.name.gate(),
            &cap,
            left,
            self.installation.clock.now(),
        )
        .await
    }
}
