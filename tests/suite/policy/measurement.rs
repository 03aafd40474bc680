//! Measurement by consent: who is not measured gets the same email without a pixel and with plain links, and nothing is recorded of
//! them, also of messages that were sent before.

use sendoff::audience::address::Address;
use sendoff::audience::consent::Basis;
use sendoff::audience::contact;
use sendoff::campaign::composer::Composer;
use sendoff::campaign::delivery::Recipient;
use sendoff::campaign::model::{self, Campaign};
use sendoff::campaign::{frozen_content, launch};
use sendoff::feedback::event::{self, EventKind, NewEvent};
use sendoff::infra::id::Id;
use sendoff::infra::token::{DeliveryRef, TokenPurpose};
use sendoff::report::summary;
use sendoff::usecase::policy;
use sendoff::web::public::track::PIXEL;

use super::fixture::{POLICY, add, apply, draft, file, set_up};
use crate::fixture::{Fixture, both};
use crate::public::fixture::send;

const MARKETING: (&str, Basis) = ("News", Basis::Consent);
const BODY: &str =
    "Hi {{ first_name | default(\"you\") }}, [look](https://shop.example/a) and [there](https://shop.example/b).";

async fn answer(fixture: &Fixture, address: &str, answer: bool) {
    let id = fixture.contact_id(address).await.expect("a contact");
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    contact::set_measured(&mut tx, id, Some(answer)).await.expect("stored");
    tx.commit().await.expect("committed");
}

async fn campaign(fixture: &Fixture, name: &str) -> Campaign {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    model::find_by_name(&mut conn, fixture.workspace.id, name).await.expect("a campaign")
}

async fn composer(fixture: &Fixture, campaign: &Campaign) -> Composer {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let content = frozen_content::current(&mut conn, campaign, crate::fixture::NOW).await.expect("content");
    Composer::compile(&fixture.installation, content).expect("compiles")
}

fn recipient(delivery: Id, measured: Option<bool>) -> Recipient {
    Recipient { delivery, address: "a@x.test".to_owned(), fields: "{\"first_name\":\"Ann\"}".to_owned(), measured }
}

/// The HTML of a message; what is composed has the same bytes as what is rendered and written.
fn html(composer: &Composer, recipient: &Recipient) -> String {
    let to = Address::parse(&recipient.address).expect("an address");
    let rendered = composer.render(recipient).expect("rendered");
    let written = composer.write(recipient, &to, &rendered, crate::fixture::NOW).expect("written");
    let mut composed = Vec::new();
    assert!(composer.splice(recipient, &to, crate::fixture::NOW, &mut composed), "composed from encoded parts");
    assert_eq!(String::from_utf8_lossy(&composed), String::from_utf8_lossy(&written));
    rendered.html
}

/// Starts the campaign of the tests and returns the delivery of each address.
async fn started(fixture: &Fixture, addresses: &[&str]) -> (Campaign, Vec<Id>) {
    let campaign = campaign(fixture, "autumn").await;
    launch::start(&fixture.installation, &campaign).await.expect("started");
    let mut deliveries = Vec::new();
    for address in addresses {
        let contact = fixture.contact_id(address).await.expect("a contact");
        let mut conn = fixture.installation.db.read().await.expect("a connection");
        let row = sqlx::query("select id from delivery where contact_id = $1").bind(contact);
        deliveries.push(sqlx::Row::get(&row.fetch_one(&mut *conn).await.expect("a delivery"), 0));
    }
    (campaign, deliveries)
}

async fn record(fixture: &Fixture, delivery: Id) -> u64 {
    let at = fixture.installation.clock.now();
    let events = [EventKind::Open, EventKind::Click].map(|kind| NewEvent { delivery, kind, position: 0, at });
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let inserted = event::insert(&mut tx, &fixture.installation.ids, &events).await.expect("inserted");
    tx.commit().await.expect("committed");
    inserted
}

both!(only_who_agreed_gets_a_pixel_and_measured_links, |fixture| {
    set_up(fixture).await;
    for address in ["agreed@x.test", "refused@x.test", "silent@x.test"] {
        add(fixture, address, MARKETING, &[("first_name", "Ann")]).await.expect("added");
    }
    answer(fixture, "agreed@x.test", true).await;
    answer(fixture, "refused@x.test", false).await;
    draft(fixture, "autumn", "News", "tracking = \"individual\"", BODY).await;
    let compiled = composer(fixture, &campaign(fixture, "autumn").await).await;

    let measured = html(&compiled, &recipient(7, Some(true)));
    assert!(measured.contains("/o/") && measured.contains("/c/") && !measured.contains("shop.example/a"), "{measured}");
    let plain = html(&compiled, &recipient(7, Some(false)));
    assert!(!plain.contains("/o/") && !plain.contains("/c/"), "{plain}");
    assert!(plain.contains("https://shop.example/a") && plain.contains("https://shop.example/b"), "{plain}");
    assert_eq!(html(&compiled, &recipient(7, None)), plain, "who said nothing under opt-in is not measured");
    // The same email: without the pixel, and with the destinations in place of the measured links.
    let secret = fixture
        .installation
        .signer
        .message_secret(DeliveryRef { campaign: campaign(fixture, "autumn").await.id, delivery: 7 });
    let mut same = measured;
    for (position, destination) in ["https://shop.example/a", "https://shop.example/b"].iter().enumerate() {
        let url = format!("http://localhost:8080/c/{}/{position}", secret.token(TokenPurpose::Click));
        same = same.replace(&format!("\"{url}\""), &format!("\"{destination}\""));
    }
    let pixel = same.find("<img src=\"http://localhost:8080/o/").expect("a pixel");
    let end = pixel + same[pixel..].find('>').expect("its end") + 1;
    same.replace_range(pixel..end, "");
    assert_eq!(same, plain);

    apply(fixture, &POLICY.replace("opt-in", "opt-out")).await.expect("applied");
    let compiled = composer(fixture, &campaign(fixture, "autumn").await).await;
    assert!(html(&compiled, &recipient(7, None)).contains("/o/"), "who said nothing under opt-out is measured");
    assert!(!html(&compiled, &recipient(7, Some(false))).contains("/o/"));
});

