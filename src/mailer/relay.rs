//! Table `relay`: where the messages of a workspace are handed to. The whole target is sealed with
//! a key that lies outside the database, since it may hold a password. A workspace that set none
//! has the capture: its first campaign is seen, not sent by mistake.

use std::fmt;
use std::path::PathBuf;

use sqlx::Row;
use sqlx::any::AnyRow;

use super::smtp::endpoint::{Endpoint, is_helo};
use crate::audience::address::Address;
use crate::campaign::lane::check_name;
use crate::campaign::rate_limit::RateLimit;
use crate::infra::db::{Conn, Sql};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::setting::{self, Setting};

/// The relay that is meant when none is named.
pub const MAIN: &str = "main";

/// Connections to a relay that was not told otherwise.
pub const CONNECTIONS: u32 = 4;

const MOST_CONNECTIONS: u32 = 1_000;

const MOST_AHEAD: u32 = 100;

const MOST_WEIGHT: u32 = 1_000;

/// What a relay is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayKind {
    /// Somebody's SMTP server.
    Smtp(Box<Endpoint>),
    /// The inbox of this installation.
    Capture,
    /// Files in a folder, one a message.
    Folder(PathBuf),
}

/// Where messages go, and how fast.
#[derive(Debug, Clone, PartialEq)]
pub struct Relay {
    /// Its number, which deliveries remember; 0 until it is written.
    pub id: Id,
    /// Its name in the workspace.
    pub name: String,
    /// What it is.
    pub kind: RelayKind,
    /// Connections at a time, 1 to 1,000, of each mailer.
    pub connections: u32,
    /// What may leave through it, over all mailers.
    pub rate_limit: RateLimit,
    /// Its share among the relays that may carry a letter, 1 to 1,000.
    pub weight: u32,
    /// True when it carries only while no other can.
    pub spare: bool,
    /// Marked deliveries that a connection may hold, 1 to 100.
    pub ahead: u32,
    /// Addresses (canonical) and domains whose letters go through it, and through no unbound relay.
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

    fn expose(&self) -> String {
        match self {
            Self::Smtp(target) => target.expose(),
            Self::Capture => String::new(),
            Self::Folder(path) => path.to_string_lossy().into_owned(),
        }
    }

    fn read(kind: &str, target: String) -> Option<Self> {
        match kind {
            "smtp" => Endpoint::parse(&target).ok().map(|target| Self::Smtp(Box::new(target))),
            "capture" => Some(Self::Capture),
            "file" => Some(Self::Folder(PathBuf::from(target))),
            _ => None,
        }
    }
}

/// The target without its secrets.
impl fmt::Display for RelayKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Smtp(target) => fmt::Display::fmt(target, f),
            Self::Capture => f.write_str("capture"),
            Self::Folder(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Relay {
    /// The main relay, to some end, with nothing else set.
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

    /// What may be shown of it, as a sentence.
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
            ("relay-connections", self.connections, MOST_CONNECTIONS),
            ("relay-weight", self.weight, MOST_WEIGHT),
            ("relay-ahead", self.ahead, MOST_AHEAD),
        ] {
            if !(1..=most).contains(&value) {
                return Err(Message::new(key).with("most", most).invalid());
            }
        }
        self.rate_limit.check()
    }
}

/// Reads a sender that is bound to a relay: an address or a domain.
pub fn parse_sender(text: &str) -> Result<String> {
    let bad = || Message::new("relay-for").with("text", text).invalid_field("for");
    if text.contains('@') {
        return Address::parse(text).map(|address| address.canonical()).map_err(|_| bad());
    }
    idna::domain_to_ascii_strict(text).ok().filter(|domain| domain.contains('.')).ok_or_else(bad)
}

const SELECT: &str = "select id, name, kind, target, connections, rate, daily, ramp_start, ramp_growth, weight, spare, \
                      ahead, senders from relay where workspace_id = ";

