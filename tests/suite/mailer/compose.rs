//! Composing of messages: on the thread of a connection and on the pool.

use sendoff::audience::address::Address;
use sendoff::campaign::composer::Composer;
use sendoff::campaign::delivery::{self, Marked};
use sendoff::mailer::queue::compose::{CampaignComposer, ComposePool};
use sqlx::Row;

use super::fixture::{EMAIL, start, subscribe_many};
use crate::fixture::{Fixture, both};

/// What the messages of a campaign are made from.
async fn marked(fixture: &Fixture, campaign: i64) -> Vec<Marked> {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let rows = sqlx::query("select id from delivery where campaign_id = $1 order by id")
        .bind(campaign)
        .fetch_all(&mut *conn)
        .await
        .expect("deliveries");
    let mut all = Vec::new();
    for row in rows {
        let found = delivery::peek(&mut conn, row.get(0), fixture.installation.clock.now()).await.expect("read");
        all.push(found.expect("a delivery"));
    }
    all
}

both!(pool_and_connection_thread_compose_the_same_bytes, |fixture| {
    subscribe_many(fixture, 20).await;
    let campaign = start(fixture, EMAIL).await;
    let (inline, pooled) = {
        let mut conn = fixture.installation.db.read().await.expect("a connection");
        let one = Composer::load(&fixture.installation, &mut conn, &campaign).await.expect("a composer");
        let other = Composer::load(&fixture.installation, &mut conn, &campaign).await.expect("a composer");
        let pool = ComposePool::default();
        (CampaignComposer::fixed(one, pool.clone(), false), CampaignComposer::fixed(other, pool, true))
    };
    assert!(!inline.uses_pool() && pooled.uses_pool());

    for marked in marked(fixture, campaign.id).await {
        let to = Address::parse(&marked.recipient.address).expect("an address");
        let one = inline.compose(&marked, &to, Vec::new()).await.expect("composed");
        let other = pooled.compose(&marked, &to, b"old content".to_vec()).await.expect("composed");
        assert!(one.ends_with(b"\r\n.\r\n"), "the final dot");
        assert_eq!(one, other);
    }
});
