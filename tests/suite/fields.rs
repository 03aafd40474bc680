//! Fields that are renamed, labelled and removed: values, segments, indexes, campaigns and pages follow.

use sendoff::audience::contact::{self as contacts, Values};
use sendoff::audience::segment as segments;
use sendoff::audience::{field_indexing, indexed_field};
use sendoff::campaign::composer_cache::ComposerCache;
use sendoff::campaign::model::content;
use sendoff::campaign::{launch, lifecycle};
use sendoff::cli;
use sendoff::infra::db::Query;
use sendoff::infra::error::Result;
use sendoff::infra::i18n::Lang;
use sendoff::infra::token::TokenPurpose;
use sendoff::privacy::physical_erasure;
use sendoff::usecase::field_change::{self, Confirmation};
use sendoff::usecase::{field, segment};

use crate::canary;
use crate::fixture::{Fixture, Kind, NOW, both};
use crate::public::fixture::WebFixture;

const ENGLISH: Lang = Lang::EN;

fn file(name: &str, more: &str, body: &str) -> String {
    format!("+++\nname = \"{name}\"\nlist = \"News\"\nfrom = \"a@x.test\"\nsubject = \"Hi\"\n{more}+++\n{body}\n")
}

/// People with a city and an age, a segment by each, and an index of the city.
async fn set_up(fixture: &Fixture) {
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    field::add(installation, actor, "city", "text").await.expect("declared");
    field::add(installation, actor, "age", "number").await.expect("declared");
    let list = canary::list(fixture, "News").await;
    let people: Vec<_> = (0..1_203)
        .map(|number| {
            let values = match number % 3 {
                0 => serde_json::json!({"city": format!("Kazan{}", number % 2), "age": number}),
                1 => serde_json::json!({"age": number}),
                _ => serde_json::json!({}),
            };
            let values: Values = values.as_object().cloned().expect("an object");
            (canary::address(&format!("p{number}@x.test")), values)
        })
        .collect();
    canary::join(fixture, &list, &people).await;
    for (name, expression) in [("kazan", "city = \"kazan1\" or not (age < 5)"), ("old", "age > 1000")] {
        segment::save(installation, actor, name, expression, true, |_, _| {}).await.expect("saved");
    }
}

async fn values(fixture: &Fixture, address: &str) -> Values {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let found = contacts::find(&mut conn, fixture.workspace.id, &canary::address(address)).await.expect("asked");
    found.expect("a contact").values
}

async fn count(fixture: &Fixture, name: &str) -> i64 {
    segment::count(&fixture.installation, &fixture.actor, name).await.expect("counted").count
}

async fn rename(fixture: &Fixture, name: &str, new: &str) -> Result<field_change::Renamed> {
    field_change::rename(&fixture.installation, &fixture.actor, name, new, |_, _| {}).await
}

async fn remove(fixture: &Fixture, name: &str, people: Option<i64>, used: bool) -> Result<field_change::Removed> {
    let confirmed = Confirmation { people, used };
    field_change::remove(&fixture.installation, &fixture.actor, name, confirmed, |_, _| {}).await
}

