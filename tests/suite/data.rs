//! Derived columns and indexes of contacts: they agree with the data they are derived from, and the database uses them.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sendoff::audience::contact::{self, NewContact, Values};
use sendoff::audience::field::{self, Field};
use sendoff::audience::field_indexing;
use sendoff::audience::indexed_field::{self, State};
use sendoff::audience::{segment, subscription};
use sendoff::infra::clock::DAY;
use sendoff::infra::db::Sql;
use sendoff::privacy::erasure::{self, Reason};
use serde_json::json;
use sqlx::Row;

use crate::canary;
use crate::fixture::{Fixture, Kind, NOW, both};
use crate::import::fixture as import;

const HOUR: i64 = 3_600_000;

async fn declare(fixture: &Fixture, fields: &[(&str, &str)]) {
    for (name, kind) in fields {
        let field = Field::declare(name, kind).expect(name);
        field::add(&fixture.installation, fixture.workspace.id, &field).await.expect("declared");
    }
}

async fn save(fixture: &Fixture, name: &str, expression: &str) {
    save_only(fixture, name, expression).await;
    segment::reconcile_indexes(&fixture.installation, fixture.workspace.id, None, |_| {}).await.expect("settled");
}

/// Saves a segment without indexing its fields.
async fn save_only(fixture: &Fixture, name: &str, expression: &str) {
    segment::save(&fixture.installation, fixture.workspace.id, name, expression).await.expect("saved");
}

async fn count(fixture: &Fixture, name: &str) -> i64 {
    segment::count(&fixture.installation, fixture.workspace.id, name).await.expect("counted")
}

/// Subscribes contacts with a city and an age to one list.
async fn add_contacts(fixture: &Fixture, people: usize) {
    let list = canary::list(fixture, "News").await;
    let of = |number: usize| {
        let values: Values =
            json!({ "city": if number.is_multiple_of(4) { "Казань" } else { "Самара" }, "age": number % 60 })
                .as_object()
                .expect("an object")
                .clone();
        (canary::address(&format!("p{number}@example.org")), values)
    };
    let all: Vec<_> = (0..people).map(of).collect();
    canary::join(fixture, &list, &all).await;
}

/// The query plan of counting these contacts. On PostgreSQL sequential scans are switched off.
async fn plan(fixture: &Fixture, expression: &str) -> String {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let condition = segment::resolve(&mut tx, fixture.workspace.id, expression).await.expect(expression);
    if fixture.kind == Kind::Postgres {
        Sql::new("analyze contact").run(&mut tx).await.expect("counted");
        Sql::new("set local enable_seqscan = off").run(&mut tx).await.expect("set");
    }
    let mut sql = Sql::new(if fixture.kind == Kind::Sqlite { "explain query plan " } else { "explain " });
    sql.push("select count(*) from contact c where c.workspace_id = ").bind(fixture.workspace.id);
    sql.push(" and c.reachable = 1 and ");
    condition.compile(&mut sql, &fixture.installation.db, NOW);
    let column = if fixture.kind == Kind::Sqlite { 3 } else { 0 };
    let rows = sql.all(&mut tx).await.expect("explained");
    rows.iter().map(|row| row.get::<String, _>(column) + "\n").collect()
}

both!(segment_conditions_use_indexes, |fixture| {
    declare(fixture, &[("city", "text"), ("age", "number"), ("birthday", "date")]).await;
    add_contacts(fixture, 300).await;
    save(fixture, "two", "city = \"казань\" and age > 40").await;
    save(fixture, "seen", "not opened(any, 90 days) or birthday < 2000-01-01").await;

    for (expression, index) in [
        ("city = \"казань\" and age > 40", "contact_text_"),
        ("city in (\"казань\", \"самара\")", "contact_text_"),
        ("age >= 18 and age < 20 and not city = \"казань\"", "contact_number_"),
        ("birthday > 90 days ago", "contact_text_"),
        ("opened(any, 90 days)", "contact_seen"),
        ("not opened(any, 90 days)", "contact_seen"),
    ] {
        let plan = plan(fixture, expression).await;
        // On PostgreSQL the statistics of 300 contacts may favour another index.
        assert!(fixture.kind == Kind::Postgres || plan.contains(index), "{expression}: {plan}");
        assert!(fixture.kind == Kind::Postgres || plan.contains("COVERING"), "{expression}: {plan}");
    }
    let kazan_above_40 = (0..300).filter(|n| n % 4 == 0 && n % 60 > 40).count();
    assert_eq!(count(fixture, "two").await, kazan_above_40 as i64);
    assert_eq!(count(fixture, "seen").await, 300);
});

