//! Relays: set, list, show, remove, test.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::limits::{LimitChange, LimitView, Today};
use super::{Action, Actor};
use crate::audience::address::Address;
use crate::campaign::rate_limit::RateLimit;
use crate::infra::db::{Conn, lock_configuration};
use crate::infra::error::{Error, Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::mailer::limits::rate_account::{self, LimitKey};
use crate::mailer::relay::{self, MAIN, Relay, RelayKind, parse_sender};
use crate::mailer::smtp::endpoint::Endpoint;
use crate::mailer::smtp::error::SmtpError;
use crate::mailer::smtp::session::Session;
use crate::mailer::smtp::timeouts::Timeouts;
use crate::mailer::transport::eml_store::EmlStore;

/// A relay to add or change.
#[derive(Debug, Default)]
pub struct RelayChange {
    /// Its name; `smtp`, `capture` and `file` stand for the main relay of this kind.
    pub name: String,
    /// smtp://…, smtps://…, `capture` or `file:DIR`. A new target resets what is not named here; without one the
    /// relay keeps it.
    pub target: Option<String>,
    /// Connections at a time of each mailer.
    pub connections: Option<u32>,
    /// Its limits.
    pub limits: LimitChange,
    /// Its share among the relays.
    pub weight: Option<u32>,
    /// True to use it only while no other relay is available.
    pub spare: Option<bool>,
    /// Marked deliveries that a connection may hold.
    pub ahead: Option<u32>,
    /// Sender addresses and domains it is bound to; `none` unbinds. Empty keeps them.
    pub senders: Vec<String>,
    /// The password of the user that the target names without one, or the new password of a relay that keeps its
    /// target.
    pub password: Option<String>,
}

impl RelayChange {
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

/// A relay with its limits. Credentials are not shown.
#[derive(Debug, Serialize)]
pub struct RelayView {
    /// Its name.
    pub name: String,
    /// smtp, capture or file.
    pub kind: &'static str,
    /// Its address, without credentials.
    pub target: String,
    /// Connections at a time of each mailer.
    pub connections: u32,
    /// Its limits.
    #[serde(flatten)]
    pub limits: LimitView,
    /// Its share among the relays.
    pub weight: u32,
    /// True when it is used only while no other relay is available.
    pub spare: bool,
    /// Marked deliveries that a connection may hold.
    pub ahead: u32,
    /// Sender addresses (masked) and domains it is bound to.
    #[serde(rename = "for")]
    pub senders: Vec<String>,
    /// The limit as stored.
    #[serde(skip)]
    pub rate_limit: RateLimit,
    /// What was sent today.
    #[serde(skip)]
    pub today: Today,
    /// The relay in one sentence.
    #[serde(skip)]
    pub description: Message,
}

impl RelayView {
    async fn read(installation: &Installation, conn: &mut Conn, workspace: Id, relay: &Relay) -> Result<Self> {
        let account = rate_account::load(conn, workspace, &LimitKey::Relay(relay.id)).await?;
        Ok(Self {
            name: relay.name.clone(),
            kind: relay.kind.as_str(),
            target: relay.kind.to_string(),
            connections: relay.connections,
            limits: relay.rate_limit.into(),
            weight: relay.weight,
            spare: relay.spare,
            ahead: relay.ahead,
            senders: relay.senders.iter().map(|sender| masked(sender)).collect(),
            rate_limit: relay.rate_limit,
            today: account.today(&relay.rate_limit, installation.clock.now()).into(),
            description: relay.describe(),
        })
    }
}

/// A relay that was removed.
#[derive(Debug, Serialize)]
pub struct Removed {
    /// Its name.
    pub relay: String,
    /// Always true.
    pub removed: bool,
    /// The names of the relays that remain.
    pub left: Vec<String>,
}

/// What a test of a relay found.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Tested {
    /// A folder or the capture inbox can be written to.
    Ready {
        /// Always true.
        ok: bool,
        /// capture or file.
        kind: &'static str,
    },
    /// An SMTP server answered.
    Answered {
        /// Always true.
        ok: bool,
        /// Always smtp.
        kind: &'static str,
        /// True when the connection uses TLS.
        encrypted: bool,
        /// True when the session is authenticated.
        signed_in: bool,
        /// The server offers PIPELINING (RFC 2920).
        pipelining: bool,
        /// The server offers SMTPUTF8 (RFC 6531).
        smtputf8: bool,
        /// The largest message in bytes, where the server names one (RFC 1870).
        size: Option<u64>,
        /// The server offers 8BITMIME (RFC 6152).
        #[serde(skip)]
        eightbitmime: bool,
        /// The address of the server.
        #[serde(skip)]
        target: String,
    },
}

/// The address of an SMTP server from its parts, as [`RelayChange::target`] takes it. `kind` is smtp or smtps; a blank port
/// is the usual one.
///
/// # Errors
/// Invalid for a host or port that is none.
pub fn target(kind: &str, host: &str, port: &str, user: &str) -> Result<String> {
    let (host, port, user) = (host.trim(), port.trim(), user.trim());
    let is_host = !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || ".-:[]".contains(c));
    if !is_host {
        return Err(Message::new("relay-host").invalid_field("host"));
    }
    if !port.is_empty() && port.parse::<u16>().map_or(true, |port| port == 0) {
        return Err(Message::new("relay-port").invalid_field("port"));
    }
    let user: String = url::form_urlencoded::byte_serialize(user.as_bytes()).collect();
    let user = if user.is_empty() { user } else { user.replace('+', "%20") + "@" };
    let port = if port.is_empty() { String::new() } else { format!(":{port}") };
    Ok(format!("{}://{user}{host}{port}", if kind == "smtp" { "smtp" } else { "smtps" }))
}

