//! Sign-in at an identity provider, against one on this machine: who gets in, and which forgeries do not.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use sendoff::access::identity_provider::IdentityProvider;
use sendoff::usecase::identity_provider;
use sendoff::usecase::user::{self, AddUser};
use sendoff::usecase::{Actor, Role};
use serde_json::{Value, json};

use super::fixture::{ANNA, Staff};
use super::pages::Browser;
use super::provider_server::{CLIENT, Provider, SECRET, Signed};
use crate::canary;
use crate::fixture::{Fixture, both};
use crate::public::fixture::Reply;

const BORIS: &str = "boris@example.org";

fn settings(issuer: &str) -> IdentityProvider {
    IdentityProvider {
        issuer: issuer.to_owned(),
        client_id: CLIENT.to_owned(),
        secret: Some(SECRET.to_owned()),
        label: "Staff <ID>".to_owned(),
    }
}

/// A browser of nobody, at an installation with Anna, Boris (who has no password yet) and a provider.
async fn begin(fixture: &Fixture) -> (Browser, Provider) {
    let mut anna = Browser::new(fixture).await;
    anna.set_up(fixture).await;
    let provider = Provider::start().await;
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    identity_provider::set(installation, actor, &settings(provider.issuer())).await.expect("set");
    let boris = AddUser {
        email: BORIS,
        name: "Boris",
        role: Some(Role::Analyst),
        granted_until: None,
        administrator: false,
        lang: None,
    };
    user::add(installation, actor, &boris).await.expect("added");
    (anna.another(), provider)
}

/// Goes to the provider. Returns its address.
async fn go(browser: &mut Browser) -> String {
    let sent = browser.get("/login/provider?next=%2Faccount%3Fa%3D%2520b").await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
    sent.header("location").expect("an address").to_owned()
}

/// Signs in at the provider as `email`, with a token that is changed and signed so.
async fn attempt(
    fixture: &Fixture,
    browser: &mut Browser,
    provider: &Provider,
    email: &str,
    signed: Signed,
    change: Value,
) -> Reply {
    let url = go(browser).await;
    let reply = provider.sign_in(&url, fixture.installation.clock.now(), email, signed, &change);
    browser.get(&reply).await
}

both!(user_who_was_added_before_signs_in_at_the_provider, |fixture| {
    let (mut browser, provider) = begin(fixture).await;
    let page = browser.get("/login?next=%2Faccount").await;
    let button = "href=\"login/provider?next=%2Faccount\">Sign in with Staff &#60;ID&#62;</a>";
    assert!(page.body.contains(button), "{}", page.body);

    for (email, signed) in [(BORIS, Signed::Es256), ("Boris@Example.org", Signed::Rs256)] {
        browser.cookies = BTreeMap::new();
        let entered = attempt(fixture, &mut browser, &provider, email, signed, json!({})).await;
        assert_eq!(entered.status, StatusCode::SEE_OTHER, "{}", entered.body);
        assert_eq!(entered.header("location"), Some("../../account?a=%20b"), "the page that was wanted");
        assert!(!browser.cookies.contains_key("provider"));
        assert!(browser.get("/account").await.body.contains("value=\"Boris\""));
    }

    assert_eq!(browser.get("/inbox").await.status, StatusCode::FORBIDDEN, "the provider gives no rights");
    assert_eq!(canary::number(fixture, "select count(*) from staff_user").await, 2, "nobody was made");
    assert_eq!(canary::number(fixture, "select count(*) from setup_link where purpose = 'provider'").await, 0);
});

