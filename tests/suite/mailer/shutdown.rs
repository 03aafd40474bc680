//! Pause, shutdown, crash and cancel during sending.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
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
    canary::mark(fixture, lease.id, &claimed[..2]).await;
    begin_body(&lease, claimed[0].id);
    drop(lease);
    installation.clock.advance(DAY);

    mail(fixture).await;

    assert_eq!(states(fixture).await, [("accepted", 3), ("uncertain", 1)].into());
});

/// Names a delivery as one whose body has begun.
fn begin_body(lease: &Lease, delivery: i64) {
    let begun = lease.begun.as_ref().expect("a file");
    Arc::new(begun.ring(1)).mark(delivery, 0).set();
}

/// Marks three of four deliveries and begins the body of the first; then `happen` does something to the file that names
/// it, and a new mailer sends. Returns the states afterwards.
async fn states_after(fixture: &Fixture, happen: impl FnOnce(&Path)) -> BTreeMap<&'static str, i64> {
    subscribe_many(fixture, 4).await;
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 1).await;
    let running = start(fixture, EMAIL).await;
    let (lease, _) = Lease::acquire(&fixture.installation).await.expect("a lease");
    let claimed = canary::claim(fixture, lease.id, running.id, 3).await;
    canary::mark(fixture, lease.id, &claimed).await;
    begin_body(&lease, claimed[0].id);
    let file = fixture.installation.config.data.join(format!("mailer-{}.begun", lease.id));
    drop(lease);
    happen(&file);
    fixture.installation.clock.advance(DAY);
    mail(fixture).await;
    assert!(!file.exists(), "the file of a dead mailer is deleted once its deliveries are settled");
    states(fixture).await
}

both!(only_deliveries_whose_body_had_begun_become_uncertain, |fixture| {
    assert_eq!(states_after(fixture, |_| {}).await, [("accepted", 3), ("uncertain", 1)].into());
});

both!(without_the_file_of_a_dead_mailer_all_marked_deliveries_become_uncertain, |fixture| {
    let states = states_after(fixture, |file| fs::remove_file(file).expect("removed")).await;
    assert_eq!(states, [("accepted", 1), ("uncertain", 3)].into());
});

both!(after_a_start_of_the_machine_all_marked_deliveries_become_uncertain, |fixture| {
    // The header has a digest of the machine's start.
    let states = states_after(fixture, |file| {
        let mut bytes = fs::read(file).expect("read");
        bytes[10] ^= 1;
        fs::write(file, bytes).expect("written");
    })
    .await;
    assert_eq!(states, [("accepted", 1), ("uncertain", 3)].into());
});

both!(copy_of_the_file_is_not_trusted, |fixture| {
    let states = states_after(fixture, |file| {
        let (bytes, copy) = (fs::read(file).expect("read"), file.with_extension("copy"));
        fs::write(&copy, bytes).expect("written");
        fs::rename(copy, file).expect("renamed");
    })
    .await;
    assert_eq!(states, [("accepted", 1), ("uncertain", 3)].into());
});

both!(show_tells_the_wire_from_uncertain, |fixture| {
    subscribe_many(fixture, 4).await;
    start(fixture, EMAIL).await;
    let (lease, _) = Lease::acquire(&fixture.installation).await.expect("a lease");
    let claimed = canary::claim(fixture, lease.id, campaign(fixture).await.id, 3).await;
    canary::mark(fixture, lease.id, &claimed[..2]).await;

    let shown = sendoff::usecase::campaign::show(&fixture.installation, &fixture.actor, "autumn").await.expect("shown");
    let summary = shown.summary;
    assert_eq!((summary.planned, summary.pending, summary.sending, summary.uncertain), (4, 4, 2, 0));

    begin_body(&lease, claimed[1].id);
    lease.release(&fixture.installation).await.expect("released");
    let shown = sendoff::usecase::campaign::show(&fixture.installation, &fixture.actor, "autumn").await.expect("shown");
    let summary = shown.summary;
    assert_eq!((summary.planned, summary.pending, summary.sending, summary.uncertain), (4, 3, 0, 1));
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
    assert_eq!(refusal.text("pid"), std::process::id().to_string());
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
