//! `sendoff user`, and what `serve` prints while there is no administrator.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

fn command(data: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sendoff"));
    command.arg("--data").arg(data).args(["--lang", "en", "--json"]).args(words);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The JSON that a command prints, and its exit code.
fn run(data: &Path, words: &[&str]) -> (Value, i32) {
    let output = command(data, words).output().expect("the program runs");
    let json = serde_json::from_slice(&output.stdout);
    (json.expect("JSON"), output.status.code().expect("an exit code"))
}

/// `serve` with the first line that it prints; stopped when it is dropped.
struct Serving(Child, Value);

impl Serving {
    fn start(data: &Path, words: &[&str]) -> Self {
        let mut child =
            command(data, &[&["serve", "--listen", "127.0.0.1:0"], words].concat()).spawn().expect("starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        Self(child, serde_json::from_str(&line).expect("JSON"))
    }

    fn url(&self, name: &str) -> Option<&str> {
        self.1[name].as_str()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn post(url: &str, form: &str) -> String {
    let (host, path) = url.trim_start_matches("http://").split_once('/').expect("a path");
    let mut stream = TcpStream::connect(host).expect("a listener");
    let request = format!(
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    stream.write_all(request.as_bytes()).expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    answer
}

#[test]
fn serve_prints_the_link_of_the_setup_until_there_is_an_administrator() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    assert_eq!(run(data, &["init"]).1, 0);
    let serving = Serving::start(data, &[]);
    let url = serving.url("setup_url").expect("a link").to_owned();
    assert!(url.starts_with(&format!("{}/setup?token=", serving.url("desk").expect("a desk"))), "{url}");

    let done = post(&url, "name=Anna&email=anna%40example.org&password=violet-1910");

    assert!(done.starts_with("HTTP/1.1 303") && done.contains("set-cookie: session="), "{done}");
    drop(serving);
    let again = Serving::start(data, &["--desk", "0.0.0.0:0"]);
    assert_eq!((again.url("setup_url"), again.url("desk").is_some()), (None, true), "now on any address");
}

#[test]
fn users_are_managed_on_the_command_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    run(data, &["init"]);
    let anna = "anna@example.org";

    let (added, _) = run(data, &["user", "add", anna, "--name", "Anna", "--role", "owner", "--administrator"]);
    assert!(added["link"].as_str().expect("a link").starts_with("http://127.0.0.1:8025/password/"), "{added}");
    run(data, &["settings", "set", "desk-url", "https://desk.example.org/"]);
    let (reset, _) = run(data, &["user", "reset", anna, "--second-factor"]);
    assert!(reset["link"].as_str().expect("a link").starts_with("https://desk.example.org/password/"), "{reset}");
    let (taken, code) = run(data, &["user", "add", anna, "--name", "Anna"]);
    assert_eq!((&taken["error"], code), (&"user-exists".into(), 2));
    assert!(!taken.to_string().contains(anna), "errors mask addresses: {taken}");
    let (role, code) = run(data, &["user", "role", anna, "support", "--until", "2020-01-01"]);
    assert_eq!((&role["error"], code), (&"team-grant-term".into(), 2));
    assert_eq!(run(data, &["user", "role", anna, "support", "--until", "soon"]).0["error"], "team-grant-day");
    assert_eq!(run(data, &["user", "role", anna, "chief"]).0["error"], "role-unknown");
    assert_eq!(run(data, &["user", "role", anna, "analyst"]).1, 0);

    let (listed, _) = run(data, &["user", "ls"]);
    let user = &listed["users"][0];
    assert_eq!((&user["email"], &user["active"], &user["administrator"]), (&anna.into(), &false.into(), &true.into()));
    assert_eq!((&user["roles"][0]["workspace"], &user["roles"][0]["role"]), (&"main".into(), &"analyst".into()));
    assert_eq!(run(data, &["user", "sessions", anna]).0["sessions"], serde_json::json!([]));
    assert_eq!(run(data, &["user", "sessions", anna, "--end"]).0["ended"], 0);
    assert_eq!(run(data, &["user", "rm", anna]).0["removed"], true);
    assert_eq!(run(data, &["user", "rm", anna]).0["error"], "user-unknown");
}
