//! Tests of an unreachable database: links redirect, requests are recorded and executed later.

use std::time::Duration;

use axum::http::StatusCode;
use sendoff::campaign::erased_counts;
use sendoff::feedback::event::{self, EventKind, NewEvent};
use sendoff::feedback::recorder::Recorder;
use sendoff::infra::id::Id;
use sendoff::infra::installation::Installation;
use sendoff::infra::token::{DeliveryRef, TokenPurpose};
use sendoff::web::state::WebState;
use sqlx::{AnyConnection, Connection, Executor};

use super::fixture::{SHOP, WebFixture};
use crate::fixture::{Fixture, Kind as Base, NOW, both, postgres_url};

/// The same installation after a restart.
async fn reopen(fixture: &Fixture) -> Installation {
    Installation::open(fixture.installation.config.clone(), fixture.installation.clock.clone())
        .await
        .expect("opens again")
}

async fn opens(installation: &Installation, campaign: Id) -> i64 {
    let mut conn = installation.db.read().await.expect("a connection");
    event::count(&mut conn, campaign).await.expect("counted").iter().map(|(_, _, count)| count).sum()
}

both!(requests_and_events_without_a_database_are_executed_after_restart, |fixture| {
    let site = WebFixture::new(fixture).await;
    fixture.installation.db.clone().close().await;

    let click = site.get(&format!("/c/{}/0", site.token(2, TokenPurpose::Click))).await;
    assert_eq!(click.header("location"), Some(SHOP));
    assert_eq!(site.get(&format!("/o/{}.gif", site.token(2, TokenPurpose::Open))).await.status, StatusCode::OK);
    let page = site.get(&format!("/u/{}", site.token(1, TokenPurpose::Unsubscribe))).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("Новости") && page.body.contains("<button"), "{}", page.body);
    assert!(site.state.journal.is_empty());
    let left =
        site.post(&format!("/u/{}", site.token(1, TokenPurpose::Unsubscribe)), "List-Unsubscribe=One-Click").await;
    assert_eq!(left.status, StatusCode::OK);
    let erased = site.post(&format!("/p/{}", site.token(0, TokenPurpose::Preferences)), "action=erase&sure=yes").await;
    assert_eq!(erased.status, StatusCode::OK);
    assert!(erased.body.contains("recorded"), "the page does not claim what is not done yet: {}", erased.body);
    site.state.recorder.flush().await;
    assert!(!site.state.journal.is_empty(), "nothing may be sent now");
    let waiting =
        std::fs::read_to_string(fixture.installation.config.journal_dir().join("unsubscribe.log")).expect("a journal");
    assert!(!waiting.contains('@') && waiting.contains("erase"), "{waiting}");

    let installation = reopen(fixture).await;
    let state = WebState::open(installation.clone(), site.erased.clone()).await.expect("opens");

    assert!(state.journal.is_empty());
    let after = site.with_state(state);
    assert!(!after.is_here(0).await && !after.is_here(1).await && after.is_here(2).await);
    assert_eq!(after.unsubscribed().await, 2);
    tokio::time::timeout(Duration::from_secs(10), async {
        let files = ["events.log", "events.taken"].map(|name| installation.config.journal_dir().join(name));
        while opens(&installation, after.campaign).await < 2 || files.iter().any(|file| file.exists()) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("the open and the click are written, and their spool files are removed");
    installation.db.close().await;
});

// Like a large database that is being rewritten.
both!(requests_are_recorded_while_the_database_is_busy, |fixture| {
    let site = WebFixture::new(fixture).await;
    let mut busy = fixture.installation.db.write().await.expect("a transaction");
    sendoff::audience::contact::lock_existing(&mut busy, &[site.people[1].0]).await.expect("held");

    let path = format!("/u/{}", site.token(1, TokenPurpose::Unsubscribe));
    let left = tokio::time::timeout(Duration::from_secs(5), site.post(&path, "List-Unsubscribe=One-Click")).await;

    assert_eq!(left.expect("an answer").status, StatusCode::OK);
    assert!(!site.state.journal.is_empty(), "nothing may be sent now");
    drop(busy);
    site.state.journal.replay().await.expect("executed");
    assert!(!site.is_here(1).await);
    assert_eq!(site.unsubscribed().await, 1);
});

// Rewriting waits while another connection holds a lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unsubscribe_is_answered_while_sqlite_rewrites_its_file() {
    let fixture = &Fixture::new(Base::Sqlite).await;
    let site = WebFixture::new(fixture).await;
    let mut holder = AnyConnection::connect(&fixture.installation.config.database_url()).await.expect("a connection");
    holder.execute("begin immediate").await.expect("taken");
    let db = fixture.installation.db.clone();
    let rewriting = tokio::spawn(async move { db.rewrite_file().await });
    while !fixture.installation.db.is_vacuuming() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    let left =
        site.post(&format!("/u/{}", site.token(1, TokenPurpose::Unsubscribe)), "List-Unsubscribe=One-Click").await;

    assert_eq!(left.status, StatusCode::OK);
    assert!(fixture.installation.db.is_vacuuming() && !site.state.journal.is_empty(), "nothing may be sent now");
    holder.execute("rollback").await.expect("released");
    rewriting.await.expect("no panic").expect("rewritten");
    site.state.journal.replay().await.expect("executed");
    assert!(!fixture.installation.db.is_vacuuming() && !site.is_here(1).await);
}

