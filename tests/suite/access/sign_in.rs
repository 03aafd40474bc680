//! Sign-in and sessions.

use sendoff::infra::clock::DAY;
use sendoff::usecase::session::{self, Browser};

use super::fixture::{ANNA, NO_BROWSER, PASSWORD, Staff, key};
use crate::canary;
use crate::fixture::both;

both!(password_signs_in_however_the_address_is_spelled, |fixture| {
    let (staff, _) = Staff::with_anna(fixture).await;

    for email in [ANNA, " ANNA@Example.ORG "] {
        let entered = staff.sign_in(email, PASSWORD, "", NO_BROWSER).await.expect("signed in");
        assert_eq!(staff.find(&entered).await.expect("found").email, ANNA);
    }
    for (email, password) in [(ANNA, "violet-1911"), (ANNA, ""), ("boris@example.org", PASSWORD), ("", PASSWORD)] {
        let error = staff.sign_in(email, password, "", NO_BROWSER).await.expect_err("refused");
        assert_eq!((error.field(), error.message().key), (Some("password"), "sign-in-wrong"));
    }
});

both!(code_is_asked_for_and_accepted_once, |fixture| {
    let (staff, anna) = Staff::with_anna(fixture).await;
    let (secret, codes) = staff.set_second_factor(anna.user).await;
    let clock = &fixture.installation.clock;
    let used = secret.code_at(clock.now());

    assert_eq!(staff.refusal(ANNA, PASSWORD, "", NO_BROWSER).await, "sign-in-code-needed");
    assert_eq!(staff.refusal(ANNA, PASSWORD, &used, NO_BROWSER).await, "sign-in-code-wrong", "it set the factor up");
    assert_eq!(staff.refusal(ANNA, "violet-1911", &used, NO_BROWSER).await, "sign-in-wrong");
    clock.advance(30_000);
    let code = secret.code_at(clock.now());
    staff.sign_in(ANNA, PASSWORD, &code, NO_BROWSER).await.expect("signed in");
    assert_eq!(staff.refusal(ANNA, PASSWORD, &code, NO_BROWSER).await, "sign-in-code-wrong", "a second time");
    staff.sign_in(ANNA, PASSWORD, &codes[0], NO_BROWSER).await.expect("a recovery code");
    assert_eq!(staff.refusal(ANNA, PASSWORD, &codes[0], NO_BROWSER).await, "sign-in-code-wrong", "it is spent");
});

both!(one_code_in_two_browsers_at_once_signs_in_one, |fixture| {
    let (staff, anna) = Staff::with_anna(fixture).await;
    let (secret, _) = staff.set_second_factor(anna.user).await;
    fixture.installation.clock.advance(30_000);
    let code = secret.code_at(fixture.installation.clock.now());

    let (one, other) = tokio::join!(
        staff.sign_in(ANNA, PASSWORD, &code, NO_BROWSER),
        staff.sign_in(ANNA, PASSWORD, &code, NO_BROWSER)
    );

    assert!(one.is_ok() != other.is_ok());
});

both!(session_slides_and_ends, |fixture| {
    let (staff, anna) = Staff::with_anna(fixture).await;
    let clock = &fixture.installation.clock;
    for _ in 0..6 {
        clock.advance(13 * DAY);
        assert!(staff.find(&anna).await.is_some(), "it is used");
    }
    clock.advance(13 * DAY);
    assert!(staff.find(&anna).await.is_none(), "90 days are over");

    let idle = staff.sign_in(ANNA, PASSWORD, "", NO_BROWSER).await.expect("signed in");
    clock.advance(14 * DAY);
    assert!(staff.find(&idle).await.is_none());
    staff.sign_in(ANNA, PASSWORD, "", NO_BROWSER).await.expect("signed in");
    assert_eq!(canary::number(fixture, "select count(*) from session").await, 1, "expired ones are deleted");
});

both!(sessions_are_listed_and_ended_by_their_user_alone, |fixture| {
    let (staff, anna) = Staff::with_anna(fixture).await;
    let installation = &fixture.installation;
    let firefox = Browser { user_agent: "Mozilla/5.0 (X11; Linux) Firefox/145.0", ..NO_BROWSER };
    installation.clock.advance(1_000);
    let other = staff.sign_in(ANNA, PASSWORD, "", firefox).await.expect("signed in");
    let boris = staff.join("boris@example.org", sendoff::usecase::Role::Analyst, None).await;
    let me = staff.find(&anna).await.expect("signed in").at_account();
    let him = staff.find(&boris).await.expect("signed in").at_account();

    let rows = session::list(installation, &me).await.expect("listed");
    assert_eq!(rows.iter().map(|row| row.browser.as_str()).collect::<Vec<_>>(), ["Firefox, Linux", ""]);
    let refused = session::end_other(installation, &him, rows[0].id).await.expect_err("not his");
    assert_eq!(key(refused), "session-unknown");
    session::end_other(installation, &me, rows[0].id).await.expect("ended");

    assert!(staff.find(&other).await.is_none() && staff.find(&anna).await.is_some());
    session::end(installation, anna.session.expose()).await.expect("signed out");
    assert!(staff.find(&anna).await.is_none() && staff.find(&boris).await.is_some());
});

both!(tokens_are_not_stored, |fixture| {
    let (_, anna) = Staff::with_anna(fixture).await;

    let stored = crate::public::fixture::dump(fixture).await;

    for secret in [anna.session.expose(), anna.client.expose(), PASSWORD] {
        assert!(!stored.contains(secret));
    }
    assert!(stored.contains("$argon2id$"));
    assert!(session::find(&fixture.installation, "forged").await.expect("asked").is_none());
    let other = sendoff::access::SecretToken::generate();
    assert!(session::find(&fixture.installation, other.expose()).await.expect("asked").is_none());
});
