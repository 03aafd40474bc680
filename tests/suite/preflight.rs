//! What the look before "start" says about people and letters, whether a letter can be weighed or must
//! be made.

use sendoff::audience::address::Address;
use sendoff::audience::contact::{self, NewContact};
use sendoff::audience::field::{self, Field};
use sendoff::audience::list;
use sendoff::audience::subscription::{self, NewSubscription, State};
use sendoff::campaign::model::{self, NewCampaign};
use sendoff::campaign::preflight::{self, Preflight};
use serde_json::{Value, json};

use crate::fixture::{Fixture, both};

/// Puts people with these values on a list, in this order.
async fn join(fixture: &Fixture, values: &[Value]) {
    let (installation, workspace, now) =
        (&fixture.installation, fixture.workspace.id, fixture.installation.clock.now());
    for name in ["first_name", "city"] {
        let field = Field::declare(name, "text").expect("a field");
        field::add(installation, workspace, &field).await.expect("a field");
    }
    let list = list::add(installation, workspace, "News").await.expect("a list");
    let person = |(number, values): (usize, &Value)| NewContact {
        id: installation.ids.next(),
        address: Address::parse(&format!("person{number}@example.org")).expect("an address"),
        values: values.as_object().expect("an object").clone(),
    };
    let people: Vec<_> = values.iter().enumerate().map(person).collect();
    let joining = |person: &NewContact| NewSubscription {
        id: installation.ids.next(),
        contact: person.id,
        state: State::Confirmed,
    };
    let mut tx = installation.db.write().await.expect("a transaction");
    contact::insert(&mut tx, workspace, &people, now).await.expect("added");
    let joining: Vec<_> = people.iter().map(joining).collect();
    subscription::join(&mut tx, workspace, list.id, &joining, now).await.expect("joined");
    tx.commit().await.expect("committed");
}

async fn check(fixture: &Fixture, name: &str, body: &str) -> Preflight {
    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    let source = format!(
        "+++\nname = \"{name}\"\nlist = \"News\"\nfrom = \"Shop <news@shop.example>\"\nsubject = \"Autumn\"\n+++\n{body}\n"
    );
    let mut tx = installation.db.write().await.expect("a transaction");
    let list = list::need(&mut tx, workspace, "News").await.expect("a list");
    let new =
        NewCampaign { id: installation.ids.next(), name, format: "md", source: &source, list: list.id, segment: None };
    model::save_draft(&mut tx, workspace, &new, installation.clock.now()).await.expect("a draft");
    tx.commit().await.expect("committed");
    let campaign = model::find_by_name(&mut installation.db.read().await.expect("a connection"), workspace, name)
        .await
        .expect("there");
    preflight::check(installation, &campaign, true, |_, _| {}).await.expect("a sheet")
}

fn keys(sheet: &Preflight) -> Vec<&'static str> {
    sheet.warnings.iter().map(|warning| warning.key).collect()
}

both!(what_is_missing_is_counted_alike_for_letters_weighed_and_letters_made, |fixture| {
    let values: Vec<_> = (0..40)
        .map(|number| match number % 4 {
            0 => json!({"first_name": "Anna"}),
            1 => json!({"city": "Perm"}),
            _ => json!({"first_name": "x".repeat(number), "city": "Perm"}),
        })
        .collect();
    join(fixture, &values).await;
    let prints = "Hello {{ first_name }} of {{ city }}";
    let bodies = [
        ("filled", prints.to_owned()),
        ("deciding", format!("{prints}{{% if city == 'Perm' %}}!{{% endif %}}")),
        ("irregular", format!("{prints}{{{{ email | replace('\\u0040', ' at ') }}}}")),
    ];

    for (name, body) in bodies {
        let sheet = check(fixture, name, &body).await;

        assert_eq!(sheet.recipients, 40);
        assert_eq!(sheet.missing, [("first_name".to_owned(), 10), ("city".to_owned(), 10)].into(), "{name}");
        assert!(sheet.broken.is_empty());
        assert_eq!(sheet.samples.len(), 5, "{name}");
        let heaviest = sheet.heaviest.as_ref().expect("a letter");
        assert!(heaviest.html.contains(&"x".repeat(39)) && sheet.largest > heaviest.html.len(), "{name}");
        assert_eq!(keys(&sheet).contains(&"preflight-irregular"), name == "irregular");
    }
});

both!(a_calculation_that_cannot_be_done_is_counted, |fixture| {
    join(fixture, &[json!({"city": "Perm"}), json!({"city": "Perm", "first_name": 1})]).await;

    let sheet = check(fixture, "sum", "{{ first_name + 1 }}").await;

    assert_eq!(sheet.broken.values().sum::<i64>(), 1);
    assert_eq!(sheet.broken.keys().filter(|reason| reason.contains("email-missing")).count(), 1);
});

both!(everyone_is_looked_at_over_many_pages, |fixture| {
    let values: Vec<_> =
        (0..5_000).map(|number| if number % 5 == 0 { json!({"city": "Perm"}) } else { json!({}) }).collect();
    join(fixture, &values).await;

    let sheet = check(fixture, "many", "You live in {{ city }}.").await;

    assert_eq!((sheet.recipients, sheet.missing.get("city")), (5_000, Some(&4_000)));
});
