//! Campaign state changes that also change deliveries: cancel and finish.

use super::delivery;
use super::delivery::orphan_repair::{self, Repair};
use super::model::transition;
use super::model::{self, Campaign, State};
use crate::infra::clock::Millis;
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;

/// Cancels a campaign and skips its unsent deliveries. Returns how many were skipped.
pub async fn cancel(conn: &mut Conn, campaign: &Campaign, now: Millis) -> Result<u64> {
    transition::set_cancelled(conn, campaign, now).await?;
    delivery::skip_pending(conn, campaign.id, "cancelled", now).await
}

/// Finishes a running campaign whose deliveries are all final. Returns false while some are not. An uncertain delivery is
/// final when the campaign holds it or it was resent as often as allowed.
///
/// A delivery in a state that this program does not know pauses the campaign instead.
pub async fn finish(conn: &mut Conn, id: Id, now: Millis) -> Result<bool> {
    if delivery::uncertain::resend_due(conn, Some(id), now).await? > 0 || !delivery::is_settled(conn, id).await? {
        return Ok(false);
    }
    match orphan_repair::repair(conn, id, now).await? {
        Repair::NotNeeded => {}
        Repair::Done if delivery::is_settled(conn, id).await? => {}
        Repair::Done => return Ok(false),
        Repair::UnknownState(state) => {
            let reason = Message::new("paused-stray").with("word", state);
            if let Some(campaign) = model::find(conn, id).await?.filter(|campaign| campaign.state == State::Running) {
                transition::pause(conn, &campaign, &reason.pack()).await?;
            }
            return Ok(true);
        }
    }
    transition::set_finished(conn, id, now).await?;
    Ok(true)
}
