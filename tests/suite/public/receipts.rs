//! The receipt of an erasure that a person takes along, and its check by the operator.

use axum::http::StatusCode;
use sendoff::infra::token::TokenPurpose;
use sendoff::usecase::{Actor, erasure_receipt};

use super::fixture::{Reply, WebFixture};
use crate::fixture::{Fixture, both};

/// The path of the receipt on a page.
fn receipt(page: &Reply) -> String {
    let rest = page.body.split("/e/").nth(1).unwrap_or_else(|| panic!("{}", page.body));
    format!("/e/{}", rest.split('"').next().unwrap_or_default())
}

/// How many erasures the log has for a receipt.
async fn confirmed(fixture: &Fixture, path: &str) -> usize {
    let number = path.trim_start_matches("/e/");
    let checked = erasure_receipt::check(&fixture.installation, &fixture.actor, number).await.expect("given out here");
    checked.erasures.len()
}

both!(an_erased_person_takes_a_receipt_along, |fixture| {
    let site = WebFixture::new(fixture).await;
    let pages = [0, 1].map(|at| format!("/p/{}", site.token(at, TokenPurpose::Preferences)));
    let erased = site.post(&pages[0], "action=erase&confirmed=1").await;
    assert_eq!(erased.status, StatusCode::OK, "{}", erased.body);
    let path = receipt(&erased);
    let file = site.get(&path).await;
    assert_eq!(file.status, StatusCode::OK);
    let dump = format!("{:?}", file.headers);
    assert!(dump.contains("attachment") && dump.contains("no-store"), "{dump}");
    assert!(file.body.contains("Receipt of an erasure") && !file.body.contains('@'), "{}", file.body);
    assert_eq!(confirmed(fixture, &path).await, 1);

    let left = site.post(&pages[1], "action=leave-all").await;
    assert_eq!(confirmed(fixture, &receipt(&left)).await, 1, "another person, another line");

    let cut = &path[..path.len() - 4];
    assert_eq!(site.get(cut).await.status, StatusCode::BAD_REQUEST);
    let refused = erasure_receipt::check(&fixture.installation, &fixture.actor, cut.trim_start_matches("/e/")).await;
    assert_eq!(refused.expect_err("forged").message().key, "act-receipt-forged");
    let other = Actor::operator(fixture.workspace.id + 1);
    let refused = erasure_receipt::check(&fixture.installation, &other, path.trim_start_matches("/e/")).await;
    assert_eq!(refused.expect_err("of another workspace").message().key, "act-receipt-forged");
});
