//! The time that bounds a campaign: nothing leaves before its hold ends, nothing from its latest
//! time on. One that is late with letters unsent stands still and asks.

use crate::campaign::delivery;
use crate::campaign::model::{Campaign, SELECT, State, read};
use crate::campaign::zoned_time;
use crate::infra::clock::Millis;
use crate::infra::db::{Conn, Sql};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// Sets the latest time, or takes it away.
pub async fn set_until(conn: &mut Conn, campaign: Id, until: Option<Millis>) -> Result<()> {
    sqlx::query("update campaign set until_at = $1 where id = $2").bind(until).bind(campaign).execute(conn).await?;
    Ok(())
}

/// What bounds a campaign, fixed at its start.
pub struct Bounds<'a> {
    /// From then on nothing leaves.
    pub until: Option<Millis>,
    /// Nothing leaves before.
    pub hold: Option<Millis>,
    /// The zone of its file, when no other was asked for.
    pub zone: &'a str,
}

/// Writes down what bounds a campaign.
pub async fn set(conn: &mut Conn, campaign: Id, bounds: &Bounds<'_>) -> Result<()> {
    sqlx::query("update campaign set until_at = $1, holds_until = $2, zone = coalesce(zone, $3) where id = $4")
        .bind(bounds.until)
        .bind(bounds.hold)
        .bind(bounds.zone)
        .bind(campaign)
        .execute(conn)
        .await?;
    Ok(())
}

/// Lets the running campaigns stand still whose latest time has passed with letters unsent.
pub async fn stop_late(installation: &Installation) -> Result<()> {
    let now = installation.clock.now();
    let mut sql = Sql::new(SELECT);
    sql.push(" where state = ").bind(State::Running.to_string()).push(" and until_at <= ").bind(now);
    let late = sql.all(&mut *installation.db.read().await?).await?;
    for campaign in late.iter().map(read) {
        let campaign = campaign?;
        let mut tx = installation.db.write().await?;
        let unsent = unsent(&mut tx, campaign.id).await?;
        if unsent == 0 {
            continue;
        }
        // The time may have been changed since it was read.
        let moved = sqlx::query(
            "update campaign set state = 'paused', reason = $1 where id = $2 and state = 'running' and until_at <= $3",
        )
        .bind(reason(&campaign, unsent).pack())
        .bind(campaign.id)
        .bind(now)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        if moved.rows_affected() == 1 {
            tracing::warn!(campaign.id = campaign.id, unsent, "the latest time of a campaign has passed; it is paused");
        }
    }
    Ok(())
}

/// How many deliveries of a campaign are not on the wire and have no end.
async fn unsent(conn: &mut Conn, campaign: Id) -> Result<i64> {
    let open = [delivery::State::Pending, delivery::State::Leased];
    let counts = delivery::count(conn, campaign).await?;
    Ok(counts.iter().filter(|(state, _)| open.contains(state)).map(|(_, count)| count).sum())
}

fn reason(campaign: &Campaign, unsent: i64) -> Message {
    let until = zoned_time::format_in_zone(campaign.until_at.unwrap_or_default(), campaign.zone());
    Message::new("paused-late").with("name", &campaign.name).with("until", until).with("count", unsent)
}

impl Campaign {
    /// The zone that its times are said in.
    pub fn zone(&self) -> &str {
        self.zone.as_deref().unwrap_or("UTC")
    }

    /// Whether its latest time has passed.
    pub fn is_late(&self, now: Millis) -> bool {
        self.until_at.is_some_and(|until| until <= now)
    }

    /// Milliseconds until its letters may leave, while it holds.
    pub fn held_for(&self, now: Millis) -> Option<Millis> {
        let running = matches!(self.state, State::Running | State::Paused);
        self.holds_until.map(|until| until - now).filter(|left| running && *left > 0)
    }
}