both!(forged_tokens_let_nobody_in, |fixture| {
    let (mut browser, provider) = begin(fixture).await;
    let now = fixture.installation.clock.now() / 1_000;
    let many = json!(["another", CLIENT]);
    let forgeries = [
        (Signed::Es256, json!({ "aud": "another" }), "made for another program"),
        (Signed::Es256, json!({ "aud": many }), "made for another program"),
        (Signed::Es256, json!({ "aud": many, "azp": "another" }), "made for another program"),
        (Signed::Es256, json!({ "iss": "https://evil.example" }), "of another identity provider"),
        (Signed::Es256, json!({ "nonce": "forged" }), "belongs to another sign-in"),
        (Signed::Es256, json!({ "nonce": null }), "belongs to another sign-in"),
        (Signed::Es256, json!({ "exp": now - 61 }), "has expired"),
        (Signed::Es256, json!({ "iat": now + 120 }), "has expired"),
        (Signed::Es256, json!({ "nbf": now + 120 }), "has expired"),
        (Signed::Es256, json!({ "email_verified": false }), "verified your address"),
        (Signed::Es256, json!({ "email_verified": "false" }), "verified your address"),
        (Signed::Es256, json!({ "email_verified": null }), "verified your address"),
        (Signed::Es256, json!({ "email": null }), "verified your address"),
        (Signed::Es256, json!({ "sub": "" }), "not a token of this sign-in"),
        (Signed::Es256, json!({ "exp": null }), "not a token of this sign-in"),
        (Signed::Foreign, json!({}), "is not signed by the identity provider"),
        (Signed::Secret, json!({}), "not a token of this sign-in"),
        (Signed::Not, json!({}), "not a token of this sign-in"),
    ];
    for (signed, change, said) in forgeries {
        let reply = attempt(fixture, &mut browser, &provider, BORIS, signed, change.clone()).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{change}");
        assert!(reply.body.contains(said), "{change}: {}", reply.body);
        assert!(!browser.cookies.contains_key("session"), "{change}");
    }

    let accepted = json!({ "aud": many, "azp": CLIENT });
    let entered = attempt(fixture, &mut browser, &provider, BORIS, Signed::Es256, accepted).await;
    assert_eq!(entered.status, StatusCode::SEE_OTHER, "the same without a forgery: {}", entered.body);
});

both!(somebody_who_was_not_added_gets_no_account, |fixture| {
    let (mut browser, provider) = begin(fixture).await;

    let reply = attempt(fixture, &mut browser, &provider, "mallory@example.org", Signed::Es256, json!({})).await;

    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(reply.body.contains("Ask the owner for an invitation") && reply.body.contains("href=\"../../login\""));
    assert!(!browser.cookies.contains_key("session"));
    assert_eq!(canary::number(fixture, "select count(*) from staff_user").await, 2);
});

both!(reply_counts_once_in_the_browser_that_asked_and_for_a_quarter_of_an_hour, |fixture| {
    let (mut browser, provider) = begin(fixture).await;
    let now = fixture.installation.clock.now();
    let refused = |reply: &Reply| reply.body.contains("was begun in another browser");
    let url = go(&mut browser).await;
    let reply = provider.sign_in(&url, now, BORIS, Signed::Es256, &json!({}));
    let cookie = browser.cookies["provider"].clone();
    let mut other = browser.another();
    assert!(refused(&other.get(&reply).await), "a browser that did not ask");
    go(&mut other).await;
    assert!(refused(&other.get(&reply).await), "a browser with a sign-in of its own");
    assert!(refused(&browser.get(&reply.replace("state=", "state=x")).await), "another state");

    browser.cookies.insert("provider".to_owned(), cookie.clone());
    assert_eq!(browser.get(&reply).await.status, StatusCode::SEE_OTHER);
    browser.cookies.insert("provider".to_owned(), cookie);
    assert!(refused(&browser.get(&reply).await), "a state that was used");

    let mut late = browser.another();
    let url = go(&mut late).await;
    fixture.installation.clock.advance(15 * 60_000);
    let reply = provider.sign_in(&url, fixture.installation.clock.now(), BORIS, Signed::Es256, &json!({}));
    assert!(refused(&late.get(&reply).await), "too late");
});

both!(reply_of_another_issuer_or_with_a_foreign_code_is_refused, |fixture| {
    let (mut browser, provider) = begin(fixture).await;
    let now = fixture.installation.clock.now();
    let url = go(&mut browser).await;
    let reply = provider.sign_in(&url, now, BORIS, Signed::Es256, &json!({}));
    let mixed = browser.get(&format!("{reply}&iss=https%3A%2F%2Fevil.example")).await;
    assert!(mixed.body.contains("of another identity provider"), "{}", mixed.body);

    // A code that the provider gave to another browser: the verifier does not fit.
    let mut other = browser.another();
    let theirs = provider.sign_in(&go(&mut other).await, now, BORIS, Signed::Es256, &json!({}));
    let own = provider.sign_in(&go(&mut browser).await, now, BORIS, Signed::Es256, &json!({}));
    let code = |reply: &str| reply.split(['=', '&']).nth(1).expect("a code").to_owned();
    let injected = browser.get(&own.replace(&code(&own), &code(&theirs))).await;
    assert!(injected.body.contains("does not accept this sign-in"), "{}", injected.body);
    let denied = browser.get("/login/provider/reply?error=access_denied").await;
    assert_eq!(denied.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!browser.cookies.contains_key("session"));
});

