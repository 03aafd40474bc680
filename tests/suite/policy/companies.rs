//! The five companies of `examples/policies`: each policy file is applied, every promise of the company is walked end to end, and
//! the proof shows that it is kept, and that it is not once it is broken.

use std::collections::BTreeMap;
use std::path::Path;

use sendoff::audience::consent::Basis;
use sendoff::audience::workspace;
use sendoff::campaign::{launch, model};
use sendoff::content::brand::BrandChange;
use sendoff::infra::setting::{self, Setting};
use sendoff::privacy::physical_erasure;
use sendoff::privacy::policy::Policy;
use sendoff::report::export::{Excel, Format, Kind};
use sendoff::usecase::contact::{self, Correction, Urgency};
use sendoff::usecase::policy::proof;
use sendoff::usecase::policy::{self, read_file};
use sendoff::usecase::{Actor, backup, brand, export, field, list, segment, trace_search};

use super::fixture::{add, draft};
use crate::canary;
use crate::fixture::{Fixture, both};

/// Makes the lists and fields of a company and applies its policy.
pub async fn company(fixture: &Fixture, name: &str) -> Policy {
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/policies").join(format!("{name}.toml"));
    let file = read_file(&path).expect("a policy file");
    let checked = policy::check(installation, actor, &file).await.expect(name);
    assert!(checked.valid && checked.conflicts.is_empty());
    policy::apply(installation, actor, &file).await.expect(name);
    let policy = policy::show(installation, actor).await.expect("shown").expect("a policy").policy;
    for name in policy.purposes.iter().flat_map(|purpose| &purpose.lists) {
        list::add(installation, actor, name).await.expect("a list");
    }
    let mut fields: Vec<&String> = policy.purposes.iter().flat_map(|purpose| &purpose.fields).collect();
    fields.sort();
    fields.dedup();
    for name in fields {
        let kind = if name == "birth_date" { "date" } else { "text" };
        field::add(installation, actor, name, kind).await.expect("a field");
    }
    let mut tx = installation.db.write().await.expect("a transaction");
    setting::set(&mut tx, Setting::PublicUrl, "https://news.example").await.expect("set");
    setting::set(&mut tx, Setting::UnsubscribeMailbox, "leave@news.example").await.expect("set");
    tx.commit().await.expect("committed");
    policy
}

/// Whether each promise of the company is kept; each has evidence.
pub async fn kept(fixture: &Fixture) -> BTreeMap<&'static str, bool> {
    let proof = proof::prove(&fixture.installation, &fixture.actor).await.expect("proven");
    proof.promises.iter().for_each(|one| assert!(!one.evidence.is_empty(), "{} has no evidence", one.id));
    proof.promises.iter().map(|one| (one.id, one.kept)).collect()
}

/// The promises that are not kept.
async fn broken(fixture: &Fixture) -> Vec<&'static str> {
    kept(fixture).await.into_iter().filter(|(_, kept)| !kept).map(|(id, _)| id).collect()
}

/// Adds somebody to the first list of the policy.
pub async fn join(fixture: &Fixture, policy: &Policy, address: &str, set: &[(&str, &str)]) {
    let purpose = &policy.purposes[0];
    add(fixture, address, (&purpose.lists[0], purpose.basis), set).await.expect("added");
}

async fn erase(fixture: &Fixture, address: &str) {
    contact::erase(&fixture.installation, &fixture.actor, address, Urgency::Now).await.expect("erased");
}

