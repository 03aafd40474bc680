//! Tests of physical erasure on PostgreSQL: tables that are rewritten while they are in use, when that is due, and files that
//! belong to no table.

use std::fs;
use std::time::{Duration, SystemTime};

use sendoff::infra::db::lock_configuration;
use sendoff::infra::db::query::Query;
use sendoff::infra::setting::{self, Setting};
use sendoff::privacy::physical_erasure::{self, BackgroundEraser};
use sendoff::usecase::contact::{self, Urgency};
use sqlx::Row;

use crate::canary;
use crate::erasure::erase;
use crate::fixture::{Fixture, Kind, postgres_url};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn file_that_belongs_to_no_table_keeps_the_erasure_pending() {
    if postgres_url().is_none() {
        return;
    }
    let fixture = Fixture::new(Kind::Postgres).await;
    let list = canary::list(&fixture, "News").await;
    canary::person(&fixture, &list, "anna@example.org").await;
    erase(&fixture, "anna@example.org").await;
    let db = &fixture.installation.db;
    let data = db.data_path().await.expect("asked").expect("a server on this machine");
    let folder = db.database_folder().await.expect("asked").expect("a folder");
    // As a server leaves it that dies during `vacuum full`.
    let orphan = data.join("base").join(folder).join("999999");
    fs::write(&orphan, "anna@example.org").expect("written");
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    fs::File::options().write(true).open(&orphan).and_then(|file| file.set_modified(long_ago)).expect("an old file");

    assert!(!physical_erasure::run(&fixture.installation).await.expect("ran"));
    assert!(physical_erasure::is_pending(&fixture.installation));

    fs::remove_file(&orphan).expect("removed");
    assert!(physical_erasure::run(&fixture.installation).await.expect("ran"));
    assert!(!physical_erasure::is_pending(&fixture.installation));
    fixture.close().await;
}

/// A digest of every row of a table, whatever the order, and of its columns, indexes and settings.
async fn fingerprint(fixture: &Fixture, table: &str) -> Vec<String> {
    let db = &fixture.installation.db;
    let mut conn = db.read().await.expect("a connection");
    let queries = [
        format!("select md5(string_agg(cast(t as text), '|' order by cast(t as text))) from {table} t"),
        format!(
            "select string_agg(pg_get_indexdef(indexrelid), '|' order by pg_get_indexdef(indexrelid))
               from pg_index where indrelid = cast('{table}' as regclass)"
        ),
        format!(
            "select string_agg(concat_ws(' ', attname, atttypid, attnotnull, attstattarget), '|' order by attname)
               from pg_attribute where attrelid = cast('{table}' as regclass) and attnum > 0 and not attisdropped"
        ),
        format!("select concat_ws(' ', relowner, relacl, reloptions) from pg_class where relname = '{table}'"),
        format!(
            "select string_agg(cast(conname as text), '|' order by conname) from pg_constraint
                  where conrelid = cast('{table}' as regclass)"
        ),
    ];
    let mut parts = Vec::new();
    for query in queries {
        let row = Query::new("{query}").fragment("query", query).fetch_optional(&mut conn).await.expect("asked");
        parts.push(row.expect("a row").get::<Option<String>, _>(0).unwrap_or_default());
    }
    parts
}

