//! Figures of forgetting, printed by `tests/run forget`: places with a person before and after each way of leaving, the time until
//! nothing is left, backups, a dictionary attack on the tombstones, promises kept by company, and requests answered in time.

use std::collections::HashSet;

use sendoff::audience::contact::Values;
use sendoff::audience::tombstone;
use sendoff::campaign::delivery::State;
use sendoff::infra::clock::DAY;
use sendoff::infra::secret::Key;
use sendoff::privacy::erasure::{self, Reason};
use sendoff::privacy::physical_erasure;
use sendoff::report::export::{self, Export, Format};
use sendoff::usecase::contact::Urgency;
use sendoff::usecase::form::{self, FormInput};
use sendoff::usecase::request::Law;
use sendoff::usecase::sign_up::{self, Posted, SignedUp};
use sendoff::usecase::{
    Actor, NO_WORKSPACE, backup, contact, field, link_mail, list, request, retention, workspace_end,
};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::canary;
use crate::fixture::{Fixture, Kind};
use crate::policy::companies;

const OPERATOR: Actor = Actor::operator(NO_WORKSPACE);
/// Addresses that an attacker tries.
const DICTIONARY: usize = 1_000_000;
/// Tombstones that they are tried on.
const TOMBSTONES: usize = 1_000;

/// How somebody leaves.
const WAYS: [&str; 5] = ["link", "erase", "list closed", "retention", "workspace end"];

fn kinds() -> Vec<Kind> {
    match crate::fixture::postgres_url() {
        Some(_) => vec![Kind::Sqlite, Kind::Postgres],
        None => vec![Kind::Sqlite],
    }
}

/// A person in the tables of a campaign, with field values, a request by post that names them, a sign-up by a form with its message
/// in the capture inbox, and a file of an export.
async fn plant(fixture: &Fixture, text: &str) -> (sendoff::audience::list::List, i64) {
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    let news = canary::list(fixture, "News").await;
    field::add(installation, actor, "first_name", "text").await.expect("a field");
    let values = Values::from_iter([("first_name".to_owned(), format!("I am {text}").into())]);
    canary::join(fixture, &news, &[(canary::address(text), values)]).await;
    let person = canary::id(fixture, text).await.expect("joined");
    canary::person(fixture, &news, "other@x.test").await;
    let (campaign, _) = canary::launch(fixture, &news, "autumn").await;
    let taken = canary::take(fixture, &campaign).await;
    let sent: Vec<_> = taken.values().map(|delivery| (*delivery, State::Accepted)).collect();
    canary::end(fixture, &campaign, &sent).await;
    canary::react(fixture, taken[text]).await;

    let asked = request::NewRequest {
        address: text.to_owned(),
        kind: request::RequestKind::Correction,
        channel: "post".to_owned(),
        note: format!("{text} asks for another first name"),
        checked: None,
        law: Some(Law::Eu),
        received: None,
    };
    request::add(installation, actor, &asked).await.expect("entered");
    sign_up(fixture, text).await;
    let file = installation.config.export_dir().join("people.csv");
    let wanted = Export::new(export::Kind::People, Format::Csv, fixture.workspace.id);
    export::to_file(installation, &wanted, &file, &mut |_, _| {}).await.expect("exported");
    (news, person)
}

/// Posts a form for an address, and lets its message go to the capture inbox.
async fn sign_up(fixture: &Fixture, text: &str) {
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    let input = FormInput {
        lists: vec![("News".to_owned(), "I want news".to_owned())],
        from: "Shop <news@shop.example>".to_owned(),
        ..FormInput::default()
    };
    let form = form::add(installation, actor, "footer", &input).await.expect("a form").row.id;
    let visitor = Actor::recipient();
    let page = sign_up::open(installation, &visitor, form).await.expect("opened").expect("there");
    installation.clock.advance(3_000);
    let posted = Posted {
        address: text.to_owned(),
        values: Vec::new(),
        boxes: vec![0],
        token: page.token,
        trap: String::new(),
        network: None,
    };
    assert_eq!(sign_up::submit(installation, &visitor, form, &posted).await.expect("taken"), SignedUp::Accepted);
    assert_eq!(link_mail::send_due(installation).await.expect("sent"), 1);
}

