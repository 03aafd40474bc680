//! Consent receipts: the chain, the state at a past moment, withdrawal by post, and sealed receipts of the erased.

use sendoff::audience::consent::{self, Kind, MAILING};
use sendoff::audience::sealed_receipt;
use sendoff::infra::clock::DAY;
use sendoff::infra::db::Sql;
use sendoff::privacy::erasure::{self, Reason};
use sendoff::usecase::consent::{Withdrawal, history, prove, verify, withdraw};

use crate::canary;
use crate::erasure::{erase, is_blocked};
use crate::fixture::{Fixture, NOW, both};

fn by_post(purpose: &str) -> Withdrawal {
    let (purpose, channel, note) = (purpose.to_owned(), "post".to_owned(), "incoming 17/2026".to_owned());
    Withdrawal { purpose, list: None, channel, note }
}

async fn given(fixture: &Fixture, address: &str, list: i64, purpose: &str, at: i64) {
    let evidence = consent::Evidence {
        basis: consent::Basis::Consent,
        channel: "form".to_owned(),
        source: "shop".to_owned(),
        wording: "Yes, write to me".to_owned(),
        proof: "row".to_owned(),
        given_at: at,
    };
    let contact = canary::id(fixture, address).await.expect("a contact");
    let new = consent::ledger::NewReceipt {
        workspace: fixture.workspace.id,
        contact,
        list,
        purpose,
        kind: Kind::Given,
        edition: "2026-01",
        evidence: &evidence,
    };
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    consent::ledger::append(&mut tx, &fixture.installation, &new, at).await.expect("appended");
    tx.commit().await.expect("committed");
}

both!(what_a_contact_had_agreed_to_is_known_for_every_day, |fixture| {
    let list = canary::list(fixture, "News").await;
    canary::person(fixture, &list, "anna@example.org").await;
    given(fixture, "anna@example.org", 0, "measurement", NOW).await;
    fixture.installation.clock.advance(2 * DAY);
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    let unknown = withdraw(installation, actor, "anna@example.org", &by_post("profiling")).await;
    assert_eq!(unknown.expect_err("never given").message().key, "consent-none");
    let done = withdraw(installation, actor, "anna@example.org", &by_post("measurement")).await.expect("withdrawn");
    assert!(done.left.is_empty() && !done.erased, "she stays on the list");

    let state = async |day| {
        let found = history(installation, actor, "anna@example.org", day).await.expect("read");
        assert_eq!(found.broken, 0);
        found.agreements.iter().map(|one| (one.purpose.clone(), one.given)).collect::<Vec<_>>()
    };
    let both_given = [(MAILING.to_owned(), true), ("measurement".to_owned(), true)];
    assert_eq!(state(Some("2026-11-20")).await, []);
    assert_eq!(state(Some("2026-11-21")).await, both_given);
    assert_eq!(state(None).await, [(MAILING.to_owned(), true), ("measurement".to_owned(), false)]);
    let wrong = history(installation, actor, "anna@example.org", Some("yesterday")).await;
    assert_eq!(wrong.expect_err("no day").message().key, "consent-day");
});

both!(a_changed_receipt_is_found, |fixture| {
    let list = canary::list(fixture, "News").await;
    canary::person(fixture, &list, "anna@example.org").await;
    given(fixture, "anna@example.org", list.id, MAILING, NOW + 1).await;
    let broken = async || {
        let found = history(&fixture.installation, &fixture.actor, "anna@example.org", None).await;
        found.expect("read").broken
    };
    assert_eq!(broken().await, 0);
    for change in ["update evidence set wording = 'Yes, sell my data'", "update consent set edition = '2020'"] {
        let mut tx = fixture.installation.db.write().await.expect("a transaction");
        Sql::new(change).run(&mut tx).await.expect(change);
        assert!(
            {
                let contact = canary::id(fixture, "anna@example.org").await.expect("there");
                let receipts = consent::of_contact(&mut tx, contact).await.expect("read");
                !consent::chain::broken(contact, &receipts).is_empty()
            },
            "{change}"
        );
    }
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    Sql::new("delete from consent where digest is null").run(&mut tx).await.expect("the first is removed");
    tx.commit().await.expect("committed");
    assert_eq!(broken().await, 1, "the one behind it tells");
});