both!(address_may_come_from_the_userinfo_of_the_same_person, |fixture| {
    let (mut browser, provider) = begin(fixture).await;
    let bare = json!({ "email": null, "email_verified": null });
    provider.know(json!({ "sub": "somebody-else", "email": BORIS, "email_verified": true }));
    let foreign = attempt(fixture, &mut browser, &provider, BORIS, Signed::Es256, bare.clone()).await;
    assert!(foreign.body.contains("not a token of this sign-in"), "{}", foreign.body);

    provider.know(json!({ "sub": "person-17", "email": BORIS, "email_verified": true }));
    provider.describe_as(json!({ "token_endpoint_auth_methods_supported": ["client_secret_post"] }));
    let entered = attempt(fixture, &mut browser, &provider, BORIS, Signed::Es256, bare).await;

    assert_eq!(entered.status, StatusCode::SEE_OTHER, "{}", entered.body);
});

both!(second_factor_is_asked_for_after_the_provider, |fixture| {
    let (mut browser, provider) = begin(fixture).await;
    let staff = Staff::nobody(fixture);
    let anna = canary::number(fixture, "select id from staff_user where administrator = 1").await;
    let (secret, _) = staff.set_second_factor(anna).await;
    fixture.installation.clock.advance(30_000);
    let page = attempt(fixture, &mut browser, &provider, ANNA, Signed::Es256, json!({})).await;
    assert!(page.body.contains("which your identity provider does not replace"), "{}", page.body);
    assert!(!browser.cookies.contains_key("session"));
    let start = page.body.split("name=\"token\" value=\"").nth(1).expect("a token");
    let token = start.split('"').next().expect("its end").to_owned();
    let code = secret.code_at(fixture.installation.clock.now());
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for form in [format!("token={token}&code="), format!("token={token}&code={wrong}")] {
        let refused = browser.post("/login/provider/code", &form).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.body.contains("id=\"code-wrong\"") && refused.body.contains(&token), "{}", refused.body);
    }

    let form = format!("token={token}&code={code}&next=%2Finbox");
    let entered = browser.post("/login/provider/code", &form).await;

    assert_eq!((entered.status, entered.header("location")), (StatusCode::SEE_OTHER, Some("../../inbox")));
    assert_eq!(browser.get("/inbox").await.status, StatusCode::OK);
    let again = browser.another().post("/login/provider/code", &form).await;
    assert!(again.body.contains("was used already"), "{}", again.body);
});

both!(provider_is_set_by_operators_once_it_answers, |fixture| {
    let (mut browser, provider) = begin(fixture).await;
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    let sealed = canary::number(fixture, "select length(secret) from identity_provider").await;
    assert!(sealed > SECRET.len() as i64, "sealed: {sealed}");
    for issuer in ["http://id.example", "id.example", "https://id.example/?a=b", "https://u:p@id.example", ""] {
        let error = identity_provider::set(installation, actor, &settings(issuer)).await.expect_err(issuer);
        assert_eq!((error.message().key, error.field()), ("provider-issuer-wrong", Some("issuer")), "{issuer}");
    }
    for (description, key) in [
        (json!({ "issuer": "https://other.example" }), "provider-discovery"),
        (json!({ "token_endpoint": "http://id.example/token" }), "provider-discovery"),
        (json!({ "jwks_uri": null }), "provider-discovery"),
    ] {
        provider.describe_as(description);
        let error =
            identity_provider::set(installation, actor, &settings(provider.issuer())).await.expect_err("refused");
        assert_eq!(error.message().key, key);
        let refused = browser.get("/login/provider").await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.body);
    }
    let owner = Actor::member(fixture.workspace.id, Role::Owner, 1);
    assert!(identity_provider::set(installation, &owner, &settings(provider.issuer())).await.is_err());

    identity_provider::remove(installation, actor).await.expect("removed");
    assert!(!browser.get("/login").await.body.contains("login/provider"));
    assert!(browser.get("/login/provider").await.body.contains("There is no identity provider"));
    assert!(identity_provider::show(installation, actor).await.expect("asked").is_none());
});
