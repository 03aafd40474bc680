//! Table `reception`: what the servers of a lane make of us, so that a restart does not run into the
//! same wall. A lane that was told "too fast" goes at half the pace it had and faster again step by
//! step; one whose servers name a fault of our settings is paused until someone says that it is
//! mended. Its letters wait; no recipient is touched.

use sqlx::Row;

use crate::infra::clock::{DAY, Millis};
use crate::infra::db::{Conn, Db, Sql};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::mailer::smtp::reply_class::SenderFault;
use crate::mailer::smtp::wire::Reply;

/// Replies of a day that name a fault of ours after which the lane is paused.
pub const POLICY_REFUSAL_LIMIT: i64 = 20;

/// One wave of refusals counts once: letters on the wire were sent at the old pace.
const WAVE: Millis = 10_000;

/// How long a pace holds before it rises by a step.
const STEP: Millis = 60_000;

/// By how much it rises.
const RISE: f64 = 1.25;

/// The slowest pace, in letters a second: six a minute.
const SLOWEST: f64 = 0.1;

/// What a lane is known for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LaneBackoff {
    /// Letters a second after the last "too fast"; 0 when there was none.
    pace: f64,
    /// Letters a second before the first.
    goal: f64,
    slowed_at: Millis,
    strikes: i64,
    struck_on: i64,
    /// Why the lane is paused, as a packed message.
    pub reason: Option<String>,
}

impl LaneBackoff {
    /// Letters a second that the lane takes now; `None` when nothing holds it back.
    pub fn rate(&self, now: Millis) -> Option<f64> {
        if self.pace <= 0.0 {
            return None;
        }
        let steps = ((now - self.slowed_at) / STEP).clamp(0, 1_000);
        // No step is longer than a thousand: the exponent fits.
        let pace = self.pace * RISE.powi(i32::try_from(steps).unwrap_or(1_000));
        (pace < self.goal).then_some(pace)
    }

    /// Halves the pace, from what was measured where there was none. False when the same wave did already.
    pub fn slow(&mut self, measured: f64, now: Millis) -> bool {
        if self.pace > 0.0 && (0..WAVE).contains(&(now - self.slowed_at)) {
            return false;
        }
        let before = match self.rate(now) {
            Some(pace) => pace,
            None => {
                self.goal = measured.max(2.0 * SLOWEST);
                self.goal
            }
        };
        (self.pace, self.slowed_at) = ((before / 2.0).max(SLOWEST), now);
        true
    }

    /// Counts a reply that names a fault of ours; pauses the lane at the last one.
    fn strike(&mut self, ours: SenderFault, reply: &Reply, lane: &str, now: Millis) {
        let today = now / DAY;
        self.strikes = if self.struck_on == today { self.strikes + 1 } else { 1 };
        self.struck_on = today;
        if self.strikes >= POLICY_REFUSAL_LIMIT && self.reason.is_none() {
            let why =
                Message::new("lane-paused").with("lane", lane).with("reply", reply).with("count", POLICY_REFUSAL_LIMIT);
            self.reason = Some(why.with("why", ours.message().pack()).pack());
        }
    }
}

/// What every lane of a workspace is known for, where there is something to know.
pub async fn list(conn: &mut Conn, workspace: Id) -> Result<Vec<(String, LaneBackoff)>> {
    let mut sql = Sql::new(SELECT);
    sql.bind(workspace).push(" order by lane");
    Ok(sql.all(conn).await?.iter().map(|row| (row.get(0), read(row))).collect())
}

/// Slows a lane down; returns its new pace in letters a second, or `None` when it has been slowed already.
pub async fn slow(db: &Db, workspace: Id, lane: &str, measured: f64, now: Millis) -> Result<Option<f64>> {
    let mut slowed = false;
    let reception = change(db, workspace, lane, |reception| slowed = reception.slow(measured, now)).await?;
    Ok(reception.rate(now).filter(|_| slowed))
}

/// Counts a reply that names a fault of ours. Returns why the lane is paused, if it is now.
pub async fn strike(
    db: &Db,
    workspace: Id,
    lane: &str,
    (ours, reply): (SenderFault, &Reply),
    now: Millis,
) -> Result<Option<String>> {
    Ok(change(db, workspace, lane, |reception| reception.strike(ours, reply, lane, now)).await?.reason)
}

