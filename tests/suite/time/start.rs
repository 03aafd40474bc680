//! When a campaign begins: wall-clock times, and the clocks of the recipients.

use std::collections::BTreeMap;

use sendoff::audience::address::Address;
use sendoff::audience::contact;
use sendoff::audience::field::{self, Field};
use sendoff::campaign::model::{self, State};
use sendoff::campaign::{launch, schedule::StartTime};
use sendoff::cli::campaign::Command;

use super::fixture::{HOUR, at, call, letter, named, now_runs, publish, schedule, set_clock};
use crate::fixture::{Fixture, both};
use crate::mail_sink::Plan;
use crate::mailer::fixture::{EMAIL, campaign, draft, mail, recipients, subscribe_many, use_relay};

both!(a_time_in_the_gap_is_said_kept_and_begun_once, |fixture| {
    subscribe_many(fixture, 3).await;
    publish(fixture).await;
    draft(fixture, &letter("at = \"2027-03-28 02:30\"\nzone = \"Europe/Berlin\"")).await;
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
    assert_eq!(now_runs(fixture).await, State::Scheduled);
    fixture.installation.clock.advance(1);
    assert_eq!(now_runs(fixture).await, State::Running);
    let launched = campaign(fixture).await.launched_at;

    fixture.installation.clock.advance(-HOUR);
    mail(fixture).await;
    fixture.installation.clock.advance(2 * HOUR);
    mail(fixture).await;
    assert_eq!(recipients(&sink).values().copied().collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(campaign(fixture).await.launched_at, launched);
});

both!(a_time_that_happens_twice_is_its_first, |fixture| {
    subscribe_many(fixture, 1).await;
    publish(fixture).await;
    for (time, zone, first) in [
        ("2027-10-31 02:30", "Europe/Berlin", "2027-10-31T00:30:00Z"),
        ("2027-11-07 01:30", "America/New_York", "2027-11-07T05:30:00Z"),
    ] {
        draft(fixture, EMAIL).await;
        let command = Command::Schedule { name: named(), at: Some(time.to_owned()), zone: Some(zone.to_owned()) };
        let (json, text) = call(fixture, command).await.expect("scheduled");
        assert!(text.contains("happens twice that day: the first time is meant"), "{text}");
        assert_eq!(json["at"], first);
        let mut tx = fixture.installation.db.write().await.expect("a transaction");
        model::return_to_draft(&mut tx, &campaign(fixture).await, "").await.expect("a draft again");
        tx.commit().await.expect("committed");
    }
    draft(fixture, &letter("at = \"2027-10-31 02:30\"\nzone = \"Europe/Moscow\"")).await;
    let (json, _) = schedule(fixture).await.expect("scheduled");
    assert_eq!((&json["at"], &json["notes"]), (&"2027-10-30T23:30:00Z".into(), &serde_json::json!([])));
});

both!(a_campaign_that_got_another_time_does_not_begin_at_the_old_one, |fixture| {
    subscribe_many(fixture, 1).await;
    draft(fixture, EMAIL).await;
    let beginning = |at| StartTime { at, local: String::new(), zone: "UTC".to_owned() };
    let now = fixture.installation.clock.now();
    for at in [now + HOUR, now + 2 * HOUR] {
        let before = campaign(fixture).await;
        let mut tx = fixture.installation.db.write().await.expect("a transaction");
        model::schedule(&mut tx, &before, &beginning(at)).await.expect("scheduled");
        tx.commit().await.expect("committed");
        if before.state == State::Scheduled {
            fixture.installation.clock.advance(HOUR);
            // A mailer had read the campaign before it was given its second time.
            assert_eq!(launch::start(&fixture.installation, &before).await.expect("asked"), None);
            assert_eq!(now_runs(fixture).await, State::Scheduled);
        }
    }
    fixture.installation.clock.advance(HOUR);
    assert_eq!(now_runs(fixture).await, State::Running);
});

/// People with a time zone each, two of whom say none that is known.
async fn people_of_the_world(fixture: &Fixture) {
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

both!(everyone_is_written_to_when_their_own_clock_shows_the_hour, |fixture| {
    people_of_the_world(fixture).await;
    publish(fixture).await;
    let local = "at-local = \"2026-12-01 09:00\"\nzone = \"Europe/Moscow\"\nzone-field = \"timezone\"";
    draft(fixture, &letter(local)).await;
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 2).await;

    let (sheet, _) = call(fixture, Command::Preflight { name: named() }).await.expect("looked");
    let warnings = sheet["warnings"].to_string();
    assert!(warnings.contains("1 person has no value for “timezone”"), "{warnings}");
    assert!(warnings.contains("“timezone” names no time zone for 1 person"), "{warnings}");
    schedule(fixture).await.expect("scheduled");
    // The first clock on earth shows nine at 19:00 UTC of the day before.
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

both!(who_asks_for_a_local_time_too_late_hears_how_many_missed_it, |fixture| {
    people_of_the_world(fixture).await;
    publish(fixture).await;
    draft(fixture, &letter("at-local = \"2026-11-21 09:00\"\nzone-field = \"timezone\"\nzone = \"Europe/Moscow\""))
        .await;
    let (sheet, _) = call(fixture, Command::Preflight { name: named() }).await.expect("looked");
    // It is 10:00 UTC: nine has passed in Moscow and Berlin, not in New York.
    assert!(sheet["warnings"].to_string().contains("passed already where 4 people live"), "{sheet}");

    draft(fixture, &letter("at-local = \"2026-12-01 09:00\"\nzone-field = \"town\"")).await;
    let (sheet, _) = call(fixture, Command::Preflight { name: named() }).await.expect("looked");
    assert!(sheet["problems"].to_string().contains("sendoff field add town text"), "{sheet}");

    draft(fixture, &letter("at-local = \"2026-11-20 20:00\"\nzone-field = \"timezone\"")).await;
    let refused = schedule(fixture).await.expect_err("everyone's hour has passed");
    assert_eq!(refused.message().key, "campaign-past");
});
