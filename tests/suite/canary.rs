//! Contacts with unique names for trace searches: a list, a campaign and its events, written by the owners of the tables.

use std::collections::{BTreeMap, HashMap};

use rand::RngExt;
use sendoff::audience::address::Address;
use sendoff::audience::consent::{self, Basis, Evidence};
use sendoff::audience::contact::{self, NewContact, Values};
use sendoff::audience::list::{self, List};
use sendoff::audience::subscription::{self, NewSubscription};
use sendoff::campaign::audience;
use sendoff::campaign::delivery::claim::InFlight;
use sendoff::campaign::delivery::freeze::NewDeliveries;
use sendoff::campaign::delivery::{self, Claim, Claimed, DeliveryResult, Mark, Marked, State};
use sendoff::campaign::link::{self, Link};
use sendoff::campaign::model::transition;
use sendoff::campaign::model::{self, Campaign, NewCampaign};
use sendoff::feedback::event::{self, EventKind, NewEvent};
use sendoff::infra::db::Sql;
use sendoff::privacy::trace_search::{self, TraceReport};
use sendoff::report::summary::{self, Summary};
use sqlx::Row;

use crate::fixture::{Fixture, NOW};

/// A unique word, also on a server shared with other runs.
pub fn word() -> String {
    let random: String = (0..12).map(|_| char::from(rand::rng().random_range(b'a'..=b'z'))).collect();
    format!("zq{random}")
}

pub fn address(text: &str) -> Address {
    Address::parse(text).expect(text)
}

pub async fn list(fixture: &Fixture, name: &str) -> List {
    list::add(&fixture.installation, fixture.workspace.id, name).await.expect("a list")
}

/// Subscribes contacts to a list, new and existing ones, each with a consent receipt.
pub async fn join(fixture: &Fixture, list: &List, people: &[(Address, Values)]) {
    let installation = &fixture.installation;
    let mut tx = installation.db.write().await.expect("a transaction");
    for some in people.chunks(500) {
        let canonical: Vec<String> = some.iter().map(|(address, _)| address.canonical()).collect();
        let there = contact::find_many(&mut tx, fixture.workspace.id, &canonical).await.expect("found");
        let fresh: Vec<NewContact> = some
            .iter()
            .filter(|(address, _)| !there.iter().any(|one| one.address.canonical() == address.canonical()))
            .map(|(address, values)| NewContact {
                id: installation.ids.next().expect("an id"),
                address: address.clone(),
                values: values.clone(),
            })
            .collect();
        contact::insert(&mut tx, fixture.workspace.id, &fresh, NOW).await.expect("added");
        let ids: Vec<i64> = there.iter().map(|one| one.id).chain(fresh.iter().map(|one| one.id)).collect();
        let joining: Vec<NewSubscription> = ids
            .iter()
            .map(|id| NewSubscription {
                id: installation.ids.next().expect("an id"),
                contact: *id,
                state: subscription::State::Confirmed,
            })
            .collect();
        subscription::join(&mut tx, fixture.workspace.id, list.id, &joining, installation.clock.now())
            .await
            .expect("joined");
        let proof = Evidence {
            basis: Basis::Consent,
            channel: "import".to_owned(),
            source: "shop".to_owned(),
            wording: String::new(),
            proof: "file 17".to_owned(),
            given_at: NOW,
        };
        let proof =
            consent::ensure_evidence(&mut tx, installation, fixture.workspace.id, &proof).await.expect("evidence");
        consent::record(
            &mut tx,
            &installation.ids,
            fixture.workspace.id,
            &ids,
            proof,
            &consent::Terms::mailing(list.id),
            NOW,
        )
        .await
        .expect("recorded");
    }
    tx.commit().await.expect("committed");
}

/// Subscribes one contact without fields.
pub async fn person(fixture: &Fixture, list: &List, text: &str) -> i64 {
    join(fixture, list, &[(address(text), Values::new())]).await;
    id(fixture, text).await.expect("joined")
}

pub async fn id(fixture: &Fixture, text: &str) -> Option<i64> {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    contact::find(&mut conn, fixture.workspace.id, &address(text)).await.expect("asked").map(|found| found.id)
}

/// A running campaign to the whole list, with two links. Returns it and the planned count.
pub async fn launch(fixture: &Fixture, list: &List, name: &str) -> (Campaign, i64) {
    let installation = &fixture.installation;
    let mut tx = installation.db.write().await.expect("a transaction");
    let new = NewCampaign {
        id: installation.ids.next().expect("an id"),
        name,
        format: "md",
        source: "",
        list: list.id,
        segment: None,
    };
    let id = model::save_draft(&mut tx, fixture.workspace.id, &new, NOW).await.expect("added");
    let link = |position, destination: &str| Link { position, destination: destination.to_owned(), personal: false };
    link::insert(&mut tx, id, &[link(0, "https://shop.example/a"), link(1, "=https://shop.example/b")])
        .await
        .expect("links");
    let campaign = model::find(&mut tx, id).await.expect("asked").expect("there");
    assert!(
        transition::set_running(&mut tx, &campaign, "{}", sendoff::infra::i18n::Lang::EN, NOW).await.expect("runs")
    );
    let first = installation.ids.reserve(100_000).expect("ids");
    let deliveries = NewDeliveries {
        workspace: fixture.workspace.id,
        campaign: id,
        first,
        now: NOW,
        is_member: audience::is_member(&installation.db, &campaign, None, NOW),
        domain: "''".to_owned(),
        lane: Sql::new("'rest'"),
        due_at: Sql::new("0"),
    };
    let planned = delivery::freeze(&mut tx, deliveries).await.expect("frozen");
    let campaign = model::find(&mut tx, id).await.expect("asked").expect("there");
    tx.commit().await.expect("committed");
    (campaign, planned as i64)
}

