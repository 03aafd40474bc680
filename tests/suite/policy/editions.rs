//! Editions of a policy: the public page with what each changed, and the notice that everyone gets once before one takes effect.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use sendoff::audience::consent::Basis;
use sendoff::usecase::policy::notice::{self, NoticeRequest};
use sendoff::usecase::policy::proof;
use sendoff::usecase::relay::{self, RelayChange};
use sendoff::web::router;
use sendoff::web::state::WebState;

use super::fixture::{POLICY, add, apply, set_up};
use crate::canary;
use crate::fixture::both;
use crate::public::fixture::send;

const SECOND: &str = "[[edition]]\nnumber = 2\ndated = 2026-11-20\neffective = 2026-12-15\n[edition.text]\n\
                      en = \"We mail news, weekly.\\nYou can leave at any time.\"\n\n[[purpose]]\nname = \"marketing\"";

fn with_second() -> String {
    POLICY.replace("[[purpose]]\nname = \"marketing\"", SECOND)
}

both!(each_edition_has_a_public_page_with_what_it_changed, |fixture| {
    set_up(fixture).await;
    apply(fixture, &with_second()).await.expect("applied");
    let state = WebState::open(fixture.installation.clone(), Arc::default()).await.expect("opens");
    let get = async |path: &str| {
        send(router::public(state.clone()), Method::GET, path, &[("accept-language", "en")], Body::empty()).await
    };
    let page = get("/policy/main").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.body.contains("<p>We mail news.</p>") && page.body.contains("in force since 2025-05-01"),
        "{}",
        page.body
    );
    assert!(page.body.contains("takes effect on 2026-12-15") && page.header("set-cookie").is_none(), "{}", page.body);
    let second = get("/policy/main/2").await.body;
    assert!(
        second.contains("<del>We mail news.</del>") && second.contains("<ins>We mail news, weekly.</ins>"),
        "{second}"
    );
    for missing in ["/policy/other", "/policy/main/3", "/policy/main/x"] {
        assert!(get(missing).await.status.is_client_error(), "{missing}");
    }
});

both!(everyone_is_told_once_of_a_coming_edition, |fixture| {
    set_up(fixture).await;
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    for address in ["a@x.test", "both@x.test"] {
        add(fixture, address, ("News", Basis::Consent), &[]).await.expect("added");
    }
    for address in ["b@x.test", "both@x.test"] {
        add(fixture, address, ("Service", Basis::Contract), &[]).await.expect("added");
    }
    let change =
        RelayChange { name: "second".to_owned(), target: Some("capture".to_owned()), ..RelayChange::default() };
    relay::set(installation, actor, &change).await.expect("a relay");
    let request = NoticeRequest { from: None, local: true };
    let none = notice::send(installation, actor, &request).await.expect_err("no edition to come");
    assert_eq!(none.message().key, "policy-notice-none");

    apply(fixture, &with_second()).await.expect("applied");
    let proof_of = async |id: &str| {
        let proof = proof::prove(installation, actor).await.expect("proven");
        proof.promises.into_iter().find(|one| one.id == id).expect("a promise").kept
    };
    assert!(!proof_of("R6").await, "nobody was told yet");
    let sent = notice::send(installation, actor, &request).await.expect("sent");
    assert_eq!((sent.edition, sent.people, sent.campaigns.len()), (2, 3, 2));
    let again = notice::send(installation, actor, &request).await.expect("sent");
    assert_eq!((again.people, again.campaigns.len()), (3, 2));
    let per_person = "select max(n) from (select count(*) as n from delivery group by contact_id) x";
    assert_eq!(canary::number(fixture, per_person).await, 1);
    assert_eq!(canary::number(fixture, "select count(*) from delivery").await, 3);
    assert!(proof_of("R6").await);
});
