//! Upgrade of tables of the mailer: migration 22 keeps limits, back-offs, relays and the restore guard.

use std::fs;
use std::path::{Path, PathBuf};

use sendoff::campaign::rate_limit::RateLimit;
use sendoff::infra::clock::DAY;
use sendoff::infra::db::Db;
use sendoff::mailer::limits::lane_backoff;
use sendoff::mailer::limits::rate_account::{self, LimitKey};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyPool, AssertSqlSafe, Row, SqlSafeStr};

use crate::fixture::{self, postgres_url};

/// Rows as the version before the migration wrote them.
const ROWS: &str = "
insert into allowance values (7, 'lane gmail', 5000, 20000, 3, 2), (7, 'relay 42', 6000, 20000, 4, 1);
insert into reception values (7, 'yandex', 40, 80, 1000, 2, 20000, 'reason');
insert into beat values (9, 12);
insert into relay (id, workspace_id, name, kind, target, connections, ramp_start, ramp_growth, weight, spare, ahead, senders)
  values (42, 7, 'one', 'capture', '', 4, 200, 1.5, 1, 0, 1, 'news@shop.example shop.example'),
         (43, 7, 'two', 'capture', '', 4, null, null, 1, 0, 1, '');
";

/// Runs the migrations before `version`.
async fn migrate_before(url: &str, version: i64) {
    let mut files: Vec<PathBuf> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations"))
        .expect("migrations")
        .map(|entry| entry.expect("a file").path())
        .collect();
    files.sort();
    let steps = files.iter().filter_map(|file| {
        let number = file.file_name()?.to_str()?[..4].parse().ok().filter(|number| *number < version)?;
        let text = fs::read_to_string(file).expect("a migration");
        let sql = AssertSqlSafe(text.clone()).into_sql_str();
        let step = Migration::new(number, "before".into(), MigrationType::Simple, sql, false);
        let sqlite = AssertSqlSafe(text.replace("bigint primary key", "integer primary key")).into_sql_str();
        Some(if url.starts_with("sqlite") { Migration { sql: sqlite, ..step } } else { step })
    });
    let pool = AnyPool::connect(url).await.expect("connected");
    Migrator::with_migrations(steps.collect()).run(&pool).await.expect("tables");
    sqlx::raw_sql(ROWS).execute(&pool).await.expect("rows");
    pool.close().await;
}

async fn upgrade_keeps_rows(url: &str) {
    migrate_before(url, 22).await;

    let db = Db::connect(url).await.expect("migrated");

    let mut conn = db.read().await.expect("a connection");
    let limit = RateLimit { daily: Some(10), ..RateLimit::default() };
    for (key, used) in [(LimitKey::Lane("gmail".to_owned()), 3), (LimitKey::Relay(42), 4)] {
        let account = rate_account::load(&mut conn, 7, &key).await.expect("an account");
        assert_eq!(account.today(&limit, 20_000 * DAY), (used, Some(10)), "{key:?}");
    }
    let backoffs = lane_backoff::list(&mut conn, 7).await.expect("read");
    assert_eq!(backoffs.len(), 1);
    let (lane, backoff) = &backoffs[0];
    assert_eq!((lane.as_str(), backoff.rate(1_000), backoff.reason.as_deref()), ("yandex", Some(40.0), Some("reason")));
    let row = sqlx::query("select folder_id, count from restore_guard").fetch_one(&mut *conn).await.expect("a row");
    assert_eq!((row.get::<i64, _>(0), row.get::<i64, _>(1)), (9, 12));
    let rows =
        sqlx::query("select senders, warm_up_start from relay order by id").fetch_all(&mut *conn).await.expect("read");
    let relays: Vec<(String, Option<i64>)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let senders = r#"["news@shop.example","shop.example"]"#;
    assert_eq!(relays, [(senders.to_owned(), Some(200)), ("[]".to_owned(), None)]);
    drop(conn);
    db.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    sqlx::any::install_default_drivers();
    let folder = tempfile::tempdir().expect("a temporary folder");
    upgrade_keeps_rows(&format!("sqlite://{}?mode=rwc", folder.path().join("sendoff.db").display())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    if postgres_url().is_none() {
        return;
    }
    sqlx::any::install_default_drivers();
    let (name, url) = fixture::create().await;
    upgrade_keeps_rows(&url).await;
    fixture::remove(&name).await;
}
