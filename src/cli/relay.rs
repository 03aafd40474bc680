//! `sendoff relay`: where letters go.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::limit_options::{self, Limits};
use super::print::Output;
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::mailer::limits::rate_account::{self, LimitKey};
use crate::mailer::relay::{self, MAIN, Relay, RelayKind, parse_sender};
use crate::mailer::smtp::endpoint::Endpoint;
use crate::mailer::smtp::session::Session;
use crate::mailer::smtp::timeouts::Timeouts;
use crate::mailer::transport::eml_store::EmlStore;
use crate::usecase::Actor;

/// What to do with relays.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a relay or change one
    Set {
        /// Its name; `smtp`, `capture` and `file` stand for the main relay of this kind
        name: String,
        /// smtp://…, smtps://…, `capture` or `file:DIR`; without it the relay keeps its target and what is not named here
        target: Option<String>,
        /// How letters go through it.
        #[command(flatten)]
        traits: Traits,
    },
    /// Choose where letters go, without the word `set`.
    #[command(flatten)]
    Choice(Choice),
    /// List the relays
    Ls,
    /// Show a relay
    Show {
        /// The relay; the main one when none is named
        name: Option<String>,
    },
    /// Remove a relay
    Rm {
        /// The relay
        name: String,
    },
    /// Connect, sign in, say goodbye; nothing is sent
    Test {
        /// The relay; the main one when none is named
        name: Option<String>,
    },
}

/// A kind of relay.
#[derive(Debug, Subcommand)]
pub enum Choice {
    /// An SMTP server, e.g. `smtps://user:password@mail.example.org`
    Smtp {
        /// `smtp://…`, `smtp://…?tls=required` or `smtps://…`.
        url: String,
        /// How letters go through it.
        #[command(flatten)]
        traits: Traits,
    },
    /// The inbox of this installation: letters are kept, none is sent
    Capture {
        /// How letters go through it.
        #[command(flatten)]
        traits: Traits,
    },
    /// Files in a folder, one a letter
    File {
        /// The folder.
        dir: PathBuf,
        /// How letters go through it.
        #[command(flatten)]
        traits: Traits,
    },
}

/// How letters go through a relay.
#[derive(Debug, Clone, Default, Args)]
pub struct Traits {
    /// Connections at a time of each mailer
    #[arg(long, value_name = "N")]
    pub connections: Option<u32>,
    /// What may leave.
    #[command(flatten)]
    pub limits: Limits,
    /// Its share among the relays that may carry a letter
    #[arg(long, value_name = "N")]
    pub weight: Option<u32>,
    /// Use it only while no other relay can carry a letter
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    pub spare: Option<bool>,
    /// Marked letters that a connection may hold; more is faster, and more are uncertain after a crash
    #[arg(long, value_name = "N")]
    pub ahead: Option<u32>,
    /// A sender address or domain that it carries, and that only relays bound to it carry; `none` unbinds
    #[arg(long = "for", value_name = "SENDER")]
    pub senders: Vec<String>,
}

impl Traits {
    fn apply(&self, before: Relay) -> Result<Relay> {
        let named = self.senders.iter().filter(|sender| *sender != "none");
        Ok(Relay {
            connections: self.connections.unwrap_or(before.connections),
            rate_limit: self.limits.apply(before.rate_limit),
            weight: self.weight.unwrap_or(before.weight),
            spare: self.spare.unwrap_or(before.spare),
            ahead: self.ahead.unwrap_or(before.ahead),
            senders: match self.senders.is_empty() {
                true => before.senders,
                false => named.map(|sender| parse_sender(sender)).collect::<Result<_>>()?,
            },
            ..before
        })
    }
}

/// Runs the command.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    match command {
        Command::Set { name, target, traits } => {
            let relay = read(installation, actor.workspace, &name, target.as_deref(), &traits).await?;
            set(installation, actor.workspace, &relay, lang).await
        }
        Command::Choice(choice) => {
            let (kind, traits) = match choice {
                Choice::Smtp { url, traits } => (smtp(&url)?, traits),
                Choice::Capture { traits } => (RelayKind::Capture, traits),
                Choice::File { dir, traits } => (RelayKind::Folder(prepare(&dir)?), traits),
            };
            set(installation, actor.workspace, &traits.apply(Relay::to(kind))?, lang).await
        }
        Command::Ls => list(installation, actor.workspace, lang).await,
        Command::Show { name } => {
            let relay = find(installation, actor.workspace, name.as_deref()).await?;
            Ok(Output {
                json: facts(&relay),
                text: describe(installation, actor.workspace, &relay, lang).await?,
                failed: false,
            })
        }
        Command::Rm { name } => remove(installation, actor.workspace, &name, lang).await,
        Command::Test { name } => {
            test(installation, &find(installation, actor.workspace, name.as_deref()).await?, lang).await
        }
    }
}

/// The relay as it is to be: a new target begins anew, otherwise only what is named changes.
async fn read(
    installation: &Installation,
    workspace: Id,
    name: &str,
    target: Option<&str>,
    traits: &Traits,
) -> Result<Relay> {
    let (name, kind) = match (name, target) {
        ("smtp", Some(url)) => (MAIN, smtp(url)?),
        ("capture", None) => (MAIN, RelayKind::Capture),
        ("file", Some(dir)) => (MAIN, RelayKind::Folder(prepare(Path::new(dir))?)),
        ("smtp" | "capture" | "file", _) => {
            return Err(Message::new("relay-word").with("name", name).invalid_field("name"));
        }
        (name, None) => return traits.apply(find(installation, workspace, Some(name)).await?),
        (name, Some("capture")) => (name, RelayKind::Capture),
        (name, Some(target)) => match target.strip_prefix("file:") {
            Some(dir) => (name, RelayKind::Folder(prepare(Path::new(dir))?)),
            None => (name, smtp(target)?),
        },
    };
    traits.apply(Relay { name: name.to_owned(), ..Relay::to(kind) })
}

