//! Tests of the way back for someone who was erased by mistake.

use axum::http::StatusCode;
use mail_parser::MessageParser;
use sendoff::audience::subscription::{self, State};
use sendoff::audience::{consent, list};
use sendoff::content::brand::{self, BrandChange};
use sendoff::infra::clock::DAY;
use sendoff::infra::error::Result;
use sendoff::privacy::erasure_replay;
use sendoff::usecase::invitation::{self, InvitationRequest, Invited};
use sendoff::usecase::list as lists;

use super::fixture::WebFixture;
use crate::erasure::erase;
use crate::fixture::{Fixture, both};
use crate::import::fixture::{count, find};

async fn invite(fixture: &Fixture, address: &str) -> Result<Invited> {
    let request = InvitationRequest {
        address: address.to_owned(),
        list: "Новости".to_owned(),
        from: "Shop <news@shop.example>".to_owned(),
        relay: None,
    };
    invitation::send(&fixture.installation, &fixture.actor, &request).await
}

/// The path of the link in the newest captured message.
fn link(fixture: &Fixture) -> String {
    let folder = fixture.installation.config.capture_dir();
    let files = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let newest = files.filter(|path| path.extension().is_some_and(|end| end == "eml")).max().expect("a message");
    let bytes = std::fs::read(newest).expect("read");
    let message = MessageParser::default().parse(&bytes).expect("a message");
    let text = message.body_text(0).expect("a text").into_owned();
    let at = text.find("/i/").expect("a link");
    text[at..].split_whitespace().next().expect("a link").to_owned()
}

both!(only_the_owner_of_an_erased_address_brings_it_back, |fixture| {
    let site = WebFixture::new(fixture).await;
    let address = "anna@example.org";
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let change = BrandChange { name: Some("Tea & Co".to_owned()), ..BrandChange::default() };
    brand::set(&mut tx, fixture.workspace.id, &change).await.expect("set");
    tx.commit().await.expect("committed");
    assert_eq!(invite(fixture, address).await.expect_err("not erased").message().key, "invitation-not-erased");
    erase(fixture, address).await;

    let invited = invite(fixture, address).await.expect("sent");
    assert_eq!(invited.to, "a***@e***.org");
    let path = link(fixture);
    assert!(!path.contains("anna") && !path.contains("example"), "{path}");
    assert_eq!(count(fixture, "select count(*) from contact where canonical = 'anna@example.org'").await, 0);

    let page = site.get(&path).await;
    assert!(page.status == StatusCode::OK && page.body.contains("a***@e***.org"), "{}", page.body);
    assert!(page.body.contains("<header class=\"brand\">") && page.body.contains("Tea &#38; Co"), "{}", page.body);
    assert!(find(fixture, address).await.is_none(), "the page changes nothing");
    // Another first character is always another token; the last one may carry unused bits.
    let first = if path[3..].starts_with('A') { 'B' } else { 'A' };
    let forged = format!("/i/{first}{}", &path[4..]);
    site.post(&forged, "").await;
    assert!(find(fixture, address).await.is_none(), "a forged link changes nothing");
    for _ in 0..2 {
        assert_eq!(site.post(&path, "").await.status, StatusCode::OK);
    }

    let back = find(fixture, address).await.expect("back");
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let states: Vec<_> = subscription::of_contact(&mut conn, back.id).await.expect("read");
    assert_eq!(states.iter().map(|one| (one.list, one.state)).collect::<Vec<_>>(), [(site.news.id, State::Confirmed)]);
    let receipts = consent::of_contact(&mut conn, back.id).await.expect("read");
    assert_eq!(receipts.iter().map(|one| one.evidence.channel.as_str()).collect::<Vec<_>>(), ["invitation"]);
    drop(conn);
    assert_eq!(erasure_replay::replay(&fixture.installation).await.expect("replayed"), 0);
    assert!(find(fixture, address).await.is_some(), "the log does not repeat a lifted erasure");

    // Who leaves again is not brought back by the old link.
    fixture.installation.clock.advance(DAY);
    erase(fixture, address).await;
    site.post(&path, "").await;
    assert!(find(fixture, address).await.is_none());
    invite(fixture, address).await.expect("sent");
    let path = link(fixture);
    fixture.installation.clock.advance(31 * DAY);
    site.post(&path, "").await;
    assert!(find(fixture, address).await.is_none(), "expired");
});

both!(closing_a_list_needs_the_number_of_its_people, |fixture| {
    let site = WebFixture::new(fixture).await;
    let close = async |people| {
        lists::close(&fixture.installation, &fixture.actor, "Новости", people, |_, _| {})
            .await
            .map(|closed| closed.left)
    };
    assert_eq!(close(None).await.expect_err("asked").message().key, "list-close-number");
    let message = close(Some(2)).await.expect_err("refused").message();
    assert_eq!((message.key, message.text("count")), ("list-close-other-number", "3"));
    assert!(site.is_here(0).await);
    assert_eq!(close(Some(3)).await.expect("closed"), 3);
    assert_eq!(close(None).await.expect("closed already"), 0);
    list::add(&fixture.installation, fixture.workspace.id, "Empty").await.expect("a list");
    let empty = lists::close(&fixture.installation, &fixture.actor, "Empty", None, |_, _| {}).await;
    assert_eq!(empty.expect("closed").left, 0);
});
