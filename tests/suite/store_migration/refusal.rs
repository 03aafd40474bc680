//! Places that are not fit, moves that meet, and programs on a store that was left.

use std::panic::AssertUnwindSafe;
use std::process::Command;
use std::time::Duration;

use futures_util::FutureExt;
use sendoff::infra::clock::Clock;
use sendoff::infra::config::Config;
use sendoff::infra::db::Db;
use sendoff::infra::installation::Installation;
use sendoff::store_migration::{self, Step};

use super::fixture::{Way, carry, fill, key, program, serve, sums, with_database};
use crate::fixture::{self, Fixture, NOW, both};

both!(a_place_that_is_not_fit_is_refused_and_nothing_changes, |fixture| {
    let Some(way) = Way::of(fixture).await else { return };
    fill(fixture, 0).await;
    let before = sums(&fixture.installation.db).await;
    let base = fixture::postgres_url().expect("a server");
    let (base, _) = base.rsplit_once('/').expect("a name");
    let (foreign_name, foreign) = fixture::create().await;
    let mut other = <sqlx::AnyConnection as sqlx::Connection>::connect(&foreign).await.expect("connects");
    sqlx::raw_sql("create table guest (name text)").execute(&mut other).await.expect("a table of others");
    let full = Fixture::new(fixture.kind).await;
    let full_place = match &full.installation.config.database {
        Some(url) => url.clone(),
        None => full.installation.config.data.display().to_string(),
    };

    for (to, expected) in [
        (foreign.as_str(), "move-occupied"),
        (&full_place, "move-occupied"),
        ("postgres://postgres@127.0.0.1:1/none", "move-target-away"),
        (&format!("{base}/there_is_none_of_this_name"), "move-target-missing"),
        ("mysql://host/name", "move-to"),
    ] {
        let error = carry(fixture, to, &mut |_| {}).await.expect_err(to);
        assert_eq!(key(&error), expected, "{to}");
        assert_eq!(fixture.installation.db.store_status().await.expect("asked"), None, "{to}");
    }

    drop(fixture.installation.db.write().await.expect("in use as before"));
    assert_eq!(sums(&fixture.installation.db).await, before);
    drop(other);
    full.close().await;
    fixture::remove(&foreign_name).await;
    way.end().await;
});

both!(one_move_at_a_time_and_one_place_until_it_is_given_up, |fixture| {
    let Some(way) = Way::of(fixture).await else { return };
    fill(fixture, 0).await;
    let elsewhere = fixture.folder.path().join("elsewhere").display().to_string();
    let mut second = None;
    let mut told = |step| {
        if matches!(step, Step::Counted { .. }) {
            let run = async { carry(fixture, &way.to, &mut |_| {}).await.map(drop) };
            second = Some(tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(run)));
            panic!("cut off");
        }
    };
    let config = fixture.installation.config.clone();
    let cut = AssertUnwindSafe(store_migration::migrate(config, Clock::fixed(NOW), &way.to, &mut told));
    assert!(cut.catch_unwind().await.is_err());
    assert_eq!(key(&second.expect("tried").expect_err("refused")), "move-twice");

    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(key(&carry(fixture, &elsewhere, &mut |_| {}).await.expect_err("another place")), "move-elsewhere");
    assert_eq!(key(&fixture.installation.db.write().await.map(drop).expect_err("moving")), "store-moving");
    let half = Config { data: fixture.folder.path().join("third"), database: Some(way.to.clone()) };
    if way.database.is_some() {
        assert_eq!(
            key(&Installation::open(half, Clock::fixed(NOW)).await.map(drop).expect_err("half")),
            "store-arriving"
        );
    }

    store_migration::cancel(fixture.installation.config.clone(), Clock::fixed(NOW), Some(&way.to))
        .await
        .expect("given up");

    drop(fixture.installation.db.write().await.expect("in use again"));
    carry(fixture, &way.to, &mut |_| {}).await.expect("nothing is left of the half");
    way.end().await;
});

both!(a_program_on_the_old_store_ends_with_a_sentence_and_nobody_reopens_it, |fixture| {
    let Some(way) = Way::of(fixture).await else { return };
    fill(fixture, 0).await;
    let serving = serve(fixture);
    tokio::time::sleep(Duration::from_secs(2)).await;

    let moved = with_database(fixture, program(fixture, &["move", "--to", &way.to])).output().expect("runs");
    assert!(moved.status.success(), "{}", String::from_utf8_lossy(&moved.stderr));

    let ended = tokio::task::spawn_blocking(|| serving.wait_with_output().expect("ends")).await.expect("ends");
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ended.stdout).contains("store-moved"), "{ended:?}");
    let named = match &fixture.installation.config.database {
        Some(url) => url.clone(),
        None => format!("sqlite://{}", fixture.installation.config.data.join("sendoff.db").display()),
    };
    let old = program(fixture, &["--database", &named, "list", "ls"]).output().expect("runs");
    assert_eq!(old.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&old.stdout).contains("store-elsewhere"), "{old:?}");
    let other = fixture.folder.path().join("other").display().to_string();
    let by_another_folder = Command::new(env!("CARGO_BIN_EXE_sendoff"))
        .args(["--data", &other, "--database", &named, "--lang", "en", "list", "ls"])
        .output()
        .expect("runs");
    let sentence = String::from_utf8_lossy(&by_another_folder.stderr).into_owned();
    assert!(sentence.contains("The data that was here is now in"), "{sentence}");

    let wiped = program(fixture, &["move", "--old", "wipe"]).output().expect("runs");
    assert!(wiped.status.success(), "{}", String::from_utf8_lossy(&wiped.stderr));
    match &fixture.installation.config.database {
        Some(url) => {
            let db = Db::connect_unmigrated(url).await.expect("reached");
            assert_eq!(db.table_names().await.expect("asked"), Vec::<String>::new());
            db.close().await;
        }
        None => {
            let left =
                ["", "-wal", "-shm"].map(|ending| fixture.installation.config.data.join(format!("sendoff.db{ending}")));
            assert!(left.iter().all(|file| !file.exists()));
        }
    }
    let lists = program(fixture, &["list", "ls"]).output().expect("runs");
    assert!(lists.status.success(), "{}", String::from_utf8_lossy(&lists.stderr));
    way.end().await;
});