fn smtp(url: &str) -> Result<RelayKind> {
    Ok(RelayKind::Smtp(Box::new(Endpoint::parse(url)?)))
}

async fn set(installation: &Installation, workspace: Id, relay: &Relay, lang: Lang) -> Result<Output> {
    let mut tx = installation.db.write().await?;
    relay::save(installation, &mut tx, workspace, relay).await?;
    tx.commit().await?;
    let relay = find(installation, workspace, Some(&relay.name)).await?;
    Ok(Output { json: facts(&relay), text: describe(installation, workspace, &relay, lang).await?, failed: false })
}

async fn list(installation: &Installation, workspace: Id, lang: Lang) -> Result<Output> {
    let relays = relay::list(installation, &mut *installation.db.read().await?, workspace).await?;
    let mut lines = Vec::new();
    for relay in &relays {
        lines.push(describe(installation, workspace, relay, lang).await?);
    }
    Ok(Output { json: Value::Array(relays.iter().map(facts).collect()), text: lines.join("\n"), failed: false })
}

async fn remove(installation: &Installation, workspace: Id, name: &str, lang: Lang) -> Result<Output> {
    let relay = find(installation, workspace, Some(name)).await?;
    let mut tx = installation.db.write().await?;
    relay::delete(&mut tx, &relay).await?;
    let left = relay::list(installation, &mut tx, workspace).await?;
    tx.commit().await?;
    let left: Vec<_> = left.into_iter().map(|relay| relay.name).collect();
    Ok(Output {
        json: json!({ "relay": name, "removed": true, "left": left }),
        text: lang.translate(&Message::new("relay-removed").with("name", name).with("left", left.join(", "))),
        failed: false,
    })
}

fn facts(relay: &Relay) -> Value {
    let mut json = limit_options::json(&relay.rate_limit);
    json["name"] = relay.name.as_str().into();
    json["kind"] = relay.kind.as_str().into();
    json["target"] = relay.kind.to_string().into();
    json["connections"] = relay.connections.into();
    json["weight"] = relay.weight.into();
    json["spare"] = relay.spare.into();
    json["ahead"] = relay.ahead.into();
    json["for"] = relay.senders.iter().map(|sender| masked(sender)).collect::<Vec<_>>().into();
    json
}

async fn describe(installation: &Installation, workspace: Id, relay: &Relay, lang: Lang) -> Result<String> {
    let account =
        rate_account::load(&mut *installation.db.read().await?, workspace, &LimitKey::Relay(relay.id)).await?;
    let cap = crate::campaign::rate_limit::RateLimit { rate: None, ..relay.rate_limit };
    let spare = relay.spare.then(|| lang.tr("relay-spare"));
    let weight = (relay.weight != 1).then(|| lang.translate(&Message::new("relay-share").with("weight", relay.weight)));
    let ahead = (relay.ahead != 1).then(|| lang.translate(&Message::new("relay-holds").with("ahead", relay.ahead)));
    let senders: Vec<_> = relay.senders.iter().map(|sender| masked(sender)).collect();
    let bound =
        (!senders.is_empty()).then(|| lang.translate(&Message::new("relay-bound").with("senders", senders.join(", "))));
    let limits = Some(limit_options::text(&cap, account.today(&cap, installation.clock.now()), lang))
        .filter(|text| !text.is_empty());
    let more: Vec<_> = [limits, spare, weight, ahead, bound].into_iter().flatten().collect();
    let first = format!("{}: {}", relay.name, lang.translate(&relay.describe()));
    Ok(if more.is_empty() { first } else { format!("{first}\n    {}", more.join(", ")) })
}

/// A bound sender as it may be shown: an address is masked, a domain is not.
fn masked(sender: &str) -> String {
    match crate::audience::address::Address::parse(sender) {
        Ok(address) => address.to_string(),
        Err(_) => sender.to_owned(),
    }
}

async fn test(installation: &Installation, relay: &Relay, lang: Lang) -> Result<Output> {
    match &relay.kind {
        RelayKind::Capture => ready(EmlStore::of_capture(installation).list(0).map(|_| ()), relay, lang),
        RelayKind::Folder(path) => ready(prepare(path).map(|_| ()), relay, lang),
        RelayKind::Smtp(target) => {
            greet(target, &Timeouts::interactive(&mut *installation.db.read().await?).await?, lang).await
        }
    }
}

fn ready(outcome: Result<()>, relay: &Relay, lang: Lang) -> Result<Output> {
    outcome?;
    Ok(Output { json: json!({ "ok": true, "kind": relay.kind.as_str() }), text: lang.tr("relay-ready"), failed: false })
}

async fn greet(target: &Endpoint, timers: &Timeouts, lang: Lang) -> Result<Output> {
    let failed = |fault: crate::mailer::smtp::error::SmtpError| match fault.is_configuration() {
        true => fault.message().invalid(),
        false => fault.message().unavailable(),
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
    let text = lang.translate(&Message::new(key).with("target", target).with("offers", names.join(", ")));
    Ok(Output { json, text, failed: false })
}

/// The relay of this name, or the main one.
async fn find(installation: &Installation, workspace: Id, name: Option<&str>) -> Result<Relay> {
    let mut conn = installation.db.read().await?;
    match name {
        Some(name) => relay::require(installation, &mut conn, workspace, name).await,
        None => relay::main(installation, &mut conn, workspace).await,
    }
}

fn prepare(dir: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(dir).map_err(Error::io(dir.display()))?;
    std::path::absolute(dir).map_err(Error::io(dir.display()))
}
