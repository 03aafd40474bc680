//! Tests of health checks and metrics, and of the examples for Prometheus and Grafana.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use sendoff::campaign::model::transition;
use sendoff::infra::error::Message;
use sendoff::infra::i18n::Lang;
use sendoff::mailer::lease::Lease;
use sendoff::web::router;
use sendoff::web::state::WebState;
use serde_json::Value;
use sqlx::Connection;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::fixture::{Fixture, Kind, both, postgres_url};
use crate::mail_sink::{Action, Plan};
use crate::mailer::fixture::{EMAIL, campaign, mail, start, subscribe_many, use_relay};
use crate::public::fixture::{Reply, WebFixture, send};

const HERE: (&str, &str) = ("host", "127.0.0.1:8025");

/// A web state without a health snapshot.
async fn web_state(fixture: &Fixture) -> WebState {
    WebState::open(fixture.installation.clone(), Arc::new(Notify::new())).await.expect("opens")
}

async fn ask(state: &WebState, path: &str) -> Reply {
    send(router::metrics_router(state.clone()), Method::GET, path, &[], Body::empty()).await
}

/// A fixture on PostgreSQL, where a lock can make statements hang.
async fn on_a_server() -> Option<Fixture> {
    postgres_url()?;
    Some(Fixture::new(Kind::Postgres).await)
}

/// The status and the reasons.
async fn health(state: &WebState) -> (StatusCode, Vec<String>) {
    let reply = ask(state, "/healthz/ready").await;
    let health: Value = serde_json::from_str(&reply.body).expect("JSON");
    assert_eq!(health["ready"], reply.status == StatusCode::OK, "{health}");
    let reasons = health["reasons"].as_array().expect("a list").iter();
    (reply.status, reasons.map(|reason| reason["reason"].as_str().expect("a word").to_owned()).collect())
}

