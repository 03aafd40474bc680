//! Moves that are cut off or killed go on.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use rand::RngExt;
use sendoff::infra::clock::Clock;
use sendoff::store_migration;
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

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

/// Runs the migrations of the first release alone, as a process that was killed between two of them.
async fn migrate_partly(url: &str) {
    let first = [
        (1, "first tables", include_str!("../../../migrations/0001_first_tables.sql")),
        (2, "sending", include_str!("../../../migrations/0002_sending.sql")),
    ];
    let steps = first.map(|(version, name, text)| {
        let step = Migration::new(version, name.into(), MigrationType::Simple, text.into_sql_str(), false);
        match url.starts_with("sqlite") {
            true => {
                let sql = text.replace("bigint primary key", "integer primary key");
                Migration { sql: sqlx::AssertSqlSafe(sql).into_sql_str(), ..step }
            }
            false => step,
        }
    });
    let pool = sqlx::AnyPool::connect(url).await.expect("connected");
    Migrator::with_migrations(steps.to_vec()).run(&pool).await.expect("tables");
    pool.close().await;
}

both!(empty_tables_of_a_killed_process_do_not_occupy_the_target, |fixture| {
    let Some(way) = Way::of(fixture).await else { return };
    fill(fixture, 0).await;
    let url = match &way.database {
        Some(_) => way.to.clone(),
        None => format!("sqlite://{}?mode=rwc", fixture.installation.config.data.join("sendoff.db").display()),
    };
    migrate_partly(&url).await;

    carry(fixture, &way.to, &mut |_| {}).await.expect("migrated");
    way.end().await;
});
