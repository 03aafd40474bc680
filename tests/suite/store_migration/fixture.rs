//! Fixture: a filled store, its migration target, and the contents afterwards.

use std::process::{Child, Command, Stdio};

use sendoff::audience::contact::Values;
use sendoff::campaign::delivery::State as UncertainPolicy;
use sendoff::campaign::model::Campaign;
use sendoff::campaign::rate_limit::RateLimit;
use sendoff::infra::clock::Clock;
use sendoff::infra::config::Config;
use sendoff::infra::db::Db;
use sendoff::infra::db::index;
use sendoff::infra::error::{Error, Result};
use sendoff::infra::installation::Installation;
use sendoff::mailer::relay::{self, Relay, RelayKind};
use sendoff::mailer::smtp::endpoint::Endpoint as Smtp;
use sendoff::store_migration::{self, MigrationReport, Step};
use sha2::{Digest, Sha256};

use crate::canary;
use crate::erasure::{erase, unsubscribe};
use crate::fixture::{self, Fixture, Kind, NOW};

/// Where a fixture moves to: the other kind of database.
pub struct Target {
    pub to: String,
    pub database: Option<String>,
}

impl Target {
    pub async fn of(fixture: &Fixture) -> Option<Self> {
        fixture::postgres_url()?;
        Some(match fixture.kind {
            Kind::Postgres => Self { to: fixture.installation.config.data.display().to_string(), database: None },
            Kind::Sqlite => {
                let (name, to) = fixture::create().await;
                Self { to, database: Some(name) }
            }
        })
    }

    pub async fn end(self) {
        if let Some(name) = &self.database {
            fixture::remove(name).await;
        }
    }
}

pub async fn migrate(fixture: &Fixture, to: &str, report: &mut dyn FnMut(Step)) -> Result<MigrationReport> {
    store_migration::migrate(fixture.installation.config.clone(), Clock::fixed(NOW), to, report).await
}

/// Opens the installation by its data folder alone.
pub async fn found(fixture: &Fixture) -> Installation {
    let config = Config { data: fixture.installation.config.data.clone(), database: None };
    Installation::open(config, Clock::fixed(NOW)).await.expect("opens the new store")
}

/// Rows and checksum of every table except those about the store itself, and the node numbers, which every process
/// claims anew.
pub async fn sums(db: &Db) -> Vec<(String, u64, Vec<u8>)> {
    let mut conn = db.read().await.expect("a connection");
    let mut sums = Vec::new();
    for table in db.all_tables().await.expect("tables") {
        if !["store_status", "store_migration_progress", "id_node"].contains(&table.name.as_str()) {
            let mut sum = Sha256::new();
            let (rows, _) = table.digest(&mut conn, (None, None), None, &mut sum).await.expect("read");
            sums.push((table.name, rows, sum.finalize().to_vec()));
        }
    }
    sums
}

/// A campaign sent to 40 contacts with opens, bounces and unsubscribes, and `events` further events.
pub async fn fill(fixture: &Fixture, events: i64) -> Campaign {
    let news = canary::list(fixture, "News").await;
    let people: Vec<_> = (0..40)
        .map(|n| {
            let values = Values::from_iter([("note".to_owned(), format!("a\tb\\N\n«{n}»").into())]);
            (canary::address(&format!("person{n}@example.org")), values)
        })
        .collect();
    canary::join(fixture, &news, &people).await;
    let (campaign, _) = canary::launch(fixture, &news, "autumn").await;
    let taken = canary::take(fixture, &campaign).await;
    let ends: Vec<_> = taken
        .values()
        .enumerate()
        .map(|(n, id)| (*id, if n % 9 == 0 { UncertainPolicy::Rejected } else { UncertainPolicy::Accepted }))
        .collect();
    canary::end(fixture, &campaign, &ends).await;
    for id in taken.values().take(10) {
        canary::react(fixture, *id).await;
    }
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    sqlx::query(
        "with recursive s(n) as (select 1 union all select n + 1 from s where n < $1) insert into event \
         (id, workspace_id, campaign_id, delivery_id, contact_id, kind, position, at) select 1000 + s.n, d.workspace_id, d.campaign_id, d.id, d.contact_id, 'open', 0, d.changed_at \
         from s join delivery d on d.id = $2",
    )
    .bind(events)
    .bind(*taken.values().next().expect("a delivery"))
    .execute(&mut *tx)
    .await
    .expect("more events");
    let relay = Relay {
        kind: RelayKind::Smtp(Box::new(
            Smtp::parse("smtp://user:secret@mail.example:587?tls=required").expect("a target"),
        )),
        connections: 3,
        rate_limit: RateLimit { rate: Some(12.5), ..RateLimit::default() },
        ..Relay::default()
    };
    relay::save(&fixture.installation, &mut tx, fixture.workspace.id, &relay).await.expect("a relay");
    // Created at run time, like the indexes of segments.
    sendoff::audience::contact::create_index(&mut tx, "text_1").await.expect("an index");
    tx.commit().await.expect("committed");
    erase(fixture, "person7@example.org").await;
    unsubscribe(fixture, canary::id(fixture, "person8@example.org").await.expect("there"), news.id, Some(campaign.id))
        .await;
    campaign
}

/// The names of all indexes.
pub async fn indexes(db: &Db) -> Vec<String> {
    let mut conn = db.read().await.expect("a connection");
    let mut names = Vec::new();
    for table in db.table_names().await.expect("asked") {
        names.extend(index::names(&mut conn, &table).await.expect("asked"));
    }
    names
}

pub fn key(error: &Error) -> &'static str {
    error.message().key
}

pub fn program(fixture: &Fixture, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sendoff"));
    command
        .args(["--data", &fixture.installation.config.data.display().to_string(), "--lang", "en", "--json"])
        .args(words);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub fn with_database(fixture: &Fixture, mut command: Command) -> Command {
    if let Some(url) = &fixture.installation.config.database {
        command.env("SENDOFF_DATABASE", url);
    }
    command
}

pub fn serve(fixture: &Fixture) -> Child {
    with_database(fixture, program(fixture, &["serve", "--listen", "127.0.0.1:0"])).spawn().expect("runs")
}
