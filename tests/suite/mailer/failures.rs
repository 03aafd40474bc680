//! Lost replies, failing relays and unsubscribed contacts: no delivery is lost or repeated.

use std::time::Duration;

use sendoff::audience::subscription;
use sendoff::campaign::model::State;
use sendoff::campaign::model::transition;
use sendoff::mailer::smtp::endpoint::Endpoint;
use sendoff::privacy::erasure::{self, Reason};

use crate::fixture::both;
use crate::mail_sink::{Action, Plan};
use crate::mailer::fixture::{EMAIL, campaign, mail, recipients, start, states, subscribe_many, use_relay};

both!(lost_reply_is_uncertain_and_not_repeated, |fixture| {
    subscribe_many(fixture, 3).await;
    let sink =
        Plan::new().on(|at| if at.verb == "." && at.count == 2 { Action::Drop } else { Action::Usual }).start().await;
    use_relay(fixture, sink.target(), 1).await;
    start(fixture, EMAIL).await;

    mail(fixture).await;
    mail(fixture).await;

    assert_eq!(states(fixture).await, [("accepted", 2), ("uncertain", 1)].into());
    assert_eq!(campaign(fixture).await.state, State::Finished);
});

both!(unsubscribe_before_the_mark_suppresses_the_delivery, |fixture| {
    subscribe_many(fixture, 2).await;
    let sink = Plan::new()
        .on(|at| if at.verb == "RCPT" && at.line.contains("person1@") { Action::late(400) } else { Action::Usual })
        .start()
        .await;
    use_relay(fixture, sink.target(), 1).await;
    let list = start(fixture, EMAIL).await.list;
    let person = fixture.contact_id("person1@example.org").await.expect("there");

    let leaving = async {
        while !sink.has_received("person1@") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        erasure::unsubscribe(&fixture.installation, fixture.workspace.id, person, list, Reason::Unsubscribed, None)
            .await
            .expect("unsubscribed");
    };
    tokio::join!(mail(fixture), leaving);

    assert_eq!(recipients(&sink).len(), 1);
    assert_eq!(states(fixture).await, [("accepted", 1)].into());
    assert_eq!(campaign(fixture).await.state, State::Finished);
});

both!(restricted_contact_is_suppressed_at_send_time, |fixture| {
    subscribe_many(fixture, 2).await;
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 1).await;
    start(fixture, EMAIL).await;
    let person = fixture.contact_id("person0@example.org").await.expect("there");
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    subscription::restrict(&mut tx, person).await.expect("restricted");
    tx.commit().await.expect("committed");

    mail(fixture).await;

    assert_eq!(states(fixture).await, [("accepted", 1), ("suppressed", 1)].into());
});

both!(unreachable_relay_pauses_and_affects_no_recipient, |fixture| {
    subscribe_many(fixture, 40).await;
    use_relay(fixture, Endpoint::local(([127, 0, 0, 1], 1).into()), 3).await;
    start(fixture, EMAIL).await;

    mail(fixture).await;

    let paused = campaign(fixture).await;
    assert_eq!(paused.state, State::Paused);
    assert!(paused.reason.expect("a reason").contains("smtp-unreachable"));
    assert_eq!(states(fixture).await, [("pending", 40)].into());

    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 3).await;
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    transition::resume(&mut tx, &campaign(fixture).await).await.expect("resumed");
    tx.commit().await.expect("committed");
    mail(fixture).await;
    assert_eq!(states(fixture).await, [("accepted", 40)].into());
});

both!(refused_sender_pauses_and_affects_no_recipient, |fixture| {
    subscribe_many(fixture, 5).await;
    let sink = Plan::new().at("MAIL", Action::Say("553 5.7.1 not your domain")).start().await;
    use_relay(fixture, sink.target(), 2).await;
    start(fixture, EMAIL).await;

    mail(fixture).await;

    assert_eq!(campaign(fixture).await.state, State::Paused);
    assert_eq!(states(fixture).await, [("pending", 5)].into());
});

both!(failing_connections_lose_no_delivery, |fixture| {
    subscribe_many(fixture, 60).await;
    let sink = Plan::new()
        .on(|at| match (at.verb, at.count % 7) {
            ("MAIL", 3) => Action::SayAndDrop("421 4.3.2 closing"),
            ("RCPT", 5) => Action::Drop,
            ("DATA", 6) => Action::Drop,
            _ => Action::Usual,
        })
        .start()
        .await;
    use_relay(fixture, sink.target(), 4).await;
    start(fixture, EMAIL).await;

    mail(fixture).await;

    assert_eq!(states(fixture).await, [("accepted", 60)].into());
    assert!(recipients(&sink).values().all(|count| *count == 1));
});

both!(without_smtputf8_cyrillic_mailbox_is_skipped_and_cyrillic_domain_is_sent, |fixture| {
    fixture.subscribe("News", &["иван@почта.example", "user@почта.example"]).await;
    let sink = Plan::new().offering(&["PIPELINING"]).start().await;
    use_relay(fixture, sink.target(), 1).await;
    start(fixture, EMAIL).await;

    mail(fixture).await;

    assert_eq!(states(fixture).await, [("accepted", 1), ("skipped", 1)].into());
    assert!(recipients(&sink).keys().all(|to| to.contains("user@xn--80a1acny.example")));
});
