//! Table `relay`: where the messages of a workspace are handed to. The whole target is sealed with
//! a key that lies outside the database, since it may hold a password. A workspace that set none
//! has the capture: its first campaign is seen, not sent by mistake.

use std::fmt;
use std::path::PathBuf;

use sqlx::Row;

use super::target::{Target, is_helo};
use crate::ground::db::{Conn, Sql};
use crate::ground::error::{Message, Result};
use crate::ground::id::Id;
use crate::ground::installation::Installation;
use crate::ground::setting::{self, Setting};

/// Connections to a relay that was not told otherwise.
pub const CONNECTIONS: u32 = 4;

const MOST_CONNECTIONS: u32 = 1_000;

/// What a relay is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Somebody's SMTP server.
    Smtp(Box<Target>),
    /// The inbox of this installation.
    Capture,
    /// Files in a folder, one a message.
    Folder(PathBuf),
}

/// Where messages go, and how fast.
#[derive(Debug, Clone, PartialEq)]
pub struct Relay {
    /// What it is.
    pub kind: Kind,
    /// Connections at a time, 1 to 1,000.
    pub connections: u32,
    /// Messages a second over all connections; `None` is as fast as it goes.
    pub rate: Option<f64>,
}

impl Default for Relay {
    fn default() -> Self {
        Self { kind: Kind::Capture, connections: CONNECTIONS, rate: None }
    }
}

impl Kind {
    /// The word in the database, in JSON and on the command line.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Smtp(_) => "smtp",
            Self::Capture => "capture",
            Self::Folder(_) => "file",
        }
    }

    /// What metrics call it: the server, or what it is.
    pub fn label(&self) -> String {
        match self {
            Self::Smtp(target) => format!("{}:{}", target.host, target.port),
            other => other.as_str().to_owned(),
        }
    }

    fn expose(&self) -> String {
        match self {
            Self::Smtp(target) => target.expose(),
            Self::Capture => String::new(),
            Self::Folder(path) => path.to_string_lossy().into_owned(),
        }
    }

    fn read(kind: &str, target: String) -> Option<Self> {
        match kind {
            "smtp" => Target::parse(&target).ok().map(|target| Self::Smtp(Box::new(target))),
            "capture" => Some(Self::Capture),
            "file" => Some(Self::Folder(PathBuf::from(target))),
            _ => None,
        }
    }
}

/// The target without its secrets.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Smtp(target) => fmt::Display::fmt(target, f),
            Self::Capture => f.write_str("capture"),
            Self::Folder(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Relay {
    /// What may be shown of it, as a sentence.
    pub fn describe(&self) -> Message {
        let key = match (&self.kind, self.rate) {
            (Kind::Capture, None) => "relay-capture",
            (Kind::Capture, Some(_)) => "relay-capture-rate",
            (_, None) => "relay-target",
            (_, Some(_)) => "relay-target-rate",
        };
        let message = Message::new(key).with("target", &self.kind).with("connections", self.connections);
        match self.rate {
            Some(rate) => message.with("rate", rate),
            None => message,
        }
    }

    fn check(&self) -> Result<()> {
        if !(1..=MOST_CONNECTIONS).contains(&self.connections) {
            return Err(Message::new("relay-connections").with("most", MOST_CONNECTIONS).misuse());
        }
        match self.rate {
            Some(rate) if !(rate.is_finite() && rate > 0.0) => Err(Message::new("relay-rate").misuse()),
            _ => Ok(()),
        }
    }
}

/// The relay of a workspace. An SMTP target comes with the name to give in EHLO: the one in its
/// URL, else the setting `ehlo-name`, else the machine's own when it is a full one.
pub async fn get(home: &Installation, conn: &mut Conn, workspace: Id) -> Result<Relay> {
    let row = sqlx::query("select kind, target, connections, rate from relay where workspace_id = $1")
        .bind(workspace)
        .fetch_optional(&mut *conn)
        .await?;
    let Some(row) = row else { return Ok(Relay::default()) };
    let opened = home.keys.open(&row.get::<Vec<u8>, _>(1)).ok_or_else(|| Message::new("relay-sealed").failed())?;
    let mut kind = Kind::read(row.get(0), opened).ok_or_else(|| Message::new("relay-sealed").failed())?;
    if let Kind::Smtp(target) = &mut kind
        && target.helo.is_empty()
    {
        target.helo = own_name(&setting::get(conn, Setting::EhloName).await?);
    }
    let connections = u32::try_from(row.get::<i32, _>(2)).unwrap_or(CONNECTIONS);
    Ok(Relay { kind, connections, rate: row.get(3) })
}

/// Sets the relay of a workspace.
pub async fn set(home: &Installation, conn: &mut Conn, workspace: Id, relay: &Relay) -> Result<()> {
    relay.check()?;
    Sql::new("insert into relay (workspace_id, kind, target, connections, rate) values (")
        .bind(workspace)
        .push(", ")
        .bind(relay.kind.as_str().to_owned())
        .push(", ")
        .bind(home.keys.seal(&relay.kind.expose()))
        .push(", ")
        .bind(i32::try_from(relay.connections).expect("checked to be at most 1,000"))
        // sqlx 0.9 binds an absent f64 as float4, which PostgreSQL then expects for ever: 0 is none.
        .push(", nullif(")
        .bind(relay.rate.unwrap_or(0.0))
        .push(", 0)) on conflict (workspace_id) do update set kind = excluded.kind, target = excluded.target, ")
        .push("connections = excluded.connections, rate = excluded.rate")
        .run(conn)
        .await?;
    Ok(())
}

/// Empty when there is no name fit for EHLO; the session then gives its address.
fn own_name(setting: &str) -> String {
    let machine = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = if setting.is_empty() { machine() } else { setting.to_owned() };
    Some(name.trim().to_ascii_lowercase()).filter(|name| is_helo(name)).unwrap_or_default()
}
