//! Tests of writes that depend on a check, while another connection changes what was checked. On PostgreSQL only: SQLite
//! has one writer at a time.

use std::time::Duration;

use sendoff::audience::contact::Values;
use sendoff::audience::field::{self, Field};
use sendoff::audience::tombstone::EVERY_LIST;
use sendoff::audience::workspace;
use sendoff::infra::db::Tx;
use sendoff::infra::error::Result;
use sendoff::privacy::erasure::{self, Erased, Reason};
use sendoff::usecase::contact::Correction;
use sendoff::usecase::lane::LaneChange;
use sendoff::usecase::limits::{Change, LimitChange};
use sendoff::usecase::relay::RelayChange;
use sendoff::usecase::{campaign, contact, lane, relay};
use tokio::task::JoinHandle;

use crate::canary;
use crate::erasure::is_blocked;
use crate::fixture::{Fixture, Kind, postgres_url};
use crate::import::fixture as imports;

async fn postgres() -> Option<Fixture> {
    postgres_url()?;
    Some(Fixture::new(Kind::Postgres).await)
}

/// A transaction of another connection that holds what `statement` locks.
async fn hold(fixture: &Fixture, statement: &'static str) -> Tx {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    sqlx::raw_sql(statement).execute(&mut *tx).await.expect(statement);
    tx
}

