//! Table `rate_account`: the tokens drawn from each rate limit, by all mailers together.
//!
//! Tokens are drawn before deliveries are claimed, and unused ones are refunded: a mailer that dies leaves too few
//! tokens, never too many. A restart causes no burst, and mailers that share a database share each limit. Their clocks
//! must agree within a minute.

use crate::campaign::rate_limit::RateLimit;
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::{Cells, Conn, Db, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// The time whose tokens may be drawn at once, in ms.
const BURST_WINDOW: Millis = 1_000;

/// The next free slot is not further ahead than this, in ms, unless a clock was set back.
const MAX_CLOCK_SKEW: Millis = 60_000;

/// The owner of a rate limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LimitKey {
    /// A lane, or all lanes of the workspace under the name `all`.
    Lane(String),
    /// A relay.
    Relay(Id),
}

impl LimitKey {
    /// The columns `lane` and `relay_id`.
    fn columns(&self) -> (&str, Id) {
        match self {
            Self::Lane(name) => (name, 0),
            Self::Relay(id) => ("", *id),
        }
    }
}

/// The tokens drawn from one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RateAccount {
    /// The time of the next free slot, in microseconds since 1970 UTC.
    next_free_us: i64,
    /// The day of the last message, in days since 1970 UTC.
    day: i64,
    /// Messages of that day.
    used: i64,
    /// Days with messages before it.
    sending_days: i64,
}

impl RateAccount {
    /// Draws up to `want` tokens and returns how many there were.
    pub fn draw(&mut self, limit: &RateLimit, want: i64, now: Millis) -> i64 {
        *self = self.on_day_of(now);
        let mut granted = want.min(self.left(limit).unwrap_or(want)).max(0);
        if let Some(gap) = gap_us(limit) {
            let window = (BURST_WINDOW as f64 * 1_000.0).max(gap);
            let latest = (now + MAX_CLOCK_SKEW) * 1_000;
            let free = if self.next_free_us > latest { now * 1_000 } else { self.next_free_us.max(now * 1_000) };
            // Half a microsecond, because gaps are not whole numbers.
            let fitting = ((now * 1_000 - free) as f64 + window + 0.5) / gap;
            granted = granted.min(fitting.floor() as i64).max(0);
            self.next_free_us = free + (granted as f64 * gap).ceil() as i64;
        }
        self.used += granted;
        granted
    }

    /// Returns the tokens of messages that were not sent.
    pub fn refund(&mut self, limit: &RateLimit, count: i64, now: Millis) {
        if let Some(gap) = gap_us(limit) {
            self.next_free_us -= (count as f64 * gap).floor() as i64;
        }
        if self.day == now / DAY {
            self.used = (self.used - count).max(0);
        }
    }

    /// When the next day begins, if the quota of this day is used up.
    pub fn exhausted_until(&self, limit: &RateLimit, now: Millis) -> Option<Millis> {
        let today = self.on_day_of(now);
        today.left(limit).filter(|left| *left <= 0).map(|_| (today.day + 1) * DAY)
    }

    /// The messages of this day and its quota, if it has one.
    pub fn today(&self, limit: &RateLimit, now: Millis) -> (i64, Option<i64>) {
        let today = self.on_day_of(now);
        (today.used, limit.quota(today.sending_days))
    }

    /// The account on the day of `now`. A clock that was set back changes nothing.
    fn on_day_of(self, now: Millis) -> Self {
        let today = now / DAY;
        if today <= self.day {
            return self;
        }
        Self { day: today, used: 0, sending_days: self.sending_days + i64::from(self.used > 0), ..self }
    }

    fn left(&self, limit: &RateLimit) -> Option<i64> {
        limit.quota(self.sending_days).map(|quota| quota - self.used)
    }
}

/// Microseconds between two messages.
fn gap_us(limit: &RateLimit) -> Option<f64> {
    limit.rate.map(|rate| 1_000_000.0 / rate)
}

/// The account of a limit; empty if nothing was drawn yet.
pub async fn load(conn: &mut Conn, workspace: Id, key: &LimitKey) -> Result<RateAccount> {
    find(conn, workspace, key, "").await
}

/// The result of [`draw`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Tokens.
    pub count: i64,
    /// When the next day begins, if the quota of this day is used up now.
    pub exhausted_until: Option<Millis>,
}

/// Draws up to `want` tokens.
pub async fn draw(db: &Db, workspace: Id, key: &LimitKey, limit: &RateLimit, want: i64, now: Millis) -> Result<Grant> {
    let mut grant = Grant { count: 0, exhausted_until: None };
    update(db, workspace, key, |account| {
        let count = account.draw(limit, want, now);
        grant = Grant { count, exhausted_until: account.exhausted_until(limit, now) };
    })
    .await?;
    Ok(grant)
}

/// Returns the tokens of messages that were not sent.
pub async fn refund(db: &Db, workspace: Id, key: &LimitKey, limit: &RateLimit, count: i64, now: Millis) -> Result<()> {
    update(db, workspace, key, |account| account.refund(limit, count, now)).await
}