both!(a_renamed_field_keeps_values_segments_indexes_and_drafts, |fixture| {
    set_up(fixture).await;
    let before = (count(fixture, "kazan").await, count(fixture, "old").await);
    let draft = fixture.draft_to_news("greeting", &file("greeting", "", "From {{ city | d(\"here\") }}")).await;

    assert_eq!(rename(fixture, "city", "age").await.expect_err("taken").message().key, "field-name-taken");
    assert_eq!(rename(fixture, "city", "AGE").await.expect_err("taken").message().key, "field-twin");
    assert_eq!(rename(fixture, "city", "email").await.expect_err("reserved").message().key, "field-reserved");
    assert_eq!(rename(fixture, "city", "city").await.expect_err("same").message().key, "field-rename-same");
    assert_eq!(rename(fixture, "town", "place").await.expect_err("unknown").message().key, "field-unknown");
    assert_eq!(
        values(fixture, "p0@x.test").await,
        *serde_json::json!({"city": "Kazan0", "age": 0}).as_object().expect("one")
    );

    let renamed = rename(fixture, "city", "town").await.expect("renamed");
    assert_eq!((renamed.segments, renamed.campaigns), (vec!["kazan".to_owned()], vec!["greeting".to_owned()]));
    for number in [0, 3, 1_200] {
        let expected = serde_json::json!({"town": format!("Kazan{}", number % 2), "age": number});
        assert_eq!(serde_json::json!(values(fixture, &format!("p{number}@x.test")).await), expected);
    }
    assert_eq!(serde_json::json!(values(fixture, "p1@x.test").await), serde_json::json!({"age": 1}));
    assert_eq!((count(fixture, "kazan").await, count(fixture, "old").await), before);
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let saved = segments::need(&mut conn, fixture.workspace.id, "kazan").await.expect("there").expression;
    assert_eq!(saved, "town = \"kazan1\" or not age < 5");
    assert_eq!(
        content::read_source(&mut conn, draft.id).await.expect("a file").text,
        file("greeting", "", "From {{ town | d(\"here\") }}")
    );
    let indexed = indexed_field::all(&mut conn, fixture.workspace.id).await.expect("read");
    assert!(indexed.iter().any(|one| one.field == "town") && !indexed.iter().any(|one| one.field == "city"));
    drop(conn);

    // Only the case changes, and back.
    rename(fixture, "town", "Town").await.expect("renamed");
    assert_eq!(count(fixture, "kazan").await, before.0);
});

