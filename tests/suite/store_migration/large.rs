//! Tests of moves of large tables, there and back: every row arrives, and every index is there afterwards.

use std::time::Instant;

use sendoff::infra::clock::Clock;
use sendoff::infra::config::Config;
use sendoff::infra::db::Db;
use sendoff::store_migration::{self, wipe};

use super::fixture::{Target, fill, found, indexes, migrate, sums};
use crate::canary;
use crate::fixture::{Fixture, Kind, NOW, both};

/// Tables and indexes of a store without any data.
async fn of_new_store(kind: Kind) -> (Vec<String>, Vec<String>) {
    let fixture = Fixture::new(kind).await;
    let db = &fixture.installation.db;
    let found = (db.table_names().await.expect("tables"), indexes(db).await);
    fixture.close().await;
    found
}

/// Those of a new store, and the indexes that `fill` and segments create at run time.
async fn assert_complete(db: &Db, new: &(Vec<String>, Vec<String>)) {
    let (mut expected, mut actual) = (new.1.clone(), indexes(db).await);
    expected.extend(["contact_seen", "contact_text_1"].map(str::to_owned));
    expected.sort();
    actual.sort();
    assert_eq!(actual, expected);
    assert_eq!(db.table_names().await.expect("tables"), new.0);
}

/// Copies of one delivery of the campaign, each to another contact.
async fn add_deliveries(fixture: &Fixture, rows: i64) {
    let tables = fixture.installation.db.all_tables().await.expect("tables");
    let table = tables.iter().find(|table| table.name == "delivery").expect("the table");
    let names = table.names();
    let values: Vec<_> = names
        .iter()
        .map(|name| match &**name {
            "id" => "d.id + s.n".to_owned(),
            "contact_id" => "1000 + s.n".to_owned(),
            name => format!("d.{name}"),
        })
        .collect();
    let statement = format!(
        "with recursive s(n) as (select 1 union all select n + 1 from s where n < {rows}) \
         insert into delivery ({}) select {} from s join delivery d on d.id = (select max(id) from delivery)",
        names.join(", "),
        values.join(", ")
    );
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *tx).await.expect("more deliveries");
    sendoff::audience::contact::create_activity_index(&mut tx).await.expect("an index");
    tx.commit().await.expect("committed");
}

async fn move_there_and_back(fixture: &Fixture, rows: i64) {
    let Some(target) = Target::of(fixture).await else { return };
    let other = if fixture.kind == Kind::Sqlite { Kind::Postgres } else { Kind::Sqlite };
    let (own, other) = (of_new_store(fixture.kind).await, of_new_store(other).await);
    fill(fixture, 100).await;
    add_deliveries(fixture, rows).await;
    assert!(canary::number(fixture, "select count(*) from delivery").await > rows);
    assert_complete(&fixture.installation.db, &own).await;
    let before = sums(&fixture.installation.db).await;

    let began = Instant::now();
    migrate(fixture, &target.to, &mut |_| {}).await.expect("migrated");
    println!("{rows} deliveries from {:?}: {:.1} s", fixture.kind, began.elapsed().as_secs_f64());
    let there = found(fixture).await;
    assert_complete(&there.db, &other).await;
    assert_eq!(sums(&there.db).await, before);
    there.db.close().await;

    wipe::previous_stores(&fixture.installation.config.data).await.expect("the old store is removed");
    let config = Config { data: fixture.installation.config.data.clone(), database: None };
    let own_place =
        fixture.installation.config.database_url().replace("sqlite://", "").replace("/sendoff.db?mode=rwc", "");
    let began = Instant::now();
    store_migration::migrate(config, Clock::fixed(NOW), &own_place, &mut |_| {}).await.expect("migrated back");
    println!("{rows} deliveries back to {:?}: {:.1} s", fixture.kind, began.elapsed().as_secs_f64());
    let back = found(fixture).await;
    assert_complete(&back.db, &own).await;
    assert_eq!(sums(&back.db).await, before);
    back.db.close().await;
    target.end().await;
}

both!(large_tables_move_there_and_back_with_every_index, |fixture| {
    move_there_and_back(fixture, 25_000).await;
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: tests/run move"]
async fn a_million_deliveries_move_there_and_back() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        if crate::fixture::postgres_url().is_some() {
            let fixture = Fixture::new(kind).await;
            move_there_and_back(&fixture, 1_000_000).await;
            fixture.close().await;
        }
    }
}
