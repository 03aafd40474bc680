//! Lane back-off: replies that ask for a lower rate or name a sender fault.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sendoff::audience::subscription;
use sendoff::campaign::delivery::{self, Mark};
use sendoff::campaign::lane::Lane;
use sendoff::campaign::model::State;
use sendoff::campaign::model::transition;
use sendoff::cli::lane::{self as door, Command};
use sendoff::infra::i18n::Lang;
use sendoff::mailer::limits::MAX_LANE_REFUSALS;
use sendoff::mailer::limits::lane_backoff::MAX_SENDER_FAULTS;

use super::fixture::{at, backoff_of, limit, mail_for, rate, to};
use crate::canary;
use crate::fixture::{Fixture, NOW, both};
use crate::mail_sink::{Action, Plan};
use crate::mailer::fixture::{EMAIL, campaign, mail, start, states, subscribe_many, use_relay};

both!(greylisting_neither_slows_a_lane_nor_delays_others, |fixture| {
    at(fixture, "gmail.com", 60).await;
    at(fixture, "example.org", 60).await;
    let sink = Plan::new()
        .on(|at| match at.verb {
            "RCPT" if at.line.contains("gmail") => Action::Say("451 4.7.1 Greylisted, come back in 5 minutes"),
            _ => Action::Usual,
        })
        .start()
        .await;
    use_relay(fixture, sink.target(), 2).await;
    start(fixture, EMAIL).await;

    mail(fixture).await;

    assert_eq!(states(fixture).await, [("accepted", 60), ("pending", 60)].into());
    assert_eq!(campaign(fixture).await.state, State::Running);
    assert_eq!(backoff_of(fixture, "gmail").await, None);
});

both!(too_fast_reply_slows_only_its_lane, |fixture| {
    at(fixture, "yandex.ru", 200).await;
    at(fixture, "example.org", 100).await;
    let sink = Plan::new()
        .on(|at| match at.verb {
            "RCPT" if at.line.contains("yandex") => Action::SayAndDrop("421 4.7.0 Try again later, too many messages"),
            _ => Action::Usual,
        })
        .start()
        .await;
    use_relay(fixture, sink.target(), 4).await;
    start(fixture, EMAIL).await;

    mail_for(fixture, Duration::from_secs(3)).await;

    assert_eq!(to(&sink, "example.org"), 100);
    let pace = backoff_of(fixture, "yandex").await.and_then(|backoff| backoff.rate(NOW)).expect("a pace");
    assert!(pace >= 0.1, "{pace}");
    assert_eq!(backoff_of(fixture, "rest").await, None);
    let tried = 200 - untried(fixture).await;
    assert!(tried < 150, "{tried} were tried although the server wants fewer");
    assert_eq!(campaign(fixture).await.state, State::Running, "the relay is not in trouble");
    assert_eq!(states(fixture).await, [("accepted", 100), ("pending", 200)].into());

    // After a restart the reduced rate holds.
    let before = sink.log().connections;
    mail_for(fixture, Duration::from_secs(1)).await;
    assert!(sink.log().connections - before <= 2 + pace.ceil() as usize);
});

async fn untried(fixture: &Fixture) -> i64 {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let row = sqlx::query("select count(*) from delivery where state = 'pending' and attempts = 0 and lane = 'yandex'");
    sqlx::Row::get(&row.fetch_one(&mut *conn).await.expect("counted"), 0)
}

both!(sender_faults_pause_the_lane_and_affect_no_recipient, |fixture| {
    at(fixture, "gmail.com", 50).await;
    at(fixture, "example.org", 30).await;
    let mended = Arc::new(AtomicBool::default());
    let is_mended = mended.clone();
    let sink = Plan::new()
        .on(move |at| match at.verb {
            "RCPT" if at.line.contains("gmail") && !is_mended.load(Ordering::SeqCst) => {
                Action::Say("550 5.7.25 The IP address sending this message does not have a PTR record")
            }
            _ => Action::Usual,
        })
        .start()
        .await;
    use_relay(fixture, sink.target(), 3).await;
    let list = start(fixture, EMAIL).await.list;

    let next = mail(fixture).await;

    assert_eq!(states(fixture).await, [("accepted", 30), ("pending", 50)].into());
    assert_eq!(campaign(fixture).await.state, State::Running);
    let asked = sink.log().commands.iter().filter(|line| line.starts_with("RCPT") && line.contains("gmail")).count();
    assert!(
        (MAX_SENDER_FAULTS as usize..MAX_SENDER_FAULTS as usize + 3).contains(&asked),
        "{asked} were named before the pause"
    );
    let people = subscription::count(&mut fixture.installation.db.read().await.expect("a connection"), list)
        .await
        .expect("counted");
    assert_eq!(people.iter().map(|(_, count)| count).sum::<i64>(), 80);
    let reason = backoff_of(fixture, "gmail").await.expect("known").reason.expect("paused");
    for (lang, words) in [(Lang::EN, "PTR record"), (Lang::RU, "записи PTR")] {
        let text = lang.translate_packed(&reason);
        assert!(
            text.contains(words) && text.contains("sendoff lane resume gmail") && !text.contains("person"),
            "{text}"
        );
    }
    assert!(next.is_none_or(|next| next > NOW), "{next:?}");

    // The lane stays paused until an operator resumes it.
    mail(fixture).await;
    assert_eq!(to(&sink, "gmail"), 0);
    mended.store(true, Ordering::SeqCst);
    door::run(&fixture.installation, &fixture.actor, Command::Resume { name: "gmail".to_owned() }, Lang::EN)
        .await
        .expect("resumed");
    fixture.installation.clock.advance(900_001);
    mail(fixture).await;
    assert_eq!(states(fixture).await, [("accepted", 80)].into());
    assert_eq!(campaign(fixture).await.state, State::Finished);
});

