//! Uncertain deliveries: held, resent with the same bytes, settled from a log of the relay.

use std::path::Path;
use std::process::Output;

use sendoff::campaign::composer::Composer;
use sendoff::campaign::delivery::uncertain::{self, REPEATS, Scope};
use sendoff::campaign::model::State;
use sendoff::campaign::model::transition;
use sendoff::infra::clock::DAY;
use sendoff::mailer::scheduler;
use sqlx::Row;

use crate::fixture::{Fixture, NOW, both};
use crate::mail_sink::{Action, At, Plan, Sink};
use crate::mailer::fixture::{EMAIL, campaign, mail, start, states, subscribe_many, use_relay};

/// A campaign file with policy `resend`.
fn resending() -> String {
    EMAIL.replace("+++\n#", "uncertain = \"resend\"\n+++\n#")
}

/// A relay that closes the connection instead of its reply to the first `lost` messages.
async fn lossy_relay(lost: usize) -> Sink {
    Plan::new()
        .on(move |at| if at.verb == "." && at.count <= lost { Action::Drop } else { Action::Usual })
        .start()
        .await
}

fn scope(fixture: &Fixture) -> Scope {
    Scope { workspace: fixture.workspace.id, campaign: None }
}

async fn uncertain_deliveries(fixture: &Fixture) -> Vec<uncertain::UncertainDelivery> {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    uncertain::list(&mut conn, scope(fixture)).await.expect("listed")
}

/// Sends until the campaign ends, resends included.
async fn send_all(fixture: &Fixture) {
    for _ in 0..20 {
        mail(fixture).await;
        if campaign(fixture).await.state != State::Running {
            return;
        }
        fixture.installation.clock.advance(60_000);
    }
}

/// Runs the program on the installation of a fixture.
async fn run_program(fixture: &Fixture, words: &[&str]) -> (Output, serde_json::Value) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sendoff"));
    command.arg("--data").arg(&fixture.installation.config.data).args(["--json", "--lang", "en"]).env("TZ", "UTC");
    if let Some(url) = &fixture.installation.config.database {
        command.args(["--database", url]);
    }
    command.args(words);
    let output = tokio::task::spawn_blocking(move || command.output().expect("runs")).await.expect("ends");
    let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output, json)
}

async fn send_with_lost_replies(fixture: &Fixture, people: usize, lost: usize) -> Sink {
    subscribe_many(fixture, people).await;
    let sink = lossy_relay(lost).await;
    use_relay(fixture, sink.target(), 1).await;
    start(fixture, EMAIL).await;
    mail(fixture).await;
    assert_eq!(states(fixture).await.get("uncertain"), Some(&(lost as i64)));
    sink
}

both!(held_deliveries_are_not_resent_and_the_campaign_finishes, |fixture| {
    let sink = send_with_lost_replies(fixture, 5, 1).await;

    let (_, held) = run_program(fixture, &["uncertain", "settle", "--hold"]).await;
    fixture.installation.clock.advance(DAY);
    mail(fixture).await;

    assert_eq!((held["held"].as_i64(), held["uncertain"].as_i64()), (Some(1), Some(1)));
    assert_eq!(campaign(fixture).await.state, State::Finished);
    assert_eq!(sink.log().messages.len(), 4);
    assert_eq!(uncertain_deliveries(fixture).await[0].reason.as_deref(), Some(uncertain::HELD));
});

both!(policy_resend_resends_and_the_campaign_finishes, |fixture| {
    subscribe_many(fixture, 5).await;
    // Two in a row would pause the campaign.
    let loses = |at: &At| matches!((at.verb, at.count), (".", 1 | 3));
    let sink = Plan::new().on(move |at| if loses(at) { Action::Drop } else { Action::Usual }).start().await;
    use_relay(fixture, sink.target(), 1).await;
    start(fixture, &resending()).await;

    send_all(fixture).await;

    assert_eq!(states(fixture).await, [("accepted", 5)].into());
    assert_eq!(campaign(fixture).await.state, State::Finished);
    assert_eq!(sink.log().messages.len(), 5);
});

