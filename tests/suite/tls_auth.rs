//! TLS and signing in: nothing secret leaves before the server has shown who it is.

use std::sync::Arc;

use rustls::ServerConfig;
use sendoff::mailer::smtp::endpoint::Endpoint;
use sendoff::mailer::smtp::error::{Cause, CertificateProblem, Phase, SmtpError};
use sendoff::mailer::smtp::session::{EnvelopeReply, Session};
use sendoff::mailer::smtp::timeouts::Timeouts;

use crate::certificate::Authority;
use crate::mail_sink::{Act, Plan, Sink};

const HERE: &str = "127.0.0.1";

/// `user:secret` in the two forms in which it would travel.
const SECRETS: [&str; 3] = ["AUTH", "AHVzZXIAc2VjcmV0", "c2VjcmV0"];

fn timers() -> Timeouts {
    Timeouts::scaled(0.1)
}

fn target(sink: &Sink, authority: &Authority, scheme: &str, tls: &str) -> Endpoint {
    let file = authority.file.display();
    let url = format!("{scheme}://user:secret@{}?ca={file}{tls}", sink.address);
    Endpoint::parse(&url).expect("a URL")
}

async fn refusal(sink: &Sink, target: &Endpoint) -> SmtpError {
    let fault = Session::open(target, &timers()).await.err().expect("refused");
    for secret in SECRETS {
        assert!(!sink.heard(secret), "{secret} was sent although {fault}");
    }
    fault
}

#[tokio::test]
async fn after_starttls_everything_is_encrypted_and_credentials_follow() {
    let authority = Authority::new();
    let plan = Plan::new().offering(&["AUTH LOGIN PLAIN", "PIPELINING"]);
    let sink = plan.encrypted(authority.vouch(HERE), false).start().await;

    let mut session =
        Session::open(&target(&sink, &authority, "smtp", "&tls=required"), &timers()).await.expect("open");
    assert!(session.is_encrypted());
    assert_eq!(
        session.envelope("a@example.org", "b@example.org", false).await.expect("asked"),
        EnvelopeReply::Accepted
    );
    assert_eq!(session.send_message(b"Subject: x\r\n\r\nx\r\n").await.expect("sent").code, 250);
    session.quit().await;

    let log = sink.log();
    assert!(log.clear.starts_with(b"EHLO [127.0.0.1]\r\nSTARTTLS\r\n"));
    assert!(!log.clear.windows(4).any(|window| window == b"AUTH" || window == b"MAIL"));
    assert_eq!(log.commands[1..5], ["EHLO [127.0.0.1]", "STARTTLS", "EHLO [127.0.0.1]", "AUTH PLAIN AHVzZXIAc2VjcmV0"]);
    assert_eq!(log.letters.len(), 1);
}

#[tokio::test]
async fn implicit_tls_speaks_no_word_in_clear() {
    let authority = Authority::new();
    let sink = Plan::new().offering(&["AUTH PLAIN"]).encrypted(authority.vouch(HERE), true).start().await;

    let session = Session::open(&target(&sink, &authority, "smtps", ""), &timers()).await.expect("open");

    assert!(session.is_encrypted() && sink.heard("AUTH PLAIN"));
    assert!(sink.log().clear.is_empty());
}

#[tokio::test]
async fn a_certificate_that_does_not_convince_ends_the_conversation() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let cases: [(Arc<ServerConfig>, CertificateProblem); 3] = [
        (authority.vouch("mail.example.org"), CertificateProblem::Name),
        (authority.expired(HERE), CertificateProblem::Expired),
        (stranger.vouch(HERE), CertificateProblem::Issuer),
    ];
    for (config, distrust) in cases {
        for (scheme, tls) in [("smtp", "&tls=required"), ("smtp", "&tls=opportunistic"), ("smtps", "")] {
            let implicit = scheme == "smtps";
            let plan = Plan::new().offering(&["AUTH PLAIN"]).encrypted(config.clone(), implicit);
            let sink = plan.start().await;

            let fault = refusal(&sink, &target(&sink, &authority, scheme, tls)).await;

            assert_eq!(fault, Cause::Certificate(distrust).at(Phase::Tls), "{scheme} {tls}");
            assert!(fault.is_configuration());
        }
    }
}

#[tokio::test]
async fn a_certificate_that_only_its_owner_signed_is_not_trusted_by_the_system() {
    let authority = Authority::new();
    let sink = Plan::new().offering(&["AUTH PLAIN"]).encrypted(authority.vouch(HERE), false).start().await;
    let url = format!("smtp://user:secret@{}?tls=required", sink.address);

    let fault = refusal(&sink, &Endpoint::parse(&url).expect("a URL")).await;

    assert_eq!(fault, Cause::Certificate(CertificateProblem::Issuer).at(Phase::Tls));
}

