//! Start of a campaign at a wall-clock time, and at a time in the recipients' own zones.

use std::collections::BTreeMap;

use sendoff::audience::address::Address;
use sendoff::audience::contact;
use sendoff::audience::field::{self, Field};
use sendoff::campaign::model::State;
use sendoff::campaign::model::transition;
use sendoff::campaign::{launch, schedule::StartTime};
use sendoff::cli::campaign::Command;

use super::fixture::{HOUR, at, call, email_with, name, publish, schedule, set_clock, state_after_run_due};
use crate::fixture::{Fixture, both};
use crate::mail_sink::Plan;
use crate::mailer::fixture::{EMAIL, campaign, draft, mail, recipients, subscribe_many, use_relay};

both!(a_time_in_a_gap_is_reported_and_starts_once, |fixture| {
    subscribe_many(fixture, 3).await;
    publish(fixture).await;
    draft(fixture, &email_with("at = \"2027-03-28 02:30\"\nzone = \"Europe/Berlin\"")).await;
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 1).await;

    let (json, text) = schedule(fixture).await.expect("scheduled");

    assert!(text.contains("2027-03-28 03:30 Europe/Berlin, that is 2027-03-28T01:30:00Z"), "{text}");
    assert!(text.contains("jump forward and 02:30 does not exist that day"), "{text}");
    assert_eq!((json["local"].as_str(), json["zone"].as_str()), (Some("2027-03-28 02:30"), Some("Europe/Berlin")));
    let kept = campaign(fixture).await;
    assert_eq!(kept.starts_at, Some(at("2027-03-28T01:30:00Z")));
    assert_eq!(kept.starts_local.as_deref(), Some("2027-03-28 02:30"));

    set_clock(fixture, "2027-03-28T01:29:59.999Z");
    assert_eq!(state_after_run_due(fixture).await, State::Scheduled);
    fixture.installation.clock.advance(1);
    assert_eq!(state_after_run_due(fixture).await, State::Running);
    let launched = campaign(fixture).await.launched_at;

    fixture.installation.clock.advance(-HOUR);
    mail(fixture).await;
    fixture.installation.clock.advance(2 * HOUR);
    mail(fixture).await;
    assert_eq!(recipients(&sink).values().copied().collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(campaign(fixture).await.launched_at, launched);
});

both!(a_time_in_a_fold_is_the_first_one, |fixture| {
    subscribe_many(fixture, 1).await;
    publish(fixture).await;
    for (time, zone, first) in [
        ("2027-10-31 02:30", "Europe/Berlin", "2027-10-31T00:30:00Z"),
        ("2027-11-07 01:30", "America/New_York", "2027-11-07T05:30:00Z"),
    ] {
        draft(fixture, EMAIL).await;
        let command = Command::Schedule { name: name(), at: Some(time.to_owned()), zone: Some(zone.to_owned()) };
        let (json, text) = call(fixture, command).await.expect("scheduled");
        assert!(text.contains("happens twice that day: the first one is used"), "{text}");
        assert_eq!(json["at"], first);
        let mut tx = fixture.installation.db.write().await.expect("a transaction");
        transition::return_to_draft(&mut tx, &campaign(fixture).await, "").await.expect("a draft again");
        tx.commit().await.expect("committed");
    }
    draft(fixture, &email_with("at = \"2027-10-31 02:30\"\nzone = \"Europe/Moscow\"")).await;
    let (json, _) = schedule(fixture).await.expect("scheduled");
    assert_eq!((&json["at"], &json["notes"]), (&"2027-10-30T23:30:00Z".into(), &serde_json::json!([])));
});

both!(a_rescheduled_campaign_does_not_start_at_its_old_time, |fixture| {
    subscribe_many(fixture, 1).await;
    draft(fixture, EMAIL).await;
    let start_time = |at| StartTime { at, local: String::new(), zone: "UTC".to_owned() };
    let now = fixture.installation.clock.now();
    for at in [now + HOUR, now + 2 * HOUR] {
        let before = campaign(fixture).await;
        let mut tx = fixture.installation.db.write().await.expect("a transaction");
        transition::schedule(&mut tx, &before, &start_time(at)).await.expect("scheduled");
        tx.commit().await.expect("committed");
        if before.state == State::Scheduled {
            fixture.installation.clock.advance(HOUR);
            // A mailer had read the campaign before it was given its second time.
            assert_eq!(launch::start(&fixture.installation, &before).await.expect("asked"), None);
            assert_eq!(state_after_run_due(fixture).await, State::Scheduled);
        }
    }
    fixture.installation.clock.advance(HOUR);
    assert_eq!(state_after_run_due(fixture).await, State::Running);
});

