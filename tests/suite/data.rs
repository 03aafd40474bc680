//! Large audiences: what stands beside the truth to make it fast says the same as the truth, and the
//! database uses it.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sendoff::audience::contact::{self, NewContact, Values};
use sendoff::audience::field::{self, Field};
use sendoff::audience::indexed_field::{self, State};
use sendoff::audience::{segment, subscription};
use sendoff::infra::clock::DAY;
use sendoff::infra::db::Sql;
use sendoff::privacy::erasure::{self, Reason};
use serde_json::json;
use sqlx::Row;

use crate::canary;
use crate::fixture::{House, Kind, NOW, both};

const HOUR: i64 = 3_600_000;

async fn declare(house: &House, fields: &[(&str, &str)]) {
    for (name, kind) in fields {
        let field = Field::declare(name, kind).expect(name);
        field::add(&house.home, house.workspace.id, &field).await.expect("declared");
    }
}

async fn save(house: &House, name: &str, expression: &str) {
    segment::save(&house.home, house.workspace.id, name, expression).await.expect("saved");
    segment::settle(&house.home, house.workspace.id, |_| {}).await.expect("settled");
}

async fn count(house: &House, name: &str) -> i64 {
    segment::count(&house.home, house.workspace.id, name).await.expect("counted")
}

/// People with a city and an age by number, on one list.
async fn crowd(house: &House, people: usize) {
    let list = canary::list(house, "News").await;
    let of = |number: usize| {
        let values: Values =
            json!({ "city": if number.is_multiple_of(4) { "Казань" } else { "Самара" }, "age": number % 60 })
                .as_object()
                .expect("an object")
                .clone();
        (canary::address(&format!("p{number}@example.org")), values)
    };
    let all: Vec<_> = (0..people).map(of).collect();
    canary::join(house, &list, &all).await;
}

/// How the database would count these people. On PostgreSQL a scan of a small table is no choice.
async fn plan(house: &House, expression: &str) -> String {
    let mut tx = house.home.db.write().await.expect("a transaction");
    let condition = segment::resolve(&mut tx, house.workspace.id, expression).await.expect(expression);
    if house.kind == Kind::Postgres {
        Sql::new("analyze contact").run(&mut tx).await.expect("counted");
        Sql::new("set local enable_seqscan = off").run(&mut tx).await.expect("set");
    }
    let mut sql = Sql::new(if house.kind == Kind::Sqlite { "explain query plan " } else { "explain " });
    sql.push("select count(*) from contact c where c.workspace_id = ").bind(house.workspace.id);
    sql.push(" and c.reachable = 1 and ");
    condition.compile(&mut sql, &house.home.db, NOW);
    let column = if house.kind == Kind::Sqlite { 3 } else { 0 };
    let rows = sql.all(&mut tx).await.expect("explained");
    rows.iter().map(|row| row.get::<String, _>(column) + "\n").collect()
}

both!(what_segments_name_is_found_by_index, |house| {
    declare(house, &[("city", "text"), ("age", "number"), ("birthday", "date")]).await;
    crowd(house, 300).await;
    save(house, "two", "city = \"казань\" and age > 40").await;
    save(house, "seen", "not opened(any, 90 days) or birthday < 2000-01-01").await;

    for (expression, index) in [
        ("city = \"казань\" and age > 40", "contact_text_"),
        ("city in (\"казань\", \"самара\")", "contact_text_"),
        ("age >= 18 and age < 20 and not city = \"казань\"", "contact_number_"),
        ("birthday > 90 days ago", "contact_text_"),
        ("opened(any, 90 days)", "contact_seen"),
        ("not opened(any, 90 days)", "contact_seen"),
    ] {
        let plan = plan(house, expression).await;
        // On PostgreSQL statistics decide, and those of 300 people may speak for another index.
        assert!(house.kind == Kind::Postgres || plan.contains(index), "{expression}: {plan}");
        assert!(house.kind == Kind::Postgres || plan.contains("COVERING"), "{expression}: {plan}");
    }
    let kazan_above_40 = (0..300).filter(|n| n % 4 == 0 && n % 60 > 40).count();
    assert_eq!(count(house, "two").await, kazan_above_40 as i64);
    assert_eq!(count(house, "seen").await, 300);
});

both!(a_facet_comes_with_its_segment_and_goes_an_hour_after_the_last, |house| {
    declare(house, &[("city", "text"), ("age", "number")]).await;
    crowd(house, 40).await;
    let states = async || {
        let mut conn = house.home.db.read().await.expect("a connection");
        let all = indexed_field::all(&mut conn, house.workspace.id).await.expect("read");
        all.into_iter().map(|one| (one.field, one.state)).collect::<Vec<_>>()
    };
    let kept = "select count(*) from contact where text_1 is not null or number_1 is not null";

    save(house, "one", "age > 40").await;
    assert_eq!(states().await, [("age".to_owned(), State::Ready)]);
    save(house, "one", "city = \"казань\"").await;
    assert_eq!(states().await, [("age".to_owned(), State::Leaving), ("city".to_owned(), State::Ready)]);
    assert_eq!(canary::number(house, kept).await, 40);
    // Needed again before it is gone.
    save(house, "other", "age > 50").await;
    assert_eq!(states().await, [("age".to_owned(), State::Ready), ("city".to_owned(), State::Ready)]);

    for name in ["one", "other"] {
        save(house, name, "email contains \"@\"").await;
    }
    house.home.clock.advance(HOUR);
    segment::settle(&house.home, house.workspace.id, |_| {}).await.expect("settled");
    assert_eq!(states().await, []);
    assert_eq!(canary::number(house, kept).await, 0);
    save(house, "one", "city = \"казань\"").await;
    assert_eq!(count(house, "one").await, 10);
});