/// The relays of a workspace by name. A workspace that set none has the capture.
pub async fn list(installation: &Installation, conn: &mut Conn, workspace: Id) -> Result<Vec<Relay>> {
    let rows = Sql::new(SELECT).bind(workspace).push(" order by name").all(&mut *conn).await?;
    if rows.is_empty() {
        return Ok(vec![Relay { id: workspace, ..Relay::default() }]);
    }
    let name = setting::get(conn, Setting::EhloName).await?;
    rows.iter().map(|row| read(installation, row, &name)).collect()
}

/// A relay by its name, or a refusal that names those there are.
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

/// Writes a relay under its name. An SMTP target read back comes with the name to give in EHLO: the
/// one in its URL, else the setting `ehlo-name`, else the machine's own when it is a full one.
pub async fn save(installation: &Installation, conn: &mut Conn, workspace: Id, relay: &Relay) -> Result<()> {
    relay.check()?;
    // The main relay bears the number of its workspace, as the one that needs no row does.
    let id = if relay.name == MAIN { workspace } else { installation.ids.next() };
    let whole = |number: u32| i32::try_from(number).expect("checked to be at most 1,000");
    let mut sql = Sql::new(
        "insert into relay (id, workspace_id, name, kind, target, connections, rate, daily, ramp_start, ramp_growth, weight, \
         spare, ahead, senders) values (",
    );
    sql.bind(id).push(", ").bind(workspace).push(", ").bind(relay.name.clone()).push(", ");
    sql.bind(relay.kind.as_str().to_owned()).push(", ").bind(installation.keys.seal(&relay.kind.expose())).push(", ");
    sql.bind(whole(relay.connections)).push(", ");
    relay.rate_limit.write(&mut sql);
    sql.push(", ").bind_all([whole(relay.weight), i32::from(relay.spare), whole(relay.ahead)]).push(", ");
    sql.bind(relay.senders.join(" ")).push(") on conflict (workspace_id, name) do update set kind = excluded.kind, ");
    sql.push("target = excluded.target, connections = excluded.connections, rate = excluded.rate, ");
    sql.push("daily = excluded.daily, ramp_start = excluded.ramp_start, ramp_growth = excluded.ramp_growth, ");
    sql.push("weight = excluded.weight, spare = excluded.spare, ahead = excluded.ahead, senders = excluded.senders");
    sql.run(conn).await?;
    Ok(())
}

/// Removes a relay. Letters that wait go through those that are left.
pub async fn delete(conn: &mut Conn, relay: &Relay) -> Result<()> {
    sqlx::query("delete from relay where id = $1").bind(relay.id).execute(conn).await?;
    Ok(())
}

fn read(installation: &Installation, row: &AnyRow, name: &str) -> Result<Relay> {
    let sealed = || Message::new("relay-sealed").internal();
    let opened = installation.keys.open(&row.get::<Vec<u8>, _>(3)).ok_or_else(sealed)?;
    let mut kind = RelayKind::read(row.get(2), opened).ok_or_else(sealed)?;
    if let RelayKind::Smtp(target) = &mut kind
        && target.helo.is_empty()
    {
        target.helo = own_name(name);
    }
    let whole = |at: usize| u32::try_from(row.get::<i32, _>(at)).unwrap_or(1);
    Ok(Relay {
        id: row.get(0),
        name: row.get(1),
        kind,
        connections: whole(4),
        rate_limit: RateLimit::read(row, 5),
        weight: whole(9),
        spare: whole(10) == 1,
        ahead: whole(11),
        senders: row.get::<String, _>(12).split_whitespace().map(str::to_owned).collect(),
    })
}

/// Empty when there is no name fit for EHLO; the session then gives its address.
fn own_name(setting: &str) -> String {
    let machine = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = if setting.is_empty() { machine() } else { setting.to_owned() };
    Some(name.trim().to_ascii_lowercase()).filter(|name| is_helo(name)).unwrap_or_default()
}
