//! Opens and clicks that waited on disk.

use std::fs;
use std::time::Duration;

use sendoff::campaign::erased_counts;
use sendoff::feedback::event::{EventKind, NewEvent};
use sendoff::feedback::recorder::{Recorder, SpoolCause};
use sendoff::feedback::replay::{Replay, Replayed};
use sendoff::infra::installation::Installation;
use sendoff::infra::spool::Spool;
use sendoff::privacy::request_journal::{RecipientRequest, RequestStatus};
use sendoff::report::summary;
use sendoff::usecase::set_aside::{self as settle, Which};

use super::{allow, events, forbid, operator, reasons, wait_until, write_spool};
use crate::fixture::{Fixture, Kind, NOW, both};
use crate::public::fixture::WebFixture;

fn spool(fixture: &Fixture) -> Spool {
    Spool::new(fixture.installation.config.journal_dir().join("events.log"))
}

fn open(site: &WebFixture, person: usize, at: i64) -> NewEvent {
    NewEvent { delivery: site.people[person].1, kind: EventKind::Open, position: 0, at }
}

/// The same installation after a restart.
async fn reopen(fixture: &Fixture) -> Installation {
    let Installation { config, clock, .. } = &fixture.installation;
    Installation::open(config.clone(), clock.clone()).await.expect("opens again")
}

both!(backlog_is_inserted_in_chunks_and_each_event_once_when_the_writer_is_stopped_at_any_moment, |fixture| {
    let site = WebFixture::new(fixture).await;
    let line = |at: i64| format!("{} open 0 {}", site.people[(at % 3) as usize].1, NOW + at);
    write_spool(&fixture.installation, "events.log", (0..15_000).map(line));

    let mut stopped = 0;
    let mut chunks = 0;
    for millis in (1..40).cycle() {
        // Dropping the work rolls back its transaction, as the end of the process would.
        let mut replay = Replay::new(spool(fixture));
        match tokio::time::timeout(Duration::from_millis(millis * 3), replay.next(&fixture.installation)).await {
            Err(_) => stopped += 1,
            Ok(Ok(Replayed::Lines(lines))) => {
                assert!(lines <= 2_000, "one chunk has {lines} lines");
                chunks += 1;
            }
            Ok(Ok(Replayed::Nothing)) => break,
            Ok(Err(error)) => panic!("{error:?}"),
        }
    }

    // A chunk may be committed in the moment in which it is stopped.
    assert!(stopped > 0 && chunks > 0 && stopped + chunks >= 8, "{stopped} {chunks}");
    assert_eq!(events(fixture).await, 15_000);
    assert!(spool(fixture).is_empty() && reasons(fixture).await.is_empty());
    // Stopped between the removal of the file and that of its row: the row names no later file.
    assert!(crate::canary::number(fixture, "select count(*) from spool_position").await <= 1);
});

