//! One round trip a message: the text of one and the envelope of the next in one write.

use std::time::Duration;

use sendoff::mailer::smtp::error::Phase;
use sendoff::mailer::smtp::session::pipeline::{Envelope, PipelineReplies};
use sendoff::mailer::smtp::session::{EnvelopeReply, Session};
use sendoff::mailer::smtp::timeouts::Timeouts;

use crate::mail_sink::{Act, Plan, Sink};

fn to(name: &str) -> Envelope<'static> {
    Envelope { from: "news@shop.example", to: format!("{name}@example.org"), utf8: false }
}

fn text(word: &str) -> Vec<u8> {
    format!("Subject: {word}\r\n\r\n..{word}\r\n.\r\n").into_bytes()
}

async fn open(sink: &Sink) -> Session {
    let timers = Timeouts::scaled(0.02);
    Session::open(&sink.target(), &timers).await.expect("a session")
}

async fn first(session: &mut Session, name: &str) -> EnvelopeReply {
    let replies = session.pipeline(None, Some(&to(name))).await;
    assert!(replies.message.is_none());
    replies.next.expect("weighed").expect("answered")
}

fn code(replies: &PipelineReplies) -> u16 {
    replies.message.as_ref().expect("a text was sent").as_ref().expect("it was answered").code
}

#[tokio::test]
async fn five_letters_in_a_row_arrive_to_the_byte() {
    let sink = Plan::new().start().await;
    let mut session = open(&sink).await;

    assert_eq!(first(&mut session, "p0").await, EnvelopeReply::Accepted);
    for index in 0..5 {
        let next = (index < 4).then(|| to(&format!("p{}", index + 1)));
        let replies = session.pipeline(Some(&mut text(&format!("n{index}"))), next.as_ref()).await;
        assert_eq!(code(&replies), 250);
        assert_eq!(replies.next.map(|next| next.expect("answered")), next.map(|_| EnvelopeReply::Accepted));
    }

    let log = sink.log();
    assert_eq!(log.letters.len(), 5);
    for (index, letter) in log.letters.iter().enumerate() {
        assert_eq!(letter.to, [format!("RCPT TO:<p{index}@example.org>")]);
        assert_eq!(letter.text, format!("Subject: n{index}\r\n\r\n.n{index}\r\n").into_bytes());
    }
}

#[tokio::test]
async fn a_refused_recipient_gets_no_text_and_the_next_one_gets_his() {
    let sink = Plan::new()
        .on(|at| if at.line.contains("<p1@") { Act::Say("550 5.1.1 no such user") } else { Act::Usual })
        .start()
        .await;
    let mut session = open(&sink).await;
    first(&mut session, "p0").await;

    let replies = session.pipeline(Some(&mut text("n0")), Some(&to("p1"))).await;

    assert_eq!(code(&replies), 250);
    assert!(matches!(replies.next, Some(Ok(EnvelopeReply::RecipientRefused(reply))) if reply.code == 550));
    assert_eq!(first(&mut session, "p2").await, EnvelopeReply::Accepted);
    assert_eq!(code(&session.pipeline(Some(&mut text("n2")), None).await), 250);
    let texts: Vec<_> = sink.log().letters.iter().map(|letter| letter.to[0].clone()).collect();
    assert_eq!(texts, ["RCPT TO:<p0@example.org>", "RCPT TO:<p2@example.org>"]);
}

#[tokio::test]
async fn data_granted_for_nobody_is_ended_by_a_lone_dot() {
    let sink = Plan::new()
        .on(|at| match at.verb {
            "RCPT" if at.line.contains("<p0@") => Act::Say("550 5.1.1 no such user"),
            // As servers do that look at the recipients only when the text has come.
            "DATA" if at.count == 1 => Act::Say("354 go on"),
            _ => Act::Usual,
        })
        .start()
        .await;
    let mut session = open(&sink).await;

    assert!(matches!(first(&mut session, "p0").await, EnvelopeReply::RecipientRefused(_)));
    let told = session.pipeline(None, Some(&to("p1"))).await;

    assert!(sink.log().bytes.windows(5).any(|some| some == b"\r\n.\r\n"), "a lone dot was sent");
    drop(told);
}