both!(a_pinned_facet_stays_and_a_ninth_text_has_no_place, |house| {
    let names: Vec<String> = (1..=9).map(|number| format!("text{number}")).collect();
    for name in &names {
        declare(house, &[(name, "text")]).await;
    }
    let fields = field::all(&mut house.home.db.read().await.expect("a connection"), house.workspace.id).await;
    let fields = fields.expect("read");
    for (number, field) in fields.iter().enumerate() {
        let placed = indexed_field::pin(&house.home, house.workspace.id, field, true).await.expect("asked");
        assert_eq!(placed, number < 8, "{}", field.name);
    }
    segment::settle(&house.home, house.workspace.id, |_| {}).await.expect("settled");

    let mut conn = house.home.db.read().await.expect("a connection");
    assert_eq!(indexed_field::to_read(&mut conn, house.workspace.id).await.expect("read").len(), 8);
    // A segment that names the ninth is read from the JSON.
    crowd(house, 4).await;
    save(house, "ninth", "text9 is not set").await;
    assert_eq!(count(house, "ninth").await, 4);
});

both!(who_can_be_reached_is_written_down_as_it_is, |house| {
    let (home, workspace) = (&house.home, house.workspace.id);
    let lists = [canary::list(house, "News").await, canary::list(house, "Offers").await];
    let mut rng = StdRng::seed_from_u64(5);
    let wrong = "select count(*) from contact c where c.reachable <> case when exists \
        (select 1 from subscription s where s.contact_id = c.id and s.state = 'confirmed') and not exists \
        (select 1 from subscription s where s.contact_id = c.id and s.state = 'restricted') then 1 else 0 end";
    let people: Vec<String> = (0..12).map(|number| format!("p{number}@example.org")).collect();

    for _ in 0..120 {
        let address = canary::address(&people[rng.random_range(0..people.len())]);
        let list = &lists[rng.random_range(0..2)];
        let person = canary::id(house, &address.expose()).await;
        match (rng.random_range(0..5), person) {
            (0, Some(person)) => {
                let mut tx = home.db.write().await.expect("a transaction");
                subscription::restrict(&mut tx, person).await.expect("restricted");
                tx.commit().await.expect("committed");
            }
            (1, Some(person)) => {
                let mut tx = home.db.write().await.expect("a transaction");
                subscription::unrestrict(&mut tx, person).await.expect("unrestricted");
                tx.commit().await.expect("committed");
            }
            (2, Some(person)) => {
                erasure::leave(home, workspace, person, list.id, Reason::Left, None).await.expect("left");
            }
            _ => canary::join(house, list, &[(address, Values::new())]).await,
        }
        assert_eq!(canary::number(house, wrong).await, 0);
    }
    assert!(canary::number(house, "select count(*) from contact where reachable = 1").await > 0);
});

both!(the_last_open_and_click_are_known_and_forgotten_with_their_list, |house| {
    let (news, offers) = (canary::list(house, "News").await, canary::list(house, "Offers").await);
    let person = canary::person(house, &news, "anna@example.org").await;
    canary::person(house, &offers, "anna@example.org").await;
    save(house, "readers", "opened(any, 90 days) and clicked(any)").await;
    assert_eq!(count(house, "readers").await, 0);

    let (campaign, _) = canary::launch(house, &offers, "autumn").await;
    let deliveries = canary::take(house, &campaign).await;
    canary::react(house, deliveries["anna@example.org"]).await;
    assert_eq!(count(house, "readers").await, 1);

    house.home.clock.advance(91 * DAY);
    assert_eq!(count(house, "readers").await, 0);
    let known = "select count(*) from contact where opened_at is not null and clicked_at is not null";
    assert_eq!(canary::number(house, known).await, 1);

    erasure::leave(&house.home, house.workspace.id, person, offers.id, Reason::Left, None).await.expect("left");
    assert_eq!(canary::number(house, "select count(*) from contact").await, 1);
    assert_eq!(canary::number(house, known).await, 0);
});

both!(an_estimate_comes_near_the_count, |house| {
    declare(house, &[("city", "text"), ("age", "number")]).await;
    crowd(house, 4).await;
    save(house, "kazan", "city = \"казань\"").await;
    let estimate = async || segment::estimate(&house.home, house.workspace.id, "kazan").await.expect("estimated");
    assert_eq!(estimate().await, None, "few people are counted as fast");

    let mut tx = house.home.db.write().await.expect("a transaction");
    let new = |number: usize| NewContact {
        id: house.home.ids.next(),
        address: canary::address(&format!("q{number}@example.org")),
        values: json!({ "city": if number.is_multiple_of(3) { "Казань" } else { "Самара" } })
            .as_object()
            .expect("one")
            .clone(),
    };
    let all: Vec<_> = (0..30_000).map(new).collect();
    contact::add(&mut tx, house.workspace.id, &all, NOW).await.expect("added");
    sqlx::query("update contact set reachable = 1").execute(&mut *tx).await.expect("reachable");
    tx.commit().await.expect("committed");

    let about = estimate().await.expect("many people");
    assert!((9_000..11_000).contains(&about), "{about}");
});
