//! Throttling of sign-ins: nobody guesses, and nobody locks another out.

use sendoff::infra::error::Kind;
use sendoff::infra::installation::Installation;
use sendoff::usecase::Actor;
use sendoff::usecase::session::{self, Attempt, Browser};

use super::fixture::{ANNA, NO_BROWSER, PASSWORD, Staff};
use crate::canary;
use crate::fixture::both;

const MINUTE: i64 = 60_000;

both!(strangers_are_refused_after_ten_failures_and_a_known_browser_is_not, |fixture| {
    let (staff, anna) = Staff::with_anna(fixture).await;
    for _ in 0..10 {
        assert_eq!(staff.refusal(ANNA, "wrong", "", NO_BROWSER).await, "sign-in-wrong");
    }

    let refused = staff.sign_in(ANNA, PASSWORD, "", NO_BROWSER).await.expect_err("even with the password");
    assert_eq!((refused.message().key, refused.kind()), ("sign-in-throttled", Kind::Unavailable));
    let known = Browser { client: Some(anna.client.expose()), ..NO_BROWSER };
    let again = staff.sign_in(ANNA, PASSWORD, "", known).await.expect("her own browser");
    let stolen = sendoff::access::SecretToken::generate();
    let forged = Browser { client: Some(stolen.expose()), ..NO_BROWSER };
    assert_eq!(staff.refusal(ANNA, PASSWORD, "", forged).await, "sign-in-throttled");
    assert_eq!(staff.refusal(ANNA, PASSWORD, "", known).await, "sign-in-throttled", "its token was changed");
    let known = Browser { client: Some(again.client.expose()), ..NO_BROWSER };
    staff.sign_in(ANNA, PASSWORD, "", known).await.expect("her own browser");

    fixture.installation.clock.advance(15 * MINUTE);
    staff.sign_in(ANNA, PASSWORD, "", NO_BROWSER).await.expect("later anybody");
});

both!(unknown_account_is_counted_like_any_other, |fixture| {
    let (staff, anna) = Staff::with_anna(fixture).await;
    let known = Browser { client: Some(anna.client.expose()), ..NO_BROWSER };
    for browser in [NO_BROWSER, known] {
        fixture.installation.clock.advance(15 * MINUTE);
        for _ in 0..10 {
            assert_eq!(staff.refusal("boris@example.org", PASSWORD, "", browser).await, "sign-in-wrong");
        }
        assert_eq!(staff.refusal("boris@example.org", PASSWORD, "", browser).await, "sign-in-throttled");
    }
});

both!(other_processes_and_a_restart_keep_the_counts_and_old_ones_go, |fixture| {
    let (staff, _) = Staff::with_anna(fixture).await;
    let from =
        |index: u32| Browser { address: Some(format!("2001:db8::{index:x}").parse().expect("one")), ..NO_BROWSER };
    for index in 0..10 {
        staff.refusal(ANNA, "wrong", "", from(index)).await;
    }
    let (config, clock) = (fixture.installation.config.clone(), fixture.installation.clock.clone());
    let other = Installation::open(config, clock).await.expect("another process");
    let attempt = Attempt { email: ANNA, password: PASSWORD, code: "", browser: NO_BROWSER };
    let refused = session::sign_in(&other, &Actor::visitor(), &attempt).await.expect_err("counted there too");
    assert_eq!(refused.message().text("minutes"), "15");
    assert_eq!(canary::number(fixture, "select count(*) from sign_in_attempt").await, 2, "one account, one network");
    for index in 0..40 {
        staff.refusal(&format!("{index}@example.org"), "wrong", "", from(index)).await;
    }
    assert_eq!(staff.refusal("vera@example.org", "wrong", "", from(99)).await, "sign-in-throttled", "the same /64");
    assert_eq!(staff.refusal("vera@example.org", "wrong", "", NO_BROWSER).await, "sign-in-wrong");
    let count = canary::number(fixture, "select count(*) from sign_in_attempt").await;
    assert_eq!(count, 43, "what is refused by its network counts for no account");

    fixture.installation.clock.advance(15 * MINUTE);
    for _ in 0..3 {
        staff.sign_in(ANNA, PASSWORD, "", NO_BROWSER).await.expect("later");
    }
    let (attempts, count) = (
        canary::number(fixture, "select cast(sum(attempts) as bigint) from sign_in_attempt").await,
        canary::number(fixture, "select count(*) from sign_in_attempt").await,
    );
    assert_eq!((attempts, count), (0, 1), "old ones were removed, those that succeeded taken back");
});

both!(known_browser_has_ten_attempts_an_hour, |fixture| {
    let (staff, anna) = Staff::with_anna(fixture).await;
    let known = Browser { client: Some(anna.client.expose()), ..NO_BROWSER };
    for _ in 0..20 {
        assert_eq!(staff.refusal(ANNA, "wrong", "", known).await, "sign-in-wrong", "ten of its own, ten as a stranger");
    }

    assert_eq!(staff.refusal(ANNA, PASSWORD, "", known).await, "sign-in-throttled");
    fixture.installation.clock.advance(61 * MINUTE);
    staff.sign_in(ANNA, PASSWORD, "", known).await.expect("an hour later");
});

both!(codes_are_counted_for_the_account_and_not_for_the_sign_in, |fixture| {
    let (staff, anna) = Staff::with_anna(fixture).await;
    let (secret, _) = staff.set_second_factor(anna.user).await;
    fixture.installation.clock.advance(30_000);
    let code = secret.code_at(fixture.installation.clock.now());
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for index in 0..10 {
        assert_eq!(staff.refusal(ANNA, PASSWORD, wrong, NO_BROWSER).await, "sign-in-code-wrong", "{index}");
    }

    assert_eq!(staff.refusal(ANNA, PASSWORD, &code, NO_BROWSER).await, "sign-in-throttled");
    let known = Browser { client: Some(anna.client.expose()), ..NO_BROWSER };
    staff.sign_in(ANNA, PASSWORD, &code, known).await.expect("her own browser");
    fixture.installation.clock.advance(61 * MINUTE);
    let code = secret.code_at(fixture.installation.clock.now());
    staff.sign_in(ANNA, PASSWORD, &code, NO_BROWSER).await.expect("an hour later");
    assert_eq!(canary::number(fixture, "select code_attempts from staff_user").await, 0, "a right code is taken back");
});

both!(attempts_at_once_are_counted_before_they_are_made, |fixture| {
    let (staff, anna) = Staff::with_anna(fixture).await;
    staff.set_second_factor(anna.user).await;
    let guess = |code: usize| {
        let staff = &staff;
        async move { staff.refusal(ANNA, PASSWORD, &format!("{code:06}"), NO_BROWSER).await }
    };

    let refusals = futures_util::future::join_all((0..20).map(guess)).await;

    let compared = refusals.iter().filter(|key| **key == "sign-in-code-wrong").count();
    assert_eq!((compared, refusals.len()), (10, 20), "{refusals:?}");
});
