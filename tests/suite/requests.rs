//! Requests of people about their data: identity, due dates under a virtual clock, outcome, reminders, and what an erasure leaves.

use axum::http::StatusCode;
use sendoff::infra::clock::DAY;
use sendoff::infra::error::Result;
use sendoff::infra::token::TokenPurpose;
use sendoff::privacy::physical_erasure;
use sendoff::usecase::health::HealthSnapshot;
use sendoff::usecase::request::{self, Law, NewRequest, RequestDetails, RequestKind, State};
use sendoff::usecase::{request_identity, request_reminder};

use crate::canary;
use crate::erasure::erase;
use crate::fixture::{Fixture, NOW, both};
use crate::public::fixture::{WebFixture, dump};
use crate::public::sign_up::links;

fn by_post(address: &str, kind: RequestKind, law: Law) -> NewRequest {
    NewRequest {
        address: address.to_owned(),
        kind,
        channel: "post".to_owned(),
        note: "Please answer, zqnote".to_owned(),
        checked: None,
        law: Some(law),
        received: None,
    }
}

async fn add(fixture: &Fixture, new: &NewRequest) -> RequestDetails {
    request::add(&fixture.installation, &fixture.actor, new).await.expect("entered")
}

fn key(done: Result<RequestDetails>) -> &'static str {
    done.expect_err("refused").message().key
}

both!(no_data_is_given_to_who_may_be_somebody_else, |fixture| {
    let site = WebFixture::new(fixture).await;
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    let id = add(fixture, &by_post("anna@example.org", RequestKind::Copy, Law::Eu)).await.row.request;
    assert_eq!(key(request::close(installation, actor, id, State::Done, "sent").await), "request-identity");
    request_identity::check(installation, actor, id, None).await.expect("a link is sent");
    let link = links(fixture, "r").remove(0);
    assert_eq!(site.get(&link).await.status, StatusCode::OK);
    assert_eq!(
        key(request::close(installation, actor, id, State::Done, "").await),
        "request-identity",
        "a look proves nothing"
    );
    site.post(&link, "").await;
    let done = request::close(installation, actor, id, State::Done, "sent on paper").await.expect("closed");
    assert_eq!((done.row.state, done.row.identity, done.outcome.as_str()), ("done", "link", "sent on paper"));
    assert_eq!(key(request::close(installation, actor, id, State::Done, "").await), "request-closed");

    // Somebody who cannot prove it is refused in one sentence, and an objection needs no proof.
    let other = add(fixture, &by_post("boris@example.org", RequestKind::Access, Law::Eu)).await.row.request;
    assert_eq!(key(request::close(installation, actor, other, State::Refused, " ").await), "request-refuse-reason");
    request::close(installation, actor, other, State::Refused, "not that person").await.expect("refused");
    let objection = add(fixture, &by_post("vera@example.org", RequestKind::Objection, Law::Eu)).await.row.request;
    request::close(installation, actor, objection, State::Done, "taken off").await.expect("closed");
    let stranger = add(fixture, &by_post("nobody@example.org", RequestKind::Access, Law::Eu)).await.row.request;
    assert_eq!(key(request_identity::check(installation, actor, stranger, None).await), "request-no-contact");
    request_identity::check(installation, actor, stranger, Some("passport seen")).await.expect("noted");
    request::close(installation, actor, stranger, State::Done, "nothing is stored").await.expect("closed");
    assert_eq!(key(request::show(installation, actor, 17).await), "request-unknown");
});

