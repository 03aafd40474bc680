//! Unusual addresses through the whole path: import, frozen audience, message and envelope; rows of earlier versions; and
//! the identity of a mailbox in all its spellings.

use std::collections::BTreeMap;

use mail_parser::MessageParser;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use sendoff::audience::address::Address;
use sendoff::audience::tombstone;
use sendoff::campaign::model::State;
use sendoff::privacy::canonical_upgrade;
use sendoff::usecase::{campaign as campaigns, contact as contacts, preflight};
use sqlx::{AssertSqlSafe, Executor};

use crate::fixture::{Fixture, both};
use crate::import::fixture::{count, file, import, request, rows};
use crate::mail_sink::{Plan, ReceivedMessage};
use crate::mailer::fixture::{EMAIL, campaign, mail, start, states, use_relay};

const GREETING: &str = "+++\nname = \"autumn\"\nlist = \"News\"\nfrom = \"Shop <news@shop.example>\"\nsubject = \"For {{ name | d('you') }}\"\n+++\nDear {{ name | d('you') }}, we write to {{ email }}.\n";

/// Local parts: atoms, quoted strings with every printable character, Cyrillic and ideographs, and arbitrary text.
fn address() -> impl Strategy<Value = String> {
    let quoted = prop::collection::vec(
        prop_oneof![4 => "[ -!#-\\[\\]-~]", 2 => r#"\\[ -~]"#, 1 => "[а-яäßσς漢😀]", 1 => "[<>@,;:()\\[\\]]"],
        1..24,
    );
    let local = prop_oneof![
        3 => "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]{1,12}(\\.[a-z0-9=+{}-]{1,8}){0,3}",
        6 => quoted.prop_map(|parts| format!("\"{}\"", parts.concat())),
        1 => "[а-яёІі漢äß]{1,12}(\\.[a-zа-я]{1,6})?",
        1 => "\\PC{1,30}",
        1 => "[a-z]{60,68}",
    ];
    let domain =
        prop_oneof![4 => Just("q.example".to_owned()), 1 => "[a-z]{1,8}\\.(почта\\.рф|example)", 1 => "[a-z.]{1,9}"];
    (local, domain).prop_map(|(local, domain)| format!("{local}@{domain}"))
}

/// A value of a field: arbitrary text, and text that a template, HTML or a header could take for its own.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => "\\PC{0,40}",
        1 => "[<>&\"'{}%#|=?\\\\ \\t\\r\\n.a-zа-я\\u{0}\\u{202e}\\u{ad}]{0,60}",
        1 => Just("{{ email }}{% if x %}".to_owned()),
        1 => Just("=?utf-8?q?x?=\r\nBcc: x@y.example".to_owned()),
        1 => Just("x".repeat(300)),
    ]
}

