//! Letters whose fate the relay alone knows: held, repeated to the byte, settled from a log.

use std::path::Path;
use std::process::Output;

use sendoff::campaign::composer::Composer;
use sendoff::campaign::delivery::uncertain::{self, REPEATS, Scope};
use sendoff::campaign::model::{self, State};
use sendoff::infra::clock::DAY;
use sendoff::mailer::scheduler;
use sqlx::Row;

use crate::fixture::{Fixture, NOW, both};
use crate::mail_sink::{Action, At, Plan, Sink};
use crate::mailer::fixture::{EMAIL, campaign, mail, start, states, subscribe_many, use_relay};

/// The letter of a campaign that repeats what is uncertain.
fn resending() -> String {
    EMAIL.replace("+++\n#", "uncertain = \"resend\"\n+++\n#")
}

/// A relay that takes the first `lost` letters and hangs up instead of saying so.
async fn forgetful(lost: usize) -> Sink {
    Plan::new()
        .on(move |at| if at.verb == "." && at.count <= lost { Action::Drop } else { Action::Usual })
        .start()
        .await
}

fn scope(fixture: &Fixture) -> Scope {
    Scope { workspace: fixture.workspace.id, campaign: None }
}

async fn doubts(fixture: &Fixture) -> Vec<uncertain::UncertainDelivery> {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    uncertain::list(&mut conn, scope(fixture)).await.expect("listed")
}

