//! People who came in by every entrance and stand in every table are erased in each of the seven ways; then no byte of them is left.

use std::path::{Path, PathBuf};

use sendoff::audience::consent::Basis;
use sendoff::audience::import::Request;
use sendoff::campaign::delivery::State;
use sendoff::infra::clock::DAY;
use sendoff::infra::i18n::Lang;
use sendoff::infra::token::{DeliveryRef, TokenPurpose};
use sendoff::privacy::physical_erasure;
use sendoff::report::export::Kind as ExportKind;
use sendoff::report::export::table_writer::Format;
use sendoff::usecase::contact::{self, Correction, Urgency};
use sendoff::usecase::contact_search::{self, Addition};
use sendoff::usecase::form::{self, FormInput};
use sendoff::usecase::{
    Actor, export, field, import, link_mail, list, preference_link, request, retention, workspace_end,
};

use crate::canary;
use crate::fixture::{Fixture, Kind, both};
use crate::import::fixture::request as import_request;
use crate::public::fixture::WebFixture;
use crate::public::sign_up::{links, send_form};

/// The ways in which somebody leaves.
const WAYS: [&str; 7] = ["link", "page", "form", "operator", "list closing", "retention", "workspace end"];
/// The entrances by which somebody comes in.
const ENTRANCES: [&str; 4] = ["import", "desk", "form", "preferences"];

/// Keeps people for 200 days after their last activity.
const POLICY: &str = r#"jurisdiction = "eu"
[controller]
name = "Shop"
email = "privacy@shop.example"
[[edition]]
number = 1
dated = 2025-05-01
text = { en = "We mail news." }
[[purpose]]
name = "marketing"
basis = "consent"
lists = ["Новости", "Offers"]
fields = ["city", "note"]
[purpose.text]
en = "I want news."
[measurement]
mode = "individual"
consent = "opt-out"
[retention]
contacts_without_activity = 200
"#;

/// Somebody who came in by one entrance.
struct Person {
    entrance: &'static str,
    address: String,
    delivery: DeliveryRef,
}

/// Brings an address onto the list of news.
async fn come_in(fixture: &Fixture, site: &WebFixture, form: i64, entrance: &str, address: &str) {
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    match entrance {
        "import" => {
            let path = fixture.folder.path().join("people.csv");
            std::fs::write(&path, format!("email,city\n{address},Tver\n")).expect("written");
            let request = Request { list: "Новости".to_owned(), basis: Basis::Consent, ..import_request(&path) };
            import::run(installation, actor, &request, Lang::EN, &mut |_| {}).await.expect("imported");
            // The file is the operator's own.
            std::fs::remove_file(&path).expect("removed");
        }
        "desk" => {
            let addition = Addition {
                address: address.to_owned(),
                list: "Новости".to_owned(),
                set: vec![("city".to_owned(), "Tver".to_owned())],
                source: "shop.example".to_owned(),
                basis: Basis::Consent,
                proof: "form 17".to_owned(),
                date: "2026-05-05".to_owned(),
            };
            contact_search::add(installation, actor, &addition).await.expect("added");
        }
        "form" => {
            let sent = send_form(site, form, &format!("address={address}&box=0")).await;
            assert!(sent.status.is_success(), "{}", sent.body);
            link_mail::send_due(installation).await.expect("sent");
            let link = links(fixture, "f/confirm").pop().expect("a link");
            assert!(site.post(&link, "").await.status.is_success());
        }
        _ => {
            // On another list first, and to the news from the page of their preferences.
            canary::person(fixture, &site.offers, address).await;
            preference_link::ask_link(installation, &Actor::recipient(), address, Lang::EN, None).await.expect("asked");
            link_mail::send_due(installation).await.expect("sent");
            let link = links(fixture, "p").pop().expect("a link");
            let joined = site.post(&link, &format!("action=join&list={}", site.news.id)).await;
            assert!(joined.status.is_success(), "{}", joined.body);
        }
    }
}

