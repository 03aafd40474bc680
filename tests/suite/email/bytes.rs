//! The bytes of a message, and what a parser reads from them.

use mail_parser::{HeaderName, MessageParser, MimeHeaders, PartType};
use proptest::prelude::*;
use sendoff::campaign::file::Sender;
use sendoff::content::compiled_email::CompiledEmail;
use sendoff::content::email::{EmailSource, Format, Tracking};
use sendoff::content::mime::body::{BodyEncodings, TransferEncoding};
use sendoff::content::mime::header::{HeaderText, Mailbox};
use sendoff::content::mime::message::{self, ListHeaders, MessageHeader, PieceEnds, RenderedEmail};
use sendoff::content::renderer::MergeData;
use sendoff::infra::i18n::Lang;
use sendoff::infra::secret::Keyring;
use sendoff::infra::token::Signer;
use serde_json::{Map, json};

use super::{DELIVERY, compile, draft, frame, render, render_at, secret};
use crate::fixture::NOW;

fn heading() -> MessageHeader {
    let mailbox = |name: &str, local: &str, domain: &str| {
        Mailbox::new(HeaderText::new(name).expect("a name"), local, domain).expect("a mailbox")
    };
    MessageHeader {
        from: mailbox("Магазин", "news", "example.org"),
        reply_to: Some(mailbox("", "answers", "example.org")),
        to: mailbox("", "anna", "почта.рф"),
        message_id: "0123456789abcdef0123456789abcdef@example.org".to_owned(),
        date: NOW,
        list: Some(ListHeaders {
            list_label: "l7".to_owned(),
            list_domain: "example.org".to_owned(),
            list_name: HeaderText::new("Новости").expect("a name"),
            campaign: "autumn".to_owned(),
            stream: "marketing".to_owned(),
            tenant: "main".to_owned(),
            feedback_sender: "sendoff1".to_owned(),
            unsubscribe_url: "https://news.example.org/u/TOKEN".to_owned(),
            unsubscribe_mailbox: Some("u+TOKEN@example.org".to_owned()),
        }),
    }
}

fn header_names(bytes: &[u8]) -> Vec<String> {
    let head = std::str::from_utf8(bytes).expect("UTF-8").split("\r\n\r\n").next().expect("a head").to_owned();
    let lines = head.split("\r\n").filter(|line| !line.starts_with(' '));
    lines.map(|line| line.split(':').next().expect("a name").to_owned()).collect()
}

#[test]
fn names_of_senders_reach_the_reader_as_they_are_typed() {
    let rendered = render(&compile(&draft("Привет")), json!({}));
    for (typed, shown) in [
        ("ООО \"Ромашка\"", "ООО \"Ромашка\""),
        ("\"Best\" Shop", "\"Best\" Shop"),
        ("Shop \"A\", Inc.", "Shop \"A\", Inc."),
        ("Müller (GmbH), \"Shop\"", "Müller (GmbH), \"Shop\""),
        ("\"Kock, Arne \\\"A\\\"\"", "Kock, Arne \"A\""),
        ("A \\ B", "A \\ B"),
        ("=?utf-8?q?x?=", "=?utf-8?q?x?="),
    ] {
        let sender = Sender::parse(&format!("{typed} <news@example.org>")).expect(typed);
        let from = Mailbox::new(HeaderText::clean(&sender.name), "news", "example.org").expect("a mailbox");
        let bytes = message::write(&MessageHeader { from, ..heading() }, &rendered);
        let parsed = MessageParser::default().parse(&bytes).expect("parses");
        let name = parsed.from().and_then(|from| from.first()).and_then(|from| from.name().map(str::to_owned));
        assert_eq!(name.as_deref(), Some(shown), "{typed}");
    }
}

/// No line too long, no bare CR or LF, no NUL, nothing but ASCII.
fn assert_clean(bytes: &[u8]) {
    assert!(bytes.is_ascii());
    assert!(!bytes.contains(&0));
    assert!(bytes.ends_with(b"\r\n"));
    let text = std::str::from_utf8(bytes).expect("ASCII");
    for line in text.split("\r\n") {
        assert!(line.len() <= 998, "{} octets", line.len());
        assert!(!line.contains(['\r', '\n']), "{line:?}");
    }
}

