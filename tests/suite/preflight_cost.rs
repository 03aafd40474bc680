//! What a preflight and a start on PostgreSQL read of the people, counted by the server: it grows with their number and not
//! with its square.

use sendoff::audience::address::Address;
use sendoff::audience::contact::{self, NewContact, Values};
use sendoff::audience::list;
use sendoff::audience::subscription::{self, NewSubscription, State};
use sendoff::campaign::model::Campaign;
use sendoff::campaign::{launch, preflight};
use sendoff::infra::clock::Clock;
use sendoff::infra::installation::Installation;
use sqlx::{AnyConnection, Connection, Executor, Row};
use tokio::time::{Duration, sleep};

use crate::fixture::{Fixture, Kind, NOW, postgres_url};
use crate::mailer::fixture::EMAIL;
use crate::time::fixture::publish;

/// Subscribes so many people to a list, and adds a campaign to it.
async fn fill(fixture: &Fixture, people: usize) -> Campaign {
    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    publish(fixture).await;
    let list = list::add(installation, workspace, "News").await.expect("a list");
    for first in (0..people).step_by(5_000) {
        let person = |number| NewContact {
            id: installation.ids.next().expect("an id"),
            address: Address::parse(&format!("person{number}@example.org")).expect("an address"),
            values: Values::new(),
        };
        let people: Vec<_> = (first..people.min(first + 5_000)).map(person).collect();
        let joining = |person: &NewContact| NewSubscription {
            id: installation.ids.next().expect("an id"),
            contact: person.id,
            state: State::Confirmed,
        };
        let joining: Vec<_> = people.iter().map(joining).collect();
        let mut tx = installation.db.write().await.expect("a transaction");
        contact::insert(&mut tx, workspace, &people, NOW).await.expect("added");
        subscription::join(&mut tx, workspace, list.id, &joining, NOW).await.expect("joined");
        tx.commit().await.expect("committed");
    }
    fixture.draft_to_news("autumn", EMAIL).await
}

/// Rows and index entries of people that the server has read so far. It counts them when a connection ends: all others must
/// be closed.
async fn read_so_far(conn: &mut AnyConnection) -> i64 {
    let open = "select count(*) from pg_stat_activity
                 where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()";
    while conn.fetch_one(open).await.expect("counted").get::<i64, _>(0) > 0 {
        sleep(Duration::from_millis(20)).await;
    }
    let read =
        "select cast((select sum(seq_tup_read) from pg_stat_user_tables where relname in ('contact', 'subscription'))
                     + (select sum(idx_tup_read) from pg_stat_user_indexes where relname in ('contact', 'subscription'))
                  as bigint)";
    conn.fetch_one(read).await.expect("counted").get(0)
}

/// What a preflight and the start of a campaign to so many people read.
async fn cost(people: usize) -> (i64, i64) {
    let fixture = Fixture::new(Kind::Postgres).await;
    let campaign = fill(&fixture, people).await;
    let config = fixture.installation.config.clone();
    fixture.installation.db.clone().close().await;
    let url = config.database.clone().expect("a URL");
    let mut conn = AnyConnection::connect(&url).await.expect("a connection");
    conn.execute("analyze contact, subscription").await.expect("analyzed");
    let mut read = vec![read_so_far(&mut conn).await];
    for is_start in [false, true] {
        let installation = Installation::open(config.clone(), Clock::fixed(NOW)).await.expect("opened");
        if is_start {
            assert_eq!(launch::start(&installation, &campaign).await.expect("started"), Some(people as u64));
        } else {
            let checked = preflight::check(&installation, &campaign, true, |_, _| {}).await.expect("checked");
            assert_eq!(checked.recipients, people as i64);
        }
        installation.db.close().await;
        read.push(read_so_far(&mut conn).await);
    }
    conn.close().await.expect("closed");
    fixture.close().await;
    (read[1] - read[0], read[2] - read[1])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_preflight_and_a_start_read_grows_with_the_number_of_people() {
    if postgres_url().is_none() {
        return;
    }
    let (few, many) = (cost(4_000).await, cost(40_000).await);

    println!("preflight, start: {few:?} for 4,000 people, {many:?} for 40,000");
    assert!(few.0 >= 4_000 && few.1 >= 4_000, "{few:?}");
    assert!(many.0 <= few.0 * 15, "a preflight: {} for 4,000 people, {} for 40,000", few.0, many.0);
    assert!(many.1 <= few.1 * 15, "a start: {} for 4,000 people, {} for 40,000", few.1, many.1);
}