both!(a_message_whose_replies_are_all_lost_is_sent_four_times, |fixture| {
    subscribe_many(fixture, 1).await;
    let sink = Plan::new().at(".", Action::Drop).start().await;
    use_relay(fixture, sink.target(), 1).await;
    start(fixture, &resending()).await;

    for _ in 0..10 {
        mail(fixture).await;
        fixture.installation.clock.advance(60_000);
        let mut tx = fixture.installation.db.write().await.expect("a transaction");
        // A relay that loses replies pauses its campaigns.
        let _ = transition::resume(&mut tx, &campaign(fixture).await).await;
        tx.commit().await.expect("committed");
    }

    assert_eq!(sink.log().commands.iter().filter(|line| line.starts_with("DATA")).count() as i32, REPEATS + 1);
    assert_eq!(states(fixture).await, [("uncertain", 1)].into());
    assert_eq!(campaign(fixture).await.state, State::Finished);
});

both!(a_resent_message_has_the_same_bytes_after_the_contact_changed, |fixture| {
    subscribe_many(fixture, 1).await;
    // It takes the message and sends an invalid reply.
    let is_invalid = |at: &At| at.verb == "." && at.count == 1;
    let raw = || Action::Raw(b"2oo thank you\r\n".to_vec());
    let sink = Plan::new().on(move |at| if is_invalid(at) { raw() } else { Action::Usual }).start().await;
    use_relay(fixture, sink.target(), 1).await;
    start(fixture, &resending().replace("# Hello", "# Hello {{ email }}")).await;
    mail(fixture).await;
    assert_eq!(sink.log().messages.len(), 1);
    change_contacts(fixture).await;

    fixture.installation.clock.advance(DAY);
    send_all(fixture).await;

    let messages = sink.log().messages.clone();
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0], messages[1]);
    assert_eq!(states(fixture).await, [("accepted", 1)].into());
});

/// Changes spelling and fields of the contacts, as an import does.
async fn change_contacts(fixture: &Fixture) {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    sqlx::query("update contact set address = $1, fields = $2")
        .bind("Person0@Example.org")
        .bind("{\"city\":\"Perm\"}")
        .execute(&mut *tx)
        .await
        .expect("changed");
    tx.commit().await.expect("committed");
}

both!(resending_reopens_a_finished_campaign, |fixture| {
    let sink = send_with_lost_replies(fixture, 3, 1).await;
    assert_eq!(campaign(fixture).await.state, State::Finished);

    let (_, resent) = run_program(fixture, &["uncertain", "settle", "--resend", "--campaign", "autumn"]).await;

    assert_eq!((resent["resent"].as_i64(), resent["uncertain"].as_i64()), (Some(1), Some(0)));
    assert_eq!(campaign(fixture).await.state, State::Running);
    fixture.installation.clock.advance(365 * DAY);
    mail(fixture).await;
    assert_eq!(states(fixture).await, [("accepted", 3)].into());
    assert_eq!((campaign(fixture).await.state, sink.log().messages.len()), (State::Finished, 3));
});

both!(the_list_shows_reason_and_time_and_masks_the_address, |fixture| {
    let _sink = send_with_lost_replies(fixture, 2, 1).await;

    let (_, rows) = run_program(fixture, &["uncertain", "ls"]).await;
    let (output, _) = run_program(fixture, &["uncertain", "ls", "--campaign", "spring"]).await;

    let row = &rows[0];
    assert_eq!((row["campaign"].as_str(), row["why"].as_str()), (Some("autumn"), Some("uncertain-answer-lost")));
    assert_eq!(row["to"].as_str(), Some("p***@e***.org"));
    assert_eq!(row["since"].as_str(), Some("2026-11-21T10:00:00Z"));
    assert_eq!(output.status.code(), Some(2));
});

/// The Message-IDs of the uncertain deliveries, in the order of the list.
async fn message_ids(fixture: &Fixture) -> Vec<String> {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let composer = Composer::load(&fixture.installation, &mut conn, &campaign(fixture).await).await.expect("compiles");
    drop(conn);
    uncertain_deliveries(fixture).await.iter().map(|delivery| composer.message_id(delivery.id)).collect()
}

