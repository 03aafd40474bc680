//! Token reserve: tokens of one limit that were drawn from the database and not used yet.
//!
//! One database read serves many messages. Tokens that are left go back when the send round ends; a mailer that dies
//! loses them, which means that less is sent, never more.

use crate::campaign::rate_limit::RateLimit;
use crate::infra::clock::Millis;
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::sync_shim::{AtomicI64, Mutex, Ordering, PoisonError};
use crate::mailer::limits::rate_account::{self, LimitKey};

/// The fewest tokens to draw from the database at a time, if the limit has them.
const MIN_DRAW: i64 = 100;

/// Tokens of one limit. One token is one message.
pub struct TokenReserve {
    installation: Installation,
    workspace: Id,
    key: LimitKey,
    rate_limit: Mutex<RateLimit>,
    /// Tokens drawn from the database and not handed out.
    available: tokio::sync::Mutex<i64>,
    /// Tokens refunded since then.
    refunded: AtomicI64,
    /// When the next day begins, once the quota of this day is used up; otherwise 0.
    exhausted_until: AtomicI64,
}

impl TokenReserve {
    /// An empty reserve.
    pub fn new(installation: &Installation, workspace: Id, key: LimitKey, rate_limit: RateLimit) -> Self {
        Self {
            installation: installation.clone(),
            workspace,
            key,
            rate_limit: Mutex::new(rate_limit),
            available: tokio::sync::Mutex::default(),
            refunded: AtomicI64::default(),
            exhausted_until: AtomicI64::default(),
        }
    }

    /// The limit in force.
    pub fn rate_limit(&self) -> RateLimit {
        *self.rate_limit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the limit.
    pub fn set_rate_limit(&self, limit: RateLimit) {
        let before = std::mem::replace(&mut *self.rate_limit.lock().unwrap_or_else(PoisonError::into_inner), limit);
        if before != limit {
            self.exhausted_until.store(0, Ordering::Relaxed);
        }
    }

    /// Draws up to `want` tokens.
    pub async fn draw(&self, want: i64) -> Result<i64> {
        let (limit, mut available) = (self.rate_limit(), self.available.lock().await);
        let refunded = self.refunded.swap(0, Ordering::Relaxed);
        if limit.is_unlimited() {
            *available = 0;
            return Ok(want);
        }
        *available += refunded;
        if *available == 0 && want > 0 && self.exhausted_until().is_none() {
            let (db, now) = (&self.installation.db, self.installation.clock.now());
            let grant = rate_account::draw(db, self.workspace, &self.key, &limit, want.max(MIN_DRAW), now).await?;
            *available = grant.count;
            let until = grant.exhausted_until.filter(|_| grant.count == 0).unwrap_or(0);
            self.exhausted_until.store(until, Ordering::Relaxed);
        }
        let drawn = want.min(*available);
        *available -= drawn;
        Ok(drawn)
    }

    /// Returns the tokens of messages that were not sent.
    pub fn refund(&self, count: i64) {
        self.refunded.fetch_add(count, Ordering::Relaxed);
    }

    /// When tokens can be drawn again, if the quota of this day is used up.
    pub fn exhausted_until(&self) -> Option<Millis> {
        Some(self.exhausted_until.load(Ordering::Relaxed)).filter(|until| *until > self.installation.clock.now())
    }

    /// Returns all unused tokens to the database.
    pub async fn close(&self) -> Result<()> {
        let mut available = self.available.lock().await;
        let left = std::mem::take(&mut *available) + self.refunded.swap(0, Ordering::Relaxed);
        let limit = self.rate_limit();
        if left == 0 || limit.is_unlimited() {
            return Ok(());
        }
        let (db, now) = (&self.installation.db, self.installation.clock.now());
        rate_account::refund(db, self.workspace, &self.key, &limit, left, now).await
    }
}
