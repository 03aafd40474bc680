//! Tests of a move under load: `serve` sends and takes unsubscribe requests.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use sendoff::infra::token::{DeliveryRef, TokenPurpose};
use sendoff::report::summary;
use serde_json::Value;

use super::fixture::{Target, found, program, serve, with_database};
use crate::fixture::both;
use crate::mail_sink::{Action, Plan};
use crate::mailer::fixture::{EMAIL, recipients, start, subscribe_many, use_relay};

/// Posts a one-click request and returns the status; `None` when nothing answers.
fn unsubscribe_by_post(public: &str, token: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(public).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let body = "List-Unsubscribe=One-Click";
    let head = format!(
        "POST /u/{token} HTTP/1.1\r\nHost: {public}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

both!(running_campaign_continues_in_the_new_store, |fixture| {
    let Some(target) = Target::of(fixture).await else { return };
    subscribe_many(fixture, 400).await;
    let sink = Plan::new().on(|at| if at.verb == "." { Action::late(15) } else { Action::Usual }).start().await;
    use_relay(fixture, sink.target(), 2).await;
    let campaign = start(fixture, EMAIL).await;
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let rows = sqlx::query("select id from delivery order by id").fetch_all(&mut *conn).await.expect("asked");
    drop(conn);
    let tokens: Vec<String> = rows
        .iter()
        .map(|row| DeliveryRef { campaign: campaign.id, delivery: sqlx::Row::get(row, 0) })
        .map(|claim| fixture.installation.signer.message_secret(claim).token(TokenPurpose::Unsubscribe))
        .collect();
    let mut serving = serve(fixture);
    let mut output = BufReader::new(serving.stdout.take().expect("its output"));
    let mut line = String::new();
    output.read_line(&mut line).expect("its addresses");
    let opened: Value = serde_json::from_str(&line).expect("JSON");
    let public = opened["public"].as_str().expect("an address").trim_start_matches("http://").to_owned();
    while sink.log().messages.len() < 20 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let moving = with_database(fixture, program(fixture, &["move", "--to", &target.to])).spawn().expect("runs");
    let mut confirmed = 0;
    for token in tokens.iter().rev() {
        match unsubscribe_by_post(&public, token) {
            Some(200) => confirmed += 1,
            Some(other) => panic!("an unsubscribe was answered {other}"),
            // The process has ended; this request was not acknowledged.
            None => break,
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let moved = tokio::task::spawn_blocking(|| moving.wait_with_output().expect("ends")).await.expect("ends");
    assert!(moved.status.success(), "{}", String::from_utf8_lossy(&moved.stderr));
    let status = serving.wait().expect("ends");
    assert_eq!(status.code(), Some(1), "{status}");
    assert!(confirmed > 0);
    let sent = sink.log().messages.len();
    assert!(sent < 400, "the campaign finished before the move");

    let rest = program(fixture, &["mail", "--until-idle"]).output().expect("runs");

    assert!(rest.status.success(), "{}", String::from_utf8_lossy(&rest.stderr));
    let there = found(fixture).await;
    let mut conn = there.db.read().await.expect("a connection");
    let numbers = summary::read(&mut conn, &campaign).await.expect("counted");
    assert_eq!((numbers.planned, numbers.pending, numbers.uncertain), (400, 0, 0), "{numbers:?}");
    assert_eq!(numbers.unsubscribed, confirmed, "each acknowledged unsubscribe happened once");
    let people = sqlx::query("select address from contact").fetch_all(&mut *conn).await.expect("asked");
    assert_eq!(people.len() as i64, 400 - confirmed);
    let stayed: BTreeSet<String> = people.iter().map(|row| sqlx::Row::get(row, 0)).collect();
    let seen = recipients(&sink);
    assert!(seen.values().all(|messages| *messages == 1), "no recipient got two messages");
    let missed: Vec<_> = stayed.iter().filter(|one| !seen.keys().any(|to| to.contains(&format!("<{one}>")))).collect();
    assert!(missed.is_empty(), "subscribed without a message: {missed:?} of {:?}", seen.keys().next());
    drop(conn);
    there.db.close().await;
    target.end().await;
});
