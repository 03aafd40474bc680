//! Reading, checking and exporting the audit log of this machine.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{BufWriter, Write};
use std::path::Path;

use jiff::civil::Date;
use serde::Serialize;
use serde_json::Value;
use tokio::task::spawn_blocking;

use super::{Action, Actor, NO_WORKSPACE, audit};
use crate::access::user;
use crate::infra::chained_log::ChainedLog;
use crate::infra::chained_log::verification::Verified;
use crate::infra::error::{Error, Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::private_file;

/// Entries of a page.
pub const PAGE: usize = 100;

/// Which entries.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this action, by its word.
    pub action: Option<String>,
    /// By this user.
    pub user: Option<Id>,
    /// On this subject, such as a contact.
    pub subject: Option<Id>,
    /// From this day on, `2026-12-31`, UTC.
    pub from: Option<String>,
    /// Older than this number; the newest without it.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: usize,
}

/// Entries, the newest first.
#[derive(Debug, Serialize)]
pub struct AuditPage {
    /// The entries as they are in the log, with the name of the user where it is known.
    pub entries: Vec<Value>,
    /// Whether older ones follow.
    pub more: bool,
}

/// What a check of the logs found.
#[derive(Debug, Serialize)]
pub struct LogCheck {
    /// The name of the log.
    pub log: &'static str,
    /// Entries that were read.
    pub entries: u64,
    /// The hash of the newest; empty without one.
    pub head: String,
    /// True when nothing is wrong.
    pub intact: bool,
    /// What is wrong.
    pub problems: Vec<Message>,
}

/// What an export wrote.
#[derive(Debug, Serialize)]
pub struct AuditExported {
    /// How many entries.
    pub entries: u64,
    /// The file.
    pub file: String,
}

impl Filter {
    /// Checks the words of the filter.
    fn check(&self) -> Result<()> {
        if let Some(name) = &self.action
            && !Action::ALL.iter().any(|action| action.as_str() == name)
        {
            let known: Vec<_> = Action::ALL.iter().map(|action| action.as_str()).collect();
            let message = Message::new("audit-action-unknown").with("name", name).with("known", known.join(", "));
            return Err(message.invalid_field("action"));
        }
        if let Some(day) = &self.from
            && day.parse::<Date>().is_err()
        {
            return Err(Message::new("audit-from").with("text", day).invalid_field("from"));
        }
        Ok(())
    }

    fn takes(&self, workspace: Id, entry: &Value) -> bool {
        let is = |name: &str, wanted: Option<Id>| wanted.is_none_or(|wanted| entry[name].as_i64() == Some(wanted));
        (workspace == NO_WORKSPACE || entry["workspace"].as_i64() == Some(workspace))
            && self.action.as_ref().is_none_or(|action| entry["action"].as_str() == Some(action))
            && is("user", self.user)
            && is("subject", self.subject)
            && self.before.is_none_or(|before| entry["seq"].as_u64().unwrap_or(0) < before)
    }

    /// True when this entry is older than the first day.
    fn ends_at(&self, entry: &Value) -> bool {
        self.from.as_deref().is_some_and(|from| entry["at"].as_str().unwrap_or_default() < from)
    }
}

/// Entries of the actor's workspace, the newest first; of every workspace for the operator outside of one.
///
/// # Errors
///
/// `Invalid` for an unknown action or a wrong day.
pub async fn list(installation: &Installation, actor: &Actor, filter: &Filter) -> Result<AuditPage> {
    let action = if actor.workspace == NO_WORKSPACE { Action::CheckLogs } else { Action::ReadAuditLog };
    let permit = actor.permit(installation, action).await?;
    filter.check()?;
    let (log, wanted, workspace) = (installation.audit_log.clone(), filter.clone(), permit.workspace);
    let read = spawn_blocking(move || read(&log, &wanted, workspace)).await.map_err(|_| stopped())??;
    let (mut entries, more) = read;
    let mut names: HashMap<Id, Option<String>> = HashMap::new();
    let mut conn = installation.db.read().await?;
    for entry in &mut entries {
        let Some(id) = entry["user"].as_i64() else { continue };
        if let Entry::Vacant(unknown) = names.entry(id) {
            unknown.insert(user::find(installation, &mut conn, id).await?.map(|user| user.name));
        }
        if let Some(Some(name)) = names.get(&id) {
            entry["user_name"] = Value::from(name.as_str());
        }
    }
    drop(conn);
    permit.audit(None).await;
    Ok(AuditPage { entries, more })
}

fn read(log: &ChainedLog, filter: &Filter, workspace: Id) -> Result<(Vec<Value>, bool)> {
    let mut entries = Vec::new();
    for entry in log.newest_first()? {
        let entry = entry?;
        if filter.ends_at(&entry) {
            break;
        }
        if filter.takes(workspace, &entry) {
            if entries.len() == filter.limit {
                return Ok((entries, true));
            }
            entries.push(entry);
        }
    }
    Ok((entries, false))
}

/// Checks the audit log and the log of destruction of this machine, line by line, after it has got the entries of actions that a
/// killed process had begun.
pub async fn verify(installation: &Installation, actor: &Actor) -> Result<Vec<LogCheck>> {
    let permit = actor.permit(installation, Action::CheckLogs).await?;
    audit::settle(installation).await?;
    let mut checks = Vec::new();
    for (name, log) in [
        ("audit", &installation.audit_log),
        ("destruction", &installation.destruction_log),
        ("consent", &installation.consent_log),
    ] {
        let log = log.clone();
        let Verified { entries, head, problems, .. } =
            spawn_blocking(move || log.verify()).await.map_err(|_| stopped())??;
        checks.push(LogCheck { log: name, entries, head, intact: problems.is_empty(), problems });
    }
    permit.audit(None).await;
    Ok(checks)
}

/// Writes the entries of the filter into a new file, one JSON object a line, the oldest first. The lines are those of the log, so
/// that their hashes can be checked.
///
/// # Errors
///
/// Conflict when the file exists; else as for [`list`].
pub async fn export(installation: &Installation, actor: &Actor, filter: &Filter, to: &Path) -> Result<AuditExported> {
    let permit = actor.permit(installation, Action::CheckLogs).await?;
    filter.check()?;
    let (log, filter, file, workspace) =
        (installation.audit_log.clone(), filter.clone(), to.to_owned(), permit.workspace);
    let entries = spawn_blocking(move || write(&log, &filter, workspace, &file)).await.map_err(|_| stopped())??;
    permit.audit(None).await;
    Ok(AuditExported { entries, file: to.display().to_string() })
}

fn write(log: &ChainedLog, filter: &Filter, workspace: Id, to: &Path) -> Result<u64> {
    let file = match private_file::options().write(true).create_new(true).open(to) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(Message::new("audit-to-exists").with("to", to.display()).conflict());
        }
        Err(error) => return Err(Error::io(to.display())(error)),
    };
    let mut file = BufWriter::new(file);
    let mut entries = 0;
    log.for_each(|line, entry| {
        if !filter.ends_at(entry) && filter.takes(workspace, entry) {
            writeln!(file, "{line}").map_err(Error::io(to.display()))?;
            entries += 1;
        }
        Ok(())
    })?;
    file.flush().map_err(Error::io(to.display()))?;
    Ok(entries)
}

fn stopped() -> Error {
    Message::new("spool-stopped").unavailable()
}
