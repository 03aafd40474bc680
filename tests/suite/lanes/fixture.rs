//! Lanes, their limits, and their waiting deliveries.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sendoff::campaign::delivery::reassign_lanes;
use sendoff::campaign::lane::{self, Lane};
use sendoff::campaign::rate_limit::RateLimit;
use sendoff::mailer::limits::lane_backoff;
use sendoff::mailer::scheduler::{self, Mode};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::fixture::Fixture;
use crate::mail_sink::Sink;
use crate::mailer::fixture::{campaign, recipients};

/// Subscribes `count` contacts at a domain.
pub async fn at(fixture: &Fixture, domain: &str, count: usize) {
    let people: Vec<_> = (0..count).map(|n| format!("person{n}@{domain}")).collect();
    fixture.subscribe("News", &people.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

pub async fn limit(fixture: &Fixture, lane: Lane) {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    lane::set(&mut tx, fixture.workspace.id, &lane).await.expect("a lane");
    tx.commit().await.expect("committed");
}

pub fn all(rate_limit: RateLimit) -> Lane {
    Lane { rate_limit, ..Lane::new("all", "") }
}

pub fn daily(daily: i64) -> RateLimit {
    RateLimit { daily: Some(daily), ..RateLimit::default() }
}

pub fn rate(rate: f64) -> RateLimit {
    RateLimit { rate: Some(rate), ..RateLimit::default() }
}

pub async fn waiting(fixture: &Fixture) -> BTreeMap<String, i64> {
    let id = campaign(fixture).await.id;
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    reassign_lanes::count_pending(&mut conn, id).await.expect("counted").into_iter().collect()
}

pub fn counts<const N: usize>(counts: [(&str, i64); N]) -> BTreeMap<String, i64> {
    counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}

/// Messages to a domain that the server accepted.
pub fn to(sink: &Sink, domain: &str) -> usize {
    recipients(sink).keys().filter(|to| to.contains(domain)).count()
}

pub async fn backoff_of(fixture: &Fixture, lane: &str) -> Option<lane_backoff::LaneBackoff> {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let all = lane_backoff::list(&mut conn, fixture.workspace.id).await.expect("read");
    all.into_iter().find(|(name, _)| name == lane).map(|(_, backoff)| backoff)
}

/// Sends for `time`, then stops.
pub async fn mail_for(fixture: &Fixture, time: Duration) {
    let (stop, stopped) = watch::channel(false);
    let stopping = async {
        sleep(time).await;
        stop.send(true).expect("someone listens");
    };
    let (ended, ()) =
        tokio::join!(scheduler::run(&fixture.installation, Mode::Forever, Arc::new(|| true), stopped), stopping);
    ended.expect("a clean end");
}

pub async fn until(met: impl Fn() -> bool) {
    timeout(Duration::from_secs(20), async {
        while !met() {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("it happens");
}
