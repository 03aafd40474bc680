//! Latest time of a campaign: no message is sent from it on.

use sendoff::campaign::deadline;
use sendoff::campaign::delivery::{self, Mark};
use sendoff::campaign::launch;
use sendoff::campaign::model::State;
use sendoff::cli::campaign::Command;
use sendoff::infra::i18n::Lang;

use super::fixture::{
    at, call, claim, email_with, mark_of, name, publish, resume, schedule, set_clock, wait_for_messages,
};
use crate::fixture::both;
use crate::mail_sink::{Action, Plan};
use crate::mailer::fixture::{EMAIL, campaign, draft, mail, start, states, subscribe_many, use_relay};

both!(the_latest_time_pauses_the_campaign, |fixture| {
    subscribe_many(fixture, 200).await;
    let sink = Plan::new().at(".", Action::late(5)).start().await;
    use_relay(fixture, sink.target(), 4).await;
    start(fixture, &email_with("until = \"2026-11-21 12:00\"\nzone = \"UTC\"")).await;

    let passing = async {
        wait_for_messages(&sink, 20).await;
        set_clock(fixture, "2026-11-21T12:00:00Z");
        sink.log().messages.len()
    };
    let (_, when_passed) = tokio::join!(mail(fixture), passing);

    let sent = sink.log().messages.len();
    assert!(sent <= when_passed + 8, "{sent} messages, {when_passed} when the time passed");
    let late = campaign(fixture).await;
    assert_eq!(late.state, State::Paused);
    let reason = Lang::EN.translate_packed(&late.reason.expect("a reason"));
    assert!(reason.contains(&format!("2026-11-21 12:00 UTC, passed with {} messages unsent", 200 - sent)), "{reason}");

    assert_eq!(resume(fixture, None).await.expect_err("asks").message().key, "campaign-late");
    let past = resume(fixture, Some("2026-11-21 11:00")).await.expect_err("that has passed too");
    assert_eq!(past.message().key, "campaign-until-past");
    assert_eq!(campaign(fixture).await.state, State::Paused);
    resume(fixture, Some("2026-11-21 13:00")).await.expect("goes on");
    assert_eq!(campaign(fixture).await.until_at, Some(at("2026-11-21T13:00:00Z")));
    mail(fixture).await;
    assert_eq!(states(fixture).await, [("accepted", 200)].into());
    assert_eq!(campaign(fixture).await.state, State::Finished);
});

both!(a_campaign_scheduled_before_its_latest_time_and_started_after_it_is_paused, |fixture| {
    subscribe_many(fixture, 5).await;
    publish(fixture).await;
    draft(fixture, &email_with("at = \"2026-11-21 12:00\"\nuntil = \"2026-11-21 13:00\"")).await;
    schedule(fixture).await.expect("scheduled");
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 1).await;

    set_clock(fixture, "2026-11-23T12:00:00Z");
    mail(fixture).await;

    assert_eq!((campaign(fixture).await.state, sink.log().messages.len()), (State::Paused, 0));
    resume(fixture, Some("never")).await.expect("goes on");
    mail(fixture).await;
    assert_eq!(states(fixture).await, [("accepted", 5)].into());
});

both!(a_manual_start_after_the_latest_time_is_refused, |fixture| {
    subscribe_many(fixture, 1).await;
    let late = draft(fixture, &email_with("until = \"2026-11-21 09:00\"")).await;

    let refused = launch::start(&fixture.installation, &late).await.expect_err("too late");

    assert_eq!(refused.message().key, "campaign-until-past");
    assert_eq!(campaign(fixture).await.state, State::Draft);
    let until = Some("2026-11-21 11:00".to_owned());
    publish(fixture).await;
    call(fixture, Command::Start { name: name(), skip_missing: false, until }).await.expect("started");
    assert_eq!(campaign(fixture).await.until_at, Some(at("2026-11-21T11:00:00Z")));
});

both!(may_send_respects_the_latest_time, |fixture| {
    subscribe_many(fixture, 1).await;
    let running = start(fixture, &email_with("until = \"2026-11-21 12:00\"")).await;
    let marks: Vec<Mark> = claim(fixture, running.id, 1).await.iter().map(mark_of).collect();
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    assert_eq!(delivery::mark(&mut tx, 1, &marks, at("2026-11-21T11:59:59Z")).await.expect("asked").len(), 1);
    let id = marks[0].id;

    assert!(delivery::may_send(&mut tx, 1, id, at("2026-11-21T11:59:59.999Z")).await.expect("asked"));
    assert!(!delivery::may_send(&mut tx, 1, id, at("2026-11-21T12:00:00Z")).await.expect("asked"));
    deadline::set_until(&mut tx, running.id, None).await.expect("set");
    assert!(delivery::may_send(&mut tx, 1, id, at("2026-11-21T12:00:00Z")).await.expect("asked"));
    assert!(!delivery::may_send(&mut tx, 2, id, at("2026-11-21T12:00:00Z")).await.expect("asked"), "another's");
});

both!(mark_respects_the_latest_time, |fixture| {
    subscribe_many(fixture, 1).await;
    let running = start(fixture, &email_with("until = \"2026-11-21 12:00\"")).await;
    let marks: Vec<Mark> = claim(fixture, running.id, 1).await.iter().map(mark_of).collect();
    let mut tx = fixture.installation.db.write().await.expect("a transaction");

    assert!(delivery::mark(&mut tx, 1, &marks, at("2026-11-21T12:00:00Z")).await.expect("asked").is_empty());
    assert_eq!(delivery::mark(&mut tx, 1, &marks, at("2026-11-21T11:59:59Z")).await.expect("asked").len(), 1);
});

both!(a_latest_time_set_during_a_send_applies_at_once, |fixture| {
    subscribe_many(fixture, 300).await;
    let sink = Plan::new().at(".", Action::late(3)).start().await;
    use_relay(fixture, sink.target(), 3).await;
    let running = start(fixture, EMAIL).await;

    let bounding = async {
        wait_for_messages(&sink, 10).await;
        let mut tx = fixture.installation.db.write().await.expect("a transaction");
        deadline::set_until(&mut tx, running.id, Some(fixture.installation.clock.now())).await.expect("set");
        tx.commit().await.expect("committed");
        sink.log().messages.len()
    };
    let (_, when_set) = tokio::join!(mail(fixture), bounding);

    let sent = sink.log().messages.len();
    assert!(sent <= when_set + 3, "{sent} messages, {when_set} when it was set");
    assert_eq!(campaign(fixture).await.state, State::Paused);
});
