//! Pause, shutdown, crash and cancel during sending.

use std::sync::Arc;
use std::time::Duration;

use sendoff::campaign::lifecycle;
use sendoff::campaign::model::State;
use sendoff::campaign::model::transition;
use sendoff::infra::clock::DAY;
use sendoff::infra::error::Error;
use sendoff::mailer::lease::Lease;
use sendoff::mailer::scheduler::{self, Mode};
use tokio::sync::watch;

use crate::canary;
use crate::fixture::{Fixture, both};
use crate::mail_sink::{Action, Plan};
use crate::mailer::fixture::{EMAIL, campaign, mail, start, states, subscribe_many, use_relay};

both!(pause_holds_pending_deliveries_and_resume_sends_them, |fixture| {
    subscribe_many(fixture, 30).await;
    let sink = Plan::new().at(".", Action::late(30)).start().await;
    use_relay(fixture, sink.target(), 1).await;
    let running = start(fixture, EMAIL).await;

    let pausing = async {
        while sink.log().messages.len() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut tx = fixture.installation.db.write().await.expect("a transaction");
        transition::pause(&mut tx, &running, "by hand").await.expect("paused");
        tx.commit().await.expect("committed");
        sink.log().messages.len()
    };
    let (_, when_paused) = tokio::join!(mail(fixture), pausing);
    let sent = sink.log().messages.len();
    assert!(sent <= when_paused + 2, "{sent} messages, {when_paused} when paused");
    assert_eq!(states(fixture).await["pending"], 30 - sent as i64);

    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    transition::resume(&mut tx, &campaign(fixture).await).await.expect("resumed");
    tx.commit().await.expect("committed");
    mail(fixture).await;
    assert_eq!(states(fixture).await, [("accepted", 30)].into());
});

both!(dead_mailer_leaves_pending_and_uncertain_deliveries, |fixture| {
    subscribe_many(fixture, 4).await;
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 1).await;
    let running = start(fixture, EMAIL).await;
    let installation = &fixture.installation;
    let (lease, _) = Lease::acquire(installation).await.expect("a lease");
    let claimed = canary::claim(fixture, lease.id, running.id, 3).await;
    canary::mark(fixture, lease.id, &claimed[..1]).await;
    drop(lease);
    installation.clock.advance(DAY);

    mail(fixture).await;

    assert_eq!(states(fixture).await, [("accepted", 3), ("uncertain", 1)].into());
});

both!(shutdown_drains_and_releases_the_rest, |fixture| {
    subscribe_many(fixture, 50).await;
    let sink = Plan::new().at(".", Action::late(40)).start().await;
    use_relay(fixture, sink.target(), 2).await;
    start(fixture, EMAIL).await;
    let (stop, stopped) = watch::channel(false);

    let stopping = async {
        while sink.log().messages.len() < 4 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.send(true).expect("someone listens");
    };
    let (ended, ()) =
        tokio::join!(scheduler::run(&fixture.installation, Mode::Forever, Arc::new(|| true), stopped), stopping);

    ended.expect("a clean end");
    let sent = sink.log().messages.len() as i64;
    let states = states(fixture).await;
    assert!(sent < 50);
    assert_eq!(states, [("accepted", sent), ("pending", 50 - sent)].into());
});

#[tokio::test]
async fn second_mailer_on_one_folder_is_refused_with_the_process_id() {
    let fixture = Fixture::new(crate::fixture::Kind::Sqlite).await;
    let (_lease, _) = Lease::acquire(&fixture.installation).await.expect("a lease");

    let Err(Error::Unavailable(refusal)) = Lease::acquire(&fixture.installation).await else {
        panic!("two mailers on one folder")
    };

    assert_eq!(refusal.key, "lock-held");
    assert!(refusal.args.contains(&("pid", std::process::id().to_string())));
}

both!(cancel_skips_pending_deliveries, |fixture| {
    subscribe_many(fixture, 6).await;
    let running = start(fixture, EMAIL).await;
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    lifecycle::cancel(&mut tx, &running, fixture.installation.clock.now()).await.expect("cancelled");
    tx.commit().await.expect("committed");

    assert_eq!(states(fixture).await, [("skipped", 6)].into());
    assert_eq!(campaign(fixture).await.state, State::Cancelled);
});
