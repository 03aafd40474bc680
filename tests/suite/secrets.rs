//! Secrets and files of an installation: modes, misplaced passwords, wrong folders, the desk on another address.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn command(data: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sendoff"));
    command.arg("--data").arg(data).args(["--lang", "en", "--json"]).args(words);
    command.env_remove("SENDOFF_RELAY_PASSWORD").stdin(Stdio::null());
    command
}

fn run(data: &Path, words: &[&str]) -> Output {
    command(data, words).output().expect("the program runs")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn installation() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(run(folder.path(), &["init"]).status.success());
    folder
}

#[cfg(unix)]
fn modes_open_to_others(folder: &Path) -> Vec<String> {
    use std::os::unix::fs::PermissionsExt;
    let mut open = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let (path, mode) = (entry.path(), entry.metadata().expect("metadata").permissions().mode());
        if mode & 0o077 != 0 {
            open.push(format!("{} {mode:o}", path.display()));
        }
        if path.is_dir() {
            open.extend(modes_open_to_others(&path));
        }
    }
    open
}

#[cfg(unix)]
#[test]
fn no_file_of_an_installation_is_open_to_others() {
    use std::os::unix::fs::PermissionsExt;
    let folder = installation();
    let people = folder.path().join("people.csv");
    std::fs::write(&people, "email\nanna@example.org\nwrong\n").expect("written");
    std::fs::set_permissions(&people, std::fs::Permissions::from_mode(0o600)).expect("changed");
    assert!(run(folder.path(), &["list", "add", "News"]).status.success());
    let import = [
        "import",
        "--list",
        "News",
        "--basis",
        "consent",
        "--source",
        "form",
        "--proof",
        "page",
        "--date",
        "2026-10-01",
    ];
    let output = command(folder.path(), &import).arg(&people).output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(run(folder.path(), &["contact", "erase", "anna@example.org"]).status.success());

    assert_eq!(modes_open_to_others(folder.path()), Vec::<String>::new());

    // One that an earlier version left open to others is closed by the next command.
    let database = folder.path().join("sendoff.db");
    std::fs::set_permissions(&database, std::fs::Permissions::from_mode(0o644)).expect("changed");
    assert!(run(folder.path(), &["list", "ls"]).status.success());
    assert_eq!(modes_open_to_others(folder.path()), Vec::<String>::new());
}

#[test]
fn command_in_a_wrong_folder_creates_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let wrong = folder.path().join("wrong");

    for words in [&["list", "ls"][..], &["serve", "--listen", "127.0.0.1:0"], &["mail"], &["move", "--status"]] {
        let output = run(&wrong, words);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(!wrong.exists(), "{words:?}");
    }
    let refused = json(&run(&wrong, &["list", "ls"]));
    assert_eq!(refused["error"], "no-installation");
    assert!(refused["message"].as_str().expect("a sentence").contains("sendoff init --data"), "{refused}");
}

#[test]
fn desk_on_another_address_is_refused_while_nobody_can_sign_in() {
    let folder = installation();

    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8025"] {
        let refused = run(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--desk", address]);
        assert_eq!((refused.status.code(), &json(&refused)["error"]), (Some(2), &"desk-not-loopback".into()));
    }
}

#[test]
fn password_of_a_relay_comes_by_file_or_environment() {
    let folder = installation();
    let file = folder.path().join("password");
    std::fs::write(&file, "s3cret/x@y\n").expect("written");
    let file = file.to_str().expect("a path");
    let set = ["relay", "set", "smtp", "smtps://anna@mail.example.org"];

    assert!(!run(folder.path(), &set).status.success(), "a user without a password");
    let by_file = run(folder.path(), &[&set[..], &["--password-file", file]].concat());
    assert_eq!(json(&by_file)["target"], "smtps://***@mail.example.org:465");
    let by_environment = command(folder.path(), &set).env("SENDOFF_RELAY_PASSWORD", "s3cret").output().expect("run");
    assert!(by_environment.status.success());
    let mut child = command(folder.path(), &["relay", "set", "main", "--password-file", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(b"n3w\n").expect("written");
    let output = child.wait_with_output().expect("ended");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn misplaced_password_is_not_repeated() {
    let folder = installation();

    for words in [
        &["relay", "smtps://anna:s3cret@mail.example.org"][..],
        &["relay", "test", "smtps://anna:s3cret@mail.example.org"],
        &["relay", "set", "smtps://anna:s3cret@mail.example.org"],
        &["relay", "show", "anna:s3cret@mail.example.org"],
        &["campaign", "start", "postgres://anna:s3cret@db/x"],
        &["relay", "set", "smtp", "smtps://anna:s3cret@mail.example.org", "smtps://anna:s3cret@mail.example.org"],
        &["--database", "mysql://anna:s3cret@db/x", "list", "ls"],
        &["relay", "set", "smtp", "smtps://mail.example.org", "--password", "s3cret"],
    ] {
        let output = run(folder.path(), &[words, &["--log-level", "trace"]].concat());
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        for text in [&output.stdout, &output.stderr] {
            let text = String::from_utf8_lossy(text);
            assert!(!text.contains("s3cret"), "{words:?}: {text}");
        }
    }
}
