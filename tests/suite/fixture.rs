//! Test fixture: an installation in a temporary folder with a fresh database and a fixed clock. `both!` runs one
//! test on SQLite and on PostgreSQL.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use sendoff::audience::address::Address;
use sendoff::audience::contact::{self, NewContact, Values};
use sendoff::audience::list;
use sendoff::audience::subscription::{self, NewSubscription, State};
use sendoff::audience::workspace::{self, Workspace};
use sendoff::campaign::model::{self, Campaign, NewCampaign};
use sendoff::infra::clock::Clock;
use sendoff::infra::config::Config;
use sendoff::infra::db::Db;
use sendoff::infra::id::Id;
use sendoff::infra::installation::Installation;
use sendoff::infra::store_location::SQLITE_FILE;
use sendoff::usecase::Actor;
use sqlx::{AnyConnection, Connection};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// 2026-11-21 10:00 UTC.
pub const NOW: i64 = 1_795_255_200_000;

/// The database of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// An installation with a workspace, removed when the test ends.
pub struct Fixture {
    /// The operator in the workspace, for use cases and commands.
    pub actor: Actor,
    pub installation: Installation,
    pub workspace: Workspace,
    pub kind: Kind,
    pub folder: TempDir,
    database: Option<(String, String)>,
}

/// URL of the PostgreSQL server of the tests; `None` when a developer leaves PostgreSQL out.
///
/// # Panics
/// Without a server, unless `TEST_WITHOUT_POSTGRES` is set: a test must not pass because its database is missing.
#[expect(clippy::disallowed_methods, reason = "tests have no command line to pass it on")]
pub fn postgres_url() -> Option<String> {
    let url = std::env::var("TEST_DATABASE_URL").ok();
    assert!(
        url.is_some() || std::env::var_os("TEST_WITHOUT_POSTGRES").is_some(),
        "TEST_DATABASE_URL is not set, and this test needs PostgreSQL. Use tests/run, which starts a server; or set \
         TEST_WITHOUT_POSTGRES=1 to leave PostgreSQL out."
    );
    url
}

impl Fixture {
    pub async fn new(kind: Kind) -> Self {
        sqlx::any::install_default_drivers();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database = match kind {
            Kind::Sqlite => None,
            Kind::Postgres => Some(create_like(Some(migrated_database().await)).await),
        };
        let config =
            Config { data: folder.path().join("data"), database: database.as_ref().map(|(_, url)| url.clone()) };
        if kind == Kind::Sqlite {
            config.prepare().expect("folders");
            fs::write(config.data.join(SQLITE_FILE), migrated_file().await).expect("a migrated database");
        }
        let installation = Installation::open(config, Clock::fixed(NOW)).await.expect("the installation opens");
        // Metrics are labelled by workspace id. With the same fixed clock two fixtures could get the same id.
        static FIXTURES: AtomicI64 = AtomicI64::new(1);
        installation.ids.reserve(FIXTURES.fetch_add(1, Ordering::SeqCst)).expect("ids");
        let workspace = workspace::ensure(&installation, "main").await.expect("a workspace");
        Self { actor: Actor::operator(workspace.id), installation, workspace, kind, folder, database }
    }

    /// Subscribes contacts to a list, creating what does not exist. Returns the list's id.
    pub async fn subscribe(&self, name: &str, addresses: &[&str]) -> Id {
        let (installation, workspace) = (&self.installation, self.workspace.id);
        let list = list::add(installation, workspace, name).await.expect("a list");
        let now = installation.clock.now();
        let mut tx = installation.db.write().await.expect("a transaction");
        for some in addresses.chunks(1_000) {
            let some: Vec<_> = some.iter().map(|address| Address::parse(address).expect("an address")).collect();
            let canonical: Vec<_> = some.iter().map(Address::canonical).collect();
            let found = contact::find_many(&mut tx, workspace, &canonical).await.expect("asked");
            let mut known: BTreeMap<_, _> =
                found.into_iter().map(|contact| (contact.address.canonical(), contact.id)).collect();
            let mut new = Vec::new();
            for (address, canonical) in some.into_iter().zip(&canonical) {
                if !known.contains_key(canonical) {
                    let id = installation.ids.next().expect("an id");
                    known.insert(canonical.clone(), id);
                    new.push(NewContact { id, address, values: Values::new() });
                }
            }
            if !new.is_empty() {
                contact::insert(&mut tx, workspace, &new, now).await.expect("added");
            }
            let joining: Vec<_> = canonical
                .iter()
                .map(|canonical| NewSubscription {
                    id: installation.ids.next().expect("an id"),
                    contact: known[canonical],
                    state: State::Confirmed,
                })
                .collect();
            subscription::join(&mut tx, workspace, list.id, &joining, now).await.expect("joined");
        }
        tx.commit().await.expect("committed");
        list.id
    }

