//! An installation under test: a data folder, a database, and the processes that run in it.

use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Connection, Row};

/// Name of the campaign and of its list.
const CAMPAIGN: &str = "autumn";

/// Which database an installation stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Store {
    Sqlite,
    Postgres,
}

impl std::fmt::Display for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}

/// What all installations of a run of the harness have in common.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The program with fail points.
    pub program: PathBuf,
    /// Folder for everything that is made.
    pub work: PathBuf,
    /// PostgreSQL server where databases may be made, as `postgres://…/postgres`.
    pub server: Option<String>,
}

/// To how many the campaign of an installation goes, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CampaignSettings {
    /// Recipients of the campaign.
    pub recipients: usize,
    /// Connections of the relay.
    pub connections: usize,
    /// Marked deliveries that one connection may hold.
    pub ahead: usize,
    /// Whether messages whose fate is unknown are sent again.
    pub resend: bool,
}

impl CampaignSettings {
    /// Messages whose fate may be unknown after one death.
    pub fn bound(&self) -> usize {
        self.connections * self.ahead
    }
}

/// One installation.
#[derive(Debug, Clone)]
pub struct Installation {
    pub kind: Store,
    pub folder: PathBuf,
    /// Database name and URL on PostgreSQL.
    pub database: Option<(String, String)>,
    pub settings: CampaignSettings,
    environment: Environment,
}

/// What makes a process of this installation fail.
#[derive(Debug, Clone, Default)]
pub struct ProcessFaults {
    /// `name:N`, the fail point at which it dies.
    pub point: Option<String>,
    /// The promise that it breaks.
    pub bug: Option<&'static str>,
    /// Words before the program, such as a shell that sets limits.
    pub wrapper: Vec<String>,
    /// More of the environment.
    pub environment: Vec<(String, String)>,
}

impl Installation {
    /// Makes an installation with everyone on the list and the campaign as a draft.
    pub async fn create(
        environment: &Environment,
        kind: Store,
        name: &str,
        relay: SocketAddr,
        settings: CampaignSettings,
    ) -> Result<Self, String> {
        let installation = Self::at(environment, kind, name, settings);
        installation.make_database(None).await?;
        fs::create_dir_all(&installation.folder).map_err(|error| error.to_string())?;
        let mut recipients = String::from("email\n");
        for number in 0..settings.recipients {
            recipients.push_str(&format!("{}\n", address(number)));
        }
        let message = format!(
            "+++\nname = \"{CAMPAIGN}\"\nlist = \"News\"\nfrom = \"Shop <news@shop.example>\"\nsubject = \"Autumn is here\"\n\
             tracking = \"individual\"\nuncertain = \"{}\"\n+++\n# Hello\n\n[Look](https://shop.example/catalog)\n\n{}\n",
            if settings.resend { "resend" } else { "hold" },
            "A line of the message that says little.\n".repeat(60)
        );
        installation.write("people.csv", &recipients)?;
        installation.write("autumn.md", &message)?;
        installation.call(&["init"])?;
        installation.call(&["settings", "set", "public-url", "https://news.example.org"])?;
        installation.call(&["settings", "set", "retry-after", "1"])?;
        installation.call(&["brand", "set", "--name", "Shop", "--address", "1 Harbour Street, Haven"])?;
        installation.call(&["list", "add", "News"])?;
        let file = installation.folder.join("people.csv").display().to_string();
        let basis = ["--source", "form", "--basis", "consent", "--proof", "row", "--date", "2026-10-31"];
        installation.call(&[&["import", &file, "--list", "News"], &basis[..]].concat())?;
        let (connections, ahead) = (settings.connections.to_string(), settings.ahead.to_string());
        let ways = ["--connections", &connections, "--ahead", &ahead];
        installation.call(&[&["relay", "set", "smtp", &format!("smtp://{relay}")], &ways[..]].concat())?;
        installation.call(&["campaign", "add", &installation.folder.join("autumn.md").display().to_string()])?;
        Ok(installation)
    }

    fn at(environment: &Environment, kind: Store, name: &str, settings: CampaignSettings) -> Self {
        let database = environment.server.as_ref().filter(|_| kind == Store::Postgres).map(|server| {
            let (base, _) = server.rsplit_once('/').unwrap_or((server, ""));
            let name = format!("crash_{}_{}", std::process::id(), name.replace('-', "_"));
            (name.clone(), format!("{base}/{name}"))
        });
        Self { kind, folder: environment.work.join(name), database, settings, environment: environment.clone() }
    }

    /// A copy of this installation, which must be at rest.
    pub async fn copy(&self, name: &str) -> Result<Self, String> {
        let copy = Self::at(&self.environment, self.kind, name, self.settings);
        copy_folder(&self.folder, &copy.folder).map_err(|error| format!("copying: {error}"))?;
        copy.make_database(self.database.as_ref().map(|(name, _)| name.as_str())).await?;
        Ok(copy)
    }

    /// Removes folder and database.
    pub async fn delete(self) {
        let _ = fs::remove_dir_all(&self.folder);
        if let Some((name, _)) = &self.database {
            let _ = self.admin(&format!("drop database if exists {name} with (force)")).await;
        }
    }

