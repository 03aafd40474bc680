//! A scheduled campaign can be edited, unscheduled and paused.

use sendoff::campaign::model::State;
use sendoff::cli::campaign::Command;
use sendoff::content::email::Format;
use sendoff::usecase::campaign::{self as campaigns, Source};

use super::fixture::{HOUR, call, email_with, name, publish, schedule, set_clock, state_after_run_due};
use crate::fixture::{Fixture, both};
use crate::mail_sink::Plan;
use crate::mailer::fixture::{campaign, draft, mail, subscribe_many, use_relay};

const BEFORE: &str = "2027-03-01T09:00:00Z";

/// A campaign that is scheduled for 10:00, at nine o'clock.
async fn scheduled(fixture: &Fixture) {
    subscribe_many(fixture, 2).await;
    publish(fixture).await;
    set_clock(fixture, BEFORE);
    draft(fixture, &email_with("at = \"2027-03-01 10:00\"")).await;
    schedule(fixture).await.expect("scheduled");
    assert_eq!(campaign(fixture).await.state, State::Scheduled);
}

async fn add(fixture: &Fixture, text: String) -> campaigns::Added {
    let source = Source { text, format: Format::Md };
    campaigns::add(&fixture.installation, &fixture.actor, &source).await.expect("added")
}

both!(scheduled_campaign_is_edited_and_keeps_its_time, |fixture| {
    scheduled(fixture).await;
    let starts_at = campaign(fixture).await.starts_at;
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 1).await;

    let added = add(fixture, email_with("").replace("# Hello", "# Edited")).await;

    assert_eq!((added.state, added.at), ("scheduled", starts_at));
    assert_eq!(campaign(fixture).await.starts_at, starts_at);
    fixture.installation.clock.advance(HOUR);
    mail(fixture).await;
    assert_eq!(sink.log().messages.len(), 2);
    assert!(sink.has_received("Edited") && !sink.has_received("Hello"));
});

both!(scheduled_campaign_is_unscheduled, |fixture| {
    scheduled(fixture).await;

    let (json, _) = call(fixture, Command::Unschedule { name: name() }).await.expect("unscheduled");

    assert_eq!(json["state"], "draft");
    fixture.installation.clock.advance(2 * HOUR);
    assert_eq!(state_after_run_due(fixture).await, State::Draft);
    let refused = call(fixture, Command::Unschedule { name: name() }).await.expect_err("is a draft");
    assert_eq!(refused.message().key, "campaign-state");
});

both!(scheduled_campaign_is_paused_and_resumed, |fixture| {
    scheduled(fixture).await;

    call(fixture, Command::Pause { name: name() }).await.expect("paused");
    assert_eq!(campaign(fixture).await.state, State::Paused);
    call(fixture, Command::Resume { name: name(), until: None, refused: false }).await.expect("resumed");
    assert_eq!(campaign(fixture).await.state, State::Scheduled);
    call(fixture, Command::Pause { name: name() }).await.expect("paused again");
    fixture.installation.clock.advance(2 * HOUR);
    assert_eq!(state_after_run_due(fixture).await, State::Paused, "a paused campaign does not start");

    let late =
        call(fixture, Command::Resume { name: name(), until: None, refused: false }).await.expect_err("too late");
    assert_eq!(late.message().key, "campaign-start-passed");
    let command = Command::Schedule { name: name(), at: Some("2027-03-01 20:00".to_owned()), zone: None };
    call(fixture, command).await.expect("another time");
    fixture.installation.clock.advance(12 * HOUR);
    assert_eq!(state_after_run_due(fixture).await, State::Running);
});

both!(paused_campaign_that_was_scheduled_can_be_started_edited_and_cancelled, |fixture| {
    scheduled(fixture).await;
    call(fixture, Command::Pause { name: name() }).await.expect("paused");

    assert_eq!(add(fixture, email_with("")).await.state, "paused");
    call(fixture, Command::Start { name: name(), skip_missing: false, until: None }).await.expect("started");
    assert_eq!(campaign(fixture).await.state, State::Running);
    call(fixture, Command::Pause { name: name() }).await.expect("paused");
    call(fixture, Command::Unschedule { name: name() }).await.expect_err("has started");
    call(fixture, Command::Cancel { name: name() }).await.expect("cancelled");
});
