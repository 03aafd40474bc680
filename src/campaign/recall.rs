//! Recall of a campaign: unsent deliveries become `skipped` and the campaign is cancelled. A message on the wire cannot
//! be recalled; if its relay defers it, the delivery is skipped then.

use super::delivery;
use super::model::transition;
use super::model::{self, Campaign, State, delivery_range};
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::{Message, Result};
use crate::infra::installation::Installation;

/// Reason of a recalled delivery; also the catalogue key of the campaign's reason.
const RECALLED: &str = "recalled";

/// How long after a cancellation deferred deliveries are still looked for, in ms. No relay takes so long, but a clock may
/// be set.
const WATCH_PERIOD: Millis = 30 * DAY;

/// Recalls a campaign. A second recall, and the recall of an ended campaign, change nothing.
///
/// # Errors
/// A conflict for a draft.
pub async fn recall(conn: &mut Conn, campaign: &Campaign, now: Millis) -> Result<()> {
    if transition::set_recalled(conn, campaign.id, &Message::new(RECALLED).pack(), now).await? {
        return delivery::skip_pending(conn, campaign.id, RECALLED, now).await.map(drop);
    }
    match model::find(conn, campaign.id).await? {
        Some(current) if current.state == State::Draft => Err(transition::refusal(&current, "recall")),
        _ => Ok(()),
    }
}

/// Number of recalled deliveries whose contacts still exist.
pub async fn count_recalled(conn: &mut Conn, campaign: &Campaign) -> Result<i64> {
    let row =
        Query::new("select count(*) from delivery where {of_campaign} and state = 'skipped' and reason = :recalled")
            .fragment("of_campaign", delivery_range::within(campaign.id))
            .bind("recalled", RECALLED)
            .fetch_optional(conn)
            .await?;
    row.map_or(Ok(0), |row| row.cell(0))
}

/// Skips deliveries that became pending again after their campaign was cancelled: the relay deferred them, or the
/// connection broke before the final dot.
pub async fn skip_returned(installation: &Installation) -> Result<()> {
    let now = installation.clock.now();
    let rows = Query::new(
        "select k.id
           from campaign k
          where k.state = 'cancelled'
            and k.finished_at > :since
            and exists (select 1 from delivery d where d.campaign_id = k.id and d.state = 'pending')",
    )
    .bind("since", now - WATCH_PERIOD)
    .fetch_all(&mut *installation.db.read().await?)
    .await?;
    for row in rows {
        let mut tx = installation.db.write().await?;
        delivery::skip_pending(&mut tx, row.cell(0)?, RECALLED, now).await?;
        tx.commit().await?;
    }
    Ok(())
}