both!(requests_of_every_kind_are_due_by_law, |fixture| {
    canary::list(fixture, "News").await;
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    // 2026-11-21 is a Saturday.
    let due = [(Law::Ru, 13), (Law::Eu, 30), (Law::Uk, 30), (Law::Us, 45), (Law::Ca, 30)];
    for (law, days) in due {
        for kind in RequestKind::ALL {
            let made = add(fixture, &by_post("anna@example.org", *kind, law)).await;
            assert_eq!((made.row.due_at - NOW) / DAY, days, "{law} {kind}");
        }
    }
    let all = request::list(installation, actor).await.expect("listed").requests;
    assert_eq!(all.len(), 45);
    assert!(all.is_sorted_by_key(|row| row.due_at), "what is due next comes first");
    let id = all[0].request;
    assert_eq!(key(request::extend(installation, actor, id, " ").await), "request-extend-reason");
    let extended = request::extend(installation, actor, id, "the archive is large").await.expect("extended");
    assert_eq!((extended.row.due_at - NOW) / DAY, 20);
    assert_eq!(key(request::extend(installation, actor, id, "again").await), "request-extended");
    fixture.installation.clock.advance(14 * DAY);
    let late = request::list(installation, actor).await.expect("listed").requests;
    assert_eq!(late.iter().filter(|row| row.overdue).count(), 8, "nine of the Russian law, one extended");
    let other = "Anna's uncle".to_owned();
    let named = NewRequest { channel: other, ..by_post("a@example.org", RequestKind::Copy, Law::Eu) };
    assert_eq!(key(request::add(installation, actor, &named).await), "request-channel");
    let wrong =
        NewRequest { received: Some("2027-01-01".to_owned()), ..by_post("a@example.org", RequestKind::Copy, Law::Eu) };
    assert_eq!(key(request::add(installation, actor, &wrong).await), "request-day");
});

both!(a_recipient_asks_on_their_page_and_owners_are_reminded_once, |fixture| {
    let site = WebFixture::new(fixture).await;
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    let path = format!("/p/{}", site.token(0, TokenPurpose::Preferences));
    let asked = site.post(&path, "action=request&kind=objection&note=No+profiling").await;
    assert_eq!(asked.status, StatusCode::OK, "{}", asked.body);
    assert!(asked.body.contains("Your request is recorded"), "{}", asked.body);
    assert_eq!(site.post(&path, "action=request&kind=war").await.status, StatusCode::BAD_REQUEST);
    let made = request::list(installation, actor).await.expect("listed").requests.remove(0);
    assert_eq!(
        (made.kind, made.identity, made.channel.as_str(), made.address.as_str()),
        ("objection", "link", "self", "a***@e***.org")
    );
    let copy = site.post(&path, "action=copy&file=data.json").await.body;
    assert!(copy.contains("No profiling"), "a copy holds the request: {copy}");

    let health =
        async || HealthSnapshot::take(installation, &site.state.journal, &site.state.recorder).await.requests_due;
    assert_eq!(health().await, (0, 0));
    assert_eq!(request_reminder::remind(installation).await.expect("nothing is due"), 0);
    fixture.installation.clock.advance(28 * DAY);
    assert_eq!(health().await, (1, 0));
    fixture.installation.clock.advance(3 * DAY);
    assert_eq!(health().await, (1, 1));
    request_reminder::remind(installation).await.expect("nobody to remind");
    assert_eq!(canary::number(fixture, "select count(*) from subject_request where reminded_at is null").await, 0);
});

both!(an_erasure_leaves_no_identity_in_a_request, |fixture| {
    let site = WebFixture::new(fixture).await;
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    let word = canary::word();
    let text = format!("{word}@example.org");
    canary::person(fixture, &site.news, &text).await;
    let known = NewRequest {
        checked: Some(format!("{word} showed a passport")),
        ..by_post(&text, RequestKind::Erasure, Law::Ru)
    };
    let id = add(fixture, &known).await.row.request;
    let unknown = add(fixture, &by_post("unknown@example.org", RequestKind::Erasure, Law::Ru)).await.row.request;
    assert!(!dump(fixture).await.contains("zqnote"), "notes cannot be read in the database");
    let found = canary::search(fixture, &text).await.traces;
    assert!(found.iter().any(|trace| trace.place == "subject_request.lookup"), "found by its digest: {found:?}");
    erase(fixture, &text).await;
    erase(fixture, "unknown@example.org").await;
    for id in [id, unknown] {
        let left = request::close(installation, actor, id, State::Done, "erased").await.expect("closed");
        assert_eq!((left.row.kind, left.row.state, left.row.address.as_str()), ("erasure", "done", ""));
        assert_eq!((left.note.as_str(), left.checked.as_str(), left.contact), ("", "", None));
    }
    let emptied = "select count(*) from subject_request where lookup = '' and content = '' and contact_id is null";
    assert_eq!(canary::number(fixture, emptied).await, 2);
    assert!(physical_erasure::run(installation).await.expect("rewritten"));
    assert_eq!(canary::search(fixture, &text).await.traces, []);
});
