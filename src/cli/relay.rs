//! `sendoff relay`: where letters go.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::print::Report;
use crate::audience::workspace::Workspace;
use crate::ground::error::{Error, Message, Result};
use crate::ground::installation::Installation;
use crate::ground::setting::{self, Setting};
use crate::ground::text::Lang;
use crate::mailer::folder::Folder;
use crate::mailer::relay::{self, CONNECTIONS, Kind, Relay};
use crate::mailer::session::Session;
use crate::mailer::target::Target;
use crate::mailer::timer::Timers;

/// What to do with the relay.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Choose where letters go
    Set {
        /// The kind of relay.
        #[command(subcommand)]
        choice: Choice,
    },
    /// Choose where letters go, without the word `set`.
    #[command(flatten)]
    Choice(Choice),
    /// Show where letters go
    Show,
    /// Connect, sign in, say goodbye; nothing is sent
    Test,
}

/// A kind of relay.
#[derive(Debug, Subcommand)]
pub enum Choice {
    /// An SMTP server, e.g. `smtps://user:password@mail.example.org`
    Smtp {
        /// `smtp://…`, `smtp://…?tls=required` or `smtps://…`.
        url: String,
        /// How fast.
        #[command(flatten)]
        pace: Pace,
    },
    /// The inbox of this installation: letters are kept, none is sent
    Capture {
        /// How fast.
        #[command(flatten)]
        pace: Pace,
    },
    /// Files in a folder, one a letter
    File {
        /// The folder.
        dir: PathBuf,
        /// How fast.
        #[command(flatten)]
        pace: Pace,
    },
}

/// How fast letters go out.
#[derive(Debug, Args)]
pub struct Pace {
    /// Connections at a time
    #[arg(long, value_name = "N", default_value_t = CONNECTIONS)]
    pub connections: u32,
    /// Letters a second over all connections; without it as fast as it goes
    #[arg(long, value_name = "N")]
    pub rate: Option<f64>,
}

/// Runs the command.
pub async fn run(home: &Installation, workspace: &Workspace, command: Command) -> Result<Report> {
    let language = setting::get(&mut *home.db.read().await?, Setting::Language).await?;
    let lang = language.parse().unwrap_or(Lang::En);
    match command {
        Command::Set { choice } | Command::Choice(choice) => set(home, workspace, choice, lang).await,
        Command::Show => show(&current(home, workspace).await?, lang),
        Command::Test => test(home, &current(home, workspace).await?, lang).await,
    }
}

async fn set(home: &Installation, workspace: &Workspace, choice: Choice, lang: Lang) -> Result<Report> {
    let (kind, pace) = match choice {
        Choice::Smtp { url, pace } => (Kind::Smtp(Box::new(Target::parse(&url)?)), pace),
        Choice::Capture { pace } => (Kind::Capture, pace),
        Choice::File { dir, pace } => (Kind::Folder(prepare(&dir)?), pace),
    };
    let relay = Relay { kind, connections: pace.connections, rate: pace.rate };
    let mut tx = home.db.write().await?;
    relay::set(home, &mut tx, workspace.id, &relay).await?;
    tx.commit().await?;
    show(&relay, lang)
}

fn show(relay: &Relay, lang: Lang) -> Result<Report> {
    let json = json!({
        "kind": relay.kind.as_str(),
        "target": relay.kind.to_string(),
        "connections": relay.connections,
        "rate": relay.rate,
    });
    Ok(Report { json, text: lang.say(&relay.describe()), failed: false })
}

async fn test(home: &Installation, relay: &Relay, lang: Lang) -> Result<Report> {
    match &relay.kind {
        Kind::Capture => ready(Folder::captured(home).list(0).map(|_| ()), relay, lang),
        Kind::Folder(path) => ready(prepare(path).map(|_| ()), relay, lang),
        Kind::Smtp(target) => greet(target, &Timers::hasty(&mut *home.db.read().await?).await?, lang).await,
    }
}

fn ready(outcome: Result<()>, relay: &Relay, lang: Lang) -> Result<Report> {
    outcome?;
    Ok(Report { json: json!({ "ok": true, "kind": relay.kind.as_str() }), text: lang.tr("relay-ready"), failed: false })
}

async fn greet(target: &Target, timers: &Timers, lang: Lang) -> Result<Report> {
    let failed = |fault: crate::mailer::fault::Fault| match fault.is_configuration() {
        true => fault.message().misuse(),
        false => fault.message().failed(),
    };
    let mut session = Session::open(target, timers).await.map_err(failed)?;
    session.noop().await.map_err(failed)?;
    let (found, encrypted) = (session.extensions(), session.is_encrypted());
    session.quit().await;

    let offers = [("PIPELINING", found.pipelining), ("SMTPUTF8", found.smtputf8), ("8BITMIME", found.eightbitmime)];
    let names: Vec<_> = offers.iter().filter(|(_, offered)| *offered).map(|(name, _)| *name).collect();
    let json = json!({
        "ok": true, "kind": "smtp", "encrypted": encrypted, "signed_in": target.credentials.is_some(),
        "pipelining": found.pipelining, "smtputf8": found.smtputf8, "size": found.size,
    });
    let key = if encrypted { "relay-answered-tls" } else { "relay-answered-clear" };
    let text = lang.say(&Message::new(key).with("target", target).with("offers", names.join(", ")));
    Ok(Report { json, text, failed: false })
}

async fn current(home: &Installation, workspace: &Workspace) -> Result<Relay> {
    relay::get(home, &mut *home.db.read().await?, workspace.id).await
}

fn prepare(dir: &std::path::Path) -> Result<PathBuf> {
    std::fs::create_dir_all(dir).map_err(Error::io(dir.display()))?;
    std::path::absolute(dir).map_err(Error::io(dir.display()))
}