both!(just_in_touch_keeps_j1_to_j9, |fixture| {
    let policy = company(fixture, "just-in-touch").await;
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    for address in ["a@x.test", "b@x.test", "c@x.test"] {
        join(fixture, &policy, address, &[("name", "Анна"), ("phone", "1")]).await;
    }
    // J1
    field::add(installation, actor, "city", "text").await.expect("a field");
    let refused =
        add(fixture, "d@x.test", ("Новости", Basis::Consent), &[("city", "Казань")]).await.expect_err("a field");
    assert_eq!((refused.message().key, refused.message().text("fields")), ("policy-other-field", "city"));
    // J2, J6, J9: a withdrawal in writing has the effect of the link, and leaves no byte.
    erase(fixture, "a@x.test").await;
    physical_erasure::run(installation).await.expect("ran");
    let searched =
        trace_search::search(installation, &Actor::operator(0), "a@x.test", |_, _| {}).await.expect("searched");
    // Other tests keep the WAL of their server.
    let is_in_wal = |place: &str| place.contains("pg_wal");
    assert!(searched.report.traces.iter().all(|trace| is_in_wal(&trace.place)), "{searched:?}");
    assert!(add(fixture, "a@x.test", ("Новости", Basis::Consent), &[]).await.is_err(), "kept out");
    // J3
    add(fixture, "e@x.test", ("Заказы", Basis::Contract), &[]).await.expect("added");
    list::close(installation, actor, "Заказы", Some(1), |_, _| {}).await.expect("closed");
    physical_erasure::run(installation).await.expect("ran");
    assert_eq!(fixture.contact_id("e@x.test").await, None);
    // J4
    assert_eq!(export::kind_of_profile(Kind::Subscriptions, "processor").expect("a profile"), Kind::Processor);
    let out = fixture.folder.path().join("processor.csv");
    let request = export::Request {
        kind: Kind::Processor,
        format: Format::Csv,
        excel: None::<Excel>,
        campaign: None,
        since: None,
        file: Some(out.clone()),
    };
    export::run(installation, actor, &request, &mut |_, _| {}).await.expect("exported");
    let text = std::fs::read_to_string(out).expect("read");
    assert!(
        text.starts_with("\"address\",\"subscribed_at\",\"opened_at\",\"clicked_at\",\"reachable\",\"sendoff_schema\""),
        "{text}"
    );
    assert!(text.contains("b@x.test") && !text.contains("Анна"), "{text}");
    // J5, J7, J8 by the proof, and broken on purpose.
    assert_eq!(broken(fixture).await, [""; 0]);
    let logo = BrandChange { logo: Some("https://cdn.example/logo.png".to_owned()), ..BrandChange::default() };
    brand::set(installation, actor, &logo).await.expect("set");
    assert_eq!(broken(fixture).await, ["J7"], "a logo that a third party serves");
});

both!(jetcrm_keeps_m1_to_m8, |fixture| {
    let policy = company(fixture, "jetcrm").await;
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    join(fixture, &policy, "a@x.test", &[("first_name", "Анна"), ("birth_date", "1990-01-31")]).await;
    // M1: another customer sees nothing of it.
    let other = workspace::ensure(installation, "other").await.expect("a workspace");
    let unknown = contact::show(installation, &Actor::operator(other.id), "a@x.test").await.expect_err("of another");
    assert_eq!(unknown.message().key, "contact-unknown");
    // M2
    let refused = field::add(installation, actor, "группа_инвалидности", "text").await.expect_err("special");
    assert_eq!(refused.message().key, "policy-special");
    // M5
    segment::save(installation, actor, "crossing", "on(\"Сервис\")", false, |_, _| {}).await.expect("saved");
    draft(fixture, "joined", "Клиенты", "segment = \"crossing\"", "Hi").await;
    let found =
        sendoff::usecase::preflight::preflight(installation, actor, "joined", |_, _| {}).await.expect("checked");
    assert!(found.problems.iter().any(|problem| problem.key == "policy-segment-list"), "{:?}", found.problems);
    // M8, M4
    erase(fixture, "a@x.test").await;
    join(fixture, &policy, "b@x.test", &[]).await;
    // M7: without a backup the promise is not kept.
    assert_eq!(broken(fixture).await, ["M7"]);
    let key = backup::make_key(installation, &Actor::operator(0), &fixture.folder.path().join("key.txt"))
        .await
        .expect("a key");
    let request = backup::Request {
        to: fixture.folder.path().join("backup.age"),
        recipients: vec![key.recipient],
        keep_days: None,
    };
    backup::run(installation, &Actor::operator(0), &request, &mut |_| {}).await.expect("backed up");
    // M3, M6 by the proof.
    assert_eq!(broken(fixture).await, [""; 0]);
});

