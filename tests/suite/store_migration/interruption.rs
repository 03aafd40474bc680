//! Tests of interrupted moves: they resume.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use rand::RngExt;
use sendoff::infra::clock::Clock;
use sendoff::store_migration;
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::fixture::{Target, fill, found, indexes, key, migrate, program, sums, with_database};
use crate::fixture::{NOW, both};

both!(move_interrupted_at_any_step_resumes, |fixture| {
    let Some(target) = Target::of(fixture).await else { return };
    fill(fixture, 25_000).await;
    let before = sums(&fixture.installation.db).await;

    let mut cuts = 0;
    let outcome = loop {
        let (config, to) = (fixture.installation.config.clone(), target.to.clone());
        // Interrupts one step later each time, until the move completes.
        let mut left = cuts;
        let mut cut = move |_| {
            left -= 1;
            assert!(left >= 0, "interrupted");
        };
        let run = store_migration::migrate(config, Clock::fixed(NOW), &to, &mut cut);
        match AssertUnwindSafe(run).catch_unwind().await {
            Ok(Ok(outcome)) => break outcome,
            // The server may still hold the lock of the last try.
            Ok(Err(error)) if key(&error) == "move-locked" => tokio::time::sleep(Duration::from_millis(20)).await,
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
    target.end().await;
});

both!(move_killed_at_any_moment_resumes, |fixture| {
    let Some(target) = Target::of(fixture).await else { return };
    fill(fixture, 25_000).await;
    let before = sums(&fixture.installation.db).await;

    let mut killed = 0;
    for _ in 0..12 {
        let mut child = with_database(fixture, program(fixture, &["move", "--to", &target.to])).spawn().expect("runs");
        tokio::time::sleep(Duration::from_millis(rand::rng().random_range(50..1_500))).await;
        child.kill().expect("killed or gone");
        killed += u32::from(!child.wait().expect("ended").success());
    }
    // The folder names the new store by now, or the variable still names the current one.
    let mut ended = with_database(fixture, program(fixture, &["move", "--to", &target.to])).output().expect("runs");
    for _ in 0..50 {
        let output = String::from_utf8_lossy(&ended.stdout).into_owned();
        if !output.contains("\"move-locked\"") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        ended = with_database(fixture, program(fixture, &["move", "--to", &target.to])).output().expect("runs");
    }
    let output = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() || output.contains("\"store-elsewhere\""), "{output}");

    assert!(killed > 0);
    let there = found(fixture).await;
    assert_eq!(indexes(&there.db).await, indexes(&fixture.installation.db).await);
    assert_ne!(there.db.is_shared(), fixture.installation.db.is_shared());
    assert_eq!(sums(&there.db).await, before);
    there.db.close().await;
    target.end().await;
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
    let Some(target) = Target::of(fixture).await else { return };
    fill(fixture, 0).await;
    let url = match &target.database {
        Some(_) => target.to.clone(),
        None => format!("sqlite://{}?mode=rwc", fixture.installation.config.data.join("sendoff.db").display()),
    };
    migrate_partly(&url).await;

    migrate(fixture, &target.to, &mut |_| {}).await.expect("migrated");
    target.end().await;
});
