//! Table `allowance`: what was drawn under a limit. Letters are drawn before they are claimed and
//! what was not sent is given back, so that a mailer which dies leaves too little and never too
//! much, a restart does not burst, and mailers that share a database share each limit. The clocks
//! of such machines must agree within a minute.

use sqlx::Row;

use crate::campaign::rate_limit::RateLimit;
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::{Conn, Db, Sql};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// Letters that a rate may save up, as milliseconds of it.
const WINDOW: Millis = 1_000;

/// No slot lies further ahead than this unless a clock was put back.
const ODD: Millis = 60_000;

/// Whose limit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitKey<'a> {
    /// A lane, or all lanes together under the name `all`.
    Lane(&'a str),
    /// A relay.
    Relay(Id),
}

impl LimitKey<'_> {
    fn word(self) -> String {
        match self {
            Self::Lane(name) => format!("lane {name}"),
            Self::Relay(id) => format!("relay {id}"),
        }
    }
}

/// What was drawn under one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RateAccount {
    /// The microsecond of the next slot.
    free_at: i64,
    /// The day of the last letter, in days since 1970 UTC.
    day: i64,
    /// Letters of that day.
    spent: i64,
    /// Days of sending before it.
    days: i64,
}

impl RateAccount {
    /// Draws up to `want` letters and returns how many there were.
    pub fn draw(&mut self, cap: &RateLimit, want: i64, now: Millis) -> i64 {
        *self = self.on(now);
        let mut granted = want.min(self.left(cap).unwrap_or(want)).max(0);
        if let Some(gap) = gap(cap) {
            let window = (WINDOW as f64 * 1_000.0).max(gap);
            let latest = now * 1_000 + ODD * 1_000;
            let free = if self.free_at > latest { now * 1_000 } else { self.free_at.max(now * 1_000) };
            // Half a microsecond: gaps are no whole numbers.
            let fit = ((now * 1_000 - free) as f64 + window + 0.5) / gap;
            granted = granted.min(fit.floor() as i64).max(0);
            self.free_at = free + (granted as f64 * gap).ceil() as i64;
        }
        self.spent += granted;
        granted
    }

    /// Takes back letters that were drawn and not sent.
    pub fn refund(&mut self, cap: &RateLimit, count: i64, now: Millis) {
        if let Some(gap) = gap(cap) {
            self.free_at -= (count as f64 * gap).floor() as i64;
        }
        if self.day == now / DAY {
            self.spent = (self.spent - count).max(0);
        }
    }

    /// When the next day begins, if this day's letters are used up.
    pub fn opens_at(&self, cap: &RateLimit, now: Millis) -> Option<Millis> {
        let today = self.on(now);
        today.left(cap).filter(|left| *left <= 0).map(|_| (today.day + 1) * DAY)
    }

    /// The letters of today and what today may have.
    pub fn today(&self, cap: &RateLimit, now: Millis) -> (i64, Option<i64>) {
        let today = self.on(now);
        (today.spent, cap.quota(today.days))
    }

    /// This account on the day of `now`. A clock that was put back changes nothing.
    fn on(self, now: Millis) -> Self {
        let today = now / DAY;
        if today <= self.day {
            return self;
        }
        Self { day: today, spent: 0, days: self.days + i64::from(self.spent > 0), ..self }
    }

    fn left(&self, cap: &RateLimit) -> Option<i64> {
        cap.quota(self.days).map(|quota| quota - self.spent)
    }
}

/// Microseconds between two letters.
fn gap(cap: &RateLimit) -> Option<f64> {
    cap.rate.map(|rate| 1_000_000.0 / rate)
}

/// What was drawn under a limit of a workspace.
pub async fn load(conn: &mut Conn, workspace: Id, gate: LimitKey<'_>) -> Result<RateAccount> {
    find(conn, workspace, gate, "").await
}

/// What came of drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Letters.
    pub count: i64,
    /// When the next day begins, if this day's letters are used up now.
    pub opens_at: Option<Millis>,
}

/// Draws up to `want` letters.
pub async fn draw(
    db: &Db,
    workspace: Id,
    gate: LimitKey<'_>,
    cap: &RateLimit,
    want: i64,
    now: Millis,
) -> Result<Grant> {
    let mut drawn = Grant { count: 0, opens_at: None };
    change(db, workspace, gate, |account| {
        drawn = Grant { count: account.draw(cap, want, now), opens_at: account.opens_at(cap, now) };
    })
    .await?;
    Ok(drawn)
}

