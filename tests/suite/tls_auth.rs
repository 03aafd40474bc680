//! TLS and AUTH: no credentials are sent before the certificate is verified.

use std::sync::Arc;

use rustls::ServerConfig;
use sendoff::mailer::smtp::endpoint::Endpoint;
use sendoff::mailer::smtp::error::{Cause, CertificateProblem, Phase, SmtpError};
use sendoff::mailer::smtp::session::{EnvelopeReply, Session};
use sendoff::mailer::smtp::timeouts::Timeouts;

use crate::certificate::Authority;
use crate::mail_sink::{Action, Plan, Sink};
use crate::session::envelope;

const HERE: &str = "127.0.0.1";

/// `user:secret` in the two forms in which AUTH sends it.
const SECRETS: [&str; 3] = ["AUTH", "AHVzZXIAc2VjcmV0", "c2VjcmV0"];

fn timeouts() -> Timeouts {
    Timeouts::scaled(0.1)
}

fn target(sink: &Sink, authority: &Authority, scheme: &str, tls: &str) -> Endpoint {
    let file = authority.file.display();
    let url = format!("{scheme}://user:secret@{}?ca={file}{tls}", sink.address);
    Endpoint::parse(&url).expect("a URL")
}

async fn refusal(sink: &Sink, target: &Endpoint) -> SmtpError {
    let error = Session::open(target, &timeouts()).await.err().expect("refused");
    for secret in SECRETS {
        assert!(!sink.has_received(secret), "{secret} was sent although {error}");
    }
    error
}

#[tokio::test]
async fn credentials_are_sent_after_starttls() {
    let authority = Authority::new();
    let plan = Plan::new().offering(&["AUTH LOGIN PLAIN", "PIPELINING"]);
    let sink = plan.encrypted(authority.vouch(HERE), false).start().await;

    let mut session =
        Session::open(&target(&sink, &authority, "smtp", "&tls=required"), &timeouts()).await.expect("open");
    assert!(session.is_encrypted());
    assert_eq!(
        session.envelope(&envelope("a@example.org", "b@example.org", false)).await.expect("asked"),
        EnvelopeReply::Accepted
    );
    assert_eq!(session.send_message(b"Subject: x\r\n\r\nx\r\n").await.expect("sent").code, 250);
    session.quit().await;

    let log = sink.log();
    assert!(log.clear.starts_with(b"EHLO [127.0.0.1]\r\nSTARTTLS\r\n"));
    assert!(!log.clear.windows(4).any(|window| window == b"AUTH" || window == b"MAIL"));
    assert_eq!(log.commands[1..5], ["EHLO [127.0.0.1]", "STARTTLS", "EHLO [127.0.0.1]", "AUTH PLAIN AHVzZXIAc2VjcmV0"]);
    assert_eq!(log.messages.len(), 1);
}

#[tokio::test]
async fn implicit_tls_sends_nothing_in_clear_text() {
    let authority = Authority::new();
    let sink = Plan::new().offering(&["AUTH PLAIN"]).encrypted(authority.vouch(HERE), true).start().await;

    let session = Session::open(&target(&sink, &authority, "smtps", ""), &timeouts()).await.expect("open");

    assert!(session.is_encrypted() && sink.has_received("AUTH PLAIN"));
    assert!(sink.log().clear.is_empty());
}

#[tokio::test]
async fn untrusted_certificate_ends_the_session() {
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

            let error = refusal(&sink, &target(&sink, &authority, scheme, tls)).await;

            assert_eq!(error, Cause::Certificate(distrust).at(Phase::Tls), "{scheme} {tls}");
            assert!(error.is_configuration());
        }
    }
}

#[tokio::test]
async fn self_signed_certificate_is_not_trusted() {
    let authority = Authority::new();
    let sink = Plan::new().offering(&["AUTH PLAIN"]).encrypted(authority.vouch(HERE), false).start().await;
    let url = format!("smtp://user:secret@{}?tls=required", sink.address);

    let error = refusal(&sink, &Endpoint::parse(&url).expect("a URL")).await;

    assert_eq!(error, Cause::Certificate(CertificateProblem::Issuer).at(Phase::Tls));
}

#[tokio::test]
async fn nothing_secret_is_sent_without_starttls() {
    let authority = Authority::new();
    let sink = Plan::new().offering(&["AUTH PLAIN LOGIN"]).start().await;

    let required = refusal(&sink, &target(&sink, &authority, "smtp", "&tls=required")).await;
    let wished = refusal(&sink, &target(&sink, &authority, "smtp", "&tls=opportunistic")).await;

    assert_eq!(required, Cause::NoStartTls.at(Phase::Tls));
    assert_eq!(wished, Cause::NoStartTls.at(Phase::Auth));
    assert!(required.is_configuration() && wished.is_configuration());
}

#[tokio::test]
async fn opportunistic_tls_allows_clear_text_without_credentials() {
    let sink = Plan::new().start().await;
    let url = format!("smtp://{}?tls=opportunistic", sink.address);

    let session = Session::open(&Endpoint::parse(&url).expect("a URL"), &timeouts()).await.expect("open");

    assert!(!session.is_encrypted());
}