pub const MAILER: i64 = 77;

/// Claims deliveries of a campaign.
pub async fn claim(fixture: &Fixture, mailer: i64, campaign: i64, limit: usize) -> Vec<Claimed> {
    let wanted = Claim { mailer, campaign, lane: "rest", limit, now: fixture.installation.clock.now() };
    match fixture.installation.db.is_shared() {
        true => claim_in_rows(fixture, &InFlight::default(), &wanted).await,
        false => claim_in_memory(fixture, &InFlight::default(), &wanted).await,
    }
}

/// Claims deliveries in memory, as the only mailer.
pub async fn claim_in_memory(fixture: &Fixture, in_flight: &InFlight, wanted: &Claim<'_>) -> Vec<Claimed> {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    delivery::claim(&mut conn, in_flight, wanted).await.expect("claimed")
}

/// Claims deliveries in rows, as one of several mailers.
pub async fn claim_in_rows(fixture: &Fixture, in_flight: &InFlight, wanted: &Claim<'_>) -> Vec<Claimed> {
    let scan = in_flight.begin_scan().await;
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let claimed = delivery::claim::lease(&mut tx, scan, wanted).await.expect("claimed");
    tx.commit().await.expect("committed");
    claimed
}

/// Marks claimed deliveries `sending`.
pub async fn mark(fixture: &Fixture, mailer: i64, claimed: &[Claimed]) -> HashMap<i64, Marked> {
    let mark = |one: &Claimed| Mark { id: one.id, campaign: one.campaign, relay: 1 };
    let marks: Vec<Mark> = claimed.iter().map(mark).collect();
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let marked = delivery::mark(&mut tx, mailer, &marks, fixture.installation.clock.now()).await.expect("marked");
    tx.commit().await.expect("committed");
    marked
}

/// Claims all due deliveries and marks them `sending`. Returns them by address.
pub async fn take(fixture: &Fixture, campaign: &Campaign) -> BTreeMap<String, i64> {
    let claimed = claim(fixture, MAILER, campaign.id, 100_000).await;
    let marked = mark(fixture, MAILER, &claimed).await;
    marked.into_iter().map(|(id, marked)| (marked.recipient.address, id)).collect()
}

/// Records the results of deliveries on the wire.
pub async fn end(fixture: &Fixture, campaign: &Campaign, ends: &[(i64, State)]) {
    let outcomes: Vec<DeliveryResult> = ends
        .iter()
        .map(|(id, state)| DeliveryResult {
            id: *id,
            campaign: campaign.id,
            marked: true,
            state: *state,
            reason: None,
            code: if *state == State::Rejected { 550 } else { 250 },
            reply: "a reply".to_owned(),
            due_at: NOW + 1,
            tried: true,
        })
        .collect();
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    delivery::record(&mut tx, MAILER, &outcomes, NOW).await.expect("recorded");
    tx.commit().await.expect("committed");
}

/// Records an open, a click on the first link and two on the second.
pub async fn react(fixture: &Fixture, delivery: i64) {
    let hit = |kind, position| NewEvent { delivery, kind, position, at: NOW };
    let hits = [hit(EventKind::Open, 0), hit(EventKind::Click, 0), hit(EventKind::Click, 1), hit(EventKind::Click, 1)];
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    assert_eq!(event::insert(&mut tx, &fixture.installation.ids, &hits).await.expect("added"), 4);
    tx.commit().await.expect("committed");
}

pub async fn summary(fixture: &Fixture, campaign: &Campaign) -> Summary {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    summary::read(&mut conn, campaign).await.expect("counted")
}

pub async fn search(fixture: &Fixture, text: &str) -> TraceReport {
    trace_search::search(&fixture.installation, text, &address(text), |_, _| {}).await.expect("searched")
}

/// Changes rows behind the back of their owner, to break a promise.
pub async fn execute(fixture: &Fixture, change: &'static str) {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    sqlx::query(change).execute(&mut *tx).await.expect(change);
    tx.commit().await.expect("committed");
}

pub async fn number(fixture: &Fixture, query: &'static str) -> i64 {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    sqlx::query(query).fetch_one(&mut *conn).await.expect(query).get(0)
}
