//! Hold, pause and recall of a campaign while messages are sent.

use std::sync::Arc;
use std::time::Duration;

use sendoff::campaign::delivery::{self, Claimed, Mark};
use sendoff::campaign::launch;
use sendoff::campaign::{model, recall};
use sendoff::cli::campaign::Command;
use sendoff::infra::clock::Millis;
use sendoff::infra::setting::{self, Setting};
use sendoff::mailer::scheduler::{self, Mode};
use tokio::sync::{Semaphore, watch};

use super::fixture::{
    HOUR, call, claim, email_with, mark_of, name, pause, publish, schedule, set_clock, wait_for_messages,
};
use crate::fixture::{Fixture, both};
use crate::mail_sink::{Action, Plan};
use crate::mailer::fixture::{EMAIL, campaign, draft, mail, start, states, subscribe_many, use_relay};

both!(during_the_hold_no_message_is_sent_and_all_can_be_recalled, |fixture| {
    subscribe_many(fixture, 4).await;
    publish(fixture).await;
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 2).await;
    draft(fixture, &email_with("hold = 30")).await;
    let command = Command::Start { name: name(), skip_missing: false, until: None };
    let (_, text) = call(fixture, command).await.expect("started");
    assert!(text.contains("30 seconds until the first message is sent"), "{text}");

    fixture.installation.clock.advance(28_500);
    assert_eq!(mail(fixture).await, Some(fixture.installation.clock.now() + 1_500));
    let (shown, _) = call(fixture, Command::Show { name: name(), watch: false }).await.expect("shown");
    assert_eq!((&shown["held_seconds"], &shown["accepted"]), (&2.into(), &0.into()));

    let (numbers, _) = call(fixture, Command::Recall { name: name() }).await.expect("recalled");
    assert_eq!((&numbers["recalled"], &numbers["accepted"]), (&4.into(), &0.into()));
    fixture.installation.clock.advance(HOUR);
    mail(fixture).await;
    assert_eq!(sink.log().messages.len(), 0);
    assert_eq!(states(fixture).await, [("skipped", 4)].into());
});

both!(a_scheduled_campaign_has_no_hold_and_others_send_after_it, |fixture| {
    subscribe_many(fixture, 2).await;
    publish(fixture).await;
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    setting::set(&mut tx, Setting::Hold, "20").await.expect("set");
    tx.commit().await.expect("committed");
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 1).await;

    draft(fixture, &email_with("at = \"2026-11-21 12:00\"")).await;
    schedule(fixture).await.expect("scheduled");
    set_clock(fixture, "2026-11-21T12:00:00Z");
    mail(fixture).await;
    assert_eq!(sink.log().messages.len(), 2);

    let other = email_with("hold = 0").replace("autumn", "winter");
    assert_eq!(held(fixture, &other, "winter").await, None);
    let third = email_with("").replace("autumn", "third");
    assert_eq!(held(fixture, &third, "third").await, Some(fixture.installation.clock.now() + 20_000));
    fixture.installation.clock.advance(20_000);
    mail(fixture).await;
    assert_eq!(sink.log().messages.len(), 6);
});

async fn held(fixture: &Fixture, text: &str, name: &str) -> Option<Millis> {
    let path = fixture.folder.path().join("email.md");
    std::fs::write(&path, text).expect("a file");
    call(fixture, Command::Add { file: path }).await.expect("added");
    let command = Command::Start { name: name.to_owned(), skip_missing: false, until: None };
    call(fixture, command).await.expect("started");
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    model::find_by_name(&mut conn, fixture.workspace.id, name).await.expect("there").holds_until
}

