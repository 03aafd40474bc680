//! The overview of the desk: its numbers, and that a page does not wait for those that take long to count.

use std::time::Duration;

use sendoff::feedback::event::{self, EventKind, NewEvent};
use sendoff::report::slow_counts::SlowCounts;
use sendoff::usecase::Actor;
use sendoff::usecase::desk::{self, WorkspaceOverview};
use sqlx::Row;

use crate::fixture::{Fixture, NOW, both};
use crate::mailer::fixture::{EMAIL, start, subscribe_many};

async fn overview(fixture: &Fixture, counts: &SlowCounts) -> WorkspaceOverview {
    let actor = Actor { workspace: fixture.workspace.id, ..Actor::desk() };
    desk::overview(&fixture.installation, &actor, counts).await.expect("read")
}

both!(large_campaigns_and_lists_are_counted_in_the_background, |fixture| {
    subscribe_many(fixture, 3).await;
    let running = start(fixture, EMAIL).await;
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let rows = sqlx::query("select id from delivery order by id").fetch_all(&mut *tx).await.expect("read");
    let seen = |at: usize, kind| NewEvent { delivery: rows[at].get(0), kind, position: 0, at: NOW };
    let new = [seen(0, EventKind::Open), seen(0, EventKind::Open), seen(1, EventKind::Open), seen(1, EventKind::Click)];
    event::insert(&mut tx, &fixture.installation.ids, &new).await.expect("inserted");
    tx.commit().await.expect("committed");
    let (counts, counted) = (SlowCounts::default(), Some((2, 1)));
    let events = |seen: &WorkspaceOverview| seen.campaigns[0].events.map(|events| (events.opens, events.clicks));

    let small = overview(fixture, &counts).await;
    assert_eq!((events(&small), &small.lists[..]), (counted, &[("News".to_owned(), Some(3))][..]));
    assert!(!counts.is_counting(), "few rows are counted at once");

    // As many deliveries as take long to count; their rows are not needed here.
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let planned = "update delivery_count set count = 1000000 where campaign_id = $1 and state = 'planned'";
    sqlx::query(planned).bind(running.id).execute(&mut *tx).await.expect("changed");
    tx.commit().await.expect("committed");
    let first = overview(fixture, &counts).await;
    assert_eq!(events(&first), None, "the first page does not wait");
    assert_eq!(first.lists, small.lists);
    while counts.is_counting() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let second = overview(fixture, &counts).await;
    assert_eq!(events(&second), counted);
    let progress = second.campaigns.into_iter().next().expect("one").progress;
    let progress = progress.with_rate(&mut Default::default(), NOW);
    assert_eq!((progress.numbers.planned, progress.numbers.opens, progress.lanes[0].pending), (1_000_000, 2, 3));
});