/// Adds a relay or changes one.
pub async fn set(installation: &Installation, actor: &Actor, change: &RelayChange) -> Result<RelayView> {
    let permit = actor.permit(installation, Action::ChangeRelay).await?;
    let mut tx = installation.db.write().await?;
    lock_configuration(&mut tx).await?;
    let relay = read(installation, &mut tx, permit.workspace, change).await?;
    relay::save(installation, &mut tx, permit.workspace, &relay).await?;
    tx.commit().await?;
    let saved = find(installation, permit.workspace, Some(&relay.name)).await?;
    permit.audit(saved.id).await;
    RelayView::read(installation, &mut *installation.db.read().await?, permit.workspace, &saved).await
}

/// Lists the relays.
pub async fn list(installation: &Installation, actor: &Actor) -> Result<Vec<RelayView>> {
    let permit = actor.permit(installation, Action::ShowRelay).await?;
    let mut conn = installation.db.read().await?;
    let mut views = Vec::new();
    for relay in relay::list(installation, &mut conn, permit.workspace).await? {
        views.push(RelayView::read(installation, &mut conn, permit.workspace, &relay).await?);
    }
    permit.audit(None).await;
    Ok(views)
}

/// Shows a relay, or the main one.
pub async fn show(installation: &Installation, actor: &Actor, name: Option<&str>) -> Result<RelayView> {
    let permit = actor.permit(installation, Action::ShowRelay).await?;
    let relay = find(installation, permit.workspace, name).await?;
    permit.audit(relay.id).await;
    RelayView::read(installation, &mut *installation.db.read().await?, permit.workspace, &relay).await
}

/// Removes a relay.
pub async fn remove(installation: &Installation, actor: &Actor, name: &str) -> Result<Removed> {
    let permit = actor.permit(installation, Action::ChangeRelay).await?;
    let mut tx = installation.db.write().await?;
    lock_configuration(&mut tx).await?;
    let relay = relay::require(installation, &mut tx, permit.workspace, name).await?;
    relay::delete(&mut tx, &relay).await?;
    let left = relay::list(installation, &mut tx, permit.workspace).await?;
    tx.commit().await?;
    permit.audit(relay.id).await;
    Ok(Removed { relay: name.to_owned(), removed: true, left: left.into_iter().map(|relay| relay.name).collect() })
}

