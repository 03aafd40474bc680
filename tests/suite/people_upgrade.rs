//! A database of the previous version keeps its indexed fields, choices and subscriptions through the migrations.

use sendoff::audience::field::{self, Field};
use sendoff::audience::indexed_field::{self, State};
use sendoff::audience::subscription;
use sendoff::infra::db::Db;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyPool, SqlSafeStr};

use crate::fixture::{create, postgres_url, remove};

/// The migrations of the previous version.
const BEFORE: [(i64, &str, &str); 8] = [
    (1, "first tables", include_str!("../../migrations/0001_first_tables.sql")),
    (2, "sending", include_str!("../../migrations/0002_sending.sql")),
    (3, "time", include_str!("../../migrations/0003_time.sql")),
    (4, "data", include_str!("../../migrations/0004_data.sql")),
    (5, "lanes", include_str!("../../migrations/0005_lanes.sql")),
    (6, "nodes", include_str!("../../migrations/0006_nodes.sql")),
    (10, "relocation", include_str!("../../migrations/0010_relocation.sql")),
    (11, "blocks", include_str!("../../migrations/0011_blocks.sql")),
];

const ROWS: [&str; 14] = [
    "insert into workspace (id, name, created_at) values (1, 'main', 0)",
    "insert into field (id, workspace_id, name, kind, choices, created_at) values (1, 1, 'city', 'text', '', 0)",
    "insert into field (id, workspace_id, name, kind, choices, created_at) values (2, 1, 'plan', 'choice', 'Free,O''Hara \"x\" \\y,Про', 0)",
    "insert into facet (workspace_id, place, field, state, pinned, changed_at) values (1, 'text_1', 'city', 'ready', 1, 5)",
    "insert into facet (workspace_id, place, field, state, pinned, changed_at) values (1, 'text_2', 'plan', 'leaving', 0, 6)",
    "insert into list (id, workspace_id, name, created_at) values (1, 1, 'News', 0)",
    "insert into list (id, workspace_id, name, created_at) values (2, 1, 'Offers', 0)",
    "insert into contact (id, workspace_id, address, canonical, fields, folded, created_at, updated_at, reachable) \
     values (1, 1, 'anna@example.org', 'anna@example.org', '{}', '{}', 0, 0, 1)",
    "insert into contact (id, workspace_id, address, canonical, fields, folded, created_at, updated_at, reachable) \
     values (2, 1, 'ivan@example.org', 'ivan@example.org', '{}', '{}', 0, 0, 0)",
    "insert into subscription (id, workspace_id, contact_id, list_id, state, joined_at) values (1, 1, 1, 1, 'confirmed', 0)",
    "insert into subscription (id, workspace_id, contact_id, list_id, state, joined_at) values (2, 1, 1, 2, 'pending', 0)",
    "insert into subscription (id, workspace_id, contact_id, list_id, state, joined_at) values (3, 1, 2, 1, 'restricted', 0)",
    "insert into subscription (id, workspace_id, contact_id, list_id, state, joined_at) values (4, 1, 2, 2, 'confirmed', 0)",
    "insert into segment (id, workspace_id, name, expression, created_at) values (1, 1, 'moscow', 'city = \"Москва\"', 0)",
];

async fn create_previous_version(url: &str) {
    sqlx::any::install_default_drivers();
    let migrations = BEFORE.map(|(version, name, text)| {
        let migration = Migration::new(version, name.into(), MigrationType::Simple, text.into_sql_str(), false);
        match url.starts_with("sqlite") {
            true => {
                let sql = text.replace("bigint primary key", "integer primary key");
                Migration { sql: sqlx::AssertSqlSafe(sql).into_sql_str(), ..migration }
            }
            false => migration,
        }
    });
    let pool = AnyPool::connect(url).await.expect("connected");
    Migrator::with_migrations(migrations.to_vec()).run(&pool).await.expect("tables");
    for row in ROWS {
        sqlx::raw_sql(row).execute(&pool).await.expect(row);
    }
    pool.close().await;
}

async fn check_upgrade(url: &str) {
    create_previous_version(url).await;

    let db = Db::connect(url).await.expect("migrated");

    let mut conn = db.read().await.expect("a connection");
    let fields = field::all(&mut conn, 1).await.expect("fields");
    let plan = ["Free", "O'Hara \"x\" \\y", "Про"].map(str::to_owned).to_vec();
    assert_eq!(fields[0], Field::declare("city", "text").expect("a field"));
    assert_eq!((fields[1].name.as_str(), &fields[1].choices), ("plan", &plan));
    let indexed = indexed_field::all(&mut conn, 1).await.expect("indexed fields");
    let indexed: Vec<_> = indexed.iter().map(|one| (one.column, &*one.field, one.state, one.pinned)).collect();
    assert_eq!(indexed, [("text_1", "city", State::Ready, true), ("text_2", "plan", State::Retiring, false)]);
    let states = async |conn: &mut _, contact| {
        let all = subscription::of_contact(conn, contact).await.expect("subscriptions");
        all.into_iter().map(|one| one.state).collect::<Vec<_>>()
    };
    assert_eq!(states(&mut conn, 1).await, [subscription::State::Confirmed, subscription::State::Pending]);
    assert_eq!(states(&mut conn, 2).await, [subscription::State::Restricted; 2], "a restriction covers every list");
    drop(conn);
    db.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_previous_sqlite_database_is_upgraded() {
    let folder = tempfile::tempdir().expect("a folder");
    check_upgrade(&format!("sqlite://{}?mode=rwc", folder.path().join("sendoff.db").display())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_previous_postgres_database_is_upgraded() {
    if postgres_url().is_none() {
        return;
    }
    sqlx::any::install_default_drivers();
    let (name, url) = create().await;
    check_upgrade(&url).await;
    remove(&name).await;
}
