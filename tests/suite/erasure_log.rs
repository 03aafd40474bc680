//! Tests of the erasure log: erasures are repeated after a crash or a restored backup.

use std::time::Duration;

use sendoff::audience::tombstone::EVERY_LIST;
use sendoff::audience::{contact, subscription};
use sendoff::campaign::erased_counts;
use sendoff::infra::clock::Clock;
use sendoff::infra::installation::Installation;
use sendoff::infra::setting::{self, Setting};
use sendoff::privacy::physical_erasure::{self, BackgroundEraser};
use sendoff::privacy::{erasure_log, erasure_replay, file_erasure};

use crate::canary;
use crate::erasure::{erase, is_blocked, unsubscribe};
use crate::fixture::{Fixture, Kind, NOW, both};

both!(erasure_log_is_replayed_in_an_older_database, |fixture| {
    let (news, sales) = (canary::list(fixture, "News").await, canary::list(fixture, "Sales").await);
    for text in ["gone@example.org", "stays@example.org", "left@example.org"] {
        canary::person(fixture, &news, text).await;
        canary::person(fixture, &sales, text).await;
    }
    let left = canary::id(fixture, "left@example.org").await.expect("there");
    erase(fixture, "gone@example.org").await;
    unsubscribe(fixture, left, news.id, None).await;
    assert_eq!(erasure_replay::replay(&fixture.installation).await.expect("nothing is missing"), 0);
    // Like an older copy: the contacts are there, the tombstones are not.
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    sqlx::query("delete from tombstone").execute(&mut *tx).await.expect("deleted");
    tx.commit().await.expect("committed");
    canary::person(fixture, &news, "gone@example.org").await;
    canary::person(fixture, &news, "left@example.org").await;

    assert_eq!(erasure_replay::replay(&fixture.installation).await.expect("executed"), 1);

    assert_eq!(canary::id(fixture, "gone@example.org").await, None);
    assert!(is_blocked(fixture, "gone@example.org", EVERY_LIST).await);
    assert!(is_blocked(fixture, "left@example.org", news.id).await);
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let lists = subscription::of_contact(&mut conn, left).await.expect("asked");
    assert_eq!(lists.iter().map(|one| one.list_name.as_str()).collect::<Vec<_>>(), ["Sales"]);
    assert_eq!(canary::number(fixture, "select count(*) from subscription").await, 3);
    drop(conn);
    assert_eq!(erasure_replay::replay(&fixture.installation).await.expect("again"), 0);
    assert!(physical_erasure::is_pending(&fixture.installation), "the bytes of the older copy are pending");
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restored_sqlite_file_repeats_erasures() {
    let fixture = Fixture::new(Kind::Sqlite).await;
    let list = canary::list(&fixture, "News").await;
    canary::person(&fixture, &list, "gone@example.org").await;
    canary::person(&fixture, &list, "stays@example.org").await;
    let (campaign, _) = canary::launch(&fixture, &list, "autumn").await;
    let (data, copy) = (fixture.installation.config.data.join("sendoff.db"), fixture.folder.path().join("copy.db"));
    fixture.installation.db.truncate_wal().await.expect("settled");
    std::fs::copy(&data, &copy).expect("copied");
    erase(&fixture, "gone@example.org").await;
    let config = fixture.installation.config.clone();
    fixture.installation.db.clone().close().await;
    std::fs::copy(&copy, &data).expect("restored");

    let installation = Installation::open(config, Clock::fixed(NOW)).await.expect("opens");
    assert_eq!(erasure_replay::replay(&installation).await.expect("executed"), 1);

    let mut conn = installation.db.read().await.expect("a connection");
    let find = |text| canary::address(text);
    assert!(contact::find(&mut conn, fixture.workspace.id, &find("gone@example.org")).await.expect("asked").is_none());
    assert!(contact::find(&mut conn, fixture.workspace.id, &find("stays@example.org")).await.expect("asked").is_some());
    let numbers = erased_counts::list(&mut conn, campaign.id).await.expect("asked");
    assert_eq!(numbers.get(&("suppressed".to_owned(), 0)), Some(&1));
}

both!(log_of_twenty_thousand_erasures_is_compared_quickly, |fixture| {
    let entries: Vec<_> = (0_u32..20_000)
        .map(|index| {
            let mut mark = [7; 32];
            mark[..4].copy_from_slice(&index.to_be_bytes());
            erasure_log::ErasureRecord {
                workspace: fixture.workspace.id,
                list: 0,
                digest: mark,
                day: 1,
                reason: "left".to_owned(),
            }
        })
        .collect();
    erasure_log::append(&fixture.installation, entries).await.expect("noted");
    assert_eq!(erasure_replay::replay(&fixture.installation).await.expect("executed"), 0);
    assert_eq!(canary::number(fixture, "select count(*) from tombstone").await, 20_000);

    let began = std::time::Instant::now();
    assert_eq!(erasure_replay::replay(&fixture.installation).await.expect("nothing is missing"), 0);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
});

both!(line_after_a_truncated_line_is_read, |fixture| {
    let entry =
        |day| erasure_log::ErasureRecord { workspace: 7, list: 0, digest: [7; 32], day, reason: "left".to_owned() };
    erasure_log::append(&fixture.installation, vec![entry(1)]).await.expect("noted");
    let log = fixture.installation.config.journal_dir().join("erasures.log");
    let text = std::fs::read_to_string(&log).expect("read");
    std::fs::write(&log, format!("{text}{}", &text[..40])).expect("interrupted");

    erasure_log::append(&fixture.installation, vec![entry(2)]).await.expect("noted");

    let days: Vec<i64> =
        erasure_log::read_from(&fixture.installation, 0).expect("read").0.iter().map(|entry| entry.day).collect();
    assert_eq!(days, [1, 2]);
});

both!(file_erasure_prevented_by_a_crash_is_repeated, |fixture| {
    let list = canary::list(fixture, "News").await;
    canary::person(fixture, &list, "anna@example.org").await;
    erase(fixture, "anna@example.org").await;
    let late = fixture.installation.config.export_dir().join("late.ndjson");
    std::fs::write(&late, "{\"address\":\"Anna@example.org\"}\n{\"address\":\"b@example.org\"}\n").expect("written");

    assert!(physical_erasure::is_pending(&fixture.installation));
    assert!(physical_erasure::run(&fixture.installation).await.expect("rewritten"));

    assert!(!physical_erasure::is_pending(&fixture.installation));
    assert_eq!(std::fs::read_to_string(&late).expect("read"), "{\"address\":\"b@example.org\"}\n");
    file_erasure::erase_pending(&fixture.installation).await.expect("nothing is pending");
});

both!(background_eraser_rewrites_the_database, |fixture| {
    let list = canary::list(fixture, "News").await;
    let word = canary::word();
    let text = format!("{word}@example.org");
    canary::person(fixture, &list, &text).await;
    assert!(canary::search(fixture, &text).await.hits > 0);
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    setting::set(&mut conn, Setting::ErasureHours, "0").await.expect("set");
    drop(conn);
    let eraser = BackgroundEraser::start(fixture.installation.clone());

    let message = fixture.installation.config.capture_dir().join("1.eml");
    std::fs::write(&message, format!("To: {text}\r\n\r\nhi")).expect("written");
    erase(fixture, &text).await;
    eraser.notify();

    for _ in 0..300 {
        if !physical_erasure::is_pending(&fixture.installation) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(canary::search(fixture, &text).await.traces, []);
    assert!(!message.exists());
});

both!(truncating_the_wal_does_not_wait_for_readers, |fixture| {
    let list = canary::list(fixture, "News").await;
    let mut reader = fixture.installation.db.read().await.expect("a connection");
    sqlx::raw_sql("begin; select count(*) from contact").execute(&mut *reader).await.expect("a snapshot");
    canary::person(fixture, &list, "a@example.org").await;

    let settling = async {
        let settled = fixture.installation.db.truncate_wal().await.expect("looked");
        assert_eq!(settled, fixture.kind == Kind::Postgres, "a WAL with a reader cannot be truncated");
    };
    tokio::time::timeout(Duration::from_secs(15), settling).await.expect("does not wait for readers");

    sqlx::raw_sql("rollback").execute(&mut *reader).await.expect("ended");
    assert!(fixture.installation.db.truncate_wal().await.expect("emptied"));
});