both!(indexed_field_is_dropped_an_hour_after_its_last_segment, |fixture| {
    declare(fixture, &[("city", "text"), ("age", "number")]).await;
    add_contacts(fixture, 40).await;
    let states = async || {
        let mut conn = fixture.installation.db.read().await.expect("a connection");
        let all = indexed_field::all(&mut conn, fixture.workspace.id).await.expect("read");
        all.into_iter().map(|one| (one.field, one.state)).collect::<Vec<_>>()
    };
    let kept = "select count(*) from contact where text_1 is not null or number_1 is not null";

    save(fixture, "one", "age > 40").await;
    assert_eq!(states().await, [("age".to_owned(), State::Ready)]);
    save(fixture, "one", "city = \"казань\"").await;
    assert_eq!(states().await, [("age".to_owned(), State::Retiring), ("city".to_owned(), State::Ready)]);
    assert_eq!(canary::number(fixture, kept).await, 40);
    // Used again before it is dropped.
    save(fixture, "other", "age > 50").await;
    assert_eq!(states().await, [("age".to_owned(), State::Ready), ("city".to_owned(), State::Ready)]);

    for name in ["one", "other"] {
        save(fixture, name, "email contains \"@\"").await;
    }
    fixture.installation.clock.advance(HOUR);
    segment::reconcile_indexes(&fixture.installation, fixture.workspace.id, None, |_| {}).await.expect("settled");
    assert_eq!(states().await, []);
    assert_eq!(canary::number(fixture, kept).await, 0);
    save(fixture, "one", "city = \"казань\"").await;
    assert_eq!(count(fixture, "one").await, 10);
});

both!(pinned_field_stays_and_a_ninth_text_field_is_not_indexed, |fixture| {
    let names: Vec<String> = (1..=9).map(|number| format!("text{number}")).collect();
    for name in &names {
        declare(fixture, &[(name, "text")]).await;
    }
    let fields =
        field::all(&mut fixture.installation.db.read().await.expect("a connection"), fixture.workspace.id).await;
    let fields = fields.expect("read");
    for (number, field) in fields.iter().enumerate() {
        let placed =
            field_indexing::pin(&fixture.installation, fixture.workspace.id, field, true).await.expect("asked");
        assert_eq!(placed, number < 8, "{}", field.name);
    }
    segment::reconcile_indexes(&fixture.installation, fixture.workspace.id, None, |_| {}).await.expect("settled");

    let mut conn = fixture.installation.db.read().await.expect("a connection");
    assert_eq!(indexed_field::list_readable(&mut conn, fixture.workspace.id).await.expect("read").len(), 8);
    // A segment over the ninth field reads the JSON.
    add_contacts(fixture, 4).await;
    save(fixture, "ninth", "text9 is not set").await;
    assert_eq!(count(fixture, "ninth").await, 4);
});

both!(reachable_column_equals_subscriptions, |fixture| {
    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    let lists = [canary::list(fixture, "News").await, canary::list(fixture, "Offers").await];
    let mut rng = StdRng::seed_from_u64(5);
    let wrong = "select count(*) from contact c where c.reachable <> case when exists \
        (select 1 from subscription s where s.contact_id = c.id and s.state = 'confirmed') and not exists \
        (select 1 from subscription s where s.contact_id = c.id and s.state = 'restricted') then 1 else 0 end";
    let people: Vec<String> = (0..12).map(|number| format!("p{number}@example.org")).collect();

    for _ in 0..120 {
        let address = canary::address(&people[rng.random_range(0..people.len())]);
        let list = &lists[rng.random_range(0..2)];
        let person = canary::id(fixture, &address.expose()).await;
        match (rng.random_range(0..5), person) {
            (0, Some(person)) => {
                let mut tx = installation.db.write().await.expect("a transaction");
                subscription::restrict(&mut tx, person).await.expect("restricted");
                tx.commit().await.expect("committed");
            }
            (1, Some(person)) => {
                let mut tx = installation.db.write().await.expect("a transaction");
                subscription::unrestrict(&mut tx, person).await.expect("unrestricted");
                tx.commit().await.expect("committed");
            }
            (2, Some(person)) => {
                erasure::unsubscribe(installation, workspace, person, list.id, Reason::Unsubscribed, None)
                    .await
                    .expect("left");
            }
            _ => canary::join(fixture, list, &[(address, Values::new())]).await,
        }
        assert_eq!(canary::number(fixture, wrong).await, 0);
    }
    assert!(canary::number(fixture, "select count(*) from contact where reachable = 1").await > 0);
});

both!(last_open_and_click_are_erased_with_their_list, |fixture| {
    let (news, offers) = (canary::list(fixture, "News").await, canary::list(fixture, "Offers").await);
    let person = canary::person(fixture, &news, "anna@example.org").await;
    canary::person(fixture, &offers, "anna@example.org").await;
    save(fixture, "readers", "opened(any, 90 days) and clicked(any)").await;
    assert_eq!(count(fixture, "readers").await, 0);

    let (campaign, _) = canary::launch(fixture, &offers, "autumn").await;
    let deliveries = canary::take(fixture, &campaign).await;
    canary::react(fixture, deliveries["anna@example.org"]).await;
    assert_eq!(count(fixture, "readers").await, 1);

    fixture.installation.clock.advance(91 * DAY);
    assert_eq!(count(fixture, "readers").await, 0);
    let known = "select count(*) from contact where opened_at is not null and clicked_at is not null";
    assert_eq!(canary::number(fixture, known).await, 1);

    erasure::unsubscribe(&fixture.installation, fixture.workspace.id, person, offers.id, Reason::Unsubscribed, None)
        .await
        .expect("left");
    assert_eq!(canary::number(fixture, "select count(*) from contact").await, 1);
    assert_eq!(canary::number(fixture, known).await, 0);
});

