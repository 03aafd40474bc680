//! Table `relay`: the relays of a workspace, which take its messages.
//!
//! The endpoint is encrypted with a key outside the database, because it may contain a password. A workspace without
//! relays uses the capture: its first campaign is shown in the inbox and not sent by mistake.

use std::fmt;
use std::path::PathBuf;

use sqlx::any::AnyRow;

use super::smtp::endpoint::{Endpoint, is_helo};
use crate::audience::address::Address;
use crate::campaign::lane::check_name;
use crate::campaign::rate_limit::RateLimit;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::setting::{self, Setting};

/// The name of the default relay.
pub const MAIN: &str = "main";

/// Connections of a relay by default.
pub const CONNECTIONS: u32 = 4;

const MAX_CONNECTIONS: u32 = 1_000;

const MAX_AHEAD: u32 = 100;

const MAX_WEIGHT: u32 = 1_000;

/// The kind of a relay and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayKind {
    /// An SMTP server.
    Smtp(Box<Endpoint>),
    /// The inbox of this installation.
    Capture,
    /// A folder that gets one file per message.
    Folder(PathBuf),
}

/// A relay and its limits.
#[derive(Debug, Clone, PartialEq)]
pub struct Relay {
    /// Its id, which deliveries store; 0 until it is saved.
    pub id: Id,
    /// Its name in the workspace.
    pub name: String,
    /// Its kind.
    pub kind: RelayKind,
    /// Connections of each mailer, 1 to 1,000.
    pub connections: u32,
    /// The limit for all mailers together.
    pub rate_limit: RateLimit,
    /// Its share among eligible relays, 1 to 1,000.
    pub weight: u32,
    /// True if it is used only while no other relay is available.
    pub spare: bool,
    /// The most marked deliveries that a connection may hold, 1 to 100.
    pub ahead: u32,
    /// Addresses (canonical) and domains whose campaigns use this relay, and no relay without senders.
    pub senders: Vec<String>,
}

impl Default for Relay {
    fn default() -> Self {
        Self::to(RelayKind::Capture)
    }
}

impl RelayKind {
    /// The word in the database, in JSON and on the command line.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Smtp(_) => "smtp",
            Self::Capture => "capture",
            Self::Folder(_) => "file",
        }
    }

    /// The endpoint or path with its credentials, to be encrypted.
    fn expose(&self) -> String {
        match self {
            Self::Smtp(endpoint) => endpoint.expose(),
            Self::Capture => String::new(),
            Self::Folder(path) => path.to_string_lossy().into_owned(),
        }
    }

    fn parse(kind: &str, target: String) -> Option<Self> {
        match kind {
            "smtp" => Endpoint::parse(&target).ok().map(|endpoint| Self::Smtp(Box::new(endpoint))),
            "capture" => Some(Self::Capture),
            "file" => Some(Self::Folder(PathBuf::from(target))),
            _ => None,
        }
    }
}

