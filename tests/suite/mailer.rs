//! Campaigns against a server that answers, delays, refuses and hangs up as it is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sendoff::audience::{contact, list, subscription};
use sendoff::campaign::state::{self, Campaign, NewCampaign, State};
use sendoff::campaign::{delivery, launch};
use sendoff::ground::clock::DAY;
use sendoff::ground::error::Error;
use sendoff::ground::setting::{self, Setting};
use sendoff::mailer::lease::Lease;
use sendoff::mailer::relay::{self, Kind, Relay};
use sendoff::mailer::shift::{self, Mode};
use sendoff::mailer::target::Target;
use sendoff::privacy::erasure::{self, Reason};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::canary;
use crate::house::{House, both};
use crate::sink::{Act, Plan, Sink};

pub const LETTER: &str = "+++\nname = \"autumn\"\nlist = \"News\"\nfrom = \"Shop <news@shop.example>\"\nsubject = \"Autumn\"\n+++\n# Hello\n\n[Look](https://shop.example/)\n";

pub async fn use_relay(house: &House, target: Target, connections: u32) {
    let mut tx = house.home.db.write().await.expect("a transaction");
    let relay = Relay { connections, ..Relay::to(Kind::Smtp(Box::new(target))) };
    relay::set(&house.home, &mut tx, house.workspace.id, &relay).await.expect("a relay");
    setting::set(&mut tx, Setting::RelayPatience, "1").await.expect("a setting");
    tx.commit().await.expect("committed");
}

pub async fn start(house: &House, letter: &str) -> Campaign {
    let draft = draft(house, letter).await;
    launch::start(&house.home, &draft).await.expect("launched");
    campaign(house).await
}

pub async fn draft(house: &House, letter: &str) -> Campaign {
    let (home, workspace) = (&house.home, house.workspace.id);
    let mut tx = home.db.write().await.expect("a transaction");
    let list = list::need(&mut tx, workspace, "News").await.expect("a list");
    let new =
        NewCampaign { id: home.ids.next(), name: "autumn", format: "md", source: letter, list: list.id, segment: None };
    state::add(&mut tx, workspace, &new, home.clock.now()).await.expect("a draft");
    tx.commit().await.expect("committed");
    campaign(house).await
}

pub async fn campaign(house: &House) -> Campaign {
    let mut conn = house.home.db.read().await.expect("a connection");
    state::need(&mut conn, house.workspace.id, "autumn").await.expect("the campaign")
}

pub async fn mail(house: &House) -> Option<i64> {
    let (_keep, stop) = watch::channel(false);
    shift::work(&house.home, Mode::UntilIdle, Arc::new(|| true), stop).await.expect("a shift")
}

pub async fn states(house: &House) -> BTreeMap<&'static str, i64> {
    let id = campaign(house).await.id;
    let mut conn = house.home.db.read().await.expect("a connection");
    let counts = delivery::count(&mut conn, id).await.expect("counted");
    counts.into_iter().map(|(state, count)| (state.as_str(), count)).collect()
}

fn crowd(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("person{n}@example.org")).collect()
}

