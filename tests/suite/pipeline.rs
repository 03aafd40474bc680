//! SMTP pipelining: one message and the envelope of the next in one write.

use std::time::Duration;

use sendoff::mailer::smtp::error::Phase;
use sendoff::mailer::smtp::session::pipeline::{Envelope, PipelineReplies};
use sendoff::mailer::smtp::session::{EnvelopeReply, Session};
use sendoff::mailer::smtp::timeouts::Timeouts;

use crate::mail_sink::{Action, Plan, Sink};

fn to(name: &str) -> Envelope<'static> {
    Envelope {
        from: "news@shop.example".into(),
        to: format!("{name}@example.org"),
        utf8: false,
        size: 0,
        notify: false,
    }
}

fn text(word: &str) -> Vec<u8> {
    format!("Subject: {word}\r\n\r\n..{word}\r\n.\r\n").into_bytes()
}

async fn open(sink: &Sink) -> Session {
    let timeouts = Timeouts::scaled(0.02);
    Session::open(&sink.target(), &timeouts).await.expect("a session")
}

async fn first(session: &mut Session, name: &str) -> EnvelopeReply {
    let replies = session.pipeline(None, Some(&to(name))).await;
    assert!(replies.message.is_none());
    replies.next.expect("an envelope was sent").expect("a reply")
}

fn code(replies: &PipelineReplies) -> u16 {
    replies.message.as_ref().expect("a message was sent").as_ref().expect("a reply").code
}

#[tokio::test]
async fn five_messages_in_a_row_arrive_unchanged() {
    let sink = Plan::new().start().await;
    let mut session = open(&sink).await;

    assert_eq!(first(&mut session, "p0").await, EnvelopeReply::Accepted);
    for index in 0..5 {
        let next = (index < 4).then(|| to(&format!("p{}", index + 1)));
        let replies = session.pipeline(Some(&mut text(&format!("n{index}"))), next.as_ref()).await;
        assert_eq!(code(&replies), 250);
        assert_eq!(replies.next.map(|next| next.expect("a reply")), next.map(|_| EnvelopeReply::Accepted));
    }

    let log = sink.log();
    assert_eq!(log.messages.len(), 5);
    for (index, message) in log.messages.iter().enumerate() {
        assert_eq!(message.to, [format!("RCPT TO:<p{index}@example.org>")]);
        assert_eq!(message.text, format!("Subject: n{index}\r\n\r\n.n{index}\r\n").into_bytes());
    }
}

#[tokio::test]
async fn refused_recipient_gets_no_message_and_the_next_one_does() {
    let sink = Plan::new()
        .on(|at| if at.line.contains("<p1@") { Action::Say("550 5.1.1 no such user") } else { Action::Usual })
        .start()
        .await;
    let mut session = open(&sink).await;
    first(&mut session, "p0").await;

    let replies = session.pipeline(Some(&mut text("n0")), Some(&to("p1"))).await;

    assert_eq!(code(&replies), 250);
    assert!(matches!(replies.next, Some(Ok(EnvelopeReply::RecipientRefused(reply))) if reply.code == 550));
    assert_eq!(first(&mut session, "p2").await, EnvelopeReply::Accepted);
    assert_eq!(code(&session.pipeline(Some(&mut text("n2")), None).await), 250);
    let texts: Vec<_> = sink.log().messages.iter().map(|message| message.to[0].clone()).collect();
    assert_eq!(texts, ["RCPT TO:<p0@example.org>", "RCPT TO:<p2@example.org>"]);
}

#[tokio::test]
async fn data_accepted_without_recipient_is_ended_by_a_lone_dot() {
    let sink = Plan::new()
        .on(|at| match at.verb {
            "RCPT" if at.line.contains("<p0@") => Action::Say("550 5.1.1 no such user"),
            // Like servers that check recipients only after the message.
            "DATA" if at.count == 1 => Action::Say("354 go on"),
            _ => Action::Usual,
        })
        .start()
        .await;
    let mut session = open(&sink).await;

    assert!(matches!(first(&mut session, "p0").await, EnvelopeReply::RecipientRefused(_)));
    let replies = session.pipeline(None, Some(&to("p1"))).await;

    assert!(sink.log().bytes.windows(5).any(|some| some == b"\r\n.\r\n"), "a lone dot was sent");
    drop(replies);
}