/// A log with a line at each of these seconds around 10:00.
fn write_log(fixture: &Fixture, name: &str, lines: &[(i64, String)]) -> String {
    let line = |(second, text): &(i64, String)| {
        let at = jiff::Timestamp::from_millisecond(NOW + second * 1_000).expect("a time");
        format!("{} mx postfix/any[7]: {text}\n", at.strftime("%b %e %H:%M:%S"))
    };
    let path = fixture.folder.path().join(name);
    std::fs::write(&path, lines.iter().map(line).collect::<String>()).expect("written");
    path.display().to_string()
}

fn text(of: &str) -> String {
    of.to_owned()
}

both!(a_log_settles_only_the_deliveries_it_names, |fixture| {
    subscribe_many(fixture, 6).await;
    let sink = lossy_relay(4).await;
    use_relay(fixture, sink.target(), 4).await;
    start(fixture, EMAIL).await;
    mail(fixture).await;
    let ids = message_ids(fixture).await;
    assert_eq!(ids.len(), 4);
    let early = write_log(fixture, "mail.log.1", &[(-90, text("AAAAA1: removed")), (-60, text("AAAAA2: removed"))]);
    let log = write_log(
        fixture,
        "mail.log",
        &[
            (0, format!("BBBBB1: message-id=<{}>", ids[0])),
            (0, text("BBBBB1: from=<news@shop.example>, size=9, nrcpt=1 (queue active)")),
            (0, format!("BBBBB2: message-id=<{}>", ids[1])),
            (0, text("BBBBB2: from=<news@shop.example>, size=9, nrcpt=1 (queue active)")),
            (1, text("BBBBB2: to=<p@x.example>, relay=r, delay=1, dsn=5.1.1, status=bounced (550 no such user)")),
            (1, format!("BBBBB3: message-id=<{}>", ids[2])),
            (400, text("BBBBB1: removed")),
        ],
    );

    // Newest first, as a shell can expand the names.
    let (output, settled) = run_program(fixture, &["uncertain", "settle", "--from-maillog", &log, &early]).await;

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let number = |key: &str| settled[key].as_i64().unwrap_or(-1);
    assert_eq!((number("accepted"), number("rejected"), number("missing")), (1, 1, 2));
    assert_eq!((number("resent"), number("uncertain")), (0, 2));
    let bounced =
        crate::canary::number(fixture, "select count(*) from hard_bounce where status = '5.1.1' and applied = 1").await;
    assert_eq!(bounced, 1, "a mailbox that does not exist is not mailed again");
    assert_eq!(states(fixture).await, [("accepted", 3), ("rejected", 1), ("uncertain", 2)].into());

    let words = ["uncertain", "settle", "--resend-missing", "--from-maillog", &log, &early];
    let (_, settled) = run_program(fixture, &words).await;
    assert_eq!((settled["resent"].as_i64(), settled["missing"].as_i64()), (Some(2), Some(0)));
    fixture.installation.clock.advance(365 * DAY);
    mail(fixture).await;
    assert_eq!(states(fixture).await, [("accepted", 5), ("rejected", 1)].into());
});

both!(a_log_of_another_host_or_time_is_refused, |fixture| {
    let _sink = send_with_lost_replies(fixture, 2, 1).await;
    let before = uncertain_deliveries(fixture).await;
    let foreign = write_log(fixture, "foreign", &[(-90, text("AAAAA1: removed")), (900, text("AAAAA2: removed"))]);
    let late = write_log(fixture, "late", &[(60, text("AAAAA1: removed")), (900, text("AAAAA2: removed"))]);
    let short = write_log(fixture, "short", &[(-90, text("AAAAA1: removed")), (100, text("AAAAA2: removed"))]);
    let other = fixture.folder.path().join("other");
    std::fs::write(&other, "Nov 21 10:00:00 mx kernel: [1]: no mail here\n\u{0}\u{1}").expect("written");
    let other = other.display().to_string();

    for (file, key) in
        [(&foreign, "maillog-foreign"), (&late, "maillog-span"), (&short, "maillog-span"), (&other, "maillog-none")]
    {
        let words = ["uncertain", "settle", "--resend-missing", "--from-maillog", file];
        let (output, refusal) = run_program(fixture, &words).await;
        assert_eq!((output.status.code(), refusal["error"].as_str()), (Some(2), Some(key)), "{file}");
    }
    let missing = Path::new("/nowhere/mail.log").display().to_string();
    assert_eq!(
        run_program(fixture, &["uncertain", "settle", "--from-maillog", &missing]).await.0.status.code(),
        Some(1)
    );

    assert_eq!(uncertain_deliveries(fixture).await, before);
});

