//! The locks that SQLite holds on its files: they must not be lost, or another process takes the database for closed. A process
//! loses them by closing any descriptor of the file, whoever opened it (fcntl(2), "Record locking").
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use sendoff::usecase::contact::Urgency;
use sendoff::usecase::{contact, trace_search};

use crate::canary;
use crate::fixture::{Fixture, Kind};

/// Whether this process has a lock on the file.
fn has_lock(path: &Path) -> bool {
    let inode = format!(":{}", fs::metadata(path).expect("a file").ino());
    let pid = std::process::id().to_string();
    let locks = fs::read_to_string("/proc/locks").expect("the locks");
    locks.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.contains(&"POSIX") && words.contains(&pid.as_str()) && words.iter().any(|word| word.ends_with(&inode))
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locks_of_the_database_stay_whatever_reads_its_files() {
    let fixture = Fixture::new(Kind::Sqlite).await;
    let database = fixture.installation.db.data_path().await.expect("asked").expect("a file");
    let index = database.with_file_name(format!("{}-shm", database.file_name().expect("a name").to_string_lossy()));
    let list = canary::list(&fixture, "News").await;
    let people: Vec<_> =
        (0..3_000).map(|n| (canary::address(&format!("p{n}@example.org")), Default::default())).collect();
    canary::join(&fixture, &list, &people).await;
    // Commits of a log that is as long as makes them wait for a checkpoint.
    for round in 0..40 {
        let mut tx = fixture.installation.db.write().await.expect("a transaction");
        let change = format!("update contact set updated_at = updated_at + {round}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(change)).execute(&mut *tx).await.expect("changed");
        tx.commit().await.expect("committed");
    }
    assert!(has_lock(&database) && has_lock(&index), "after commits");
    contact::erase(&fixture.installation, &fixture.actor, "p1@example.org", Urgency::Now).await.expect("erased");
    assert!(has_lock(&database) && has_lock(&index), "after an erasure");
    trace_search::search(&fixture.installation, &fixture.actor, "p1@example.org", |_, _| {}).await.expect("searched");
    assert!(has_lock(&database) && has_lock(&index), "after a search of all files");
    fixture.close().await;
}