#[tokio::test]
async fn a_refused_text_leaves_the_next_envelope_alone() {
    let sink = Plan::new()
        .on(|at| if at.verb == "." && at.count == 1 { Act::Say("552 5.3.4 too big") } else { Act::Usual })
        .start()
        .await;
    let mut session = open(&sink).await;
    first(&mut session, "p0").await;

    let replies = session.pipeline(Some(&mut text("n0")), Some(&to("p1"))).await;

    assert_eq!(code(&replies), 552);
    assert_eq!(replies.next.expect("weighed").expect("answered"), EnvelopeReply::Accepted);
    assert_eq!(code(&session.pipeline(Some(&mut text("n1")), None).await), 250);
    assert_eq!(sink.log().letters.len(), 1);
}

#[tokio::test]
async fn when_the_line_breaks_after_the_text_only_that_one_is_uncertain() {
    let sink = Plan::new().at(".", Act::Drop).start().await;
    let mut session = open(&sink).await;
    first(&mut session, "p0").await;

    let replies = session.pipeline(Some(&mut text("n0")), Some(&to("p1"))).await;

    let fault = replies.message.expect("sent").expect_err("no answer");
    assert!(fault.is_uncertain(), "{fault}");
    let behind = replies.next.expect("sent").expect_err("no answer");
    assert_eq!((behind.phase, behind.is_uncertain()), (Phase::Envelope, false));
    assert!(!session.is_open());
}

#[tokio::test]
async fn when_the_line_breaks_at_the_envelope_the_text_before_it_is_known() {
    let sink =
        Plan::new().on(|at| if at.verb == "RCPT" && at.count == 2 { Act::Drop } else { Act::Usual }).start().await;
    let mut session = open(&sink).await;
    first(&mut session, "p0").await;

    let replies = session.pipeline(Some(&mut text("n0")), Some(&to("p1"))).await;

    assert_eq!(code(&replies), 250);
    assert!(!replies.next.expect("sent").expect_err("no answer").is_uncertain());
}

#[tokio::test]
async fn a_421_to_the_text_is_its_answer_and_the_end() {
    let sink = Plan::new().at(".", Act::SayAndDrop("421 4.3.2 closing")).start().await;
    let mut session = open(&sink).await;
    first(&mut session, "p0").await;

    let replies = session.pipeline(Some(&mut text("n0")), Some(&to("p1"))).await;

    assert_eq!(code(&replies), 421);
    assert!(replies.next.expect("sent").is_err());
    assert!(!session.is_open());
}

#[tokio::test]
async fn a_text_without_a_granted_envelope_is_not_sent() {
    let sink = Plan::new().start().await;
    let mut session = open(&sink).await;

    let replies = session.pipeline(Some(&mut text("n0")), None).await;

    assert!(replies.message.expect("refused").is_err());
    session.quit().await;
    assert!(!sink.log().bytes.windows(7).any(|some| some == b"Subject"));
}

#[tokio::test]
async fn a_server_that_loses_what_stands_behind_a_text_is_not_waited_for_long() {
    let sink =
        Plan::new().on(|at| if at.verb == "MAIL" && at.count == 2 { Act::Silence } else { Act::Usual }).start().await;
    let mut session = open(&sink).await;
    first(&mut session, "p0").await;

    let (mut text, next) = (text("n0"), to("p1"));
    let turn = session.pipeline(Some(&mut text), Some(&next));
    let replies = tokio::time::timeout(Duration::from_secs(60), turn).await.expect("an end");

    assert_eq!(code(&replies), 250);
    assert!(replies.next.expect("sent").is_err());
}