both!(pages_that_need_the_database_answer_503_while_it_is_down, |fixture| {
    let site = WebFixture::new(fixture).await;
    let unknown = DeliveryRef { campaign: 77, delivery: 1 };
    fixture.installation.db.clone().close().await;

    for path in [
        format!("/c/{}/0", fixture.installation.signer.message_secret(unknown).token(TokenPurpose::Click)),
        format!("/p/{}", site.token(0, TokenPurpose::Preferences)),
    ] {
        let reply = site.get(&path).await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(reply.header("retry-after").is_some() && reply.header("location").is_none(), "{path}");
        assert!(reply.body.contains("try again in a minute"), "{path}");
    }
});

both!(unsubscribe_that_cannot_be_recorded_is_not_acknowledged, |fixture| {
    let site = WebFixture::new(fixture).await;
    fixture.installation.db.clone().close().await;
    std::fs::remove_dir_all(fixture.installation.config.journal_dir()).expect("the disk is gone");

    let reply = site.post(&format!("/u/{}", site.token(1, TokenPurpose::Unsubscribe)), "").await;

    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    std::fs::create_dir(fixture.installation.config.journal_dir()).expect("the disk is back");
    assert!(site.state.journal.is_empty());
});

both!(events_are_written_in_batches_and_dropped_for_erased_contacts, |fixture| {
    let site = WebFixture::new(fixture).await;
    let recorder = Recorder::start(&fixture.installation);
    for round in 0..2_000 {
        let delivery = if round % 2 == 0 { site.people[round % 3].1 } else { 12_345 };
        recorder.record(site.campaign, NewEvent { delivery, kind: EventKind::Open, position: 0, at: NOW });
    }
    recorder.flush().await;

    assert_eq!(recorder.lost(), 0);
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let row = sqlx::query("select count(*) from event").fetch_one(&mut *conn).await.expect("counted");
    assert_eq!(sqlx::Row::get::<i64, _>(&row, 0), 1_000);
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unsubscribe_is_recorded_when_the_database_is_busy_too_long() {
    let fixture = Fixture::new(Base::Sqlite).await;
    let site = WebFixture::new(&fixture).await;
    let busy = fixture.installation.db.write().await.expect("a transaction that takes its time");

    let left = site.post(&format!("/u/{}", site.token(1, TokenPurpose::Unsubscribe)), "").await;
    assert_eq!(left.status, StatusCode::OK);
    assert!(!site.state.journal.is_empty() && site.is_here(1).await);

    drop(busy);
    site.state.journal.replay().await.expect("executed");
    assert!(site.state.journal.is_empty() && !site.is_here(1).await);
    assert_eq!(site.unsubscribed().await, 1);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pending_requests_are_executed_when_the_server_returns() {
    let Some(url) = postgres_url() else { return };
    let fixture = Fixture::new(Base::Postgres).await;
    let site = WebFixture::new(&fixture).await;
    let keeper = tokio::spawn({
        let state = site.state.clone();
        async move { state.run_maintenance().await }
    });
    let mut admin = AnyConnection::connect(&url).await.expect("the server answers");
    let name = fixture.installation.config.database.as_deref().and_then(|url| url.rsplit('/').next()).expect("a name");
    let away = format!(
        "alter database {name} with allow_connections false; \
         select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(away)).execute(&mut admin).await.expect("away");

    let left = site.post(&format!("/u/{}", site.token(1, TokenPurpose::Unsubscribe)), "").await;
    site.get(&format!("/o/{}.gif", site.token(2, TokenPurpose::Open))).await;
    site.state.recorder.flush().await;
    assert_eq!(left.status, StatusCode::OK);
    assert!(!site.state.journal.is_empty());
    assert!(!fixture.installation.config.journal_dir().join("events.log").metadata().expect("spilled").is_dir());

    let back = format!("alter database {name} with allow_connections true");
    sqlx::raw_sql(sqlx::AssertSqlSafe(back)).execute(&mut admin).await.expect("back");
    tokio::time::timeout(Duration::from_secs(20), async {
        while !site.state.journal.is_empty() || opens(&fixture.installation, site.campaign).await == 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await
    .expect("executed in the background");

    assert!(!site.is_here(1).await);
    assert_eq!(site.unsubscribed().await, 1);
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    assert!(
        erased_counts::list(&mut conn, site.campaign).await.expect("asked").contains_key(&("accepted".to_owned(), 0))
    );
    drop(conn);
    keeper.abort();
    fixture.close().await;
}
