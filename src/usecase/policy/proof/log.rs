//! Evidence of the audit log: its chain, and what was done how often and when last.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Counts, Findings, Scope};
use crate::infra::chained_log::verification::Verified;
use crate::infra::error::{Error, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::usecase::output::utc;

/// What the audit log holds of a workspace and of the installation.
pub(super) struct AuditCounts {
    /// What a verification of the chain found.
    pub verified: Verified,
    /// Entries by action.
    counts: Counts,
    /// The time of the newest entry of each action, as the log writes it.
    newest: BTreeMap<String, String>,
}

impl AuditCounts {
    /// Reads the log from its newest line to its oldest.
    pub(super) async fn read(installation: &Installation, workspace: Id) -> Result<Self> {
        let log = installation.audit_log.clone();
        let read = tokio::task::spawn_blocking(move || {
            let (mut counts, mut newest) = (Counts::new(), BTreeMap::new());
            let verified = log.verify()?;
            for line in log.newest_first()? {
                let line = line?;
                let of = line["workspace"].as_i64().unwrap_or(0);
                let Some(action) = line["action"].as_str().filter(|_| of == 0 || of == workspace) else { continue };
                if line["outcome"].as_str() != Some("done") {
                    continue;
                }
                *counts.entry(action.to_owned()).or_default() += 1;
                newest.entry(action.to_owned()).or_insert_with(|| at(&line));
            }
            Ok(Self { verified, counts, newest })
        });
        read.await.map_err(|error| Error::io("log")(std::io::Error::other(error)))?
    }

    /// How often an action was performed, and when last.
    pub(super) fn of(&self, action: &str) -> (u64, Option<&str>) {
        (self.counts.get(action).copied().unwrap_or(0), self.newest.get(action).map(String::as_str))
    }
}

fn at(line: &Value) -> String {
    match &line["at"] {
        Value::String(text) => text.clone(),
        number => number.as_i64().map(utc).unwrap_or_default(),
    }
}

/// The actions that bear each promise out.
const ACTIONS: &[(&str, &[&str])] = &[
    ("J2", &["unsubscribe", "erase_contact", "erase_self"]),
    ("J3", &["close_list"]),
    ("J6", &["erase_contact", "unsubscribe"]),
    ("J9", &["erase_contact", "search_traces"]),
    ("M6", &["show_contact", "export_contacts", "correct_contact", "sign_in", "change_team"]),
    ("M7", &["make_backup", "restore_backup"]),
    ("M8", &["unsubscribe", "erase_contact"]),
    ("C1", &["restrict_contact", "unrestrict_contact"]),
    ("C2", &["read_self", "erase_self"]),
    ("C4", &["show_contact", "export_contacts"]),
    ("C6", &["correct_contact", "restrict_contact", "erase_contact"]),
    ("R1", &["show_contact", "correct_contact", "erase_contact", "restrict_contact", "unsubscribe"]),
    ("R3", &["unsubscribe", "erase_self", "erase_contact"]),
    ("R7", &["export", "show_campaign"]),
    ("H1", &["unsubscribe", "erase_contact"]),
    ("H4", &["sign_in", "make_backup"]),
];

/// Adds how often the actions of a promise were performed, and when last.
pub(super) fn add(scope: &Scope<'_>, id: &str, findings: &mut Findings) -> Result<()> {
    if ["M6", "H4"].contains(&id) {
        let verified = &scope.audit.verified;
        findings.must("proof-audit-entries", verified.entries, verified.entries > 0);
        findings.none_of("proof-audit-problems", i64::try_from(verified.problems.len()).unwrap_or(i64::MAX));
    }
    if id == "J9" {
        let verified = scope.installation.destruction_log.verify()?;
        findings.fact("proof-destruction-entries", verified.entries);
        findings.none_of("proof-destruction-problems", i64::try_from(verified.problems.len()).unwrap_or(i64::MAX));
    }
    if let Some((_, actions)) = ACTIONS.iter().find(|(promise, _)| *promise == id) {
        for action in *actions {
            let (count, newest) = scope.audit.of(action);
            let newest = newest.map(|at| format!(", {at}")).unwrap_or_default();
            let what = crate::infra::error::Message::new("proof-action").with("action", action);
            findings.0.push(super::Fact { what, value: format!("{count}{newest}"), against: false });
        }
    }
    Ok(())
}