both!(a_withdrawal_by_post_has_the_effect_of_the_link, |fixture| {
    let (news, offers) = (canary::list(fixture, "News").await, canary::list(fixture, "Offers").await);
    canary::person(fixture, &news, "anna@example.org").await;
    canary::person(fixture, &offers, "anna@example.org").await;
    let one = Withdrawal { list: Some("News".to_owned()), ..by_post(MAILING) };
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    let done = withdraw(installation, actor, "anna@example.org", &one).await.expect("withdrawn");
    assert_eq!((done.left.as_slice(), done.erased), (["News".to_owned()].as_slice(), false));
    assert!(is_blocked(fixture, "anna@example.org", news.id).await);
    assert!(!is_blocked(fixture, "anna@example.org", offers.id).await);
    let done = withdraw(installation, actor, "anna@example.org", &by_post(MAILING)).await.expect("withdrawn");
    assert!(done.erased && canary::id(fixture, "anna@example.org").await.is_none());

    let proof = prove(installation, actor, " Anna@Example.org ").await.expect("read");
    assert!(!proof.is_contact);
    assert_eq!(proof.sealed.len(), 2, "one for each time she left");
    let last = &proof.sealed[1].consents;
    assert_eq!(last.iter().map(|one| one.kind.as_str()).collect::<Vec<_>>(), ["given", "withdrawn"]);
    assert_eq!((last[1].channel.as_str(), last[1].proof.as_str()), ("post", "incoming 17/2026"));
    assert_eq!(last[0].list.as_deref(), Some("Offers"));
});

both!(a_sealed_receipt_opens_for_the_address_alone_and_expires, |fixture| {
    let list = canary::list(fixture, "News").await;
    let word = canary::word();
    let text = format!("{word}@example.org");
    canary::person(fixture, &list, &text).await;
    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    erasure::erase(installation, workspace, &canary::address(&text), Reason::Erased, None).await.expect("erased");

    let rows = canary::number(fixture, "select count(*) from sealed_receipt").await;
    assert_eq!(rows, 1);
    let dump = crate::public::fixture::dump(fixture).await;
    let sealed: Vec<&str> = dump.lines().filter(|line| line.starts_with("sealed_receipt")).collect();
    assert!(!dump.contains(&word) && !sealed[0].contains("shop"), "nothing of it can be read: {sealed:?}");
    let mut conn = installation.db.read().await.expect("a connection");
    let other = canary::address("other@example.org");
    let found = sealed_receipt::of_address(&mut conn, &installation.keys, workspace, &other).await.expect("read");
    assert!(found.is_empty());
    let theirs =
        sealed_receipt::of_address(&mut conn, &installation.keys, workspace + 1, &canary::address(&text)).await;
    assert!(theirs.expect("read").is_empty(), "another workspace learns nothing");
    let mine = sealed_receipt::of_address(&mut conn, &installation.keys, workspace, &canary::address(&text)).await;
    assert_eq!(mine.expect("read")[0].consents[0].source, "shop");
    drop(conn);

    let today = installation.clock.today();
    let mut tx = installation.db.write().await.expect("a transaction");
    assert_eq!(sealed_receipt::expire(&mut tx, workspace, today).await.expect("kept"), 0);
    assert_eq!(sealed_receipt::expire(&mut tx, workspace, today + 1).await.expect("expired"), 1);
    tx.commit().await.expect("committed");
});

both!(erasing_twice_keeps_each_consent_that_was_given, |fixture| {
    let list = canary::list(fixture, "News").await;
    canary::person(fixture, &list, "anna@example.org").await;
    erase(fixture, "anna@example.org").await;
    canary::person(fixture, &list, "anna@example.org").await;
    let during = prove(&fixture.installation, &fixture.actor, "anna@example.org").await.expect("read");
    assert!(during.is_contact && during.sealed.len() == 1);
    erase(fixture, "anna@example.org").await;
    let after = prove(&fixture.installation, &fixture.actor, "anna@example.org").await.expect("read");
    assert_eq!(after.sealed.len(), 2);
});

both!(a_receipt_that_was_put_in_later_is_not_in_the_journal, |fixture| {
    let list = canary::list(fixture, "News").await;
    canary::person(fixture, &list, "anna@example.org").await;
    given(fixture, "anna@example.org", list.id, "profiling", NOW + 1).await;
    let verified = async || verify(&fixture.installation, &fixture.actor).await.expect("compared");
    let before = verified().await;
    assert_eq!((before.rows, before.unknown, before.problems.len()), (3, 0, 0), "two proofs and one single receipt");
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let forged =
        "insert into consent (id, workspace_id, contact_id, list_id, purpose, evidence_id, recorded_at, digest, salt)
                  select id + 1, workspace_id, contact_id, list_id, 'selling', evidence_id, recorded_at, digest, digest
                    from consent
                   where purpose = 'profiling'";
    Sql::new(forged).run(&mut tx).await.expect("forged");
    tx.commit().await.expect("committed");
    assert_eq!(verified().await.unknown, 1);
    erase(fixture, "anna@example.org").await;
    let folder = fixture.installation.config.journal_dir();
    for file in std::fs::read_dir(folder).expect("a folder").flatten() {
        let text = std::fs::read_to_string(file.path()).unwrap_or_default();
        assert!(!text.contains("anna"), "{:?}", file.path());
    }
});
