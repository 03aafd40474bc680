//! A panic in the work on one delivery: it gets a reason, the queue behind it goes on, and the health check tells it.

use sendoff::campaign::model::State;
use sendoff::infra::failpoint::{self, Bug};
use sendoff::usecase::campaign as campaigns;

use crate::fixture::{Fixture, Kind, postgres_url};
use crate::mail_sink::{Plan, Sink};
use crate::mailer::fixture::{EMAIL, campaign, mail, recipients, start, states, subscribe_many, use_relay};

/// Sends a campaign to 20 contacts and to `panic@example.org`, with a bug in the program.
async fn send_with(kind: Kind, bug: Bug) -> (Fixture, Sink) {
    let fixture = Fixture::new(kind).await;
    fixture.subscribe("News", &["panic@example.org"]).await;
    subscribe_many(&fixture, 20).await;
    let sink = Plan::new().start().await;
    use_relay(&fixture, sink.target(), 2).await;
    start(&fixture, EMAIL).await;
    failpoint::inject(Some(bug));
    mail(&fixture).await;
    failpoint::inject(None);
    (fixture, sink)
}

async fn check(bug: Bug, part: &str) {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        if kind == Kind::Postgres && postgres_url().is_none() {
            continue;
        }
        let (fixture, sink) = send_with(kind, bug).await;

        assert_eq!(states(&fixture).await, [("accepted", 20), ("skipped", 1)].into(), "{bug:?}");
        assert_eq!(campaign(&fixture).await.state, State::Finished);
        let seen = recipients(&sink);
        assert_eq!((seen.len(), seen.values().sum::<usize>()), (20, 20), "{bug:?}");
        let shown = campaigns::show(&fixture.installation, &fixture.actor, "autumn").await.expect("shown");
        assert_eq!(shown.skip_reasons, [("skipped-panic", 1)].into());
        assert_eq!(fixture.installation.panics.recent(), Some((1, part)));
        fixture.close().await;
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_composed_for_a_bug_is_skipped() {
    check(Bug::PanicInComposer, "composer").await;
}

#[tokio::test]
async fn a_connection_that_panics_before_an_envelope_is_replaced() {
    check(Bug::PanicBeforeEnvelope, "connection").await;
}

#[tokio::test]
async fn a_connection_that_panics_before_a_body_is_replaced() {
    check(Bug::PanicBeforeBody, "connection").await;
}
