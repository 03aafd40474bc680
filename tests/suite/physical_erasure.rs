//! Tests of physical erasure on PostgreSQL: files that belong to no table.

use std::fs;
use std::time::{Duration, SystemTime};

use sendoff::privacy::physical_erasure;

use crate::canary;
use crate::erasure::erase;
use crate::fixture::{Fixture, Kind, postgres_url};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn file_that_belongs_to_no_table_keeps_the_erasure_pending() {
    if postgres_url().is_none() {
        return;
    }
    let fixture = Fixture::new(Kind::Postgres).await;
    let list = canary::list(&fixture, "News").await;
    canary::person(&fixture, &list, "anna@example.org").await;
    erase(&fixture, "anna@example.org").await;
    let db = &fixture.installation.db;
    let data = db.data_path().await.expect("asked").expect("a server on this machine");
    let folder = db.database_folder().await.expect("asked").expect("a folder");
    // As a server leaves it that dies during `vacuum full`.
    let orphan = data.join("base").join(folder).join("999999");
    fs::write(&orphan, "anna@example.org").expect("written");
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    fs::File::options().write(true).open(&orphan).and_then(|file| file.set_modified(long_ago)).expect("an old file");

    assert!(!physical_erasure::run(&fixture.installation).await.expect("ran"));
    assert!(physical_erasure::is_pending(&fixture.installation));

    fs::remove_file(&orphan).expect("removed");
    assert!(physical_erasure::run(&fixture.installation).await.expect("ran"));
    assert!(!physical_erasure::is_pending(&fixture.installation));
    fixture.close().await;
}
