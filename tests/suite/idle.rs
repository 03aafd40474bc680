//! Idle work: what a mailer with nothing to send does to the database, however many campaigns are finished or wait.

use std::sync::Arc;
use std::time::Duration;

use sendoff::campaign::composer_cache::ComposerCache;
use sendoff::campaign::launch;
use sendoff::campaign::model;
use sendoff::campaign::model::transition;
use sendoff::infra::installation::Installation;
use sendoff::infra::setting::{self, Setting};
use sendoff::mailer::lease::{self, Lease};
use sendoff::mailer::limits::lane_backoff;
use sendoff::mailer::scheduler::{self, Mode};
use sendoff::usecase::campaign::{self, StartOptions};
use sqlx::Row;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::fixture::{Fixture, Kind, NOW, both};
use crate::mail_sink::Plan;
use crate::mailer::fixture::{EMAIL, recipients, start, subscribe_many, use_relay};
use crate::time::fixture::{email_with, publish};

const FINISHED: i64 = 1_000;
/// Of each kind: running with a hold, paused, scheduled, draft of a series.
const WAITING: usize = 12;
/// Connections that one look may take: due series, scheduled, late and recalled campaigns, and the running ones.
const READS_PER_LOOK: u64 = 5;

/// Finished campaigns, and campaigns that wait in every way.
async fn fill(fixture: &Fixture) {
    let held = start(fixture, &email_with("hold = 3600")).await;
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let copy =
        "insert into campaign (id, workspace_id, name, format, list_id, state, created_at, launched_at, finished_at)
                select $1, workspace_id, $2, format, list_id, 'finished', created_at, launched_at, created_at
                  from campaign
                 where id = $3";
    for n in 0..FINISHED {
        let query = sqlx::query(copy).bind(held.id - 1 - n).bind(format!("finished {n}")).bind(held.id);
        query.execute(&mut *tx).await.expect("inserted");
    }
    tx.commit().await.expect("committed");
    let recurring = email_with("every = \"day\"\nat = \"09:00\"\nzone = \"UTC\"");
    for n in 0..WAITING {
        let save = async |kind: &str, source: &str| {
            let name = format!("{kind} {n}");
            let source = source.replacen("\"autumn\"", &format!("\"{name}\""), 1);
            fixture.draft_to_news(&name, &source).await
        };
        let running = save("running", &email_with("hold = 3600")).await;
        launch::start(&fixture.installation, &running).await.expect("launched");
        let paused = save("paused", EMAIL).await;
        launch::start(&fixture.installation, &paused).await.expect("launched");
        let (scheduled, series) = (save("scheduled", EMAIL).await, save("series", &recurring).await);
        let mut tx = fixture.installation.db.write().await.expect("a transaction");
        let paused = model::find(&mut tx, paused.id).await.expect("read").expect("there");
        transition::pause(&mut tx, &paused, "by hand").await.expect("paused");
        let schedule = "update campaign set state = 'scheduled', starts_at = $1 where id = $2";
        sqlx::query(schedule).bind(NOW + 86_400_000).bind(scheduled.id).execute(&mut *tx).await.expect("scheduled");
        let id = fixture.installation.ids.next().expect("an id");
        let file = model::content::read_file(&mut tx, series.id).await.expect("a file");
        let recurrence = file.schedule.recurrence().expect("a recurrence").clone();
        sendoff::campaign::series::start(&mut tx, &series, &recurrence, id, NOW).await.expect("a series");
        tx.commit().await.expect("committed");
    }
}