    async fn make_database(&self, template: Option<&str>) -> Result<(), String> {
        let Some((name, _)) = &self.database else { return Ok(()) };
        let like = template.map_or("template0 encoding 'UTF8' lc_collate 'C' lc_ctype 'C'", |template| template);
        self.admin(&format!("create database {name} template {like}")).await
    }

    async fn admin(&self, statement: &str) -> Result<(), String> {
        let server = self.environment.server.as_ref().ok_or("no PostgreSQL server is named")?;
        let mut conn = AnyConnection::connect(server).await.map_err(|error| error.to_string())?;
        let done = sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut conn).await;
        done.map(drop).map_err(|error| format!("{statement}: {error}"))
    }

    /// A connection to the database, for looking.
    pub async fn connect(&self) -> Result<AnyConnection, String> {
        let url = match &self.database {
            Some((_, url)) => url.clone(),
            None => format!("sqlite://{}", self.data().join("sendoff.db").display()),
        };
        AnyConnection::connect(&url).await.map_err(|error| format!("{url}: {error}"))
    }

    /// Rows of a statement.
    pub async fn rows(&self, statement: &'static str) -> Result<Vec<AnyRow>, String> {
        let mut conn = self.connect().await?;
        let rows = sqlx::query(statement).fetch_all(&mut conn).await.map_err(|error| format!("{statement}: {error}"));
        let _ = conn.close().await;
        rows
    }

    /// The state of the campaign.
    pub async fn state(&self) -> Result<String, String> {
        let rows = self.rows("select state from campaign where name = 'autumn'").await?;
        rows.first().map(|row| row.get(0)).ok_or_else(|| "there is no campaign".to_owned())
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub fn accepted_log(&self) -> PathBuf {
        self.folder.join("accepted.log")
    }

    /// Puts a file into the folder.
    pub fn write(&self, name: &str, text: &str) -> Result<(), String> {
        fs::write(self.folder.join(name), text).map_err(|error| format!("{name}: {error}"))
    }

    fn command(&self, words: &[&str], faults: &ProcessFaults) -> Command {
        let mut line = faults.wrapper.clone();
        line.push(self.environment.program.display().to_string());
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]).args(["--lang", "en", "--data"]).arg(self.data());
        if let Some((_, url)) = &self.database {
            command.args(["--database", url]);
        }
        command.args(words).envs(faults.environment.iter().cloned()).env_remove("SENDOFF_DATA");
        if let Some(point) = &faults.point {
            command.env("SENDOFF_FAILPOINT", point);
        }
        if let Some(bug) = faults.bug {
            command.env("SENDOFF_BUG", bug);
        }
        command
    }

    /// Runs a command that must succeed.
    pub fn call(&self, words: &[&str]) -> Result<String, String> {
        let output = self.command(words, &ProcessFaults::default()).output().map_err(|error| error.to_string())?;
        let told = String::from_utf8_lossy(if output.status.success() { &output.stdout } else { &output.stderr });
        if output.status.success() { Ok(told.into_owned()) } else { Err(format!("{words:?}: {told}")) }
    }

    /// Starts a command; what it says goes to `out` and `err` in the folder.
    pub fn start(&self, words: &[&str], faults: &ProcessFaults) -> Result<Running, String> {
        let file = |name: &str| {
            let open = File::options().create(true).append(true).open(self.folder.join(name));
            open.map_err(|error| format!("{name}: {error}"))
        };
        // Each start has an `out` of its own: the address of its pages is read there.
        let _ = fs::remove_file(self.folder.join("out"));
        let child = self.command(words, faults).stdin(Stdio::null()).stdout(file("out")?).stderr(file("err")?).spawn();
        Ok(Running { child: child.map_err(|error| error.to_string())? })
    }

    /// Everything that the program has complained about.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("err")).unwrap_or_default()
    }

    /// The end of its log, for a report.
    pub fn last_log_lines(&self) -> String {
        let text = self.log();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(4)..].join(" | ")
    }

    /// The address of the pages of a running `serve --json`.
    pub async fn public_address(&self) -> Result<String, String> {
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            let text = fs::read_to_string(self.folder.join("out")).unwrap_or_default();
            if let Ok(value) = serde_json::from_str::<serde_json::Value>(text.lines().next().unwrap_or_default())
                && let Some(public) = value["public"].as_str()
            {
                return Ok(public.trim_start_matches("http://").to_owned());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Err(format!("serve did not open its pages: {}", self.last_log_lines()))
    }
}

/// A process of an installation, killed when it is dropped.
pub struct Running {
    child: Child,
}

impl Running {
    /// Its number.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end; `None` when it has not come within the limit.
    pub async fn ended(&mut self, limit: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + limit;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < until => tokio::time::sleep(Duration::from_millis(3)).await,
                _ => return None,
            }
        }
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, and the end.
    pub async fn stop(&mut self) -> Option<ExitStatus> {
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        self.ended(Duration::from_secs(40)).await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The address of the n-th recipient.
pub fn address(number: usize) -> String {
    format!("p{number}@crash.example")
}

/// Copies a folder with everything in it.
pub fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
