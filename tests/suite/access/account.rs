//! The account of a user: password, second factor, links to choose a password.

use sendoff::infra::i18n::Lang;
use sendoff::usecase::{Actor, account, user};

use super::fixture::{ANNA, NO_BROWSER, PASSWORD, Staff, key};
use crate::fixture::both;

const NEW: &str = "yellow-1911";

both!(change_of_the_password_ends_all_sessions_and_keeps_this_browser, |fixture| {
    let (staff, anna) = Staff::with_anna(fixture).await;
    let other = staff.sign_in(ANNA, PASSWORD, "", NO_BROWSER).await.expect("signed in");
    let (installation, me) = (&fixture.installation, Actor::at_account(anna.user));
    let change =
        async |current: &str, new: &str| account::change_password(installation, &me, current, new, &NO_BROWSER).await;
    for (current, new, field) in
        [("wrong", NEW, "current"), (PASSWORD, "short", "password"), (PASSWORD, ANNA, "password")]
    {
        assert_eq!(change(current, new).await.expect_err(field).field(), Some(field));
    }

    let entered = change(PASSWORD, NEW).await.expect("changed");

    assert!(staff.find(&anna).await.is_none() && staff.find(&other).await.is_none());
    assert!(staff.find(&entered).await.is_some());
    assert_eq!(staff.refusal(ANNA, PASSWORD, "", NO_BROWSER).await, "sign-in-wrong");
    staff.sign_in(ANNA, NEW, "", NO_BROWSER).await.expect("the new one");
});

both!(present_password_is_asked_ten_times_at_most, |fixture| {
    let (_, anna) = Staff::with_anna(fixture).await;
    let (installation, me) = (&fixture.installation, Actor::at_account(anna.user));
    let change = async |current: &str| {
        let changed = account::change_password(installation, &me, current, NEW, &NO_BROWSER).await;
        key(changed.expect_err("refused"))
    };
    for _ in 0..10 {
        assert_eq!(change("wrong").await, "password-wrong");
    }
    assert_eq!(change(PASSWORD).await, "sign-in-throttled");
});

both!(reset_asks_for_the_second_factor_all_the_same, |fixture| {
    let (staff, anna) = Staff::with_anna(fixture).await;
    let (secret, _) = staff.set_second_factor(anna.user).await;
    let installation = &fixture.installation;
    let earlier = user::reset(installation, &fixture.actor, ANNA, false).await.expect("a link").token;
    let link = user::reset(installation, &fixture.actor, ANNA, false).await.expect("a link").token;
    assert!(staff.find(&anna).await.is_some(), "nothing ends before the link is used");
    let choose = async |token: &str, password: &str| {
        account::choose_password(installation, &Actor::visitor(), token, password).await
    };
    assert_eq!(key(choose(earlier.expose(), NEW).await.expect_err("replaced")), "password-link-invalid");
    assert_eq!(choose(link.expose(), "short").await.expect_err("refused").field(), Some("password"));
    let name = account::find_by_link(installation, &Actor::visitor(), link.expose()).await.expect("asked");
    assert_eq!(name.as_deref(), Some("Anna"));

    choose(link.expose(), NEW).await.expect("chosen");

    assert_eq!(key(choose(link.expose(), PASSWORD).await.expect_err("used")), "password-link-invalid");
    assert!(staff.find(&anna).await.is_none());
    assert_eq!(staff.refusal(ANNA, NEW, "", NO_BROWSER).await, "sign-in-code-needed");
    installation.clock.advance(30_000);
    let code = secret.code_at(installation.clock.now());
    staff.sign_in(ANNA, NEW, &code, NO_BROWSER).await.expect("with a code");
});

both!(operator_removes_the_second_factor_of_somebody_who_lost_it, |fixture| {
    let (staff, anna) = Staff::with_anna(fixture).await;
    staff.set_second_factor(anna.user).await;

    let link = user::reset(&fixture.installation, &fixture.actor, ANNA, true).await.expect("a link").token;

    assert!(staff.find(&anna).await.is_none(), "sessions end");
    account::choose_password(&fixture.installation, &Actor::visitor(), link.expose(), NEW).await.expect("chosen");
    staff.sign_in(ANNA, NEW, "", NO_BROWSER).await.expect("without a code");
});

both!(second_factor_is_changed_with_password_and_code_only, |fixture| {
    let (staff, anna) = Staff::with_anna(fixture).await;
    let (installation, me) = (&fixture.installation, Actor::at_account(anna.user));
    let boris = staff.join("boris@example.org", sendoff::usecase::Role::Marketer, None).await;
    let pending = account::begin_second_factor(installation, &me).await.expect("begun");
    let reopened = account::reopen_second_factor(installation, &me, &pending.sealed).await.expect("reopened");
    assert_eq!(pending.secret, reopened.secret);
    let his = Actor::at_account(boris.user);
    let stolen = account::reopen_second_factor(installation, &his, &pending.sealed).await.expect_err("not his");
    assert_eq!(key(stolen), "second-factor-expired");
    let (_, codes) = staff.set_second_factor(anna.user).await;

    let remove =
        async |password: &str, code: &str| account::remove_second_factor(installation, &me, password, code).await;
    assert_eq!(remove("wrong", &codes[0]).await.expect_err("refused").field(), Some("current"));
    assert_eq!(remove(PASSWORD, "").await.expect_err("refused").field(), Some("code"));
    let renewed = account::renew_recovery_codes(installation, &me, PASSWORD, &codes[0]).await;
    let renewed = renewed.expect("renewed");
    assert_eq!(remove(PASSWORD, &codes[1]).await.expect_err("replaced").field(), Some("code"));
    assert!(staff.find(&anna).await.expect("signed in").second_factor);
    remove(PASSWORD, &renewed[0]).await.expect("removed");
    assert!(!staff.find(&anna).await.expect("signed in").second_factor);
    staff.sign_in(ANNA, PASSWORD, "", NO_BROWSER).await.expect("without a code");
});

both!(name_and_language_are_changed, |fixture| {
    let (staff, anna) = Staff::with_anna(fixture).await;
    let (installation, me) = (&fixture.installation, Actor::at_account(anna.user));

    account::change_profile(installation, &me, " Анна <b> ", Some(Lang::RU)).await.expect("changed");

    let signed_in = staff.find(&anna).await.expect("signed in");
    assert_eq!((signed_in.name.as_str(), signed_in.lang), ("Анна <b>", Some(Lang::RU)));
    let long = "x".repeat(101);
    for bad in ["", "a\u{202e}b", &long] {
        let refused = account::change_profile(installation, &me, bad, None).await.expect_err("refused");
        assert_eq!(refused.field(), Some("name"));
    }
    let nobody = account::change_profile(installation, &Actor::visitor(), "Vera", None).await.expect_err("nobody");
    assert_eq!(key(nobody), "signed-out");
});