#[tokio::test]
async fn refused_message_does_not_affect_the_next_envelope() {
    let sink = Plan::new()
        .on(|at| if at.verb == "." && at.count == 1 { Action::Say("552 5.3.4 too big") } else { Action::Usual })
        .start()
        .await;
    let mut session = open(&sink).await;
    first(&mut session, "p0").await;

    let replies = session.pipeline(Some(&mut text("n0")), Some(&to("p1"))).await;

    assert_eq!(code(&replies), 552);
    assert_eq!(replies.next.expect("an envelope was sent").expect("a reply"), EnvelopeReply::Accepted);
    assert_eq!(code(&session.pipeline(Some(&mut text("n1")), None).await), 250);
    assert_eq!(sink.log().messages.len(), 1);
}

#[tokio::test]
async fn failure_after_a_message_makes_only_that_one_uncertain() {
    let sink = Plan::new().at(".", Action::Drop).start().await;
    let mut session = open(&sink).await;
    first(&mut session, "p0").await;

    let replies = session.pipeline(Some(&mut text("n0")), Some(&to("p1"))).await;

    let error = replies.message.expect("sent").expect_err("no answer");
    assert!(error.is_uncertain(), "{error}");
    let behind = replies.next.expect("sent").expect_err("no answer");
    assert_eq!((behind.phase, behind.is_uncertain()), (Phase::Envelope, false));
    assert!(!session.is_open());
}

#[tokio::test]
async fn failure_at_the_envelope_keeps_the_reply_to_the_message_before() {
    let sink = Plan::new()
        .on(|at| if at.verb == "RCPT" && at.count == 2 { Action::Drop } else { Action::Usual })
        .start()
        .await;
    let mut session = open(&sink).await;
    first(&mut session, "p0").await;

    let replies = session.pipeline(Some(&mut text("n0")), Some(&to("p1"))).await;

    assert_eq!(code(&replies), 250);
    assert!(!replies.next.expect("sent").expect_err("no answer").is_uncertain());
}

#[tokio::test]
async fn reply_421_in_a_pipeline_is_the_reply_and_the_end() {
    let sink = Plan::new().at(".", Action::SayAndDrop("421 4.3.2 closing")).start().await;
    let mut session = open(&sink).await;
    first(&mut session, "p0").await;

    let replies = session.pipeline(Some(&mut text("n0")), Some(&to("p1"))).await;

    assert_eq!(code(&replies), 421);
    assert!(replies.next.expect("sent").is_err());
    assert!(!session.is_open());
}

#[tokio::test]
async fn message_without_accepted_envelope_is_not_sent() {
    let sink = Plan::new().start().await;
    let mut session = open(&sink).await;

    let replies = session.pipeline(Some(&mut text("n0")), None).await;

    assert!(replies.message.expect("refused").is_err());
    session.quit().await;
    assert!(!sink.log().bytes.windows(7).any(|some| some == b"Subject"));
}

#[tokio::test]
async fn server_that_loses_pipelined_commands_times_out_early() {
    let sink = Plan::new()
        .on(|at| if at.verb == "MAIL" && at.count == 2 { Action::Silent } else { Action::Usual })
        .start()
        .await;
    let mut session = open(&sink).await;
    first(&mut session, "p0").await;

    let (mut text, next) = (text("n0"), to("p1"));
    let turn = session.pipeline(Some(&mut text), Some(&next));
    let replies = tokio::time::timeout(Duration::from_secs(60), turn).await.expect("an end");

    assert_eq!(code(&replies), 250);
    assert!(replies.next.expect("sent").is_err());
}