both!(a_refusal_ends_the_recording_of_messages_that_were_sent, |fixture| {
    set_up(fixture).await;
    let people = ["agreed@x.test", "silent@x.test"];
    for address in people {
        add(fixture, address, MARKETING, &[]).await.expect("added");
    }
    answer(fixture, "agreed@x.test", true).await;
    draft(fixture, "autumn", "News", "tracking = \"individual\"", BODY).await;
    let (campaign, deliveries) = started(fixture, &people).await;

    assert_eq!(record(fixture, deliveries[0]).await, 2);
    assert_eq!(record(fixture, deliveries[1]).await, 0, "who said nothing under opt-in is not recorded");
    answer(fixture, "agreed@x.test", false).await;
    assert_eq!(record(fixture, deliveries[0]).await, 0, "withdrawn");

    // The old pixel and the old link answer as before.
    let state = sendoff::web::state::WebState::open(fixture.installation.clone(), std::sync::Arc::default());
    let state = state.await.expect("opens");
    let secret =
        fixture.installation.signer.message_secret(DeliveryRef { campaign: campaign.id, delivery: deliveries[0] });
    let get = async |path: String| {
        let router = sendoff::web::router::public(state.clone());
        send(router, axum::http::Method::GET, &path, &[], axum::body::Body::empty()).await
    };
    let pixel = get(format!("/o/{}.gif", secret.token(TokenPurpose::Open))).await;
    assert_eq!(pixel.header("content-length"), Some(PIXEL.len().to_string().as_str()));
    let link = get(format!("/c/{}/1", secret.token(TokenPurpose::Click))).await;
    assert_eq!(link.header("location"), Some("https://shop.example/b"));
    state.recorder.flush().await;
    assert_eq!(crate::canary::number(fixture, "select count(*) from event").await, 2);
});

both!(a_campaign_is_counted_by_one_pixel_and_without_a_row_of_anybody, |fixture| {
    set_up(fixture).await;
    let text = POLICY.replace("mode = \"individual\"", "mode = \"campaign\"").replace("consent = \"opt-in\"\n", "");
    let text = text.replace("\"opened_at\", \"clicked_at\", ", "");
    apply(fixture, &text).await.expect("applied");
    let people = ["a@x.test", "b@x.test"];
    for address in people {
        add(fixture, address, MARKETING, &[]).await.expect("added");
    }
    answer(fixture, "a@x.test", true).await;
    draft(fixture, "autumn", "News", "tracking = \"individual\"", BODY).await;
    let (campaign, deliveries) = started(fixture, &people).await;
    let compiled = composer(fixture, &campaign).await;
    let pixel = |html: &str| {
        let start = html.find("/o/").expect("a pixel");
        html[start..start + html[start..].find('"').expect("its end")].to_owned()
    };
    let (one, other) = (html(&compiled, &recipient(7, Some(true))), html(&compiled, &recipient(8, None)));
    assert_eq!(pixel(&one), pixel(&other), "the pixel is the same for all");
    assert!(!one.contains("/c/") && one.contains("https://shop.example/a"), "{one}");

    let state = sendoff::web::state::WebState::open(fixture.installation.clone(), std::sync::Arc::default());
    let state = state.await.expect("opens");
    for _ in 0..3 {
        let router = sendoff::web::router::public(state.clone());
        let reply = send(router, axum::http::Method::GET, &pixel(&one), &[], axum::body::Body::empty()).await;
        assert_eq!(reply.status, axum::http::StatusCode::OK);
    }
    state.recorder.flush().await;
    assert_eq!(record(fixture, deliveries[0]).await, 0, "no row of anybody");
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let summary = summary::read(&mut conn, &campaign).await.expect("read");
    assert_eq!((summary.opens_total, summary.opens), (3, 0));
    drop(conn);
    assert_eq!(crate::canary::number(fixture, "select count(*) from event").await, 0);

    let none = text.replace("mode = \"campaign\"", "mode = \"none\"");
    let plan = policy::plan(&fixture.installation, &fixture.actor, &file(&none)).await.expect("planned");
    assert_eq!((plan.measured_before, plan.measured_after), (0, 0));
    apply(fixture, &none).await.expect("applied");
    let compiled = composer(fixture, &campaign).await;
    assert!(!html(&compiled, &recipient(7, Some(true))).contains("/o/"));
});
