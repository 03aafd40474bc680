//! `serve` and `mail` as processes that use the same data folder.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// The limit of every wait, for a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

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

    /// The next JSON object on standard output.
    fn next_json(&mut self) -> Value {
        let mut line = String::new();
        self.out.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).expect("JSON")
    }

    /// Waits for its end. Returns the status and standard error.
    fn wait(mut self) -> (ExitStatus, String) {
        let until = Instant::now() + TIMEOUT;
        while self.child.try_wait().expect("asked").is_none() {
            assert!(Instant::now() < until, "the process does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
        let mut stderr = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("text");
        (self.child.wait().expect("ended"), stderr)
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

/// Asserts that the error names the process that holds the folder.
fn assert_lock_held(error: &Value, holder: &Process) {
    assert_eq!(error["error"], "lock-held", "{error}");
    assert!(error["message"].as_str().expect("a sentence").contains(&holder.id()), "{error}");
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

/// A running mailer, which holds the folder.
fn mailer(folder: &TempDir) -> Process {
    let mailer = Process::start(folder, &["mail"]);
    let until = Instant::now() + TIMEOUT;
    let lock = folder.path().join("mailer.lock");
    while std::fs::read_to_string(&lock).unwrap_or_default().trim() != mailer.id() {
        assert!(Instant::now() < until, "the mailer does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    mailer
}

/// Waits until `/healthz` names exactly these blocking reasons.
fn wait_for_reasons(address: &str, expected: &[&str]) {
    let until = Instant::now() + TIMEOUT;
    loop {
        let mut stream = TcpStream::connect(address.trim_start_matches("http://")).expect("a listener");
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        let body = answer.split("\r\n\r\n").nth(1).unwrap_or_else(|| panic!("no body: {answer:?}"));
        let health: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {answer}"));
        let blocks = |reason: &&Value| reason["blocks"] == true;
        let reasons = health["reasons"].as_array().expect("a list");
        let reasons: Vec<&str> = reasons.iter().filter(blocks).filter_map(|reason| reason["reason"].as_str()).collect();
        if reasons == expected {
            return;
        }
        assert!(Instant::now() < until, "{health}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn idle_connections_to_the_public_address_cost_neither_pages_nor_database() {
    let folder = folder();
    let program = command(&folder, &["serve", "--listen", "127.0.0.1:0"]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 256; exec \"$0\" \"$@\""]).arg(program.get_program()).args(program.get_args());
    let mut child = limited.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let out = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut serve = Process { child, out };
    let opened = serve.next_json();
    let public = opened["public"].as_str().expect("an address").to_owned();

    let idle: Vec<_> = (0..400)
        .map(|_| TcpStream::connect(public.trim_start_matches("http://")).expect("the listener takes it"))
        .collect();

    wait_for_reasons(&public, &[]);
    wait_for_reasons(opened["desk"].as_str().expect("an address"), &[]);
    let lists = command(&folder, &["list", "add", "News"]).output().expect("the program runs");
    assert!(lists.status.success(), "{}", String::from_utf8_lossy(&lists.stderr));
    drop(idle);
}

#[test]
fn a_second_mail_role_is_refused_with_the_process_that_holds_the_folder() {
    let folder = folder();
    let mut first = Process::start(&folder, &["serve", "--role", "mail"]);
    assert_eq!(first.next_json()["role"], "mail");

    let mut second = Process::start(&folder, &["serve", "--role", "mail"]);

    assert_lock_held(&second.next_json(), &first);
    assert_eq!(second.wait().0.code(), Some(1));
}

#[test]
fn the_mail_role_with_metrics_ends_with_its_mailer() {
    let folder = folder();
    let holder = mailer(&folder);

    let mut second = Process::start(&folder, &["serve", "--role", "mail", "--metrics", "127.0.0.1:0"]);

    assert_eq!(second.next_json()["role"], "mail");
    assert_lock_held(&second.next_json(), &holder);
    assert_eq!(second.wait().0.code(), Some(1));
}

#[test]
fn pages_stay_open_while_the_folder_is_locked_and_sending_resumes_afterwards() {
    let folder = folder();
    let holder = mailer(&folder);
    let mut serve = Process::start(&folder, &["serve", "--listen", "127.0.0.1:0"]);
    let public = serve.next_json()["public"].as_str().expect("an address").to_owned();

    wait_for_reasons(&public, &["mailer-exited"]);
    holder.signal("-TERM");
    assert!(holder.wait().0.success());
    wait_for_reasons(&public, &[]);

    serve.signal("-TERM");
    let (status, stderr) = serve.wait();
    assert!(status.success(), "{stderr}");
    assert!(stderr.contains("the mailer has ended and will be restarted error=lock-held"), "{stderr}");
}
