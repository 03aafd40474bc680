//! Campaigns and the clock: times in zones, by the recipients' own clocks, latest times, holds,
//! recalls, and clocks that jump.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sendoff::audience::address::Address;
use sendoff::audience::contact;
use sendoff::audience::field::{self, Field};
use sendoff::campaign::delivery::claim::Hand;
use sendoff::campaign::delivery::{self, Claim, Claimed, Mark};
use sendoff::campaign::moment::Moment;
use sendoff::campaign::state::{self, Campaign, State, deadline, recall};
use sendoff::campaign::{launch, schedule::Beginning};
use sendoff::cli::campaign::{self as cli, Command};
use sendoff::ground::clock::Millis;
use sendoff::ground::error::Error;
use sendoff::ground::id::Id;
use sendoff::ground::setting::{self, Setting};
use sendoff::ground::text::Lang;
use sendoff::mailer::shift::{self, Mode};
use serde_json::Value;
use tokio::sync::{Semaphore, watch};

use crate::house::{House, both};
use crate::mailer::{LETTER, campaign, draft, house_with, mail, recipients, start, states, use_relay};
use crate::sink::{Act, Plan, Sink};

const HOUR: Millis = 3_600_000;

/// The letter with more lines in its front matter.
pub fn letter(lines: &str) -> String {
    LETTER.replacen("\n+++\n", &format!("\n{lines}\n+++\n"), 1)
}

/// Sets the clock of the house.
pub fn set_clock(house: &House, to: &str) {
    let to = at(to);
    house.home.clock.advance(to - house.home.clock.now());
}

pub fn at(text: &str) -> Millis {
    Moment::read(text, None).expect("a moment").at
}

/// A public address that needs no network to be looked at.
pub async fn publish(house: &House) {
    let mut tx = house.home.db.write().await.expect("a transaction");
    setting::set(&mut tx, Setting::PublicUrl, "http://10.0.0.1").await.expect("set");
    tx.commit().await.expect("committed");
}

pub async fn call(house: &House, command: Command) -> Result<(Value, String), Error> {
    let report = Box::pin(cli::run(&house.home, &house.workspace, command, Lang::En)).await?;
    Ok((report.json, report.text))
}

async fn schedule(house: &House) -> Result<(Value, String), Error> {
    call(house, Command::Schedule { name: "autumn".to_owned(), at: None, zone: None }).await
}

fn named() -> String {
    "autumn".to_owned()
}

async fn resume(house: &House, until: Option<&str>) -> Result<(Value, String), Error> {
    call(house, Command::Resume { name: named(), until: until.map(str::to_owned) }).await
}

async fn now_runs(house: &House) -> State {
    launch::due(&house.home).await.expect("looked at the clock");
    campaign(house).await.state
}

