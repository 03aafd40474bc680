//! Tests of refused moves: unsuitable targets, concurrent moves, processes on the old store.

use std::panic::AssertUnwindSafe;
use std::process::Command;
use std::time::Duration;

use futures_util::FutureExt;
use sendoff::infra::clock::Clock;
use sendoff::infra::config::Config;
use sendoff::infra::db::Db;
use sendoff::infra::installation::Installation;
use sendoff::store_migration::{self, Step, data_files};

use super::fixture::{Target, fill, key, migrate, program, serve, sums, with_database};
use crate::fixture::{self, Fixture, NOW, both};

both!(unsuitable_target_is_refused_and_nothing_changes, |fixture| {
    let Some(target) = Target::of(fixture).await else { return };
    fill(fixture, 0).await;
    let before = sums(&fixture.installation.db).await;
    let base = fixture::postgres_url().expect("a server");
    let (base, _) = base.rsplit_once('/').expect("a name");
    let (foreign_name, foreign) = fixture::create().await;
    let mut other = <sqlx::AnyConnection as sqlx::Connection>::connect(&foreign).await.expect("connects");
    sqlx::raw_sql("create table guest (name text)").execute(&mut other).await.expect("a foreign table");
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
        ("postgres//u:hidden@h/x", "move-to"),
        ("postgres:/u:hidden@h/x", "move-to"),
        ("Postgres://u:hidden@h/x", "move-to"),
        ("postgres:u:hid?den@h/x", "move-to"),
        ("u:hidden@h/x?password=hidden", "move-to"),
        ("//u:hidden@h/x", "move-to"),
        ("http://u:hidden@h/x", "move-to"),
    ] {
        let error = migrate(fixture, to, &mut |_| {}).await.expect_err(to);
        assert_eq!(key(&error), expected, "{to}");
        assert!(!format!("{:?}", error.message()).contains("hid"), "{error:?}");
        assert_eq!(fixture.installation.db.store_status().await.expect("asked"), None, "{to}");
    }

    drop(fixture.installation.db.write().await.expect("in use as before"));
    assert_eq!(sums(&fixture.installation.db).await, before);
    drop(other);
    full.close().await;
    fixture::remove(&foreign_name).await;
    target.end().await;
});

/// The tables of the target, or its database files.
async fn left_in(fixture: &Fixture, target: &Target) -> Vec<String> {
    if target.database.is_some() {
        let db = Db::connect_unmigrated(&target.to).await.expect("reached");
        let tables = db.table_names().await.expect("asked");
        db.close().await;
        return tables;
    }
    let names = ["sendoff.db", "sendoff.db-wal", "sendoff.db-shm", "sendoff.db-journal"];
    let mut left = names.map(str::to_owned).to_vec();
    left.retain(|name| fixture.installation.config.data.join(name).exists());
    left
}

