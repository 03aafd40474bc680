//! The program as a user runs it: the demo, and a first campaign by commands alone.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::fixture::{Fixture, Kind, postgres_url};

struct CommandLine {
    folder: tempfile::TempDir,
    database: Option<String>,
}

impl CommandLine {
    fn new(database: Option<String>) -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), database }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).expect("a file");
        self.path(name)
    }

    fn call(&self, words: &[&str]) -> Output {
        self.call_in("data", words)
    }

    fn call_in(&self, folder: &str, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sendoff"));
        command.args(["--data", &self.path(folder), "--lang", "en", "--json"]).args(words);
        if let Some(url) = &self.database {
            command.args(["--database", url]);
        }
        command.output().expect("the program runs")
    }

    /// The JSON of a command that must succeed.
    fn ok(&self, words: &[&str]) -> Value {
        self.ok_in("data", words)
    }

    fn ok_in(&self, folder: &str, words: &[&str]) -> Value {
        let output = self.call_in(folder, words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{words:?}: {}", String::from_utf8_lossy(&output.stdout)))
    }

    /// Whether trace search finds no byte of an address.
    fn has_no_trace(&self, address: &str) -> bool {
        let clean = self.call(&["trace", "search", address]).status.success();
        if !clean {
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        clean
    }

    /// Exit code and message of a command that must be refused.
    fn refused(&self, words: &[&str]) -> (i32, String) {
        let output = self.call(words);
        assert!(!output.status.success(), "{words:?} succeeded");
        (output.status.code().expect("an exit code"), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

const EMAIL: &str = r#"+++
name = "autumn"
list = "News"
segment = "adults"
from = "Shop <news@shop.example>"
subject = "{{ first_name | default('Friend') }}, autumn is here"
tracking = "individual"
+++
# Hello, {{ first_name | default('friend') }}!

[Look](https://shop.example/catalog)
"#;

const PEOPLE: &str =
    "email,first_name,age\nERASED,Anna,30\nиван@почта.example,Иван,41\nkid@example.org,Kid,9\nbroken,X,1\n";

fn first_campaign(cli: &CommandLine) {
    cli.ok(&["init"]);
    cli.ok(&["field", "add", "first_name", "text"]);
    cli.ok(&["field", "add", "age", "number"]);
    cli.ok(&["list", "add", "News"]);
    // An address of this test alone: the files of a shared server hold addresses of other tests.
    let erased = format!(
        "anna.{}@example.org",
        cli.folder.path().file_name().expect("a name").to_string_lossy().replace('.', "")
    );
    let file = cli.write("people.csv", &PEOPLE.replace("ERASED", &erased));
    let import = [
        "import",
        &file,
        "--list",
        "News",
        "--source",
        "form",
        "--basis",
        "consent",
        "--proof",
        "file 17",
        "--date",
        "2026-10-01",
    ];
    let counts = cli.ok(&import);
    assert_eq!((&counts["new"], &counts["invalid"]), (&3.into(), &1.into()));
    assert_eq!(cli.ok(&import)["unchanged"], 3);
    cli.ok(&["segment", "save", "adults", "age >= 18"]);
    assert_eq!(cli.ok(&["segment", "count", "adults"])["count"], 2);
    cli.ok(&["brand", "set", "--name", "Shop", "--address", "1 Main Street"]);
    let email = cli.write("autumn.md", EMAIL);
    cli.ok(&["campaign", "add", &email]);

    let (code, sentence) = cli.refused(&["campaign", "start", "autumn"]);
    assert_eq!(code, 2);
    assert!(sentence.contains("settings set public-url"), "{sentence}");

    cli.ok(&["settings", "set", "public-url", "http://127.0.0.1:9"]);
    cli.ok(&["campaign", "test", "autumn", "--to", "me@example.org"]);
    cli.ok(&["campaign", "start", "autumn"]);
    cli.ok(&["mail", "--until-idle"]);
    let shown = cli.ok(&["campaign", "show", "autumn"]);
    assert_eq!((&shown["state"], &shown["planned"], &shown["accepted"]), (&"finished".into(), &2.into(), &2.into()));
    for key in ["rejected", "uncertain", "suppressed", "skipped", "pending", "opens", "clicks", "unsubscribed"] {
        assert_eq!(shown[key], 0, "{key}");
    }

    cli.ok(&["contact", "erase", &erased, "--now"]);
    // A PostgreSQL that other tests write to at the same time removes its journals a little later.
    let attempts = if cli.database.is_some() { 40 } else { 1 };
    assert!((0..attempts).any(|_| cli.has_no_trace(&erased)), "traces: {:?}", cli.call(&["trace", "search", &erased]));
    let again = cli.ok(&import);
    assert_eq!((&again["tombstoned"], &again["new"]), (&1.into(), &0.into()));
    let after = cli.ok(&["campaign", "show", "autumn"]);
    assert_eq!((&after["planned"], &after["accepted"]), (&2.into(), &2.into()));

    let out = cli.path("deliveries.csv");
    cli.ok(&["export", "deliveries", "--format", "csv", "--out", &out]);
    let exported = std::fs::read_to_string(Path::new(&out)).expect("the export");
    assert!(exported.contains("почта.example") && !exported.contains(&erased));
}

#[test]
fn a_first_campaign_by_commands_alone_on_sqlite() {
    first_campaign(&CommandLine::new(None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_campaign_by_commands_alone_on_postgres() {
    if postgres_url().is_none() {
        return;
    }
    let fixture = Fixture::new(Kind::Postgres).await;
    let url = fixture.installation.config.database.clone();
    tokio::task::spawn_blocking(|| first_campaign(&CommandLine::new(url))).await.expect("the campaign went through");
    fixture.close().await;
}

#[test]
fn the_numbers_of_the_demo_reconcile() {
    let output = Command::new(env!("CARGO_BIN_EXE_sendoff"))
        .args(["demo", "--once", "--json"])
        .output()
        .expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let number = |key: &str| report[key].as_i64().unwrap_or_else(|| panic!("{key} in {report}"));
    assert!(number("imported") >= 1_000 && number("rejected") > 0);
    assert!(number("segment") > 0 && number("segment") < number("imported"));
    assert_eq!(number("planned"), number("segment"));
    assert_eq!(number("accepted"), number("planned"));
    assert!(number("opens") > number("clicks") && number("clicks") > 0);
    assert_eq!((number("unsubscribed"), number("residue_hits"), number("reimport_refused")), (1, 0, 1));
    assert_eq!(number("exported_rows"), number("planned") - 1);
    assert!(report["seconds"].as_f64().expect("a number") > 0.0);
}

/// The commands of the README after the build.
#[test]
fn the_first_campaign_of_the_readme_works_word_by_word() {
    let cli = CommandLine::new(None);
    let readme = include_str!("../../README.md").split("## Your first campaign").nth(1).expect("a chapter");
    let commands = readme.split("```").nth(1).expect("commands").trim_start_matches("sh\n");
    let real = commands.lines().filter(|line| !line.starts_with("cargo")).collect::<Vec<_>>().join("\n");
    assert!(real.contains("campaign start autumn"), "{real}");
    std::os::unix::fs::symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/examples"), cli.path("examples")).expect("linked");

    let program = env!("CARGO_BIN_EXE_sendoff");
    let script = format!("set -eu\nsendoff() {{ {program} \"$@\"; }}\n{real}");
    let output = Command::new("sh").args(["-c", &script]).current_dir(cli.folder.path()).output().expect("a shell");

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let audience =
        usize::try_from(cli.ok_in("sendoff-data", &["segment", "count", "adults"])["count"].as_u64().expect("a count"))
            .expect("small");
    assert!(audience > 100, "{audience}");
    assert_eq!(std::fs::read_to_string(cli.path("deliveries.csv")).expect("exported").lines().count(), 1 + audience);
}

/// Interrupts a demo after its first line of output; its files are below `folder`.
fn stopped_demo(folder: &Path) -> bool {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_sendoff"))
        .args(["demo", "--lang", "en"])
        .env("TMPDIR", folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut first = [0; 1];
    demo.stdout.as_mut().expect("a pipe").read_exact(&mut first).expect("a line");
    Command::new("kill").args(["-INT", &demo.id().to_string()]).status().expect("asked to stop");
    demo.wait().expect("ends").success()
}

#[test]
fn an_interrupted_demo_leaves_no_files() {
    let folder = tempfile::tempdir().expect("a folder");

    assert!(!stopped_demo(folder.path()), "it did not come to its end");

    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn the_demo_changes_no_existing_files() {
    let cli = CommandLine::new(None);
    for name in ["contacts.csv", "autumn.md"] {
        cli.write(name, "mine");
    }

    cli.ok(&["demo", "--once"]);
    let (code, sentence) = cli.refused(&["demo", "--once"]);

    assert_eq!((code, sentence.contains("in use already")), (2, true), "{sentence}");
    for name in ["contacts.csv", "autumn.md"] {
        assert_eq!(std::fs::read_to_string(cli.path(name)).expect(name), "mine");
    }
}

#[test]
fn an_invalid_request_exits_with_two_and_a_next_step() {
    let cli = CommandLine::new(None);
    cli.ok(&["init"]);

    let (code, sentence) = cli.refused(&["import", &cli.path("none.csv"), "--list", "News"]);
    assert_eq!(code, 2, "{sentence}");
    let (code, sentence) = cli.refused(&["field", "add", "and", "text"]);
    assert_eq!((code, sentence.contains("Choose another field name")), (2, true), "{sentence}");
    let (code, sentence) = cli.refused(&["campaign", "show", "nothing"]);
    assert_eq!((code, sentence.contains("There is no campaign")), (2, true), "{sentence}");
    let (code, _) = cli.refused(&["--database", "mysql://x", "init"]);
    assert_eq!(code, 2);
}

#[test]
fn mail_exits_with_one_when_the_relay_is_down() {
    let cli = CommandLine::new(None);
    cli.ok(&["init"]);
    cli.ok(&["list", "add", "News"]);
    let file = cli.write("people.csv", "email\nanna@example.org\n");
    let proof = ["--source", "form", "--basis", "consent", "--proof", "file 17", "--date", "2026-10-01"];
    cli.ok(&[&["import", &file, "--list", "News"], &proof[..]].concat());
    cli.ok(&["brand", "set", "--name", "Shop", "--address", "1 Main Street"]);
    cli.ok(&["settings", "set", "public-url", "http://127.0.0.1:9"]);
    cli.ok(&["settings", "set", "relay-patience", "1"]);
    cli.ok(&["relay", "set", "smtp", "smtp://127.0.0.1:9"]);
    let email = "+++\nname = \"c\"\nlist = \"News\"\nfrom = \"a@shop.example\"\nsubject = \"s\"\n+++\nHello";
    cli.ok(&["campaign", "add", &cli.write("c.md", email)]);
    cli.ok(&["campaign", "start", "c"]);

    let (code, _) = cli.refused(&["mail", "--until-idle"]);
    assert_eq!(code, 1);
    assert_eq!(cli.ok(&["campaign", "show", "c"])["state"], "paused");

    // A campaign paused before this run is no failure of it.
    cli.ok(&["mail", "--until-idle"]);
}