/// The value of one sample.
fn sample(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

both!(healthy_process_is_ready_at_every_listener, |fixture| {
    let state = web_state(fixture).await;
    for router in [router::public(state.clone()), router::desk(state.clone()), router::metrics_router(state.clone())] {
        for path in ["/healthz", "/healthz/ready", "/healthz/live"] {
            let reply = send(router.clone(), Method::GET, path, &[HERE], Body::empty()).await;
            assert_eq!((reply.status, reply.header("content-type")), (StatusCode::OK, Some("application/json")));
            assert!(!reply.body.contains("false"), "{path}: {}", reply.body);
        }
    }
    let public = send(router::public(state.clone()), Method::GET, "/metrics", &[HERE], Body::empty()).await;
    assert_eq!(public.status, StatusCode::NOT_FOUND, "metrics are not public");
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_write_ahead_log_is_told() {
    let fixture = Fixture::new(Kind::Sqlite).await;
    let state = web_state(&fixture).await;
    let wal = fixture.installation.config.data.join("sendoff.db-wal");
    let longer =
        |bytes| std::fs::File::options().write(true).open(&wal).expect("a WAL").set_len(bytes).expect("longer");
    // Frames of zeros are none: the database is as before.
    longer(127 << 20);
    assert_eq!(health(&state).await, (StatusCode::OK, vec![]));

    longer(129 << 20);
    let state = web_state(&fixture).await;
    assert_eq!(health(&state).await, (StatusCode::OK, vec!["wal-long".to_owned()]));
    fixture.close().await;
}

both!(unreachable_database_is_a_reason, |fixture| {
    let state = web_state(fixture).await;
    fixture.installation.db.clone().close().await;

    assert_eq!(health(&state).await, (StatusCode::SERVICE_UNAVAILABLE, vec!["database-unreachable".to_owned()]));
    assert_eq!(ask(&state, "/healthz/live").await.status, StatusCode::OK, "the process is alive");
    let metrics = ask(&state, "/metrics").await;
    assert_eq!(metrics.status, StatusCode::OK);
    assert_eq!(sample(&metrics.body, "sendoff_database_up"), Some(0.0));
    assert_eq!(sample(&metrics.body, "sendoff_ready"), Some(0.0));
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hanging_database_does_not_hang_the_health_check() {
    let Some(fixture) = on_a_server().await else { return };
    let url = fixture.installation.config.database_url();
    let state = web_state(&fixture).await;
    let mut other = sqlx::AnyConnection::connect(&url).await.expect("a connection");
    sqlx::raw_sql("begin; lock table campaign in access exclusive mode").execute(&mut other).await.expect("locked");

    let (status, reasons) = timeout(Duration::from_secs(8), health(&state)).await.expect("an answer");

    assert_eq!((status, reasons), (StatusCode::SERVICE_UNAVAILABLE, vec!["database-unreachable".to_owned()]));
    sqlx::raw_sql("rollback").execute(&mut other).await.expect("unlocked");
    drop(other);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pending_unsubscribes_are_counted() {
    let Some(fixture) = on_a_server().await else { return };
    let url = fixture.installation.config.database_url();
    let site = WebFixture::new(&fixture).await;
    let mut other = sqlx::AnyConnection::connect(&url).await.expect("a connection");
    sqlx::raw_sql("begin; lock table delivery in access exclusive mode").execute(&mut other).await.expect("locked");

    let path = format!("/u/{}", site.token(1, sendoff::infra::token::TokenPurpose::Unsubscribe));
    let left = timeout(Duration::from_secs(3), site.post(&path, "List-Unsubscribe=One-Click")).await;
    assert_eq!(left.expect("an answer before the database answers").status, StatusCode::OK);
    sqlx::raw_sql("rollback").execute(&mut other).await.expect("unlocked");

    let (status, reasons) = health(&site.state).await;
    assert_eq!((status, reasons), (StatusCode::OK, vec!["unsubscribes-pending".to_owned()]));
    assert_eq!(sample(&ask(&site.state, "/metrics").await.body, "sendoff_unsubscribes_pending"), Some(1.0));
    site.state.journal.replay().await.expect("executed");
    assert!(!site.is_here(1).await);
    drop(other);
    fixture.close().await;
}

both!(newer_schema_is_a_reason, |fixture| {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let newer = "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
                 select 9999, description, success, checksum, execution_time from _sqlx_migrations where version = 1";
    sqlx::query(newer).execute(&mut *tx).await.expect("written");
    tx.commit().await.expect("committed");

    assert_eq!(health(&web_state(fixture).await).await.1, ["database-newer"]);
});

both!(mailer_without_lease_is_not_ready, |fixture| {
    let (wanted, held) =
        (fixture.installation.mailer_status.mailers.increment(), fixture.installation.mailer_status.leases.increment());
    assert_eq!(health(&web_state(fixture).await).await, (StatusCode::OK, vec![]));

    drop(held);
    assert_eq!(health(&web_state(fixture).await).await.1, ["lease-lost"]);
    drop(wanted);
    assert_eq!(
        health(&web_state(fixture).await).await.1,
        Vec::<String>::new(),
        "a process without a mailer needs none"
    );
});

both!(halted_campaign_is_reported_without_the_reply, |fixture| {
    subscribe_many(fixture, 2).await;
    let running = start(fixture, EMAIL).await;
    fixture.installation.clock.advance(60_000);
    assert_eq!(health(&web_state(fixture).await).await.1, ["no-mailer"], "messages are due and no mailer runs");

    let said = Message::new("relay-denies").with("reply", "550 <person1@example.org> is unknown").pack();
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    transition::pause(&mut tx, &running, &said).await.expect("paused");
    tx.commit().await.expect("committed");

    let reply = ask(&web_state(fixture).await, "/healthz").await;
    assert_eq!(reply.status, StatusCode::OK, "a process that can work stays ready");
    assert!(reply.body.contains("campaigns-halted") && reply.body.contains("relay-denies"), "{}", reply.body);
    assert!(!reply.body.contains("person1") && !reply.body.contains("autumn"), "{}", reply.body);
});

both!(every_attempt_is_counted_by_its_result, |fixture| {
    subscribe_many(fixture, 30).await;
    let greylist = |at: &crate::mail_sink::At| match (at.verb, at.count) {
        ("RCPT", 1..=3) => Action::Say("450 4.7.1 later"),
        ("RCPT", 4..=5) => Action::Say("550 5.1.1 nobody"),
        _ => Action::Usual,
    };
    let sink = Plan::new().on(greylist).start().await;
    use_relay(fixture, sink.target(), 1).await;
    start(fixture, EMAIL).await;
    let workspace = fixture.workspace.id;
    let count = async |result: &str| {
        let text = ask(&web_state(fixture).await, "/metrics").await.body;
        let labels = format!("{{workspace=\"{workspace}\",relay=\"main\",lane=\"rest\",result=\"{result}\"}}");
        sample(&text, &format!("sendoff_messages_total{labels}"))
    };

    mail(fixture).await;
    assert_eq!((count("accepted").await, count("deferred").await), (Some(25.0), Some(3.0)));
    assert_eq!((count("rejected").await, count("uncertain").await), (Some(2.0), None));

    fixture.installation.clock.advance(3_600_000);
    mail(fixture).await;
    assert_eq!(count("accepted").await, Some(28.0));
    let text = ask(&web_state(fixture).await, "/metrics").await.body;
    let retries = format!("sendoff_retries_total{{workspace=\"{workspace}\",relay=\"main\",lane=\"rest\"}}");
    assert_eq!(sample(&text, &retries), Some(3.0));
    assert!(sample(&text, "sendoff_commit_seconds_count").expect("commits") >= 2.0);
});

both!(backlog_is_measured_by_workspace_without_names, |fixture| {
    subscribe_many(fixture, 4).await;
    let running = start(fixture, EMAIL).await;
    let workspace = format!("{{workspace=\"{}\"}}", fixture.workspace.id);
    fixture.installation.clock.advance(90_000);
    let (lease, _) = Lease::acquire(&fixture.installation).await.expect("a lease");

    let text = ask(&web_state(fixture).await, "/metrics").await.body;
    for (name, value) in [("queue_age_seconds", 90.0), ("oldest_unsent_seconds", 90.0), ("uncertain", 0.0)] {
        assert_eq!(sample(&text, &format!("sendoff_{name}{workspace}")), Some(value), "{text}");
    }
    assert_eq!(sample(&text, "sendoff_mailers_alive"), Some(1.0));
    assert_eq!(sample(&text, "sendoff_campaigns{state=\"running\"}"), Some(1.0));

    let claimed = crate::canary::take(fixture, &running).await;
    let text = ask(&web_state(fixture).await, "/metrics").await.body;
    assert_eq!(sample(&text, &format!("sendoff_sending{workspace}")), Some(claimed.len() as f64));
    // No running mailer holds these.
    lease.release(&fixture.installation).await.expect("ended");
    let text = ask(&web_state(fixture).await, "/metrics").await.body;
    assert_eq!(sample(&text, &format!("sendoff_uncertain{workspace}")), Some(4.0));
    assert_eq!(sample(&text, &format!("sendoff_queue_age_seconds{workspace}")), Some(0.0));
    assert!(
        !text.contains("workspace=\"main\"")
            && !text.contains("autumn")
            && !text.contains("News")
            && !text.contains("@")
    );
    assert_eq!(campaign(fixture).await.id, running.id);
});

/// The names of metrics in a text.
fn names(text: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let found = text.match_indices("sendoff_").map(|(at, _)| text[at..].split(|c| !is_name(c)).next().unwrap_or(""));
    found.map(str::to_owned).collect()
}

both!(examples_use_existing_metrics, |fixture| {
    let text = ask(&web_state(fixture).await, "/metrics").await.body;
    let mut known = BTreeSet::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        match line.split_once(' ').expect("name and type") {
            (name, "histogram") => known.extend(["bucket", "sum", "count"].map(|end| format!("{name}_{end}"))),
            (name, _) => drop(known.insert(name.to_owned())),
        }
    }
    let alerts = include_str!("../../examples/alerts.yml");
    let dashboard = include_str!("../../examples/dashboard.json");
    for (file, text) in [("alerts.yml", alerts), ("dashboard.json", dashboard)] {
        let named = names(text);
        assert!(named.len() > 10, "{file}: {named:?}");
        assert_eq!(named.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new(), "{file}");
    }
    let board: Value = serde_json::from_str(dashboard).expect("JSON");
    let panels = board["panels"].as_array().expect("panels");
    assert!(panels.iter().all(|panel| panel["targets"][0]["expr"].is_string() && panel["title"].is_string()));
    for alert in alerts.split("- alert: ").skip(1) {
        assert!(alert.contains("expr: ") && alert.contains("severity: ") && alert.contains("summary: "), "{alert}");
    }
});

both!(requests_are_counted_by_endpoint_without_tokens, |fixture| {
    let site = WebFixture::new(fixture).await;
    let token = site.token(0, sendoff::infra::token::TokenPurpose::View);
    site.get(&format!("/v/{token}")).await;
    site.get("/nowhere/anna@example.org").await;

    let text = ask(&site.state, "/metrics").await.body;
    assert!(text.contains("sendoff_http_requests_total{endpoint=\"view\",status=\"200\"}"), "{text}");
    assert!(text.contains("sendoff_http_requests_total{endpoint=\"other\",status=\"404\"}"), "{text}");
    assert!(!text.contains(&token) && !text.contains("anna"));
});

#[test]
fn singular_and_plural_messages_differ() {
    let erased = |lang: Lang, count: i64| {
        let message = ["subscriptions", "consents", "deliveries", "events"]
            .iter()
            .fold(Message::new("contact-erased").with("address", "a"), |message, name| message.with(name, count));
        lang.translate(&message)
    };

    let one = erased(Lang::EN, 1);
    assert!(one.contains("1 subscription, 1 consent, 1 delivery, 1 event."), "{one}");
    assert!(erased(Lang::EN, 0).contains("0 subscriptions, 0 consents, 0 deliveries, 0 events."));
    for (count, said) in
        [(1, "1 подписка, 1 согласие"), (3, "3 подписки, 3 согласия"), (11, "11 подписок, 11 согласий")]
    {
        assert!(erased(Lang::RU, count).contains(said), "{}", erased(Lang::RU, count));
    }
}