pub async fn house_with(house: &House, count: usize) {
    let crowd = crowd(count);
    house.join("News", &crowd.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

pub fn recipients(sink: &Sink) -> BTreeMap<String, usize> {
    let mut seen = BTreeMap::new();
    for letter in &sink.log().letters {
        *seen.entry(letter.to[0].clone()).or_default() += 1;
    }
    seen
}

both!(everyone_gets_one_letter_and_the_campaign_ends, |house| {
    house_with(house, 120).await;
    let sink = Plan::new().start().await;
    use_relay(house, sink.target(), 5).await;
    start(house, LETTER).await;

    mail(house).await;

    assert_eq!(states(house).await, [("accepted", 120)].into());
    assert_eq!(campaign(house).await.state, State::Finished);
    let seen = recipients(&sink);
    assert_eq!((seen.len(), seen.values().sum::<usize>()), (120, 120));
    assert!(sink.log().connections <= 5);
});

both!(starting_twice_freezes_one_audience, |house| {
    house_with(house, 3).await;
    let campaign = draft(house, LETTER).await;

    let mut starts = JoinSet::new();
    for _ in 0..20 {
        let (home, campaign) = (house.home.clone(), campaign.clone());
        starts.spawn(async move { launch::start(&home, &campaign).await });
    }
    let begun = starts.join_all().await.into_iter().filter(|start| matches!(start, Ok(Some(3)))).count();

    assert_eq!(begun, 1);
    assert_eq!(states(house).await, [("pending", 3)].into());
});

both!(the_mark_is_on_disk_before_the_message_is_written, |house| {
    house_with(house, 1).await;
    let sink = Plan::new().at("DATA", Act::late(400)).start().await;
    use_relay(house, sink.target(), 1).await;
    start(house, LETTER).await;

    let sending = async {
        while !sink.heard("DATA") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        states(house).await
    };
    let (_, seen) = tokio::join!(mail(house), sending);

    assert_eq!(seen, [("sending", 1)].into());
    assert_eq!(states(house).await, [("accepted", 1)].into());
});

both!(a_refused_recipient_is_a_bounce_and_nothing_else, |house| {
    house_with(house, 3).await;
    let sink = Plan::new()
        .on(|at| if at.line.contains("person1@") { Act::Say("550 5.1.1 no such user") } else { Act::Usual })
        .start()
        .await;
    use_relay(house, sink.target(), 1).await;
    start(house, LETTER).await;

    mail(house).await;

    assert_eq!(states(house).await, [("accepted", 2), ("rejected", 1)].into());
    assert_eq!(campaign(house).await.state, State::Finished);
});

both!(a_deferred_letter_comes_again_with_the_same_bytes, |house| {
    house_with(house, 1).await;
    let sink = Plan::new()
        .on(|at| if at.verb == "." && at.count == 1 { Act::Say("451 4.7.1 later") } else { Act::Usual })
        .start()
        .await;
    use_relay(house, sink.target(), 1).await;
    start(house, LETTER).await;

    let next = mail(house).await.expect("a time for the second try");
    assert_eq!(next - house.home.clock.now(), 900_000);
    assert_eq!(states(house).await, [("pending", 1)].into());
    let first = texts_of(&sink);

    // The person's data changes meanwhile: the message does not.
    let mut tx = house.home.db.write().await.expect("a transaction");
    let person = house.person("person0@example.org").await.expect("there");
    let mut found = contact::get(&mut tx, person).await.expect("asked").expect("there");
    found.values.insert("city".to_owned(), "Казань".into());
    let changed = contact::NewContact { id: person, address: found.address, values: found.values };
    contact::change(&mut tx, house.workspace.id, &[changed], house.home.clock.now()).await.expect("changed");
    tx.commit().await.expect("committed");
    house.home.clock.advance(900_001);
    mail(house).await;

    assert_eq!(states(house).await, [("accepted", 1)].into());
    let texts = texts_of(&sink);
    assert_eq!(texts.len(), 2);
    assert_eq!(texts[0], texts[1]);
    assert_eq!(first[0], texts[0]);
});

/// What was written between DATA and the last dot, accepted or not.
fn texts_of(sink: &Sink) -> Vec<Vec<u8>> {
    let log = sink.log();
    let text = String::from_utf8_lossy(&log.clear).into_owned();
    text.split("DATA\r\n")
        .skip(1)
        .filter_map(|rest| rest.split("\r\n.\r\n").next())
        .map(|text| text.as_bytes().to_vec())
        .collect()
}

both!(who_defers_for_five_days_is_given_up, |house| {
    house_with(house, 1).await;
    let sink = Plan::new().at("RCPT", Act::Say("450 4.2.1 greylisted")).start().await;
    use_relay(house, sink.target(), 1).await;
    start(house, LETTER).await;

    for _ in 0..60 {
        mail(house).await;
        house.home.clock.advance(DAY / 4 + 1);
    }

    assert_eq!(states(house).await, [("rejected", 1)].into());
    assert_eq!(campaign(house).await.state, State::Finished);
});

both!(a_lost_answer_is_uncertain_and_never_repeated, |house| {
    house_with(house, 3).await;
    let sink = Plan::new().on(|at| if at.verb == "." && at.count == 2 { Act::Drop } else { Act::Usual }).start().await;
    use_relay(house, sink.target(), 1).await;
    start(house, LETTER).await;

    mail(house).await;
    mail(house).await;

    assert_eq!(states(house).await, [("accepted", 2), ("uncertain", 1)].into());
    assert_eq!(campaign(house).await.state, State::Finished);
});

both!(who_leaves_between_envelope_and_mark_gets_nothing, |house| {
    house_with(house, 2).await;
    let sink = Plan::new()
        .on(|at| if at.verb == "RCPT" && at.line.contains("person1@") { Act::late(400) } else { Act::Usual })
        .start()
        .await;
    use_relay(house, sink.target(), 1).await;
    let list = start(house, LETTER).await.list;
    let person = house.person("person1@example.org").await.expect("there");

    let leaving = async {
        while !sink.heard("person1@") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        erasure::leave(&house.home, house.workspace.id, person, list, Reason::Left, None).await.expect("left");
    };
    tokio::join!(mail(house), leaving);

    assert_eq!(recipients(&sink).len(), 1);
    assert_eq!(states(house).await, [("accepted", 1)].into());
    assert_eq!(campaign(house).await.state, State::Finished);
});

both!(the_restricted_are_suppressed_at_send_time, |house| {
    house_with(house, 2).await;
    let sink = Plan::new().start().await;
    use_relay(house, sink.target(), 1).await;
    start(house, LETTER).await;
    let person = house.person("person0@example.org").await.expect("there");
    let mut tx = house.home.db.write().await.expect("a transaction");
    subscription::restrict(&mut tx, person).await.expect("restricted");
    tx.commit().await.expect("committed");

    mail(house).await;

    assert_eq!(states(house).await, [("accepted", 1), ("suppressed", 1)].into());
});

both!(a_dead_relay_pauses_and_blames_nobody, |house| {
    house_with(house, 40).await;
    use_relay(house, Target::local(([127, 0, 0, 1], 1).into()), 3).await;
    start(house, LETTER).await;

    mail(house).await;

    let paused = campaign(house).await;
    assert_eq!(paused.state, State::Paused);
    assert!(paused.reason.expect("a reason").contains("smtp-unreachable"));
    assert_eq!(states(house).await, [("pending", 40)].into());

    let sink = Plan::new().start().await;
    use_relay(house, sink.target(), 3).await;
    let mut tx = house.home.db.write().await.expect("a transaction");
    state::resume(&mut tx, &campaign(house).await).await.expect("resumed");
    tx.commit().await.expect("committed");
    mail(house).await;
    assert_eq!(states(house).await, [("accepted", 40)].into());
});

both!(a_refused_sender_pauses_and_blames_nobody, |house| {
    house_with(house, 5).await;
    let sink = Plan::new().at("MAIL", Act::Say("553 5.7.1 not your domain")).start().await;
    use_relay(house, sink.target(), 2).await;
    start(house, LETTER).await;

    mail(house).await;

    assert_eq!(campaign(house).await.state, State::Paused);
    assert_eq!(states(house).await, [("pending", 5)].into());
});

both!(connections_that_break_lose_nobody, |house| {
    house_with(house, 60).await;
    let sink = Plan::new()
        .on(|at| match (at.verb, at.count % 7) {
            ("MAIL", 3) => Act::SayAndDrop("421 4.3.2 closing"),
            ("RCPT", 5) => Act::Drop,
            ("DATA", 6) => Act::Drop,
            _ => Act::Usual,
        })
        .start()
        .await;
    use_relay(house, sink.target(), 4).await;
    start(house, LETTER).await;

    mail(house).await;

    assert_eq!(states(house).await, [("accepted", 60)].into());
    assert!(recipients(&sink).values().all(|count| *count == 1));
});

both!(without_smtputf8_a_cyrillic_mailbox_is_skipped_and_a_cyrillic_domain_is_not, |house| {
    house.join("News", &["иван@почта.example", "user@почта.example"]).await;
    let sink = Plan::new().offering(&["PIPELINING"]).start().await;
    use_relay(house, sink.target(), 1).await;
    start(house, LETTER).await;

    mail(house).await;

    assert_eq!(states(house).await, [("accepted", 1), ("skipped", 1)].into());
    assert!(recipients(&sink).keys().all(|to| to.contains("user@xn--80a1acny.example")));
});

both!(pause_holds_what_is_left_and_resume_sends_it, |house| {
    house_with(house, 30).await;
    let sink = Plan::new().at(".", Act::late(30)).start().await;
    use_relay(house, sink.target(), 1).await;
    let running = start(house, LETTER).await;

    let pausing = async {
        while sink.log().letters.len() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut tx = house.home.db.write().await.expect("a transaction");
        state::pause(&mut tx, &running, "by hand").await.expect("paused");
        tx.commit().await.expect("committed");
        sink.log().letters.len()
    };
    let (_, when_paused) = tokio::join!(mail(house), pausing);
    let sent = sink.log().letters.len();
    assert!(sent <= when_paused + 2, "{sent} letters, {when_paused} when paused");
    assert_eq!(states(house).await["pending"], 30 - sent as i64);

    let mut tx = house.home.db.write().await.expect("a transaction");
    state::resume(&mut tx, &campaign(house).await).await.expect("resumed");
    tx.commit().await.expect("committed");
    mail(house).await;
    assert_eq!(states(house).await, [("accepted", 30)].into());
});

both!(a_mailer_that_died_leaves_pending_and_uncertain_rows, |house| {
    house_with(house, 4).await;
    let sink = Plan::new().start().await;
    use_relay(house, sink.target(), 1).await;
    let running = start(house, LETTER).await;
    let home = &house.home;
    let (lease, _) = Lease::take(home).await.expect("a lease");
    let claimed = canary::claim(house, lease.id, running.id, 3).await;
    canary::mark(house, lease.id, &claimed[..1]).await;
    drop(lease);
    home.clock.advance(DAY);

    mail(house).await;

    assert_eq!(states(house).await, [("accepted", 3), ("uncertain", 1)].into());
});

both!(a_stop_drains_and_gives_the_rest_back, |house| {
    house_with(house, 50).await;
    let sink = Plan::new().at(".", Act::late(40)).start().await;
    use_relay(house, sink.target(), 2).await;
    start(house, LETTER).await;
    let (stop, stopped) = watch::channel(false);

    let stopping = async {
        while sink.log().letters.len() < 4 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.send(true).expect("someone listens");
    };
    let (ended, ()) = tokio::join!(shift::work(&house.home, Mode::Forever, Arc::new(|| true), stopped), stopping);

    ended.expect("a clean end");
    let sent = sink.log().letters.len() as i64;
    let states = states(house).await;
    assert!(sent < 50);
    assert_eq!(states, [("accepted", sent), ("pending", 50 - sent)].into());
});

#[tokio::test]
async fn a_second_mailer_on_one_folder_hears_who_holds_it() {
    let house = House::new(crate::house::Kind::Sqlite).await;
    let (_lease, _) = Lease::take(&house.home).await.expect("a lease");

    let Err(Error::Failed(refusal)) = Lease::take(&house.home).await else { panic!("two mailers on one folder") };

    assert_eq!(refusal.key, "lock-held");
    assert!(refusal.args.contains(&("pid", std::process::id().to_string())));
}

both!(cancelling_skips_what_was_not_sent, |house| {
    house_with(house, 6).await;
    let running = start(house, LETTER).await;
    let mut tx = house.home.db.write().await.expect("a transaction");
    state::cancel(&mut tx, &running, house.home.clock.now()).await.expect("cancelled");
    tx.commit().await.expect("committed");

    assert_eq!(states(house).await, [("skipped", 6)].into());
    assert_eq!(campaign(house).await.state, State::Cancelled);
});
