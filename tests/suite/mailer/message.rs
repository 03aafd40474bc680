//! Results of one delivery: accepted, refused, deferred, and retried with the same bytes.

use std::time::Duration;

use sendoff::audience::contact;
use sendoff::campaign::launch;
use sendoff::campaign::model::State;
use sendoff::infra::clock::DAY;
use tokio::task::JoinSet;

use crate::fixture::both;
use crate::mail_sink::{Action, Plan, Sink};
use crate::mailer::fixture::{EMAIL, campaign, draft, mail, recipients, start, states, subscribe_many, use_relay};

both!(every_recipient_gets_one_message_and_the_campaign_finishes, |fixture| {
    subscribe_many(fixture, 120).await;
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 5).await;
    start(fixture, EMAIL).await;

    mail(fixture).await;

    assert_eq!(states(fixture).await, [("accepted", 120)].into());
    assert_eq!(campaign(fixture).await.state, State::Finished);
    let seen = recipients(&sink);
    assert_eq!((seen.len(), seen.values().sum::<usize>()), (120, 120));
    assert!(sink.log().connections <= 5);
});

both!(starting_twice_freezes_one_audience, |fixture| {
    subscribe_many(fixture, 3).await;
    let campaign = draft(fixture, EMAIL).await;

    let mut starts = JoinSet::new();
    for _ in 0..20 {
        let (installation, campaign) = (fixture.installation.clone(), campaign.clone());
        starts.spawn(async move { launch::start(&installation, &campaign).await });
    }
    let begun = starts.join_all().await.into_iter().filter(|start| matches!(start, Ok(Some(3)))).count();

    assert_eq!(begun, 1);
    assert_eq!(states(fixture).await, [("pending", 3)].into());
});

both!(mark_is_durable_before_the_message_is_sent, |fixture| {
    subscribe_many(fixture, 1).await;
    let sink = Plan::new().at("DATA", Action::late(400)).start().await;
    use_relay(fixture, sink.target(), 1).await;
    start(fixture, EMAIL).await;

    let sending = async {
        while !sink.has_received("DATA") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        states(fixture).await
    };
    let (_, seen) = tokio::join!(mail(fixture), sending);

    assert_eq!(seen, [("sending", 1)].into());
    assert_eq!(states(fixture).await, [("accepted", 1)].into());
});

both!(refused_recipient_is_a_bounce, |fixture| {
    subscribe_many(fixture, 3).await;
    let sink = Plan::new()
        .on(|at| if at.line.contains("person1@") { Action::Say("550 5.1.1 no such user") } else { Action::Usual })
        .start()
        .await;
    use_relay(fixture, sink.target(), 1).await;
    start(fixture, EMAIL).await;

    mail(fixture).await;

    assert_eq!(states(fixture).await, [("accepted", 2), ("rejected", 1)].into());
    assert_eq!(campaign(fixture).await.state, State::Finished);
});

both!(deferred_message_is_retried_with_the_same_bytes, |fixture| {
    subscribe_many(fixture, 1).await;
    let sink = Plan::new()
        .on(|at| if at.verb == "." && at.count == 1 { Action::Say("451 4.7.1 later") } else { Action::Usual })
        .start()
        .await;
    use_relay(fixture, sink.target(), 1).await;
    start(fixture, EMAIL).await;

    let next = mail(fixture).await.expect("a time for the second try");
    assert_eq!(next - fixture.installation.clock.now(), 900_000);
    assert_eq!(states(fixture).await, [("pending", 1)].into());
    let first = texts_of(&sink);

    // The contact changes meanwhile; the message does not.
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let person = fixture.contact_id("person0@example.org").await.expect("there");
    let mut found = contact::get(&mut tx, person).await.expect("asked").expect("there");
    found.values.insert("city".to_owned(), "Казань".into());
    let changed = contact::NewContact { id: person, address: found.address, values: found.values };
    contact::update(&mut tx, fixture.workspace.id, &[changed], fixture.installation.clock.now())
        .await
        .expect("changed");
    tx.commit().await.expect("committed");
    fixture.installation.clock.advance(900_001);
    mail(fixture).await;

    assert_eq!(states(fixture).await, [("accepted", 1)].into());
    let texts = texts_of(&sink);
    assert_eq!(texts.len(), 2);
    assert_eq!(texts[0], texts[1]);
    assert_eq!(first[0], texts[0]);
});

/// The bytes between DATA and the final dot, accepted or not.
fn texts_of(sink: &Sink) -> Vec<Vec<u8>> {
    let log = sink.log();
    let text = String::from_utf8_lossy(&log.clear).into_owned();
    text.split("DATA\r\n")
        .skip(1)
        .filter_map(|rest| rest.split("\r\n.\r\n").next())
        .map(|text| text.as_bytes().to_vec())
        .collect()
}

both!(delivery_deferred_for_five_days_is_given_up, |fixture| {
    subscribe_many(fixture, 1).await;
    let sink = Plan::new().at("RCPT", Action::Say("450 4.2.1 greylisted")).start().await;
    use_relay(fixture, sink.target(), 1).await;
    start(fixture, EMAIL).await;

    for _ in 0..60 {
        mail(fixture).await;
        fixture.installation.clock.advance(DAY / 4 + 1);
    }

    assert_eq!(states(fixture).await, [("rejected", 1)].into());
    assert_eq!(campaign(fixture).await.state, State::Finished);
});
