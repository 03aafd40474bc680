//! Requests of recipients that waited on disk.

use sendoff::infra::token::DeliveryRef;
use sendoff::privacy::request_journal::{RecipientRequest, RequestJournal, RequestStatus};
use sendoff::usecase::contact::{Urgency, erase};
use sendoff::usecase::set_aside::{self as settle, Which};

use super::{allow, forbid, health, operator, reasons, wait_until, write_spool};
use crate::canary;
use crate::fixture::both;
use crate::public::fixture::{WebFixture, join};

both!(request_that_fails_is_set_aside_its_contact_gets_nothing_and_the_others_are_executed, |fixture| {
    let site = WebFixture::new(fixture).await;
    let journal = &site.state.journal;
    for person in 0..3 {
        journal.record(site.delivery(person), RecipientRequest::Unsubscribe).await.expect("recorded");
    }
    forbid(fixture, "delete", "contact", &format!("id = {}", site.people[1].0)).await;

    assert_eq!(journal.replay().await.expect("executed"), 3);

    assert!(journal.is_empty(), "sending goes on");
    assert_eq!((site.is_here(0).await, site.is_here(1).await, site.is_here(2).await), (true, true, false));
    assert_eq!(reasons(fixture).await, ["database-value"]);
    assert!(health(&site.state.health).await.contains(&"requests-set-aside".to_owned()));
    let restricted = "select count(*) from subscription where state = 'restricted'";
    assert_eq!(canary::number(fixture, restricted).await, 1);
    let again = settle::retry(&fixture.installation, &operator(), Which::All).await.expect("tried");
    assert_eq!((again.processed, again.failed), (0, 1));

    allow(fixture, "contact").await;
    let again = settle::retry(&fixture.installation, &operator(), Which::All).await.expect("tried");
    assert_eq!((again.processed, again.failed), (1, 0));
    assert!(!site.is_here(1).await && reasons(fixture).await.is_empty());
});

both!(request_that_fails_at_once_is_kept_and_not_refused, |fixture| {
    let site = WebFixture::new(fixture).await;
    forbid(fixture, "delete", "contact", &format!("id = {}", site.people[1].0)).await;

    let (status, _) = site.state.journal.submit(site.delivery(1), RecipientRequest::Erase).await.expect("kept");
    assert_eq!(status, RequestStatus::Recorded);
    site.state.journal.replay().await.expect("executed");
    // The queue of requests goes on as well.
    let (status, _) = site.state.journal.submit(site.delivery(2), RecipientRequest::Unsubscribe).await.expect("done");
    assert!(matches!(status, RequestStatus::Done(_)));

    assert_eq!(reasons(fixture).await, ["database-value"]);
    // Who is erased by the operator leaves nothing behind.
    allow(fixture, "contact").await;
    canary_erase(fixture, "boris@example.org").await;
    assert!(reasons(fixture).await.is_empty());
});

async fn canary_erase(fixture: &crate::fixture::Fixture, address: &str) {
    erase(&fixture.installation, &fixture.actor, address, Urgency::Usual).await.expect("erased");
}

both!(nothing_is_set_aside_while_the_database_is_away, |fixture| {
    let site = WebFixture::new(fixture).await;
    for person in 0..3 {
        site.state.journal.record(site.delivery(person), RecipientRequest::Erase).await.expect("recorded");
    }
    fixture.installation.db.clone().close().await;

    assert!(site.state.journal.replay().await.expect_err("away").is_outage());
    assert!(!site.state.journal.is_empty(), "nothing may be sent now");

    let config = fixture.installation.config.clone();
    let installation = sendoff::infra::installation::Installation::open(config, fixture.installation.clock.clone());
    let installation = installation.await.expect("opens again");
    let journal = RequestJournal::new(&installation);
    assert_eq!(journal.replay().await.expect("executed"), 3);
    let mut conn = installation.db.read().await.expect("a connection");
    let listed = sendoff::feedback::set_aside::list(&mut conn, 0, 9).await.expect("listed");
    assert!(listed.is_empty() && journal.is_empty());
    drop(conn);
    installation.db.close().await;
});

both!(damaged_lines_of_the_journal_are_set_aside_and_the_others_are_executed, |fixture| {
    let site = WebFixture::new(fixture).await;
    let DeliveryRef { campaign, delivery } = site.delivery(2);
    let lines = [
        "11 42 stay".to_owned(),
        "11".to_owned(),
        format!("{campaign} x leave"),
        format!("{campaign} {delivery} leave 99999999999999999999"),
        "\u{0}\u{0}".to_owned(),
        "x".repeat(10_000_000),
        "-1 -1 leave".to_owned(),
        format!("{campaign} {delivery} leave"),
    ];
    write_spool(&fixture.installation, "unsubscribe.log", lines.into_iter());
    let path = fixture.installation.config.journal_dir().join("unsubscribe.log");
    let mut bytes = std::fs::read(&path).expect("read");
    bytes.extend(b"\xff\xff .\n11 42 le");
    std::fs::write(&path, bytes).expect("written");

    site.state.journal.replay().await.expect("executed");

    assert!(site.state.journal.is_empty() && !site.is_here(2).await && site.is_here(1).await);
    let mut expected = vec!["spool-line-other"; 5];
    expected.extend(["spool-line-bytes", "spool-line-cut", "spool-line-long"]);
    expected.sort_unstable();
    assert_eq!(reasons(fixture).await, expected);
});

both!(many_requests_are_executed_in_chunks_that_are_not_repeated, |fixture| {
    let site = WebFixture::new(fixture).await;
    let addresses: Vec<String> = (0..1_200).map(|n| format!("many{n}@example.org")).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    join(fixture, &site.news, &addresses).await;
    let campaign = crate::public::fixture::launch(fixture, "winter", &site.news).await;
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let rows = sqlx::query("select id from delivery where campaign_id = $1").bind(campaign);
    let rows = rows.fetch_all(&mut *conn).await.expect("deliveries");
    drop(conn);
    let line = |row: &sqlx::any::AnyRow| format!("{campaign} {} leave", sqlx::Row::get::<i64, _>(row, 0));
    write_spool(&fixture.installation, "unsubscribe.log", rows.iter().map(line));

    let journal = RequestJournal::new(&fixture.installation);
    let mut stopped = 0;
    for millis in (1..50).cycle() {
        let limit = std::time::Duration::from_millis(20 * millis);
        match tokio::time::timeout(limit, journal.replay()).await {
            Err(_) => stopped += 1,
            Ok(done) => {
                done.expect("executed");
                break;
            }
        }
    }

    assert!(stopped > 0);
    wait_until("the journal is empty", async || journal.is_empty()).await;
    let left = canary::number(fixture, "select count(*) from delivery").await;
    let unsubscribed = "select sum(count) from erased_count where kind = 'unsubscribed'";
    let unsubscribed = unsubscribed_sum(fixture, unsubscribed).await;
    assert_eq!((left, unsubscribed), (0, 1_203), "everyone left once");
});

async fn unsubscribed_sum(fixture: &crate::fixture::Fixture, query: &str) -> i64 {
    let text = format!("select cast(({query}) as bigint)");
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    sqlx::Row::get(&sqlx::query(sqlx::AssertSqlSafe(text)).fetch_one(&mut *conn).await.expect("summed"), 0)
}
