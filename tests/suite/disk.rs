//! A slow disk: another connection locks the database again and again, and nothing can be written meanwhile.

use std::convert::Infallible;
use std::time::Duration;

use sendoff::campaign::model::State;
use sqlx::{AnyConnection, Connection, Executor, Row};
use tokio::time::sleep;

use crate::fixture::{Fixture, Kind, both};
use crate::mail_sink::{Plan, Sink};
use crate::mailer::fixture::{EMAIL, campaign, mail, recipients, start, states, subscribe_many, use_relay};

const MESSAGES: usize = 150;
const CONNECTIONS: u32 = 4;

/// How long the database is locked each time.
const LOCK_TIME: Duration = Duration::from_millis(100);

/// Locks the database, checks that no message leaves without a mark, and releases it until the next message has left.
async fn lock_repeatedly(fixture: &Fixture, sink: &Sink, times: &mut usize) -> Infallible {
    let mut holder = AnyConnection::connect(&fixture.installation.config.database_url()).await.expect("a connection");
    let lock = match fixture.kind {
        Kind::Sqlite => "pragma busy_timeout = 30000; begin immediate",
        Kind::Postgres => "begin; lock table delivery in share mode",
    };
    loop {
        holder.execute(sqlx::raw_sql(lock)).await.expect("locked");
        let before = sink.log().messages.len();
        sleep(LOCK_TIME).await;
        let seen = recipients(sink);
        let unmarked = "select c.address from delivery d join contact c on c.id = d.contact_id \
                        where d.state in ('pending', 'leased')";
        for row in holder.fetch_all(unmarked).await.expect("asked") {
            let person = format!("<{}>", row.get::<&str, _>(0));
            assert!(!seen.keys().any(|line| line.contains(&person)), "{person} got a message without a mark");
        }
        let sent = sink.log().messages.len() - before;
        assert!(sent <= CONNECTIONS as usize, "{sent} messages left while nothing could be marked");
        holder.execute("rollback").await.expect("released");
        *times += 1;
        while sink.log().messages.len() <= before + sent {
            sleep(Duration::from_millis(2)).await;
        }
    }
}

both!(slow_disk_slows_sending_and_loses_no_mark, |fixture| {
    subscribe_many(fixture, MESSAGES).await;
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), CONNECTIONS).await;
    start(fixture, EMAIL).await;

    let mut times = 0;
    tokio::select! {
        _ = mail(fixture) => {}
        never = lock_repeatedly(fixture, &sink, &mut times) => match never {},
    }

    assert!(times > 2, "the disk was slow {times} times");
    assert_eq!(states(fixture).await, [("accepted", MESSAGES as i64)].into());
    assert_eq!(campaign(fixture).await.state, State::Finished);
    let seen = recipients(&sink);
    assert_eq!(
        (seen.len(), seen.values().sum::<usize>()),
        (MESSAGES, MESSAGES),
        "recipients with a message, and messages"
    );
});
