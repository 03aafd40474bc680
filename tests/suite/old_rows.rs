//! The program on rows that an earlier version has stored: an address that cannot be mailed and an email beyond today's
//! limits stop themselves, another campaign is sent, and `/healthz` tells it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sendoff::campaign::model::{self, Campaign, State, content};
use sendoff::campaign::{delivery, launch};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixture::{Fixture, both};
use crate::mail_sink::Plan;
use crate::mailer::fixture::{EMAIL, recipients, use_relay};

const TIMEOUT: Duration = Duration::from_secs(90);

/// A process that ends with its test.
struct Serve(Child);

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn launch_campaign(fixture: &Fixture, name: &str) {
    let draft = fixture.draft_to_news(name, &EMAIL.replace("autumn", name)).await;
    launch::start(&fixture.installation, &draft).await.expect("launched");
}

async fn find(fixture: &Fixture, name: &str) -> Campaign {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    model::find_by_name(&mut conn, fixture.workspace.id, name).await.expect("the campaign")
}

async fn tamper(fixture: &Fixture, change: String) {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    (&mut *tx).execute(AssertSqlSafe(change)).await.expect("changed");
    tx.commit().await.expect("committed");
}

/// Replaces the body of a launched campaign.
async fn set_body(fixture: &Fixture, name: &str, body: &str) {
    let campaign = find(fixture, name).await.id;
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let frozen = content::read_frozen(&mut conn, campaign).await.expect("read").expect("frozen");
    drop(conn);
    let mut frozen: Value = serde_json::from_str(&frozen).expect("JSON");
    frozen["draft"]["body"] = body.into();
    let text = frozen.to_string().replace('\'', "''");
    tamper(fixture, format!("update campaign_content set frozen = '{text}' where campaign_id = {campaign}")).await;
}

fn serve(fixture: &Fixture) -> (Serve, String) {
    let config = &fixture.installation.config;
    let mut command = Command::new(env!("CARGO_BIN_EXE_sendoff"));
    command.arg("--data").arg(&config.data).args(["--lang", "en", "--json"]);
    if let Some(url) = &config.database {
        command.args(["--database", url]);
    }
    command.args(["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the program starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    let announced: Value = serde_json::from_str(&line).expect(&line);
    (Serve(child), announced["public"].as_str().expect("an address").trim_start_matches("http://").to_owned())
}

async fn health(address: &str) -> Value {
    let mut stream = TcpStream::connect(address).await.expect("a listener");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n").await.expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("answered");
    serde_json::from_str(answer.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON")
}

both!(an_old_address_and_an_old_email_stop_only_themselves, |fixture| {
    fixture
        .subscribe("News", &["anna@example.org", "boris@example.org", "vera@example.org", r#""x<y"@q.example"#])
        .await;
    let hidden = "update contact set address = 'bo\u{34f}ris@example.org' where canonical = 'boris@example.org'";
    tamper(fixture, hidden.to_owned()).await;
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 2).await;
    for name in ["autumn", "winter", "spring"] {
        launch_campaign(fixture, name).await;
    }
    let elifs = "{% elif email == \"b\" %}y".repeat(6_000);
    set_body(fixture, "winter", &format!("{{% if email == \"a\" %}}x{elifs}{{% endif %}}z")).await;
    let long = "{% set a = 'x' | replace('x', 'yyyyyyyyyy') | replace('y', 'zzzzzzzzzz') %}".to_owned()
        + "{% set b = a | replace('z', 'zzzzzzzzzz') | replace('z', 'zzzzzzzzzz') | replace('z', 'zzzzzzzzz') %}"
        + "{{ b | join(b) | length }}";
    set_body(fixture, "spring", &long).await;

    let (mut serve, address) = serve(fixture);

    let until = Instant::now() + TIMEOUT;
    loop {
        let [autumn, winter, spring] =
            [find(fixture, "autumn").await, find(fixture, "winter").await, find(fixture, "spring").await];
        if autumn.state == State::Finished && winter.state == State::Paused && spring.state == State::Paused {
            assert!(winter.reason.as_deref().is_some_and(|reason| reason.contains("tag-branches")), "{winter:?}");
            assert!(spring.reason.as_deref().is_some_and(|reason| reason.contains("template-bound")), "{spring:?}");
            break;
        }
        assert_eq!(serve.0.try_wait().expect("asked"), None, "the program has ended");
        assert!(Instant::now() < until, "{autumn:?} {winter:?} {spring:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let autumn = find(fixture, "autumn").await.id;
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let states = delivery::count(&mut conn, autumn).await.expect("counted");
    assert_eq!(states, [(delivery::State::Accepted, 3), (delivery::State::Skipped, 1)]);
    let reasons = delivery::count_by_reason(&mut conn, autumn).await.expect("counted");
    assert_eq!(reasons, [("skipped-address", 1)].into());
    drop(conn);
    assert!(recipients(&sink).contains_key("RCPT TO:<\"x<y\"@q.example>"), "{:?}", recipients(&sink));
    let health = loop {
        let health = health(&address).await;
        if health["reasons"].as_array().is_some_and(|reasons| !reasons.is_empty()) || Instant::now() > until {
            break health;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(health["ready"], true, "{health}");
    assert!(health.to_string().contains("campaigns-halted"), "{health}");
    assert!(health.to_string().contains("tag-branches"), "{health}");
});