    /// Saves the source of an email as a draft to a list of a workspace.
    pub async fn save_draft(&self, workspace: Id, list: Id, name: &str, source: &str) -> Campaign {
        let installation = &self.installation;
        let id = installation.ids.next().expect("an id");
        let new = NewCampaign { id, name, format: "md", source, list, segment: None };
        let mut tx = installation.db.write().await.expect("a transaction");
        let id = model::save_draft(&mut tx, workspace, &new, installation.clock.now()).await.expect("a draft");
        let campaign = model::find(&mut tx, id).await.expect("asked").expect("there");
        tx.commit().await.expect("committed");
        campaign
    }

    /// [`Fixture::save_draft`] to the list `News` of the workspace.
    pub async fn draft_to_news(&self, name: &str, source: &str) -> Campaign {
        let mut conn = self.installation.db.read().await.expect("a connection");
        let list = list::need(&mut conn, self.workspace.id, "News").await.expect("a list").id;
        drop(conn);
        self.save_draft(self.workspace.id, list, name, source).await
    }

    /// The id of a contact.
    pub async fn contact_id(&self, address: &str) -> Option<Id> {
        let mut conn = self.installation.db.read().await.expect("a connection");
        let address = Address::parse(address).expect("an address");
        contact::find(&mut conn, self.workspace.id, &address).await.expect("asked").map(|found| found.id)
    }

    /// Closes and removes the database; called by `both!`.
    pub async fn close(self) {
        self.installation.db.close().await;
        if let Some((name, _)) = &self.database {
            remove(name).await;
        }
    }
}

/// Drops a database that [`create`] made.
pub async fn remove(name: &str) {
    let drop = format!("drop database {name} with (force)");
    sqlx::raw_sql(sqlx::AssertSqlSafe(drop)).execute(&mut admin().await).await.expect("drops the database");
}

async fn admin() -> AnyConnection {
    let url = postgres_url().expect("TEST_DATABASE_URL is set");
    AnyConnection::connect(&url).await.expect("the server of TEST_DATABASE_URL answers")
}

/// Creates an empty database with the server's own collation; returns its name and URL.
pub async fn create() -> (String, String) {
    create_like(None).await
}

async fn create_like(template: Option<&str>) -> (String, String) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("sendoff_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst));
    let template = template.map(|name| format!(" template {name}")).unwrap_or_default();
    let create = format!("create database {name}{template}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&mut admin().await).await.expect("makes a database");
    (name.clone(), url_of(&name))
}

fn url_of(name: &str) -> String {
    let url = postgres_url().expect("TEST_DATABASE_URL is set");
    let (base, _) = url.rsplit_once('/').expect("a URL with a database name");
    format!("{base}/{name}")
}

/// The name of a database with all tables and no rows, from which a test's database is copied: all migrations take ten
/// times as long. It stays on the server; if an interrupted run left it incomplete,
/// each test runs what is missing.
async fn migrated_database() -> &'static str {
    static NAME: OnceCell<String> = OnceCell::const_new();
    NAME.get_or_init(|| async {
        let mut hash = DefaultHasher::new();
        for file in sorted_files("migrations").chain(["src/infra/db/migrations.rs".into()]) {
            fs::read(file).expect("read").hash(&mut hash);
        }
        let name = format!("sendoff_migrated_{:016x}", hash.finish());
        let mut admin = admin().await;
        // Other test processes wait, and find it complete.
        sqlx::raw_sql("select pg_advisory_lock(7153)").execute(&mut admin).await.expect("locked");
        let found = format!("select 1 from pg_database where datname = '{name}'");
        if sqlx::query(sqlx::AssertSqlSafe(found)).fetch_optional(&mut admin).await.expect("asked").is_none() {
            let create = format!("create database {name}");
            sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&mut admin).await.expect("made");
            Db::connect(&url_of(&name)).await.expect("migrates").close().await;
        }
        name
    })
    .await
}

fn sorted_files(folder: &str) -> impl Iterator<Item = PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).expect("listed").map(|file| file.expect("a file").path()).collect();
    files.sort();
    files.into_iter()
}

/// A SQLite file with all tables and no rows.
async fn migrated_file() -> &'static [u8] {
    static FILE: OnceCell<Vec<u8>> = OnceCell::const_new();
    FILE.get_or_init(|| async {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = Config { data: folder.path().join("data"), database: None };
        config.prepare().expect("folders");
        let db = Db::connect(&config.database_url()).await.expect("migrates");
        db.close().await;
        fs::read(config.data.join(SQLITE_FILE)).expect("read")
    })
    .await
}

/// `both!(name, |fixture| { … })`: one test on both databases.
macro_rules! both {
    ($(#[$meta:meta])* $name:ident, |$fixture:ident| $body:block) => {
        async fn $name($fixture: &$crate::fixture::Fixture) $body

        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                let fixture = $crate::fixture::Fixture::new($crate::fixture::Kind::Sqlite).await;
                super::$name(&fixture).await;
                fixture.close().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if $crate::fixture::postgres_url().is_none() {
                    return;
                }
                let fixture = $crate::fixture::Fixture::new($crate::fixture::Kind::Postgres).await;
                super::$name(&fixture).await;
                fixture.close().await;
            }
        }
    };
}
pub(crate) use both;