async fn leave(fixture: &Fixture, way: &str, text: &str, (news, person): &(sendoff::audience::list::List, i64)) {
    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    match way {
        "link" => {
            erasure::unsubscribe(installation, workspace, *person, news.id, Reason::Unsubscribed, None)
                .await
                .expect("left");
        }
        "erase" => {
            erasure::erase(installation, workspace, &canary::address(text), Reason::Erased, None)
                .await
                .expect("erased");
        }
        "list closed" => {
            list::close(installation, &fixture.actor, "News", Some(2), |_, _| {}).await.expect("closed");
        }
        "retention" => {
            let source = crate::policy::fixture::POLICY.replace("opt-in", "opt-out");
            canary::list(fixture, "Service").await;
            let source = format!("{source}\n[retention]\ncontacts_without_activity = 200\n");
            crate::policy::fixture::apply(fixture, &source).await.expect("applied");
            installation.clock.advance(201 * DAY);
            retention::run_due(installation).await.expect("ran");
        }
        _ => {
            let request =
                workspace_end::EndRequest { on: "2026-11-22".to_owned(), erase_after: 30, backups_after: 183 };
            workspace_end::set(installation, &fixture.actor, Some(&request)).await.expect("set");
            installation.clock.advance(40 * DAY);
            retention::run_due(installation).await.expect("ran");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures; run by tests/run forget"]
async fn every_way_of_leaving() {
    println!("places and bytes of a person, before leaving and after");
    for kind in kinds() {
        for way in WAYS {
            let fixture = Fixture::new(kind).await;
            let text = format!("{}@forget.test", canary::word());
            let planted = plant(&fixture, &text).await;
            physical_erasure::run(&fixture.installation).await.expect("cleaned");
            let before = canary::search(&fixture, &text).await;
            assert!(before.hits > 0, "nothing was planted");
            leave(&fixture, way, &text, &planted).await;
            physical_erasure::run(&fixture.installation).await.expect("cleaned");
            let after = canary::search(&fixture, &text).await;
            println!(
                "  {kind:?} {way:<14} {:>3} places {:>4} hits -> {} hits",
                before.traces.len(),
                before.hits,
                after.hits
            );
            assert_eq!(after.hits, 0, "{after:?}");
            fixture.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures; run by tests/run forget"]
async fn time_until_nothing_is_left() {
    println!("from one click to nothing left, of 2,000 people");
    for kind in kinds() {
        let fixture = Fixture::new(kind).await;
        let news = canary::list(&fixture, "News").await;
        let text = format!("{}@forget.test", canary::word());
        let mut people: Vec<_> =
            (0..2_000).map(|n| (canary::address(&format!("p{n}@x.test")), Default::default())).collect();
        people.push((canary::address(&text), Default::default()));
        canary::join(&fixture, &news, &people).await;
        let person = canary::id(&fixture, &text).await.expect("there");
        let folder = tempfile::tempdir().expect("a folder");
        let identity = folder.path().join("key");
        let key = backup::make_key(&fixture.installation, &OPERATOR, &identity).await.expect("a key");
        let file = folder.path().join("b.age");
        let request = backup::Request { to: file.clone(), recipients: vec![key.recipient], keep_days: None };
        backup::run(&fixture.installation, &OPERATOR, &request, &mut |_| {}).await.expect("backed up");

        let began = Instant::now();
        let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
        erasure::unsubscribe(installation, workspace, person, news.id, Reason::Unsubscribed, None).await.expect("left");
        let answered = began.elapsed();
        physical_erasure::run(installation).await.expect("cleaned");
        let overwritten = began.elapsed();
        assert_eq!(canary::search(&fixture, &text).await.hits, 0);
        let began = Instant::now();
        let config = installation.config.clone();
        let rehearsed =
            backup::rehearse(config, &OPERATOR, Some((&file, &identity)), &mut |_| {}).await.expect("rehearsed");
        assert_eq!(rehearsed.erased, 1, "the backup erases who left since");
        println!(
            "  {kind:?}: answered and out of the tables {answered:.0?}; out of files and journals {overwritten:.0?}; restored backup \
             without them {:.1?} (1 of {} people erased again)",
            began.elapsed(),
            rehearsed.people + 1
        );
        fixture.close().await;
    }
}

#[test]
#[ignore = "prints figures; run by tests/run forget"]
fn dictionary_attack_on_the_tombstones() {
    let key = Key::generate();
    let candidate = |n: usize| canary::address(&format!("person{n}@dictionary.test"));
    let stored: HashSet<[u8; 32]> = (0..TOMBSTONES).map(|n| tombstone::digest(&key, 7, &candidate(n * 997))).collect();
    let other = Key::generate();
    let (mut plain, mut guessed, mut own) = (0, 0, 0);
    for n in 0..DICTIONARY {
        let address = candidate(n);
        let hash: [u8; 32] = Sha256::digest(address.canonical().as_bytes()).into();
        plain += usize::from(stored.contains(&hash));
        guessed += usize::from(stored.contains(&tombstone::digest(&other, 7, &address)));
        own += usize::from(stored.contains(&tombstone::digest(&key, 7, &address)));
    }
    println!(
        "dictionary of {DICTIONARY} addresses on {TOMBSTONES} tombstones: {plain} found by SHA-256, {guessed} with another key, {own} with the key"
    );
    assert_eq!((plain, guessed, own), (0, 0, TOMBSTONES));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures; run by tests/run forget"]
async fn promises_of_five_companies() {
    println!("promises kept of those in the policy file, after one person has joined and one was erased");
    for kind in kinds() {
        for name in ["just-in-touch", "jetcrm", "callhelper", "crmcalls", "chat2desk"] {
            let fixture = Fixture::new(kind).await;
            let policy = companies::company(&fixture, name).await;
            companies::join(&fixture, &policy, "anna@x.test", &[]).await;
            companies::join(&fixture, &policy, "boris@x.test", &[]).await;
            contact::erase(&fixture.installation, &fixture.actor, "boris@x.test", Urgency::Now).await.expect("erased");
            let kept = companies::kept(&fixture).await;
            let broken: Vec<_> = kept.iter().filter(|(_, kept)| !**kept).map(|(id, _)| *id).collect();
            println!("  {kind:?} {name:<14} {} of {}, not kept: {broken:?}", kept.len() - broken.len(), kept.len());
            fixture.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures; run by tests/run forget"]
async fn requests_by_kind_and_law() {
    println!("requests answered on the day before they are due, by law and kind: days until due, and whether in time");
    for kind in kinds() {
        let fixture = Fixture::new(kind).await;
        canary::list(&fixture, "News").await;
        for law in Law::ALL {
            let mut line = format!("  {kind:?} {law:<3}");
            for what in request::RequestKind::ALL {
                let installation = &fixture.installation;
                let news = canary::list(&fixture, "News").await;
                canary::person(&fixture, &news, "anna@x.test").await;
                let new = request::NewRequest {
                    address: "anna@x.test".to_owned(),
                    kind: *what,
                    channel: "post".to_owned(),
                    note: "asked by post".to_owned(),
                    checked: Some("passport seen".to_owned()),
                    law: Some(*law),
                    received: None,
                };
                let now = installation.clock.now();
                let added = request::add(installation, &fixture.actor, &new).await.expect("entered");
                let due = added.row.due_at;
                installation.clock.advance(due - now - DAY);
                let closed =
                    request::close(installation, &fixture.actor, added.row.request, request::State::Done, "done").await;
                let row = closed.expect("closed").row;
                line.push_str(&format!(" {what} {}d{}", (due - now) / DAY, if row.overdue { " late" } else { "" }));
                assert!(!row.overdue);
            }
            println!("{line}");
        }
        fixture.close().await;
    }
}
