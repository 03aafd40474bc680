//! Capture server, its folder, and the `relay` command.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use sendoff::audience::address::Address;
use sendoff::campaign::rate_limit::RateLimit;
use sendoff::cli::relay::{self as door, Choice, Command, Traits};
use sendoff::infra::i18n::Lang;
use sendoff::infra::setting::{self, Setting};
use sendoff::mailer::relay::{self, Relay, RelayKind};
use sendoff::mailer::smtp::endpoint::Endpoint;
use sendoff::mailer::smtp::session::{EnvelopeReply, Session};
use sendoff::mailer::smtp::timeouts::Timeouts;
use sendoff::mailer::transport::capture;
use sendoff::mailer::transport::eml_store::EmlStore;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::fixture::{Fixture, Kind as Database, both};
use crate::mail_sink::{Action, Plan};
use crate::session::envelope;

const FROM: &str = "news@example.org";

struct Inbox {
    folder: EmlStore,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

async fn inbox(fixture: &Fixture) -> Inbox {
    let listener = capture::bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let folder = EmlStore::of_capture(&fixture.installation);
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(capture::serve(listener, folder.clone(), async move { drop(stopped.await) }));
    Inbox { folder, address, stop, task }
}

async fn fixture() -> Fixture {
    Fixture::new(Database::Sqlite).await
}

/// Sends everything at once and returns all replies until the server closes the connection.
async fn say(address: SocketAddr, words: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    stream.write_all(words).await.expect("written");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    read.expect("the server hangs up").expect("read");
    String::from_utf8(answer).expect("text")
}

fn address(text: &str) -> Address {
    Address::parse(text).expect(text)
}

#[tokio::test]
async fn message_is_stored_unchanged_and_deleted_with_its_recipient() {
    let fixture = fixture().await;
    let inbox = inbox(&fixture).await;
    let mut session = Session::open(&Endpoint::local(inbox.address), &Timeouts::default()).await.expect("open");
    let text = "Subject: привет\r\n\r\n.\r\n..\r\nдо встречи\r\n".as_bytes();
    for to in ["иван@почта.рф", "olga@почта.рф"] {
        let verdict = session.envelope(&envelope(FROM, &address(to).envelope(), true)).await.expect("asked");
        assert_eq!(verdict, EnvelopeReply::Accepted);
        assert_eq!(session.send_message(text).await.expect("sent").code, 250);
    }
    session.quit().await;

    let messages = inbox.folder.list(10).expect("listed");
    assert_eq!(messages.len(), 2);
    assert_eq!(inbox.folder.read(&messages[0].file).expect("read"), text);
    assert_eq!(inbox.folder.delete_for(&address("Иван@ПОЧТА.РФ")).expect("forgotten"), 1);
    assert_eq!(inbox.folder.list(10).expect("listed"), messages[..1]);
    fixture.close().await;
}

#[tokio::test]
async fn pipelined_commands_get_a_reply_each_and_two_messages_two_files() {
    let fixture = fixture().await;
    let inbox = inbox(&fixture).await;
    let message = "MAIL FROM:<> SIZE=100 BODY=8BITMIME\r\nRCPT TO:<a@example.org>\r\nDATA\r\nx\r\n.\r\n";
    let words = format!("EHLO test.example.org\r\n{message}{message}RSET\r\nNOOP\r\nQUIT\r\n");

    let answer = say(inbox.address, words.as_bytes()).await;

    let codes: Vec<_> = answer.lines().filter(|line| line.as_bytes()[3] == b' ').map(|line| &line[..3]).collect();
    assert_eq!(codes, ["220", "250", "250", "250", "354", "250", "250", "250", "354", "250", "250", "250", "221"]);
    assert_eq!(inbox.folder.list(10).expect("listed").len(), 2);
    fixture.close().await;
}

#[tokio::test]
async fn invalid_commands_are_refused() {
    let fixture = fixture().await;
    let inbox = inbox(&fixture).await;
    let long = "x".repeat(999);
    let name = "x".repeat(3_000);
    let data = "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n";
    for (words, code) in [
        (format!("{data}a\nb\r\n.\r\nQUIT\r\n"), "554 5.6.0"),
        (format!("{data}a\rb\r\n.\r\nQUIT\r\n"), "554 5.6.0"),
        (format!("{data}a\0b\r\n.\r\nQUIT\r\n"), "554 5.6.0"),
        (format!("{data}a\n.\nMAIL FROM:<evil@example.org>\r\n.\r\nQUIT\r\n"), "554 5.6.0"),
        (format!("{data}{long}\r\n.\r\nQUIT\r\n"), "554 5.6.0"),
        ("NOOP\n".to_owned(), "500 5.5.2"),
        (format!("EHLO {name}\r\n"), "500 5.5.2"),
        ("DATA\r\nQUIT\r\n".to_owned(), "503 5.5.1"),
        ("RCPT TO:<a@example.org>\r\nQUIT\r\n".to_owned(), "503 5.5.1"),
        ("MAIL FROM:<not an address>\r\nQUIT\r\n".to_owned(), "553 5.1.7"),
        ("MAIL FROM:<иван@почта.рф>\r\nQUIT\r\n".to_owned(), "553 5.6.7"),
        ("MAIL FROM:<a@example.org> SIZE=99999999999\r\nQUIT\r\n".to_owned(), "552 5.3.4"),
        ("MAIL FROM:<a@example.org> EVIL=1\r\nQUIT\r\n".to_owned(), "555 5.5.4"),
        ("MAIL FROM:<>\r\nRCPT TO:<иван@почта.рф>\r\nQUIT\r\n".to_owned(), "553 5.6.7"),
        ("MAIL FROM:<>\r\nRCPT TO:<@>\r\nQUIT\r\n".to_owned(), "553 5.1.3"),
        ("EHLO \r\nQUIT\r\n".to_owned(), "501 5.5.4"),
        ("НЕТ\r\nQUIT\r\n".to_owned(), "500 5.5.2"),
    ] {
        let answer = say(inbox.address, words.as_bytes()).await;
        assert!(answer.lines().any(|line| line.starts_with(code)), "{words:.40}: {answer}");
    }
    assert_eq!(inbox.folder.list(10).expect("listed"), []);
    fixture.close().await;
}

#[tokio::test]
async fn final_dot_in_pieces_ends_the_message() {
    let fixture = fixture().await;
    let inbox = inbox(&fixture).await;
    let mut stream = TcpStream::connect(inbox.address).await.expect("connects");
    stream.set_nodelay(true).expect("no delay");
    for piece in ["MAIL FROM:<>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n", ".", "\r", "\nQUI", "T\r\n"] {
        stream.write_all(piece.as_bytes()).await.expect("written");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("read");

    assert!(answer.ends_with("221 2.0.0 closing connection\r\n"), "{answer}");
    assert_eq!(inbox.folder.list(10).expect("listed")[0].size, 0);
    fixture.close().await;
}

#[tokio::test]
async fn message_above_the_size_limit_is_refused_and_the_next_one_accepted() {
    let fixture = fixture().await;
    let inbox = inbox(&fixture).await;
    let mut session = Session::open(&Endpoint::local(inbox.address), &Timeouts::default()).await.expect("open");
    assert_eq!(session.extensions().size, u64::try_from(capture::MAX_SIZE).ok());
    let large = format!("{}\r\n", "text".repeat(200)).repeat(capture::MAX_SIZE / 802 + 1).into_bytes();
    for (text, code) in [(&large[..], 552), (b"x\r\n", 250)] {
        assert_eq!(
            session.envelope(&envelope(FROM, "a@example.org", false)).await.expect("asked"),
            EnvelopeReply::Accepted
        );
        assert_eq!(session.send_message(text).await.expect("an answer").code, code);
    }
    assert_eq!(inbox.folder.list(10).expect("listed").len(), 1);
    fixture.close().await;
}

#[tokio::test]
async fn capture_listens_on_loopback_only_and_stops_at_shutdown() {
    let refused = capture::bind("0.0.0.0:0".parse().expect("an address")).await.expect_err("not loopback");
    assert_eq!((refused.message().key, refused.exit_code()), ("capture-loopback", 2));

    let fixture = fixture().await;
    let inbox = inbox(&fixture).await;
    inbox.stop.send(()).expect("it runs");
    inbox.task.await.expect("stops");
    assert!(TcpStream::connect(inbox.address).await.is_err());
    fixture.close().await;
}

#[tokio::test]
async fn message_that_cannot_be_stored_is_not_accepted() {
    let fixture = fixture().await;
    let inbox = inbox(&fixture).await;
    let place = fixture.installation.config.capture_dir();
    std::fs::remove_dir(&place).expect("removed");
    std::fs::write(&place, "in the way").expect("written");

    let mut session = Session::open(&Endpoint::local(inbox.address), &Timeouts::default()).await.expect("open");
    session.envelope(&envelope(FROM, "a@example.org", false)).await.expect("asked");
    assert_eq!(session.send_message(b"x\r\n").await.expect("an answer").code, 452);
    fixture.close().await;
}

fn rate(rate: f64) -> RateLimit {
    RateLimit { rate: Some(rate), ..RateLimit::default() }
}

both!(relay_is_stored_encrypted_and_read_back, |fixture| {
    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    let mut tx = installation.db.write().await.expect("a transaction");
    assert_eq!(
        relay::main(installation, &mut tx, workspace).await.expect("read"),
        Relay { id: workspace, ..Relay::default() }
    );
    setting::set(&mut tx, Setting::EhloName, "News.Example.org").await.expect("set");

    let url = "smtps://user:geheim@mail.example.org";
    let smtp = Relay {
        connections: 20,
        rate_limit: rate(2.5),
        ..Relay::to(RelayKind::Smtp(Box::new(Endpoint::parse(url).expect("a URL"))))
    };
    let folder = Relay { id: workspace, ..Relay::to(RelayKind::Folder(PathBuf::from("/tmp/письма"))) };
    relay::save(installation, &mut tx, workspace, &folder).await.expect("set");
    assert_eq!(relay::main(installation, &mut tx, workspace).await.expect("read"), folder);
    relay::save(installation, &mut tx, workspace, &smtp).await.expect("set again");

    let read = relay::main(installation, &mut tx, workspace).await.expect("read");
    let RelayKind::Smtp(target) = &read.kind else { panic!("{read:?}") };
    assert_eq!(target.helo, "news.example.org");
    assert_eq!(target.credentials, Some(("user".to_owned(), "geheim".to_owned())));
    assert_eq!((read.connections, read.rate_limit), (20, rate(2.5)));
    assert!(!format!("{read:?} {:?}", read.describe()).contains("geheim"));
    let row = sqlx::query("select target from relay").fetch_one(&mut *tx).await.expect("a row");
    let kept: Vec<u8> = sqlx::Row::get(&row, 0);
    assert!(!kept.windows(6).any(|window| window == b"geheim"));
    assert_eq!(relay::main(installation, &mut tx, workspace + 1).await.expect("read").kind, RelayKind::Capture);

    for (connections, cap, key) in [
        (0, RateLimit::default(), "relay-connections"),
        (1_001, RateLimit::default(), "relay-connections"),
        (1, rate(0.0), "relay-rate"),
        (1, rate(f64::NAN), "relay-rate"),
    ] {
        let wrong = Relay { connections, rate_limit: cap, ..Relay::default() };
        assert_eq!(relay::save(installation, &mut tx, workspace, &wrong).await.expect_err(key).message().key, key);
    }
});

both!(command_sets_shows_and_tests_a_relay, |fixture| {
    let installation = &fixture.installation;
    let traits = || Traits { connections: Some(7), ..Traits::default() };
    let sink = Plan::new().start().await;
    let smtp = |url: String| Command::Set { name: "smtp".to_owned(), target: Some(url), traits: traits() };
    let (show, test) = (|| Command::Show { name: None }, || Command::Test { name: None });

    let shown = door::run(installation, &fixture.actor, show(), Lang::EN).await.expect("shown");
    assert_eq!((&shown.json["kind"], &shown.json["name"]), (&"capture".into(), &"main".into()));
    assert_eq!((&shown.json["connections"], &shown.json["rate"]), (&4.into(), &serde_json::Value::Null));
    assert_eq!(door::run(installation, &fixture.actor, test(), Lang::EN).await.expect("tried").json["ok"], true);

    door::run(installation, &fixture.actor, smtp(format!("smtp://user:geheim@{}", sink.address)), Lang::EN)
        .await
        .expect("set");
    let shown = door::run(installation, &fixture.actor, show(), Lang::EN).await.expect("shown");
    assert_eq!(shown.json["target"], format!("smtp://***@{}", sink.address));
    assert!(!format!("{shown:?}").contains("geheim"));
    let refused = door::run(installation, &fixture.actor, test(), Lang::EN).await.expect_err("no AUTH there");
    assert_eq!((refused.message().key, refused.exit_code()), ("smtp-mechanism", 2));

    door::run(installation, &fixture.actor, smtp(format!("smtp://{}", sink.address)), Lang::EN).await.expect("set");
    let tried = door::run(installation, &fixture.actor, test(), Lang::EN).await.expect("answers");
    assert_eq!((&tried.json["pipelining"], &tried.json["encrypted"]), (&true.into(), &false.into()));

    let busy = Plan::new().at("CONNECT", Action::Say("421 4.3.2 busy")).start().await;
    door::run(installation, &fixture.actor, smtp(format!("smtp://{}", busy.address)), Lang::EN).await.expect("set");
    let failed = door::run(installation, &fixture.actor, test(), Lang::EN).await.expect_err("busy");
    assert_eq!((failed.message().key, failed.exit_code()), ("smtp-answer", 1));

    let dir = fixture.folder.path().join("out");
    door::run(
        installation,
        &fixture.actor,
        Command::Choice(Choice::File { dir: dir.clone(), traits: traits() }),
        Lang::EN,
    )
    .await
    .expect("set");
    assert!(dir.is_dir());
    assert_eq!(door::run(installation, &fixture.actor, show(), Lang::EN).await.expect("shown").json["kind"], "file");
});
