//! Table `lane_backoff`: back-off of lanes, kept so that a restart does not repeat what a provider has refused.
//!
//! After a reply that asks for a lower rate the lane sends at half its rate, which then rises step by step. After many
//! replies that name a sender fault the lane is paused until an operator resumes it; its deliveries wait, and no
//! recipient is affected.

use sqlx::any::AnyRow;

use crate::infra::clock::{DAY, Millis};
use crate::infra::db::{Cells, Conn, Db, Query, read_each};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::mailer::smtp::reply::Reply;
use crate::mailer::smtp::reply_class::SenderFault;

/// Replies of one day that name a sender fault, after which the lane is paused.
pub const MAX_SENDER_FAULTS: i64 = 20;

/// Replies within this time count once, in ms: their messages were sent at the old rate.
const SLOW_DOWN_INTERVAL: Millis = 10_000;

/// How long a reduced rate holds before it rises by a step, in ms.
const STEP_INTERVAL: Millis = 60_000;

/// The factor of a step.
const STEP_FACTOR: f64 = 1.25;

/// The lowest rate, in messages per second: six per minute.
const MIN_RATE: f64 = 0.1;

/// The back-off of one lane.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LaneBackoff {
    /// Messages per second after the last slow-down; 0 if there was none.
    reduced_rate: f64,
    /// Messages per second before the first slow-down.
    normal_rate: f64,
    slowed_at: Millis,
    sender_faults: i64,
    /// The day of the sender faults, in days since 1970 UTC.
    faults_day: i64,
    /// Why the lane is paused, as a packed message.
    pub reason: Option<String>,
}

impl LaneBackoff {
    /// Messages per second that the lane may send now; `None` if it is not slowed down.
    pub fn rate(&self, now: Millis) -> Option<f64> {
        if self.reduced_rate <= 0.0 {
            return None;
        }
        let steps = (now.saturating_sub(self.slowed_at) / STEP_INTERVAL).clamp(0, 1_000);
        let rate = self.reduced_rate * STEP_FACTOR.powi(i32::try_from(steps).unwrap_or(1_000));
        (rate < self.normal_rate).then_some(rate)
    }

    /// Halves the rate; without one, half of the measured rate is taken. False if the last slow-down is too recent.
    fn slow_down(&mut self, measured: f64, now: Millis) -> bool {
        if self.reduced_rate > 0.0 && (0..SLOW_DOWN_INTERVAL).contains(&now.saturating_sub(self.slowed_at)) {
            return false;
        }
        let before = self.rate(now).unwrap_or_else(|| {
            self.normal_rate = measured.max(2.0 * MIN_RATE);
            self.normal_rate
        });
        (self.reduced_rate, self.slowed_at) = ((before / 2.0).max(MIN_RATE), now);
        true
    }

    /// Counts a reply that names a sender fault; pauses the lane at the last one.
    fn record_sender_fault(&mut self, fault: SenderFault, reply: &Reply, lane: &str, now: Millis) {
        let today = now / DAY;
        self.sender_faults = if self.faults_day == today { self.sender_faults + 1 } else { 1 };
        self.faults_day = today;
        if self.sender_faults >= MAX_SENDER_FAULTS && self.reason.is_none() {
            let reason = Message::new("lane-paused").with("lane", lane).with("reply", reply);
            let reason = reason.with("count", MAX_SENDER_FAULTS).with_message("why", fault.message());
            self.reason = Some(reason.pack());
        }
    }
}

/// The back-offs of a workspace, by lane; lanes without one are left out.
pub async fn list(conn: &mut Conn, workspace: Id) -> Result<Vec<(String, LaneBackoff)>> {
    let rows = Query::new(
        "select lane, reduced_rate, normal_rate, slowed_at, sender_faults, faults_day, reason
           from lane_backoff
          where workspace_id = :workspace
          order by lane",
    )
    .bind("workspace", workspace)
    .fetch_all(conn)
    .await?;
    Ok(read_each("lane_backoff", &rows, |row| Ok((row.cell(0)?, read(row)?))))
}

/// Slows a lane down; returns its new rate in messages per second, or `None` if the last slow-down is too recent. Then
/// nothing is written: of many replies to messages on the wire one counts.
pub async fn slow_down(db: &Db, workspace: Id, lane: &str, measured: f64, now: Millis) -> Result<Option<f64>> {
    let known = find(&mut *db.read().await?, workspace, lane, "").await?;
    if known.is_some_and(|mut known| !known.slow_down(measured, now)) {
        return Ok(None);
    }
    let mut slowed = false;
    let backoff = update(db, workspace, lane, |backoff| slowed = backoff.slow_down(measured, now)).await?;
    Ok(backoff.rate(now).filter(|_| slowed))
}

/// Counts a reply that names a sender fault. Returns why the lane is paused, if it is now.
pub async fn record_sender_fault(
    db: &Db,
    workspace: Id,
    lane: &str,
    (fault, reply): (SenderFault, &Reply),
    now: Millis,
) -> Result<Option<String>> {
    let backoff = update(db, workspace, lane, |backoff| backoff.record_sender_fault(fault, reply, lane, now)).await?;
    Ok(backoff.reason)
}

/// Pauses a lane, unless it is paused.
pub async fn pause(db: &Db, workspace: Id, lane: &str, reason: &Message) -> Result<()> {
    update(db, workspace, lane, |backoff| {
        backoff.reason.get_or_insert_with(|| reason.pack());
    })
    .await
    .map(drop)
}

