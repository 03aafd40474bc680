//! SMTP session against correct, slow and broken servers.

use std::time::{Duration, Instant};

use sendoff::audience::address::Address;
use sendoff::mailer::smtp::endpoint::Endpoint;
use sendoff::mailer::smtp::error::{Cause, Phase, SmtpError};
use sendoff::mailer::smtp::reply::Reply;
use sendoff::mailer::smtp::session::pipeline::Envelope;
use sendoff::mailer::smtp::session::{EnvelopeReply, Session};
use sendoff::mailer::smtp::timeouts::Timeouts;

use crate::mail_sink::{Action, Plan, Sink};

pub const FROM: &str = "news@example.org";
pub const TO: &str = "anna@example.org";
pub const MESSAGE: &[u8] = b"Subject: x\r\n\r\n.\r\n..\r\nhello\r\n";

pub fn timeouts() -> Timeouts {
    Timeouts::scaled(0.01)
}

/// An envelope for a message of unknown size.
pub fn envelope<'e>(from: &'e str, to: &str, utf8: bool) -> Envelope<'e> {
    Envelope { from: from.into(), to: to.to_owned(), utf8, size: 0, notify: false }
}

/// Opens a session and sends an envelope and a message.
pub async fn send_in_new_session(target: &Endpoint, timeouts: &Timeouts, text: &[u8]) -> Result<Reply, SmtpError> {
    let mut session = Session::open(target, timeouts).await?;
    send(&mut session, TO, text).await
}

pub async fn send(session: &mut Session, to: &str, text: &[u8]) -> Result<Reply, SmtpError> {
    match session.envelope(&envelope(FROM, to, false)).await? {
        EnvelopeReply::Accepted => session.send_message(text).await,
        EnvelopeReply::RecipientRefused(reply)
        | EnvelopeReply::SenderRefused(reply)
        | EnvelopeReply::DataRefused(reply) => Ok(reply),
        EnvelopeReply::NeedsSmtpUtf8 | EnvelopeReply::TooLarge { .. } => {
            panic!("the envelope is ASCII and names no size")
        }
    }
}

pub async fn open(sink: &Sink) -> Session {
    Session::open(&sink.target(), &timeouts()).await.expect("a session")
}

#[tokio::test]
async fn messages_arrive_unchanged_one_after_the_other_without_delay() {
    let sink = Plan::new().start().await;
    let mut session = open(&sink).await;
    let large: Vec<u8> = b".line of text\r\n".repeat(20_000);
    let began = Instant::now();

    for _ in 0..50 {
        let reply = send(&mut session, TO, MESSAGE).await.expect("sent");
        assert_eq!(reply.text, "2.0.0 ok: queued as 4F2C91A");
    }
    let took = began.elapsed();
    send(&mut session, TO, &large).await.expect("sent");
    session.quit().await;

    // Nagle's algorithm would cost 40 ms per message.
    assert!(took < Duration::from_millis(1_500), "{took:?}");
    let log = sink.log();
    assert_eq!((log.connections, log.messages.len()), (1, 51));
    assert_eq!(log.messages[0].text, MESSAGE);
    assert!(log.messages[50].text == large);
    assert_eq!(log.commands.last().map(String::as_str), Some("QUIT"));
}

#[tokio::test]
async fn commands_are_sent_one_at_a_time_without_pipelining() {
    let sink = Plan::new().offering(&["8BITMIME"]).start().await;
    let mut session = open(&sink).await;
    for _ in 0..3 {
        send(&mut session, TO, MESSAGE).await.expect("sent");
        // An envelope without message needs RSET before the next.
        assert_eq!(session.envelope(&envelope(FROM, TO, false)).await.expect("asked"), EnvelopeReply::Accepted);
    }

    let log = sink.log();
    assert_eq!((log.early, log.messages.len()), (0, 3));
    assert_eq!(log.commands.iter().filter(|command| *command == "RSET").count(), 2);
}

