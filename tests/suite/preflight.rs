//! Preflight: counts of recipients, missing values and broken messages, for compiled and for rendered emails.

use sendoff::audience::address::Address;
use sendoff::audience::contact::{self, NewContact};
use sendoff::audience::field::{self, Field};
use sendoff::audience::list;
use sendoff::audience::subscription::{self, NewSubscription, State};
use sendoff::campaign::preflight::{self, Preflight};
use serde_json::{Value, json};

use crate::fixture::{Fixture, both};

/// Subscribes contacts with these values to a list, in this order.
async fn subscribe(fixture: &Fixture, values: &[Value]) {
    let (installation, workspace, now) =
        (&fixture.installation, fixture.workspace.id, fixture.installation.clock.now());
    for name in ["first_name", "city"] {
        let field = Field::declare(name, "text").expect("a field");
        field::add(installation, workspace, &field).await.expect("a field");
    }
    let list = list::add(installation, workspace, "News").await.expect("a list");
    let person = |(number, values): (usize, &Value)| NewContact {
        id: installation.ids.next().expect("an id"),
        address: Address::parse(&format!("person{number}@example.org")).expect("an address"),
        values: values.as_object().expect("an object").clone(),
    };
    let people: Vec<_> = values.iter().enumerate().map(person).collect();
    let joining = |person: &NewContact| NewSubscription {
        id: installation.ids.next().expect("an id"),
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
    let (installation, _workspace) = (&fixture.installation, fixture.workspace.id);
    let source = format!(
        "+++\nname = \"{name}\"\nlist = \"News\"\nfrom = \"Shop <news@shop.example>\"\nsubject = \"Autumn\"\n+++\n{body}\n"
    );
    let campaign = fixture.draft_to_news(name, &source).await;
    preflight::check(installation, &campaign, true, |_, _| {}).await.expect("checked")
}

fn keys(preflight: &Preflight) -> Vec<&'static str> {
    preflight.warnings.iter().map(|warning| warning.key).collect()
}

both!(missing_values_are_counted_for_compiled_and_rendered_emails, |fixture| {
    let values: Vec<_> = (0..40)
        .map(|number| match number % 4 {
            0 => json!({"first_name": "Anna"}),
            1 => json!({"city": "Perm"}),
            _ => json!({"first_name": "x".repeat(number), "city": "Perm"}),
        })
        .collect();
    subscribe(fixture, &values).await;
    let prints = "Hello {{ first_name }} of {{ city }}";
    let bodies = [
        ("filled", prints.to_owned()),
        ("deciding", format!("{prints}{{% if city == 'Perm' %}}!{{% endif %}}")),
        ("irregular", format!("{prints}{{{{ email | replace('\\u0040', ' at ') }}}}")),
    ];

    for (name, body) in bodies {
        let preflight = check(fixture, name, &body).await;

        assert_eq!(preflight.recipients, 40);
        assert_eq!(preflight.missing, [("first_name".to_owned(), 10), ("city".to_owned(), 10)].into(), "{name}");
        assert!(preflight.broken.is_empty());
        assert_eq!(preflight.samples.len(), 5, "{name}");
        let heaviest = preflight.heaviest.as_ref().expect("a message");
        assert!(heaviest.html.contains(&"x".repeat(39)) && preflight.largest > heaviest.html.len(), "{name}");
        assert_eq!(keys(&preflight).contains(&"preflight-irregular"), name == "irregular");
    }
});

both!(messages_that_cannot_be_made_are_counted, |fixture| {
    subscribe(fixture, &[json!({"city": "Perm"}), json!({"city": "Perm", "first_name": 1})]).await;

    let preflight = check(fixture, "sum", "{{ first_name + 1 }}").await;

    assert_eq!(preflight.broken.values().sum::<i64>(), 1);
    assert_eq!(preflight.broken.keys().filter(|reason| reason.key.contains("email-missing")).count(), 1);
});

both!(recipients_of_all_pages_are_checked, |fixture| {
    let values: Vec<_> =
        (0..5_000).map(|number| if number % 5 == 0 { json!({"city": "Perm"}) } else { json!({}) }).collect();
    subscribe(fixture, &values).await;

    let preflight = check(fixture, "many", "You live in {{ city }}.").await;

    assert_eq!((preflight.recipients, preflight.missing.get("city")), (5_000, Some(&4_000)));
});