/// Waits until `number` statements of the database wait for a lock, or the task has ended.
async fn blocked<T>(fixture: &Fixture, number: i64, task: &JoinHandle<T>) {
    let waiting =
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    while canary::number(fixture, waiting).await < number && !task.is_finished() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn correct(fixture: &Fixture, address: &'static str, new: &'static str) -> JoinHandle<Result<contact::Corrected>> {
    let (installation, actor) = (fixture.installation.clone(), fixture.actor);
    let correction = Correction { set: Vec::new(), address: Some(new.to_owned()) };
    tokio::spawn(async move { contact::correct(&installation, &actor, address, &correction).await })
}

fn erase(fixture: &Fixture, address: &'static str) -> JoinHandle<Result<Erased>> {
    let (installation, workspace) = (fixture.installation.clone(), fixture.workspace.id);
    let address = canary::address(address);
    tokio::spawn(async move { erasure::erase(&installation, workspace, &address, Reason::Erased, None).await })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn address_that_is_erased_during_a_correction_is_not_stored() {
    let Some(fixture) = postgres().await else { return };
    let list = canary::list(&fixture, "News").await;
    canary::person(&fixture, &list, "anna@example.org").await;
    let held = hold(&fixture, "select 1 from contact for update").await;

    let correcting = correct(&fixture, "anna@example.org", "erased@example.org");
    blocked(&fixture, 1, &correcting).await;
    let erasing = erase(&fixture, "erased@example.org");
    blocked(&fixture, 2, &erasing).await;
    held.commit().await.expect("released");
    let _ = correcting.await.expect("ran");
    erasing.await.expect("ran").expect("erased");

    assert_eq!(canary::id(&fixture, "erased@example.org").await, None);
    assert!(is_blocked(&fixture, "erased@example.org", EVERY_LIST).await);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn erasure_during_a_correction_blocks_both_addresses() {
    let Some(fixture) = postgres().await else { return };
    let list = canary::list(&fixture, "News").await;
    canary::person(&fixture, &list, "anna@example.org").await;
    let held = hold(&fixture, "select 1 from contact for update").await;

    let correcting = correct(&fixture, "anna@example.org", "new@example.org");
    blocked(&fixture, 1, &correcting).await;
    let erasing = erase(&fixture, "anna@example.org");
    blocked(&fixture, 2, &erasing).await;
    held.commit().await.expect("released");
    correcting.await.expect("ran").expect("corrected");
    assert_eq!(erasing.await.expect("ran").expect("erased"), Erased::Contact);

    assert_eq!(canary::number(&fixture, "select count(*) from contact").await, 0);
    assert!(is_blocked(&fixture, "anna@example.org", EVERY_LIST).await);
    assert!(is_blocked(&fixture, "new@example.org", EVERY_LIST).await);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn correction_of_a_contact_that_is_erased_meanwhile_is_refused() {
    let Some(fixture) = postgres().await else { return };
    let list = canary::list(&fixture, "News").await;
    canary::person(&fixture, &list, "anna@example.org").await;
    let held = hold(&fixture, "select 1 from contact for update").await;

    let erasing = erase(&fixture, "anna@example.org");
    blocked(&fixture, 1, &erasing).await;
    let correcting = correct(&fixture, "anna@example.org", "new@example.org");
    blocked(&fixture, 2, &correcting).await;
    held.commit().await.expect("released");
    erasing.await.expect("ran").expect("erased");

    assert_eq!(correcting.await.expect("ran").expect_err("nobody").message().key, "contact-unknown");
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn corrections_of_two_fields_at_a_time_are_both_kept() {
    let Some(fixture) = postgres().await else { return };
    for name in ["city", "plan"] {
        let field = Field::declare(name, "text").expect("a field");
        field::add(&fixture.installation, fixture.workspace.id, &field).await.expect("declared");
    }
    let list = canary::list(&fixture, "News").await;
    canary::join(&fixture, &list, &[(canary::address("anna@example.org"), Values::new())]).await;
    let held = hold(&fixture, "select 1 from contact for update").await;

    let set = |name: &str| {
        let (installation, actor) = (fixture.installation.clone(), fixture.actor);
        let correction = Correction { set: vec![(name.to_owned(), "x".to_owned())], address: None };
        tokio::spawn(async move { contact::correct(&installation, &actor, "anna@example.org", &correction).await })
    };
    let city = set("city");
    blocked(&fixture, 1, &city).await;
    let plan = set("plan");
    blocked(&fixture, 2, &plan).await;
    held.commit().await.expect("released");
    city.await.expect("ran").expect("corrected");
    plan.await.expect("ran").expect("corrected");

    let both = "select count(*) from contact where fields like '%city%' and fields like '%plan%'";
    assert_eq!(canary::number(&fixture, both).await, 1);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn import_puts_nobody_on_a_list_that_is_closed_meanwhile() {
    let Some(fixture) = postgres().await else { return };
    imports::set_up(&fixture, fixture.workspace.id).await;
    let other = canary::list(&fixture, "Other").await;
    canary::person(&fixture, &other, "anna@example.org").await;
    let path = imports::file(&fixture, "people.csv", "email\nanna@example.org\n");
    let held = hold(&fixture, "select 1 from contact for update").await;

    let (installation, workspace, actor) = (fixture.installation.clone(), fixture.workspace.id, fixture.actor);
    let importing = tokio::spawn(async move {
        let lang = sendoff::infra::i18n::Lang::EN;
        let request = imports::request(path);
        sendoff::audience::import::run(&installation, workspace, &request, lang, &mut |_| {}).await
    });
    blocked(&fixture, 1, &importing).await;
    let installation = fixture.installation.clone();
    let closing = tokio::spawn(async move {
        sendoff::usecase::list::close(&installation, &actor, "Новости", None, |_, _| {}).await
    });
    blocked(&fixture, 2, &closing).await;
    held.commit().await.expect("released");
    let _ = importing.await.expect("ran");
    closing.await.expect("ran").expect("closed");

    let on_closed = "select count(*) from subscription s join list l on l.id = s.list_id where l.closed_at is not null";
    assert_eq!(canary::number(&fixture, on_closed).await, 0);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_one_lane_and_of_one_relay_at_a_time_are_both_kept() {
    let Some(fixture) = postgres().await else { return };
    let rate = LimitChange { rate: Change::Set(5.0), ..LimitChange::default() };
    let daily = LimitChange { daily: Change::Set(700), ..LimitChange::default() };
    let set_lane = |limits: &LimitChange| {
        let (installation, actor) = (fixture.installation.clone(), fixture.actor);
        let change = LaneChange { limits: *limits, ..LaneChange::default() };
        tokio::spawn(async move { lane::set(&installation, &actor, "all", &change).await.map(drop) })
    };
    let set_relay = |limits: &LimitChange, target: Option<&str>| {
        let (installation, actor) = (fixture.installation.clone(), fixture.actor);
        let (name, target) = ("second".to_owned(), target.map(str::to_owned));
        let change = RelayChange { name, target, limits: *limits, ..RelayChange::default() };
        tokio::spawn(async move { relay::set(&installation, &actor, &change).await.map(drop) })
    };
    set_relay(&LimitChange::default(), Some("capture")).await.expect("ran").expect("a relay");
    let held = hold(&fixture, "lock table lane, relay in share mode").await;

    let tasks = [set_lane(&rate), set_relay(&rate, None), set_lane(&daily), set_relay(&daily, None)];
    blocked(&fixture, 4, &tasks[3]).await;
    held.commit().await.expect("released");
    for task in tasks {
        task.await.expect("ran").expect("changed");
    }

    for query in [
        "select count(*) from lane where name = 'all' and rate = 5 and daily = 700",
        "select count(*) from relay where name = 'second' and rate = 5 and daily = 700",
    ] {
        assert_eq!(canary::number(&fixture, query).await, 1, "{query}");
    }
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_names_that_exclude_each_other_one_is_added() {
    let Some(fixture) = postgres().await else { return };
    let held = hold(&fixture, "lock table field, workspace in share mode").await;

    let add_field = |name: &str| {
        let (installation, workspace) = (fixture.installation.clone(), fixture.workspace.id);
        let field = Field::declare(name, "text").expect("a field");
        tokio::spawn(async move { field::add(&installation, workspace, &field).await })
    };
    let add_workspace = || {
        let installation = fixture.installation.clone();
        tokio::spawn(async move { workspace::add(&installation, "second").await.map(drop) })
    };
    let tasks = [add_field("City"), add_field("city"), add_workspace(), add_workspace()];
    blocked(&fixture, 4, &tasks[3]).await;
    held.commit().await.expect("released");
    let mut refused = Vec::new();
    for task in tasks {
        refused.extend(task.await.expect("ran").err().map(|error| error.message().key));
    }

    assert_eq!(refused, ["field-twin", "workspace-taken"]);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn draft_that_is_replaced_during_its_start_goes_to_its_new_list() {
    let Some(fixture) = postgres().await else { return };
    canary::list(&fixture, "Other").await;
    let list = canary::list(&fixture, "News").await;
    canary::person(&fixture, &list, "anna@example.org").await;
    let source = crate::mailer::fixture::EMAIL;
    let source = campaign::Source { text: source.to_owned(), format: sendoff::content::email::Format::Md };
    campaign::add(&fixture.installation, &fixture.actor, &source).await.expect("a draft");
    // What `campaign add` does with another file, up to its commit.
    let held = hold(&fixture, "update campaign set list_id = (select id from list where name = 'Other')").await;

    let (installation, name) = (fixture.installation.clone(), fixture.workspace.id);
    let starting = tokio::spawn(async move {
        let mut conn = installation.db.read().await?;
        let campaign = sendoff::campaign::model::find_by_name(&mut conn, name, "autumn").await?;
        drop(conn);
        sendoff::campaign::launch::start(&installation, &campaign).await
    });
    blocked(&fixture, 1, &starting).await;
    held.commit().await.expect("replaced");

    assert_eq!(starting.await.expect("ran").expect("started"), Some(0), "the new list is empty");
    assert_eq!(canary::number(&fixture, "select count(*) from delivery").await, 0);
    fixture.close().await;
}