both!(lines_that_name_no_event_are_set_aside_and_the_others_are_inserted, |fixture| {
    let site = WebFixture::new(fixture).await;
    let delivery = site.people[0].1;
    let bad = [
        format!("{delivery} tap 0 {NOW}"),
        format!("-{delivery} open 0 {NOW}"),
        format!("{delivery} open -1 {NOW}"),
        format!("{delivery} open 0 -5"),
        format!("{delivery} open 0 99999999999999999999"),
        format!("{delivery} open zero {NOW}"),
        format!("{delivery} open"),
        "{\"kind\":".to_owned(),
        "anna@example.org".to_owned(),
        "x".repeat(100_000),
    ];
    let good = |at: i64| format!("{delivery} open 0 {}", NOW + at);
    let lines = bad.iter().cloned().enumerate().flat_map(|(at, line)| [line, good(at as i64)]);
    write_spool(&fixture.installation, "events.log", lines);
    let path = fixture.installation.config.journal_dir().join("events.log");
    let mut bytes = fs::read(&path).expect("read");
    bytes.extend(b"\xff\xfe\x00 open 0 1 .\n7 open");
    fs::write(&path, bytes).expect("written");

    let recorder = Recorder::start(&fixture.installation);
    wait_until("the spool is empty", async || spool(fixture).is_empty()).await;

    assert_eq!(events(fixture).await, bad.len() as i64);
    let mut expected = vec!["spool-line-other"; 8];
    expected.extend(["spool-line-kind", "spool-line-long", "spool-line-bytes", "spool-line-cut"]);
    expected.sort_unstable();
    assert_eq!(reasons(fixture).await, expected);
    let listed = settle::list(&fixture.installation, &operator()).await.expect("listed");
    assert_eq!((listed.events, listed.requests), (12, 0));
    assert!(listed.lines.iter().all(|row| !row.line.as_deref().unwrap_or_default().contains('@')), "nobody is named");

    // They fail again until a program knows them; what is dismissed is gone.
    let again = settle::retry(&fixture.installation, &operator(), Which::All).await.expect("tried");
    assert_eq!((again.processed, again.failed), (0, 12));
    let one = listed.lines[0].id;
    assert_eq!(settle::dismiss(&fixture.installation, &operator(), Which::One(one)).await.expect("gone").dismissed, 1);
    let unknown = settle::dismiss(&fixture.installation, &operator(), Which::One(one)).await.expect_err("gone before");
    assert_eq!(unknown.message().key, "set-aside-unknown");
    assert_eq!(settle::dismiss(&fixture.installation, &operator(), Which::All).await.expect("gone").dismissed, 11);
    drop(recorder);
});

both!(event_that_the_database_refuses_is_set_aside_alone_and_can_be_retried, |fixture| {
    let site = WebFixture::new(fixture).await;
    let line = |at: i64| format!("{} open 0 {}", site.people[1].1, NOW + at);
    write_spool(&fixture.installation, "events.log", (0..3_000).map(line));
    forbid(fixture, "insert", "event", &format!("at = {}", NOW + 1_234)).await;
    let recorder = Recorder::start(&fixture.installation);
    recorder.record(site.campaign, open(&site, 2, NOW));

    wait_until("the spool is empty", async || spool(fixture).is_empty() && events(fixture).await == 3_000).await;

    assert_eq!(reasons(fixture).await, ["database-value"]);
    allow(fixture, "event").await;
    let again = settle::retry(&fixture.installation, &operator(), Which::All).await.expect("tried");
    assert_eq!((again.processed, again.failed), (1, 0));
    assert_eq!((events(fixture).await, reasons(fixture).await.len()), (3_001, 0));
    assert_eq!(settle::retry(&fixture.installation, &operator(), Which::All).await.expect("tried").processed, 0);
});

both!(event_in_memory_that_the_database_refuses_is_set_aside_and_the_others_are_recorded, |fixture| {
    let site = WebFixture::new(fixture).await;
    forbid(fixture, "insert", "event", &format!("at = {}", NOW + 7)).await;
    let recorder = Recorder::start(&fixture.installation);
    for at in 0..50 {
        recorder.record(site.campaign, open(&site, 0, NOW + at));
    }
    recorder.flush().await;

    wait_until("the others are recorded", async || events(fixture).await == 49 && spool(fixture).is_empty()).await;
    assert_eq!(reasons(fixture).await, ["database-value"]);
    assert_eq!(recorder.lost(), 0);
});