/// Leaves traces of a member: corrections, preferences, requests, links that wait, and exports.
async fn leave_traces(fixture: &Fixture, site: &WebFixture, form: i64, address: &str) {
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    let note = format!("writes as {address}");
    let correction = Correction { set: vec![("note".to_owned(), note)], address: None };
    contact::correct(installation, actor, address, &correction).await.expect("corrected");
    let asked = request::NewRequest {
        address: address.to_owned(),
        kind: request::RequestKind::Objection,
        channel: "post".to_owned(),
        note: format!("{address} wrote a letter"),
        checked: Some("passport seen".to_owned()),
        law: None,
        received: None,
    };
    let added = request::add(installation, actor, &asked).await.expect("entered");
    request::close(installation, actor, added.row.request, request::State::Done, "done").await.expect("closed");
    send_form(site, form, &format!("address={address}&box=0")).await;
    preference_link::ask_link(installation, &Actor::recipient(), address, Lang::EN, None).await.expect("asked");
    link_mail::send_due(installation).await.expect("sent");
}

/// People of every entrance, with deliveries, opens, clicks and an export.
async fn plant(fixture: &Fixture, site: &WebFixture) -> Vec<Person> {
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    field::add(installation, actor, "note", "text").await.expect("a field");
    list::set_public(installation, actor, "Новости", true).await.expect("published");
    let input = FormInput {
        lists: vec![("Новости".to_owned(), "Yes, news".to_owned())],
        from: "Shop <news@shop.example>".to_owned(),
        ..FormInput::default()
    };
    let form = form::add(installation, actor, "footer", &input).await.expect("a form").row.id;
    let addresses = ENTRANCES.map(|_| format!("{}@forget.test", canary::word()));
    for (entrance, address) in ENTRANCES.iter().zip(&addresses) {
        come_in(fixture, site, form, entrance, address).await;
        installation.clock.advance(DAY);
        leave_traces(fixture, site, form, address).await;
    }
    let (campaign, _) = canary::launch(fixture, &site.news, "winter").await;
    let taken = canary::take(fixture, &campaign).await;
    let sent: Vec<_> = addresses.iter().map(|address| (taken[address], State::Accepted)).collect();
    canary::end(fixture, &campaign, &sent).await;
    for (delivery, _) in &sent {
        canary::react(fixture, *delivery).await;
    }
    let wanted = export::Request {
        kind: ExportKind::Subscriptions,
        format: Format::Csv,
        excel: None,
        campaign: None,
        since: None,
        file: Some(installation.config.export_dir().join("people.csv")),
    };
    export::run(installation, actor, &wanted, &mut |_| {}).await.expect("exported");
    let person = |(entrance, address): (&&'static str, &String)| Person {
        entrance: *entrance,
        address: address.clone(),
        delivery: DeliveryRef { campaign: campaign.id, delivery: taken[address] },
    };
    ENTRANCES.iter().zip(&addresses).map(person).collect()
}

async fn leave(fixture: &Fixture, site: &WebFixture, way: &str, people: &[Person]) {
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    let token = |person: &Person, purpose| installation.signer.message_secret(person.delivery).token(purpose);
    match way {
        "link" => {
            for person in people {
                let path = format!("/u/{}", token(person, TokenPurpose::Unsubscribe));
                let left = site.post(&path, "List-Unsubscribe=One-Click").await;
                assert!(left.status.is_success(), "{}", left.body);
            }
            // Who is on another list stays there until they leave it too.
            list::close(installation, actor, "Offers", None, |_, _| {}).await.expect("closed");
        }
        "page" => {
            for person in people {
                let path = format!("/p/{}", token(person, TokenPurpose::Preferences));
                let erased = site.post(&path, "action=erase&confirmed=1").await;
                assert!(erased.status.is_success(), "{}", erased.body);
            }
        }
        "form" => {
            for person in people {
                installation.clock.advance(8 * DAY);
                let asked = Actor::recipient();
                preference_link::ask_link(installation, &asked, &person.address, Lang::EN, None).await.expect("asked");
                link_mail::send_due(installation).await.expect("sent");
                let link = links(fixture, "p").pop().expect("a link");
                let left = site.post(&link, "action=leave-all").await;
                assert!(left.status.is_success(), "{}", left.body);
            }
        }
        "operator" => {
            for person in people {
                contact::erase(installation, actor, &person.address, Urgency::Usual).await.expect("erased");
            }
        }
        "list closing" => {
            for name in ["Новости", "Offers"] {
                list::close(installation, actor, name, None, |_, _| {}).await.expect("closed");
            }
        }
        "retention" => {
            crate::policy::fixture::apply(fixture, POLICY).await.expect("applied");
            installation.clock.advance(240 * DAY);
            retention::run_due(installation).await.expect("ran");
        }
        _ => {
            let on = "2026-12-20".to_owned();
            let request = workspace_end::EndRequest { on, erase_after: 30, backups_after: 183 };
            workspace_end::set(installation, actor, Some(&request)).await.expect("set");
            installation.clock.advance(90 * DAY);
            retention::run_due(installation).await.expect("ran");
        }
    }
}

