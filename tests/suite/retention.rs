//! Retention by policy, and the end of a workspace: what goes, what stays, and that numbers still reconcile.

use std::fs;

use sendoff::campaign::delivery::State;
use sendoff::campaign::model;
use sendoff::feedback::event::{self, EventKind, NewEvent};
use sendoff::infra::clock::DAY;
use sendoff::infra::error::Kind;
use sendoff::usecase::workspace_end::{self, EndRequest};
use sendoff::usecase::{Actor, campaign, contact_search, destruction, retention};

use crate::canary;
use crate::fixture::{Fixture, both};
use crate::policy::fixture::{POLICY, apply};

const KEPT: &str = "\n[retention]\nevents = 30\ndeliveries = 60\ncontacts_without_activity = 200\nexports = 10\n";

/// The policy of the tests, under which everybody is measured who did not refuse.
fn opt_out() -> String {
    POLICY.replace("consent = \"opt-in\"", "consent = \"opt-out\"")
}

/// A finished campaign to three people, of whom one opened and clicked.
async fn finished(fixture: &Fixture) -> (model::Campaign, i64) {
    let news = canary::list(fixture, "News").await;
    canary::list(fixture, "Service").await;
    for text in ["a@x.test", "b@x.test", "c@x.test"] {
        canary::person(fixture, &news, text).await;
    }
    let (campaign, _) = canary::launch(fixture, &news, "autumn").await;
    let taken = canary::take(fixture, &campaign).await;
    let sent: Vec<_> = taken.values().map(|delivery| (*delivery, State::Accepted)).collect();
    canary::end(fixture, &campaign, &sent).await;
    let hit = |kind| NewEvent { delivery: taken["a@x.test"], kind, position: 0, at: fixture.installation.clock.now() };
    record(fixture, &[hit(EventKind::Open), hit(EventKind::Open), hit(EventKind::Click)]).await;
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    sendoff::campaign::lifecycle::finish(&mut tx, campaign.id, fixture.installation.clock.now()).await.expect("ended");
    tx.commit().await.expect("committed");
    (campaign, taken["a@x.test"])
}

async fn record(fixture: &Fixture, events: &[NewEvent]) -> u64 {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let inserted = event::insert(&mut tx, &fixture.installation.ids, events).await.expect("inserted");
    tx.commit().await.expect("committed");
    inserted
}

async fn rows(fixture: &Fixture, category: &str) -> u64 {
    let plan = retention::plan(&fixture.installation, &fixture.actor).await.expect("planned");
    plan.due.iter().filter(|one| one.category.as_str() == category).map(|one| one.rows).sum()
}

both!(old_events_then_deliveries_then_people_go_and_numbers_stay, |fixture| {
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    let (autumn, delivery) = finished(fixture).await;
    let no_policy = retention::run(installation, actor, &mut |_| {}).await.expect_err("no policy");
    assert_eq!(no_policy.message().key, "retention-no-policy");
    let policy = format!("{}{KEPT}", opt_out());
    apply(fixture, &policy).await.expect("applied");
    let before = campaign::show(installation, actor, "autumn").await.expect("shown");
    assert_eq!(rows(fixture, "events").await, 0, "not old enough");

    installation.clock.advance(31 * DAY);
    assert_eq!((rows(fixture, "events").await, rows(fixture, "deliveries").await), (3, 0));
    let ran = retention::run(installation, actor, &mut |_| {}).await.expect("ran");
    assert_eq!(ran.rows, 3);
    assert_eq!(rows(fixture, "events").await, 0);
    let late = NewEvent { delivery, kind: EventKind::Open, position: 0, at: installation.clock.now() };
    assert_eq!(record(fixture, &[late]).await, 0, "nothing is recorded behind the deletion");
    let after = campaign::show(installation, actor, "autumn").await.expect("shown");
    assert_eq!(serde_json::json!(before)["progress"], serde_json::json!(after)["progress"]);

    installation.clock.advance(30 * DAY);
    assert_eq!(rows(fixture, "deliveries").await, 3);
    retention::run(installation, actor, &mut |_| {}).await.expect("ran");
    let after = campaign::show(installation, actor, "autumn").await.expect("shown");
    assert_eq!(serde_json::json!(before)["progress"], serde_json::json!(after)["progress"]);
    assert_eq!(autumn.name, "autumn");

    installation.clock.advance(150 * DAY);
    assert_eq!(rows(fixture, "contacts").await, 3);
    // The engine does it by itself.
    retention::run_due(installation).await.expect("ran");
    assert!(contact_search::list(installation, actor, None, 0, 10).await.expect("listed").contacts.is_empty());
    let months = destruction::months(installation, actor).await.expect("read");
    let total = |name: &str| months.iter().filter_map(|month| month.expired.get(name)).sum::<u64>();
    assert_eq!((total("events"), total("deliveries")), (3, 3));
    let people: u64 = months.iter().filter_map(|month| month.people.get("expired")).sum();
    assert_eq!(people, 3, "{months:#?}");
    let plan = retention::plan(installation, actor).await.expect("planned");
    assert_eq!((plan.rows, plan.runs.is_empty()), (0, false));
});

