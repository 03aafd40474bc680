//! Rate limits, quotas and warm-ups of lanes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sendoff::campaign::lane::Lane;
use sendoff::campaign::model::State;
use sendoff::campaign::model::transition;
use sendoff::campaign::rate_limit::RateLimit;
use sendoff::infra::clock::DAY;
use tokio::time::timeout;

use super::fixture::{all, at, daily, limit, mail_for, rate, to, until};
use crate::fixture::{Fixture, Kind, NOW, both};
use crate::mail_sink::{Action, Plan};
use crate::mailer::fixture::{EMAIL, campaign, mail, recipients, start, states, subscribe_many, use_relay};

both!(lane_limits_messages_on_the_wire, |fixture| {
    at(fixture, "gmail.com", 30).await;
    let (now, most) = (Arc::<AtomicI64>::default(), Arc::<AtomicI64>::default());
    let (on_wire, seen) = (now.clone(), most.clone());
    let sink = Plan::new()
        .on(move |at| {
            if at.verb == "RCPT" {
                seen.fetch_max(on_wire.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                return Action::late(5);
            }
            if at.verb == "." {
                on_wire.fetch_sub(1, Ordering::SeqCst);
            }
            Action::Usual
        })
        .start()
        .await;
    use_relay(fixture, sink.target(), 6).await;
    limit(fixture, Lane { connections: Some(2), ..Lane::new("gmail", "gmail.com googlemail.com") }).await;
    start(fixture, EMAIL).await;

    mail(fixture).await;

    assert_eq!(states(fixture).await, [("accepted", 30)].into());
    assert!((1..=2).contains(&most.load(Ordering::SeqCst)), "{most:?}");
});

both!(quota_continues_on_the_next_day, |fixture| {
    subscribe_many(fixture, 25).await;
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 4).await;
    limit(fixture, all(daily(10))).await;
    start(fixture, EMAIL).await;
    let midnight = (NOW / DAY + 1) * DAY;

    assert_eq!(mail(fixture).await, Some(midnight));
    assert_eq!(states(fixture).await, [("accepted", 10), ("pending", 15)].into());
    assert_eq!(mail(fixture).await, Some(midnight), "asking again gives no more");
    assert_eq!(states(fixture).await["accepted"], 10);

    fixture.installation.clock.advance(DAY);
    assert_eq!(mail(fixture).await, Some(midnight + DAY));
    assert_eq!(states(fixture).await["accepted"], 20);
    fixture.installation.clock.advance(DAY);
    assert_eq!(mail(fixture).await, None);
    assert_eq!(states(fixture).await, [("accepted", 25)].into());
    assert_eq!(campaign(fixture).await.state, State::Finished);
});

both!(warm_up_grows_only_by_days_of_sending, |fixture| {
    at(fixture, "gmail.com", 40).await;
    at(fixture, "example.org", 5).await;
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 4).await;
    let cap = RateLimit { daily: Some(12), warm_up: Some("4:2".parse().expect("a ramp")), rate: None };
    limit(fixture, Lane { rate_limit: cap, ..Lane::new("gmail", "gmail.com googlemail.com") }).await;
    start(fixture, EMAIL).await;

    let mut sent = Vec::new();
    for days in [0, 1, 5, 1] {
        fixture.installation.clock.advance(days * DAY);
        mail(fixture).await;
        sent.push(to(&sink, "gmail"));
    }

    assert_eq!(sent, [4, 12, 24, 36], "4, 8, then the quota of 12");
    assert_eq!(to(&sink, "example.org"), 5, "another lane has no ramp");
});

both!(restart_does_not_burst, |fixture| {
    subscribe_many(fixture, 60).await;
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 4).await;
    limit(fixture, all(rate(5.0))).await;
    start(fixture, EMAIL).await;

    // The clock is fixed: only the tokens of one second exist, however often sending starts.
    for _ in 0..4 {
        mail_for(fixture, Duration::from_millis(1_200)).await;
    }
    assert_eq!(recipients(&sink).len(), 5);
    fixture.installation.clock.advance(1_000);
    mail_for(fixture, Duration::from_millis(1_200)).await;
    assert_eq!(recipients(&sink).len(), 10);
});

both!(limit_can_change_during_sending, |fixture| {
    subscribe_many(fixture, 80).await;
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 4).await;
    limit(fixture, Lane { rate_limit: rate(3.0), ..Lane::new("rest", "") }).await;
    start(fixture, EMAIL).await;

    let lifting = async {
        until(|| sink.log().messages.len() == 3).await;
        limit(fixture, Lane::new("rest", "")).await;
    };
    timeout(Duration::from_secs(20), async { tokio::join!(mail(fixture), lifting) }).await.expect("an end");

    assert_eq!(states(fixture).await, [("accepted", 80)].into());
});

both!(paused_campaign_refunds_its_tokens, |fixture| {
    subscribe_many(fixture, 40).await;
    let sink = Plan::new().at(".", Action::late(20)).start().await;
    use_relay(fixture, sink.target(), 2).await;
    limit(fixture, all(daily(40))).await;
    let running = start(fixture, EMAIL).await;

    let pausing = async {
        until(|| sink.log().messages.len() >= 3).await;
        let mut tx = fixture.installation.db.write().await.expect("a transaction");
        transition::pause(&mut tx, &running, "by hand").await.expect("paused");
        tx.commit().await.expect("committed");
    };
    tokio::join!(mail(fixture), pausing);
    assert!(sink.log().messages.len() < 40);
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    transition::resume(&mut tx, &campaign(fixture).await).await.expect("resumed");
    tx.commit().await.expect("committed");
    mail(fixture).await;

    assert_eq!(states(fixture).await, [("accepted", 40)].into(), "the day has exactly as many");
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_mailers_share_one_limit() {
    if crate::fixture::postgres_url().is_none() {
        return;
    }
    let fixture = Fixture::new(Kind::Postgres).await;
    subscribe_many(&fixture, 120).await;
    let sink = Plan::new().at(".", Action::late(5)).start().await;
    use_relay(&fixture, sink.target(), 3).await;
    limit(&fixture, all(daily(50))).await;
    limit(&fixture, Lane { rate_limit: rate(20.0), ..Lane::new("rest", "") }).await;
    start(&fixture, EMAIL).await;

    // The clock is fixed: both mailers share the tokens of one second.
    tokio::join!(mail_for(&fixture, Duration::from_secs(2)), mail_for(&fixture, Duration::from_secs(2)));
    assert_eq!(recipients(&sink).len(), 20);

    limit(&fixture, Lane::new("rest", "")).await;
    tokio::join!(mail(&fixture), mail(&fixture));
    assert_eq!(recipients(&sink).len(), 50, "the daily quota for both together");
    assert_eq!(states(&fixture).await, [("accepted", 50), ("pending", 70)].into());
    fixture.close().await;
}