#[tokio::test]
async fn without_starttls_nothing_secret_is_sent() {
    let authority = Authority::new();
    let sink = Plan::new().offering(&["AUTH PLAIN LOGIN"]).start().await;

    let required = refusal(&sink, &target(&sink, &authority, "smtp", "&tls=required")).await;
    let wished = refusal(&sink, &target(&sink, &authority, "smtp", "&tls=opportunistic")).await;

    assert_eq!(required, Cause::NoStartTls.at(Phase::Tls));
    assert_eq!(wished, Cause::NoStartTls.at(Phase::Auth));
    assert!(required.is_configuration() && wished.is_configuration());
}

#[tokio::test]
async fn mail_without_credentials_may_go_in_clear_when_tls_is_only_wished_for() {
    let sink = Plan::new().start().await;
    let url = format!("smtp://{}?tls=opportunistic", sink.address);

    let session = Session::open(&Endpoint::parse(&url).expect("a URL"), &timers()).await.expect("open");

    assert!(!session.is_encrypted());
}

#[tokio::test]
async fn words_slipped_in_before_the_handshake_are_never_heard() {
    let authority = Authority::new();
    let slipped = Act::Raw(b"220 go\r\n250-mitm.example.org\r\n250 AUTH PLAIN\r\n".to_vec());
    let plan = Plan::new().encrypted(authority.vouch(HERE), false).at("STARTTLS", slipped);
    let sink = plan.start().await;

    let fault = refusal(&sink, &target(&sink, &authority, "smtp", "&tls=required")).await;

    assert_eq!(fault, Cause::ProtocolViolation.at(Phase::Tls));
}

#[tokio::test]
async fn a_starttls_that_is_refused_for_now_is_no_fault_of_the_settings() {
    let authority = Authority::new();
    let plan = Plan::new().encrypted(authority.vouch(HERE), false).at("STARTTLS", Act::Say("454 4.7.0 later"));
    let sink = plan.start().await;

    let fault = refusal(&sink, &target(&sink, &authority, "smtp", "&tls=opportunistic")).await;

    assert!(
        matches!(&fault, SmtpError { phase: Phase::Tls, cause: Cause::UnexpectedReply(reply) } if reply.code == 454)
    );
    assert!(!fault.is_configuration());
}

#[tokio::test]
async fn login_is_spoken_where_plain_is_not_offered() {
    let sink = Plan::new().offering(&["AUTH LOGIN CRAM-MD5"]).start().await;
    let url = format!("smtp://user:secret@{}", sink.address);

    Session::open(&Endpoint::parse(&url).expect("a URL"), &timers()).await.expect("open");

    assert_eq!(sink.log().commands[2..], ["AUTH LOGIN", "dXNlcg==", "c2VjcmV0"]);
}

#[tokio::test]
async fn a_server_that_speaks_no_mechanism_of_ours_is_told_no_password() {
    for extensions in [&["AUTH CRAM-MD5 XOAUTH2"][..], &[]] {
        let sink = Plan::new().offering(extensions).start().await;
        let url = format!("smtp://user:secret@{}", sink.address);

        let fault = refusal(&sink, &Endpoint::parse(&url).expect("a URL")).await;

        assert_eq!(fault, Cause::NoAuth.at(Phase::Auth));
    }
}

#[tokio::test]
async fn a_refused_password_says_so_and_a_busy_server_is_tried_again() {
    for (verb, reply, configuration) in [
        ("AUTH", "535 5.7.8 no", true),
        ("AUTH", "454 4.7.0 later", false),
        ("AUTH", "334 more", false),
        ("AUTH", "421 4.3.2 bye", false),
    ] {
        let sink = Plan::new().offering(&["AUTH PLAIN"]).at(verb, Act::Say(reply)).start().await;
        let url = format!("smtp://user:secret@{}", sink.address);

        let fault = Session::open(&Endpoint::parse(&url).expect("a URL"), &timers()).await.err().expect("refused");

        assert_eq!((fault.phase, fault.is_configuration()), (Phase::Auth, configuration), "{reply}");
        assert!(!format!("{fault:?} {fault}").contains("secret"));
    }
}

#[tokio::test]
async fn a_file_without_certificates_is_named_as_the_reason() {
    let authority = Authority::new();
    let sink = Plan::new().encrypted(authority.vouch(HERE), true).start().await;
    for content in [None, Some(""), Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")] {
        match content {
            Some(text) => std::fs::write(&authority.file, text).expect("written"),
            None => std::fs::remove_file(&authority.file).expect("removed"),
        }
        let fault = refusal(&sink, &target(&sink, &authority, "smtps", "")).await;
        assert_eq!(fault, Cause::CaFile.at(Phase::Tls));
    }
}
