//! Tests of row ids: processes of one database never generate the same one.

use std::collections::HashSet;
use std::time::Duration;

use sendoff::infra::clock::Clock;
use sendoff::infra::id::{Id, Ids, STEP, node_of};
use sendoff::infra::installation::Installation;

use crate::canary;
use crate::fixture::{Fixture, NOW, both};

/// Counts that one process has generated, from the first to the last, of one node.
fn block(first: Id, count: i64) -> (i32, i64, i64) {
    (node_of(first), first / STEP, first / STEP + count - 1)
}

fn assert_disjoint(mut blocks: Vec<(i32, i64, i64)>) {
    blocks.sort_unstable();
    for pair in blocks.windows(2) {
        let ((node, _, last), (other, first, _)) = (pair[0], pair[1]);
        assert!(node != other || last < first, "{pair:?}");
    }
}

async fn claim(fixture: &Fixture, clock: &Clock) -> Ids {
    Ids::claim(clock.clone(), fixture.installation.db.clone()).await
}

both!(ids_of_many_processes_in_one_millisecond_differ, |fixture| {
    let (mut ids, mut blocks, mut processes) = (HashSet::new(), Vec::new(), Vec::new());
    for process in 0..1_100 {
        let process = match process % 100 {
            0 => Installation::open(fixture.installation.config.clone(), Clock::fixed(NOW)).await.expect("opens").ids,
            _ => claim(fixture, &fixture.installation.clock).await,
        };
        for _ in 0..20 {
            assert!(ids.insert(process.next().expect("an id")), "twice");
        }
        blocks.push(block(process.reserve(5_000).expect("ids"), 5_000));
        processes.push(process);
    }
    for process in &processes {
        assert!(ids.insert(process.next().expect("an id")), "twice");
    }
    blocks.extend(ids.into_iter().map(|id| block(id, 1)));
    assert_disjoint(blocks);
    assert_eq!(canary::number(fixture, "select count(*) from id_node").await, 1_024);
});

both!(ids_stay_apart_when_ranges_end_and_clocks_differ, |fixture| {
    let (early, late) = (Clock::fixed(NOW), Clock::fixed(NOW));
    let first = claim(fixture, &early).await;
    let mut blocks = vec![block(first.reserve(1_000).expect("ids"), 1_000)];
    late.advance(3_600_000);
    // The range of the first process is in the past by this clock; the node goes to another process.
    let second = claim(fixture, &late).await;
    blocks.push(block(second.reserve(1_000).expect("ids"), 1_000));
    early.advance(7_200_000);
    // More than the first process has left.
    let mut refused = 0;
    for _ in 0..40 {
        for process in [&first, &second] {
            match process.reserve(4_000_000) {
                Ok(first) => blocks.push(block(first, 4_000_000)),
                Err(error) => {
                    assert_eq!(error.message().key, "ids-used-up");
                    refused += 1;
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(refused < 70, "ranges are renewed");
    blocks.push(block(first.reserve_many(5_000_000_000).await.expect("many"), 5_000_000_000));
    blocks.push(block(second.reserve_many(100_000_000).await.expect("many"), 100_000_000));
    blocks.push(block(claim(fixture, &early).await.next().expect("an id"), 1));
    assert_disjoint(blocks);
});

both!(ids_are_greater_than_those_of_an_earlier_version, |fixture| {
    // An earlier version has reserved ids ahead of its clock; the migration sees the greatest.
    let list = canary::list(fixture, "News").await;
    let contact = canary::person(fixture, &list, "anna@example.org").await;
    let migration = include_str!("../../migrations/0030_id_node.sql");
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    sqlx::raw_sql("drop table id_node").execute(&mut *tx).await.expect("dropped");
    sqlx::raw_sql(migration).execute(&mut *tx).await.expect("migrated");
    tx.commit().await.expect("committed");

    let past = Clock::fixed(NOW - 86_400_000);
    let id = claim(fixture, &past).await.next().expect("an id");

    assert!(id > contact, "also with a clock that is a day behind");
});
