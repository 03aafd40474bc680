//! The log of destruction: what an erasure writes, the act and the log of a month, and the receipt of one address.

use std::fs;

use sendoff::infra::error::Kind;
use sendoff::privacy::physical_erasure::{self, Urgency};
use sendoff::usecase::{Actor, Role, audit_log, contact, destruction, list};

use crate::fixture::both;

both!(each_erasure_is_a_line_with_a_pseudonym_and_sums_make_an_act, |fixture| {
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    fixture.subscribe("News", &["anna@x.example", "boris@x.example", "clara@x.example"]).await;
    fixture.subscribe("Offers", &["anna@x.example"]).await;
    assert!(destruction::months(installation, actor).await.expect("read").is_empty());

    contact::erase(installation, actor, "boris@x.example", Urgency::Usual).await.expect("erased");
    // An address that nobody has is blocked, but nothing of it was destroyed.
    contact::erase(installation, actor, "nobody@x.example", Urgency::Usual).await.expect("blocked");
    list::close(installation, actor, "News", Some(2), |_, _| {}).await.expect("closed");
    physical_erasure::run(installation).await.expect("run");

    let months = destruction::months(installation, actor).await.expect("read");
    assert_eq!(months.len(), 1, "{months:#?}");
    let act = destruction::act(installation, actor, &months[0].month).await.expect("an act");
    let sums = &act.sums;
    // Clara was on this list alone, Anna is on another one.
    assert_eq!(
        sums.people.iter().map(|(reason, n)| (reason.as_str(), *n)).collect::<Vec<_>>(),
        [("closed", 1), ("erased", 1)]
    );
    assert_eq!(sums.subscriptions.get("closed"), Some(&1));
    assert!(sums.overwritten_at.is_some(), "{sums:#?}");
    assert!(audit_log::verify(installation, &Actor::operator(0)).await.expect("checked").iter().all(|one| one.intact));

    let receipt = destruction::receipt(installation, actor, "BORIS@x.example").await.expect("looked up");
    assert_eq!(receipt.erasures.len(), 1);
    assert!(receipt.erasures[0].whole && receipt.erasures[0].reason == "erased");
    for other in ["nobody@x.example", "dora@x.example"] {
        assert!(destruction::receipt(installation, actor, other).await.expect("looked up").erasures.is_empty());
    }

    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("log.csv");
    let exported = destruction::export(installation, actor, &sums.month, &file).await.expect("written");
    let text = fs::read_to_string(&file).expect("read");
    assert_eq!((exported.rows, text.lines().count()), (3, 4), "{text}");
    for line in text.lines().skip(1) {
        assert!(line.contains("consents, deliveries, events") && line.contains("Sendoff "), "{line}");
    }
    for log in installation.destruction_log.files().expect("files") {
        let bytes = fs::read_to_string(log).expect("read");
        assert!(["anna", "boris", "clara", "x.example"].iter().all(|word| !bytes.contains(word)), "{bytes}");
    }
});

both!(a_month_without_entries_and_a_role_without_the_right_are_refused, |fixture| {
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    let unknown = destruction::act(installation, actor, "1999-01").await.expect_err("nothing");
    assert_eq!(unknown.kind(), Kind::NotFound);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("log.csv");
    assert!(destruction::export(installation, actor, "1999-01", &file).await.is_err());
    assert!(!file.exists(), "no empty file stays");
    let marketer = Actor::member(fixture.workspace.id, Role::Marketer, 1);
    assert_eq!(destruction::months(installation, &marketer).await.expect_err("no right").kind(), Kind::Forbidden);
    let wrong = destruction::receipt(installation, actor, "no address").await.expect_err("no address");
    assert_eq!(wrong.kind(), Kind::Invalid);
});