both!(a_delivery_without_snapshot_is_not_resent, |fixture| {
    let _sink = send_with_lost_replies(fixture, 2, 1).await;
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let done =
        sqlx::query("update delivery set snapshot_address = null, snapshot_fields = null where state = 'uncertain'")
            .execute(&mut *tx)
            .await;
    assert_eq!(done.expect("changed").rows_affected(), 1);
    tx.commit().await.expect("committed");

    let (_, settled) = run_program(fixture, &["uncertain", "settle", "--resend"]).await;

    assert_eq!((settled["resent"].as_i64(), settled["uncertain"].as_i64()), (Some(0), Some(1)));
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let row = sqlx::query("select count(*) from delivery where state = 'pending'").fetch_one(&mut *conn).await;
    assert_eq!(row.expect("counted").get::<i64, _>(0), 0);
});

/// Runs a statement on the database, as an operator could.
async fn tamper(fixture: &Fixture, sql: &'static str) {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    sqlx::raw_sql(sql).execute(&mut *tx).await.expect("changed");
    tx.commit().await.expect("committed");
}

both!(a_row_in_an_unknown_state_pauses_the_campaign_after_the_others, |fixture| {
    subscribe_many(fixture, 4).await;
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 1).await;
    start(fixture, EMAIL).await;
    tamper(fixture, "update delivery set state = 'flying' where id = (select min(id) from delivery)").await;

    mail(fixture).await;

    let paused = campaign(fixture).await;
    assert_eq!((paused.state, sink.log().messages.len()), (State::Paused, 3));
    let reason = paused.reason.expect("a reason");
    assert!(reason.contains("paused-stray") && reason.contains("flying"), "{reason}");
    tamper(fixture, "update delivery set state = 'sending' where state = 'flying'").await;
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    transition::resume(&mut tx, &campaign(fixture).await).await.expect("resumed");
    tx.commit().await.expect("committed");
    mail(fixture).await;
    assert_eq!(campaign(fixture).await.state, State::Finished);
    assert_eq!(uncertain_deliveries(fixture).await.len(), 1);
});

both!(a_tampered_lease_table_loses_no_delivery, |fixture| {
    subscribe_many(fixture, 60).await;
    let sink = Plan::new().at(".", Action::late(20)).start().await;
    use_relay(fixture, sink.target(), 2).await;
    start(fixture, EMAIL).await;
    tamper(fixture, "insert into lease (id, until) values (5, 9000000000000000000), (6, -1)").await;
    let (stop, stopped) = tokio::sync::watch::channel(false);

    let tampering = async {
        while sink.log().messages.len() < 10 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        tamper(fixture, "delete from lease").await;
        while campaign(fixture).await.state != State::Finished {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        stop.send(true).expect("someone listens");
    };
    let gate: scheduler::SendGate = std::sync::Arc::new(|| true);
    let (ended, ()) =
        tokio::join!(scheduler::run(&fixture.installation, scheduler::Mode::Forever, gate, stopped), tampering);

    ended.expect("a clean end");
    let states = states(fixture).await;
    let uncertain = states.get("uncertain").copied().unwrap_or(0);
    assert!(uncertain <= 2 && states["accepted"] + uncertain == 60, "{states:?}");
    assert!(crate::mailer::fixture::recipients(&sink).values().all(|count| *count == 1));
});

both!(an_accepted_reply_before_a_closed_connection_counts, |fixture| {
    subscribe_many(fixture, 20).await;
    let sink = Plan::new().at(".", Action::SayAndDrop("250 2.0.0 ok")).start().await;
    use_relay(fixture, sink.target(), 2).await;
    start(fixture, EMAIL).await;

    mail(fixture).await;

    assert_eq!(states(fixture).await, [("accepted", 20)].into());
    assert!(uncertain_deliveries(fixture).await.is_empty());
});
