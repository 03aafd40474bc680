//! Throttling of sign-ins: nobody guesses, and nobody locks another out.

use sendoff::infra::error::Kind;
use sendoff::usecase::session::Browser;

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
        let staff = Staff::nobody(staff.fixture);
        for _ in 0..10 {
            assert_eq!(staff.refusal("boris@example.org", PASSWORD, "", browser).await, "sign-in-wrong");
        }
        assert_eq!(staff.refusal("boris@example.org", PASSWORD, "", browser).await, "sign-in-throttled");
    }
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
        // Each time another process, with an empty memory.
        let staff = Staff::nobody(fixture);
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
