//! What can be held, paused and taken back while letters leave.

use std::sync::Arc;
use std::time::Duration;

use sendoff::campaign::delivery::{self, Claimed, Mark};
use sendoff::campaign::launch;
use sendoff::campaign::model::{self, recall};
use sendoff::cli::campaign::Command;
use sendoff::infra::clock::Millis;
use sendoff::infra::setting::{self, Setting};
use sendoff::mailer::scheduler::{self, Mode};
use tokio::sync::{Semaphore, watch};

use super::fixture::{HOUR, call, claim, letter, letters, mark_of, named, pause, publish, schedule, set_clock};
use crate::fixture::{House, both};
use crate::mail_sink::{Act, Plan};
use crate::mailer::fixture::{LETTER, campaign, draft, house_with, mail, start, states, use_relay};

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
    model::need(&mut conn, house.workspace.id, name).await.expect("there").holds_until
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
    let work = scheduler::work(&house.home, Mode::Forever, Arc::new(|| true), stopped);
    let (ended, (when_paused, later)) = tokio::join!(work, pausing);

    ended.expect("a clean end");
    let sent = sink.log().letters.len();
    assert!(when_paused < 4_000 && later <= when_paused + 20, "{when_paused} when paused, {later} two seconds later");
    assert_eq!(sent, later);
    assert_eq!(states(house).await, [("accepted", sent as i64), ("pending", 4_000 - sent as i64)].into());
});
