//! Tests of drafts with a mistake: they are kept as typed, shown with the mistake at its line, and not sent until they are right.

use axum::http::StatusCode;
use sendoff::campaign::schedule::StartTime;
use sendoff::campaign::{launch, model};
use sendoff::infra::clock::DAY;
use sendoff::usecase::campaign::{self, StartOptions};
use sendoff::usecase::{campaign_draft, schedule};

use super::desk_emails::{SETTINGS, draft, version};
use super::desk_pages::{look, post};
use super::fixture::WebFixture;
use crate::canary;
use crate::fixture::both;

const WRONG: &str = "Привет\n\n{{ nobody_knows }}\n\n{% if city %}без конца\n";

both!(draft_with_a_mistake_is_kept_as_typed_and_not_sent, |fixture| {
    let site = WebFixture::new(fixture).await;
    let editor = draft(&site, &[("subject", "Зима"), ("format", "md")]).await;
    let save = async |more: &[(&str, &str)]| {
        let before = version(&site, &editor).await;
        post(&site, &editor, &[&SETTINGS[..], &[("version", &before)], more].concat()).await
    };
    let refused = save(&[("subject", "Зима <2>"), ("body", WRONG)]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.body.contains("Kept as you typed it"), "{}", refused.body);
    let kept = version(&site, &editor).await;
    assert!(refused.body.contains(&format!("name=\"version\" value=\"{kept}\"")), "the next saving is no conflict");

    let page = look(&site, &editor).await.body;
    assert!(page.contains("value=\"Зима &#60;2&#62;\""), "{page}");
    assert!(page.contains("{{ nobody_knows }}") && page.contains("{% if city %}без конца\n</textarea>"), "{page}");
    assert!(page.contains("Kept as you typed it") && page.contains("id=\"mistake\""), "{page}");
    assert!(page.contains("data-line="), "the line of the mistake: {page}");
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    let options = StartOptions { local: true, ..StartOptions::default() };
    let started = campaign::start(installation, actor, "winter", &options, |_, _| {}).await.expect_err("not right");
    assert!(format!("{:?}", started.message()).contains("draft-unfinished"), "{started:?}");
    let at = Some("2026-12-24 10:00");
    let scheduled =
        schedule::set(installation, actor, "winter", at, Some("UTC"), |_, _| {}).await.expect_err("not right");
    assert!(format!("{:?}", scheduled.message()).contains("draft-unfinished"), "{scheduled:?}");
    let tested = campaign::test(installation, actor, "winter", "a@example.org", None).await.expect_err("not right");
    assert_eq!(tested.message().key, "draft-unfinished");

    let preview = look(&site, &editor.replace("/email", "/preview?part=html")).await.body;
    assert!(!preview.contains("nobody_knows") && !preview.contains("was kept with a mistake"), "what was right last");

    // Another form of the same draft, with the email alone: what was typed before stays.
    let again = post(&site, &editor, &[("version", &kept), ("body", "{{ ")]).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(look(&site, &editor).await.body.contains("value=\"Зима &#60;2&#62;\""));
    let stale = post(&site, &editor, &[&SETTINGS[..], &[("version", &kept), ("body", "Чужое")]].concat()).await;
    assert!(stale.body.contains("name=\"overwrite\""), "somebody else has typed meanwhile: {}", stale.body);
    assert!(stale.body.contains("Чужое</textarea>") && look(&site, &editor).await.body.contains("{{ </textarea>"));

    let saved = save(&[("subject", "Зима <2>"), ("body", "Привет\n")]).await;
    assert_eq!(saved.status, StatusCode::OK, "{}", saved.body);
    assert!(!look(&site, &editor).await.body.contains("Kept as you typed it"));
    assert_eq!(canary::number(fixture, "select count(*) from unfinished_draft").await, 0);
    campaign::start(installation, actor, "winter", &options, |_, _| {}).await.expect("right now");
});

both!(scheduled_campaign_with_a_mistake_becomes_a_draft_with_the_reason, |fixture| {
    let site = WebFixture::new(fixture).await;
    let editor = draft(&site, &[("subject", "Зима"), ("format", "md")]).await;
    let id = editor.split('/').nth(2).and_then(|id| id.parse().ok()).expect("a key");
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let campaign = model::find(&mut tx, id).await.expect("asked").expect("there");
    let at = fixture.installation.clock.now() + DAY;
    let start = StartTime { at, local: String::new(), zone: "UTC".to_owned() };
    model::transition::schedule(&mut tx, &campaign, &start).await.expect("scheduled");
    tx.commit().await.expect("committed");
    let kept = post(&site, &editor, &[&SETTINGS[..], &[("subject", "Зима"), ("body", "{{ nobody }")]].concat()).await;
    assert_eq!(kept.status, StatusCode::UNPROCESSABLE_ENTITY);

    fixture.installation.clock.advance(2 * DAY);
    launch::run_due(&fixture.installation).await.expect("ran");

    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let campaign = model::find(&mut conn, id).await.expect("asked").expect("there");
    assert_eq!(campaign.state, model::State::Draft);
    assert!(campaign.reason.is_some_and(|reason| reason.contains("draft-unfinished")));
    drop(conn);
    campaign_draft::remove(&fixture.installation, &fixture.actor, "winter").await.expect("removed");
    assert_eq!(canary::number(fixture, "select count(*) from unfinished_draft").await, 0, "it goes with its campaign");
});