/// Contacts in several time zones; two have no known one.
async fn contacts_in_time_zones(fixture: &Fixture) {
    fixture
        .subscribe(
            "News",
            &["berlin@x.example", "york@x.example", "moscow@x.example", "none@x.example", "mars@x.example"],
        )
        .await;
    field::add(&fixture.installation, fixture.workspace.id, &Field::declare("timezone", "text").expect("a field"))
        .await
        .expect("added");
    for (name, zone) in [
        ("berlin", "europe/berlin"),
        ("york", "America/New_York"),
        ("moscow", "Europe/Moscow"),
        ("mars", "Mars/Olympus"),
    ] {
        let id = fixture.contact_id(&format!("{name}@x.example")).await.expect("there");
        let mut tx = fixture.installation.db.write().await.expect("a transaction");
        let values = [("timezone".to_owned(), zone.into())].into_iter().collect();
        let address = Address::parse(&format!("{name}@x.example")).expect("an address");
        contact::update(&mut tx, fixture.workspace.id, &[contact::NewContact { id, address, values }], 0)
            .await
            .expect("changed");
        tx.commit().await.expect("committed");
    }
}

both!(messages_are_sent_at_the_local_time_of_each_recipient, |fixture| {
    contacts_in_time_zones(fixture).await;
    publish(fixture).await;
    let local = "at-local = \"2026-12-01 09:00\"\nzone = \"Europe/Moscow\"\nzone-field = \"timezone\"";
    draft(fixture, &email_with(local)).await;
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 2).await;

    let (preflight, _) = call(fixture, Command::Preflight { name: name() }).await.expect("looked");
    let warnings = preflight["warnings"].to_string();
    assert!(warnings.contains("1 contact has no value for “timezone”"), "{warnings}");
    assert!(warnings.contains("“timezone” is not a time zone for 1 contact"), "{warnings}");
    let (_, said) = schedule(fixture).await.expect("scheduled");
    assert!(said.contains("is sent at 2026-12-01 09:00 in each recipient's own time zone"), "{said}");
    let (_, shown) = call(fixture, Command::Show { name: name(), watch: false }).await.expect("shown");
    let local = "is sent at 2026-12-01 09:00 in each recipient's own time zone; the first one reaches it at 2026-11-30T19:00:00Z";
    assert!(shown.contains(local), "{shown}");
    // The first time zone on earth reaches 09:00 at 19:00 UTC of the day before.
    assert_eq!(campaign(fixture).await.starts_at, Some(at("2026-11-30T19:00:00Z")));

    let mut came = BTreeMap::new();
    for time in [
        "2026-11-30T19:00",
        "2026-12-01T05:59",
        "2026-12-01T06:00",
        "2026-12-01T07:59",
        "2026-12-01T08:00",
        "2026-12-01T13:59",
        "2026-12-01T14:00",
    ] {
        set_clock(fixture, &format!("{time}:00Z"));
        mail(fixture).await;
        came.insert(time, recipients(&sink).len());
    }
    let hours: Vec<usize> = came.into_values().collect();
    assert_eq!(hours, [0, 0, 3, 3, 4, 4, 5]);
    assert_eq!(campaign(fixture).await.state, State::Finished);
});

both!(preflight_counts_the_recipients_whose_local_time_has_passed, |fixture| {
    contacts_in_time_zones(fixture).await;
    publish(fixture).await;
    draft(fixture, &email_with("at-local = \"2026-11-21 09:00\"\nzone-field = \"timezone\"\nzone = \"Europe/Moscow\""))
        .await;
    let (preflight, _) = call(fixture, Command::Preflight { name: name() }).await.expect("looked");
    // It is 10:00 UTC: nine has passed in Moscow and Berlin, not in New York.
    assert!(preflight["warnings"].to_string().contains("already passed in the time zone of 4 contacts"), "{preflight}");

    draft(fixture, &email_with("at-local = \"2026-12-01 09:00\"\nzone-field = \"town\"")).await;
    let (preflight, _) = call(fixture, Command::Preflight { name: name() }).await.expect("looked");
    assert!(preflight["problems"].to_string().contains("sendoff field add town text"), "{preflight}");

    draft(fixture, &email_with("at-local = \"2026-11-20 20:00\"\nzone-field = \"timezone\"")).await;
    let refused = schedule(fixture).await.expect_err("everyone's hour has passed");
    assert_eq!(refused.message().key, "campaign-past");
});
