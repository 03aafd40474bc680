//! Segments: the contacts that an expression selects on both databases, explanations, and errors.

mod oracle;

use std::collections::BTreeSet;

use oracle::{CAMPAIGNS, ExpectedCondition, LISTS, Person};
use rand::SeedableRng;
use rand::rngs::StdRng;
use sendoff::audience::address::Address;
use sendoff::audience::contact::{self, NewContact, Values};
use sendoff::audience::field::{self, Field};
use sendoff::audience::segment::{self, MAX_CONDITIONS, MAX_VALUES, Reachability, Tree};
use sendoff::audience::subscription::{self, NewSubscription, State};
use sendoff::audience::{field_indexing, indexed_field, list, workspace};
use sendoff::cli::segment::{self as cli, Command};
use sendoff::infra::clock::DAY;
use sendoff::infra::db::Sql;
use sendoff::infra::i18n::Lang;
use sendoff::infra::id::Id;
use serde_json::json;
use sqlx::Row;

use crate::fixture::{Fixture, NOW, both};

/// Declares fields and adds two lists and two campaigns; returns the keys of lists and campaigns.
async fn set_up(fixture: &Fixture) -> (Vec<Id>, Vec<Id>) {
    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    for (name, kind) in
        [("city", "text"), ("age", "number"), ("birthday", "date"), ("vip", "flag"), ("plan", "choice:Free,Про")]
    {
        field::add(installation, workspace, &Field::declare(name, kind).expect(name)).await.expect("declared");
    }
    let mut lists = Vec::new();
    for name in LISTS {
        lists.push(list::add(installation, workspace, name).await.expect("a list").id);
    }
    let campaigns: Vec<Id> = CAMPAIGNS.iter().map(|_| installation.ids.next().expect("an id")).collect();
    let mut tx = installation.db.write().await.expect("a transaction");
    for (id, name) in campaigns.iter().zip(CAMPAIGNS) {
        sqlx::query(
            "insert into campaign (id, workspace_id, name, format, list_id, state, created_at, first_delivery, \
             last_delivery) values ($1, $2, $3, 'md', $4, 'finished', $5, $1, $1 + 1000000000000)",
        )
        .bind(*id)
        .bind(workspace)
        .bind(name)
        .bind(lists[0])
        .bind(NOW)
        .execute(&mut *tx)
        .await
        .expect("a campaign");
    }
    tx.commit().await.expect("committed");
    (lists, campaigns)
}

/// Adds a contact with values and subscriptions to the given workspace.
async fn add_contact(fixture: &Fixture, workspace: Id, email: &str, values: Values, lists: &[(Id, State, i64)]) -> Id {
    let installation = &fixture.installation;
    let id = installation.ids.next().expect("an id");
    let person = NewContact { id, address: Address::parse(email).expect(email), values };
    let mut tx = installation.db.write().await.expect("a transaction");
    contact::insert(&mut tx, workspace, &[person], NOW).await.expect("added");
    for (list, state, at) in lists {
        let one = NewSubscription { id: installation.ids.next().expect("an id"), contact: id, state: *state };
        subscription::join(&mut tx, workspace, *list, &[one], *at).await.expect("joined");
    }
    tx.commit().await.expect("committed");
    id
}

/// Records that a message of a campaign was opened, clicked or received.
async fn record_activity(fixture: &Fixture, contact: Id, what: &str, campaign: Id, at: i64) {
    let installation = &fixture.installation;
    let mut tx = installation.db.write().await.expect("a transaction");
    let mut sql = if what == "received" {
        Sql::new(
            "insert into delivery (lane, state, attempts, due_at, workspace_id, id, contact_id, campaign_id, changed_at) \
             values ('rest', 'accepted', 1, 0, ",
        )
    } else {
        let kind = if what == "opened" { "'open'" } else { "'click'" };
        let mut sql = Sql::new(
            "insert into event (kind, position, delivery_id, workspace_id, id, contact_id, campaign_id, at) values (",
        );
        sql.push(kind).push(", 0, 0, ");
        sql
    };
    sql.bind_all([fixture.workspace.id, installation.ids.next().expect("an id"), contact, campaign, at]).push(")");
    sql.run(&mut tx).await.expect("noted");
    contact::recompute_activity(&mut tx, &[contact]).await.expect("looked");
    tx.commit().await.expect("committed");
}

