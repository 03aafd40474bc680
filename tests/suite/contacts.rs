//! Contacts one by one (list, find, add), and names that change: lists and segments.

use std::collections::BTreeMap;

use sendoff::audience::consent::Basis;
use sendoff::infra::error::Result;
use sendoff::usecase::contact_search::{self, Added, Addition, Contacts};
use sendoff::usecase::{contact, contact_copy, list, segment};
use serde_json::json;

use crate::erasure::erase;
use crate::fixture::{Fixture, both};
use crate::import::fixture::{find, set_up};

async fn add(fixture: &Fixture, address: &str, set: &[(&str, &str)]) -> Result<Added> {
    let addition = Addition {
        address: address.to_owned(),
        list: "Новости".to_owned(),
        set: set.iter().map(|(field, value)| ((*field).to_owned(), (*value).to_owned())).collect(),
        source: "shop.example".to_owned(),
        basis: Basis::Consent,
        proof: "form 17 of 5 May".to_owned(),
        date: "2026-05-05".to_owned(),
    };
    contact_search::add(&fixture.installation, &fixture.actor, &addition).await
}

fn emails(found: &Contacts) -> Vec<&str> {
    found.contacts.iter().map(|row| row.email.as_str()).collect()
}

both!(contacts_are_added_listed_and_found, |fixture| {
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    set_up(fixture, fixture.workspace.id).await;
    for (address, name) in [("a@x.test", "Анна"), ("b@x.test", "100%_"), ("c@y.test", "Эва")] {
        assert!(add(fixture, address, &[("имя", name)]).await.expect("added").new);
    }
    assert_eq!(add(fixture, "A@X.test", &[]).await.expect_err("known").message().key, "contact-add-known");
    assert_eq!(
        add(fixture, "d@x.test", &[("возраст", "x")]).await.expect_err("bad").message().key,
        "contact-correct-value"
    );
    erase(fixture, "c@y.test").await;
    assert_eq!(add(fixture, "c@y.test", &[]).await.expect_err("erased").message().key, "contact-add-erased");

    let first = contact_search::list(installation, actor, Some("Новости"), 0, 1).await.expect("listed");
    assert_eq!(emails(&first), ["a@x.test"]);
    assert_eq!(json!(first.contacts[0].lists), json!([{"list": "Новости", "state": "confirmed"}]));
    let rest = contact_search::list(installation, actor, None, first.next.expect("more"), 50).await.expect("listed");
    assert_eq!((emails(&rest), rest.next), (vec!["b@x.test"], None));
    for (text, expected) in
        [("АНН", &["a@x.test"][..]), ("@X.", &["a@x.test", "b@x.test"]), ("%_", &["b@x.test"]), ("zz", &[])]
    {
        let found = contact_search::find(installation, actor, text, 50).await.expect("found");
        assert_eq!(emails(&found), expected, "{text}");
    }
});

both!(a_copy_for_one_person_has_all_their_rows_as_json_and_tables, |fixture| {
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    set_up(fixture, fixture.workspace.id).await;
    add(fixture, "a@x.test", &[("имя", "=Анна, \"да\"")]).await.expect("added");
    add(fixture, "b@x.test", &[]).await.expect("added");
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("copy");

    let copied = contact_copy::write(installation, actor, "A@X.test", &out).await.expect("copied");

    let tables = ["subscriptions.csv", "consents.csv", "deliveries.csv", "events.csv", "waiting.csv", "requests.csv"];
    assert_eq!(copied.files, [&["data.json", "contact.csv"], &tables[..]].concat());
    let rows = |name: &str| -> Vec<BTreeMap<String, String>> {
        let text = std::fs::read_to_string(out.join(name)).expect("read");
        let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
        reader.deserialize().map(|row| row.expect("CSV")).collect()
    };
    let contact = rows("contact.csv");
    assert_eq!((contact[0]["address"].as_str(), contact[0]["имя"].as_str()), ("a@x.test", "'=Анна, \"да\""));
    assert_eq!(rows("subscriptions.csv")[0]["list"], "Новости");
    assert_eq!(rows("consents.csv")[0]["proof"], "form 17 of 5 May");
    assert!(rows("events.csv").is_empty());
    let json: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(out.join("data.json")).expect("read")).expect("JSON");
    assert_eq!(json, contact::show(installation, actor, "a@x.test").await.expect("shown"));
    let again = contact_copy::write(installation, actor, "b@x.test", &out).await.expect_err("occupied");
    assert_eq!(again.message().key, "contact-copy-occupied");
});

both!(a_list_is_renamed_in_segments_too_and_a_segment_in_use_stays, |fixture| {
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    set_up(fixture, fixture.workspace.id).await;
    add(fixture, "a@x.test", &[]).await.expect("added");
    list::add(installation, actor, "Other").await.expect("a list");
    segment::save(installation, actor, "news", "on(\"Новости\") and not on(\"Other\")", true, |_, _| {})
        .await
        .expect("saved");

    let taken = list::rename(installation, actor, "Новости", " Other ").await.expect_err("taken").message();
    assert_eq!(taken.key, "list-name-taken");
    let renamed = list::rename(installation, actor, "Новости", "My \"news\"").await.expect("renamed");
    assert_eq!((renamed.list.as_str(), renamed.segments), ("My \"news\"", vec!["news".to_owned()]));
    assert_eq!(segment::count(installation, actor, "news").await.expect("counted").count, 1);
    assert!(find(fixture, "a@x.test").await.is_some());

    segment::remove(installation, actor, "news").await.expect("removed");
    assert!(segment::remove(installation, actor, "news").await.is_err());
});