/// Sends until the campaign has ended, as often as a repeat is due.
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
async fn told(fixture: &Fixture, words: &[&str]) -> (Output, serde_json::Value) {
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

async fn lose(fixture: &Fixture, people: usize, lost: usize) -> Sink {
    subscribe_many(fixture, people).await;
    let sink = forgetful(lost).await;
    use_relay(fixture, sink.target(), 1).await;
    start(fixture, EMAIL).await;
    mail(fixture).await;
    assert_eq!(states(fixture).await.get("uncertain"), Some(&(lost as i64)));
    sink
}

both!(held_letters_are_never_repeated_and_the_campaign_ends, |fixture| {
    let sink = lose(fixture, 5, 1).await;

    let (_, held) = told(fixture, &["uncertain", "settle", "--hold"]).await;
    fixture.installation.clock.advance(DAY);
    mail(fixture).await;

    assert_eq!((held["held"].as_i64(), held["uncertain"].as_i64()), (Some(1), Some(1)));
    assert_eq!(campaign(fixture).await.state, State::Finished);
    assert_eq!(sink.log().messages.len(), 4);
    assert_eq!(doubts(fixture).await[0].reason.as_deref(), Some(uncertain::HELD));
});

both!(a_campaign_that_resends_repeats_by_itself_and_then_ends, |fixture| {
    subscribe_many(fixture, 5).await;
    // Two in a row would be a reason to pause.
    let forgets = |at: &At| matches!((at.verb, at.count), (".", 1 | 3));
    let sink = Plan::new().on(move |at| if forgets(at) { Action::Drop } else { Action::Usual }).start().await;
    use_relay(fixture, sink.target(), 1).await;
    start(fixture, &resending()).await;

    send_all(fixture).await;

    assert_eq!(states(fixture).await, [("accepted", 5)].into());
    assert_eq!(campaign(fixture).await.state, State::Finished);
    assert_eq!(sink.log().messages.len(), 5);
});

both!(a_relay_that_loses_every_answer_to_a_letter_gets_it_four_times, |fixture| {
    subscribe_many(fixture, 1).await;
    let sink = Plan::new().at(".", Action::Drop).start().await;
    use_relay(fixture, sink.target(), 1).await;
    start(fixture, &resending()).await;

    for _ in 0..10 {
        mail(fixture).await;
        fixture.installation.clock.advance(60_000);
        let mut tx = fixture.installation.db.write().await.expect("a transaction");
        // A relay that loses answers pauses its campaigns.
        let _ = model::resume(&mut tx, &campaign(fixture).await).await;
        tx.commit().await.expect("committed");
    }

    assert_eq!(sink.log().commands.iter().filter(|line| line.starts_with("DATA")).count() as i32, REPEATS + 1);
    assert_eq!(states(fixture).await, [("uncertain", 1)].into());
    assert_eq!(campaign(fixture).await.state, State::Finished);
});

both!(a_repeated_letter_is_the_same_to_the_byte_though_the_person_changed, |fixture| {
    subscribe_many(fixture, 1).await;
    // It takes the letter and says something that is no answer.
    let babbles = |at: &At| at.verb == "." && at.count == 1;
    let raw = || Action::Raw(b"2oo thank you\r\n".to_vec());
    let sink = Plan::new().on(move |at| if babbles(at) { raw() } else { Action::Usual }).start().await;
    use_relay(fixture, sink.target(), 1).await;
    start(fixture, &resending().replace("# Hello", "# Hello {{ email }}")).await;
    mail(fixture).await;
    assert_eq!(sink.log().messages.len(), 1);
    respell(fixture).await;

    fixture.installation.clock.advance(DAY);
    send_all(fixture).await;

    let letters = sink.log().messages.clone();
    assert_eq!(letters.len(), 2);
    assert_eq!(letters[0], letters[1]);
    assert_eq!(states(fixture).await, [("accepted", 1)].into());
});

/// What an import does that brings the same people in another spelling.
async fn respell(fixture: &Fixture) {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    sqlx::query("update contact set address = $1, fields = $2")
        .bind("Person0@Example.org")
        .bind("{\"city\":\"Perm\"}")
        .execute(&mut *tx)
        .await
        .expect("changed");
    tx.commit().await.expect("committed");
}

both!(resending_by_hand_opens_a_finished_campaign_again, |fixture| {
    let sink = lose(fixture, 3, 1).await;
    assert_eq!(campaign(fixture).await.state, State::Finished);

    let (_, resent) = told(fixture, &["uncertain", "settle", "--resend", "--campaign", "autumn"]).await;

    assert_eq!((resent["resent"].as_i64(), resent["uncertain"].as_i64()), (Some(1), Some(0)));
    assert_eq!(campaign(fixture).await.state, State::Running);
    fixture.installation.clock.advance(365 * DAY);
    mail(fixture).await;
    assert_eq!(states(fixture).await, [("accepted", 3)].into());
    assert_eq!((campaign(fixture).await.state, sink.log().messages.len()), (State::Finished, 3));
});

both!(the_list_says_since_when_and_why_and_masks_the_address, |fixture| {
    let _sink = lose(fixture, 2, 1).await;

    let (_, rows) = told(fixture, &["uncertain", "ls"]).await;
    let (output, _) = told(fixture, &["uncertain", "ls", "--campaign", "spring"]).await;

    let row = &rows[0];
    assert_eq!((row["campaign"].as_str(), row["why"].as_str()), (Some("autumn"), Some("uncertain-answer-lost")));
    assert_eq!(row["to"].as_str(), Some("p***@e***.org"));
    assert_eq!(row["since"].as_str(), Some("2026-11-21T10:00:00Z"));
    assert_eq!(output.status.code(), Some(2));
});

/// The Message-IDs of the uncertain letters, in the order of the list.
async fn message_ids(fixture: &Fixture) -> Vec<String> {
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let composer = Composer::load(&fixture.installation, &mut conn, &campaign(fixture).await).await.expect("compiles");
    drop(conn);
    doubts(fixture).await.iter().map(|doubt| composer.message_id(doubt.id)).collect()
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

both!(a_log_settles_what_it_knows_and_leaves_what_it_does_not, |fixture| {
    subscribe_many(fixture, 6).await;
    let sink = forgetful(4).await;
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

    // Newest first, as a shell may name them.
    let (output, settled) = told(fixture, &["uncertain", "settle", "--from-maillog", &log, &early]).await;

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let number = |key: &str| settled[key].as_i64().unwrap_or(-1);
    assert_eq!((number("accepted"), number("rejected"), number("missing")), (1, 1, 2));
    assert_eq!((number("resent"), number("uncertain")), (0, 2));
    assert_eq!(states(fixture).await, [("accepted", 3), ("rejected", 1), ("uncertain", 2)].into());

    let words = ["uncertain", "settle", "--resend-missing", "--from-maillog", &log, &early];
    let (_, settled) = told(fixture, &words).await;
    assert_eq!((settled["resent"].as_i64(), settled["missing"].as_i64()), (Some(2), Some(0)));
    fixture.installation.clock.advance(365 * DAY);
    mail(fixture).await;
    assert_eq!(states(fixture).await, [("accepted", 5), ("rejected", 1)].into());
});

both!(a_log_of_another_host_or_time_changes_nothing, |fixture| {
    let _sink = lose(fixture, 2, 1).await;
    let before = doubts(fixture).await;
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
        let (output, refusal) = told(fixture, &words).await;
        assert_eq!((output.status.code(), refusal["error"].as_str()), (Some(2), Some(key)), "{file}");
    }
    let missing = Path::new("/nowhere/mail.log").display().to_string();
    assert_eq!(told(fixture, &["uncertain", "settle", "--from-maillog", &missing]).await.0.status.code(), Some(1));

    assert_eq!(doubts(fixture).await, before);
});

both!(a_message_whose_bytes_are_gone_is_not_made_anew, |fixture| {
    let _sink = lose(fixture, 2, 1).await;
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let done =
        sqlx::query("update delivery set snapshot_address = null, snapshot_fields = null where state = 'uncertain'")
            .execute(&mut *tx)
            .await;
    assert_eq!(done.expect("changed").rows_affected(), 1);
    tx.commit().await.expect("committed");

    let (_, settled) = told(fixture, &["uncertain", "settle", "--resend"]).await;

    assert_eq!((settled["resent"].as_i64(), settled["uncertain"].as_i64()), (Some(0), Some(1)));
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let row = sqlx::query("select count(*) from delivery where state = 'pending'").fetch_one(&mut *conn).await;
    assert_eq!(row.expect("counted").get::<i64, _>(0), 0);
});

/// Changes the row of one person by hand.
async fn tamper(fixture: &Fixture, sql: &'static str) {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    sqlx::raw_sql(sql).execute(&mut *tx).await.expect("changed");
    tx.commit().await.expect("committed");
}

both!(a_row_in_a_state_that_does_not_exist_is_named_and_the_others_go_out, |fixture| {
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
    model::resume(&mut tx, &campaign(fixture).await).await.expect("resumed");
    tx.commit().await.expect("committed");
    mail(fixture).await;
    assert_eq!(campaign(fixture).await.state, State::Finished);
    assert_eq!(doubts(fixture).await.len(), 1);
});

both!(a_lease_table_changed_by_hand_costs_a_shift_and_no_letter, |fixture| {
    subscribe_many(fixture, 60).await;
    let sink = Plan::new().at(".", Action::late(20)).start().await;
    use_relay(fixture, sink.target(), 2).await;
    start(fixture, EMAIL).await;
    tamper(fixture, "insert into lease (id, until) values (5, 9000000000000000000), (6, -1)").await;
    let (stop, stopped) = tokio::sync::watch::channel(false);

    let meddling = async {
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
        tokio::join!(scheduler::run(&fixture.installation, scheduler::Mode::Forever, gate, stopped), meddling);

    ended.expect("a clean end");
    let states = states(fixture).await;
    let unsure = states.get("uncertain").copied().unwrap_or(0);
    assert!(unsure <= 2 && states["accepted"] + unsure == 60, "{states:?}");
    assert!(crate::mailer::fixture::recipients(&sink).values().all(|count| *count == 1));
});

both!(a_relay_that_accepts_and_then_hangs_up_is_believed, |fixture| {
    subscribe_many(fixture, 20).await;
    let sink = Plan::new().at(".", Action::SayAndDrop("250 2.0.0 ok")).start().await;
    use_relay(fixture, sink.target(), 2).await;
    start(fixture, EMAIL).await;

    mail(fixture).await;

    assert_eq!(states(fixture).await, [("accepted", 20)].into());
    assert!(doubts(fixture).await.is_empty());
});