/// Connects to a relay, or the main one, and authenticates; sends no message.
///
/// # Errors
///
/// `Invalid` when the configuration is at fault, `Unavailable` when the server is.
pub async fn test(installation: &Installation, actor: &Actor, name: Option<&str>) -> Result<Tested> {
    let permit = actor.permit(installation, Action::TestRelay).await?;
    let relay = find(installation, permit.workspace, name).await?;
    permit.audit(relay.id).await;
    match &relay.kind {
        RelayKind::Capture => drop(EmlStore::of_capture(installation).list(0)?),
        RelayKind::Folder(path) => drop(make_folder(path)?),
        RelayKind::Smtp(endpoint) => {
            let timeouts = Timeouts::interactive(&mut *installation.db.read().await?).await?;
            return connect(endpoint, &timeouts).await;
        }
    }
    Ok(Tested::Ready { ok: true, kind: relay.kind.as_str() })
}

async fn connect(endpoint: &Endpoint, timeouts: &Timeouts) -> Result<Tested> {
    let refused = |error: SmtpError| match error.is_configuration() {
        true => error.message().invalid_field("target"),
        false => error.message().unavailable(),
    };
    let mut session = Session::open(endpoint, timeouts).await.map_err(refused)?;
    session.noop().await.map_err(refused)?;
    let (extensions, encrypted) = (session.extensions(), session.is_encrypted());
    session.quit().await;
    Ok(Tested::Answered {
        ok: true,
        kind: "smtp",
        encrypted,
        signed_in: endpoint.credentials.is_some(),
        pipelining: extensions.pipelining,
        smtputf8: extensions.smtputf8,
        size: extensions.size,
        eightbitmime: extensions.eightbitmime,
        target: endpoint.to_string(),
    })
}

/// The relay after the change.
async fn read(installation: &Installation, conn: &mut Conn, workspace: Id, change: &RelayChange) -> Result<Relay> {
    let (name, kind) = match (change.name.as_str(), change.target.as_deref()) {
        ("smtp", Some(url)) => (MAIN, smtp(url, change.password.as_deref())?),
        ("capture", None) => (MAIN, RelayKind::Capture),
        ("file", Some(dir)) => (MAIN, RelayKind::Folder(make_folder(Path::new(dir))?)),
        (name @ ("smtp" | "capture" | "file"), _) => {
            return Err(Message::new("relay-name-reserved").with("name", name).invalid_field("name"));
        }
        (name, None) => {
            let known = relay::require(installation, conn, workspace, name).await?;
            return change.apply(with_password(known, change)?);
        }
        (name, Some("capture")) => (name, RelayKind::Capture),
        (name, Some(target)) => match target.strip_prefix("file:") {
            Some(dir) => (name, RelayKind::Folder(make_folder(Path::new(dir))?)),
            None => (name, smtp(target, change.password.as_deref())?),
        },
    };
    change.apply(Relay { name: name.to_owned(), ..Relay::to(kind) })
}

fn smtp(url: &str, password: Option<&str>) -> Result<RelayKind> {
    let endpoint = match password {
        Some(password) => Endpoint::parse_with_password(url, password)?,
        None => Endpoint::parse(url)?,
    };
    Ok(RelayKind::Smtp(Box::new(endpoint)))
}

/// The relay with the new password, if one is given.
fn with_password(mut relay: Relay, change: &RelayChange) -> Result<Relay> {
    let Some(password) = &change.password else { return Ok(relay) };
    if let RelayKind::Smtp(endpoint) = &mut relay.kind
        && let Some((_, known)) = &mut endpoint.credentials
    {
        password.clone_into(known);
        return Ok(relay);
    }
    Err(Message::new("relay-password-user").invalid_field("password"))
}

/// The relay of this name, or the main one.
async fn find(installation: &Installation, workspace: Id, name: Option<&str>) -> Result<Relay> {
    let mut conn = installation.db.read().await?;
    match name {
        Some(name) => relay::require(installation, &mut conn, workspace, name).await,
        None => relay::main(installation, &mut conn, workspace).await,
    }
}

/// A sender as it may be shown: an address is masked, a domain is not.
fn masked(sender: &str) -> String {
    Address::parse(sender).map_or_else(|_| sender.to_owned(), |address| address.to_string())
}

fn make_folder(dir: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(dir).map_err(Error::io(dir.display()))?;
    std::path::absolute(dir).map_err(Error::io(dir.display()))
}
