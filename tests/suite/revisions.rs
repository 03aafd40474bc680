//! Revisions of a campaign's file: every change is kept, automatic ones in a row as one, and any can be restored.

use sendoff::campaign::model;
use sendoff::campaign::revision;
use sendoff::cli;
use sendoff::cli::campaign::Command;
use sendoff::content::email::Format;
use sendoff::infra::i18n::Lang;
use sendoff::infra::id::Id;
use sendoff::usecase::campaign::Saving;
use sendoff::usecase::line_diff::Kind;
use sendoff::usecase::{Actor, Role, campaign_draft, campaign_form, campaign_revision};

use crate::fixture::{Fixture, both};

const SETTINGS: [(&str, &str); 4] =
    [("name", "autumn"), ("list", "News"), ("from", "Shop <shop@x.test>"), ("subject", "Hi")];

async fn begin(fixture: &Fixture) -> Id {
    fixture.subscribe("News", &["a@x.test"]).await;
    let given = [&SETTINGS[..], &[("body", "one\n")]].concat();
    let (_, id) = campaign_form::add(&fixture.installation, &fixture.actor, Format::Md, &given).await.expect("a draft");
    id
}

async fn save(fixture: &Fixture, actor: &Actor, id: Id, body: &str, saving: Saving) {
    let given = [("body", body)];
    campaign_form::save(&fixture.installation, actor, id, &given, None, saving).await.expect("saved");
}

async fn keys(fixture: &Fixture, id: Id) -> Vec<Id> {
    let found = campaign_revision::list(&fixture.installation, &fixture.actor, id).await.expect("listed");
    found.revisions.iter().map(|row| row.revision).collect()
}

both!(every_change_is_kept_compared_and_restored, |fixture| {
    let id = begin(fixture).await;
    save(fixture, &fixture.actor, id, "two\n", Saving::ByHand).await;
    save(fixture, &fixture.actor, id, "two\n", Saving::ByHand).await;
    let found = keys(fixture, id).await;
    assert_eq!(found.len(), 2, "what did not change is no revision");

    let lines = campaign_revision::compare(&fixture.installation, &fixture.actor, id, Some(found[1]), None).await;
    let changed: Vec<_> = lines.expect("compared").into_iter().filter(|line| line.kind != Kind::Same).collect();
    let changed: Vec<_> = changed.iter().filter(|line| line.kind != Kind::Skipped).map(|line| &*line.text).collect();
    assert_eq!(changed, ["one", "two"]);

    campaign_revision::restore(&fixture.installation, &fixture.actor, id, found[1]).await.expect("restored");
    let body = campaign_form::read(&fixture.installation, &fixture.actor, id).await.expect("read").values;
    assert!(body.contains(&("body", "one\n".to_owned())), "{body:?}");
    assert_eq!(keys(fixture, id).await.len(), 3, "a restore is a new revision");

    let command = Command::Revisions { name: "autumn".to_owned() };
    let text = cli::campaign::run(&fixture.installation, &fixture.actor, command, Lang::EN).await.expect("listed").text;
    assert_eq!((text.lines().count(), text.matches("* ").count()), (3, 1), "{text}");
    let command = Command::Restore { name: "autumn".to_owned(), revision: found[0] };
    cli::campaign::run(&fixture.installation, &fixture.actor, command, Lang::EN).await.expect("restored");
    let unknown = campaign_revision::restore(&fixture.installation, &fixture.actor, id, 1).await;
    assert_eq!(unknown.expect_err("unknown").message().key, "revision-gone");

    campaign_draft::remove(&fixture.installation, &fixture.actor, "autumn").await.expect("removed");
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    assert!(revision::list(&mut conn, id).await.expect("listed").is_empty(), "they go with the campaign");
});

both!(automatic_savings_of_one_person_are_one_revision, |fixture| {
    let id = begin(fixture).await;
    let person = |user| Actor::member(fixture.workspace.id, Role::Marketer, user);
    for body in ["a\n", "ab\n", "abc\n"] {
        save(fixture, &person(7), id, body, Saving::Automatic).await;
    }
    assert_eq!(keys(fixture, id).await.len(), 2);
    save(fixture, &person(8), id, "abcd\n", Saving::Automatic).await;
    assert_eq!(keys(fixture, id).await.len(), 3, "somebody else begins a new one");
    fixture.installation.clock.advance(11 * 60_000);
    save(fixture, &person(8), id, "abcde\n", Saving::Automatic).await;
    assert_eq!(keys(fixture, id).await.len(), 4, "a later one is new");
    save(fixture, &person(8), id, "by hand\n", Saving::ByHand).await;
    save(fixture, &person(8), id, "by itself\n", Saving::Automatic).await;
    assert_eq!(keys(fixture, id).await.len(), 6, "what was saved by hand stays");

    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    revision::forget_user(&mut tx, 8).await.expect("forgotten");
    tx.commit().await.expect("committed");
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let by: Vec<_> = revision::list(&mut conn, id).await.expect("listed").into_iter().map(|one| one.saved_by).collect();
    assert!(by.contains(&Some(7)) && !by.contains(&Some(8)), "{by:?}");
    assert!(model::find(&mut conn, id).await.expect("read").is_some());
});

both!(old_revisions_are_thinned, |fixture| {
    let id = begin(fixture).await;
    for number in 0..55 {
        fixture.installation.clock.advance(60_000);
        save(fixture, &fixture.actor, id, &format!("{number}\n"), Saving::ByHand).await;
    }
    let found = keys(fixture, id).await;
    assert_eq!(found.len(), 50);
    let oldest = campaign_revision::compare(&fixture.installation, &fixture.actor, id, None, found.last().copied());
    assert!(oldest.await.expect("compared").iter().any(|line| line.text == "one"), "the first stays");
});
