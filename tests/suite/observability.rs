//! Observability of the program: no address in its log, metrics without pages, a watched campaign, an unknown workspace.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::canary::word;
use crate::fixture::{Fixture, Kind};
use crate::mail_sink::{Action, Plan};

/// An installation that is used by processes.
struct Installed {
    folder: tempfile::TempDir,
    database: Option<String>,
}

impl Installed {
    fn new(database: Option<String>) -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), database }
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sendoff"));
        let data = self.folder.path().join("data");
        command.arg("--data").arg(data).args(["--lang", "en", "--json", "--log", "json", "--log-level", "trace"]);
        if let Some(url) = &self.database {
            command.args(["--database", url]);
        }
        command.args(words).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn call(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("the program runs")
    }

    fn ok(&self, words: &[&str]) -> Value {
        let output = self.call(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// Starts a campaign to these addresses.
    fn start_campaign(&self, people: &[String]) {
        self.ok(&["init"]);
        self.ok(&["list", "add", "News"]);
        let file = self.write("people.csv", &format!("email\n{}\n", people.join("\n")));
        let proof = ["--source", "form", "--basis", "consent", "--proof", "file 17", "--date", "2026-10-01"];
        self.ok(&[&["import", &file, "--list", "News"], &proof[..]].concat());
        self.ok(&["brand", "set", "--name", "Shop", "--address", "1 Main Street"]);
        self.ok(&["settings", "set", "public-url", "http://127.0.0.1:9"]);
        let email = "+++\nname = \"c\"\nlist = \"News\"\nfrom = \"a@shop.example\"\nsubject = \"s\"\n+++\nHello";
        self.ok(&["campaign", "add", &self.write("c.md", email)]);
        self.ok(&["campaign", "start", "c"]);
    }
}

/// Asserts that the lines of a log are JSON objects without the canary. Returns how many there are.
fn check_log(log: &[u8], canary: &str) -> usize {
    let text = String::from_utf8_lossy(log);
    let lines = text.lines().filter(|line| line.starts_with('{'));
    for line in lines.clone() {
        let event: Value = serde_json::from_str(line).expect(line);
        assert!(event["time"].is_string() && event["level"].is_string() && event["message"].is_string(), "{line}");
    }
    assert!(!text.to_lowercase().contains(canary), "{text}");
    lines.count()
}

/// A relay whose replies repeat the address of the recipient.
async fn relay_that_names_recipients(canary: &str) -> crate::mail_sink::Sink {
    let reply: &'static str = Box::leak(format!("550 5.7.1 <{canary}1@example.org> is not for you").into_boxed_str());
    Plan::new().on(move |at| if at.verb == "RCPT" { Action::Say(reply) } else { Action::Usual }).start().await
}

/// Runs import, sending, restriction and erasure, and checks the log of every command.
async fn run_end_to_end(database: Option<String>) {
    let canary = word();
    let sink = relay_that_names_recipients(&canary).await;
    tokio::task::spawn_blocking(move || {
        let installed = Installed::new(database);
        let mut people: Vec<String> = (0..40).map(|number| format!("{canary}{number}@example.org")).collect();
        people.push(format!("{canary}@broken@example.org"));
        let relay = format!("smtp://{}", sink.address);
        installed.ok(&["init"]);
        installed.ok(&["relay", "set", "smtp", &relay]);
        installed.start_campaign(&people);
        let someone = format!("{canary}3@example.org");
        let mut lines = 0;
        for (words, code) in [
            (vec!["mail", "--until-idle"], 1),
            (vec!["relay", "set", "smtp", "smtp://127.0.0.1:9"], 0),
            (vec!["settings", "set", "relay-patience", "1"], 0),
            (vec!["campaign", "resume", "c"], 0),
            (vec!["mail", "--until-idle"], 1),
            (vec!["relay", "set", "capture"], 0),
            (vec!["campaign", "resume", "c"], 0),
            (vec!["mail", "--until-idle"], 0),
            (vec!["contact", "restrict", &someone], 0),
            (vec!["contact", "erase", &someone], 0),
            (vec!["contact", "show", &someone], 2),
        ] {
            let done = installed.call(&words);
            assert_eq!(done.status.code(), Some(code), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
            // The error that the user reads may repeat the address typed; the log may not.
            let log: Vec<u8> = done
                .stderr
                .split_inclusive(|byte| *byte == b'\n')
                .filter(|line| line[0] == b'{')
                .flatten()
                .copied()
                .collect();
            lines += check_log(&log, &canary);
        }
        assert!(lines > 5, "the log has lines: {lines}");
    })
    .await
    .expect("all commands ran");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_log_line_of_an_end_to_end_run_has_an_address_on_sqlite() {
    run_end_to_end(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_log_line_of_an_end_to_end_run_has_an_address_on_postgres() {
    let fixture = Fixture::new(Kind::Postgres).await;
    run_end_to_end(fixture.installation.config.database.clone()).await;
    fixture.close().await;
}

/// A process that is killed when it is dropped.
struct Running(Child);

impl Running {
    /// Starts it and waits for its first line.
    fn start(installed: &Installed, words: &[&str]) -> (Self, String, BufReader<impl Read>) {
        let mut child = installed.command(words).stderr(Stdio::null()).spawn().expect("the program runs");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        out.read_line(&mut line).expect("a line");
        (Self(child), line, out)
    }

    fn interrupt(&mut self) -> bool {
        Command::new("kill").args(["-INT", &self.0.id().to_string()]).status().expect("asked to stop");
        self.0.wait().expect("ends").success()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn fetch(url: &str, path: &str) -> String {
    let address = url.trim_start_matches("http://").split('/').next().expect("an address");
    let mut stream = TcpStream::connect(address).expect("a listener");
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: scraper\r\nConnection: close\r\n\r\n").as_bytes())
        .expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    answer
}

#[test]
fn the_mail_role_serves_metrics_and_health_without_pages() {
    let installed = Installed::new(None);
    installed.ok(&["init"]);
    let (mut mailer, line, _out) = Running::start(&installed, &["serve", "--role", "mail", "--metrics", "127.0.0.1:0"]);
    let announcement: Value = serde_json::from_str(&line).expect("JSON");
    let url = announcement["metrics"].as_str().expect("an address").to_owned();

    let metrics = fetch(&url, "/metrics");
    assert!(metrics.starts_with("HTTP/1.1 200") && metrics.contains("text/plain; version=0.0.4"), "{metrics}");
    assert!(metrics.contains("\nsendoff_database_up 1\n"), "{metrics}");
    assert!(fetch(&url, "/healthz/live").contains("{\"live\":true}"));
    assert!(fetch(&url, "/").starts_with("HTTP/1.1 404"), "no page");
    assert!(mailer.interrupt());
}

#[test]
fn watch_shows_a_campaign_until_it_is_finished() {
    let installed = Installed::new(None);
    installed.start_campaign(&["a@example.org".to_owned(), "b@example.org".to_owned()]);
    let (mut watch, first, mut out) = Running::start(&installed, &["campaign", "show", "c", "--watch"]);
    let first: Value = serde_json::from_str(&first).expect("JSON");
    assert_eq!((&first["state"], &first["planned"], &first["settled"]), (&"running".into(), &2.into(), &0.into()));

    installed.ok(&["mail", "--until-idle"]);

    let mut rest = String::new();
    out.read_to_string(&mut rest).expect("lines to the end");
    let last: Value = serde_json::from_str(rest.lines().last().expect("a line")).expect("JSON");
    assert_eq!((&last["state"], &last["accepted"], &last["settled"]), (&"finished".into(), &2.into(), &2.into()));
    assert!(watch.0.wait().expect("ends").success());
}

/// The messages accepted by a relay in a lane, as the metrics count them.
fn accepted(metrics: &str, relay: &str, lane: &str) -> usize {
    let labels = format!("relay=\"{relay}\",lane=\"{lane}\",result=\"accepted\"}} ");
    let is_counter = |line: &&str| line.starts_with("sendoff_messages_total{workspace=\"") && line.contains(&labels);
    let count = metrics.lines().find(is_counter).and_then(|line| line.rsplit_once(' ')?.1.parse().ok());
    count.unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_and_lanes_distinguish_relays_and_a_spent_quota() {
    let sinks = [("main", Plan::new().start().await), ("second", Plan::new().start().await)];
    tokio::task::spawn_blocking(move || {
        let installed = Installed::new(None);
        installed.ok(&["init"]);
        for (name, sink) in &sinks {
            installed.ok(&["relay", "set", name, &format!("smtp://{}", sink.address)]);
        }
        installed.ok(&["lane", "set", "yahoo", "--daily", "5"]);
        let lanes = [("gmail", "gmail.com"), ("rest", "example.org"), ("yahoo", "yahoo.com")];
        let at = |domain: &'static str| (0..20).map(move |number| format!("p{number}@{domain}"));
        installed.start_campaign(&lanes.iter().flat_map(|(_, domain)| at(domain)).collect::<Vec<_>>());
        let (mut mailer, line, _out) =
            Running::start(&installed, &["serve", "--role", "mail", "--metrics", "127.0.0.1:0"]);
        let announcement: Value = serde_json::from_str(&line).expect("JSON");
        let mut shown = Value::Null;
        for _ in 0..200 {
            shown = installed.ok(&["campaign", "show", "c"]);
            if shown["accepted"] == 45 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }

        let waiting = &shown["lanes"][0];
        assert_eq!((&shown["accepted"], &shown["state"]), (&45.into(), &"running".into()), "{shown}");
        assert_eq!(
            (&waiting["lane"], &waiting["pending"], &waiting["state"]),
            (&"yahoo".into(), &15.into(), &"spent".into())
        );
        assert!(waiting["opens_at"].as_str().is_some_and(|at| at.ends_with("T00:00:00Z")), "{shown}");
        let (mut watch, first, _rest) = Running::start(&installed, &["campaign", "show", "c", "--watch"]);
        let first: Value = serde_json::from_str(&first).expect("JSON");
        assert_eq!(first["lanes"], shown["lanes"]);
        assert!(watch.interrupt());

        let metrics = fetch(announcement["metrics"].as_str().expect("an address"), "/metrics");
        for (name, sink) in &sinks {
            for (lane, domain) in lanes {
                let got = sink.log().messages.iter().filter(|message| message.to[0].contains(domain)).count();
                assert_eq!(accepted(&metrics, name, lane), got, "{name} {lane}: {metrics}");
            }
            assert!(!sink.log().messages.is_empty(), "both relays are used");
        }
        assert!(mailer.interrupt());
    })
    .await
    .expect("watched");
}

#[test]
fn stopping_watch_does_not_change_the_campaign() {
    let installed = Installed::new(None);
    installed.start_campaign(&["a@example.org".to_owned()]);
    let (mut watch, _, _out) = Running::start(&installed, &["campaign", "show", "c", "--watch"]);

    assert!(watch.interrupt());
    assert_eq!(installed.ok(&["campaign", "show", "c"])["state"], "running");
    assert_eq!(installed.call(&["campaign", "show", "nothing", "--watch"]).status.code(), Some(2));
}

#[test]
fn an_unknown_workspace_is_refused_and_not_created() {
    let installed = Installed::new(None);
    installed.ok(&["init"]);
    installed.ok(&["list", "add", "News"]);
    installed.ok(&["workspace", "add", "acme"]);

    let refused = installed.call(&["--workspace", "amce", "list", "ls"]);
    let stderr = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr.contains("“amce”") && stderr.contains("acme, main") && stderr.contains("workspace add"), "{stderr}");
    assert_eq!(installed.ok(&["workspace", "ls"])["workspaces"], serde_json::json!(["acme", "main"]));
    assert_eq!(installed.ok(&["--workspace", "acme", "list", "ls"])["lists"], serde_json::json!([]));
    for name in ["acme", "", "a\u{200b}b"] {
        assert_eq!(installed.call(&["workspace", "add", name]).status.code(), Some(2), "{name}");
    }
}
