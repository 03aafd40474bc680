//! Refusals that are not the recipients' fault: the campaign is paused with the reason, and nobody is counted as bounced.

use sendoff::campaign::delivery::{BOUNCE, REFUSED};
use sendoff::campaign::model::State;
use sendoff::infra::i18n::Lang;
use sendoff::usecase::campaign as usecase;
use sendoff::usecase::preflight::preflight;
use sqlx::Row;

use crate::fixture::{Fixture, both};
use crate::mail_sink::{Action, Plan, Sink};
use crate::mailer::fixture::{EMAIL, campaign, draft, mail, recipients, start, states, subscribe_many, use_relay};

/// An email of more than 25 KB.
fn large() -> String {
    format!("{EMAIL}\n{}\n", "Twenty-five kilobytes of text. ".repeat(900))
}

/// Sends to a relay. Returns the key of the reason for which the campaign is paused.
async fn pause_of(fixture: &Fixture, plan: Plan, connections: u32) -> (String, Sink) {
    let sink = plan.start().await;
    use_relay(fixture, sink.target(), connections).await;
    if campaign(fixture).await.state == State::Paused {
        usecase::resume(&fixture.installation, &fixture.actor, "autumn", None, false).await.expect("resumed");
    }
    mail(fixture).await;
    let campaign = campaign(fixture).await;
    assert_eq!(campaign.state, State::Paused);
    let reason = campaign.reason.expect("a reason");
    for lang in [Lang::EN, Lang::RU] {
        assert!(!lang.translate_packed(&reason).contains('{'), "{reason}");
    }
    (reason, sink)
}

async fn reasons(fixture: &Fixture) -> Vec<String> {
    let id = campaign(fixture).await.id;
    let rows = sendoff::infra::db::Query::new(
        "select distinct reason from delivery where campaign_id = :campaign and state = 'rejected'",
    )
    .bind("campaign", id)
    .fetch_all(&mut fixture.installation.db.read().await.expect("a connection"))
    .await
    .expect("read");
    rows.iter().map(|row| row.get(0)).collect()
}

both!(message_above_the_size_limit_pauses_the_campaign_before_the_envelope, |fixture| {
    subscribe_many(fixture, 60).await;
    start(fixture, &large()).await;

    for extensions in [&["PIPELINING", "SIZE 20000"][..], &["SIZE 20000"]] {
        let (reason, sink) = pause_of(fixture, Plan::new().offering(extensions), 4).await;
        assert!(reason.contains("relay-too-large") && reason.contains("20000"), "{reason}");
        assert!(!sink.has_received("MAIL"), "{extensions:?}");
        assert_eq!(states(fixture).await, [("pending", 60)].into());
    }
});

both!(size_that_the_relay_refuses_pauses_the_campaign, |fixture| {
    subscribe_many(fixture, 60).await;
    start(fixture, &large()).await;

    for (extensions, verb, reply) in [
        (&["PIPELINING", "SIZE"][..], "MAIL", "552 5.3.4 Message size exceeds fixed limit"),
        (&["SIZE 0"], "MAIL", "552 Message size exceeds maximum permitted"),
        (&["PIPELINING"], ".", "552 5.3.4 Message size exceeds fixed limit"),
        (&[], ".", "552 Message size exceeds maximum permitted"),
    ] {
        let (reason, _sink) = pause_of(fixture, Plan::new().offering(extensions).at(verb, Action::Say(reply)), 4).await;
        assert!(reason.contains("relay-refuses-size"), "{reason}");
        assert_eq!(states(fixture).await, [("pending", 60)].into(), "{verb} {reply}");
    }
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 4).await;
    usecase::resume(&fixture.installation, &fixture.actor, "autumn", None, false).await.expect("resumed");
    mail(fixture).await;
    assert_eq!(states(fixture).await, [("accepted", 60)].into());
});