/// Prints the endpoint or path without credentials.
impl fmt::Display for RelayKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Smtp(endpoint) => fmt::Display::fmt(endpoint, f),
            Self::Capture => f.write_str("capture"),
            Self::Folder(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Relay {
    /// The main relay, with defaults except for its kind.
    pub fn to(kind: RelayKind) -> Self {
        Self {
            id: 0,
            name: MAIN.to_owned(),
            kind,
            connections: CONNECTIONS,
            rate_limit: RateLimit::default(),
            weight: 1,
            spare: false,
            ahead: 1,
            senders: Vec::new(),
        }
    }

    /// A sentence about the relay, without credentials.
    pub fn describe(&self) -> Message {
        let key = match (&self.kind, self.rate_limit.rate) {
            (RelayKind::Capture, None) => "relay-capture",
            (RelayKind::Capture, Some(_)) => "relay-capture-rate",
            (_, None) => "relay-target",
            (_, Some(_)) => "relay-target-rate",
        };
        let message = Message::new(key).with("target", &self.kind).with("connections", self.connections);
        match self.rate_limit.rate {
            Some(rate) => message.with("rate", rate),
            None => message,
        }
    }

    fn check(&self) -> Result<()> {
        check_name(&self.name)?;
        for (key, value, most) in [
            ("relay-connections", self.connections, MAX_CONNECTIONS),
            ("relay-weight", self.weight, MAX_WEIGHT),
            ("relay-ahead", self.ahead, MAX_AHEAD),
        ] {
            if !(1..=most).contains(&value) {
                return Err(Message::new(key).with("most", most).invalid());
            }
        }
        self.rate_limit.check()
    }
}

/// Parses a sender that is bound to a relay: an address or a domain.
pub fn parse_sender(text: &str) -> Result<String> {
    let bad = || Message::new("relay-for").with("text", text).invalid_field("for");
    if text.contains('@') {
        return Address::parse(text).map(|address| address.canonical()).map_err(|_| bad());
    }
    idna::domain_to_ascii_strict(text).ok().filter(|domain| domain.contains('.')).ok_or_else(bad)
}

/// The relays of a workspace by name; the capture if it has none.
pub async fn list(installation: &Installation, conn: &mut Conn, workspace: Id) -> Result<Vec<Relay>> {
    let rows = Query::new(
        "select id, name, kind, target, connections, rate, daily, warm_up_start, warm_up_growth, weight, spare, ahead, senders
           from relay
          where workspace_id = :workspace
          order by name",
    )
    .bind("workspace", workspace)
    .fetch_all(conn)
    .await?;
    if rows.is_empty() {
        return Ok(vec![Relay { id: workspace, ..Relay::default() }]);
    }
    let ehlo_name = setting::get(conn, Setting::EhloName).await?;
    rows.iter().map(|row| read(installation, row, &ehlo_name)).collect()
}

/// A relay by its name; the error lists the relays of the workspace.
pub async fn require(installation: &Installation, conn: &mut Conn, workspace: Id, name: &str) -> Result<Relay> {
    let all = list(installation, conn, workspace).await?;
    let known: Vec<_> = all.iter().map(|relay| relay.name.clone()).collect();
    all.into_iter()
        .find(|relay| relay.name == name)
        .ok_or_else(|| Message::new("relay-unknown").with("name", name).with("known", known.join(", ")).not_found())
}

/// The main relay of a workspace, or its first one.
pub async fn main(installation: &Installation, conn: &mut Conn, workspace: Id) -> Result<Relay> {
    let mut all = list(installation, conn, workspace).await?;
    let at = all.iter().position(|relay| relay.name == MAIN).unwrap_or(0);
    Ok(all.swap_remove(at))
}

/// Inserts or updates the relay of this name. An SMTP endpoint that is read back has an EHLO name: the one of its URL,
/// else the setting `ehlo-name`, else the machine's own if that is fully qualified.
pub async fn save(installation: &Installation, conn: &mut Conn, workspace: Id, relay: &Relay) -> Result<()> {
    relay.check()?;
    // The main relay has the id of its workspace, like the capture of a workspace without relays.
    let id = if relay.name == MAIN { workspace } else { installation.ids.next()? };
    Query::new(
        "insert into relay (id, workspace_id, name, kind, target, connections, rate, daily, warm_up_start, warm_up_growth,
                            weight, spare, ahead, senders)
         values (:id, :workspace, :name, :kind, :target, :connections, {rate_limit}, :weight, :spare, :ahead, :senders)
         on conflict (workspace_id, name) do update
            set kind = excluded.kind, target = excluded.target, connections = excluded.connections,
                rate = excluded.rate, daily = excluded.daily,
                warm_up_start = excluded.warm_up_start, warm_up_growth = excluded.warm_up_growth,
                weight = excluded.weight, spare = excluded.spare, ahead = excluded.ahead, senders = excluded.senders",
    )
    .bind("id", id)
    .bind("workspace", workspace)
    .bind("name", relay.name.clone())
    .bind("kind", relay.kind.as_str())
    .bind("target", installation.keys.seal(&relay.kind.expose()))
    .bind("connections", small(relay.connections))
    .fragment("rate_limit", relay.rate_limit.values())
    .bind("weight", small(relay.weight))
    .bind("spare", i32::from(relay.spare))
    .bind("ahead", small(relay.ahead))
    .bind("senders", serde_json::Value::from(relay.senders.clone()).to_string())
    .execute(conn)
    .await?;
    Ok(())
}

fn small(number: u32) -> i32 {
    i32::try_from(number).expect("checked to be at most 1,000")
}

/// Deletes a relay. Its pending deliveries go through the other relays.
pub async fn delete(conn: &mut Conn, relay: &Relay) -> Result<()> {
    Query::new("delete from relay where id = :id").bind("id", relay.id).execute(conn).await?;
    Ok(())
}

fn read(installation: &Installation, row: &AnyRow, ehlo_name: &str) -> Result<Relay> {
    let sealed = || Message::new("relay-sealed").internal();
    let target = installation.keys.open(&row.cell::<Vec<u8>>(3)?).ok_or_else(sealed)?;
    let mut kind = RelayKind::parse(row.cell(2)?, target).ok_or_else(sealed)?;
    if let RelayKind::Smtp(endpoint) = &mut kind
        && endpoint.helo.is_empty()
    {
        endpoint.helo = default_helo(ehlo_name);
    }
    let number = |at: usize| row.cell::<i32>(at).map(|number| u32::try_from(number).unwrap_or(1));
    Ok(Relay {
        id: row.cell(0)?,
        name: row.cell(1)?,
        kind,
        connections: number(4)?,
        rate_limit: RateLimit::from_row(row, 5)?,
        weight: number(9)?,
        spare: number(10)? == 1,
        ahead: number(11)?,
        senders: serde_json::from_str(row.cell(12)?).unwrap_or_default(),
    })
}

/// The setting, or the machine's host name; empty if neither is a valid EHLO name. The session then gives its IP
/// address.
fn default_helo(setting: &str) -> String {
    let machine = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = if setting.is_empty() { machine() } else { setting.to_owned() };
    Some(name.trim().to_ascii_lowercase()).filter(|name| is_helo(name)).unwrap_or_default()
}
