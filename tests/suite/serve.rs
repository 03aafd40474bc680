//! `serve` and `mail` as real processes that want the same folder.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process, killed when it is dropped.
struct Process {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Process {
    fn start(folder: &TempDir, words: &[&str]) -> Self {
        let mut child = command(folder, words).spawn().expect("the program starts");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, out }
    }

    /// The next object that it prints.
    fn told(&mut self) -> Value {
        let mut line = String::new();
        self.out.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).expect("JSON")
    }

    /// Its end, and what it said besides.
    fn end(mut self) -> (ExitStatus, String) {
        let until = Instant::now() + PATIENCE;
        while self.child.try_wait().expect("asked").is_none() {
            assert!(Instant::now() < until, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
        let mut said = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        (self.child.wait().expect("ended"), said)
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.id()]).status().expect("kill").success());
    }

    fn id(&self) -> String {
        self.child.id().to_string()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asserts that this is the refusal which names the holder of the folder.
fn assert_names(told: &Value, holder: &Process) {
    assert_eq!(told["error"], "lock-held", "{told}");
    assert!(told["message"].as_str().expect("a sentence").contains(&holder.id()), "{told}");
}

fn command(folder: &TempDir, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sendoff"));
    command.arg("--data").arg(folder.path()).args(["--lang", "en", "--json"]).args(words);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A folder with an installation.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(command(&folder, &["init"]).output().expect("the program runs").status.success());
    folder
}

/// A mailer that has begun: it holds the folder.
fn mailer(folder: &TempDir) -> Process {
    let mailer = Process::start(folder, &["mail"]);
    let until = Instant::now() + PATIENCE;
    let lock = folder.path().join("mailer.lock");
    while std::fs::read_to_string(&lock).unwrap_or_default().trim() != mailer.id() {
        assert!(Instant::now() < until, "the mailer does not begin");
        std::thread::sleep(Duration::from_millis(10));
    }
    mailer
}

/// Waits until `/healthz` names these reasons, and no others that block.
fn await_reasons(address: &str, wanted: &[&str]) {
    let until = Instant::now() + PATIENCE;
    loop {
        let mut stream = TcpStream::connect(address.trim_start_matches("http://")).expect("a listener");
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n").expect("asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        let told: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON");
        let blocks = |reason: &&Value| reason["blocks"] == true;
        let reasons = told["reasons"].as_array().expect("a list");
        let reasons: Vec<&str> = reasons.iter().filter(blocks).filter_map(|reason| reason["reason"].as_str()).collect();
        if reasons == wanted {
            return;
        }
        assert!(Instant::now() < until, "{told}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_second_serve_that_only_sends_hears_who_holds_the_folder() {
    let folder = folder();
    let mut first = Process::start(&folder, &["serve", "--role", "mail"]);
    assert_eq!(first.told()["role"], "mail");

    let mut second = Process::start(&folder, &["serve", "--role", "mail"]);

    assert_names(&second.told(), &first);
    assert_eq!(second.end().0.code(), Some(1));
}

#[test]
fn a_process_that_only_sends_ends_with_its_mailer_even_where_it_is_watched() {
    let folder = folder();
    let holder = mailer(&folder);

    let mut second = Process::start(&folder, &["serve", "--role", "mail", "--metrics", "127.0.0.1:0"]);

    assert_eq!(second.told()["role"], "mail");
    assert_names(&second.told(), &holder);
    assert_eq!(second.end().0.code(), Some(1));
}

#[test]
fn pages_stay_open_while_sending_is_kept_from_its_folder_and_goes_on_by_itself() {
    let folder = folder();
    let holder = mailer(&folder);
    let mut serve = Process::start(&folder, &["serve", "--listen", "127.0.0.1:0"]);
    let public = serve.told()["public"].as_str().expect("an address").to_owned();

    await_reasons(&public, &["mailer-exited"]);
    holder.signal("-TERM");
    assert!(holder.end().0.success());
    await_reasons(&public, &[]);

    serve.signal("-TERM");
    let (status, said) = serve.end();
    assert!(status.success(), "{said}");
    assert!(said.contains("sending has ended; it is tried again error=lock-held"), "{said}");
}