/// Forgets what a lane is known for. False when it was known for nothing.
pub async fn reset(conn: &mut Conn, workspace: Id, lane: &str) -> Result<bool> {
    let gone = sqlx::query("delete from reception where workspace_id = $1 and lane = $2")
        .bind(workspace)
        .bind(lane)
        .execute(conn)
        .await?;
    Ok(gone.rows_affected() > 0)
}

const SELECT: &str =
    "select lane, pace, goal, slowed_at, strikes, struck_on, reason from reception where workspace_id = ";

fn read(row: &sqlx::any::AnyRow) -> LaneBackoff {
    LaneBackoff {
        pace: row.get(1),
        goal: row.get(2),
        slowed_at: row.get(3),
        strikes: i64::from(row.get::<i32, _>(4)),
        struck_on: i64::from(row.get::<i32, _>(5)),
        reason: row.get(6),
    }
}

async fn change(db: &Db, workspace: Id, lane: &str, change: impl FnOnce(&mut LaneBackoff)) -> Result<LaneBackoff> {
    let mut tx = db.write().await?;
    sqlx::query(
        "insert into reception (workspace_id, lane, pace, goal, slowed_at, strikes, struck_on) values ($1, $2, 0, 0, 0, 0, 0) \
         on conflict do nothing",
    )
    .bind(workspace)
    .bind(lane)
    .execute(&mut *tx)
    .await?;
    let mut sql = Sql::new(SELECT);
    sql.bind(workspace).push(" and lane = ").bind(lane.to_owned()).push(db.hold());
    let mut reception = sql.first(&mut tx).await?.as_ref().map(read).unwrap_or_default();
    let before = reception.clone();
    change(&mut reception);
    if reception == before {
        return Ok(reception);
    }
    sqlx::query(
        "update reception set pace = $1, goal = $2, slowed_at = $3, strikes = $4, struck_on = $5, reason = $6 \
         where workspace_id = $7 and lane = $8",
    )
    .bind(reception.pace)
    .bind(reception.goal)
    .bind(reception.slowed_at)
    .bind(i32::try_from(reception.strikes).unwrap_or(i32::MAX))
    .bind(i32::try_from(reception.struck_on).unwrap_or(i32::MAX))
    .bind(reception.reason.clone())
    .bind(workspace)
    .bind(lane)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(reception)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 20_000 * DAY;

    #[test]
    fn a_pace_halves_once_a_wave_and_comes_back_step_by_step() {
        let mut reception = LaneBackoff::default();
        assert_eq!(reception.rate(NOW), None);

        assert!(reception.slow(80.0, NOW));
        assert!(!reception.slow(80.0, NOW + 1), "the same wave");
        assert_eq!(reception.rate(NOW), Some(40.0));
        assert!(reception.slow(40.0, NOW + WAVE));
        assert_eq!(reception.rate(NOW + WAVE), Some(20.0));

        let paces: Vec<_> = (0..8).map(|minute| reception.rate(NOW + WAVE + minute * STEP)).collect();
        assert_eq!(paces[1..3], [Some(25.0), Some(31.25)]);
        assert_eq!(paces[7], None, "as fast as before the first refusal");
    }

    #[test]
    fn the_slowest_pace_is_still_one() {
        let mut reception = LaneBackoff::default();
        for wave in 0..50 {
            reception.slow(0.0, NOW + wave * WAVE);
        }

        assert_eq!(reception.rate(NOW + 49 * WAVE), Some(SLOWEST));
    }

    #[test]
    fn twenty_replies_of_a_day_pause_a_lane() {
        let reply = Reply { code: 550, enhanced: None, text: "anna@example.org".to_owned() };
        let mut reception = LaneBackoff::default();

        for _ in 0..POLICY_REFUSAL_LIMIT - 1 {
            reception.strike(SenderFault::Spf, &reply, "gmail", NOW);
        }
        reception.strike(SenderFault::Spf, &reply, "gmail", NOW + DAY);
        assert_eq!((reception.strikes, &reception.reason), (1, &None), "another day");

        for _ in 1..POLICY_REFUSAL_LIMIT {
            reception.strike(SenderFault::Spf, &reply, "gmail", NOW + DAY);
        }
        let reason = reception.reason.expect("paused");
        assert!(reason.contains("policy-spf") && !reason.contains("anna"), "{reason}");
    }
}