both!(callhelper_keeps_c1_to_c6, |fixture| {
    let policy = company(fixture, "callhelper").await;
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    join(fixture, &policy, "a@x.test", &[("first_name", "Анна")]).await;
    join(fixture, &policy, "b@x.test", &[]).await;
    // C1
    contact::restrict(installation, actor, "a@x.test").await.expect("restricted");
    let restricted = "select count(*) from subscription where state = 'restricted'";
    assert_eq!(canary::number(fixture, restricted).await, 1);
    // C2, C6
    let correction = Correction { set: vec![("first_name".to_owned(), "Аня".to_owned())], address: None };
    contact::correct(installation, actor, "b@x.test", &correction).await.expect("corrected");
    // C5
    let path = crate::import::fixture::file(fixture, "people.csv", "email\nc@x.test\n");
    let request = sendoff::audience::import::Request {
        list: policy.purposes[0].lists[0].clone(),
        proof: " ".to_owned(),
        ..crate::import::fixture::request(path)
    };
    let lang = sendoff::infra::i18n::Lang::EN;
    let refused = sendoff::usecase::import::run(installation, actor, &request, lang, &mut |_| {}).await;
    assert_eq!(refused.expect_err("no proof").message().key, "import-missing");
    // C3, C4 by the proof.
    assert_eq!(broken(fixture).await, [""; 0]);
    let delete = "delete from consent where 1 = 1";
    canary::execute(fixture, delete).await;
    let broken = broken(fixture).await;
    assert!(broken.contains(&"C5"), "people without a receipt: {broken:?}");
});

both!(crmcalls_keeps_r1_to_r8, |fixture| {
    let policy = company(fixture, "crmcalls").await;
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    join(fixture, &policy, "a@x.test", &[("first_name", "Ann"), ("topic", "news")]).await;
    // R1, R2: the copy has all there is.
    let copy = contact::show(installation, actor, "a@x.test").await.expect("a copy");
    assert_eq!(
        (copy["fields"]["topic"].as_str(), copy["subscriptions"].as_array().map(Vec::len)),
        (Some("news"), Some(1))
    );
    // R3
    join(fixture, &policy, "b@x.test", &[]).await;
    erase(fixture, "b@x.test").await;
    // R4
    segment::save(installation, actor, "news", "topic = \"news\"", false, |_, _| {}).await.expect("saved");
    assert_eq!(broken(fixture).await, [""; 0]);
    // R5: an open of a message that was sent after a refusal breaks the promise.
    draft(fixture, "autumn", "Product news", "tracking = \"individual\"", "Hi {{ first_name }}").await;
    let campaign = {
        let mut conn = installation.db.read().await.expect("a connection");
        model::find_by_name(&mut conn, fixture.workspace.id, "autumn").await.expect("a campaign")
    };
    launch::start(installation, &campaign).await.expect("started");
    canary::execute(fixture, "update delivery set measured = 0 where 1 = 1").await;
    canary::execute(
        fixture,
        "insert into event (id, workspace_id, campaign_id, delivery_id, contact_id, kind, position, at, recorded_at)
         select d.id, d.workspace_id, d.campaign_id, d.id, d.contact_id, 'open', 0, d.changed_at, d.changed_at from delivery d",
    )
    .await;
    assert_eq!(broken(fixture).await, ["R5"]);
});

both!(chat2desk_keeps_h1_to_h5, |fixture| {
    let policy = company(fixture, "chat2desk").await;
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    join(fixture, &policy, "a@x.test", &[("birth_date", "1990-01-31")]).await;
    // H1
    join(fixture, &policy, "b@x.test", &[]).await;
    erase(fixture, "b@x.test").await;
    // H2
    let report = contact::show(installation, actor, "a@x.test").await.expect("a report");
    assert_eq!(report["consents"][0]["basis"].as_str(), Some("consent"));
    // H3
    let young = add(fixture, "c@x.test", ("Новости Chat2Desk", Basis::Consent), &[("birth_date", "2009-01-31")]).await;
    assert_eq!(young.expect_err("a minor").message().key, "policy-too-young");
    // H4: backups are part of it.
    assert_eq!(broken(fixture).await, ["H4"]);
    let key = backup::make_key(installation, &Actor::operator(0), &fixture.folder.path().join("key.txt"))
        .await
        .expect("a key");
    let request = backup::Request {
        to: fixture.folder.path().join("backup.age"),
        recipients: vec![key.recipient],
        keep_days: None,
    };
    backup::run(installation, &Actor::operator(0), &request, &mut |_| {}).await.expect("backed up");
    // H5 by the proof.
    assert_eq!(broken(fixture).await, [""; 0]);
});
