//! Room in the write-ahead log of SQLite: work that can wait rests while a reader keeps a long log.

use sendoff::privacy::physical_erasure;
use sqlx::{AnyConnection, Connection};

use crate::erasure::erase;
use crate::fixture::{Fixture, Kind};

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
