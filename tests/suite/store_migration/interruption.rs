//! Moves that are cut off or killed go on.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use rand::RngExt;
use sendoff::infra::clock::Clock;
use sendoff::infra::db::Db;
use sendoff::store_migration;

use super::fixture::{Way, carry, fill, found, indexes, key, program, sums, with_database};
use crate::fixture::{NOW, both};

both!(a_move_cut_off_at_any_step_goes_on, |fixture| {
    let Some(way) = Way::of(fixture).await else { return };
    fill(fixture, 25_000).await;
    let before = sums(&fixture.installation.db).await;

    let mut cuts = 0;
    let outcome = loop {
        let (config, to) = (fixture.installation.config.clone(), way.to.clone());
        // One step further each time, until none is left to be cut off at.
        let mut left = cuts;
        let mut cut = move |_| {
            left -= 1;
            assert!(left >= 0, "cut off");
        };
        let run = store_migration::migrate(config, Clock::fixed(NOW), &to, &mut cut);
        match AssertUnwindSafe(run).catch_unwind().await {
            Ok(Ok(outcome)) => break outcome,
            // The server has not noticed yet that the last one is gone.
            Ok(Err(error)) if key(&error) == "move-twice" => tokio::time::sleep(Duration::from_millis(20)).await,
            Ok(Err(error)) => panic!("{error:?}"),
            Err(_) => cuts += 1,
        }
    };

    assert!(cuts > 10, "{cuts}");
    assert!(!outcome.tables.is_empty());
    let there = found(fixture).await;
    assert_eq!(indexes(&there.db).await, indexes(&fixture.installation.db).await);
    assert_eq!(sums(&there.db).await, before);
    there.db.close().await;
    way.end().await;
});

both!(a_move_that_is_killed_at_any_moment_goes_on, |fixture| {
    let Some(way) = Way::of(fixture).await else { return };
    fill(fixture, 25_000).await;
    let before = sums(&fixture.installation.db).await;

    let mut killed = 0;
    for _ in 0..12 {
        let mut child = with_database(fixture, program(fixture, &["move", "--to", &way.to])).spawn().expect("runs");
        tokio::time::sleep(Duration::from_millis(rand::rng().random_range(50..1_500))).await;
        child.kill().expect("killed or gone");
        killed += u32::from(!child.wait().expect("ended").success());
    }
    // The folder knows by now, or the variable still names the store that the data are in.
    let mut ended = with_database(fixture, program(fixture, &["move", "--to", &way.to])).output().expect("runs");
    for _ in 0..50 {
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        if !said.contains("\"move-twice\"") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        ended = with_database(fixture, program(fixture, &["move", "--to", &way.to])).output().expect("runs");
    }
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() || said.contains("\"store-elsewhere\""), "{said}");

    assert!(killed > 0);
    let there = found(fixture).await;
    assert_eq!(indexes(&there.db).await, indexes(&fixture.installation.db).await);
    assert_ne!(there.db.is_shared(), fixture.installation.db.is_shared());
    assert_eq!(sums(&there.db).await, before);
    there.db.close().await;
    way.end().await;
});

both!(tables_that_a_killed_program_had_begun_to_make_are_in_nobodys_way, |fixture| {
    let Some(way) = Way::of(fixture).await else { return };
    fill(fixture, 0).await;
    let url = match &way.database {
        Some(_) => way.to.clone(),
        None => format!("sqlite://{}?mode=rwc", fixture.installation.config.data.join("sendoff.db").display()),
    };
    let db = Db::connect_unmigrated(&url).await.expect("reached");
    db.migrate().await.expect("tables");
    let mut tx = db.write().await.expect("a transaction");
    // As it is when the last step was not taken.
    sqlx::raw_sql("drop table standing; drop table carried; delete from _sqlx_migrations where version = 10")
        .execute(&mut *tx)
        .await
        .expect("one step back");
    tx.commit().await.expect("committed");
    db.close().await;

    carry(fixture, &way.to, &mut |_| {}).await.expect("carried over");
    way.end().await;
});