async fn postgres() -> Option<Fixture> {
    postgres_url()?;
    Some(Fixture::new(Kind::Postgres).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_that_are_written_meanwhile_are_rewritten_row_for_row() {
    let Some(fixture) = postgres().await else { return };
    let fixture = &fixture;
    let list = canary::list(fixture, "News").await;
    for number in 0..200 {
        canary::person(fixture, &list, &format!("before{number}@example.org")).await;
    }
    let db = &fixture.installation.db;
    let mut conn = db.read().await.expect("a connection");
    for statement in ["alter table contact set (fillfactor = 77)", "grant select on contact to public"] {
        sqlx::raw_sql(statement).execute(&mut *conn).await.expect("altered");
    }
    drop(conn);
    let before = fingerprint(fixture, "contact").await;

    // People come, change and go until the tables were rewritten several times.
    let (db, list) = (db.clone(), &list);
    let writing = async {
        for number in 0..120 {
            canary::person(fixture, list, &format!("meanwhile{number}@example.org")).await;
            let set = [("address".to_owned(), format!("changed{number}@example.org"))];
            let mut tx = fixture.installation.db.write().await.expect("a transaction");
            Query::new("update contact set address = :address where canonical = :old")
                .bind("address", set[0].1.as_str())
                .bind("old", format!("before{number}@example.org"))
                .execute(&mut tx)
                .await
                .expect("changed");
            tx.commit().await.expect("committed");
            erase(fixture, &format!("before{}@example.org", 199 - number % 50)).await;
        }
    };
    let rewriting = async {
        for _ in 0..4 {
            db.rewrite_tables(&["contact", "subscription"]).await.expect("rewritten");
        }
    };
    tokio::join!(writing, rewriting);

    let mut conn = fixture.installation.db.read().await.expect("a connection");
    for (query, expected) in [
        ("select count(*) from contact", 200 - 50 + 120),
        ("select count(*) from contact where address like 'changed%'", 120),
        ("select count(*) from contact where address like 'meanwhile%'", 120),
        ("select count(*) from subscription s where exists (select 1 from contact c where c.id = s.contact_id)", 270),
        ("select count(*) from pg_class where relname like '%\\_rewrite%' and relname not like 'pg%'", 0),
        ("select count(*) from pg_proc where proname like '%rewrite_note'", 0),
        ("select count(*) from pg_trigger where not tgisinternal", 0),
    ] {
        let row = sqlx::query(query).fetch_one(&mut *conn).await.expect("asked");
        assert_eq!(row.get::<i64, _>(0), expected, "{query}");
    }
    drop(conn);
    assert_eq!(fingerprint(fixture, "contact").await[1..], before[1..], "indexes, columns, rights and options stay");
    let rows = fingerprint(fixture, "contact").await;
    assert!(fixture.installation.db.rewrite_tables(&["contact"]).await.expect("rewritten"));
    assert_eq!(fingerprint(fixture, "contact").await, rows);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn session_with_an_old_view_never_finds_a_table_empty() {
    let Some(fixture) = postgres().await else { return };
    let list = canary::list(&fixture, "News").await;
    canary::person(&fixture, &list, "anna@example.org").await;
    let db = fixture.installation.db.clone();
    // As `pg_dump` begins.
    let mut dump = db.read().await.expect("a connection").detach();
    sqlx::raw_sql("begin isolation level repeatable read; select count(*) from list")
        .execute(&mut dump)
        .await
        .expect("begun");
    let rewriting = tokio::spawn(async move { db.rewrite_tables(&["contact"]).await });
    // The copy is there; only its place is not free.
    while !rewriting.is_finished() {
        let row = sqlx::query("select count(*) from pg_class where relname = 'contact_rewrite' and reltuples > 0");
        let mut conn = fixture.installation.db.read().await.expect("a connection");
        if row.fetch_one(&mut *conn).await.expect("asked").get::<i64, _>(0) == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Others read and write meanwhile.
    canary::person(&fixture, &list, "boris@example.org").await;
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    sqlx::raw_sql("set local lock_timeout = '100ms'").execute(&mut *tx).await.expect("set");
    lock_configuration(&mut tx).await.expect("settings can be changed");
    tx.commit().await.expect("committed");

    let row = sqlx::query("select count(*) from contact").fetch_one(&mut dump).await.expect("asked");

    assert_eq!(row.get::<i64, _>(0), 1, "as at the start of the session");
    sqlx::raw_sql("rollback").execute(&mut dump).await.expect("ended");
    assert!(rewriting.await.expect("no panic").expect("rewritten"));
    assert_eq!(canary::number(&fixture, "select count(*) from contact").await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interrupted_rewriting_is_discarded_and_loses_nothing() {
    let Some(fixture) = postgres().await else { return };
    let list = canary::list(&fixture, "News").await;
    canary::person(&fixture, &list, "anna@example.org").await;
    let db = fixture.installation.db.clone();
    let mut reader = db.read().await.expect("a connection").detach();
    sqlx::raw_sql("begin isolation level repeatable read; select count(*) from contact")
        .execute(&mut reader)
        .await
        .expect("begun");
    let task = tokio::spawn({
        let db = db.clone();
        async move { db.rewrite_tables(&["contact"]).await }
    });
    while canary::number(&fixture, "select count(*) from pg_class where relname = 'contact_rewrite_changes'").await == 0
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    task.abort();
    let _ = task.await;
    sqlx::raw_sql("rollback").execute(&mut reader).await.expect("ended");
    canary::person(&fixture, &list, "boris@example.org").await;

    assert_eq!(db.table_names().await.expect("asked").iter().filter(|name| name.starts_with("contact_")).count(), 0);
    // The server ends the statement of the killed session in its own time.
    while canary::number(&fixture, "select count(*) from pg_class where relname like 'contact_rewrite%'").await > 0 {
        db.discard_interrupted_rewriting(&["contact"]).await.expect("discarded");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(db.rewrite_tables(&["contact"]).await.expect("rewritten"));
    assert_eq!(canary::number(&fixture, "select count(*) from contact").await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_leave_the_database_in_the_time_that_the_setting_allows() {
    let Some(fixture) = postgres().await else { return };
    let installation = &fixture.installation;
    let list = canary::list(&fixture, "News").await;
    // Other tests write the usual addresses into the same WAL.
    let [anna, boris, clara] = std::array::from_fn(|_| format!("{}@example.org", canary::word()));
    for text in [&anna, &boris, &clara] {
        canary::person(&fixture, &list, text).await;
    }
    let mut conn = installation.db.read().await.expect("a connection");
    setting::set(&mut conn, Setting::ErasureHours, "4").await.expect("set");
    drop(conn);
    assert_eq!(physical_erasure::due(installation).await.expect("asked"), None);

    let erased = contact::erase(installation, &fixture.actor, &anna, Urgency::Usual).await.expect("erased");

    let pending = erased.pending.expect("bytes remain");
    assert_eq!((pending.key, erased.scrubbed), ("scrub-scheduled", false));
    let due = physical_erasure::due(installation).await.expect("asked").expect("something is owed");
    assert_eq!((due.since, due.latest), (crate::fixture::NOW, crate::fixture::NOW + 4 * 3_600_000));
    assert!(due.latest_text().ends_with("14:00 UTC"), "{}", due.latest_text());

    // A later erasure does not move the time; the first half of it is left for the night.
    installation.clock.advance(3_600_000);
    contact::erase(installation, &fixture.actor, &boris, Urgency::Usual).await.expect("erased");
    assert_eq!(physical_erasure::due(installation).await.expect("asked"), Some(due));
    installation.clock.advance(3_600_000);
    let eraser = BackgroundEraser::start(installation.clone());
    eraser.notify();
    for _ in 0..600 {
        if !physical_erasure::is_pending(installation) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    eraser.stop().await;
    for text in [&anna, &boris] {
        assert_eq!(canary::search(&fixture, text).await.traces, []);
    }
    assert_eq!(physical_erasure::due(installation).await.expect("asked"), None);

    let erased = contact::erase(installation, &fixture.actor, &clara, Urgency::Now).await.expect("erased");

    assert!(erased.scrubbed && erased.pending.is_none());
    assert_eq!(canary::search(&fixture, &clara).await.traces, []);
}
