//! The write-ahead log of SQLite beside other processes: work that can wait rests while a reader keeps a long log, and a command
//! leaves the page numbers to the process that cleans.

use sendoff::audience::address::Address;
use sendoff::infra::clock::Clock;
use sendoff::infra::installation::Installation;
use sendoff::privacy::erasure::{self, Reason};
use sendoff::privacy::physical_erasure;
use sqlx::{AnyConnection, Connection};

use crate::erasure::erase;
use crate::fixture::{Fixture, Kind, NOW};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cleaning_rests_while_a_reader_keeps_a_long_log() {
    let fixture = Fixture::new(Kind::Sqlite).await;
    fixture.subscribe("News", &["anna@example.org"]).await;
    let (installation, db) = (&fixture.installation, &fixture.installation.db);
    erase(&fixture, "anna@example.org").await;
    let url = format!("sqlite://{}", installation.config.data.join("sendoff.db").display());
    let mut foreign = AnyConnection::connect(&url).await.expect("a connection");
    let mut reading = foreign.begin().await.expect("a transaction");
    sqlx::query("select count(*) from contact").fetch_one(&mut *reading).await.expect("read");
    let mut tx = db.write().await.expect("a transaction");
    let fill = "create table filler (x blob);
                with recursive n (i) as (select 1 union all select i + 1 from n where i < 70)
                insert into filler select randomblob(1048576) from n";
    sqlx::raw_sql(fill).execute(&mut *tx).await.expect("filled");
    tx.commit().await.expect("committed");

    assert!(!db.make_room().await.expect("asked"));
    let before = db.wal_state();
    assert!(!physical_erasure::run(installation).await.expect("done"), "bytes are left");
    assert!(db.wal_state().length < before.length + (4 << 20), "the log has hardly grown");

    reading.rollback().await.expect("ended");
    assert!(db.make_room().await.expect("asked"), "the log begins again");
    assert!(physical_erasure::run(installation).await.expect("done"));
    foreign.close().await.expect("closed");
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_beside_the_cleaner_leaves_the_page_numbers_to_it() {
    let fixture = Fixture::new(Kind::Sqlite).await;
    fixture.subscribe("News", &["anna@example.org", "boris@example.org"]).await;
    let (installation, data) = (&fixture.installation, fixture.installation.config.data.clone());
    assert!(physical_erasure::run(installation).await.expect("done"));
    let cleaner = installation.db.page_cleaner().await.expect("asked").expect("free");
    let pages = || std::fs::read(data.join("sendoff.db-pages")).expect("read");
    let copies = || {
        let files = ["sendoff.db", "sendoff.db-wal"].map(|name| std::fs::read(data.join(name)).unwrap_or_default());
        files.iter().map(|bytes| bytes.windows(16).filter(|part| part == b"anna@example.org").count()).sum::<usize>()
    };
    let before = pages();
    let other = Installation::open(installation.config.clone(), Clock::fixed(NOW)).await.expect("opened");
    let anna = Address::parse("anna@example.org").expect("an address");
    erasure::erase(&other, fixture.workspace.id, &anna, Reason::Erased, None).await.expect("erased");
    other.db.close().await;
    assert_eq!(pages(), before, "a command beside `serve` writes no page numbers");
    assert!(copies() > 0, "the log has copies");

    cleaner.close().await.expect("closed");
    assert!(physical_erasure::run(installation).await.expect("done"));
    assert_eq!(copies(), 0);
    fixture.close().await;
}
