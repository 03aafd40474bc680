//! The program watched from outside: its log under canaries, its numbers at an address of their own,
//! a campaign watched to its end, and a workspace misspelt.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::canary::word;
use crate::fixture::{Fixture, Kind, postgres_url};
use crate::mail_sink::{Action, Plan};

struct Place {
    folder: tempfile::TempDir,
    database: Option<String>,
}

impl Place {
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

    /// A campaign that has begun, to people at these addresses.
    fn begin(&self, people: &[String]) {
        self.ok(&["init"]);
        self.ok(&["list", "add", "News"]);
        let file = self.write("people.csv", &format!("email\n{}\n", people.join("\n")));
        let proof = ["--source", "form", "--basis", "consent", "--proof", "file 17", "--date", "2026-10-01"];
        self.ok(&[&["import", &file, "--list", "News"], &proof[..]].concat());
        self.ok(&["brand", "set", "--name", "Shop", "--address", "1 Main Street"]);
        self.ok(&["settings", "set", "public-url", "http://127.0.0.1:9"]);
        let letter = "+++\nname = \"c\"\nlist = \"News\"\nfrom = \"a@shop.example\"\nsubject = \"s\"\n+++\nHello";
        self.ok(&["campaign", "add", &self.write("c.md", letter)]);
        self.ok(&["campaign", "start", "c"]);
    }
}

/// The lines of a log are objects that name nobody. Returns how many there were.
fn is_clean(log: &[u8], canary: &str) -> usize {
    let text = String::from_utf8_lossy(log);
    let lines = text.lines().filter(|line| line.starts_with('{'));
    for line in lines.clone() {
        let event: Value = serde_json::from_str(line).expect(line);
        assert!(event["time"].is_string() && event["level"].is_string() && event["message"].is_string(), "{line}");
    }
    assert!(!text.to_lowercase().contains(canary), "{text}");
    lines.count()
}

/// A relay that repeats to whom it was to deliver, whatever happens.
async fn talkative(canary: &str) -> crate::mail_sink::Sink {
    let reply: &'static str = Box::leak(format!("550 5.7.1 <{canary}1@example.org> is not for you").into_boxed_str());
    Plan::new().on(move |at| if at.verb == "RCPT" { Action::Say(reply) } else { Action::Usual }).start().await
}

