//! A node: one mailer process with its data folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use tokio::time::{Instant, sleep};

const PROGRAM: &str = env!("CARGO_BIN_EXE_sendoff");

/// The clock and network of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surroundings {
    Normal,
    /// With a clock an hour ahead.
    ClockAhead,
    /// In a network of its own that can be cut off.
    OwnNetwork,
}

/// A data folder with what it takes to work in it.
pub struct Node {
    pub folder: PathBuf,
    database: Option<String>,
    surroundings: Surroundings,
    child: Option<Child>,
}

impl Node {
    /// A folder that is not used yet, with the keys of another when they are to share a database.
    pub fn new(folder: PathBuf, database: Option<String>, keys_of: Option<&Node>) -> Self {
        if let Some(other) = keys_of {
            let keys = folder.join("keys");
            fs::create_dir_all(&keys).expect("a folder");
            for key in fs::read_dir(other.folder.join("keys")).expect("keys").flatten() {
                fs::copy(key.path(), keys.join(key.file_name())).expect("a copy");
            }
        }
        Self { folder, database, surroundings: Surroundings::Normal, child: None }
    }

    pub fn with_surroundings(mut self, surroundings: Surroundings) -> Self {
        self.surroundings = surroundings;
        self
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = match self.surroundings {
            Surroundings::Normal => Command::new(PROGRAM),
            Surroundings::ClockAhead => {
                let mut command = Command::new(PROGRAM);
                command.env("FAKETIME", "+1h").env("LD_PRELOAD", faketime().expect("asked before"));
                command
            }
            Surroundings::OwnNetwork => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", NetworkLink::NAME, PROGRAM]);
                command
            }
        };
        command.arg("--data").arg(&self.folder).args(["--json", "--lang", "en"]).args(words);
        if let Some(url) = &self.database {
            command.args(["--database", url]);
        }
        command
    }

    /// Runs a command to its end. Returns what it printed.
    pub fn run(&self, words: &[&str]) -> serde_json::Value {
        let output = self.command(words).output().expect("the program runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{words:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
        said.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default()
    }

    /// The same for a command that is refused: its exit code and the key of the refusal.
    pub fn refused(&self, words: &[&str]) -> (Option<i32>, String) {
        let output = self.command(words).output().expect("the program runs");
        let json: serde_json::Value =
            output.stdout.split(|b| *b == b'\n').find_map(|line| serde_json::from_slice(line).ok()).unwrap_or_default();
        (output.status.code(), json["error"].as_str().unwrap_or_default().to_owned())
    }

    /// Begins to send.
    pub fn start(&mut self) {
        let log = File::options().create(true).append(true).open(self.folder.with_extension("log")).expect("a log");
        let out = log.try_clone().expect("a log");
        let child = self.command(&["serve", "--role", "mail"]).stdout(out).stderr(log).spawn();
        self.child = Some(child.expect("the program starts"));
    }

    /// Sends a signal, such as `KILL`.
    pub fn signal(&self, name: &str) {
        let id = self.child.as_ref().expect("started").id().to_string();
        // `ip` becomes the program it starts.
        let done = Command::new("kill").args([&format!("-{name}"), &id]).status().expect("kill");
        assert!(done.success());
    }

    /// Kills it as a power cut would.
    pub fn kill(&mut self) {
        self.signal("KILL");
        self.child.take().expect("started").wait().expect("ends");
    }

    /// Waits for its end.
    pub async fn end(&mut self, within: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + within;
        let mut child = self.child.take().expect("started");
        while Instant::now() < until {
            if let Some(status) = child.try_wait().expect("asked") {
                return Some(status);
            }
            sleep(Duration::from_millis(50)).await;
        }
        self.child = Some(child);
        None
    }

    /// The number of its process, while it runs.
    pub fn process(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Everything it wrote to its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.with_extension("log")).unwrap_or_default()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A network of its own for one node, and the link to it.
pub struct NetworkLink;

impl NetworkLink {
    pub const NAME: &str = "sendoff-apart";
    /// This end, which servers listen on.
    pub const HERE: &str = "10.213.0.1";

    /// `None` where the system does not let us.
    pub fn create() -> Option<Self> {
        let steps = [
            format!("netns add {}", Self::NAME),
            format!("link add sendoff-a type veth peer name sendoff-b netns {}", Self::NAME),
            format!("addr add {}/30 dev sendoff-a", Self::HERE),
            "link set sendoff-a up".to_owned(),
            format!("-n {} addr add 10.213.0.2/30 dev sendoff-b", Self::NAME),
            format!("-n {} link set sendoff-b up", Self::NAME),
            format!("-n {} link set lo up", Self::NAME),
        ];
        let link = Self;
        steps.iter().all(|step| ip(step)).then_some(link)
    }

    pub fn cut(&self) {
        assert!(ip("link set sendoff-a down"));
    }

    pub fn restore(&self) {
        assert!(ip("link set sendoff-a up"));
    }
}

impl Drop for NetworkLink {
    fn drop(&mut self) {
        ip(&format!("netns del {}", Self::NAME));
        ip("link del sendoff-a");
    }
}

fn ip(words: &str) -> bool {
    Command::new("ip").args(words.split(' ')).output().is_ok_and(|done| done.status.success())
}

/// The library that changes the time of a process (libfaketime), if it is installed.
pub fn faketime() -> Option<PathBuf> {
    let machine = std::env::consts::ARCH;
    let path = PathBuf::from(format!("/usr/lib/{machine}-linux-gnu/faketime/libfaketimeMT.so.1"));
    path.exists().then_some(path)
}

/// True when a command is there.
pub fn has(command: &str) -> bool {
    Path::new("/usr/bin").join(command).exists() || Path::new("/usr/sbin").join(command).exists()
}