both!(a_rename_that_was_interrupted_is_completed, |fixture| {
    set_up(fixture).await;
    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    // It was killed while values were copied; then somebody changed one.
    let mut tx = installation.db.write().await.expect("a transaction");
    contacts::copy_value(&mut tx, workspace, ("city", "town"), (0, 100), NOW).await.expect("copied");
    let first = contacts::find(&mut tx, workspace, &canary::address("p0@x.test")).await.expect("asked").expect("there");
    let changed = [(first.id, serde_json::from_str(r#"{"city":"Perm","town":"Kazan0"}"#).expect("values"))];
    contacts::update_values(&mut tx, workspace, &changed, NOW).await.expect("changed");
    tx.commit().await.expect("committed");
    rename(fixture, "city", "town").await.expect("renamed");
    assert_eq!(serde_json::json!(values(fixture, "p0@x.test").await), serde_json::json!({"town": "Perm"}));

    // It was killed before the old values were removed: one was written late, another has a newer value.
    let mut tx = installation.db.write().await.expect("a transaction");
    for (address, text) in [("p0@x.test", r#"{"city":"Omsk"}"#), ("p3@x.test", r#"{"city":"Omsk","town":"Tomsk"}"#)] {
        let one = contacts::find(&mut tx, workspace, &canary::address(address)).await.expect("asked").expect("there");
        let values = serde_json::from_str(text).expect("values");
        contacts::update_values(&mut tx, workspace, &[(one.id, values)], NOW).await.expect("changed");
    }
    tx.commit().await.expect("committed");
    rename(fixture, "city", "town").await.expect("completed");
    assert_eq!(serde_json::json!(values(fixture, "p0@x.test").await), serde_json::json!({"town": "Omsk"}));
    assert_eq!(serde_json::json!(values(fixture, "p3@x.test").await), serde_json::json!({"town": "Tomsk"}));
    assert_eq!(rename(fixture, "city", "town").await.expect_err("done").message().key, "field-unknown");
});

both!(a_field_of_a_campaign_that_sends_stays_and_that_of_a_sent_one_can_be_looked_at, |fixture| {
    set_up(fixture).await;
    let installation = &fixture.installation;
    let campaign = fixture.draft_to_news("greeting", &file("greeting", "", "You live in {{ city }}.")).await;
    launch::start(installation, &campaign).await.expect("started");
    // The frozen content counts, whatever became of the file.
    let mut tx = installation.db.write().await.expect("a transaction");
    Query::new("update campaign_content set source = 'no file'").execute(&mut tx).await.expect("broken");
    tx.commit().await.expect("committed");
    for refused in
        [rename(fixture, "city", "town").await.map(drop), remove(fixture, "city", None, true).await.map(drop)]
    {
        let message = refused.expect_err("it is being sent").message();
        assert_eq!((message.key, message.text("campaigns")), ("field-used-sending", "greeting"));
    }
    let delivery = canary::claim(fixture, canary::MAILER, campaign.id, 10_000).await;
    let (id, composers) = (fixture.contact_id("p3@x.test").await.expect("there"), ComposerCache::default());
    let of_p3 = delivery.iter().map(|one| one.id);
    let mut shown = None;
    for one in of_p3 {
        let mut conn = installation.db.read().await.expect("a connection");
        let found = sendoff::campaign::delivery::contact_of(&mut conn, one).await.expect("asked");
        if found.is_some_and(|(contact, _)| contact == id) {
            shown = Some(one);
        }
    }
    let one = shown.expect("a delivery");
    let html = async || launch::view_in_browser(installation, &composers, campaign.id, one).await.expect("shown");
    assert!(html().await.expect("an email").contains("You live in Kazan1."));

    let mut tx = installation.db.write().await.expect("a transaction");
    lifecycle::cancel(&mut tx, &campaign, NOW).await.expect("cancelled");
    tx.commit().await.expect("committed");
    rename(fixture, "city", "town").await.expect("renamed");
    assert!(html().await.expect("an email").contains("You live in Kazan1."));
});

both!(a_draft_that_cannot_be_rewritten_is_named_and_nothing_changes, |fixture| {
    set_up(fixture).await;
    // The tag in the subject is inside a TOML text with its quotes escaped.
    let source = file("greeting", "preheader = \"{{ city | d(\\\"x\\\") }}\"\n", "Hello");
    let draft = fixture.draft_to_news("greeting", &source).await;
    fixture.draft_to_news("other", &file("other", "", "{{ city }}")).await;

    let message = rename(fixture, "city", "town").await.expect_err("by hand").message();
    assert_eq!((message.key, message.text("campaigns")), ("field-rename-by-hand", "greeting"));
    assert_eq!(serde_json::json!(values(fixture, "p0@x.test").await)["town"], serde_json::Value::Null);
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    assert_eq!(content::read_source(&mut conn, draft.id).await.expect("a file").text, source);
});

/// Whether a file of the data folder has this word: the database on SQLite.
fn is_in_files(fixture: &Fixture, word: &str) -> bool {
    let files = std::fs::read_dir(&fixture.installation.config.data).expect("the data folder").flatten();
    files.filter(|file| file.path().is_file()).any(|file| {
        let bytes = std::fs::read(file.path()).expect("read");
        bytes.windows(word.len()).any(|some| some == word.as_bytes())
    })
}

both!(a_removed_field_leaves_no_value_and_no_bytes, |fixture| {
    set_up(fixture).await;
    let (installation, workspace, word) = (&fixture.installation, fixture.workspace.id, canary::word());
    let mut tx = installation.db.write().await.expect("a transaction");
    let one = contacts::find(&mut tx, workspace, &canary::address("p1@x.test")).await.expect("asked").expect("there");
    let planted = [(one.id, serde_json::from_str(&format!(r#"{{"city":"{word}","age":1}}"#)).expect("values"))];
    contacts::update_values(&mut tx, workspace, &planted, NOW).await.expect("planted");
    tx.commit().await.expect("committed");
    fixture.draft_to_news("greeting", &file("greeting", "", "{{ city }}")).await;
    assert!(is_in_files(fixture, &word) || fixture.kind == Kind::Postgres);

    let usage = field_change::usage(installation, &fixture.actor, "city").await.expect("used");
    assert_eq!((usage.people, usage.indexed), (402, true));
    assert_eq!((usage.segments, usage.campaigns), (vec!["kazan".to_owned()], vec!["greeting".to_owned()]));
    for (people, used, key) in [
        (Some(402), false, "field-remove-used"),
        (None, true, "field-remove-number"),
        (Some(401), true, "field-remove-other-number"),
    ] {
        assert_eq!(remove(fixture, "city", people, used).await.expect_err(key).message().key, key);
    }
    assert!(values(fixture, "p0@x.test").await.contains_key("city"));

    assert_eq!(remove(fixture, "city", Some(402), true).await.expect("removed").usage.people, 402);
    for number in [0, 1, 3, 1_200] {
        let left = values(fixture, &format!("p{number}@x.test")).await;
        assert_eq!(serde_json::json!(left), serde_json::json!({"age": number}));
    }
    assert_eq!(count(fixture, "old").await, 134);
    assert!(segment::count(installation, &fixture.actor, "kazan").await.is_err());
    let mut conn = installation.db.read().await.expect("a connection");
    assert!(!indexed_field::all(&mut conn, workspace).await.expect("read").iter().any(|one| one.field == "city"));
    drop(conn);
    assert_eq!(remove(fixture, "city", None, false).await.expect_err("gone").message().key, "field-unknown");

    physical_erasure::run(installation).await.expect("ran");
    assert!(!is_in_files(fixture, &word) && !is_in_files(fixture, "Kazan0"));

    // The name is free again, also for another type.
    field::add(installation, &fixture.actor, "city", "number").await.expect("declared");
    segment::save(installation, &fixture.actor, "kazan", "city > 5", true, |_, _| {}).await.expect("saved");
    assert_eq!(count(fixture, "kazan").await, 0);
});

both!(a_removal_that_was_interrupted_is_completed, |fixture| {
    set_up(fixture).await;
    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    let mut tx = installation.db.write().await.expect("a transaction");
    sendoff::audience::field::remove(&mut tx, workspace, "age").await.expect("removed");
    field_indexing::give_up(&mut tx, workspace, "age", NOW).await.expect("given up");
    tx.commit().await.expect("committed");

    assert_eq!(remove(fixture, "age", Some(802), false).await.expect("completed").usage.people, 802);
    assert!(!values(fixture, "p1@x.test").await.contains_key("age"));
});

both!(a_label_is_shown_to_recipients_in_their_language, |fixture| {
    let site = WebFixture::new(fixture).await;
    let (installation, actor) = (&fixture.installation, &fixture.actor);
    let page = async || site.get(&format!("/p/{}", site.token(0, TokenPurpose::Preferences))).await.body;
    assert!(page().await.contains("<dt>City</dt>"));

    let russian: Lang = "ru".parse().expect("a language");
    let labels = [(ENGLISH, " Place of <delivery> ".to_owned()), (russian, "Город доставки".to_owned())];
    let labelled = field::label(installation, actor, "city", &labels).await.expect("labelled");
    assert_eq!(
        serde_json::json!(labelled.labels),
        serde_json::json!({"en": "Place of <delivery>", "ru": "Город доставки"})
    );
    assert!(page().await.contains("<dt>Place of &#60;delivery&#62;</dt>"));

    field::label(installation, actor, "city", &[(ENGLISH, String::new())]).await.expect("taken away");
    assert!(page().await.contains("<dt>City</dt>"));
    for (name, labels, key) in [
        ("city", vec![(ENGLISH, "x".repeat(61))], "field-label"),
        ("city", vec![(ENGLISH, "a\nb".to_owned())], "field-label"),
        ("city", vec![], "field-label-nothing"),
        ("town", vec![(ENGLISH, "x".to_owned())], "field-unknown"),
    ] {
        assert_eq!(field::label(installation, actor, name, &labels).await.expect_err(key).message().key, key);
    }
});

both!(the_commands_say_what_a_field_is_used_for, |fixture| {
    use clap::Parser;
    set_up(fixture).await;
    let run = async |line: &str| {
        let parsed = cli::args::Cli::try_parse_from(line.split(' ')).expect(line);
        let cli::args::Command::Field { command } = parsed.command else { panic!("a field command") };
        let output = cli::field::run(&fixture.installation, &fixture.actor, command, ENGLISH).await;
        output.map(|output| output.text).map_err(|error| ENGLISH.translate(&error.message()))
    };
    let labelled = run("sendoff field label city --ru Город --en Town").await.expect("labelled");
    assert_eq!(labelled, "The pages of recipients call “city”: en “Town”, ru “Город”");
    assert!(
        run("sendoff field ls").await.expect("listed").contains("city                     text en “Town”, ru “Город”")
    );
    let refused = run("sendoff field rm city").await.expect_err("used");
    for part in ["401 people have a value in “city”", "Segments that use it: kazan", "Index: yes", "--yes"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    let renamed = run("sendoff field rename city town").await.expect("renamed");
    assert!(renamed.starts_with("“city” is “town” now") && renamed.contains("rewritten: kazan"), "{renamed}");
    let removed = run("sendoff field rm town --people 401 --yes").await.expect("removed");
    assert!(removed.starts_with("The field “town” is removed, and the values of 401 people are erased."), "{removed}");
});