both!(refusals_in_a_row_pause_their_lane_while_others_go_on, |fixture| {
    at(fixture, "gmail.com", 60).await;
    at(fixture, "example.org", 300).await;
    // Between two refusals some are accepted elsewhere, so that the campaign never sees many in a row.
    limit(fixture, Lane { rate_limit: rate(40.0), ..Lane::new("gmail", "gmail.com") }).await;
    limit(fixture, Lane { rate_limit: rate(400.0), ..Lane::new("rest", "") }).await;
    let sink = Plan::new()
        .on(|at| match at.verb {
            "RCPT" if at.line.contains("gmail") => Action::Say("554 5.0.0 no"),
            _ => Action::Usual,
        })
        .start()
        .await;
    use_relay(fixture, sink.target(), 3).await;
    start(fixture, EMAIL).await;

    mail(fixture).await;

    let (states, most) = (states(fixture).await, MAX_LANE_REFUSALS);
    assert_eq!(states["accepted"], 300, "{states:?}");
    assert!((most..most + 5).contains(&states["rejected"]), "{states:?}");
    assert_eq!(campaign(fixture).await.state, State::Running);
    let reason = backoff_of(fixture, "gmail").await.expect("known").reason.expect("paused");
    for lang in [Lang::EN, Lang::RU] {
        let text = lang.translate_packed(&reason);
        assert!(text.contains("sendoff lane resume gmail") && text.contains("5.0.0") && !text.contains('$'), "{text}");
    }
    assert_eq!(backoff_of(fixture, "rest").await.and_then(|backoff| backoff.reason), None);
});

both!(many_unknown_addresses_pause_a_campaign_once, |fixture| {
    subscribe_many(fixture, 120).await;
    let sink = Plan::new().at("RCPT", Action::Say("550 5.1.1 no such user")).start().await;
    use_relay(fixture, sink.target(), 3).await;
    start(fixture, EMAIL).await;

    mail(fixture).await;

    let stopped = campaign(fixture).await;
    assert_eq!(stopped.state, State::Paused);
    assert!(stopped.reason.expect("a reason").contains("breaker-bounces"));
    let rejected = states(fixture).await["rejected"];
    assert!((26..26 + 6).contains(&rejected), "{rejected}");

    // After a resume the stop rule does not trip again.
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    transition::resume(&mut tx, &campaign(fixture).await).await.expect("resumed");
    tx.commit().await.expect("committed");
    mail(fixture).await;
    assert_eq!(states(fixture).await, [("rejected", 120)].into());
    let counts =
        delivery::count(&mut fixture.installation.db.read().await.expect("a connection"), campaign(fixture).await.id)
            .await;
    assert_eq!(counts.expect("counted").len(), 1);
});

both!(deferred_delivery_is_not_marked_before_its_time, |fixture| {
    subscribe_many(fixture, 1).await;
    let running = start(fixture, EMAIL).await;
    let [claimed] = canary::claim(fixture, canary::MAILER, running.id, 1).await.try_into().expect("one delivery");
    let mark = async || {
        let mark = Mark { id: claimed.id, campaign: running.id, relay: 1 };
        let mut tx = fixture.installation.db.write().await.expect("a transaction");
        let marked =
            delivery::mark(&mut tx, canary::MAILER, &[mark], fixture.installation.clock.now()).await.expect("asked");
        tx.commit().await.expect("committed");
        marked.len()
    };

    assert_eq!(mark().await, 1);
    canary::end(fixture, &running, &[(claimed.id, delivery::State::Pending)]).await;
    assert_eq!(mark().await, 0, "whoever had claimed it before it was put off must not send it");
    fixture.installation.clock.advance(1);
    assert_eq!(mark().await, 1);
});
