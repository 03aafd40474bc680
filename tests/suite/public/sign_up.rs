//! Sign-up forms: double opt-in, the same answer for every address, limits, and the way back for the erased.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use mail_parser::MessageParser;
use sendoff::audience::consent::{self, Kind};
use sendoff::audience::field::{self, Field};
use sendoff::audience::mailed_link;
use sendoff::audience::subscription::{self, State};
use sendoff::infra::clock::DAY;
use sendoff::infra::db::statement_trace::statements_of;
use sendoff::infra::i18n::Lang;
use sendoff::infra::id::Id;
use sendoff::usecase::form::{self, FormInput};
use sendoff::usecase::sign_up::{self, Posted, SignedUp};
use sendoff::usecase::{Actor, link_mail, preference_link};

use super::fixture::{Reply, WebFixture};
use crate::canary;
use crate::erasure::{erase, is_blocked};
use crate::fixture::{Fixture, Kind as Database, both};
use crate::import::fixture::find;
use crate::policy::fixture as policies;

/// A form to the list Offers with a box for personal data and the field city.
async fn add_form(fixture: &Fixture) -> Id {
    let input = FormInput {
        lists: vec![("Offers".to_owned(), String::new()), ("Новости".to_owned(), "Да, новости".to_owned())],
        purposes: vec![(form::PROCESSING.to_owned(), String::new())],
        fields: vec!["city".to_owned()],
        from: "Shop <news@shop.example>".to_owned(),
        ..FormInput::default()
    };
    form::add(&fixture.installation, &fixture.actor, "footer", &input).await.expect("a form").row.id
}

/// Opens the page, waits, and sends it as a person would.
pub async fn send_form(site: &WebFixture, form: Id, body: &str) -> Reply {
    let page = site.get(&format!("/f/{form}")).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    site.state.installation.clock.advance(3_000);
    site.post(&format!("/f/{form}"), &format!("t={}&{body}", token(&page.body))).await
}

pub fn token(page: &str) -> String {
    let rest = page.split("name=\"t\" value=\"").nth(1).unwrap_or_else(|| panic!("{page}"));
    rest.split('"').next().expect("a value").to_owned()
}

/// The paths behind the links of captured messages, in the order in which they were sent.
pub fn links(fixture: &Fixture, path: &str) -> Vec<String> {
    let folder = fixture.installation.config.capture_dir();
    let mut files: Vec<_> = std::fs::read_dir(folder).map(|found| found.flatten().collect()).unwrap_or_default();
    files.sort_by_key(std::fs::DirEntry::file_name);
    let mut links = Vec::new();
    for file in files {
        let bytes = std::fs::read(file.path()).expect("a message");
        let Some(message) = MessageParser::default().parse(&bytes) else { continue };
        let text = message.body_text(0).expect("a text").into_owned();
        let mark = format!("localhost:8080/{path}/");
        let Some(rest) = text.split(&mark).nth(1) else { continue };
        let token = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').next().expect("a token");
        links.push(format!("/{path}/{token}"));
    }
    links
}

async fn deliver(fixture: &Fixture) -> u64 {
    link_mail::send_due(&fixture.installation).await.expect("sent")
}

async fn state_on(fixture: &Fixture, list: Id, address: &str) -> Option<State> {
    let contact = find(fixture, address).await?.id;
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    subscription::states(&mut conn, list, &[contact]).await.expect("asked").first().map(|(_, state)| *state)
}

