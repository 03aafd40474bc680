//! The installation of a seed: a folder, a clock and keys of its own over a database that serves one
//! seed after another, on a disk in memory where there is one. The database, its tables and what is
//! written to them are the real ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use sendoff::audience::address::Address;
use sendoff::audience::contact::{self, NewContact, Values};
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

/// 2026-11-21 10:00 UTC.
pub const NOW: i64 = 1_795_255_200_000;

/// How many people are on each list; the smaller ones are part of the larger.
pub const SIZES: &[usize] = &[3, 6, 10, 16];

/// A database that is opened once, and put back to its beginning for each seed: its connections keep
/// the statements that they have prepared.
pub struct Ground {
    db: Db,
    /// Connected to the first site as well.
    mender: Conn,
    /// What puts every table back.
    mend: String,
    folder: TempDir,
}

/// An installation of its own, gone when it is dropped.
pub struct Site {
    /// The installation, its clock at [`NOW`].
    pub installation: Installation,
    /// The customer.
    pub workspace: Id,
    _folder: TempDir,
}

impl Ground {
    /// A copy of the first site.
    pub async fn open() -> Self {
        let folder = fast_folder();
        copy(first(), folder.path());
        let installation = open(folder.path()).await;
        let mut mender = Conn::connect(&installation.config.database_url()).await.expect("a connection");
        let mend = mending(&mut mender).await.expect("the first site is read");
        Self { db: installation.db, mender, mend, folder }
    }

    /// The site of the next seed, on which nothing has happened. The one before must be gone.
    pub async fn site(&mut self) -> Site {
        sqlx::raw_sql(sqlx::AssertSqlSafe(&*self.mend)).execute(&mut self.mender).await.expect("put back");
        let folder = fast_folder();
        let config = Config { data: folder.path().to_owned(), database: None };
        config.prepare().expect("a data folder");
        let keys = Config { data: self.folder.path().to_owned(), database: None }.keys_dir();
        let keys = Keyring::load(&keys).expect("keys");
        let installation = Installation::from_parts(config, Clock::fixed(NOW), keys, self.db.clone());
        let workspace = workspace::ensure(&installation, "main").await.expect("a workspace").id;
        Site { installation, workspace, _folder: folder }
    }
}

/// The text that puts every table back to what it is on the first site.
async fn mending(conn: &mut Conn) -> sqlx::Result<String> {
    let file = first().join("sendoff.db");
    sqlx::query("attach database $1 as first").bind(file.to_string_lossy().into_owned()).execute(&mut *conn).await?;
    let tables = sqlx::query("select name from first.sqlite_master where type = 'table'").fetch_all(conn).await?;
    let mut text = "begin;".to_owned();
    for name in tables.iter().map(|row| row.get::<&str, _>(0)) {
        text.push_str(&format!("delete from main.{name}; insert into main.{name} select * from first.{name};"));
    }
    Ok(text + "commit")
}

async fn open(folder: &Path) -> Installation {
    let config = Config { data: folder.to_owned(), database: None };
    Installation::open(config, Clock::fixed(NOW)).await.expect("the installation opens")
}

/// The site that all others are copies of.
fn first() -> &'static Path {
    static FIRST: OnceLock<TempDir> = OnceLock::new();
    FIRST.get_or_init(|| std::thread::spawn(build).join().expect("the first site is built")).path()
}

fn build() -> TempDir {
    let folder = fast_folder();
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
    let people: Vec<NewContact> = (0..SIZES[SIZES.len() - 1])
        .map(|number| NewContact {
            id: installation.ids.next(),
            address: Address::parse(&format!("person{number}@example.org")).expect("an address"),
            values: Values::new(),
        })
        .collect();
    let mut lists = Vec::new();
    for size in SIZES {
        lists.push((*size, list::add(installation, workspace, &format!("of {size}")).await.expect("a list").id));
    }
    let mut tx = installation.db.write().await.expect("a transaction");
    // By the real clock of the database; a seed takes a fraction of it.
    setting::set(&mut tx, Setting::LeaseTerm, "600").await.expect("a setting");
    contact::insert(&mut tx, workspace, &people, now).await.expect("people");
    for (size, list) in lists {
        let joining = |person: &NewContact| NewSubscription {
            id: installation.ids.next(),
            contact: person.id,
            state: State::Confirmed,
        };
        let joining: Vec<_> = people.iter().take(size).map(joining).collect();
        subscription::join(&mut tx, workspace, list, &joining, now).await.expect("joined");
    }
    tx.commit().await.expect("committed");
}

/// Where a sync costs nothing.
fn fast_folder() -> TempDir {
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