both!(a_recall_during_a_send_counts_every_delivery, |fixture| {
    subscribe_many(fixture, 60).await;
    // The message on the wire during the recall is deferred.
    let signal = Arc::new(Semaphore::new(0));
    let waiting = signal.clone();
    let sink = Plan::new()
        .on(move |at| match (at.verb, at.count) {
            (".", 11) => Action::Until(waiting.clone(), Box::new(Action::Say("451 4.3.0 later"))),
            _ => Action::Usual,
        })
        .start()
        .await;
    use_relay(fixture, sink.target(), 1).await;
    start(fixture, EMAIL).await;

    let recalling = async {
        while states(fixture).await.get("accepted") != Some(&10) || states(fixture).await.get("sending") != Some(&1) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let (numbers, _) = call(fixture, Command::Recall { name: name() }).await.expect("recalled");
        signal.add_permits(1);
        numbers
    };
    let (_, numbers) = tokio::join!(mail(fixture), recalling);

    assert_eq!(numbers["planned"], 60);
    let sum: i64 = ["accepted", "recalled", "uncertain", "sending"]
        .iter()
        .map(|key| numbers[key].as_i64().expect("a number"))
        .sum();
    assert_eq!(sum, 60, "{numbers}");
    assert_eq!((&numbers["accepted"], &numbers["sending"]), (&10.into(), &1.into()));
    fixture.installation.clock.advance(6 * HOUR);
    mail(fixture).await;
    assert_eq!(sink.log().messages.len(), 10);
    assert_eq!(states(fixture).await, [("accepted", 10), ("skipped", 50)].into());

    let (again, _) = call(fixture, Command::Recall { name: name() }).await.expect("recalled again");
    assert_eq!((&again["recalled"], &again["accepted"], &again["sending"]), (&50.into(), &10.into(), &0.into()));
});

both!(claimed_deliveries_are_recalled, |fixture| {
    subscribe_many(fixture, 2).await;
    let running = start(fixture, EMAIL).await;
    let claimed = claim(fixture, running.id, 7).await;
    let (installation, ids) = (&fixture.installation, claimed.iter().map(|claimed| claimed.id).collect::<Vec<_>>());
    let mut tx = installation.db.write().await.expect("a transaction");
    recall::recall(&mut tx, &running, installation.clock.now()).await.expect("recalled");

    let marks: Vec<Mark> = claimed.iter().map(mark_of).collect();
    assert!(delivery::mark(&mut tx, 7, &marks, installation.clock.now()).await.expect("asked").is_empty());
    delivery::release(&mut tx, 7, &ids, installation.clock.now()).await.expect("released");
    let results: Vec<_> = claimed.iter().map(|claimed| deferred(claimed, installation.clock.now())).collect();
    delivery::record(&mut tx, 7, &results, installation.clock.now()).await.expect("recorded");

    assert_eq!(recall::count_recalled(&mut tx, &running).await.expect("counted"), 2);
    tx.commit().await.expect("committed");
    assert_eq!(states(fixture).await, [("skipped", 2)].into());
});

fn deferred(claimed: &Claimed, now: Millis) -> delivery::DeliveryResult {
    delivery::DeliveryResult {
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

both!(recalling_a_draft_is_refused_and_a_finished_campaign_stays_finished, |fixture| {
    subscribe_many(fixture, 2).await;
    draft(fixture, EMAIL).await;
    let refused = call(fixture, Command::Recall { name: name() }).await.expect_err("nothing left");
    assert_eq!(refused.message().key, "campaign-state");
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 1).await;
    launch::start(&fixture.installation, &campaign(fixture).await).await.expect("started");
    mail(fixture).await;

    let (numbers, _) = call(fixture, Command::Recall { name: name() }).await.expect("told");

    assert_eq!((&numbers["state"], &numbers["recalled"]), (&"finished".into(), &0.into()));
});

both!(a_pause_stops_all_connections, |fixture| {
    subscribe_many(fixture, 4_000).await;
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 20).await;
    let running = start(fixture, EMAIL).await;
    let (stop, stopped) = watch::channel(false);

    let pausing = async {
        wait_for_messages(&sink, 200).await;
        pause(fixture, &running).await;
        let when_paused = sink.log().messages.len();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let two_seconds_later = sink.log().messages.len();
        tokio::time::sleep(Duration::from_secs(2)).await;
        stop.send(true).expect("someone listens");
        (when_paused, two_seconds_later)
    };
    let work = scheduler::run(&fixture.installation, Mode::Forever, Arc::new(|| true), stopped);
    let (ended, (when_paused, later)) = tokio::join!(work, pausing);

    ended.expect("a clean end");
    let sent = sink.log().messages.len();
    assert!(when_paused < 4_000 && later <= when_paused + 20, "{when_paused} when paused, {later} two seconds later");
    assert_eq!(sent, later);
    assert_eq!(states(fixture).await, [("accepted", sent as i64), ("pending", 4_000 - sent as i64)].into());
});