/// The files with a word among those of the data folder and the database, without the code under test.
async fn files_with(fixture: &Fixture, word: &str) -> Vec<PathBuf> {
    let mut folders = vec![fixture.installation.config.data.clone()];
    if fixture.kind == Kind::Postgres
        && let Some(data) = fixture.installation.db.data_path().await.expect("asked")
        && let Some(own) = fixture.installation.db.database_folder().await.expect("asked")
    {
        folders.push(data.join("base").join(own));
    }
    let holds = |path: &Path| {
        let bytes = std::fs::read(path).unwrap_or_default();
        bytes.windows(word.len()).any(|window| window == word.as_bytes())
    };
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            match path.is_dir() {
                true => folders.push(path),
                false if holds(&path) => found.push(path),
                false => {}
            }
        }
    }
    found
}

both!(whoever_leaves_in_any_way_leaves_no_byte_behind, |fixture| {
    // Each way has a database of its own.
    for way in WAYS {
        let fixture = Fixture::new(fixture.kind).await;
        let site = WebFixture::new(&fixture).await;
        let people = plant(&fixture, &site).await;
        for person in &people {
            let before = canary::search(&fixture, &person.address).await;
            assert!(before.traces.len() >= 4, "{way}, {}: {before:?}", person.entrance);
        }
        leave(&fixture, &site, way, &people).await;
        // Links that wait name nobody, but they are counted; what expired with the time is deleted.
        link_mail::expire(&fixture.installation).await.expect("expired");
        physical_erasure::run(&fixture.installation).await.expect("cleaned");
        for person in &people {
            let after = canary::search(&fixture, &person.address).await;
            assert_eq!(after.hits, 0, "{way}, {}: {after:?}", person.entrance);
            let word = person.address.split('@').next().unwrap_or_default();
            assert_eq!(files_with(&fixture, word).await, Vec::<PathBuf>::new(), "{way}, {}", person.entrance);
        }
        fixture.close().await;
    }
});

both!(a_trace_search_finds_crash_files_and_exports_elsewhere, |fixture| {
    let installation = &fixture.installation;
    let address = format!("{}@forget.test", canary::word());
    let news = canary::list(fixture, "News").await;
    canary::person(fixture, &news, &address).await;
    let elsewhere = tempfile::tempdir().expect("a folder");
    let wanted = export::Request {
        kind: ExportKind::Subscriptions,
        format: Format::Csv,
        excel: None,
        campaign: None,
        since: None,
        file: Some(elsewhere.path().join("people.csv")),
    };
    export::run(installation, &fixture.actor, &wanted, &mut |_| {}).await.expect("exported");
    let data = &installation.config.data;
    std::fs::write(data.join("core.4711"), [b"\0\0stack ", address.as_bytes(), b"\0"].concat()).expect("written");
    std::fs::write(data.join("journal/unsubscribe.aside"), format!("{address}\n")).expect("written");

    let found = canary::search(fixture, &address).await;

    for place in ["core.4711", "unsubscribe.aside", "people.csv"] {
        assert!(found.traces.iter().any(|trace| trace.place.ends_with(place)), "{place}: {found:?}");
    }
});
