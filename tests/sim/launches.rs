//! Learns the deliveries of campaigns that were launched, and checks that no subscriber was left out.

use sendoff::campaign::composer::Composer;
use sendoff::campaign::erased_counts;
use sendoff::campaign::model;
use sendoff::infra::id::Id;
use sendoff::infra::installation::Installation;
use sqlx::Row;

use crate::observations::{Checked, Shared, Violation, ensure, whole};

/// Learns the deliveries of every campaign that was launched since the last call.
pub async fn learn_launches(installation: &Installation, observations: &Shared) -> Checked {
    let rows = sqlx::query("select id from campaign where launched_at is not null order by id")
        .fetch_all(&mut *installation.db.read().await?)
        .await?;
    for row in &rows {
        learn_launch(installation, observations, row.get(0)).await?;
    }
    Ok(())
}

/// Learns the deliveries of a launched campaign, unless they are known.
pub async fn learn_launch(installation: &Installation, observations: &Shared, id: Id) -> Checked {
    if observations.lock().planned.contains_key(&id) {
        return Ok(());
    }
    let mut conn = installation.db.read().await?;
    let campaign = model::find(&mut conn, id).await?.ok_or_else(|| Violation("a campaign vanished".to_owned()))?;
    let composer = Composer::load(installation, &mut conn, &campaign).await?;
    let rows = sqlx::query("select id, contact_id from delivery where campaign_id = $1")
        .bind(id)
        .fetch_all(&mut *conn)
        .await?;
    let erased = erased_counts::list(&mut conn, id).await?;
    let erased: i64 = erased.iter().filter(|((_, position), _)| *position == 0).map(|(_, count)| *count).sum();
    let subscribers = sqlx::query("select count(*) from subscription where list_id = $1 and state = 'confirmed'")
        .bind(campaign.list)
        .fetch_one(&mut *conn)
        .await?;
    let subscribers: i64 = subscribers.get(0);
    let mut observations = observations.lock();
    for row in &rows {
        let delivery = row.get(0);
        observations.deliveries.insert(delivery, (row.get(1), id));
        observations.message_ids.insert(composer.message_id(delivery), delivery);
    }
    let planned = whole(rows.len()) + erased;
    observations.planned.insert(id, planned);
    ensure(planned >= subscribers, || format!("{subscribers} contacts are subscribed, {planned} messages are planned"))
}