async fn update(db: &Db, workspace: Id, key: &LimitKey, change: impl FnOnce(&mut RateAccount)) -> Result<()> {
    let (lane, relay) = key.columns();
    let mut tx = db.write().await?;
    // Only a row that exists can be locked.
    Query::new(
        "insert into rate_account (workspace_id, lane, relay_id, next_free_us, day, used, sending_days)
         values (:workspace, :lane, :relay, 0, 0, 0, 0)
         on conflict do nothing",
    )
    .bind("workspace", workspace)
    .bind("lane", lane)
    .bind("relay", relay)
    .execute(&mut tx)
    .await?;
    let before = find(&mut tx, workspace, key, "{for_update}").await?;
    let mut account = before;
    change(&mut account);
    if account == before {
        return Ok(());
    }
    Query::new(
        "update rate_account
            set next_free_us = :next_free, day = :day, used = :used, sending_days = :sending_days
          where workspace_id = :workspace and lane = :lane and relay_id = :relay",
    )
    .bind("next_free", account.next_free_us)
    .bind("day", account.day)
    .bind("used", account.used)
    .bind("sending_days", account.sending_days)
    .bind("workspace", workspace)
    .bind("lane", lane)
    .bind("relay", relay)
    .execute(&mut tx)
    .await?;
    tx.commit().await
}

async fn find(conn: &mut Conn, workspace: Id, key: &LimitKey, lock: &'static str) -> Result<RateAccount> {
    let (lane, relay) = key.columns();
    let row = Query::new(
        "select next_free_us, day, used, sending_days
           from rate_account
          where workspace_id = :workspace and lane = :lane and relay_id = :relay
         {lock}",
    )
    .bind("workspace", workspace)
    .bind("lane", lane)
    .bind("relay", relay)
    .fragment("lock", lock)
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(RateAccount::default()) };
    Ok(RateAccount { next_free_us: row.cell(0)?, day: row.cell(1)?, used: row.cell(2)?, sending_days: row.cell(3)? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Millis = 20_000 * DAY + 1_000;

    fn rate(rate: f64) -> RateLimit {
        RateLimit { rate: Some(rate), ..RateLimit::default() }
    }

    #[test]
    fn one_second_of_a_rate_can_be_drawn_at_once() {
        let mut account = RateAccount::default();

        assert_eq!(account.draw(&rate(5.0), 100, NOW), 5);
        assert_eq!(account.draw(&rate(5.0), 100, NOW), 0);
        assert_eq!(account.draw(&rate(5.0), 100, NOW + 400), 2);
        assert_eq!(account.draw(&rate(5.0), 100, NOW + 600_000), 5, "idle time does not accumulate");
    }

    #[test]
    fn slow_rate_grants_one_token_at_a_time() {
        let mut account = RateAccount::default();

        assert_eq!(account.draw(&rate(0.1), 100, NOW), 1);
        assert_eq!(account.draw(&rate(0.1), 100, NOW + 9_999), 0);
        assert_eq!(account.draw(&rate(0.1), 100, NOW + 10_000), 1);
    }

    #[test]
    fn refunded_tokens_can_be_drawn_again() {
        let cap = RateLimit { daily: Some(6), ..rate(5.0) };
        let mut account = RateAccount::default();

        assert_eq!(account.draw(&cap, 100, NOW), 5);
        account.refund(&cap, 3, NOW);
        assert_eq!(account.draw(&cap, 100, NOW), 3);
        assert_eq!(account.draw(&cap, 100, NOW + 60_000), 1);
        assert_eq!(account.exhausted_until(&cap, NOW + 60_000), Some(20_001 * DAY));
        assert_eq!(account.exhausted_until(&cap, NOW + DAY), None);
    }

    #[test]
    fn warm_up_counts_only_days_with_messages() {
        let cap = RateLimit { warm_up: Some("10:2".parse().expect("a ramp")), ..RateLimit::default() };
        let mut account = RateAccount::default();

        assert_eq!(account.draw(&cap, 100, NOW), 10);
        assert_eq!(account.draw(&cap, 0, NOW + 2 * DAY), 0);
        assert_eq!(account.draw(&cap, 100, NOW + 5 * DAY), 20, "nothing was sent on days 2 to 4");
        assert_eq!(account.today(&cap, NOW + 5 * DAY), (20, Some(20)));
    }

    #[test]
    fn clock_set_back_neither_resets_the_quota_nor_stops_the_rate() {
        let cap = RateLimit { daily: Some(3), ..rate(1.0) };
        let mut account = RateAccount::default();
        assert_eq!(account.draw(&cap, 1, NOW), 1);

        assert_eq!(account.draw(&cap, 1, NOW - 3_600_000), 1);
        assert_eq!(account.draw(&cap, 1, NOW - 3_590_000), 1);
        assert_eq!(account.draw(&cap, 1, NOW - 3_580_000), 0, "the quota is three");
    }

    proptest! {
        #[test]
        fn no_period_gets_more_tokens_than_its_rate(
            rate_ in 0.2f64..500.0,
            steps in proptest::collection::vec((0i64..3_000, 0i64..400, 0i64..5), 1..60),
        ) {
            let cap = rate(rate_);
            let mut account = RateAccount::default();
            let (mut now, mut sent) = (NOW, 0);
            for (wait, want, back) in steps {
                now += wait;
                let granted = account.draw(&cap, want, now);
                let back = back.min(granted);
                account.refund(&cap, back, now);
                sent += granted - back;
                let most = (now - NOW) as f64 / 1_000.0 * rate_ + rate_.max(1.0) + 1.0;
                prop_assert!(sent as f64 <= most, "{sent} sent, {most} allowed");
            }
        }
    }
}