/// The contacts of the workspace that an expression selects, by key.
async fn selected(fixture: &Fixture, expression: &str) -> Vec<Id> {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let condition = segment::resolve(&mut conn, fixture.workspace.id, expression).await.expect(expression);
    let again = segment::resolve(&mut conn, fixture.workspace.id, &condition.to_string()).await.expect("reads back");
    assert_eq!(again, condition, "{expression}");
    let mut sql = Sql::new("select c.id from contact c where c.workspace_id = ");
    sql.bind(fixture.workspace.id).push(" and ");
    condition.compile(&mut sql, &fixture.installation.db, NOW);
    assert!(!sql.text().contains('"'), "a value in the text: {}", sql.text());
    let rows = sql.push(" order by c.id").all(&mut conn).await.expect(expression);
    rows.iter().map(|row| row.get(0)).collect()
}

/// The message that refuses an expression.
async fn refusal(fixture: &Fixture, expression: &str) -> String {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let error = segment::resolve(&mut conn, fixture.workspace.id, expression).await.expect_err("refused");
    assert_eq!(error.exit_code(), 2);
    Lang::EN.translate(&error.message())
}

fn values(value: serde_json::Value) -> Values {
    value.as_object().expect("an object").clone()
}

both!(a_random_expression_selects_the_expected_contacts, |fixture| {
    compare(fixture, &[]).await;
});

both!(a_random_expression_selects_the_same_contacts_by_index, |fixture| {
    compare(fixture, &["city", "age", "birthday", "vip", "plan"]).await;
});

/// Compares random expressions over random contacts with the oracle. The fields are indexed when half of the contacts
/// exist.
async fn compare(fixture: &Fixture, indexed: &[&str]) {
    let (lists, campaigns) = set_up(fixture).await;
    let mut rng = StdRng::seed_from_u64(20_261_121);
    let mut people = Vec::new();
    let indexed: BTreeSet<String> = indexed.iter().map(|name| (*name).to_owned()).collect();
    for number in 0..60 {
        if number == 30 {
            field_indexing::reconcile(&fixture.installation, fixture.workspace.id, &indexed, None, |_| {})
                .await
                .expect("settled");
            let mut conn = fixture.installation.db.read().await.expect("a connection");
            let ready = indexed_field::list_readable(&mut conn, fixture.workspace.id).await.expect("read");
            assert_eq!(ready.len(), indexed.len());
        }
        let person = Person::random(&mut rng, number);
        let on: Vec<_> = person.lists.iter().map(|(list, at)| (lists[*list], State::Confirmed, *at)).collect();
        let id = add_contact(fixture, fixture.workspace.id, &person.email, person.values.clone(), &on).await;
        for (what, campaign, at) in &person.activities {
            record_activity(fixture, id, what, campaigns[*campaign], *at).await;
        }
        people.push((id, person));
    }
    let mut sizes = Vec::new();
    for _ in 0..400 {
        let condition = ExpectedCondition::random(&mut rng, 3);
        let expected: Vec<Id> =
            people.iter().filter(|(_, person)| condition.holds(person)).map(|(id, _)| *id).collect();

        assert_eq!(selected(fixture, &condition.text()).await, expected, "{}", condition.text());
        sizes.push(expected.len());
    }
    let selective = sizes.iter().filter(|size| (1..60).contains(*size)).count();
    assert!(selective > 200, "only {selective} of 400 expressions select some contacts and not all");
}

both!(a_contact_that_cannot_be_mailed_is_in_no_segment, |fixture| {
    let (lists, _) = set_up(fixture).await;
    let (installation, here) = (&fixture.installation, fixture.workspace.id);
    let other = workspace::ensure(installation, "other").await.expect("a workspace");
    let elsewhere = list::add(installation, other.id, "Elsewhere").await.expect("a list");
    let none = Values::new;
    add_contact(fixture, here, "in@example.org", none(), &[(lists[0], State::Confirmed, NOW)]).await;
    let both = [(lists[0], State::Confirmed, NOW), (lists[1], State::Restricted, NOW)];
    add_contact(fixture, here, "restricted@example.org", none(), &both).await;
    add_contact(fixture, here, "pending@example.org", none(), &[(lists[0], State::Pending, NOW)]).await;
    add_contact(fixture, here, "nowhere@example.org", none(), &[]).await;
    add_contact(fixture, other.id, "other@example.org", none(), &[(elsewhere.id, State::Confirmed, NOW)]).await;
    segment::save(installation, here, "all", "email is set").await.expect("saved");

    assert_eq!(segment::count(installation, here, "all").await.expect("counted"), 1);
    for (email, standing, included) in [
        ("in@example.org", Reachability::Reachable, true),
        ("restricted@example.org", Reachability::Restricted, false),
        ("pending@example.org", Reachability::Unlisted, false),
        ("nowhere@example.org", Reachability::Unlisted, false),
        ("other@example.org", Reachability::Unknown, false),
    ] {
        let address = Address::parse(email).expect(email);
        let found = segment::explain(installation, here, "all", &address).await.expect("explained");
        assert_eq!((found.reachability, found.included), (standing, included), "{email}");
    }
    assert!(refusal(fixture, "on(\"Elsewhere\")").await.contains("no list \"Elsewhere\""));
    assert!(segment::count(installation, other.id, "all").await.is_err(), "a segment is seen in its workspace only");
    assert_eq!(selected(fixture, "on(\"News\")").await.len(), 1, "a restriction covers every list");
});

