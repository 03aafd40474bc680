//! A disk that takes its time: another holds the database for a while, again and again, and nothing can be
//! written meanwhile.

use std::convert::Infallible;
use std::time::Duration;

use sendoff::campaign::model::State;
use sqlx::{AnyConnection, Connection, Executor, Row};
use tokio::time::sleep;

use crate::fixture::{Fixture, Kind, both};
use crate::mail_sink::{Plan, Sink};
use crate::mailer::fixture::{LETTER, campaign, house_with, mail, recipients, start, states, use_relay};

const LETTERS: usize = 150;
const CONNECTIONS: u32 = 4;

/// How long nothing can be written at a time.
const HELD: Duration = Duration::from_millis(100);

/// Takes the database, looks what leaves without it, and gives it back until another letter has left.
async fn hold_up(fixture: &Fixture, sink: &Sink, times: &mut usize) -> Infallible {
    let mut holder = AnyConnection::connect(&fixture.installation.config.database_url()).await.expect("a connection");
    let take = match fixture.kind {
        Kind::Sqlite => "pragma busy_timeout = 30000; begin immediate",
        Kind::Postgres => "begin; lock table delivery in share mode",
    };
    loop {
        holder.execute(sqlx::raw_sql(take)).await.expect("taken");
        let before = sink.log().letters.len();
        sleep(HELD).await;
        let seen = recipients(sink);
        let unmarked = "select c.address from delivery d join contact c on c.id = d.contact_id \
                        where d.state in ('pending', 'leased')";
        for row in holder.fetch_all(unmarked).await.expect("asked") {
            let person = format!("<{}>", row.get::<&str, _>(0));
            assert!(!seen.keys().any(|line| line.contains(&person)), "{person} has a letter without a mark");
        }
        let left = sink.log().letters.len() - before;
        assert!(left <= CONNECTIONS as usize, "{left} letters left while nothing could be marked");
        holder.execute("rollback").await.expect("given back");
        *times += 1;
        while sink.log().letters.len() <= before + left {
            sleep(Duration::from_millis(2)).await;
        }
    }
}

both!(a_slow_disk_slows_sending_and_drops_no_mark, |fixture| {
    house_with(fixture, LETTERS).await;
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), CONNECTIONS).await;
    start(fixture, LETTER).await;

    let mut times = 0;
    tokio::select! {
        _ = mail(fixture) => {}
        never = hold_up(fixture, &sink, &mut times) => match never {},
    }

    assert!(times > 2, "the disk was slow {times} times");
    assert_eq!(states(fixture).await, [("accepted", LETTERS as i64)].into());
    assert_eq!(campaign(fixture).await.state, State::Finished);
    let seen = recipients(&sink);
    assert_eq!((seen.len(), seen.values().sum::<usize>()), (LETTERS, LETTERS), "people with a letter, and letters");
});