/// Waits until so many letters have come.
async fn letters(sink: &Sink, count: usize) {
    while sink.log().letters.len() < count {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

both!(a_time_in_the_gap_is_said_kept_and_begun_once, |house| {
    house_with(house, 3).await;
    publish(house).await;
    draft(house, &letter("at = \"2027-03-28 02:30\"\nzone = \"Europe/Berlin\"")).await;
    let sink = Plan::new().start().await;
    use_relay(house, sink.target(), 1).await;

    let (json, text) = schedule(house).await.expect("scheduled");

    assert!(text.contains("2027-03-28 03:30 Europe/Berlin, that is 2027-03-28T01:30:00Z"), "{text}");
    assert!(text.contains("jump forward and 02:30 does not exist that day"), "{text}");
    assert_eq!((json["local"].as_str(), json["zone"].as_str()), (Some("2027-03-28 02:30"), Some("Europe/Berlin")));
    let kept = campaign(house).await;
    assert_eq!(kept.starts_at, Some(at("2027-03-28T01:30:00Z")));
    assert_eq!(kept.starts_local.as_deref(), Some("2027-03-28 02:30"));

    set_clock(house, "2027-03-28T01:29:59.999Z");
    assert_eq!(now_runs(house).await, State::Scheduled);
    house.home.clock.advance(1);
    assert_eq!(now_runs(house).await, State::Running);
    let launched = campaign(house).await.launched_at;

    house.home.clock.advance(-HOUR);
    mail(house).await;
    house.home.clock.advance(2 * HOUR);
    mail(house).await;
    assert_eq!(recipients(&sink).values().copied().collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(campaign(house).await.launched_at, launched);
});

both!(a_time_that_happens_twice_is_its_first, |house| {
    house_with(house, 1).await;
    publish(house).await;
    for (time, zone, first) in [
        ("2027-10-31 02:30", "Europe/Berlin", "2027-10-31T00:30:00Z"),
        ("2027-11-07 01:30", "America/New_York", "2027-11-07T05:30:00Z"),
    ] {
        draft(house, LETTER).await;
        let command = Command::Schedule { name: named(), at: Some(time.to_owned()), zone: Some(zone.to_owned()) };
        let (json, text) = call(house, command).await.expect("scheduled");
        assert!(text.contains("happens twice that day: the first time is meant"), "{text}");
        assert_eq!(json["at"], first);
        let mut tx = house.home.db.write().await.expect("a transaction");
        state::fail(&mut tx, &campaign(house).await, "").await.expect("a draft again");
        tx.commit().await.expect("committed");
    }
    draft(house, &letter("at = \"2027-10-31 02:30\"\nzone = \"Europe/Moscow\"")).await;
    let (json, _) = schedule(house).await.expect("scheduled");
    assert_eq!((&json["at"], &json["notes"]), (&"2027-10-30T23:30:00Z".into(), &serde_json::json!([])));
});

both!(a_campaign_that_got_another_time_does_not_begin_at_the_old_one, |house| {
    house_with(house, 1).await;
    draft(house, LETTER).await;
    let beginning = |at| Beginning { at, local: String::new(), zone: "UTC".to_owned() };
    let now = house.home.clock.now();
    for at in [now + HOUR, now + 2 * HOUR] {
        let before = campaign(house).await;
        let mut tx = house.home.db.write().await.expect("a transaction");
        state::schedule(&mut tx, &before, &beginning(at)).await.expect("scheduled");
        tx.commit().await.expect("committed");
        if before.state == State::Scheduled {
            house.home.clock.advance(HOUR);
            // A mailer had read the campaign before it was given its second time.
            assert_eq!(launch::start(&house.home, &before).await.expect("asked"), None);
            assert_eq!(now_runs(house).await, State::Scheduled);
        }
    }
    house.home.clock.advance(HOUR);
    assert_eq!(now_runs(house).await, State::Running);
});

/// People with a time zone each, two of whom say none that is known.
async fn people_of_the_world(house: &House) {
    house
        .join("News", &["berlin@x.example", "york@x.example", "moscow@x.example", "none@x.example", "mars@x.example"])
        .await;
    field::add(&house.home, house.workspace.id, &Field::declare("timezone", "text").expect("a field"))
        .await
        .expect("added");
    for (name, zone) in [
        ("berlin", "europe/berlin"),
        ("york", "America/New_York"),
        ("moscow", "Europe/Moscow"),
        ("mars", "Mars/Olympus"),
    ] {
        let id = house.person(&format!("{name}@x.example")).await.expect("there");
        let mut tx = house.home.db.write().await.expect("a transaction");
        let values = [("timezone".to_owned(), zone.into())].into_iter().collect();
        let address = Address::parse(&format!("{name}@x.example")).expect("an address");
        contact::change(&mut tx, house.workspace.id, &[contact::NewContact { id, address, values }], 0)
            .await
            .expect("changed");
        tx.commit().await.expect("committed");
    }
}

both!(everyone_is_written_to_when_their_own_clock_shows_the_hour, |house| {
    people_of_the_world(house).await;
    publish(house).await;
    let local = "at-local = \"2026-12-01 09:00\"\nzone = \"Europe/Moscow\"\nzone-field = \"timezone\"";
    draft(house, &letter(local)).await;
    let sink = Plan::new().start().await;
    use_relay(house, sink.target(), 2).await;

    let (sheet, _) = call(house, Command::Preflight { name: named() }).await.expect("looked");
    let warnings = sheet["warnings"].to_string();
    assert!(warnings.contains("1 person has no value for “timezone”"), "{warnings}");
    assert!(warnings.contains("“timezone” names no time zone for 1 person"), "{warnings}");
    schedule(house).await.expect("scheduled");
    // The first clock on earth shows nine at 19:00 UTC of the day before.
    assert_eq!(campaign(house).await.starts_at, Some(at("2026-11-30T19:00:00Z")));

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
        set_clock(house, &format!("{time}:00Z"));
        mail(house).await;
        came.insert(time, recipients(&sink).len());
    }
    let hours: Vec<usize> = came.into_values().collect();
    assert_eq!(hours, [0, 0, 3, 3, 4, 4, 5]);
    assert_eq!(campaign(house).await.state, State::Finished);
});

both!(who_asks_for_a_local_time_too_late_hears_how_many_missed_it, |house| {
    people_of_the_world(house).await;
    publish(house).await;
    draft(house, &letter("at-local = \"2026-11-21 09:00\"\nzone-field = \"timezone\"\nzone = \"Europe/Moscow\"")).await;
    let (sheet, _) = call(house, Command::Preflight { name: named() }).await.expect("looked");
    // It is 10:00 UTC: nine has passed in Moscow and Berlin, not in New York.
    assert!(sheet["warnings"].to_string().contains("passed already where 4 people live"), "{sheet}");

    draft(house, &letter("at-local = \"2026-12-01 09:00\"\nzone-field = \"town\"")).await;
    let (sheet, _) = call(house, Command::Preflight { name: named() }).await.expect("looked");
    assert!(sheet["problems"].to_string().contains("sendoff field add town text"), "{sheet}");

    draft(house, &letter("at-local = \"2026-11-20 20:00\"\nzone-field = \"timezone\"")).await;
    let refused = schedule(house).await.expect_err("everyone's hour has passed");
    assert_eq!(refused.message().key, "campaign-past");
});

both!(from_its_latest_time_on_nothing_leaves_and_the_campaign_asks, |house| {
    house_with(house, 200).await;
    let sink = Plan::new().at(".", Act::late(5)).start().await;
    use_relay(house, sink.target(), 4).await;
    start(house, &letter("until = \"2026-11-21 12:00\"\nzone = \"UTC\"")).await;

    let passing = async {
        letters(&sink, 20).await;
        set_clock(house, "2026-11-21T12:00:00Z");
        sink.log().letters.len()
    };
    let (_, when_passed) = tokio::join!(mail(house), passing);

    let sent = sink.log().letters.len();
    assert!(sent <= when_passed + 8, "{sent} letters, {when_passed} when the time passed");
    let late = campaign(house).await;
    assert_eq!(late.state, State::Paused);
    let reason = Lang::En.recall(&late.reason.expect("a reason"));
    assert!(reason.contains(&format!("2026-11-21 12:00 UTC, passed with {} letters unsent", 200 - sent)), "{reason}");

    assert_eq!(resume(house, None).await.expect_err("asks").message().key, "campaign-late");
    let past = resume(house, Some("2026-11-21 11:00")).await.expect_err("that has passed too");
    assert_eq!(past.message().key, "campaign-until-past");
    assert_eq!(campaign(house).await.state, State::Paused);
    resume(house, Some("2026-11-21 13:00")).await.expect("goes on");
    assert_eq!(campaign(house).await.until_at, Some(at("2026-11-21T13:00:00Z")));
    mail(house).await;
    assert_eq!(states(house).await, [("accepted", 200)].into());
    assert_eq!(campaign(house).await.state, State::Finished);
});

both!(a_campaign_whose_time_passed_while_all_was_down_sends_nothing_until_it_may, |house| {
    house_with(house, 5).await;
    publish(house).await;
    draft(house, &letter("at = \"2026-11-21 12:00\"\nuntil = \"2026-11-21 13:00\"")).await;
    schedule(house).await.expect("scheduled");
    let sink = Plan::new().start().await;
    use_relay(house, sink.target(), 1).await;

    set_clock(house, "2026-11-23T12:00:00Z");
    mail(house).await;

    assert_eq!((campaign(house).await.state, sink.log().letters.len()), (State::Paused, 0));
    resume(house, Some("never")).await.expect("goes on");
    mail(house).await;
    assert_eq!(states(house).await, [("accepted", 5)].into());
});

both!(who_starts_by_hand_after_the_latest_time_is_told_at_once, |house| {
    house_with(house, 1).await;
    let late = draft(house, &letter("until = \"2026-11-21 09:00\"")).await;

    let refused = launch::start(&house.home, &late).await.expect_err("too late");

    assert_eq!(refused.message().key, "campaign-until-past");
    assert_eq!(campaign(house).await.state, State::Draft);
    let until = Some("2026-11-21 11:00".to_owned());
    publish(house).await;
    call(house, Command::Start { name: named(), skip_missing: false, until }).await.expect("started");
    assert_eq!(campaign(house).await.until_at, Some(at("2026-11-21T11:00:00Z")));
});

both!(the_question_that_an_aged_mark_is_asked_again_knows_the_latest_time, |house| {
    house_with(house, 1).await;
    let running = start(house, &letter("until = \"2026-11-21 12:00\"")).await;
    let marks: Vec<Mark> = claim(house, running.id, 1).await.iter().map(mark_of).collect();
    let mut tx = house.home.db.write().await.expect("a transaction");
    assert_eq!(delivery::mark(&mut tx, 1, &marks, at("2026-11-21T11:59:59Z")).await.expect("asked").len(), 1);
    let id = marks[0].id;

    assert!(delivery::may_send(&mut tx, 1, id, at("2026-11-21T11:59:59.999Z")).await.expect("asked"));
    assert!(!delivery::may_send(&mut tx, 1, id, at("2026-11-21T12:00:00Z")).await.expect("asked"));
    deadline::set_until(&mut tx, running.id, None).await.expect("set");
    assert!(delivery::may_send(&mut tx, 1, id, at("2026-11-21T12:00:00Z")).await.expect("asked"));
    assert!(!delivery::may_send(&mut tx, 2, id, at("2026-11-21T12:00:00Z")).await.expect("asked"), "another's");
});

/// Takes the due deliveries of a campaign in hand.
async fn claim(house: &House, campaign: Id, mailer: Id) -> Vec<Claimed> {
    let wanted = Claim { mailer, campaign, lane: "rest", limit: 10, now: house.home.clock.now() };
    delivery::claim(&house.home.db, &Hand::default(), &wanted).await.expect("claimed")
}

fn mark_of(claimed: &Claimed) -> Mark {
    Mark { id: claimed.id, campaign: claimed.campaign, relay: 1 }
}

both!(the_last_word_before_a_letter_knows_the_latest_time, |house| {
    house_with(house, 1).await;
    let running = start(house, &letter("until = \"2026-11-21 12:00\"")).await;
    let marks: Vec<Mark> = claim(house, running.id, 1).await.iter().map(mark_of).collect();
    let mut tx = house.home.db.write().await.expect("a transaction");

    assert!(delivery::mark(&mut tx, 1, &marks, at("2026-11-21T12:00:00Z")).await.expect("asked").is_empty());
    assert_eq!(delivery::mark(&mut tx, 1, &marks, at("2026-11-21T11:59:59Z")).await.expect("asked").len(), 1);
});

both!(while_a_campaign_holds_nothing_leaves_and_all_can_be_taken_back, |house| {
    house_with(house, 4).await;
    publish(house).await;
    let sink = Plan::new().start().await;
    use_relay(house, sink.target(), 2).await;
    draft(house, &letter("hold = 30")).await;
    let command = Command::Start { name: named(), skip_missing: false, until: None };
    let (_, text) = call(house, command).await.expect("started");
    assert!(text.contains("30 seconds until the first letter leaves"), "{text}");

    house.home.clock.advance(28_500);
    assert_eq!(mail(house).await, Some(house.home.clock.now() + 1_500));
    let (shown, _) = call(house, Command::Show { name: named(), watch: false }).await.expect("shown");
    assert_eq!((&shown["held_seconds"], &shown["accepted"]), (&2.into(), &0.into()));

    let (numbers, _) = call(house, Command::Recall { name: named() }).await.expect("recalled");
    assert_eq!((&numbers["recalled"], &numbers["accepted"]), (&4.into(), &0.into()));
    house.home.clock.advance(HOUR);
    mail(house).await;
    assert_eq!(sink.log().letters.len(), 0);
    assert_eq!(states(house).await, [("skipped", 4)].into());
});

both!(after_the_hold_the_letters_leave_and_a_campaign_that_waited_has_none, |house| {
    house_with(house, 2).await;
    publish(house).await;
    let mut tx = house.home.db.write().await.expect("a transaction");
    setting::set(&mut tx, Setting::Hold, "20").await.expect("set");
    tx.commit().await.expect("committed");
    let sink = Plan::new().start().await;
    use_relay(house, sink.target(), 1).await;

    draft(house, &letter("at = \"2026-11-21 12:00\"")).await;
    schedule(house).await.expect("scheduled");
    set_clock(house, "2026-11-21T12:00:00Z");
    mail(house).await;
    assert_eq!(sink.log().letters.len(), 2);

    let other = letter("hold = 0").replace("autumn", "winter");
    assert_eq!(held(house, &other, "winter").await, None);
    let third = letter("").replace("autumn", "third");
    assert_eq!(held(house, &third, "third").await, Some(house.home.clock.now() + 20_000));
    house.home.clock.advance(20_000);
    mail(house).await;
    assert_eq!(sink.log().letters.len(), 6);
});

async fn held(house: &House, text: &str, name: &str) -> Option<Millis> {
    let path = house.folder.path().join("letter.md");
    std::fs::write(&path, text).expect("a file");
    call(house, Command::Add { file: path }).await.expect("added");
    let command = Command::Start { name: name.to_owned(), skip_missing: false, until: None };
    call(house, command).await.expect("started");
    let mut conn = house.home.db.read().await.expect("a connection");
    state::need(&mut conn, house.workspace.id, name).await.expect("there").holds_until
}

both!(a_recall_in_full_flight_counts_every_letter, |house| {
    house_with(house, 60).await;
    // The letter that is on the wire while the rest is recalled comes back to be tried again.
    let word = Arc::new(Semaphore::new(0));
    let given = word.clone();
    let sink = Plan::new()
        .on(move |at| match (at.verb, at.count) {
            (".", 11) => Act::Until(given.clone(), Box::new(Act::Say("451 4.3.0 later"))),
            _ => Act::Usual,
        })
        .start()
        .await;
    use_relay(house, sink.target(), 1).await;
    start(house, LETTER).await;

    let recalling = async {
        while states(house).await.get("accepted") != Some(&10) || states(house).await.get("sending") != Some(&1) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let (numbers, _) = call(house, Command::Recall { name: named() }).await.expect("recalled");
        word.add_permits(1);
        numbers
    };
    let (_, numbers) = tokio::join!(mail(house), recalling);

    assert_eq!(numbers["planned"], 60);
    let sum: i64 = ["accepted", "recalled", "uncertain", "sending"]
        .iter()
        .map(|key| numbers[key].as_i64().expect("a number"))
        .sum();
    assert_eq!(sum, 60, "{numbers}");
    assert_eq!((&numbers["accepted"], &numbers["sending"]), (&10.into(), &1.into()));
    house.home.clock.advance(6 * HOUR);
    mail(house).await;
    assert_eq!(sink.log().letters.len(), 10);
    assert_eq!(states(house).await, [("accepted", 10), ("skipped", 50)].into());

    let (again, _) = call(house, Command::Recall { name: named() }).await.expect("recalled again");
    assert_eq!((&again["recalled"], &again["accepted"], &again["sending"]), (&50.into(), &10.into(), &0.into()));
});

both!(what_a_connection_had_taken_and_not_begun_is_recalled_too, |house| {
    house_with(house, 2).await;
    let running = start(house, LETTER).await;
    let claimed = claim(house, running.id, 7).await;
    let (home, ids) = (&house.home, claimed.iter().map(|claimed| claimed.id).collect::<Vec<_>>());
    let mut tx = home.db.write().await.expect("a transaction");
    recall::recall(&mut tx, &running, home.clock.now()).await.expect("recalled");

    let marks: Vec<Mark> = claimed.iter().map(mark_of).collect();
    assert!(delivery::mark(&mut tx, 7, &marks, home.clock.now()).await.expect("asked").is_empty());
    delivery::release(&mut tx, 7, &ids, home.clock.now()).await.expect("given back");
    let outcomes: Vec<_> = claimed.iter().map(|claimed| deferred(claimed, home.clock.now())).collect();
    delivery::record(&mut tx, 7, &outcomes, home.clock.now()).await.expect("recorded");

    assert_eq!(recall::recalled(&mut tx, &running).await.expect("counted"), 2);
    tx.commit().await.expect("committed");
    assert_eq!(states(house).await, [("skipped", 2)].into());
});

fn deferred(claimed: &Claimed, now: Millis) -> delivery::Outcome {
    delivery::Outcome {
        id: claimed.id,
        campaign: claimed.campaign,
        marked: false,
        state: delivery::State::Pending,
        reason: Some("deferred".to_owned()),
        code: 450,
        reply: "4.2.1 later".to_owned(),
        due_at: now,
        tried: true,
    }
}

both!(a_draft_has_nothing_to_recall_and_a_finished_campaign_keeps_its_end, |house| {
    house_with(house, 2).await;
    draft(house, LETTER).await;
    let refused = call(house, Command::Recall { name: named() }).await.expect_err("nothing left");
    assert_eq!(refused.message().key, "campaign-state");
    let sink = Plan::new().start().await;
    use_relay(house, sink.target(), 1).await;
    launch::start(&house.home, &campaign(house).await).await.expect("started");
    mail(house).await;

    let (numbers, _) = call(house, Command::Recall { name: named() }).await.expect("told");

    assert_eq!((&numbers["state"], &numbers["recalled"]), (&"finished".into(), &0.into()));
});

both!(at_full_speed_a_pause_stops_all_connections, |house| {
    house_with(house, 4_000).await;
    let sink = Plan::new().start().await;
    use_relay(house, sink.target(), 20).await;
    let running = start(house, LETTER).await;
    let (stop, stopped) = watch::channel(false);

    let pausing = async {
        letters(&sink, 200).await;
        pause(house, &running).await;
        let when_paused = sink.log().letters.len();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let two_seconds_later = sink.log().letters.len();
        tokio::time::sleep(Duration::from_secs(2)).await;
        stop.send(true).expect("someone listens");
        (when_paused, two_seconds_later)
    };
    let work = shift::work(&house.home, Mode::Forever, Arc::new(|| true), stopped);
    let (ended, (when_paused, later)) = tokio::join!(work, pausing);

    ended.expect("a clean end");
    let sent = sink.log().letters.len();
    assert!(when_paused < 4_000 && later <= when_paused + 20, "{when_paused} when paused, {later} two seconds later");
    assert_eq!(sent, later);
    assert_eq!(states(house).await, [("accepted", sent as i64), ("pending", 4_000 - sent as i64)].into());
});

async fn pause(house: &House, running: &Campaign) {
    let mut tx = house.home.db.write().await.expect("a transaction");
    state::pause(&mut tx, running, "by hand").await.expect("paused");
    tx.commit().await.expect("committed");
}

both!(a_latest_time_that_is_set_while_letters_leave_holds_at_once, |house| {
    house_with(house, 300).await;
    let sink = Plan::new().at(".", Act::late(3)).start().await;
    use_relay(house, sink.target(), 3).await;
    let running = start(house, LETTER).await;

    let bounding = async {
        letters(&sink, 10).await;
        let mut tx = house.home.db.write().await.expect("a transaction");
        deadline::set_until(&mut tx, running.id, Some(house.home.clock.now())).await.expect("set");
        tx.commit().await.expect("committed");
        sink.log().letters.len()
    };
    let (_, when_set) = tokio::join!(mail(house), bounding);

    let sent = sink.log().letters.len();
    assert!(sent <= when_set + 3, "{sent} letters, {when_set} when it was set");
    assert_eq!(campaign(house).await.state, State::Paused);
});