both!(any_address_that_is_imported_is_written_into_message_and_envelope, |fixture| {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut people = vec![
        (r#""x<y"@q.example"#.to_owned(), "Anna".to_owned()),
        (r#""x two"@q.example"#.to_owned(), "Anna".to_owned()),
        (r#""a\"b\\c>d"@q.example"#.to_owned(), "Anna".to_owned()),
        (format!("\"{}\"@q.example", "y<".repeat(31)), "Anna".to_owned()),
    ];
    for _ in 0..400 {
        let person = (address(), value()).new_tree(&mut runner).expect("a person").current();
        people.push(person);
    }
    // Every address once.
    let mut expected: BTreeMap<String, Address> = BTreeMap::new();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["email", "name"]).expect("written");
    for (text, name) in &people {
        let cell = text.replace(['\r', '\n'], " ");
        if let Ok(address) = Address::parse(&cell) {
            expected.entry(address.canonical()).or_insert(address);
        }
        writer.write_record([&cell, name]).expect("written");
    }
    assert!(expected.len() > 150, "{}", expected.len());
    let field = sendoff::audience::field::Field::declare("name", "text").expect("a field");
    sendoff::audience::field::add(&fixture.installation, fixture.workspace.id, &field).await.expect("declared");
    fixture.subscribe("News", &[]).await;
    let path = file(fixture, "people.csv", writer.into_inner().expect("flushed"));
    let request = sendoff::audience::import::Request { list: "News".to_owned(), ..request(path) };
    import(fixture, &request).await.expect("imported");
    let imported = count(fixture, "select count(*) from contact").await as usize;
    assert!(imported > 150 && imported <= expected.len(), "{imported} of {}", expected.len());

    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 3).await;
    start(fixture, GREETING).await;
    mail(fixture).await;

    assert_eq!(states(fixture).await, [("accepted", imported as i64)].into());
    assert_eq!(campaign(fixture).await.state, State::Finished);
    assert_eq!(fixture.installation.panics.recent(), None);
    let mut seen = BTreeMap::new();
    for message in &sink.log().messages {
        let address = check(message);
        *seen.entry(address.canonical()).or_insert(0) += 1;
    }
    assert_eq!((seen.len(), seen.values().max()), (imported, Some(&1)));
    assert!(seen.keys().all(|canonical| expected.contains_key(canonical)));
    assert!(seen.contains_key(r#""x<y"@q.example"#) && seen.contains_key(r#""x two"@q.example"#));
});

/// Checks that the envelope and the message name the same mailbox; returns it.
fn check(message: &ReceivedMessage) -> Address {
    let [line] = &message.to[..] else { panic!("one recipient: {:?}", message.to) };
    let path = line.strip_prefix("RCPT TO:<").and_then(|rest| rest.strip_suffix('>')).expect(line);
    let address = Address::parse(path).expect("the envelope holds an address");
    assert_eq!(address.envelope(), path);
    let parsed = MessageParser::default().parse(&message.text).expect("a message");
    let to = parsed.to().expect("a recipient");
    assert_eq!(to.iter().count(), 1, "{line}: {to:?}");
    // The parser takes a quoted local part for a name, and removes quotes and backslashes.
    let to = to.first().expect("one address");
    let shown = [to.name(), to.address()].into_iter().flatten().collect::<String>();
    let plain = |text: &str| text.replace(['"', '\\', ' '], "");
    assert_eq!(plain(&shown), plain(path), "{}", String::from_utf8_lossy(&message.text));
    assert_eq!(parsed.header_values("Bcc").count(), 0);
    assert_eq!(parsed.header_values("Subject").count(), 1);
    assert!(parsed.body_text(0).expect("a text").contains("we write to"));
    assert!(message.text.split(|byte| *byte == b'\n').all(|line| line.len() <= 999), "lines fit");
    address
}

async fn tamper(fixture: &Fixture, change: &str) {
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    (&mut *tx).execute(AssertSqlSafe(change)).await.expect(change);
    tx.commit().await.expect("committed");
}

both!(an_address_of_an_earlier_version_is_skipped_with_its_reason, |fixture| {
    let people = ["anna@example.org", "boris@example.org", "vera@example.org", "gleb@example.org"];
    fixture.subscribe("News", &people).await;
    tamper(fixture, "update contact set address = '<boris@example.org>' where canonical = 'boris@example.org'").await;
    let hidden = "an\u{34f}na@example.org";
    tamper(
        fixture,
        &format!(
            "update contact set address = '{hidden}', canonical = '{hidden}' where canonical = 'anna@example.org'"
        ),
    )
    .await;
    let sink = Plan::new().start().await;
    use_relay(fixture, sink.target(), 1).await;
    start(fixture, EMAIL).await;

    let (actor, installation) = (&fixture.actor, &fixture.installation);
    let checked = preflight::preflight(installation, actor, "autumn", |_, _| {}).await.expect("checked");
    assert!(checked.warnings.iter().any(|warning| warning.key == "preflight-unwritable"), "{:?}", checked.warnings);
    mail(fixture).await;

    assert_eq!(states(fixture).await, [("accepted", 2), ("skipped", 2)].into());
    let shown = campaigns::show(installation, actor, "autumn").await.expect("shown");
    assert_eq!(shown.skip_reasons, [("skipped-address", 2)].into());
    assert_eq!(
        rows(fixture, "select state, reason from delivery where state = 'skipped'").await,
        ["skipped|skipped-address"; 2]
    );

    // Such a person can be seen and erased.
    contacts::show(installation, actor, hidden).await.expect("shown");
    assert!(contacts::erase(installation, actor, hidden, contacts::Urgency::Usual).await.expect("erased").erased);
    assert_eq!(count(fixture, "select count(*) from contact").await, 3);
    assert!(contacts::erase(installation, actor, "nob\u{34f}ody@example.org", contacts::Urgency::Usual).await.is_err());
});

both!(every_spelling_of_an_erased_mailbox_stays_away, |fixture| {
    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    fixture.subscribe("News", &["anna@example.org", r#""x two"@example.org"#]).await;
    for address in ["anna@example.org", r#""x\ two"@example.org"#] {
        assert!(
            contacts::erase(installation, &fixture.actor, address, contacts::Urgency::Usual)
                .await
                .expect("erased")
                .erased,
            "{address}"
        );
    }
    // A tombstone of an earlier version, which kept the backslash.
    let earlier = tombstone::digest_canonical(&installation.keys.tombstone, workspace, r#""\vera"@example.org"#);
    let mut tx = installation.db.write().await.expect("a transaction");
    tombstone::set(&mut tx, workspace, tombstone::EVERY_LIST, earlier, "erased", 1).await.expect("set");
    tx.commit().await.expect("committed");
    let mut text = "email\n".to_owned();
    for spelled in [
        r#""\anna"@example.org"#,
        r#""Anna"@EXAMPLE.org"#,
        r#""\a\n\n\a"@example.org"#,
        r#""x two"@example.org"#,
        r#""\x\ \t\w\o"@example.org"#,
        r#""\Vera"@example.org"#,
        "an\u{34f}na@example.org",
        "anna\u{fe0f}@example.org",
        "\u{200b}anna@example.org",
        "\"anna\u{ad}\"@example.org",
    ] {
        text.push_str(&format!("\"{}\"\n", spelled.replace('"', "\"\"")));
    }
    let path = file(fixture, "back.csv", text);
    let request = sendoff::audience::import::Request { list: "News".to_owned(), ..request(path) };

    import(fixture, &request).await.expect("imported");

    assert_eq!(rows(fixture, "select address from contact").await, [""; 0]);
});

both!(contacts_of_an_earlier_version_get_the_canonical_form_of_today, |fixture| {
    fixture
        .subscribe("News", &["anna@example.org", "boris@example.org", "vera@example.org", "other@example.org"])
        .await;
    for (canonical, spelled) in
        [("vera@example.org", r#""\Vera"@example.org"#), ("other@example.org", r#""\anna"@example.org"#)]
    {
        let old = spelled.to_lowercase();
        tamper(
            fixture,
            &format!("update contact set address = '{spelled}', canonical = '{old}' where canonical = '{canonical}'"),
        )
        .await;
    }

    canonical_upgrade::run(&fixture.installation).await.expect("updated");
    canonical_upgrade::run(&fixture.installation).await.expect("nothing left");

    assert_eq!(
        rows(fixture, "select canonical, address from contact order by canonical").await,
        [
            "anna@example.org|anna@example.org",
            "boris@example.org|boris@example.org",
            "vera@example.org|\"\\Vera\"@example.org"
        ]
    );
    assert_eq!(count(fixture, "select count(*) from subscription").await, 3);
    assert_eq!(count(fixture, "select count(*) from tombstone").await, 0);
});