#[tokio::test]
async fn refused_recipient_in_a_group_gets_no_message_and_the_next_one_does() {
    for extensions in [&["PIPELINING"][..], &[]] {
        let refuse = |at: &crate::mail_sink::At<'_>| match at.line {
            "RCPT TO:<boris@example.org>" => Action::Say("550 5.1.1 <boris@example.org>: unknown"),
            _ => Action::Usual,
        };
        let sink = Plan::new().offering(extensions).on(refuse).start().await;
        let mut session = open(&sink).await;

        let verdict = session.envelope(&envelope(FROM, "boris@example.org", false)).await.expect("asked");
        assert!(matches!(verdict, EnvelopeReply::RecipientRefused(reply) if reply.to_string() == "550 5.1.1"));
        assert!(!sink.has_received("DATA") && !sink.has_received("Subject"));
        assert_eq!(session.send_message(MESSAGE).await.map_err(|error| error.phase), Err(Phase::Data));
        assert!(!sink.has_received("DATA") && !sink.has_received("Subject"));

        let mut session = open(&sink).await;
        send(&mut session, "boris@example.org", MESSAGE).await.expect("asked");
        send(&mut session, TO, MESSAGE).await.expect("sent");
        let log = sink.log();
        assert_eq!(log.messages.len(), 1);
        assert_eq!(log.messages[0].to, ["RCPT TO:<anna@example.org>"]);
        assert_eq!(log.commands[log.commands.len() - 6..][..2], ["RSET", "MAIL FROM:<news@example.org>"]);
    }
}

#[tokio::test]
async fn refused_sender_is_not_a_refused_recipient() {
    for extensions in [&["PIPELINING"][..], &[]] {
        let sink = Plan::new().offering(extensions).at("MAIL", Action::Say("550 5.7.1 not you")).start().await;
        let verdict = open(&sink).await.envelope(&envelope(FROM, TO, false)).await.expect("asked");

        assert!(matches!(verdict, EnvelopeReply::SenderRefused(reply) if reply.code == 550));
    }
}

#[tokio::test]
async fn refused_data_or_message_keeps_the_session_open() {
    for (verb, reply) in
        [("DATA", "451 4.3.0 later"), ("DATA", "554 5.5.1 no"), (".", "452 4.3.1 full"), (".", "554 5.7.1 spam")]
    {
        let once = move |at: &crate::mail_sink::At<'_>| match at.verb == verb && at.count == 1 {
            true => Action::Say(reply),
            false => Action::Usual,
        };
        let sink = Plan::new().on(once).start().await;
        let mut session = open(&sink).await;

        assert!(reply.starts_with(&send(&mut session, TO, MESSAGE).await.expect("an answer").code.to_string()));
        assert_eq!(send(&mut session, TO, MESSAGE).await.expect("sent").code, 250);
        assert_eq!(sink.log().messages.len(), 1);
    }
}

#[tokio::test]
async fn failed_session_reports_its_phase() {
    let target = |sink: &Sink| Endpoint::parse(&format!("smtp://u:p@{}", sink.address)).expect("a URL");
    // More than the buffers of both systems hold.
    let large = b"text\r\n".repeat(4_000_000);
    for (verb, phase) in [
        ("CONNECT", Phase::Greeting),
        ("EHLO", Phase::Greeting),
        ("AUTH", Phase::Auth),
        ("MAIL", Phase::Envelope),
        ("RCPT", Phase::Envelope),
        ("DATA", Phase::Data),
        ("TEXT", Phase::Body),
        (".", Phase::Dot),
    ] {
        let plan = Plan::new().offering(&["PIPELINING", "AUTH PLAIN"]);
        let text = if verb == "TEXT" { &large[..] } else { MESSAGE };
        for (act, codes) in [(Action::Drop, false), (Action::SayAndDrop("421 4.3.2 bye"), true)] {
            // A 421 to the final dot is a reply; in the middle of a message the client does not read.
            if codes && matches!(verb, "." | "TEXT") {
                continue;
            }
            let sink = plan.clone().at(verb, act).start().await;
            let error = send_in_new_session(&target(&sink), &timeouts(), text).await.expect_err(verb);
            assert_eq!((error.phase, error.is_uncertain()), (phase, verb == "."), "{verb}: {error}");
            assert_eq!(matches!(error.cause, Cause::UnexpectedReply(_)), codes, "{verb}: {error}");
            assert!(sink.log().messages.is_empty());
        }
    }
    let refusing = Endpoint::parse("smtp://127.0.0.1:1").expect("a URL");
    let error = send_in_new_session(&refusing, &timeouts(), MESSAGE).await.expect_err("refused");
    assert_eq!((error.phase, error.message().key), (Phase::Connect, "smtp-unreachable"));
    let unknown = Endpoint::parse("smtp://sendoff.invalid").expect("a URL");
    assert_eq!(send_in_new_session(&unknown, &timeouts(), MESSAGE).await, Err(Cause::Lookup.at(Phase::Connect)));
}