both!(an_expression_at_the_limits_runs_and_one_beyond_is_refused, |fixture| {
    set_up(fixture).await;
    let installation = &fixture.installation;
    let id = add_contact(fixture, fixture.workspace.id, "a@example.org", values(json!({"age": 7})), &[]).await;
    let chain = |count: usize, word: &str| vec!["age = 7"; count].join(word);
    let several =
        |count: usize| format!("age in ({})", (1..=count).map(|n| n.to_string()).collect::<Vec<_>>().join(","));
    let long = vec!["not (opened(\"autumn\", 9 days) or on(\"News\", 9 days))"; MAX_CONDITIONS / 2].join(" and ");
    // Groups of ten, each in the one before: the deepest statement that the limits allow.
    let deepest = (1..100).fold("age = 7".to_owned(), |inner, level| {
        let (word, other) = if level % 2 == 0 { (" and ", "age = 7") } else { (" or ", "age = 8") };
        format!("({}{word}{inner})", [other; 9].join(word))
    });

    for expression in [
        chain(MAX_CONDITIONS, " and "),
        chain(MAX_CONDITIONS, " or "),
        format!("{}{}{}", "(".repeat(100), "age = 7", ")".repeat(100)),
        format!("{}{}", "not ".repeat(100), "age = 7"),
        format!("{} and {}", several(MAX_VALUES), vec!["on(\"News\") or age = 7"; 499].join(" and ")),
        long,
        deepest,
    ] {
        assert_eq!(selected(fixture, &expression).await, [id], "{}", segment::shorten(&expression, 60));
        segment::save(installation, fixture.workspace.id, "limit", &expression).await.expect("saved");
        let address = Address::parse("a@example.org").expect("an address");
        let found = segment::explain(installation, fixture.workspace.id, "limit", &address).await.expect("explained");
        let tree = found.conditions.expect("a known person");
        assert!(tree.holds(&|finding| finding.holds));
        assert!(!found.included, "on no list");
    }
    assert!(refusal(fixture, &chain(10_000, " or ")).await.contains("at most 1000 conditions"));
    assert!(refusal(fixture, &several(MAX_VALUES + 1)).await.contains("at most 10000 values"));
    assert!(refusal(fixture, &"(".repeat(100_000)).await.contains("at most 100 deep"));
    assert!(refusal(fixture, &" ".repeat(256 * 1024 + 1)).await.contains("longer than 256 KiB"));
});

both!(an_explanation_shows_each_condition_with_the_contacts_value, |fixture| {
    let (lists, campaigns) = set_up(fixture).await;
    let (installation, here) = (&fixture.installation, fixture.workspace.id);
    let person = values(json!({"city": "Самара", "age": 21, "vip": 1}));
    let id = add_contact(fixture, here, "anna@mail.ru", person, &[(lists[0], State::Confirmed, NOW - 3 * DAY)]).await;
    record_activity(fixture, id, "opened", campaigns[0], NOW - 200 * DAY).await;
    let expression =
        r#"city = "Казань" and (age >= 18 or plan is set) and not opened(any, 90 days) and on("News") and vip"#;
    segment::save(installation, here, "adults", expression).await.expect("saved");

    let explain = Command::Explain { name: "adults".to_owned(), address: "Anna@mail.ru".to_owned() };
    let report = cli::run(installation, &fixture.actor, explain, Lang::EN).await.expect("explained");

    assert_eq!(
        report.text,
        "Anna@mail.ru is not in “adults”.\n  all of → no\n    city = \"Казань\" [Самара] → no\n    any of → yes\n      \
         age >= 18 [21] → yes\n      plan is set [nothing] → no\n    not → yes\n      \
         opened(any, 90 days) [2026-05-05] → no\n    on(\"News\") [2026-11-18] → yes\n    vip = yes [yes] → yes"
    );
    assert_eq!(report.json["included"], false);
    assert_eq!(report.json["conditions"].as_array().map(Vec::len), Some(5));
    assert_eq!(
        report.json["conditions"][0],
        json!({"condition": "city = \"Казань\"", "holds": false, "value": "Самара"})
    );
    assert_eq!(report.json["conditions"][2]["not"]["value"], "2026-05-05");
    assert!(!report.text.contains("anna@"), "{}", report.text);
});

