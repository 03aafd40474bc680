//! SMTP session against hostile servers, and messages made for SMTP smuggling.

use std::time::Duration;

use proptest::prelude::*;
use sendoff::mailer::smtp::error::{Cause, Phase};
use sendoff::mailer::smtp::extension::Extensions;
use sendoff::mailer::smtp::timeouts::Timeouts;

use crate::mail_sink::{Action, Plan};
use crate::session::{FROM, MESSAGE, TO, envelope, open, send, send_in_new_session, timeouts};

#[tokio::test]
async fn message_that_could_smuggle_another_is_not_sent() {
    let evil = "MAIL FROM:<evil@example.org>\r\nRCPT TO:<x@example.org>\r\nDATA\r\nevil\r\n";
    for end in ["\n.\n", "\n.\r\n", "\r.\r", "\r\n.\n", "\r\n\0.\r\n", "\r.\r\n", "\r\n.\r", "\n\n.\r\n"] {
        let sink = Plan::new().lenient().start().await;
        let mut session = open(&sink).await;
        session.envelope(&envelope(FROM, TO, false)).await.expect("asked");
        let text = format!("Subject: x\r\n\r\nhi{end}{evil}");
        let error = session.send_message(text.as_bytes()).await.expect_err("refused");
        assert_eq!(error, Cause::UnsafeText.at(Phase::Data), "{end:?}");
        assert!(!sink.has_received("DATA"), "{end:?}");
    }
}

#[tokio::test]
async fn canonical_message_full_of_dots_is_one_message_to_a_lenient_server() {
    let text = b"Subject: x\r\n\r\n.\r\nMAIL FROM:<evil@example.org>\r\nRCPT TO:<x@example.org>\r\nDATA\r\n..\r\n.\r\n\r\n.\r\n";
    for plan in [Plan::new(), Plan::new().lenient()] {
        let sink = plan.start().await;
        assert_eq!(send_in_new_session(&sink.target(), &timeouts(), text).await.expect("sent").code, 250);
        assert_eq!(sink.log().messages.len(), 1);
        assert_eq!(sink.log().messages[0].text, text);
    }
}

#[tokio::test]
async fn address_with_a_line_end_is_not_sent() {
    let sink = Plan::new().start().await;
    let mut session = open(&sink).await;
    for (from, to) in [(FROM, "a@b.org>\r\nRCPT TO:<x@y.org"), ("a@b.org>\nX", TO), (FROM, "a\0@b.org")] {
        assert_eq!(session.envelope(&envelope(from, to, false)).await, Err(Cause::UnsafeText.at(Phase::Envelope)));
    }
    assert!(!sink.has_received("MAIL"));
}

#[tokio::test]
async fn hostile_replies_are_errors_and_never_block() {
    let line = [b"250 ".as_slice(), &[b'x'; 100_000]].concat();
    let endless = b"250-more\r\n".repeat(100_000);
    let hostile: Vec<Vec<u8>> = vec![
        line,
        endless,
        vec![0; 70_000],
        b"\r\n".to_vec(),
        b"   \r\n".to_vec(),
        b"-1 no\r\n".to_vec(),
        b"250\xc3\r\n".to_vec(),
        b"250-a\r\n550 b\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
    ];
    let timeouts = Timeouts { quit: Duration::from_millis(50), ..Timeouts::scaled(0.002) };
    for bytes in hostile {
        for verb in ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."] {
            let sink = Plan::new().at(verb, Action::Raw(bytes.clone())).start().await;
            let error = send_in_new_session(&sink.target(), &timeouts, MESSAGE).await.expect_err(verb);
            assert_eq!(error.cause, Cause::ProtocolViolation, "{verb}");
            assert_eq!(error.is_uncertain(), verb == ".");
        }
    }
}

#[tokio::test]
async fn ehlo_reply_of_white_space_has_no_extensions() {
    let sink = Plan::new().at("EHLO", Action::Raw(b"250- \r\n250-\t\r\n250-   \r\n250 \r\n".to_vec())).start().await;
    let mut session = open(&sink).await;

    assert_eq!(session.extensions(), Extensions::default());
    assert_eq!(send(&mut session, TO, MESSAGE).await.expect("sent").code, 250);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn any_reply_at_any_step_ends_in_a_reply_or_an_error(
        step in 0..6_usize,
        bytes in prop_oneof![proptest::collection::vec(any::<u8>(), 0..200), "([2-5][0-9]{2}[- ][A-Z0-9 .=]{0,12}\r?\n){1,4}".prop_map(String::into_bytes)],
    ) {
        let verb = ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."][step];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let sink = Plan::new().at(verb, Action::Wait(Duration::ZERO, Box::new(Action::Raw(bytes)))).start().await;
            let timeouts = Timeouts::scaled(0.0005);
            let target = sink.target();
            let session = send_in_new_session(&target, &timeouts, MESSAGE);
            let outcome = tokio::time::timeout(Duration::from_secs(20), session).await;
            assert!(outcome.is_ok(), "hangs at {verb}");
        });
    }
}
