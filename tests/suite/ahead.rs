//! Deliveries marked ahead (`ahead` above 1) that wait in memory during another message.

use std::sync::Arc;
use std::time::Duration;

use sendoff::mailer::relay::{self, Relay, RelayKind};
use sendoff::privacy::erasure::{self, Reason};
use sqlx::Row;
use tokio::sync::Semaphore;

use crate::fixture::{Fixture, both};
use crate::mail_sink::{Action, Plan, Sink};
use crate::mailer::fixture::{EMAIL, mail, recipients, start, states, subscribe_many};

/// The number of marked deliveries.
async fn marked(fixture: &Fixture) -> i64 {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let row = sqlx::query("select count(*) from delivery where state = 'sending'").fetch_one(&mut *conn).await;
    row.expect("counted").get(0)
}

/// Unsubscribes a contact during the first message, and lets the relay reply only then.
async fn leave_meanwhile(fixture: &Fixture, sink: &Sink, word: &Semaphore) {
    while marked(fixture).await < 3 || sink.log().commands.iter().filter(|line| line.starts_with("DATA")).count() < 1 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let (list, person) =
        (fixture.subscribe("News", &[]).await, fixture.contact_id("person2@example.org").await.expect("there"));
    erasure::unsubscribe(&fixture.installation, fixture.workspace.id, person, list, Reason::Unsubscribed, None)
        .await
        .expect("unsubscribed");
    // Longer than a mark is valid.
    tokio::time::sleep(Duration::from_millis(300)).await;
    word.add_permits(1);
}

both!(unsubscribe_during_an_earlier_message_stops_the_envelope, |fixture| {
    subscribe_many(fixture, 3).await;
    let word = Arc::new(Semaphore::new(0));
    let given = word.clone();
    let slow = move |at: &crate::mail_sink::At| match (at.verb, at.count) {
        (".", 1) => Action::Until(given.clone(), Box::new(Action::Usual)),
        _ => Action::Usual,
    };
    let sink = Plan::new().on(slow).start().await;
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let relay = Relay { connections: 1, ahead: 3, ..Relay::to(RelayKind::Smtp(Box::new(sink.target()))) };
    relay::save(&fixture.installation, &mut tx, fixture.workspace.id, &relay).await.expect("a relay");
    tx.commit().await.expect("committed");
    start(fixture, EMAIL).await;

    tokio::join!(mail(fixture), leave_meanwhile(fixture, &sink, &word));

    assert_eq!(recipients(&sink).len(), 2);
    assert!(!sink.log().commands.iter().any(|line| line.contains("<person2@")), "named to the relay");
    assert_eq!(states(fixture).await, [("accepted", 2)].into());
});
