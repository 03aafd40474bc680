//! What a crash, a restored backup or an unlucky moment left undone is made up for.

use std::time::Duration;

use sendoff::audience::tombstone::EVERY_LIST;
use sendoff::audience::{contact, subscription};
use sendoff::campaign::erased_counts;
use sendoff::infra::clock::Clock;
use sendoff::infra::installation::Installation;
use sendoff::privacy::physical_erasure::{self, Sweeper};
use sendoff::privacy::{erasure_log, file_erasure};

use crate::canary;
use crate::erasure::{erase, is_kept_out, leave};
use crate::fixture::{House, Kind, NOW, both};

both!(an_older_database_is_brought_up_to_date_from_the_log, |house| {
    let (news, sales) = (canary::list(house, "News").await, canary::list(house, "Sales").await);
    for text in ["gone@example.org", "stays@example.org", "left@example.org"] {
        canary::person(house, &news, text).await;
        canary::person(house, &sales, text).await;
    }
    let left = canary::id(house, "left@example.org").await.expect("there");
    erase(house, "gone@example.org").await;
    leave(house, left, news.id, None).await;
    assert_eq!(erasure_log::carry_out(&house.home).await.expect("nothing is missing"), 0);
    // What an older copy looks like: the tombstones are not there yet, the people are.
    let mut tx = house.home.db.write().await.expect("a transaction");
    sqlx::query("delete from tombstone").execute(&mut *tx).await.expect("deleted");
    tx.commit().await.expect("committed");
    canary::person(house, &news, "gone@example.org").await;
    canary::person(house, &news, "left@example.org").await;

    assert_eq!(erasure_log::carry_out(&house.home).await.expect("carried out"), 1);

    assert_eq!(canary::id(house, "gone@example.org").await, None);
    assert!(is_kept_out(house, "gone@example.org", EVERY_LIST).await);
    assert!(is_kept_out(house, "left@example.org", news.id).await);
    let mut conn = house.home.db.read().await.expect("a connection");
    let lists = subscription::of_contact(&mut conn, left).await.expect("asked");
    assert_eq!(lists.iter().map(|one| one.list_name.as_str()).collect::<Vec<_>>(), ["Sales"]);
    assert_eq!(canary::number(house, "select count(*) from subscription").await, 3);
    drop(conn);
    assert_eq!(erasure_log::carry_out(&house.home).await.expect("again"), 0);
    assert!(physical_erasure::is_owed(&house.home), "what the older copy holds is to be swept and scrubbed");
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sqlite_file_put_back_from_a_backup_forgets_again() {
    let house = House::new(Kind::Sqlite).await;
    let list = canary::list(&house, "News").await;
    canary::person(&house, &list, "gone@example.org").await;
    canary::person(&house, &list, "stays@example.org").await;
    let (campaign, _) = canary::launch(&house, &list, "autumn").await;
    let (data, copy) = (house.home.config.data.join("sendoff.db"), house.folder.path().join("copy.db"));
    house.home.db.settle().await.expect("settled");
    std::fs::copy(&data, &copy).expect("copied");
    erase(&house, "gone@example.org").await;
    let config = house.home.config.clone();
    house.home.db.clone().close().await;
    std::fs::copy(&copy, &data).expect("put back");

    let home = Installation::open(config, Clock::fixed(NOW)).await.expect("opens");
    assert_eq!(erasure_log::carry_out(&home).await.expect("carried out"), 1);

    let mut conn = home.db.read().await.expect("a connection");
    let find = |text| canary::address(text);
    assert!(contact::find(&mut conn, house.workspace.id, &find("gone@example.org")).await.expect("asked").is_none());
    assert!(contact::find(&mut conn, house.workspace.id, &find("stays@example.org")).await.expect("asked").is_some());
    let numbers = erased_counts::of(&mut conn, campaign.id).await.expect("asked");
    assert_eq!(numbers.get(&("suppressed".to_owned(), 0)), Some(&1));
}

both!(a_log_of_twenty_thousand_erasures_is_compared_quickly, |house| {
    let entries: Vec<_> = (0_u32..20_000)
        .map(|index| {
            let mut mark = [7; 32];
            mark[..4].copy_from_slice(&index.to_be_bytes());
            erasure_log::Entry { workspace: house.workspace.id, list: 0, mark, day: 1, reason: "left".to_owned() }
        })
        .collect();
    erasure_log::note(&house.home, entries).await.expect("noted");
    assert_eq!(erasure_log::carry_out(&house.home).await.expect("carried out"), 0);
    assert_eq!(canary::number(house, "select count(*) from tombstone").await, 20_000);

    let began = std::time::Instant::now();
    assert_eq!(erasure_log::carry_out(&house.home).await.expect("nothing is missing"), 0);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
});

both!(a_line_cut_off_by_a_crash_does_not_swallow_the_next, |house| {
    let entry = |day| erasure_log::Entry { workspace: 7, list: 0, mark: [7; 32], day, reason: "left".to_owned() };
    erasure_log::note(&house.home, vec![entry(1)]).await.expect("noted");
    let log = house.home.config.journal().join("erasures.log");
    let text = std::fs::read_to_string(&log).expect("read");
    std::fs::write(&log, format!("{text}{}", &text[..40])).expect("cut off");

    erasure_log::note(&house.home, vec![entry(2)]).await.expect("noted");

    let days: Vec<i64> = erasure_log::since(&house.home, 0).expect("read").0.iter().map(|entry| entry.day).collect();
    assert_eq!(days, [1, 2]);
});

both!(a_sweep_that_a_crash_prevented_is_made_up_for, |house| {
    let list = canary::list(house, "News").await;
    canary::person(house, &list, "anna@example.org").await;
    erase(house, "anna@example.org").await;
    let late = house.home.config.export().join("late.ndjson");
    std::fs::write(&late, "{\"address\":\"Anna@example.org\"}\n{\"address\":\"b@example.org\"}\n").expect("written");

    assert!(physical_erasure::is_owed(&house.home));
    assert!(physical_erasure::now(&house.home).await.expect("scrubbed"));

    assert!(!physical_erasure::is_owed(&house.home));
    assert_eq!(std::fs::read_to_string(&late).expect("read"), "{\"address\":\"b@example.org\"}\n");
    file_erasure::owed(&house.home).await.expect("nothing is owed");
});

both!(the_sweeper_scrubs_in_the_background, |house| {
    let list = canary::list(house, "News").await;
    let word = canary::word();
    let text = format!("{word}@example.org");
    canary::person(house, &list, &text).await;
    assert!(canary::search(house, &text).await.hits > 0);
    let sweeper = Sweeper::start(house.home.clone());

    let letter = house.home.config.capture().join("1.eml");
    std::fs::write(&letter, format!("To: {text}\r\n\r\nhi")).expect("written");
    erase(house, &text).await;
    sweeper.nudge();

    for _ in 0..300 {
        if !physical_erasure::is_owed(&house.home) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(canary::search(house, &text).await.findings, []);
    assert!(!letter.exists());
});

both!(whoever_reads_for_long_keeps_nobody_from_writing, |house| {
    let list = canary::list(house, "News").await;
    let mut reader = house.home.db.read().await.expect("a connection");
    sqlx::raw_sql("begin; select count(*) from contact").execute(&mut *reader).await.expect("a snapshot");
    canary::person(house, &list, "a@example.org").await;

    let settling = async {
        let settled = house.home.db.settle().await.expect("looked");
        assert_eq!(settled, house.kind == Kind::Postgres, "a journal that is read from is not empty");
    };
    tokio::time::timeout(Duration::from_secs(15), settling).await.expect("it does not wait for readers");

    sqlx::raw_sql("rollback").execute(&mut *reader).await.expect("ended");
    assert!(house.home.db.settle().await.expect("emptied"));
});