both!(only_the_button_behind_the_link_subscribes, |fixture| {
    let site = WebFixture::new(fixture).await;
    let form = add_form(fixture).await;
    let page = site.get(&format!("/f/{form}")).await.body;
    assert!(!page.contains("checked") && page.contains("Да, новости"), "no box is ticked: {page}");
    assert!(!page.contains("<script") && !page.contains("style="), "{page}");
    let sent = send_form(&site, form, "address=Olga@Example.org&field-city=Tver&box=0&box=2").await;
    assert_eq!(sent.status, StatusCode::OK, "{}", sent.body);
    assert!(find(fixture, "olga@example.org").await.is_none(), "nothing is stored yet");
    let dump = super::fixture::dump(fixture).await;
    assert!(!dump.to_lowercase().contains("olga") && !dump.contains("Tver"), "what waits cannot be read");
    assert_eq!(deliver(fixture).await, 1);
    assert_eq!(deliver(fixture).await, 0, "once");

    let link = links(fixture, "f/confirm").remove(0);
    for method in [Method::GET, Method::HEAD] {
        let shown = site.send(method, &link, &[], Body::empty()).await;
        assert_eq!(shown.status, StatusCode::OK);
    }
    assert!(find(fixture, "olga@example.org").await.is_none(), "a scanner that follows the link confirms nothing");
    let done = site.post(&link, "").await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    let olga = find(fixture, "olga@example.org").await.expect("a contact");
    assert_eq!(olga.values["city"], "Tver");
    assert_eq!(state_on(fixture, site.offers.id, "olga@example.org").await, Some(State::Confirmed));
    assert_eq!(state_on(fixture, site.news.id, "olga@example.org").await, None, "its box was not ticked");
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let receipts = consent::of_contact(&mut conn, olga.id).await.expect("read");
    let said: Vec<_> = receipts.iter().map(|one| (one.purpose.as_str(), one.kind, one.list)).collect();
    let purposes = [(consent::MAILING, Kind::Given, site.offers.id), (form::PROCESSING, Kind::Given, 0)];
    assert_eq!(said, purposes);
    assert!(receipts[0].evidence.wording.contains("Offers"), "the text that was shown");
    assert!(consent::chain::broken(olga.id, &receipts).is_empty());
    drop(conn);
    assert!(site.post(&link, "").await.body.contains("no longer valid"), "the link works once");
    let shown = form::show(&fixture.installation, &fixture.actor, "footer").await.expect("shown");
    assert_eq!((shown.row.posted, shown.row.mailed, shown.row.confirmed, shown.row.waiting), (1, 1, 1, 0));
    assert_eq!(shown.days[0].1, [1, 1, 1, 0]);
});

both!(the_answer_is_the_same_for_every_address, |fixture| {
    let site = WebFixture::new(fixture).await;
    let form = add_form(fixture).await;
    erase(fixture, "gone@example.org").await;
    send_form(&site, form, "address=waits@example.org&box=0&box=2").await;
    let mut answers = Vec::new();
    for who in ["new@example.org", "anna@example.org", "boris@example.org", "gone@example.org", "waits@example.org"] {
        let answer = send_form(&site, form, &format!("address={who}&box=0&box=2")).await;
        answers.push((answer.status, answer.body, format!("{:?}", answer.headers)));
    }
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
});

both!(the_same_statements_run_for_every_address, |fixture| {
    let site = WebFixture::new(fixture).await;
    let form = add_form(fixture).await;
    let installation = &fixture.installation;
    erase(fixture, "gone@example.org").await;
    send_form(&site, form, "address=waits@example.org&box=0&box=2").await;
    let who = ["new@example.org", "anna@example.org", "boris@example.org", "gone@example.org", "waits@example.org"];
    let recipient = Actor::recipient();
    let mut runs = Vec::new();
    for address in who {
        let page = sign_up::open(installation, &recipient, form).await.expect("asked").expect("a form");
        installation.clock.advance(3_000);
        let posted = Posted {
            address: address.to_owned(),
            values: Vec::new(),
            boxes: vec![0, 2],
            token: page.token,
            trap: String::new(),
            network: None,
        };
        let work = sign_up::submit(installation, &recipient, form, &posted);
        let (answer, statements) = statements_of(work).await;
        assert_eq!(answer.expect("taken"), SignedUp::Accepted);
        runs.push(statements);
    }
    for _ in 0..2 {
        for address in who {
            let network = Some("192.0.2.7".parse().expect("an address"));
            let work = preference_link::ask_link(installation, &recipient, address, Lang::EN, network);
            let (answer, statements) = statements_of(work).await;
            assert!(answer.is_ok(), "{address}");
            runs.push(statements);
        }
    }
    assert!(runs[0].iter().any(|text| text.contains("insert into mailed_link")), "{:#?}", runs[0]);
    for (at, statements) in runs.iter().enumerate() {
        assert_eq!(statements, &runs[if at < who.len() { 0 } else { who.len() }], "run {at}");
    }
    let waiting = canary::number(fixture, "select count(*) from mailed_link where expires_at > created_at").await;
    assert_eq!(waiting, 10, "who waits gets nothing more; the others one message of each kind");
});