async fn river(database: Option<String>) {
    let canary = word();
    let sink = talkative(&canary).await;
    tokio::task::spawn_blocking(move || {
        let place = Place::new(database);
        let mut people: Vec<String> = (0..40).map(|number| format!("{canary}{number}@example.org")).collect();
        people.push(format!("{canary}@broken@example.org"));
        let relay = format!("smtp://{}", sink.address);
        place.ok(&["init"]);
        place.ok(&["relay", "set", "smtp", &relay]);
        place.begin(&people);
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
            let done = place.call(&words);
            assert_eq!(done.status.code(), Some(code), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
            // What a person at the keyboard reads may repeat what they typed; the log may not.
            let log: Vec<u8> = done
                .stderr
                .split_inclusive(|byte| *byte == b'\n')
                .filter(|line| line[0] == b'{')
                .flatten()
                .copied()
                .collect();
            lines += is_clean(&log, &canary);
        }
        assert!(lines > 5, "there was something to look at: {lines}");
    })
    .await
    .expect("the river was sailed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_log_line_of_the_whole_river_names_anyone_on_sqlite() {
    river(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_log_line_of_the_whole_river_names_anyone_on_postgres() {
    if postgres_url().is_none() {
        return;
    }
    let fixture = Fixture::new(Kind::Postgres).await;
    river(fixture.installation.config.database.clone()).await;
    fixture.close().await;
}

/// A program that runs until it is dropped.
struct Running(Child);

impl Running {
    /// Starts it and waits for its first line.
    fn start(place: &Place, words: &[&str]) -> (Self, String, BufReader<impl Read>) {
        let mut child = place.command(words).stderr(Stdio::null()).spawn().expect("the program runs");
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
fn a_mailer_without_pages_shows_its_numbers_at_an_address_of_their_own() {
    let place = Place::new(None);
    let (mut mailer, line, _out) = Running::start(&place, &["serve", "--role", "mail", "--metrics", "127.0.0.1:0"]);
    let told: Value = serde_json::from_str(&line).expect("JSON");
    let url = told["metrics"].as_str().expect("an address").to_owned();

    let metrics = fetch(&url, "/metrics");
    assert!(metrics.starts_with("HTTP/1.1 200") && metrics.contains("text/plain; version=0.0.4"), "{metrics}");
    assert!(metrics.contains("\nsendoff_database_up 1\n"), "{metrics}");
    assert!(fetch(&url, "/healthz/live").contains("{\"live\":true}"));
    assert!(fetch(&url, "/").starts_with("HTTP/1.1 404"), "no page");
    assert!(mailer.interrupt());
}

#[test]
fn a_watched_campaign_is_shown_to_its_end() {
    let place = Place::new(None);
    place.begin(&["a@example.org".to_owned(), "b@example.org".to_owned()]);
    let (mut watch, first, mut out) = Running::start(&place, &["campaign", "show", "c", "--watch"]);
    let first: Value = serde_json::from_str(&first).expect("JSON");
    assert_eq!((&first["state"], &first["planned"], &first["settled"]), (&"running".into(), &2.into(), &0.into()));

    place.ok(&["mail", "--until-idle"]);

    let mut rest = String::new();
    out.read_to_string(&mut rest).expect("lines to the end");
    let last: Value = serde_json::from_str(rest.lines().last().expect("a line")).expect("JSON");
    assert_eq!((&last["state"], &last["accepted"], &last["settled"]), (&"finished".into(), &2.into(), &2.into()));
    assert!(watch.0.wait().expect("ends").success());
}

/// How many letters a process says that a relay has accepted in a lane.
fn accepted(metrics: &str, relay: &str, lane: &str) -> usize {
    let labels = format!("relay=\"{relay}\",lane=\"{lane}\",result=\"accepted\"}} ");
    let is_meant = |line: &&str| line.starts_with("sendoff_messages_total{workspace=\"") && line.contains(&labels);
    let count = metrics.lines().find(is_meant).and_then(|line| line.rsplit_once(' ')?.1.parse().ok());
    count.unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_relays_and_three_lanes_are_told_apart_while_one_lane_has_used_up_its_day() {
    let sinks = [("main", Plan::new().start().await), ("second", Plan::new().start().await)];
    tokio::task::spawn_blocking(move || {
        let place = Place::new(None);
        place.ok(&["init"]);
        for (name, sink) in &sinks {
            place.ok(&["relay", "set", name, &format!("smtp://{}", sink.address)]);
        }
        place.ok(&["lane", "set", "yahoo", "--daily", "5"]);
        let lanes = [("gmail", "gmail.com"), ("rest", "example.org"), ("yahoo", "yahoo.com")];
        let at = |domain: &'static str| (0..20).map(move |number| format!("p{number}@{domain}"));
        place.begin(&lanes.iter().flat_map(|(_, domain)| at(domain)).collect::<Vec<_>>());
        let (mut mailer, line, _out) = Running::start(&place, &["serve", "--role", "mail", "--metrics", "127.0.0.1:0"]);
        let told: Value = serde_json::from_str(&line).expect("JSON");
        let mut shown = Value::Null;
        for _ in 0..200 {
            shown = place.ok(&["campaign", "show", "c"]);
            if shown["accepted"] == 45 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }

        let waits = &shown["lanes"][0];
        assert_eq!((&shown["accepted"], &shown["state"]), (&45.into(), &"running".into()), "{shown}");
        assert_eq!(
            (&waits["lane"], &waits["pending"], &waits["state"]),
            (&"yahoo".into(), &15.into(), &"spent".into())
        );
        assert!(waits["opens_at"].as_str().is_some_and(|at| at.ends_with("T00:00:00Z")), "{shown}");
        let (mut watch, first, _rest) = Running::start(&place, &["campaign", "show", "c", "--watch"]);
        let first: Value = serde_json::from_str(&first).expect("JSON");
        assert_eq!(first["lanes"], shown["lanes"]);
        assert!(watch.interrupt());

        let metrics = fetch(told["metrics"].as_str().expect("an address"), "/metrics");
        for (name, sink) in &sinks {
            for (lane, domain) in lanes {
                let got = sink.log().messages.iter().filter(|letter| letter.to[0].contains(domain)).count();
                assert_eq!(accepted(&metrics, name, lane), got, "{name} {lane}: {metrics}");
            }
            assert!(!sink.log().messages.is_empty(), "both relays carry their share");
        }
        assert!(mailer.interrupt());
    })
    .await
    .expect("watched");
}

#[test]
fn who_stops_watching_leaves_the_campaign_alone() {
    let place = Place::new(None);
    place.begin(&["a@example.org".to_owned()]);
    let (mut watch, _, _out) = Running::start(&place, &["campaign", "show", "c", "--watch"]);

    assert!(watch.interrupt());
    assert_eq!(place.ok(&["campaign", "show", "c"])["state"], "running");
    assert_eq!(place.call(&["campaign", "show", "nothing", "--watch"]).status.code(), Some(2));
}

#[test]
fn a_workspace_misspelt_is_refused_and_none_is_made() {
    let place = Place::new(None);
    place.ok(&["list", "add", "News"]);
    place.ok(&["workspace", "add", "acme"]);

    let refused = place.call(&["--workspace", "amce", "list", "ls"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2));
    assert!(said.contains("“amce”") && said.contains("acme, main") && said.contains("workspace add"), "{said}");
    assert_eq!(place.ok(&["workspace", "ls"])["workspaces"], serde_json::json!(["acme", "main"]));
    assert_eq!(place.ok(&["--workspace", "acme", "list", "ls"])["lists"], serde_json::json!([]));
    for name in ["acme", "", "a\u{200b}b"] {
        assert_eq!(place.call(&["workspace", "add", name]).status.code(), Some(2), "{name}");
    }
}
