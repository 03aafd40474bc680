//! Preflight: counts of recipients, missing values and broken messages, for compiled and for rendered emails.

use sendoff::audience::address::Address;
use sendoff::audience::contact::{self, NewContact};
use sendoff::audience::field::{self, Field};
use sendoff::audience::list;
use sendoff::audience::subscription::{self, NewSubscription, State};
use sendoff::campaign::preflight::{self, Preflight};
use sendoff::content::email::Format;
use sendoff::infra::i18n::Lang;
use sendoff::usecase;
use sendoff::usecase::campaign::{self, Source};
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
    let draft = fixture.draft_to_news(name, &source).await;
    preflight::check(installation, &draft, true, |_, _| {}).await.expect("checked")
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

both!(all_mistakes_of_a_file_are_named_when_it_is_added, |fixture| {
    subscribe(fixture, &[]).await;
    let add = async |text: &str| {
        let source = Source { text: text.to_owned(), format: Format::Md };
        campaign::add(&fixture.installation, &fixture.actor, &source).await
    };
    let file = "+++\nname = \"a\"\nlist = \"News\"\nfrom = \"Shop <news@shop.example>\"\nsubject = \"Hi {{ frist_name }}\"\n+++\n[a](/b) {{ city }}\n";
    let refused = async |text: String| add(&text).await.expect_err("refused").message();

    let both_parts = refused(file.replace("from = \"Shop", "lay = \"x\"\nfrom = \"*|FNAME|*")).await;
    let sentence = Lang::EN.translate(&both_parts);
    for part in ["“lay”", "*|FNAME|*", "Subject, line 1", "`first_name`", "“/b”"] {
        assert!(sentence.contains(part), "{part}: {sentence}");
    }
    let unknown = refused(file.replace("\"News\"", "\"Nws\"")).await;
    let sentence = Lang::EN.translate(&unknown);
    assert!(sentence.contains("Nws") && sentence.contains("`first_name`") && sentence.contains("“/b”"), "{sentence}");
    let list_alone =
        refused(file.replace("frist", "first").replace("(/b)", "(https://b.example)").replace("News", "Nws")).await;
    assert_eq!(list_alone.key, "list-unknown");
});

both!(preflight_lists_what_is_changed_and_foreign_tags, |fixture| {
    subscribe(fixture, &[json!({"city": "Perm"})]).await;
    let body = "Hi *|FNAME|*, {{ city }}!\n\n![Logo](images/logo.png) ![x](//cdn.example/x.png)\n\n<svg></svg>\n";
    let added = Source {
        text: format!(
            "+++\nname = \"changed\"\nlist = \"News\"\nfrom = \"Shop <news@shop.example>\"\nsubject = \"%FIRSTNAME%\"\n+++\n{body}"
        ),
        format: Format::Md,
    };
    let added = campaign::add(&fixture.installation, &fixture.actor, &added).await.expect("added");
    let expected = [
        ("lint-foreign-tag", "%FIRSTNAME%", "1"),
        ("lint-foreign-tag", "*|FNAME|*", "7"),
        ("change-source-relative", "images/logo.png", "9"),
        ("change-source-https", "//cdn.example/x.png", "9"),
        ("change-element", "svg", "11"),
    ];
    let shown = |warnings: &[sendoff::infra::error::message::Message]| -> Vec<(&'static str, String, String)> {
        warnings
            .iter()
            .filter(|message| message.key.starts_with("change-") || message.key == "lint-foreign-tag")
            .map(|message| {
                let what = [message.text("tag"), message.text("what")].concat();
                (message.key, what, message.text("line").to_owned())
            })
            .collect()
    };
    let expected: Vec<_> =
        expected.into_iter().map(|(key, what, line)| (key, what.to_owned(), line.to_owned())).collect();
    assert_eq!(shown(&added.warnings), expected);

    let found = usecase::preflight::preflight(&fixture.installation, &fixture.actor, "changed", |_, _| {}).await;
    let found = found.expect("checked");
    assert_eq!(shown(&found.warnings), expected);
    assert_eq!(found.tracking, "none");
});