#[tokio::test]
async fn reply_421_to_a_message_is_its_reply_and_ends_the_session() {
    let sink = Plan::new().at(".", Action::SayAndDrop("421 4.3.2 bye")).start().await;
    let mut session = open(&sink).await;

    assert_eq!(send(&mut session, TO, MESSAGE).await.expect("an answer").code, 421);

    assert!(!session.is_open());
    assert_eq!(session.envelope(&envelope(FROM, TO, false)).await, Err(Cause::Closed.at(Phase::Envelope)));
}

#[tokio::test]
async fn refusal_during_a_message_means_not_accepted() {
    let sink = Plan::new().at("DATA", Action::Raw(b"354 go\r\n552 5.3.4 no, too large\r\n".to_vec())).start().await;

    let error = send_in_new_session(&sink.target(), &timeouts(), MESSAGE).await.expect_err("refused");

    assert!(
        matches!(&error, SmtpError { phase: Phase::Body, cause: Cause::UnexpectedReply(reply) } if reply.code == 552)
    );
    assert!(!sink.has_received("Subject"));
}

#[tokio::test]
async fn unexpected_codes_end_the_session() {
    for (verb, reply, phase) in [
        ("CONNECT", "250 hi", Phase::Greeting),
        ("CONNECT", "554 5.7.1 go away", Phase::Greeting),
        ("EHLO", "354 go", Phase::Greeting),
        ("EHLO", "550 5.7.1 go away", Phase::Greeting),
        ("MAIL", "354 go", Phase::Envelope),
        ("RCPT", "334 go", Phase::Envelope),
        ("DATA", "250 ok", Phase::Data),
        (".", "354 go on", Phase::Dot),
    ] {
        let sink = Plan::new().at(verb, Action::Say(reply)).start().await;
        let error = send_in_new_session(&sink.target(), &timeouts(), MESSAGE).await.expect_err(verb);
        assert!(matches!(&error.cause, Cause::UnexpectedReply(_)) && error.phase == phase, "{verb} {reply}: {error}");
    }
}

#[tokio::test]
async fn extra_reply_is_not_taken_for_the_next_one() {
    for verb in ["CONNECT", "EHLO", "RCPT", "."] {
        let (extra, phase) = match verb {
            "CONNECT" => ("220 hi\r\n250 PIPELINING\r\n", Phase::Greeting),
            "EHLO" => ("250 hi\r\n250 ok\r\n", Phase::Envelope),
            "RCPT" => ("250 ok\r\n354 go\r\n", Phase::Data),
            _ => ("250 queued\r\n250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n", Phase::Envelope),
        };
        let sink = Plan::new().at(verb, Action::Raw(extra.as_bytes().to_vec())).start().await;
        let outcome = async {
            let mut session = Session::open(&sink.target(), &timeouts()).await?;
            send(&mut session, TO, MESSAGE).await?;
            send(&mut session, TO, MESSAGE).await
        };
        assert_eq!(outcome.await, Err(Cause::ProtocolViolation.at(phase)), "{verb}");
    }
}

/// The timeouts of RFC 5321 §4.5.3.2, one after the other set to a second.
#[tokio::test]
async fn each_phase_has_its_own_timeout() {
    let second = Duration::from_secs(1);
    let long = Timeouts::default();
    let cases = [
        ("CONNECT", Timeouts { banner: second, ..long }, Phase::Greeting),
        ("EHLO", Timeouts { command: second, ..long }, Phase::Greeting),
        ("MAIL", Timeouts { mail: second, ..long }, Phase::Envelope),
        ("RCPT", Timeouts { rcpt: second, ..long }, Phase::Envelope),
        ("DATA", Timeouts { data: second, ..long }, Phase::Data),
        (".", Timeouts { dot: second, ..long }, Phase::Dot),
    ];
    let mut trials = tokio::task::JoinSet::new();
    for (verb, timeouts, phase) in cases {
        trials.spawn(async move {
            let soon = Plan::new().at(verb, Action::late(300)).start().await;
            let reply = send_in_new_session(&soon.target(), &timeouts, MESSAGE).await.expect(verb);
            assert_eq!((reply.code, soon.log().messages.len()), (250, 1), "{verb} in time");

            let late = Plan::new().at(verb, Action::late(3_000)).start().await;
            let error = send_in_new_session(&late.target(), &timeouts, MESSAGE).await.expect_err(verb);
            assert_eq!(error, Cause::Timeout.at(phase), "{verb} too late");
            assert_eq!(error.is_uncertain(), verb == ".");

            // 30 bytes at 100 ms each come in time one by one, and too late together.
            let drip =
                Plan::new().at(verb, Action::Drip("250 no hurry, here is my answer\r\n", second / 10)).start().await;
            let error = send_in_new_session(&drip.target(), &timeouts, MESSAGE).await.expect_err(verb);
            assert_eq!(error, Cause::Timeout.at(phase), "{verb} drop by drop");
        });
    }
    while let Some(trial) = trials.join_next().await {
        trial.expect("a trial");
    }
}