both!(cancelled_move_to_another_folder_leaves_no_file_there, |fixture| {
    fill(fixture, 0).await;
    let config = &fixture.installation.config;
    let elsewhere = fixture.folder.path().join("elsewhere");
    let to = elsewhere.display().to_string();
    let cancel = async |to: &str| loop {
        match store_migration::cancel(config.clone(), Clock::fixed(NOW), Some(to)).await {
            // The server may still hold the lock of the move.
            Err(error) if key(&error) == "move-locked" => tokio::time::sleep(Duration::from_millis(20)).await,
            ended => return ended,
        }
    };
    // The first move ends before any row is copied, the last one after the keys were.
    for stop_at in ["started", "comparing", "keys"] {
        let mut report = |step: Step| {
            let is_there = match stop_at {
                "started" => matches!(step, Step::Started),
                _ => matches!(step, Step::Comparing { .. }),
            };
            assert!(!is_there, "interrupted");
        };
        let cut = AssertUnwindSafe(store_migration::migrate(config.clone(), Clock::fixed(NOW), &to, &mut report));
        assert!(cut.catch_unwind().await.is_err());
        if stop_at == "keys" {
            let new = Config { data: elsewhere.clone(), database: None };
            data_files::copy_all(config, &new).expect("copied");
            assert!(new.keys_dir().join("token.key").exists());
        }

        assert_eq!(
            key(&cancel(&fixture.folder.path().display().to_string()).await.expect_err("another folder")),
            "move-not-partial"
        );
        assert!(config.keys_dir().join("token.key").exists());
        cancel(&to).await.expect("cancelled");
        assert!(!elsewhere.exists(), "{stop_at}: {:?}", std::fs::read_dir(&elsewhere).map(|files| files.count()));
        drop(fixture.installation.db.write().await.expect("in use again"));
    }

    std::fs::create_dir_all(elsewhere.join("keys")).expect("made");
    std::fs::write(elsewhere.join("keys/token.key"), "of another installation").expect("written");
    assert_eq!(key(&migrate(fixture, &to, &mut |_| {}).await.expect_err("keys are there")), "move-occupied");
    assert_eq!(std::fs::read_to_string(elsewhere.join("keys/token.key")).expect("kept"), "of another installation");
});

both!(second_move_is_refused_until_the_first_is_cancelled, |fixture| {
    let Some(target) = Target::of(fixture).await else { return };
    fill(fixture, 0).await;
    let elsewhere = fixture.folder.path().join("elsewhere").display().to_string();
    let mut second = None;
    let mut report = |step| {
        if matches!(step, Step::Counted { .. }) {
            let run = async { migrate(fixture, &target.to, &mut |_| {}).await.map(drop) };
            second = Some(tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(run)));
            panic!("interrupted");
        }
    };
    let config = fixture.installation.config.clone();
    let cut = AssertUnwindSafe(store_migration::migrate(config, Clock::fixed(NOW), &target.to, &mut report));
    assert!(cut.catch_unwind().await.is_err());
    assert_eq!(key(&second.expect("tried").expect_err("refused")), "move-locked");

    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(key(&migrate(fixture, &elsewhere, &mut |_| {}).await.expect_err("another place")), "move-elsewhere");
    assert_eq!(key(&fixture.installation.db.write().await.map(drop).expect_err("moving")), "store-moving");
    let half = Config { data: fixture.folder.path().join("third"), database: Some(target.to.clone()) };
    if target.database.is_some() {
        assert_eq!(
            key(&Installation::open(half, Clock::fixed(NOW)).await.map(drop).expect_err("half")),
            "store-arriving"
        );
    }

    store_migration::cancel(fixture.installation.config.clone(), Clock::fixed(NOW), Some(&target.to))
        .await
        .expect("cancelled");

    drop(fixture.installation.db.write().await.expect("in use again"));
    assert_eq!(left_in(fixture, &target).await, Vec::<String>::new());
    migrate(fixture, &target.to, &mut |_| {}).await.expect("the partial target was wiped");
    target.end().await;
});

both!(process_on_the_old_store_ends_with_a_message, |fixture| {
    let Some(target) = Target::of(fixture).await else { return };
    fill(fixture, 0).await;
    let serving = serve(fixture);
    tokio::time::sleep(Duration::from_secs(2)).await;

    let held = serving.id().to_string();
    for words in [&["move", "--old", "wipe"][..], &["move", "--to", &target.to, "--old", "wipe"]] {
        let refused = with_database(fixture, program(fixture, words)).output().expect("runs");
        let said = String::from_utf8_lossy(&refused.stdout).into_owned();
        assert!(said.contains("move-old-in-use") && said.contains(&held), "{said}");
        assert_eq!(fixture.installation.db.store_status().await.expect("asked"), None, "nothing has begun");
    }

    let moved = with_database(fixture, program(fixture, &["move", "--to", &target.to])).output().expect("runs");
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
        .args(["--data", &other, "--database", &named, "--lang", "en", "init"])
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
    target.end().await;
});
