//! Taking back what has not left: the rest of a campaign becomes `skipped`, and the campaign is
//! cancelled. What is on the wire is beyond recall; should the relay send it back, it ends here.

use sqlx::Row;

use crate::campaign::delivery;
use crate::campaign::model::{Campaign, State, delivery_range, find, refusal};
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::{Conn, Sql};
use crate::infra::error::{Message, Result};
use crate::infra::installation::Installation;

/// Why a delivery was skipped; also the catalogue key of the campaign's reason.
const RECALLED: &str = "recalled";

/// How long after a recall letters are looked for that come back. No relay takes so long, but a clock
/// may be set.
const WATCHED: Millis = 30 * DAY;

/// Gives up the rest of a campaign. Doing so twice is doing so once; of one that has ended there is
/// nothing to take back.
pub async fn recall(conn: &mut Conn, campaign: &Campaign, now: Millis) -> Result<()> {
    let moved = sqlx::query(
        "update campaign set state = 'cancelled', reason = $1, finished_at = $2 where id = $3 \
         and state in ('scheduled', 'running', 'paused')",
    )
    .bind(Message::new(RECALLED).pack())
    .bind(now)
    .bind(campaign.id)
    .execute(&mut *conn)
    .await?;
    if moved.rows_affected() == 1 {
        return delivery::skip_pending(conn, campaign.id, RECALLED, now).await.map(drop);
    }
    match find(conn, campaign.id).await? {
        Some(now) if now.state == State::Draft => Err(refusal(&now, "recall")),
        _ => Ok(()),
    }
}

/// How many letters of a campaign were taken back, of people who are still known.
pub async fn count_recalled(conn: &mut Conn, campaign: &Campaign) -> Result<i64> {
    let mut sql = Sql::new("select count(*) from delivery where ");
    delivery_range::within(&mut sql, campaign.id)
        .push(" and state = 'skipped' and reason = ")
        .bind(RECALLED.to_owned());
    Ok(sql.first(conn).await?.map_or(0, |row| row.get(0)))
}

/// Ends what was on the wire when its campaign was cancelled and came back to be tried again: the
/// relay deferred it, or the connection broke before the last dot.
pub async fn end_returned(installation: &Installation) -> Result<()> {
    let now = installation.clock.now();
    let rows = sqlx::query(
        "select c.id from campaign c where c.state = 'cancelled' and c.finished_at > $1 \
         and exists (select 1 from delivery d where d.campaign_id = c.id and d.state = 'pending')",
    )
    .bind(now - WATCHED)
    .fetch_all(&mut *installation.db.read().await?)
    .await?;
    for row in rows {
        let mut tx = installation.db.write().await?;
        delivery::skip_pending(&mut tx, row.get(0), RECALLED, now).await?;
        tx.commit().await?;
    }
    Ok(())
}
