//! Corrupt rows: leases and deliveries changed by hand while a mailer sends, and tables of a newer version. The mailer
//! reports a clear error and loses or repeats no message.

use std::sync::Arc;
use std::time::Duration;

use sendoff::campaign::model::State;
use sendoff::infra::setting::{self, Setting};
use sendoff::mailer::scheduler::{self, Mode};
use sqlx::Row;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::fixture::{Fixture, both};
use crate::mail_sink::{Action, Plan, Sink};
use crate::mailer::fixture::{EMAIL, campaign, mail, recipients, start, states, subscribe_many, use_relay};

/// Connections of the mailer.
const CONNECTIONS: i64 = 2;

async fn tamper(fixture: &Fixture, sql: &str) {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut *tx).await.expect("changed");
    tx.commit().await.expect("committed");
}

async fn count(fixture: &Fixture, sql: &'static str) -> i64 {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    sqlx::query(sql).fetch_one(&mut *conn).await.expect("counted").get(0)
}

/// A campaign to so many contacts, and a relay that answers slowly.
async fn start_slow_campaign(fixture: &Fixture, people: usize) -> Sink {
    subscribe_many(fixture, people).await;
    let sink = Plan::new().at(".", Action::late(20)).start().await;
    use_relay(fixture, sink.target(), CONNECTIONS as u32).await;
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    setting::set(&mut tx, Setting::LeaseTerm, "2").await.expect("a setting");
    tx.commit().await.expect("committed");
    start(fixture, EMAIL).await;
    sink
}

/// Sends until the campaign has ended; runs each change after so many messages.
async fn send_with_changes(fixture: &Fixture, sink: &Sink, changes: &[(usize, &str)]) {
    let (stop, stopped) = watch::channel(false);
    let changing = async {
        for (messages, sql) in changes {
            while sink.log().messages.len() < *messages {
                sleep(Duration::from_millis(5)).await;
            }
            tamper(fixture, sql).await;
        }
        while campaign(fixture).await.state == State::Running {
            sleep(Duration::from_millis(20)).await;
        }
        stop.send(true).expect("someone listens");
    };
    let work = scheduler::run(&fixture.installation, Mode::Forever, Arc::new(|| true), stopped);
    let (ended, ()) = timeout(Duration::from_secs(60), async { tokio::join!(work, changing) }).await.expect("an end");
    ended.expect("a clean end");
}

both!(mailer_with_a_changed_lease_restarts_and_repeats_nothing, |fixture| {
    let sink = start_slow_campaign(fixture, 150).await;
    let changes = [
        (15, "update lease set until = 9000000000000000000"),
        (40, "update lease set until = -9000000000000000000"),
        (65, "update lease set id = 5"),
        (90, "update lease set until = 0"),
    ];

    send_with_changes(fixture, &sink, &changes).await;

    assert_eq!(campaign(fixture).await.state, State::Finished);
    let (states, got) = (states(fixture).await, recipients(&sink));
    let uncertain = states.get("uncertain").copied().unwrap_or(0);
    assert!(uncertain <= CONNECTIONS * changes.len() as i64 && states["accepted"] + uncertain == 150, "{states:?}");
    assert!(got.values().all(|count| *count == 1) && got.len() as i64 >= states["accepted"], "{states:?}");
});

both!(deliveries_of_an_unknown_mailer_are_released_or_uncertain, |fixture| {
    let sink = start_slow_campaign(fixture, 8).await;
    tamper(fixture, "insert into lease (id, until) values (5, 9000000000000000000)").await;
    for (nth, change) in [
        (0, "state = 'leased', mailer_id = 5"),
        (1, "state = 'sending', mailer_id = 5"),
        (2, "state = 'leased', mailer_id = -77"),
        (3, "state = 'sending', mailer_id = -77"),
        (4, "state = 'leased'"),
        (5, "state = 'sending'"),
    ] {
        let row = format!("(select id from delivery order by id limit 1 offset {nth})");
        tamper(fixture, &format!("update delivery set {change} where id = {row}")).await;
    }

    mail(fixture).await;
    // Deliveries without a mailer are repaired before the campaign finishes.
    mail(fixture).await;

    assert_eq!(states(fixture).await, [("accepted", 5), ("uncertain", 3)].into());
    assert_eq!(campaign(fixture).await.state, State::Finished);
    assert_eq!(recipients(&sink).len(), 5);
    assert_eq!(count(fixture, "select count(*) from delivery where mailer_id is not null").await, 0);
});

both!(pending_delivery_with_a_mailer_id_is_sent_once, |fixture| {
    let sink = start_slow_campaign(fixture, 4).await;
    tamper(fixture, "update delivery set mailer_id = 99 where id = (select min(id) from delivery)").await;

    mail(fixture).await;

    let states = states(fixture).await;
    assert_eq!(campaign(fixture).await.state, State::Finished, "{states:?}");
    assert_eq!(states.get("accepted").copied().unwrap_or(0) + states.get("uncertain").copied().unwrap_or(0), 4);
    assert!(recipients(&sink).values().all(|count| *count == 1));
});

both!(mailer_on_a_newer_database_ends_with_an_error_and_sends_nothing, |fixture| {
    let sink = start_slow_campaign(fixture, 3).await;
    let newer = "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
                 select 9999, description, success, checksum, execution_time from _sqlx_migrations where version = 1";
    tamper(fixture, newer).await;
    let (_keep, stop) = watch::channel(false);

    let refused =
        scheduler::run(&fixture.installation, Mode::Forever, Arc::new(|| true), stop).await.expect_err("refused");

    assert_eq!(refused.message().key, "database-newer");
    assert_eq!(states(fixture).await, [("pending", 3)].into());
    assert!(sink.log().messages.is_empty());
    tamper(fixture, "delete from _sqlx_migrations where version = 9999").await;
    mail(fixture).await;
    assert_eq!(states(fixture).await, [("accepted", 3)].into());
});