both!(who_joined_or_clicked_lately_stays, |fixture| {
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    let (_, delivery) = finished(fixture).await;
    apply(fixture, &format!("{}\n[retention]\ncontacts_without_activity = 200\n", opt_out())).await.expect("applied");
    installation.clock.advance(150 * DAY);
    record(fixture, &[NewEvent { delivery, kind: EventKind::Click, position: 0, at: installation.clock.now() }]).await;
    let service = canary::list(fixture, "Service").await;
    canary::person(fixture, &service, "b@x.test").await;
    installation.clock.advance(60 * DAY);

    let ran = retention::run(installation, actor, &mut |_| {}).await.expect("ran");

    assert_eq!(ran.rows, 1);
    let left = contact_search::list(installation, actor, None, 0, 10).await.expect("listed");
    let left: Vec<_> = left.contacts.iter().map(|row| row.email.as_str()).collect();
    assert_eq!(left, ["a@x.test", "b@x.test"]);
});

both!(a_workspace_that_ended_is_blocked_then_erased_then_out_of_backups, |fixture| {
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    let (_, delivery) = finished(fixture).await;
    let folder = tempfile::tempdir().expect("a folder");
    let backup = folder.path().join("old.age");
    fs::write(&backup, "a backup").expect("written");
    let mut tx = installation.db.write().await.expect("a transaction");
    let path = backup.display().to_string();
    sendoff::backup::register::add(&mut tx, 1, &path, installation.clock.now()).await.expect("remembered");
    tx.commit().await.expect("committed");

    for (on, erase_after, backups_after) in [("soon", 30, 183), ("2026-12-01", 40, 30), ("2026-12-01", 1, 9_999)] {
        let wrong = EndRequest { on: on.to_owned(), erase_after, backups_after };
        let refused = workspace_end::set(installation, actor, Some(&wrong)).await.expect_err("wrong");
        assert_eq!(refused.kind(), Kind::Invalid, "{on} {erase_after} {backups_after}");
    }
    let request = EndRequest { on: "2026-12-01".to_owned(), erase_after: 30, backups_after: 183 };
    assert!(!workspace_end::set(installation, actor, Some(&request)).await.expect("set").blocked);
    installation.clock.advance(15 * DAY);

    assert!(workspace_end::show(installation, actor).await.expect("shown").blocked);
    let click = NewEvent { delivery, kind: EventKind::Click, position: 0, at: installation.clock.now() };
    assert_eq!(record(fixture, &[click]).await, 0, "not measured");
    let export = sendoff::usecase::export::Request {
        kind: sendoff::report::export::Kind::People,
        format: sendoff::report::export::Format::Csv,
        excel: None,
        campaign: None,
        since: None,
        file: Some(folder.path().join("people.csv")),
    };
    let refused =
        sendoff::usecase::export::run(installation, actor, &export, &mut |_, _| {}).await.expect_err("blocked");
    assert_eq!(refused.message().key, "workspace-ended", "not exported");
    let refused = campaign::start(installation, actor, "autumn", &campaign::StartOptions::default(), |_, _| {})
        .await
        .expect_err("blocked");
    assert_eq!(refused.message().key, "workspace-ended", "not mailed");
    retention::run_due(installation).await.expect("ran");
    assert!(canary::id(fixture, "a@x.test").await.is_some(), "stored until its day");
    let undone = workspace_end::set(installation, actor, None).await.expect("taken back");
    assert!(undone.end.is_none() && !undone.blocked);
    workspace_end::set(installation, actor, Some(&request)).await.expect("set again");

    installation.clock.advance(30 * DAY);
    retention::run_due(installation).await.expect("ran");
    assert!(canary::id(fixture, "a@x.test").await.is_none(), "erased");
    let view = workspace_end::show(installation, actor).await.expect("shown");
    assert!(view.end.is_some_and(|end| end.erased_at.is_some() && end.backups_gone_at.is_none()));
    assert!(backup.exists());
    let late = workspace_end::set(installation, actor, None).await.expect_err("too late");
    assert_eq!(late.message().key, "workspace-end-erased");

    installation.clock.advance(160 * DAY);
    retention::run_due(installation).await.expect("ran");
    assert!(!backup.exists(), "the backup is deleted");
    let view = workspace_end::show(installation, actor).await.expect("shown");
    assert!(view.end.is_some_and(|end| end.backups_gone_at.is_some()));
    let months = destruction::months(installation, actor).await.expect("read");
    assert_eq!(months.iter().filter_map(|month| month.people.get("ended")).sum::<u64>(), 3, "{months:#?}");
    assert!(Actor::engine(1).user.is_none());
});