async fn looks(installation: &Installation, count: u64) {
    let until = installation.mailer_status.looks() + count;
    while installation.mailer_status.looks() < until {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

both!(an_idle_mailer_reads_little_and_writes_nothing, |fixture| {
    subscribe_many(fixture, 2).await;
    publish(fixture).await;
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 1).await;
    fill(fixture).await;
    // On PostgreSQL the lease is read every two thirds of a second, and made long at the first time.
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    setting::set(&mut tx, Setting::LeaseTerm, "2").await.expect("set");
    tx.commit().await.expect("committed");
    let installation = &fixture.installation;
    let (stop, stopped) = watch::channel(false);
    let work = Box::pin(scheduler::run(installation, Mode::Forever, Arc::new(|| true), stopped));
    let watching = async {
        // The first look reads the files of the series.
        looks(installation, 1).await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let accesses = installation.db.accesses();
        let (reads, writes, wal) = (accesses.reads(), accesses.writes(), installation.db.wal_state());
        looks(installation, 3).await;
        let reads_of_lease = 12;
        assert!(accesses.reads() - reads <= 3 * READS_PER_LOOK + reads_of_lease, "{} reads", accesses.reads() - reads);
        assert_eq!((accesses.writes(), installation.db.wal_state()), (writes, wal), "nothing is written");
        assert!(sink.log().messages.is_empty());

        // A campaign that is started wakes the mailer.
        fixture.draft_to_news("now", &EMAIL.replacen("autumn", "now", 1)).await;
        let options = StartOptions { local: true, ..StartOptions::default() };
        campaign::start(installation, &fixture.actor, "now", &options, |_, _| {}).await.expect("started");
        while recipients(&sink).len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.send(true).expect("someone listens");
    };
    let (ended, ()) =
        Box::pin(timeout(Duration::from_secs(60), async { tokio::join!(work, watching) })).await.expect("an end");
    ended.expect("a clean end");
});

both!(a_second_reply_that_asks_for_a_lower_rate_writes_nothing, |fixture| {
    let (db, workspace) = (&fixture.installation.db, fixture.workspace.id);
    let slow_down = async |at| lane_backoff::slow_down(db, workspace, "gmail", 80.0, at).await.expect("done");
    assert_eq!(slow_down(NOW).await, Some(40.0));
    let writes = db.accesses().writes();

    for reply in 1..20 {
        assert_eq!(slow_down(NOW + reply).await, None);
    }

    assert_eq!(db.accesses().writes(), writes);
    assert_eq!(slow_down(NOW + 10_000).await, Some(20.0));
});

both!(compiled_campaigns_are_kept_while_they_are_viewed, |fixture| {
    subscribe_many(fixture, 1).await;
    let (installation, cache) = (&fixture.installation, ComposerCache::default());
    let mut conn = installation.db.read().await.expect("a connection");
    let mut all = Vec::new();
    for n in 0..9 {
        let draft = fixture.draft_to_news(&format!("c{n}"), &EMAIL.replacen("autumn", &format!("c{n}"), 1)).await;
        assert!(cache.get_or_load(installation, &mut conn, &draft).await.is_err(), "a draft is not kept");
        launch::start(installation, &draft).await.expect("launched");
        all.push((draft.clone(), cache.get_or_load(installation, &mut conn, &draft).await.expect("compiled")));
    }

    let (last, kept) = all.last().expect("one");
    let again = cache.get_or_load(installation, &mut conn, last).await.expect("kept");
    assert!(Arc::ptr_eq(&again, kept) && cache.len() == 8);
    let (first, gone) = &all[0];
    let again = cache.get_or_load(installation, &mut conn, first).await.expect("compiled again");
    assert!(!Arc::ptr_eq(&again, gone) && cache.len() == 8);
});

both!(a_mailer_without_its_lock_file_is_not_alive_on_one_machine, |fixture| {
    let installation = &fixture.installation;
    let alive = async || {
        let mut conn = installation.db.read().await.expect("a connection");
        lease::count_alive(&mut conn, installation).await.expect("counted")
    };
    assert_eq!(alive().await, 0);
    let (mut held, _) = Lease::acquire(installation).await.expect("a lease");
    assert_eq!(alive().await, 1);
    let writes = installation.db.accesses().writes();
    assert!(held.renew(installation).await.expect("renewed"));
    let is_shared = fixture.kind == Kind::Postgres;
    assert_eq!(installation.db.accesses().writes() > writes, is_shared, "only a lease that others read is renewed");
    let writes = installation.db.accesses().writes();
    assert!(held.renew(installation).await.expect("renewed"));
    assert_eq!(installation.db.accesses().writes(), writes, "that of an idle mailer is long and is only read");
    held.work().begin(installation, held.id, &held.freshness()).await.expect("begun");
    if is_shared {
        let left = "select cast(until - extract(epoch from now()) * 1000 as bigint) from lease";
        let mut conn = installation.db.read().await.expect("a connection");
        let left: i64 = sqlx::query(left).fetch_one(&mut *conn).await.expect("read").get(0);
        assert!(left <= 30_000, "it is short before anything is claimed: {left}");
    }
    let writes = installation.db.accesses().writes();
    assert!(held.renew(installation).await.expect("renewed"));
    assert_eq!(installation.db.accesses().writes() > writes, is_shared, "and is renewed while something is sent");
    lease::recover(installation).await.expect("recovered");
    assert_eq!(alive().await, 1);

    drop(held);
    assert_eq!(alive().await, i64::from(is_shared), "that of another machine counts until it expires");
    let (held, _) = Lease::acquire(installation).await.expect("a lease");
    held.release(installation).await.expect("released");
    assert_eq!(alive().await, 0);
});