both!(refusals_in_a_row_pause_the_campaign_and_can_be_sent_again, |fixture| {
    subscribe_many(fixture, 90).await;
    start(fixture, EMAIL).await;

    for (verb, reply) in [
        ("RCPT", "550 relay not permitted"),
        ("RCPT", "554 5.0.0 no"),
        ("RCPT", "550 5.4.1 no route"),
        ("DATA", "554 5.3.0 wrong configuration"),
        (".", "554 5.6.0 bad content"),
        (".", "550 this looks like spam"),
        (".", "554 5.7.1 refused by a rule"),
    ] {
        let (_, _sink) = pause_of(fixture, Plan::new().at(verb, Action::Say(reply)), 2).await;
        let rejected = states(fixture).await["rejected"];
        assert!((10..=14).contains(&rejected), "{verb} {reply}: {rejected} rejected");
        assert_eq!(reasons(fixture).await, [REFUSED], "{verb} {reply}");
        let view = usecase::resume(&fixture.installation, &fixture.actor, "autumn", None, true).await.expect("resumed");
        assert_eq!((view.summary.rejected, view.summary.pending), (0, 90));
        usecase::pause(&fixture.installation, &fixture.actor, "autumn").await.expect("paused");
    }
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 2).await;
    usecase::resume(&fixture.installation, &fixture.actor, "autumn", None, false).await.expect("resumed");
    mail(fixture).await;
    assert_eq!(states(fixture).await, [("accepted", 90)].into());
    assert!(recipients(&sink).values().all(|count| *count == 1));
});

both!(refused_deliveries_of_a_finished_campaign_can_be_sent_again, |fixture| {
    subscribe_many(fixture, 6).await;
    let sink = Plan::new()
        .on(|at| match (at.verb, at.count) {
            ("RCPT", 2) => Action::Say("550 5.1.1 no such user"),
            ("RCPT", 4) => Action::Say("550 5.7.1 denied"),
            _ => Action::Usual,
        })
        .start()
        .await;
    use_relay(fixture, sink.target(), 1).await;
    start(fixture, EMAIL).await;
    mail(fixture).await;
    assert_eq!(states(fixture).await, [("accepted", 4), ("rejected", 2)].into());

    usecase::resume(&fixture.installation, &fixture.actor, "autumn", None, false).await.expect_err("is finished");
    usecase::resume(&fixture.installation, &fixture.actor, "autumn", None, true).await.expect("reopened");
    mail(fixture).await;

    assert_eq!(states(fixture).await, [("accepted", 5), ("rejected", 1)].into());
    assert_eq!(reasons(fixture).await, [BOUNCE]);
});

both!(sender_that_needs_smtputf8_pauses_the_campaign, |fixture| {
    subscribe_many(fixture, 5).await;
    start(fixture, &EMAIL.replace("news@shop", "новости@shop")).await;

    let (reason, sink) = pause_of(fixture, Plan::new().offering(&["PIPELINING"]), 2).await;

    assert!(reason.contains("relay-sender-smtputf8"), "{reason}");
    assert!(!sink.has_received("MAIL"));
    assert_eq!(states(fixture).await, [("pending", 5)].into());
});

both!(preflight_asks_the_relays, |fixture| {
    subscribe_many(fixture, 3).await;
    let sink = Plan::new().offering(&["PIPELINING", "SIZE 20000"]).start().await;
    use_relay(fixture, sink.target(), 2).await;
    let keys = async |email: &str| {
        draft(fixture, email).await;
        let found = preflight(&fixture.installation, &fixture.actor, "autumn", |_, _| {}).await.expect("checked");
        let all = found.problems.iter().map(|found| ("problem", found.key));
        let all = all.chain(found.warnings.iter().map(|found| ("warning", found.key)));
        all.filter(|(_, key)| key.contains("relay") || key.contains("capture")).collect::<Vec<_>>()
    };

    assert_eq!(keys(EMAIL).await, []);
    assert_eq!(keys(&large()).await, [("problem", "relay-too-large")]);
    assert_eq!(keys(&EMAIL.replace("news@shop", "новости@shop")).await, [("problem", "relay-sender-smtputf8")]);
    let unknown = EMAIL.replace("subject", "relay = \"unknown\"\nsubject");
    assert_eq!(keys(&unknown).await, [("problem", "preflight-relay-unknown")]);
    drop(sink);
    assert_eq!(keys(EMAIL).await, [("warning", "preflight-relay-silent")]);
});

both!(preflight_says_that_the_capture_delivers_nothing, |fixture| {
    subscribe_many(fixture, 1).await;
    draft(fixture, EMAIL).await;

    let found = preflight(&fixture.installation, &fixture.actor, "autumn", |_, _| {}).await.expect("checked");

    assert!(found.warnings.iter().any(|found| found.key == "preflight-capture"), "{:?}", found.warnings);
});
