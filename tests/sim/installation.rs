//! The installation of a seed: a real SQLite database, in memory where the system has a disk there, with lists of
//! subscribers, and a data folder for each mailer. One database serves many seeds, reset before each.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use sendoff::audience::address::Address;
use sendoff::audience::contact::{self, NewContact, Values};
use sendoff::audience::field::{self, Field};
use sendoff::audience::subscription::{self, NewSubscription, State};
use sendoff::audience::{list, workspace};
use sendoff::infra::clock::Clock;
use sendoff::infra::config::Config;
use sendoff::infra::db::{Conn, Db};
use sendoff::infra::id::Id;
use sendoff::infra::installation::Installation;
use sendoff::infra::secret::Keyring;
use sendoff::infra::setting::{self, Setting};
use sqlx::{Connection, Row};
use tempfile::TempDir;

use crate::driver;

/// 2026-11-21 10:00 UTC.
pub const NOW: i64 = 1_795_255_200_000;

/// Subscribers of each list; the smaller lists are part of the larger.
pub const LIST_SIZES: &[usize] = &[3, 6, 10, 16];

/// Seconds for which a lease holds.
pub const LEASE_TERM: i64 = 600;

/// A database that is opened once and reset for each seed: its connections keep the statements that they have prepared.
pub struct Database {
    db: Db,
    /// Connected to the template as well.
    conn: Conn,
    /// SQL that resets every table.
    reset: String,
    folder: TempDir,
}

/// The installation of one seed. Its files are deleted when it is dropped.
pub struct SeedInstallation {
    /// The installation; its clock shows [`NOW`] and goes with virtual time.
    pub installation: Installation,
    /// The workspace.
    pub workspace: Id,
    folder: TempDir,
}

impl Database {
    /// A copy of the template.
    pub async fn open() -> Self {
        let folder = memory_folder();
        copy(template(), folder.path());
        let installation = open(folder.path()).await;
        let mut conn = Conn::connect(&installation.config.database_url()).await.expect("a connection");
        let reset = reset_sql(&mut conn).await.expect("the template is read");
        Self { db: installation.db, conn, reset, folder }
    }

    /// The installation of the next seed, as the template is. The one before must be dropped.
    pub async fn reset(&mut self, shared: bool) -> SeedInstallation {
        driver::set(|conditions| *conditions = driver::Conditions::default());
        sqlx::raw_sql(sqlx::AssertSqlSafe(&*self.reset)).execute(&mut self.conn).await.expect("the tables are reset");
        let folder = memory_folder();
        let config = Config { data: folder.path().to_owned(), database: None };
        config.prepare().expect("a data folder");
        let keys = Config { data: self.folder.path().to_owned(), database: None }.keys_dir();
        let keys = Keyring::load(&keys).expect("keys");
        let db = if shared { self.db.clone().as_shared() } else { self.db.clone() };
        let installation = Installation::from_parts(config, Clock::virtual_time(NOW), keys, db);
        let workspace = workspace::ensure(&installation, "main").await.expect("a workspace").id;
        driver::set(|conditions| conditions.clock = Some((Clock::virtual_time(NOW), installation.db.now())));
        SeedInstallation { installation, workspace, folder }
    }
}

impl SeedInstallation {
    /// The same installation on a machine of its own: another data folder, another uptime.
    pub fn machine(&self, number: usize) -> Installation {
        let config = Config { data: self.folder.path().join(format!("machine-{number}")), database: None };
        config.prepare().expect("a data folder");
        let clock = self.installation.clock.another_machine();
        Installation { config, clock, ..self.installation.clone() }
    }
}

/// SQL that makes every table what it is in the template.
async fn reset_sql(conn: &mut Conn) -> sqlx::Result<String> {
    let file = template().join("sendoff.db");
    sqlx::query("attach database $1 as template").bind(file.to_string_lossy().into_owned()).execute(&mut *conn).await?;
    let tables = sqlx::query("select name from template.sqlite_master where type = 'table'").fetch_all(conn).await?;
    let mut text = "begin;".to_owned();
    for name in tables.iter().map(|row| row.get::<&str, _>(0)) {
        text.push_str(&format!("delete from main.{name}; insert into main.{name} select * from template.{name};"));
    }
    Ok(text + "commit")
}

async fn open(folder: &Path) -> Installation {
    driver::install();
    let config = Config { data: folder.to_owned(), database: None };
    Installation::open(config, Clock::fixed(NOW)).await.expect("the installation opens")
}

/// The folder of the installation that all others are copies of.
fn template() -> &'static Path {
    static TEMPLATE: OnceLock<TempDir> = OnceLock::new();
    TEMPLATE.get_or_init(|| std::thread::spawn(build).join().expect("the template is built")).path()
}

fn build() -> TempDir {
    let folder = memory_folder();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let installation = open(folder.path()).await;
        populate(&installation).await;
        installation.db.close().await;
    });
    folder
}

async fn populate(installation: &Installation) {
    let workspace = workspace::ensure(installation, "main").await.expect("a workspace").id;
    let now = installation.clock.now();
    let contacts: Vec<NewContact> = (0..LIST_SIZES[LIST_SIZES.len() - 1])
        .map(|number| NewContact {
            id: installation.ids.next().expect("an id"),
            address: Address::parse(&format!("contact{number}@example.org")).expect("an address"),
            values: Values::new(),
        })
        .collect();
    let city = Field::declare("city", "text").expect("a field");
    field::add(installation, workspace, &city).await.expect("a field");
    let mut lists = Vec::new();
    for size in LIST_SIZES {
        lists.push((*size, list::add(installation, workspace, &format!("of {size}")).await.expect("a list").id));
    }
    let mut tx = installation.db.write().await.expect("a transaction");
    setting::set(&mut tx, Setting::LeaseTerm, &LEASE_TERM.to_string()).await.expect("a setting");
    setting::set(&mut tx, Setting::RetryAfter, "60").await.expect("a setting");
    contact::insert(&mut tx, workspace, &contacts, now).await.expect("contacts");
    for (size, list) in lists {
        let subscription = |contact: &NewContact| NewSubscription {
            id: installation.ids.next().expect("an id"),
            contact: contact.id,
            state: State::Confirmed,
        };
        let subscriptions: Vec<_> = contacts.iter().take(size).map(subscription).collect();
        subscription::join(&mut tx, workspace, list, &subscriptions, now).await.expect("subscriptions");
    }
    tx.commit().await.expect("committed");
}

/// A temporary folder where a sync costs nothing.
fn memory_folder() -> TempDir {
    let memory = PathBuf::from("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a temporary folder")
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            fs::create_dir_all(&target).expect("a folder is made");
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}