#[test]
fn campaign_message_has_these_headers_in_this_order() {
    let rendered = render(&compile(&draft("Привет")), json!({}));
    let bytes = message::write(&heading(), &rendered);

    assert_eq!(
        header_names(&bytes),
        [
            "From",
            "To",
            "Subject",
            "Date",
            "Message-ID",
            "Reply-To",
            "MIME-Version",
            "Content-Type",
            "List-Unsubscribe",
            "List-Unsubscribe-Post",
            "List-Id",
            "Precedence",
            "Feedback-ID",
            "X-Postmaster-Msgtype",
            "X-Auto-Response-Suppress",
        ]
    );
    let text = String::from_utf8(bytes).expect("ASCII");
    for line in [
        "From: =?UTF-8?B?0JzQsNCz0LDQt9C40L0=?= <news@example.org>\r\n",
        "To: anna@xn--80a1acny.xn--p1ai\r\n",
        "Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n",
        "Message-ID: <0123456789abcdef0123456789abcdef@example.org>\r\n",
        "Reply-To: answers@example.org\r\n",
        "MIME-Version: 1.0\r\n",
        "List-Unsubscribe: <https://news.example.org/u/TOKEN>,\r\n <mailto:u+TOKEN@example.org?subject=unsubscribe>\r\n",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
        "List-Id: =?UTF-8?B?0J3QvtCy0L7RgdGC0Lg=?= <l7.example.org>\r\n",
        "Precedence: bulk\r\n",
        "Feedback-ID: autumn:marketing:main:sendoff1\r\n",
        "X-Postmaster-Msgtype: autumn\r\n",
        "X-Auto-Response-Suppress: All\r\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
}

#[test]
fn system_mail_is_marked_as_automatic_and_has_no_list_headers() {
    let rendered = render(&compile(&EmailSource { tracking: Tracking::None, ..draft("Привет") }), json!({}));
    let bytes = message::write(&MessageHeader { list: None, reply_to: None, ..heading() }, &rendered);

    assert_eq!(
        header_names(&bytes),
        ["From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Auto-Submitted"]
    );
    assert!(String::from_utf8_lossy(&bytes).contains("Auto-Submitted: auto-generated\r\n"));
}

#[test]
fn message_parses_back_to_the_rendered_email() {
    let rendered =
        render(&compile(&draft("# Привет\n\nдлинная строка ".repeat(30).as_str())), json!({"first_name": "Анна"}));
    let bytes = message::write(&heading(), &rendered);
    let parsed = MessageParser::default().parse(&bytes).expect("parses");

    assert_clean(&bytes);
    assert_eq!(parsed.subject(), Some("Анна, осенняя распродажа"));
    assert_eq!(parsed.from().and_then(|from| from.first()).and_then(|one| one.name()), Some("Магазин"));
    assert_eq!(parsed.parts.len(), 3);
    assert!(
        matches!(&parsed.parts[1].body, PartType::Text(text) if text.replace("\r\n", "\n") == rendered.text.trim_end())
    );
    assert!(
        matches!(&parsed.parts[2].body, PartType::Html(html) if html.replace("\r\n", "\n") == rendered.html.trim_end())
    );
    assert_eq!(parsed.parts[1].content_transfer_encoding(), Some("base64"));
    for part in &parsed.parts[1..] {
        assert_eq!(part.content_type().and_then(|kind| kind.attribute("charset")), Some("utf-8"));
        assert!(!part.is_encoding_problem);
    }
    for name in [
        HeaderName::From,
        HeaderName::To,
        HeaderName::Subject,
        HeaderName::Date,
        HeaderName::MessageId,
        HeaderName::ListUnsubscribe,
    ] {
        assert_eq!(parsed.headers().iter().filter(|header| header.name == name).count(), 1, "{name}");
    }
    assert!(!String::from_utf8_lossy(&bytes).contains("amp-html"));
}

#[test]
fn same_email_and_data_give_the_same_bytes() {
    let body = "{{ city }} [a](https://a.example/?n={{ first_name }})";
    let signer = Signer::new(&Keyring::ephemeral());
    let make = || {
        let email = compile(&draft(body));
        message::write(
            &heading(),
            &render_at(&email, json!({"city": "Пермь", "first_name": "Анна"}), &signer.message_secret(DELIVERY)),
        )
    };
    assert_eq!(make(), make());
}

#[test]
fn smtp_commands_in_values_stay_inside_the_message() {
    for evil in [
        "hello\n.\nMAIL FROM:<evil@example.org>",
        "a\r\n.\r\nRCPT TO:<x>",
        "a\r.\rDATA",
        "a\n.\r\nQUIT",
        "a\r\n\r\n--=_0\r\n",
        "\0\r\n.\r\n",
    ] {
        let email = compile(&draft("{{ first_name }}\n\n<b title=\"{{ city }}\">x</b>"));
        let rendered = render(&email, json!({"first_name": evil, "city": evil}));
        let mut heading = heading();
        heading.from = Mailbox::new(HeaderText::clean(evil), "news", "example.org").expect("a mailbox");
        if let Some(bulk) = &mut heading.list {
            bulk.list_name = HeaderText::clean(evil);
            bulk.campaign = evil.to_owned();
            bulk.list_label = evil.to_owned();
            bulk.unsubscribe_url = format!("https://a.example/{evil}");
        }
        let bytes = message::write(&heading, &rendered);

        assert_clean(&bytes);
        assert_eq!(header_names(&bytes).len(), 15, "{evil:?}");
        for line in String::from_utf8(bytes).expect("ASCII").split("\r\n") {
            assert!(!line.starts_with('.'), "{evil:?}: {line}");
        }
    }
}

#[test]
fn header_is_raw_utf8_only_for_an_address_that_needs_it() {
    let rendered = render(&compile(&draft("Привет")), json!({}));
    let to = Mailbox::new(HeaderText::default(), "иван", "почта.рф").expect("a mailbox");
    let needing = MessageHeader { to, ..heading() };

    assert!(!heading().needs_smtputf8() && needing.needs_smtputf8());
    assert!(message::write(&heading(), &rendered).is_ascii());
    let bytes = message::write(&needing, &rendered);
    assert!(String::from_utf8(bytes).expect("UTF-8").contains("To: иван@xn--80a1acny.xn--p1ai\r\n"));
}

#[test]
fn long_list_name_is_shortened_to_the_limit_of_list_id() {
    let rendered = render(&compile(&draft("a")), json!({}));
    for name in ["Н".repeat(100), "word ".repeat(60), "\"quoted\" ".repeat(40)] {
        let mut heading = heading();
        if let Some(bulk) = &mut heading.list {
            bulk.list_name = HeaderText::clean(&name);
        }
        let text = String::from_utf8(message::write(&heading, &rendered)).expect("ASCII");
        let value = text.split("List-Id: ").nth(1).expect("a List-Id").split("\r\nPrecedence").next().expect("its end");
        assert!(value.len() <= 255 && value.ends_with("<l7.example.org>"), "{value}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_subject_name_and_body_round_trip_through_a_parser(subject in ".{1,300}", name in ".{0,120}", body in "(?s).{0,3000}", word in "[!-~]{900,1200}", encoding in proptest::sample::select(TransferEncoding::ALL)) {
        let rendered = RenderedEmail {
            subject: HeaderText::clean(&format!("{subject} {word}")),
            preheader: HeaderText::default(),
            html: format!("<p>{body}</p>"),
            text: format!("{body} {word}."),
            missing: Vec::new(),
            piece_ends: PieceEnds::default(),
            encodings: BodyEncodings { html: encoding, text: encoding },
        };
        let mut heading = heading();
        heading.from = Mailbox::new(HeaderText::clean(&name), "news", "example.org").expect("a mailbox");
        if let Some(bulk) = &mut heading.list {
            bulk.unsubscribe_url = format!("https://a.example/{word}");
        }
        let bytes = message::write(&heading, &rendered);
        assert_clean(&bytes);
        let parsed = MessageParser::default().parse(&bytes).expect("parses");

        prop_assert_eq!(parsed.subject().unwrap_or_default(), rendered.subject.as_str());
        prop_assert_eq!(parsed.parts.len(), 3);
        let expected = rendered.text.replace("\r\n", "\n");
        prop_assert!(matches!(&parsed.parts[1].body, PartType::Text(text) if text.replace("\r\n", "\n") == expected));
    }

    #[test]
    fn any_source_compiles_or_is_refused_with_a_translated_message(body in "(?s)([a-z*_#<>\"'&/= \n-]|\\{\\{|\\}\\}|\\{%|%\\}|if |endif|city|first_name|\\||https://a\\.example/|\\]\\(|\\[|<p>|</p>|<a href=|<table>|<td>){0,60}") {
        for format in Format::ALL {
            match CompiledEmail::compile(&EmailSource { format: *format, ..draft(&body) }, &frame()) {
                Ok(email) => {
                    let (none, secret) = (Map::new(), secret());
                    let data = MergeData { address: "a@example.org", values: &none, secret: &secret, tracked: true, inert: false };
                    if let Ok(rendered) = email.render(&data) {
                        prop_assert!(rendered.html.contains("/u/") && rendered.text.contains("/u/"));
                        prop_assert!(!rendered.html.contains("qzx0x") && !rendered.text.contains("qzx0x"));
                    }
                }
                Err(error) => {
                    let sentence = Lang::EN.translate(&error.message());
                    prop_assert!(sentence.contains(' ') && !sentence.contains("{$"), "{}", sentence);
                }
            }
        }
    }
}