/// Gives letters back that were drawn and not sent.
pub async fn refund(
    db: &Db,
    workspace: Id,
    gate: LimitKey<'_>,
    cap: &RateLimit,
    count: i64,
    now: Millis,
) -> Result<()> {
    change(db, workspace, gate, |account| account.refund(cap, count, now)).await
}

async fn change(db: &Db, workspace: Id, gate: LimitKey<'_>, change: impl FnOnce(&mut RateAccount)) -> Result<()> {
    let mut tx = db.write().await?;
    // The row must be there to be held.
    sqlx::query(
        "insert into allowance (workspace_id, gate, free_at, day, spent, days) values ($1, $2, 0, 0, 0, 0) on conflict do nothing",
    )
    .bind(workspace)
    .bind(gate.word())
    .execute(&mut *tx)
    .await?;
    let before = find(&mut tx, workspace, gate, db.hold()).await?;
    let mut account = before;
    change(&mut account);
    if account == before {
        return Ok(());
    }
    sqlx::query(
        "update allowance set free_at = $1, day = $2, spent = $3, days = $4 where workspace_id = $5 and gate = $6",
    )
    .bind(account.free_at)
    .bind(account.day)
    .bind(account.spent)
    .bind(account.days)
    .bind(workspace)
    .bind(gate.word())
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}

async fn find(conn: &mut Conn, workspace: Id, gate: LimitKey<'_>, hold: &str) -> Result<RateAccount> {
    let mut sql = Sql::new("select free_at, day, spent, days from allowance where workspace_id = ");
    let row = sql.bind(workspace).push(" and gate = ").bind(gate.word()).push(hold).first(conn).await?;
    Ok(row.map_or_else(RateAccount::default, |row| RateAccount {
        free_at: row.get(0),
        day: row.get(1),
        spent: row.get(2),
        days: row.get(3),
    }))
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
    fn a_second_of_a_rate_can_be_drawn_ahead_and_no_more() {
        let mut account = RateAccount::default();

        assert_eq!(account.draw(&rate(5.0), 100, NOW), 5);
        assert_eq!(account.draw(&rate(5.0), 100, NOW), 0);
        assert_eq!(account.draw(&rate(5.0), 100, NOW + 400), 2);
        assert_eq!(account.draw(&rate(5.0), 100, NOW + 600_000), 5, "idle time saves nothing up");
    }

    #[test]
    fn a_slow_rate_lets_one_at_a_time_through() {
        let mut account = RateAccount::default();

        assert_eq!(account.draw(&rate(0.1), 100, NOW), 1);
        assert_eq!(account.draw(&rate(0.1), 100, NOW + 9_999), 0);
        assert_eq!(account.draw(&rate(0.1), 100, NOW + 10_000), 1);
    }

    #[test]
    fn what_goes_back_can_be_drawn_again() {
        let cap = RateLimit { daily: Some(6), ..rate(5.0) };
        let mut account = RateAccount::default();

        assert_eq!(account.draw(&cap, 100, NOW), 5);
        account.refund(&cap, 3, NOW);
        assert_eq!(account.draw(&cap, 100, NOW), 3);
        assert_eq!(account.draw(&cap, 100, NOW + 60_000), 1);
        assert_eq!(account.opens_at(&cap, NOW + 60_000), Some(20_001 * DAY));
        assert_eq!(account.opens_at(&cap, NOW + DAY), None);
    }

    #[test]
    fn only_days_of_sending_move_a_ramp() {
        let cap = RateLimit { warm_up: Some("10:2".parse().expect("a ramp")), ..RateLimit::default() };
        let mut account = RateAccount::default();

        assert_eq!(account.draw(&cap, 100, NOW), 10);
        assert_eq!(account.draw(&cap, 0, NOW + 2 * DAY), 0);
        assert_eq!(account.draw(&cap, 100, NOW + 5 * DAY), 20, "nothing left on days 2 to 4");
        assert_eq!(account.today(&cap, NOW + 5 * DAY), (20, Some(20)));
    }

    #[test]
    fn a_clock_put_back_neither_opens_the_day_again_nor_stops_the_rate() {
        let cap = RateLimit { daily: Some(3), ..rate(1.0) };
        let mut account = RateAccount::default();
        assert_eq!(account.draw(&cap, 1, NOW), 1);

        assert_eq!(account.draw(&cap, 1, NOW - 3_600_000), 1);
        assert_eq!(account.draw(&cap, 1, NOW - 3_590_000), 1);
        assert_eq!(account.draw(&cap, 1, NOW - 3_580_000), 0, "the day had three");
    }

    proptest! {
        #[test]
        fn no_stretch_of_time_sees_more_than_its_rate(
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
