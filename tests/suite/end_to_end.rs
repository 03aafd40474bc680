//! The program as a user meets it: the demo, and a first campaign by commands alone.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::fixture::{Fixture, Kind, postgres_url};

struct Desk {
    folder: tempfile::TempDir,
    database: Option<String>,
}

impl Desk {
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
        let mut command = Command::new(env!("CARGO_BIN_EXE_sendoff"));
        command.args(["--data", &self.path("data"), "--lang", "en", "--json"]).args(words);
        if let Some(url) = &self.database {
            command.args(["--database", url]);
        }
        command.output().expect("the program runs")
    }

    /// The JSON of a command that must succeed.
    fn ok(&self, words: &[&str]) -> Value {
        let output = self.call(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{words:?}: {}", String::from_utf8_lossy(&output.stdout)))
    }

    /// Whether no byte of an address is left.
    fn finds_nothing(&self, address: &str) -> bool {
        let clean = self.call(&["residue", address]).status.success();
        if !clean {
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        clean
    }

    /// Exit code and sentence of a command that must be refused.
    fn refused(&self, words: &[&str]) -> (i32, String) {
        let output = self.call(words);
        assert!(!output.status.success(), "{words:?} was carried out");
        (output.status.code().expect("an exit code"), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

const LETTER: &str = r#"+++
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
    "email,first_name,age\nLEAVER,Anna,30\nиван@почта.example,Иван,41\nkid@example.org,Kid,9\nbroken,X,1\n";

fn first_campaign(desk: &Desk) {
    desk.ok(&["init"]);
    desk.ok(&["field", "add", "first_name", "text"]);
    desk.ok(&["field", "add", "age", "number"]);
    desk.ok(&["list", "add", "News"]);
    // An address of its own: the files of a shared server hold those of other tests.
    let leaver = format!(
        "anna.{}@example.org",
        desk.folder.path().file_name().expect("a name").to_string_lossy().replace('.', "")
    );
    let file = desk.write("people.csv", &PEOPLE.replace("LEAVER", &leaver));
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
    let counts = desk.ok(&import);
    assert_eq!((&counts["new"], &counts["invalid"]), (&3.into(), &1.into()));
    assert_eq!(desk.ok(&import)["unchanged"], 3);
    desk.ok(&["segment", "save", "adults", "age >= 18"]);
    assert_eq!(desk.ok(&["segment", "count", "adults"])["count"], 2);
    desk.ok(&["brand", "set", "--name", "Shop", "--address", "1 Main Street"]);
    let letter = desk.write("autumn.md", LETTER);
    desk.ok(&["campaign", "add", &letter]);

    let (code, sentence) = desk.refused(&["campaign", "start", "autumn"]);
    assert_eq!(code, 2);
    assert!(sentence.contains("settings set public-url"), "{sentence}");

    desk.ok(&["settings", "set", "public-url", "http://127.0.0.1:9"]);
    desk.ok(&["campaign", "test", "autumn", "--to", "me@example.org"]);
    desk.ok(&["campaign", "start", "autumn"]);
    desk.ok(&["mail", "--until-idle"]);
    let shown = desk.ok(&["campaign", "show", "autumn"]);
    assert_eq!((&shown["state"], &shown["planned"], &shown["accepted"]), (&"finished".into(), &2.into(), &2.into()));
    for key in ["rejected", "uncertain", "suppressed", "skipped", "pending", "opens", "clicks", "unsubscribed"] {
        assert_eq!(shown[key], 0, "{key}");
    }

    desk.ok(&["contact", "erase", &leaver]);
    // A PostgreSQL that other tests write to at the same time lets go of its journals a little later.
    let patience = if desk.database.is_some() { 40 } else { 1 };
    assert!((0..patience).any(|_| desk.finds_nothing(&leaver)), "residue: {:?}", desk.call(&["residue", &leaver]));
    let again = desk.ok(&import);
    assert_eq!((&again["tombstoned"], &again["new"]), (&1.into(), &0.into()));
    let after = desk.ok(&["campaign", "show", "autumn"]);
    assert_eq!((&after["planned"], &after["accepted"]), (&2.into(), &2.into()));

    let out = desk.path("deliveries.csv");
    desk.ok(&["export", "deliveries", "--format", "csv", "--out", &out]);
    let exported = std::fs::read_to_string(Path::new(&out)).expect("the export");
    assert!(exported.contains("почта.example") && !exported.contains(&leaver));
}

#[test]
fn a_first_campaign_by_commands_alone_on_sqlite() {
    first_campaign(&Desk::new(None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_campaign_by_commands_alone_on_postgres() {
    if postgres_url().is_none() {
        return;
    }
    let fixture = Fixture::new(Kind::Postgres).await;
    let url = fixture.installation.config.database.clone();
    tokio::task::spawn_blocking(|| first_campaign(&Desk::new(url))).await.expect("the campaign went through");
    fixture.close().await;
}

#[test]
fn the_demo_tells_the_whole_story_and_its_numbers_agree() {
    let output = Command::new(env!("CARGO_BIN_EXE_sendoff"))
        .args(["demo", "--once", "--json"])
        .output()
        .expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let story: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let number = |key: &str| story[key].as_i64().unwrap_or_else(|| panic!("{key} in {story}"));
    assert!(number("imported") >= 1_000 && number("rejected") > 0);
    assert!(number("segment") > 0 && number("segment") < number("imported"));
    assert_eq!(number("planned"), number("segment"));
    assert_eq!(number("accepted"), number("planned"));
    assert!(number("opens") > number("clicks") && number("clicks") > 0);
    assert_eq!((number("unsubscribed"), number("residue_hits"), number("reimport_refused")), (1, 0, 1));
    assert_eq!(number("exported_rows"), number("planned") - 1);
    assert!(story["seconds"].as_f64().expect("a number") > 0.0);
}

/// The commands of the README as they stand, with the inbox of the installation for a mail server and
/// the mailer alone for `serve`, which never ends.
#[test]
fn the_first_campaign_of_the_readme_goes_through() {
    let desk = Desk::new(None);
    desk.write("people.csv", "email,first_name,city,age\na@example.org,Anna,Москва,30\nb@example.org,,Казань,41\n");
    let readme = include_str!("../../README.md").split("## Your first campaign").nth(1).expect("a chapter");
    let commands = readme.split("```").nth(1).expect("commands").trim_start_matches("sh\n");
    let kept = commands.lines().filter(|line| !line.starts_with("cargo") && !line.starts_with("sendoff relay"));
    let kept = kept.collect::<Vec<_>>().join("\n").replace("sendoff serve ", "sendoff mail --until-idle ");
    let real = kept.replace(" --dry-run", "");
    assert!(real.contains("campaign start autumn") && real != kept, "{real}");
    std::os::unix::fs::symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/examples"), desk.path("examples"))
        .expect("linked");

    let program = env!("CARGO_BIN_EXE_sendoff");
    let script = format!("set -eu\nsendoff() {{ {program} \"$@\"; }}\n{real}");
    let output = Command::new("sh").args(["-c", &script]).current_dir(desk.folder.path()).output().expect("a shell");

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read_to_string(desk.path("deliveries.csv")).expect("exported").lines().count(), 3);
}

/// A demo that is asked to stop after its first line; whatever it makes lies below `folder`.
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
fn a_demo_that_is_stopped_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");

    assert!(!stopped_demo(folder.path()), "it did not come to its end");

    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn the_demo_touches_nothing_of_its_users() {
    let desk = Desk::new(None);
    for name in ["contacts.csv", "autumn.md"] {
        desk.write(name, "mine");
    }

    desk.ok(&["demo", "--once"]);
    let (code, sentence) = desk.refused(&["demo", "--once"]);

    assert_eq!((code, sentence.contains("in use already")), (2, true), "{sentence}");
    for name in ["contacts.csv", "autumn.md"] {
        assert_eq!(std::fs::read_to_string(desk.path(name)).expect(name), "mine");
    }
}

#[test]
fn misuse_says_what_to_do_and_ends_with_two() {
    let desk = Desk::new(None);

    let (code, sentence) = desk.refused(&["import", &desk.path("none.csv"), "--list", "News"]);
    assert_eq!(code, 2, "{sentence}");
    let (code, sentence) = desk.refused(&["field", "add", "and", "text"]);
    assert_eq!((code, sentence.contains("Choose another field name")), (2, true), "{sentence}");
    let (code, sentence) = desk.refused(&["campaign", "show", "nothing"]);
    assert_eq!((code, sentence.contains("There is no campaign")), (2, true), "{sentence}");
    let (code, _) = desk.refused(&["--database", "mysql://x", "init"]);
    assert_eq!(code, 2);
}

#[test]
fn mail_that_a_dead_relay_stops_ends_with_one() {
    let desk = Desk::new(None);
    desk.ok(&["init"]);
    desk.ok(&["list", "add", "News"]);
    let file = desk.write("people.csv", "email\nanna@example.org\n");
    let proof = ["--source", "form", "--basis", "consent", "--proof", "file 17", "--date", "2026-10-01"];
    desk.ok(&[&["import", &file, "--list", "News"], &proof[..]].concat());
    desk.ok(&["brand", "set", "--name", "Shop", "--address", "1 Main Street"]);
    desk.ok(&["settings", "set", "public-url", "http://127.0.0.1:9"]);
    desk.ok(&["settings", "set", "relay-patience", "1"]);
    desk.ok(&["relay", "set", "smtp", "smtp://127.0.0.1:9"]);
    let letter = "+++\nname = \"c\"\nlist = \"News\"\nfrom = \"a@shop.example\"\nsubject = \"s\"\n+++\nHello";
    desk.ok(&["campaign", "add", &desk.write("c.md", letter)]);
    desk.ok(&["campaign", "start", "c"]);

    let (code, _) = desk.refused(&["mail", "--until-idle"]);
    assert_eq!(code, 1);
    assert_eq!(desk.ok(&["campaign", "show", "c"])["state"], "paused");

    // What stood still before is no failure of this run.
    desk.ok(&["mail", "--until-idle"]);
}