both!(a_message_that_a_killed_process_had_taken_is_sent_again, |fixture| {
    let site = WebFixture::new(fixture).await;
    let form = add_form(fixture).await;
    let installation = &fixture.installation;
    send_form(&site, form, "address=olga@example.org&box=0&box=2").await;
    let take = async || {
        let mut tx = installation.db.write().await.expect("a transaction");
        let taken = mailed_link::take_due(installation, &mut tx).await.expect("read");
        tx.commit().await.expect("committed");
        taken.is_some()
    };
    assert!(take().await, "and the process is killed");
    assert_eq!(deliver(fixture).await, 0, "another one may be sending it");
    installation.clock.advance(16 * 60_000);
    assert_eq!(deliver(fixture).await, 1);
    installation.clock.advance(16 * 60_000);
    assert_eq!(deliver(fixture).await, 0, "a relay took it");
    assert_eq!(links(fixture, "f/confirm").len(), 1);

    send_form(&site, form, "address=petr@example.org&box=0&box=2").await;
    let mut taken = 0;
    for _ in 0..9 {
        taken += u32::from(take().await);
        installation.clock.advance(16 * 60_000);
    }
    assert_eq!(taken, 5, "a message that kills its process is given up");
});

both!(ten_thousand_posts_for_one_address_send_one_message, |fixture| {
    let site = WebFixture::new(fixture).await;
    let form = add_form(fixture).await;
    let page = site.get(&format!("/f/{form}")).await;
    fixture.installation.clock.advance(3_000);
    let body = format!("t={}&address=victim%2B0@example.org&box=0&box=2", token(&page.body));
    let mut statuses = std::collections::BTreeMap::new();
    let posts = if fixture.kind == Database::Sqlite { 10_000 } else { 1_000 };
    for index in 0..posts {
        let body = body.replace("%2B0", "");
        // Each from a network of its own.
        let from = format!("10.{}.{}.1", index / 256, index % 256);
        let peer = sendoff::web::listener::PeerAddress("127.0.0.1".parse().expect("loopback"));
        let mut request = axum::http::Request::builder()
            .method(Method::POST)
            .uri(format!("/f/{form}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-forwarded-for", from)
            .body(Body::from(body))
            .expect("a request");
        request.extensions_mut().insert(peer);
        let response = tower::ServiceExt::oneshot(site.public(), request).await.expect("answers");
        *statuses.entry(response.status().as_u16()).or_insert(0) += 1;
    }
    assert_eq!(statuses.get(&200), Some(&posts.min(2_000)), "the limit of the form: {statuses:?}");
    while deliver(fixture).await > 0 {}
    assert_eq!(links(fixture, "f/confirm").len(), 1);

    // On the next days three in a week, then none.
    for _ in 0..6 {
        fixture.installation.clock.advance(DAY + 1);
        send_form(&site, form, "address=victim@example.org&box=0&box=2").await;
        deliver(fixture).await;
    }
    assert_eq!(links(fixture, "f/confirm").len(), 3);
});

both!(a_network_is_slowed_down_and_others_are_not, |fixture| {
    let site = WebFixture::new(fixture).await;
    let form = add_form(fixture).await;
    let mut busy = 0;
    for index in 0..25 {
        let answer = send_form(&site, form, &format!("address=p{index}@example.org&box=0&box=2")).await;
        busy += u32::from(answer.status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(busy, 5);
    fixture.installation.clock.advance(3_600_000);
    let later = send_form(&site, form, "address=late@example.org&box=0&box=2").await;
    assert_eq!(later.status, StatusCode::OK);
});

both!(bots_and_other_sites_do_not_sign_anybody_up_at_once, |fixture| {
    let site = WebFixture::new(fixture).await;
    let form = add_form(fixture).await;
    let path = format!("/f/{form}");
    let body = "address=olga@example.org&box=0&box=2&field-city=Tver";
    let embedded = site.send(
        Method::POST,
        &path,
        &[
            ("content-type", "application/x-www-form-urlencoded"),
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://shop.example"),
        ],
        Body::from(body),
    );
    let embedded = embedded.await;
    assert_eq!(embedded.status, StatusCode::OK);
    assert!(embedded.body.contains("value=\"olga@example.org\"") && embedded.body.contains("Tver"), "filled in again");
    let page = token(&embedded.body);
    let fast = site.post(&path, &format!("t={page}&{body}")).await;
    assert!(fast.body.contains("name=\"t\""), "faster than a person: asked once more");
    fixture.installation.clock.advance(3_000);
    let trapped = site.post(&path, &format!("t={page}&{body}&website=spam")).await;
    assert!(trapped.body.contains("mailbox") && deliver(fixture).await == 0, "a bot learns nothing");
    site.post(&path, &format!("t={page}&{body}")).await;
    assert_eq!(deliver(fixture).await, 1);
    fixture.installation.clock.advance(3 * 3_600_000);
    let old = site.post(&path, &format!("t={page}&address=other@example.org&box=0&box=2")).await;
    assert!(old.body.contains("name=\"t\"") && deliver(fixture).await == 0, "too old");

    for (wrong, key) in [
        ("address=nobody&box=0&box=2", "address"),
        ("address=a@example.org&box=2", "list"),
        ("address=a@example.org&box=0", "box"),
    ] {
        let refused = send_form(&site, form, wrong).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        assert!(refused.body.contains(key) && refused.body.contains("role=\"alert\""), "{wrong}: {}", refused.body);
    }
    assert_eq!(site.get("/f/17").await.status, StatusCode::NOT_FOUND);
    assert!(site.get("/f/confirm/forged").await.body.contains("no longer valid"));
});

both!(an_erased_person_comes_back_by_their_own_confirmation_only, |fixture| {
    let site = WebFixture::new(fixture).await;
    let form = add_form(fixture).await;
    erase(fixture, "anna@example.org").await;
    fixture.installation.clock.advance(DAY);
    send_form(&site, form, "address=anna@example.org&box=0&box=2").await;
    deliver(fixture).await;
    assert!(is_blocked(fixture, "anna@example.org", site.offers.id).await, "until the button is pressed");
    let link = links(fixture, "f/confirm").remove(0);
    site.post(&link, "").await;
    assert!(find(fixture, "anna@example.org").await.is_some());
    assert!(!is_blocked(fixture, "anna@example.org", site.offers.id).await);

    // An erasure takes what waits with it.
    fixture.installation.clock.advance(2 * DAY);
    send_form(&site, form, "address=anna@example.org&box=1&box=2").await;
    deliver(fixture).await;
    let link = links(fixture, "f/confirm").remove(1);
    erase(fixture, "anna@example.org").await;
    assert_eq!(canary::number(fixture, "select count(*) from mailed_link").await, 0);
    site.post(&link, "").await;
    assert!(find(fixture, "anna@example.org").await.is_none());
});

both!(it_was_not_me_deletes_and_blocks_and_what_waits_expires, |fixture| {
    let site = WebFixture::new(fixture).await;
    let form = add_form(fixture).await;
    send_form(&site, form, "address=olga@example.org&box=0&box=2").await;
    send_form(&site, form, "address=petr@example.org&box=0&box=2").await;
    assert_eq!(deliver(fixture).await, 2);
    let mut sent = links(fixture, "f/confirm");
    let is_first = site.get(&sent[0]).await.body.contains("o***@");
    let link = sent.remove(usize::from(!is_first));
    assert_eq!(site.post(&link, "action=refuse").await.status, StatusCode::OK);
    assert_eq!(canary::number(fixture, "select count(*) from mailed_link").await, 1);
    for _ in 0..5 {
        fixture.installation.clock.advance(8 * DAY);
        send_form(&site, form, "address=olga@example.org&box=0&box=2").await;
        assert_eq!(deliver(fixture).await, 0, "no form writes to that address");
    }
    assert!(site.post(&sent[0], "").await.body.contains("no longer valid"), "three days are over");
    link_mail::expire(&fixture.installation).await.expect("expired");
    assert_eq!(canary::number(fixture, "select count(*) from mailed_link").await, 0);
    assert!(find(fixture, "petr@example.org").await.is_none());
});

both!(a_form_is_made_changed_and_removed, |fixture| {
    let site = WebFixture::new(fixture).await;
    let form = add_form(fixture).await;
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    let input = |list: &str, field: &str| FormInput {
        lists: vec![(list.to_owned(), String::new())],
        fields: vec![field.to_owned()],
        ..FormInput::default()
    };
    for (wrong, key) in [
        (input("No such", "city"), "list-unknown"),
        (input("Offers", "shoe"), "field-unknown"),
        (FormInput::default(), "form-no-list"),
    ] {
        assert_eq!(form::add(installation, actor, "x", &wrong).await.expect_err(key).message().key, key);
    }
    let taken = form::add(installation, actor, "footer", &input("Offers", "city")).await;
    assert_eq!(taken.expect_err("taken").message().key, "form-name-taken");
    let changed =
        FormInput { language: "ru".to_owned(), title: "<b>Клуб</b>".to_owned(), ..input("Offers", "city") };
    let shown = form::change(installation, actor, "footer", &changed).await.expect("changed");
    assert!(shown.embed.contains(&format!("/f/{form}\"")) && !shown.embed.contains("<script"), "{}", shown.embed);
    let page = site.get(&format!("/f/{form}")).await.body;
    assert!(page.contains("lang=\"ru\"") && page.contains("Подписаться") && !page.contains("<b>Клуб"), "{page}");
    field::add(installation, fixture.workspace.id, &Field::declare("shoe", "number").expect("a field"))
        .await
        .expect("declared");
    form::remove(installation, actor, "footer").await.expect("removed");
    assert_eq!(site.get(&format!("/f/{form}")).await.status, StatusCode::NOT_FOUND);
});

both!(a_form_is_held_to_the_policy, |fixture| {
    policies::set_up(fixture).await;
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    let input = |list: &str, fields: &[&str]| FormInput {
        lists: vec![(list.to_owned(), String::new())],
        fields: fields.iter().map(|name| (*name).to_owned()).collect(),
        from: "Shop <news@shop.example>".to_owned(),
        ..FormInput::default()
    };
    for (list, field, key) in [("Service", "plan", "policy-other-basis"), ("News", "phone", "policy-other-field")] {
        let refused = form::add(installation, actor, "x", &input(list, &[field])).await;
        assert_eq!(refused.expect_err(list).message().key, key);
    }
    let made = form::add(installation, actor, "news", &input("News", &["first_name"])).await.expect("a form");
    assert_eq!(made.definition.boxes[0].text, "I want news by e-mail.", "the text of the purpose");
    assert_eq!(made.definition.fields, ["first_name", "birth_date"], "the date of birth is asked for");

    let recipient = Actor::recipient();
    let token = sign_up::open(installation, &recipient, made.row.id).await.expect("read").expect("a form").token;
    installation.clock.advance(3_000);
    let submit = async |born: &str| {
        let posted = Posted {
            address: "olga@example.org".to_owned(),
            values: vec![("birth_date".to_owned(), born.to_owned())],
            boxes: vec![0],
            token: token.clone(),
            trap: String::new(),
            network: None,
        };
        sign_up::submit(installation, &recipient, made.row.id, &posted).await.map_err(|error| error.message().key)
    };
    assert_eq!(submit("").await, Err("form-age-needed"));
    assert_eq!(submit("2010-01-01").await, Err("policy-too-young"));
    assert_eq!(submit("1990-01-01").await, Ok(SignedUp::Accepted));
    assert_eq!(deliver(fixture).await, 1);
    let link = links(fixture, "f/confirm").remove(0);
    let token = link.rsplit('/').next().expect("a token");
    let lists = sign_up::confirm(installation, &recipient, token).await.expect("confirmed");
    assert_eq!(lists, Some(vec!["News".to_owned()]));
    let olga = find(fixture, "olga@example.org").await.expect("a contact");
    let mut conn = installation.db.read().await.expect("a connection");
    let receipts = consent::of_contact(&mut conn, olga.id).await.expect("read");
    assert_eq!((receipts[0].purpose.as_str(), receipts[0].edition.as_str()), ("marketing", "1"));
});