#[tokio::test]
async fn bytes_injected_before_the_tls_handshake_are_refused() {
    let authority = Authority::new();
    let slipped = Action::Raw(b"220 go\r\n250-mitm.example.org\r\n250 AUTH PLAIN\r\n".to_vec());
    let plan = Plan::new().encrypted(authority.vouch(HERE), false).at("STARTTLS", slipped);
    let sink = plan.start().await;

    let error = refusal(&sink, &target(&sink, &authority, "smtp", "&tls=required")).await;

    assert_eq!(error, Cause::ProtocolViolation.at(Phase::Tls));
}

#[tokio::test]
async fn temporarily_refused_starttls_is_not_a_configuration_error() {
    let authority = Authority::new();
    let plan = Plan::new().encrypted(authority.vouch(HERE), false).at("STARTTLS", Action::Say("454 4.7.0 later"));
    let sink = plan.start().await;

    let error = refusal(&sink, &target(&sink, &authority, "smtp", "&tls=opportunistic")).await;

    assert!(
        matches!(&error, SmtpError { phase: Phase::Tls, cause: Cause::UnexpectedReply(reply) } if reply.code == 454)
    );
    assert!(!error.is_configuration());
}

#[tokio::test]
async fn login_is_used_without_plain() {
    let sink = Plan::new().offering(&["AUTH LOGIN CRAM-MD5"]).start().await;
    let url = format!("smtp://user:secret@{}", sink.address);

    Session::open(&Endpoint::parse(&url).expect("a URL"), &timeouts()).await.expect("open");

    assert_eq!(sink.log().commands[2..], ["AUTH LOGIN", "dXNlcg==", "c2VjcmV0"]);
}

#[tokio::test]
async fn server_without_a_known_mechanism_gets_no_password() {
    for extensions in [&["AUTH CRAM-MD5 XOAUTH2"][..], &[]] {
        let sink = Plan::new().offering(extensions).start().await;
        let url = format!("smtp://user:secret@{}", sink.address);

        let error = refusal(&sink, &Endpoint::parse(&url).expect("a URL")).await;

        assert_eq!(error, Cause::NoAuth.at(Phase::Auth));
    }
}

#[tokio::test]
async fn refused_password_is_reported_and_busy_server_is_retried() {
    for (verb, reply, configuration) in [
        ("AUTH", "535 5.7.8 no", true),
        ("AUTH", "454 4.7.0 later", false),
        ("AUTH", "334 more", false),
        ("AUTH", "421 4.3.2 bye", false),
    ] {
        let sink = Plan::new().offering(&["AUTH PLAIN"]).at(verb, Action::Say(reply)).start().await;
        let url = format!("smtp://user:secret@{}", sink.address);

        let error = Session::open(&Endpoint::parse(&url).expect("a URL"), &timeouts()).await.err().expect("refused");

        assert_eq!((error.phase, error.is_configuration()), (Phase::Auth, configuration), "{reply}");
        assert!(!format!("{error:?} {error}").contains("secret"));
    }
}

#[tokio::test]
async fn ca_file_without_certificates_is_reported() {
    let authority = Authority::new();
    let sink = Plan::new().encrypted(authority.vouch(HERE), true).start().await;
    for content in [None, Some(""), Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")] {
        match content {
            Some(text) => std::fs::write(&authority.file, text).expect("written"),
            None => std::fs::remove_file(&authority.file).expect("removed"),
        }
        let error = refusal(&sink, &target(&sink, &authority, "smtps", "")).await;
        assert_eq!(error, Cause::CaFile.at(Phase::Tls));
    }
}

#[tokio::test]
async fn login_is_tried_when_plain_is_refused() {
    let authority = Authority::new();
    for refusal in ["504 5.5.4 mechanism not supported", "535 5.7.8 not in this mechanism"] {
        let sink = Plan::new()
            .offering(&["AUTH PLAIN LOGIN"])
            .encrypted(authority.vouch(HERE), true)
            .on(move |at| if at.line.starts_with("AUTH PLAIN") { Action::Say(refusal) } else { Action::Usual })
            .start()
            .await;
        let session = Session::open(&target(&sink, &authority, "smtps", ""), &timeouts()).await.expect(refusal);
        assert!(session.is_encrypted());
        let commands = sink.log().commands.clone();
        let signed: Vec<_> = commands.iter().filter(|line| line.starts_with("AUTH")).collect();
        assert!(signed.len() == 2 && signed[1].starts_with("AUTH LOGIN"), "{signed:?}");
    }
}

#[tokio::test]
async fn credentials_that_no_mechanism_accepts_are_a_configuration_error() {
    let authority = Authority::new();
    for act in [Action::Say("535 5.7.8 no"), Action::SayAndDrop("535 5.7.8 no")] {
        let sink = Plan::new()
            .offering(&["AUTH PLAIN LOGIN"])
            .encrypted(authority.vouch(HERE), true)
            .at("AUTH", act)
            .start()
            .await;
        let target = target(&sink, &authority, "smtps", "");
        let error = Session::open(&target, &timeouts()).await.err().expect("refused");
        assert!(error.is_configuration(), "{error}");
    }
}
