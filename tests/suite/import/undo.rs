//! Tests of the undo of an import: it removes whom the import alone brought, and nobody to whom anything has happened since.

use sendoff::audience::import::Request;
use sendoff::audience::{list, tombstone};
use sendoff::infra::clock::DAY;
use sendoff::infra::error::Kind;
use sendoff::infra::i18n::Lang;
use sendoff::usecase::contact::{self as contacts, Correction};
use sendoff::usecase::{import, import_undo};

use super::fixture::{file, find, request};
use crate::fixture::{Fixture, both};

/// Imports a file; returns the number of the import.
async fn bring(fixture: &Fixture, list: &str, text: &str) -> i64 {
    list::add(&fixture.installation, fixture.workspace.id, list).await.expect("a list");
    let path = file(fixture, "people.csv", text);
    let request = Request { list: list.to_owned(), ..request(&path) };
    let done = import::run(&fixture.installation, &fixture.actor, &request, Lang::EN, &mut |_| {}).await;
    done.expect("imported").0.import.expect("a number")
}

both!(undo_removes_whom_the_import_alone_brought, |fixture| {
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    bring(fixture, "News", "email\nknown@example.org\n").await;
    let import =
        bring(fixture, "News", "email\nknown@example.org\na@example.org\nb@example.org\nc@example.org\n").await;
    installation.clock.advance(1_000);
    let correction = Correction { address: Some("other@example.org".to_owned()), ..Correction::default() };
    contacts::correct(installation, actor, "b@example.org", &correction).await.expect("corrected");
    bring(fixture, "Offers", "email\nc@example.org\n").await;

    let counted = import_undo::count(installation, actor, import).await.expect("counted");
    assert_eq!((counted.people, &*counted.list), (1, "News"));
    let wrong = import_undo::undo(installation, actor, import, Some(3), |_, _| {}).await.expect_err("another number");
    assert_eq!(wrong.field(), Some("people"));
    let undone = import_undo::undo(installation, actor, import, Some(1), |_, _| {}).await.expect("undone");
    assert_eq!(undone.removed, 1);
    assert!(find(fixture, "a@example.org").await.is_none());
    for kept in ["known@example.org", "other@example.org", "c@example.org"] {
        assert!(find(fixture, kept).await.is_some(), "{kept}");
    }
    let mut conn = installation.db.read().await.expect("a connection");
    assert!(!tombstone::is_any(&mut conn, fixture.workspace.id).await.expect("asked"), "nobody is kept out");
    drop(conn);
    let again = import_undo::count(installation, actor, import).await.expect_err("undone");
    assert_eq!(again.kind(), Kind::NotFound);
    bring(fixture, "News", "email\na@example.org\n").await;
    assert!(find(fixture, "a@example.org").await.is_some(), "the same people can be imported again");
});

both!(undo_is_possible_for_a_day, |fixture| {
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    let import = bring(fixture, "News", "email\na@example.org\n").await;
    installation.clock.advance(DAY);
    let late = import_undo::undo(installation, actor, import, Some(1), |_, _| {}).await.expect_err("too late");
    assert_eq!(late.kind(), Kind::NotFound);
    assert!(find(fixture, "a@example.org").await.is_some());
});
