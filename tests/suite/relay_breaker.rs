//! Relays that fail, deny, hang or change during sending: campaigns are paused with a reason, no recipient is blamed,
//! and no envelope is sent for an unsubscribed one.

use std::sync::Arc;
use std::time::Duration;

use sendoff::campaign::model::State;
use sendoff::campaign::model::transition;
use sendoff::mailer::lease::Lease;
use sendoff::mailer::scheduler::{self, Mode};
use sendoff::privacy::erasure::{self, Reason};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::canary;
use crate::fixture::both;
use crate::mail_sink::{Action, Plan, Sink};
use crate::mailer::fixture::{EMAIL, campaign, mail, recipients, start, states, subscribe_many, use_relay};

async fn until(met: impl Fn() -> bool) {
    while !met() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn named(sink: &Sink) -> usize {
    sink.log().commands.iter().filter(|line| line.starts_with("RCPT")).count()
}

both!(unreachable_relay_pauses_a_campaign_of_one_delivery, |fixture| {
    subscribe_many(fixture, 1).await;
    let sink = Plan::new().at("CONNECT", Action::Drop).start().await;
    use_relay(fixture, sink.target(), 4).await;
    start(fixture, EMAIL).await;

    timeout(Duration::from_secs(20), mail(fixture)).await.expect("an end");

    assert_eq!(campaign(fixture).await.state, State::Paused);
    assert_eq!(states(fixture).await, [("pending", 1)].into());
});

both!(relay_that_loses_every_reply_costs_one_message_per_connection, |fixture| {
    subscribe_many(fixture, 60).await;
    let sink = Plan::new().at(".", Action::Drop).start().await;
    use_relay(fixture, sink.target(), 3).await;
    start(fixture, EMAIL).await;

    mail(fixture).await;

    assert_eq!(campaign(fixture).await.state, State::Paused);
    let states = states(fixture).await;
    assert!(states["uncertain"] <= 6, "{states:?}");
});

both!(reply_552_to_a_recipient_is_temporary, |fixture| {
    subscribe_many(fixture, 2).await;
    let sink = Plan::new().at("RCPT", Action::Say("552 5.5.3 too many recipients")).start().await;
    use_relay(fixture, sink.target(), 1).await;
    start(fixture, EMAIL).await;

    let next = mail(fixture).await;

    assert!(next.is_some());
    assert_eq!(states(fixture).await, [("pending", 2)].into());
});

both!(relay_that_denies_every_recipient_pauses_the_campaign, |fixture| {
    subscribe_many(fixture, 60).await;
    for (reply, most) in [("530 5.7.0 Must issue a STARTTLS command first", 0), ("554 5.7.1 Relay access denied", 25)] {
        let sink = Plan::new().at("RCPT", Action::Say(reply)).start().await;
        use_relay(fixture, sink.target(), 2).await;
        if most == 0 {
            start(fixture, EMAIL).await;
        } else {
            let mut tx = fixture.installation.db.write().await.expect("a transaction");
            transition::resume(&mut tx, &campaign(fixture).await).await.expect("resumed");
            tx.commit().await.expect("committed");
        }

        mail(fixture).await;

        assert_eq!(campaign(fixture).await.state, State::Paused, "{reply}");
        let rejected = states(fixture).await.get("rejected").copied().unwrap_or(0);
        assert!(rejected <= most, "{reply}: {rejected} rejected");
    }
});

both!(changed_relay_is_used_within_seconds, |fixture| {
    subscribe_many(fixture, 200).await;
    let (slow, quick) = (Plan::new().at("RCPT", Action::late(200)).start().await, Plan::new().start().await);
    use_relay(fixture, slow.target(), 1).await;
    start(fixture, EMAIL).await;

    let changing = async {
        until(|| slow.log().messages.len() >= 2).await;
        use_relay(fixture, quick.target(), 2).await;
    };
    timeout(Duration::from_secs(20), async { tokio::join!(mail(fixture), changing) }).await.expect("an end");

    assert_eq!(states(fixture).await, [("accepted", 200)].into());
    let (first, then) = (recipients(&slow), recipients(&quick));
    assert!(first.len() < 20 && first.keys().all(|person| !then.contains_key(person)));
    assert_eq!(first.len() + then.len(), 200);
});

both!(no_envelope_is_sent_after_a_pause, |fixture| {
    subscribe_many(fixture, 60).await;
    let sink = Plan::new().at("RCPT", Action::late(100)).start().await;
    use_relay(fixture, sink.target(), 1).await;
    let running = start(fixture, EMAIL).await;

    let pausing = async {
        until(|| sink.log().messages.len() >= 2).await;
        let mut tx = fixture.installation.db.write().await.expect("a transaction");
        transition::pause(&mut tx, &running, "by hand").await.expect("paused");
        tx.commit().await.expect("committed");
        named(&sink)
    };
    let (_, before) = tokio::join!(mail(fixture), pausing);

    assert!(named(&sink) <= before + 1, "{} named, {before} when paused", named(&sink));
});

both!(no_envelope_is_sent_for_an_unsubscribed_recipient, |fixture| {
    subscribe_many(fixture, 20).await;
    let sink = Plan::new().at("RCPT", Action::late(50)).start().await;
    use_relay(fixture, sink.target(), 1).await;
    let list = start(fixture, EMAIL).await.list;
    let person = fixture.contact_id("person19@example.org").await.expect("there");

    let leaving = async {
        until(|| sink.has_received("RCPT")).await;
        erasure::unsubscribe(&fixture.installation, fixture.workspace.id, person, list, Reason::Unsubscribed, None)
            .await
            .expect("unsubscribed");
    };
    tokio::join!(mail(fixture), leaving);

    assert!(!sink.has_received("person19@"));
    assert_eq!(states(fixture).await, [("accepted", 19)].into());
});

both!(shutdown_does_not_wait_for_a_silent_relay, |fixture| {
    subscribe_many(fixture, 5).await;
    let sink = Plan::new().at("RCPT", Action::Silent).start().await;
    use_relay(fixture, sink.target(), 2).await;
    start(fixture, EMAIL).await;
    let (stop, stopped) = watch::channel(false);

    let stopping = async {
        until(|| sink.has_received("RCPT")).await;
        stop.send(true).expect("someone listens");
    };
    let work = Box::pin(scheduler::run(&fixture.installation, Mode::Forever, Arc::new(|| true), stopped));
    let (ended, ()) =
        timeout(Duration::from_secs(10), async { tokio::join!(work, stopping) }).await.expect("a quick end");

    ended.expect("a clean end");
    assert_eq!(states(fixture).await, [("pending", 5)].into());
});

both!(next_mailer_of_a_folder_recovers_at_once, |fixture| {
    subscribe_many(fixture, 4).await;
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 1).await;
    let running = start(fixture, EMAIL).await;
    let installation = &fixture.installation;
    let (lease, _) = Lease::acquire(installation).await.expect("a lease");
    let claimed = canary::claim(fixture, lease.id, running.id, 3).await;
    canary::mark(fixture, lease.id, &claimed[..2]).await;
    let begun = lease.begun.as_ref().expect("a file");
    Arc::new(begun.ring(1)).mark(claimed[0].id, 0).set();
    drop(lease);

    timeout(Duration::from_secs(10), mail(fixture)).await.expect("an end");

    assert_eq!(states(fixture).await, [("accepted", 3), ("uncertain", 1)].into());
});
