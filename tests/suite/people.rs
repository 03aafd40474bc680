//! Workspaces, fields, lists, contacts, subscriptions, consents and tombstones.

use sendoff::audience::address::Address;
use sendoff::audience::consent::{self, Basis, Evidence};
use sendoff::audience::contact::{self, NewContact, Values};
use sendoff::audience::field::{self, Field};
use sendoff::audience::subscription::{self, NewSubscription, State};
use sendoff::audience::{list, tombstone, workspace};
use sendoff::infra::clock::DAY;

use crate::fixture::{NOW, both};

fn evidence(proof: &str) -> Evidence {
    Evidence {
        basis: Basis::Consent,
        channel: "import".to_owned(),
        source: "shop".to_owned(),
        wording: String::new(),
        proof: proof.to_owned(),
        given_at: NOW - DAY,
    }
}

both!(a_contact_joins_with_a_receipt_and_is_deleted_completely, |fixture| {
    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    let list = list::add(installation, workspace, "Новости").await.expect("a list");
    let address = Address::parse("Иван@почта.рф").expect("an address");
    let person =
        NewContact { id: installation.ids.next().expect("an id"), address: address.clone(), values: Values::new() };
    let mut tx = installation.db.write().await.expect("a transaction");

    contact::insert(&mut tx, workspace, std::slice::from_ref(&person), NOW).await.expect("added");
    let joining =
        NewSubscription { id: installation.ids.next().expect("an id"), contact: person.id, state: State::Confirmed };
    for _ in 0..2 {
        subscription::join(&mut tx, workspace, list.id, &[joining], NOW).await.expect("joined");
        let proof =
            consent::ensure_evidence(&mut tx, installation, workspace, &evidence("form 17")).await.expect("evidence");
        consent::record(
            &mut tx,
            &installation.ids,
            workspace,
            &[person.id],
            proof,
            &consent::Terms::mailing(list.id),
            NOW,
        )
        .await
        .expect("recorded");
    }

    assert_eq!(contact::find(&mut tx, workspace, &address).await.expect("found").map(|c| c.id), Some(person.id));
    assert_eq!(subscription::of_contact(&mut tx, person.id).await.expect("lists")[0].list_name, "Новости");
    let receipts = consent::of_contact(&mut tx, person.id).await.expect("receipts");
    assert_eq!(receipts.len(), 1);
    assert_eq!(receipts[0].evidence, evidence("form 17"));

    consent::forget(&mut tx, &[person.id], None).await.expect("forgotten");
    subscription::forget(&mut tx, &[person.id], None).await.expect("forgotten");
    contact::forget(&mut tx, &[person.id]).await.expect("forgotten");
    for table in [
        "select count(*) from contact",
        "select count(*) from subscription",
        "select count(*) from consent",
        "select count(*) from evidence",
    ] {
        let row = sqlx::query(table).fetch_one(&mut *tx).await.expect(table);
        assert_eq!(sqlx::Row::get::<i64, _>(&row, 0), 0, "{table}");
    }
    tx.commit().await.expect("committed");
});

both!(a_tombstone_blocks_its_list_or_every_list, |fixture| {
    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    let address = Address::parse("anna@example.org").expect("an address");
    let mark = tombstone::digest(&installation.keys.tombstone, workspace, &address);
    let mut tx = installation.db.write().await.expect("a transaction");

    tombstone::set(&mut tx, workspace, 7, mark, "left", 1).await.expect("set");
    assert!(tombstone::find_blocking(&mut tx, workspace, 7, &[mark]).await.expect("asked").contains(&mark));
    assert!(tombstone::find_blocking(&mut tx, workspace, 8, &[mark]).await.expect("asked").is_empty());

    tombstone::set(&mut tx, workspace, tombstone::EVERY_LIST, mark, "erased", 1).await.expect("set");
    assert!(tombstone::find_blocking(&mut tx, workspace, 8, &[mark]).await.expect("asked").contains(&mark));
    assert!(tombstone::find_blocking(&mut tx, workspace + 1, 8, &[mark]).await.expect("asked").is_empty());
});

both!(a_workspace_sees_only_its_own_lists_and_fields, |fixture| {
    let installation = &fixture.installation;
    let other = workspace::ensure(installation, "other").await.expect("a workspace");
    list::add(installation, other.id, "Secret").await.expect("a list");
    let age = Field::declare("age", "number").expect("a field");
    field::add(installation, other.id, &age).await.expect("declared");
    field::add(installation, other.id, &age).await.expect("declared again");
    let conflict = Field::declare("age", "text").expect("a field");
    assert!(field::add(installation, other.id, &conflict).await.is_err());
    let twin = Field::declare("Age", "number").expect("a field");
    assert_eq!(field::add(installation, other.id, &twin).await.expect_err("a twin").message().key, "field-twin");

    let mut conn = installation.db.read().await.expect("a connection");
    assert!(list::find(&mut conn, fixture.workspace.id, "Secret").await.expect("asked").is_none());
    assert!(field::all(&mut conn, fixture.workspace.id).await.expect("asked").is_empty());
    assert_eq!(field::all(&mut conn, other.id).await.expect("asked"), [age]);
    let refusal = list::need(&mut conn, fixture.workspace.id, "Secret").await.expect_err("unknown here");
    assert!(!format!("{:?}", refusal.message()).contains("known\", \"Secret"));
});