/// Removes the back-off of a lane. False if it had none.
pub async fn reset(conn: &mut Conn, workspace: Id, lane: &str) -> Result<bool> {
    let deleted = Query::new("delete from lane_backoff where workspace_id = :workspace and lane = :lane")
        .bind("workspace", workspace)
        .bind("lane", lane)
        .execute(conn)
        .await?;
    Ok(deleted > 0)
}

fn read(row: &AnyRow) -> Result<LaneBackoff> {
    Ok(LaneBackoff {
        reduced_rate: row.cell(1)?,
        normal_rate: row.cell(2)?,
        slowed_at: row.cell(3)?,
        sender_faults: i64::from(row.cell::<i32>(4)?),
        faults_day: i64::from(row.cell::<i32>(5)?),
        reason: row.cell(6)?,
    })
}

/// The back-off of a lane; `lock` is a row lock or nothing.
async fn find(conn: &mut Conn, workspace: Id, lane: &str, lock: &'static str) -> Result<Option<LaneBackoff>> {
    let row = Query::new(
        "select lane, reduced_rate, normal_rate, slowed_at, sender_faults, faults_day, reason
           from lane_backoff
          where workspace_id = :workspace and lane = :lane{lock}",
    )
    .bind("workspace", workspace)
    .bind("lane", lane)
    .fragment("lock", lock)
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(read).transpose()
}

async fn update(db: &Db, workspace: Id, lane: &str, change: impl FnOnce(&mut LaneBackoff)) -> Result<LaneBackoff> {
    let mut tx = db.write().await?;
    // Only a row that exists can be locked.
    Query::new(
        "insert into lane_backoff (workspace_id, lane, reduced_rate, normal_rate, slowed_at, sender_faults, faults_day)
         values (:workspace, :lane, 0, 0, 0, 0, 0)
         on conflict do nothing",
    )
    .bind("workspace", workspace)
    .bind("lane", lane)
    .execute(&mut tx)
    .await?;
    let before = find(&mut tx, workspace, lane, "{for_update}").await?.unwrap_or_default();
    let mut backoff = before.clone();
    change(&mut backoff);
    if backoff == before {
        return Ok(backoff);
    }
    Query::new(
        "update lane_backoff
            set reduced_rate = :reduced_rate, normal_rate = :normal_rate, slowed_at = :slowed_at,
                sender_faults = :sender_faults, faults_day = :faults_day, reason = :reason
          where workspace_id = :workspace and lane = :lane",
    )
    .bind("reduced_rate", backoff.reduced_rate)
    .bind("normal_rate", backoff.normal_rate)
    .bind("slowed_at", backoff.slowed_at)
    .bind("sender_faults", i32::try_from(backoff.sender_faults).unwrap_or(i32::MAX))
    .bind("faults_day", i32::try_from(backoff.faults_day).unwrap_or(i32::MAX))
    .bind("reason", backoff.reason.clone())
    .bind("workspace", workspace)
    .bind("lane", lane)
    .execute(&mut tx)
    .await?;
    tx.commit().await?;
    Ok(backoff)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 20_000 * DAY;

    #[test]
    fn rate_is_halved_once_per_interval_and_rises_step_by_step() {
        let mut backoff = LaneBackoff::default();
        assert_eq!(backoff.rate(NOW), None);

        assert!(backoff.slow_down(80.0, NOW));
        assert!(!backoff.slow_down(80.0, NOW + 1), "too recent");
        assert_eq!(backoff.rate(NOW), Some(40.0));
        let second = NOW + SLOW_DOWN_INTERVAL;
        assert!(backoff.slow_down(40.0, second));
        assert_eq!(backoff.rate(second), Some(20.0));

        let rates: Vec<_> = (0..8).map(|minute| backoff.rate(second + minute * STEP_INTERVAL)).collect();
        assert_eq!(rates[1..3], [Some(25.0), Some(31.25)]);
        assert_eq!(rates[7], None, "as fast as before the first slow-down");
    }

    #[test]
    fn rate_never_falls_below_the_minimum() {
        let mut backoff = LaneBackoff::default();
        for count in 0..50 {
            backoff.slow_down(0.0, NOW + count * SLOW_DOWN_INTERVAL);
        }

        assert_eq!(backoff.rate(NOW + 49 * SLOW_DOWN_INTERVAL), Some(MIN_RATE));
    }

    #[test]
    fn twenty_sender_faults_of_one_day_pause_a_lane() {
        let reply = Reply { code: 550, enhanced: None, text: "anna@example.org".to_owned() };
        let mut backoff = LaneBackoff::default();

        for _ in 0..MAX_SENDER_FAULTS - 1 {
            backoff.record_sender_fault(SenderFault::Spf, &reply, "gmail", NOW);
        }
        backoff.record_sender_fault(SenderFault::Spf, &reply, "gmail", NOW + DAY);
        assert_eq!((backoff.sender_faults, &backoff.reason), (1, &None), "another day");

        for _ in 1..MAX_SENDER_FAULTS {
            backoff.record_sender_fault(SenderFault::Spf, &reply, "gmail", NOW + DAY);
        }
        let reason = backoff.reason.expect("paused");
        assert!(reason.contains("policy-spf") && !reason.contains("anna"), "{reason}");
    }
}
