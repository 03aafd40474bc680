//! Letters that are marked ahead wait in memory while the relay takes its time for another.

use std::sync::Arc;
use std::time::Duration;

use sendoff::mailer::relay::{self, Kind, Relay};
use sendoff::privacy::erasure::{self, Reason};
use sqlx::Row;
use tokio::sync::Semaphore;

use crate::fixture::{House, both};
use crate::mail_sink::{Act, Plan, Sink};
use crate::mailer::fixture::{LETTER, house_with, mail, recipients, start, states};

/// How many letters of the house are marked.
async fn marked(house: &House) -> i64 {
    let mut conn = house.home.db.read().await.expect("a connection");
    let row = sqlx::query("select count(*) from delivery where state = 'sending'").fetch_one(&mut *conn).await;
    row.expect("counted").get(0)
}

/// Lets someone leave while the first letter is on the wire, and the relay answer only then.
async fn leave_meanwhile(house: &House, sink: &Sink, word: &Semaphore) {
    while marked(house).await < 3 || sink.log().commands.iter().filter(|line| line.starts_with("DATA")).count() < 1 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let (list, person) = (house.join("News", &[]).await, house.person("person2@example.org").await.expect("there"));
    erasure::leave(&house.home, house.workspace.id, person, list, Reason::Left, None).await.expect("left");
    // Longer than a mark is good for.
    tokio::time::sleep(Duration::from_millis(300)).await;
    word.add_permits(1);
}

both!(who_leaves_while_an_earlier_letter_is_on_the_wire_is_not_named_to_the_relay, |house| {
    house_with(house, 3).await;
    let word = Arc::new(Semaphore::new(0));
    let given = word.clone();
    let slow = move |at: &crate::mail_sink::At| match (at.verb, at.count) {
        (".", 1) => Act::Until(given.clone(), Box::new(Act::Usual)),
        _ => Act::Usual,
    };
    let sink = Plan::new().on(slow).start().await;
    let mut tx = house.home.db.write().await.expect("a transaction");
    let relay = Relay { connections: 1, ahead: 3, ..Relay::to(Kind::Smtp(Box::new(sink.target()))) };
    relay::set(&house.home, &mut tx, house.workspace.id, &relay).await.expect("a relay");
    tx.commit().await.expect("committed");
    start(house, LETTER).await;

    tokio::join!(mail(house), leave_meanwhile(house, &sink, &word));

    assert_eq!(recipients(&sink).len(), 2);
    assert!(!sink.log().commands.iter().any(|line| line.contains("<person2@")), "named to the relay");
    assert_eq!(states(house).await, [("accepted", 2)].into());
});
