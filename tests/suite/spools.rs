//! Spools and journals: opens, clicks and requests that wait on disk are processed in chunks, each once however often the
//! process is killed; lines that cannot be processed are set aside with a reason, and the others go on.

mod events;
mod process;
mod requests;

use std::fs;
use std::time::Duration;

use sendoff::feedback::set_aside::{self, SetAside};
use sendoff::infra::installation::Installation;
use sendoff::usecase::Actor;
use sendoff::web::health::HealthState;

use crate::canary;
use crate::fixture::{Fixture, Kind};

/// Writes lines as the program does, with the end that makes them complete.
pub fn write_spool(installation: &Installation, name: &str, lines: impl Iterator<Item = String>) {
    let text: String = lines.map(|line| format!("{line} .\n")).collect();
    fs::write(installation.config.journal_dir().join(name), format!("\n{text}")).expect("a spool");
}

/// The keys of the reasons of what is set aside, sorted.
pub async fn reasons(fixture: &Fixture) -> Vec<String> {
    let lines = set_aside::list(&mut fixture.installation.db.read().await.expect("a connection"), 0, 1_000).await;
    let key = |line: &SetAside| {
        let packed: (String, serde_json::Value) = serde_json::from_str(&line.reason).expect("packed");
        packed.0
    };
    let mut keys: Vec<String> = lines.expect("listed").iter().map(key).collect();
    keys.sort();
    keys
}

pub async fn events(fixture: &Fixture) -> i64 {
    canary::number(fixture, "select count(*) from event").await
}

/// Waits until `is_done`, within the time of a busy machine.
pub async fn wait_until(what: &str, mut is_done: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_done().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap_or_else(|_| panic!("{what}: not in time"));
}

/// Reasons of `/healthz`.
pub async fn health(state: &HealthState) -> Vec<String> {
    state.reasons().await
}

/// Makes every insert, update or delete of rows of a table fail whose column has a value, until [`allow`].
pub async fn forbid(fixture: &Fixture, change: &str, table: &str, condition: &str) {
    let row = if change == "insert" { "new" } else { "old" };
    let sql = match fixture.kind {
        Kind::Sqlite => format!(
            "create trigger forbidden before {change} on {table} when {row}.{condition} \
             begin select raise(abort, 'forbidden by a test'); end"
        ),
        Kind::Postgres => format!(
            "create function forbid() returns trigger language plpgsql as \
             $$ begin raise exception 'forbidden by a test'; end $$; \
             create trigger forbidden before {change} on {table} for each row when ({row}.{condition}) \
             execute function forbid()"
        ),
    };
    run(fixture, sql).await;
}

/// Undoes [`forbid`].
pub async fn allow(fixture: &Fixture, table: &str) {
    run(
        fixture,
        match fixture.kind {
            Kind::Sqlite => "drop trigger forbidden".to_owned(),
            Kind::Postgres => format!("drop trigger forbidden on {table}; drop function forbid"),
        },
    )
    .await;
}

pub async fn run(fixture: &Fixture, sql: String) {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut *tx).await.expect("changed");
    tx.commit().await.expect("committed");
}

/// The operator of the machine.
pub const fn operator() -> Actor {
    Actor::operator(sendoff::usecase::NO_WORKSPACE)
}