both!(events_that_come_faster_than_the_database_takes_them_go_to_disk_and_none_is_lost, |fixture| {
    let site = WebFixture::new(fixture).await;
    let recorder = Recorder::start(&fixture.installation);
    let busy = busy(fixture).await;
    // More than the memory holds.
    for at in 0..150_000 {
        recorder.record(site.campaign, open(&site, (at % 3) as usize, NOW + at));
        if at % 5_000 == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    wait_until("events are on disk", async || recorder.spilled() > 30_000).await;
    let (away, fast) = recorder.spilled_since_start();
    assert!(fast > 0, "away {away}, too fast {fast}");
    drop(busy);

    recorder.flush().await;
    wait_until("all are inserted", async || events(fixture).await == 150_000).await;
    assert_eq!((recorder.lost(), recorder.spilled()), (0, 0));
});

/// A transaction that keeps events from being inserted.
async fn busy(fixture: &Fixture) -> sendoff::infra::db::Tx {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    if fixture.kind == Kind::Postgres {
        sqlx::raw_sql("lock table event in share mode").execute(&mut *tx).await.expect("locked");
    }
    tx
}

both!(events_that_can_be_stored_nowhere_are_counted_durably_and_the_report_says_so, |fixture| {
    let site = WebFixture::new(fixture).await;
    let journal = fixture.installation.config.journal_dir();
    // A folder where the file is that every append locks.
    fs::create_dir(journal.join("events.lock")).expect("in the way");
    let recorder = Recorder::start(&fixture.installation);
    fixture.installation.db.clone().close().await;
    for at in 0..7 {
        recorder.record(site.campaign, open(&site, 0, NOW + at));
    }
    recorder.flush().await;
    assert_eq!((recorder.lost(), recorder.cause()), (7, SpoolCause::DatabaseAway));
    drop(recorder);
    fs::remove_dir(journal.join("events.lock")).expect("out of the way");

    for _ in 0..2 {
        let installation = reopen(fixture).await;
        let recorder = Recorder::start(&installation);
        wait_until("the count is in the database", async || lost(&installation, &site).await == 7).await;
        recorder.flush().await;
        drop(recorder);
        assert_eq!(lost(&installation, &site).await, 7, "counted once");
        let campaign = summary_of(&installation, &site).await;
        assert_eq!(campaign.notes()[0].key, "summary-lost");
        installation.db.close().await;
    }
});

async fn summary_of(installation: &Installation, site: &WebFixture) -> summary::Summary {
    let mut conn = installation.db.read().await.expect("a connection");
    let campaign = sendoff::campaign::model::find(&mut conn, site.campaign).await.expect("asked").expect("there");
    summary::read(&mut conn, &campaign).await.expect("read")
}

async fn lost(installation: &Installation, site: &WebFixture) -> i64 {
    summary_of(installation, site).await.lost
}

both!(hits_of_someone_who_leaves_in_the_same_moment_are_counted, |fixture| {
    let site = WebFixture::new(fixture).await;
    // One person's hits are in memory, another's in the spool.
    let on_disk = format!("{} click 0 {NOW}", site.people[1].1);
    let busy = busy(fixture).await;
    for kind in [EventKind::Open, EventKind::Click] {
        site.state.recorder.record(site.campaign, NewEvent { kind, ..open(&site, 0, NOW) });
    }
    write_spool(&fixture.installation, "events.log", [on_disk].into_iter());
    let journal = site.state.journal.clone();
    let leaving = [(site.delivery(0), RecipientRequest::Unsubscribe), (site.delivery(1), RecipientRequest::Erase)];
    let tasks: Vec<_> = leaving
        .into_iter()
        .map(|(delivery, request)| {
            let journal = journal.clone();
            tokio::spawn(async move { journal.submit(delivery, request).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(busy);
    for task in tasks {
        if task.await.expect("no panic").expect("answered").0 == RequestStatus::Recorded {
            journal.replay().await.expect("executed");
        }
    }
    site.state.recorder.flush().await;

    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let counts = erased_counts::list(&mut conn, site.campaign).await.expect("asked");
    let count = |kind: &str| counts.get(&(kind.to_owned(), 0)).copied().unwrap_or(0);
    assert_eq!((count(erased_counts::OPEN), count(erased_counts::CLICKED), site.unsubscribed().await), (1, 2, 2));
    drop(conn);
    assert_eq!(events(fixture).await, 0, "nothing of them is left");
});
