//! Latest time of a campaign: pauses a running campaign that has unsent deliveries when its `until_at` has passed.

use super::delivery;
use super::model::transition;
use super::model::{self, Campaign};
use super::zoned_time;
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

pub use super::model::transition::set_until;

/// Pauses running campaigns whose latest time has passed with deliveries unsent.
pub async fn pause_late_campaigns(installation: &Installation) -> Result<()> {
    let now = installation.clock.now();
    let late = model::list_late(&mut *installation.db.read().await?, now).await?;
    for campaign in late {
        if count_unsent(&mut *installation.db.read().await?, campaign.id).await? == 0 {
            continue;
        }
        let mut tx = installation.db.write().await?;
        let unsent = count_unsent(&mut tx, campaign.id).await?;
        if unsent == 0 {
            continue;
        }
        let paused = transition::pause_late(&mut tx, campaign.id, &reason(&campaign, unsent).pack(), now).await?;
        tx.commit().await?;
        if paused {
            tracing::warn!(campaign.id = campaign.id, unsent, "campaign paused: its latest time has passed");
        }
    }
    Ok(())
}

/// Deliveries of a campaign that are neither final nor on the wire.
async fn count_unsent(conn: &mut Conn, campaign: Id) -> Result<i64> {
    let open = [delivery::State::Pending, delivery::State::Leased];
    let counts = delivery::count(conn, campaign).await?;
    Ok(counts.iter().filter(|(state, _)| open.contains(state)).map(|(_, count)| count).sum())
}

fn reason(campaign: &Campaign, unsent: i64) -> Message {
    let until = zoned_time::format_in_zone(campaign.until_at.unwrap_or_default(), campaign.zone());
    Message::new("paused-late").with("name", &campaign.name).with("until", until).with("count", unsent)
}
