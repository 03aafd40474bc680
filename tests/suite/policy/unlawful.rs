//! A policy stops the campaigns that it does not allow, and no special category is kept with a policy or without one.

use sendoff::audience::consent::Basis;
use sendoff::infra::setting::{self, Setting};
use sendoff::usecase::campaign::{self, StartOptions};
use sendoff::usecase::{field, policy, schedule};

use super::fixture::{POLICY, add, apply, draft, file, set_up};
use crate::fixture::{Fixture, both};

/// State and reason of a campaign, in English.
async fn state(fixture: &Fixture, name: &str) -> (String, String) {
    let view = campaign::show(&fixture.installation, &fixture.actor, name).await.expect("shown");
    let shown = serde_json::to_value(&view).expect("JSON");
    (shown["state"].as_str().unwrap_or_default().to_owned(), shown["reason"].to_string())
}

both!(applying_a_policy_pauses_the_campaigns_that_it_does_not_allow, |fixture| {
    set_up(fixture).await;
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    let wide = POLICY.replace("\"first_name\", \"birth_date\"", "\"first_name\", \"birth_date\", \"phone\"");
    apply(fixture, &wide).await.expect("applied");
    let mut tx = installation.db.write().await.expect("a transaction");
    setting::set(&mut tx, Setting::PublicUrl, "https://news.example.org").await.expect("set");
    tx.commit().await.expect("committed");
    let values = [("phone", "1"), ("first_name", "Anna"), ("birth_date", "1990-01-31")];
    add(fixture, "anna@x.test", ("News", Basis::Consent), &values).await.expect("added");
    for (name, body) in
        [("phones", "Call {{ phone }}"), ("later", "Ring {{ phone }}"), ("plain", "Dear {{ first_name }}")]
    {
        draft(fixture, name, "News", "", body).await;
    }
    for name in ["phones", "plain"] {
        campaign::start(installation, actor, name, &StartOptions::default(), |_, _| {}).await.expect("started");
    }
    schedule::set(installation, actor, "later", Some("2027-01-01 10:00"), Some("UTC"), |_, _| {}).await.expect("set");

    let planned = policy::plan(installation, actor, &file(POLICY)).await.expect("planned");
    assert_eq!(planned.stops, ["later", "phones"], "{planned:?}");
    assert_eq!(state(fixture, "phones").await.0, "running", "a plan stops nothing");
    let applied = apply(fixture, POLICY).await.expect("applied");
    assert_eq!(applied.stopped, ["later", "phones"]);

    for name in ["later", "phones"] {
        let (state, reason) = state(fixture, name).await;
        assert!(
            state == "paused" && reason.contains("does not allow this campaign") && reason.contains("phone"),
            "{name}: {state} {reason}"
        );
        let refused =
            campaign::resume(installation, actor, name, None, false).await.expect_err("not allowed").message();
        assert_eq!(refused.key, "preflight-refused", "{name}");
    }
    assert_eq!(state(fixture, "plain").await.0, "running");
    apply(fixture, &wide).await.expect("applied");
    campaign::resume(installation, actor, "phones", None, false).await.expect("allowed again");
});

both!(no_field_of_a_special_category_is_declared_without_a_policy, |fixture| {
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    for (name, category) in
        [("religion", "religion"), ("HealthState", "health"), ("диагноз", "health"), ("судимость", "crime")]
    {
        let refused = field::add(installation, actor, name, "text").await.expect_err("special").message();
        assert_eq!((refused.key, refused.text("category")), ("policy-special", category), "{name}");
    }
    field::add(installation, actor, "city", "text").await.expect("a field");
    let renamed = sendoff::usecase::field_change::rename(installation, actor, "city", "политика", |_, _| {}).await;
    assert_eq!(renamed.expect_err("special").message().key, "policy-special");
});