#[tokio::test]
async fn dropped_call_closes_the_session() {
    let sink = Plan::new().at(".", Action::Silent).start().await;
    let mut session = open(&sink).await;
    session.envelope(&envelope(FROM, TO, false)).await.expect("asked");

    let given_up = tokio::time::timeout(Duration::from_millis(100), session.send_message(MESSAGE)).await;

    assert!(given_up.is_err() && !session.is_open());
    assert!(session.envelope(&envelope(FROM, TO, false)).await.is_err());
}

#[tokio::test]
async fn cyrillic_local_part_needs_smtputf8() {
    let wire_form = |text: &str| Address::parse(text).expect("an address").envelope();
    for (extensions, verdict) in
        [(&["SMTPUTF8", "8BITMIME"][..], EnvelopeReply::Accepted), (&["8BITMIME"], EnvelopeReply::NeedsSmtpUtf8)]
    {
        let sink = Plan::new().offering(extensions).start().await;
        let mut session = open(&sink).await;

        assert_eq!(
            session.envelope(&envelope(FROM, &wire_form("иван@почта.рф"), false)).await.expect("asked"),
            verdict
        );
        assert_eq!(sink.has_received("MAIL"), verdict == EnvelopeReply::Accepted);
        if verdict == EnvelopeReply::Accepted {
            assert!(
                sink.has_received("MAIL FROM:<news@example.org> SMTPUTF8 BODY=8BITMIME\r\nRCPT")
                    || sink.has_received(" SMTPUTF8 BODY=8BITMIME\r\n")
            );
            assert!(sink.has_received("RCPT TO:<иван@xn--80a1acny.xn--p1ai>\r\n"));
        }
        assert_eq!(
            session.envelope(&envelope(FROM, &wire_form("user@почта.рф"), false)).await.expect("asked"),
            EnvelopeReply::Accepted
        );
        assert!(sink.has_received("MAIL FROM:<news@example.org>\r\n"));
        assert!(sink.has_received("RCPT TO:<user@xn--80a1acny.xn--p1ai>\r\n"));
    }
}

#[tokio::test]
async fn ehlo_name_is_fully_qualified_or_an_address_literal() {
    for (helo, line) in [
        ("", "EHLO [127.0.0.1]"),
        ("localhost", "EHLO [127.0.0.1]"),
        ("почта.рф", "EHLO [127.0.0.1]"),
        ("a.org\r\nQUIT", "EHLO [127.0.0.1]"),
        ("news.example.org", "EHLO news.example.org"),
    ] {
        let sink = Plan::new().start().await;
        let target = Endpoint { helo: helo.to_owned(), ..sink.target() };
        Session::open(&target, &timeouts()).await.expect("open");
        assert_eq!(sink.log().commands[1], line);
    }
}

#[tokio::test]
async fn server_without_ehlo_gets_helo() {
    for reply in ["500 what?", "502 5.5.1 not here"] {
        let sink = Plan::new().at("EHLO", Action::Say(reply)).start().await;
        let mut session = open(&sink).await;

        assert!(!session.extensions().pipelining);
        assert_eq!(send(&mut session, TO, MESSAGE).await.expect("sent").code, 250);
    }
}

#[tokio::test]
async fn size_is_declared_and_compared_before_the_envelope() {
    for (offered, size, declared) in [
        ("SIZE 1000", 1_000, " SIZE=1000"),
        ("SIZE 0", 1_000_000, " SIZE=1000000"),
        ("SIZE", 5, " SIZE=5"),
        ("8BITMIME", 5, ""),
    ] {
        let sink = Plan::new().offering(&[offered]).start().await;
        let wanted = Envelope { size, ..envelope(FROM, TO, false) };
        assert_eq!(open(&sink).await.envelope(&wanted).await.expect("asked"), EnvelopeReply::Accepted, "{offered}");
        assert!(sink.log().commands.contains(&format!("MAIL FROM:<{FROM}>{declared}")), "{offered}");
    }
    let sink = Plan::new().offering(&["SIZE 1000"]).start().await;
    let wanted = Envelope { size: 1_001, ..envelope(FROM, TO, false) };
    let reply = open(&sink).await.envelope(&wanted).await.expect("asked");
    assert_eq!(reply, EnvelopeReply::TooLarge { limit: 1_000 });
    assert!(!sink.has_received("MAIL"));
}