both!(saving_again_replaces_and_an_invalid_expression_saves_nothing, |fixture| {
    set_up(fixture).await;
    let (installation, here) = (&fixture.installation, &fixture.workspace);
    let save = |expression: &str| Command::Save {
        name: " adults ".to_owned(),
        expression: expression.to_owned(),
        wait: false,
    };

    let first = segment::save(installation, here.id, "adults", "age >= 18").await.expect("saved");
    cli::run(installation, &fixture.actor, save("age >= 21"), Lang::EN).await.expect("saved again");
    let refused = cli::run(installation, &fixture.actor, save("age >= 21 and citty = \"Казань\""), Lang::EN)
        .await
        .expect_err("refused");

    let sentence = Lang::EN.translate(&refused.message());
    assert!(sentence.starts_with("column 15: no field `citty`; did you mean `city`?"), "{sentence}");
    let mut conn = installation.db.read().await.expect("a connection");
    let all = segment::all(&mut conn, here.id).await.expect("listed");
    assert_eq!(all.iter().map(|one| (one.id, one.expression.as_str())).collect::<Vec<_>>(), [(first.id, "age >= 21")]);
    drop(conn);
    let count = Command::Count { estimate: false, name: "adlts".to_owned() };
    let unknown = cli::run(installation, &fixture.actor, count, Lang::RU).await.expect_err("unknown");
    assert_eq!(Lang::RU.translate(&unknown.message()), "Сегмента «adlts» нет; может быть, «adults»?");
    let report =
        cli::run(installation, &fixture.actor, Command::Count { estimate: false, name: "adults".to_owned() }, Lang::RU)
            .await
            .expect("counted");
    assert_eq!(report.text, "Сегмент «adults»: 0 человек.");
    assert_eq!(report.json, json!({"segment": "adults", "count": 0}));
    let listed = cli::run(installation, &fixture.actor, Command::Ls, Lang::EN).await.expect("listed");
    assert_eq!(listed.json, json!({"segments": [{"segment": "adults", "expression": "age >= 21"}]}));
});

both!(an_address_is_matched_in_every_spelling, |fixture| {
    let here = fixture.workspace.id;
    let ivan = add_contact(fixture, here, "Иван@Почта.РФ", Values::new(), &[]).await;
    let anna = add_contact(fixture, here, "anna@mail.ru", Values::new(), &[]).await;

    for (expression, expected) in [
        ("email = \"иван@почта.рф\"", vec![ivan]),
        ("email != \"ИВАН@xn--80a1acny.xn--p1ai\"", vec![anna]),
        ("email contains \"@Почта.рф\"", vec![ivan]),
        ("email contains \".рф\"", vec![ivan]),
        ("email starts with \"Иван@почта\"", vec![ivan]),
        ("email starts with \"Иван@поч\"", vec![]),
        ("email starts with \"ИВ\"", vec![ivan]),
        ("email ends with \"@Почта.рф\"", vec![ivan]),
        ("email ends with \"MAIL.ru\"", vec![anna]),
        ("email ends with \"mail.r\"", vec![]),
        ("email ends with \"far-longer-than-any-address@mail.ru\"", vec![]),
        ("email in (\"anna@mail.ru\", \"x@y.org\")", vec![anna]),
        ("email is not set", vec![]),
    ] {
        assert_eq!(selected(fixture, expression).await, expected, "{expression}");
    }
});

both!(a_field_name_or_value_cannot_change_the_statement, |fixture| {
    let (installation, here) = (&fixture.installation, fixture.workspace.id);
    for name in ["не", "_x", "поле1"] {
        field::add(installation, here, &Field::declare(name, "text").expect(name)).await.expect("declared");
    }
    let nasty = "$.a\"]') or 1=1 --";
    let id =
        add_contact(fixture, here, "a@example.org", values(json!({"не": nasty, "_x": "да", "поле1": "1"})), &[]).await;
    add_contact(fixture, here, "b@example.org", Values::new(), &[]).await;

    let quoted = nasty.replace('"', "\\\"");
    assert_eq!(selected(fixture, &format!("`не` = \"{quoted}\"")).await, [id]);
    assert_eq!(selected(fixture, &format!("`не` contains \"{quoted}\" and _x is set and поле1 = \"1\"")).await, [id]);
    assert!(matches!(
        segment::save(installation, here, "s", "_x is not set").await.map(|saved| saved.expression),
        Ok(expression) if expression == "_x is not set"
    ));
    let address = Address::parse("b@example.org").expect("an address");
    let found = segment::explain(installation, here, "s", &address).await.expect("explained");
    assert!(matches!(found.conditions, Some(Tree::Leaf(finding)) if finding.holds && finding.value.is_none()));
});
