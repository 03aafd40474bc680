//! The installation of a seed: a copy of one that was made once, on a disk in memory where there is
//! one. The database, its tables and what is written to them are the real ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use sendoff::audience::address::Address;
use sendoff::audience::contact::{self, NewContact, Values};
use sendoff::audience::subscription::{self, NewSubscription, State};
use sendoff::audience::{list, workspace};
use sendoff::ground::clock::Clock;
use sendoff::ground::config::Config;
use sendoff::ground::id::Id;
use sendoff::ground::installation::Installation;
use sendoff::ground::setting::{self, Setting};
use tempfile::TempDir;

/// 2026-11-21 10:00 UTC.
pub const NOW: i64 = 1_795_255_200_000;

/// How many people are on each list; the smaller ones are part of the larger.
pub const SIZES: &[usize] = &[2, 4, 7, 10];

/// An installation of its own, gone when it is dropped.
pub struct Site {
    /// The installation, its clock at [`NOW`].
    pub home: Installation,
    /// The customer.
    pub workspace: Id,
    _folder: TempDir,
}

impl Site {
    /// A copy of the first one.
    pub async fn open() -> Self {
        static FIRST: OnceLock<TempDir> = OnceLock::new();
        let first = FIRST.get_or_init(|| std::thread::spawn(build).join().expect("the first site is built"));
        let folder = fast_folder();
        copy(first.path(), folder.path());
        let home = open(folder.path()).await;
        let workspace = workspace::ensure(&home, "main").await.expect("a workspace").id;
        Self { home, workspace, _folder: folder }
    }

    /// Leaves nothing behind.
    pub async fn close(self) {
        self.home.db.close().await;
    }
}

async fn open(folder: &Path) -> Installation {
    let config = Config { data: folder.to_owned(), database: None };
    Installation::open(config, Clock::fixed(NOW)).await.expect("the installation opens")
}

fn build() -> TempDir {
    let folder = fast_folder();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let home = open(folder.path()).await;
        populate(&home).await;
        home.db.close().await;
    });
    folder
}

async fn populate(home: &Installation) {
    let workspace = workspace::ensure(home, "main").await.expect("a workspace").id;
    let now = home.clock.now();
    let people: Vec<NewContact> = (0..SIZES[SIZES.len() - 1])
        .map(|number| NewContact {
            id: home.ids.next(),
            address: Address::parse(&format!("person{number}@example.org")).expect("an address"),
            values: Values::new(),
        })
        .collect();
    let mut lists = Vec::new();
    for size in SIZES {
        lists.push((*size, list::add(home, workspace, &format!("of {size}")).await.expect("a list").id));
    }
    let mut tx = home.db.write().await.expect("a transaction");
    // By the real clock of the database; a seed takes a fraction of it.
    setting::set(&mut tx, Setting::LeaseTerm, "600").await.expect("a setting");
    contact::add(&mut tx, workspace, &people, now).await.expect("people");
    for (size, list) in lists {
        let joining = |person: &NewContact| NewSubscription {
            id: home.ids.next(),
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