both!(estimate_is_near_the_count, |fixture| {
    declare(fixture, &[("city", "text"), ("age", "number")]).await;
    add_contacts(fixture, 4).await;
    save(fixture, "kazan", "city = \"казань\"").await;
    let estimate =
        async || segment::estimate(&fixture.installation, fixture.workspace.id, "kazan").await.expect("estimated");
    assert_eq!(estimate().await, None, "few contacts are counted instead");

    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let new = |number: usize| NewContact {
        id: fixture.installation.ids.next().expect("an id"),
        address: canary::address(&format!("q{number}@example.org")),
        values: json!({ "city": if number.is_multiple_of(3) { "Казань" } else { "Самара" } })
            .as_object()
            .expect("one")
            .clone(),
    };
    let all: Vec<_> = (0..30_000).map(new).collect();
    contact::insert(&mut tx, fixture.workspace.id, &all, NOW).await.expect("added");
    sqlx::query("update contact set reachable = 1").execute(&mut *tx).await.expect("reachable");
    tx.commit().await.expect("committed");

    let about = estimate().await.expect("many contacts");
    assert!((9_000..11_000).contains(&about), "{about}");
});

both!(second_import_finds_contacts_in_byte_order_under_any_collation, |fixture| {
    import::set_up(fixture, fixture.workspace.id).await;
    // ICU and `en_US` sort `@` before a digit; bytes sort it after.
    let text = "email\nanna@x.org\nanna1@x.org\nanna-b@x.org\nAnna.c@x.org\nanna_d@x.org\nann@x.org\n";
    let request = import::request(import::file(fixture, "people.csv", text));

    let first = import::import(fixture, &request).await.expect("imported");
    let second = import::import(fixture, &request).await.expect("imported again");

    assert_eq!((first.new, second.new, second.unchanged), (6, 0, 6));
    let sorted = "select canonical from contact order by canonical";
    let addresses = import::rows(fixture, sorted).await;
    assert!(addresses.is_sorted(), "{addresses:?}");
});

both!(what_saving_a_segment_leaves_is_indexed_in_the_background, |fixture| {
    declare(fixture, &[("city", "text"), ("age", "number")]).await;
    add_contacts(fixture, 3_000).await;
    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    save_only(fixture, "two", "city = \"казань\" and age > 40").await;
    let expected = count(fixture, "two").await;
    let fields = async || {
        let mut conn = installation.db.read().await.expect("a connection");
        indexed_field::all(&mut conn, workspace).await.expect("read")
    };

    let none = Some(Duration::ZERO);
    assert!(!segment::reconcile_indexes(installation, workspace, none, |_| {}).await.expect("saved"), "not all");
    assert!(fields().await.iter().all(|one| one.state == State::Filling && one.filled_to == 0));
    assert_eq!(count(fixture, "two").await, expected, "a segment counts before its fields are indexed");
    assert!(field_indexing::work_off(installation, Duration::ZERO).await.expect("looked"), "there is work");
    // A process that was stopped in between goes on where it was.
    let first = fields().await;
    let mut tx = installation.db.write().await.expect("a transaction");
    let slice = contact::backfill(&mut tx, workspace, &first, true, 0, 1_000).await.expect("filled").expect("contacts");
    sqlx::query("update indexed_field set filled_to = $1").bind(slice.0).execute(&mut *tx).await.expect("noted");
    tx.commit().await.expect("committed");
    let mut done = 0;
    assert!(
        segment::reconcile_indexes(installation, workspace, None, |contacts| done = contacts).await.expect("saved")
    );
    assert_eq!(done, 2_000, "the first thousand are not filled again");
    assert!(fields().await.iter().all(|one| one.state == State::Ready));
    assert!(!field_indexing::work_off(installation, Duration::ZERO).await.expect("looked"), "nothing is left");
    assert_eq!(count(fixture, "two").await, expected);
    // What a column cannot serve gets none.
    save_only(fixture, "two", "city contains \"каз\" or age is set").await;
    segment::reconcile_indexes(installation, workspace, None, |_| {}).await.expect("saved");
    let states: Vec<_> = fields().await.into_iter().map(|one| (one.field, one.state)).collect();
    assert_eq!(states, [("age".to_owned(), State::Ready), ("city".to_owned(), State::Retiring)]);
});
