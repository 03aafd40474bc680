//! What the log of destruction says of a workspace: sums of a month, every person of a month, and one person who is asked for by
//! address.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::CONTACT;
use crate::audience::address::Address;
use crate::audience::tombstone;
use crate::infra::chained_log::ChainedLog;
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// Sums of a month, for an act of destruction.
#[derive(Debug, Clone, Default, Serialize)]
pub struct MonthSums {
    /// The month, `2026-12`.
    pub month: String,
    /// People whose data was deleted as a whole, by reason.
    pub people: BTreeMap<String, u64>,
    /// Subscriptions that were deleted while the person stayed on other lists, by reason.
    pub subscriptions: BTreeMap<String, u64>,
    /// Rows whose time of storage had ended, by category.
    pub expired: BTreeMap<String, u64>,
    /// When the first line of the month was written.
    pub first_at: String,
    /// When the last one was.
    pub last_at: String,
    /// When no byte of what had been deleted was left in the database, the last time.
    pub overwritten_at: Option<String>,
    /// The number of the first line.
    pub first: u64,
    /// The number of the last line.
    pub last: u64,
    /// The hash of the last line.
    pub hash: String,
    /// The program that deleted.
    pub system: String,
}

/// A line of the log for one person.
#[derive(Debug, Clone, Serialize)]
pub struct DestroyedRow {
    /// The number of the line.
    pub line: u64,
    /// When, RFC 3339.
    pub at: String,
    /// The pseudonym of the person; empty for rows that name nobody.
    pub subject: String,
    /// What was deleted.
    pub categories: String,
    /// Why.
    pub reason: String,
    /// How.
    pub manner: String,
    /// The program that deleted.
    pub system: String,
    /// The number of rows, where the line counts rows.
    pub rows: Option<u64>,
}

/// That a person was erased, for whoever presents the address.
#[derive(Debug, Clone, Serialize)]
pub struct ErasureReceipt {
    /// When, RFC 3339.
    pub at: String,
    /// Why.
    pub reason: String,
    /// True when everything was deleted, false for one subscription.
    pub whole: bool,
    /// The number of the line.
    pub line: u64,
    /// The hash of the line.
    pub hash: String,
}

impl MonthSums {
    /// How many people and subscriptions.
    pub fn total(&self) -> u64 {
        self.people.values().chain(self.subscriptions.values()).sum()
    }

    fn add(&mut self, line: &Value) {
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let seq = line["seq"].as_u64().unwrap_or(0);
        if line["kind"] == "bytes" {
            self.overwritten_at = Some(text("at"));
            return;
        }
        if self.first == 0 {
            (self.first, self.first_at) = (seq, text("at"));
        }
        (self.last, self.last_at, self.hash, self.system) = (seq, text("at"), text("hash"), text("system"));
        let subjects = line["subjects"].as_array().map_or(0, |subjects| subjects.len() as u64);
        match line["kind"].as_str() {
            Some("erasure") if is_whole(line) => *self.people.entry(text("reason")).or_default() += subjects,
            Some("erasure") => *self.subscriptions.entry(text("reason")).or_default() += subjects,
            _ => {
                for category in words(&line["categories"]) {
                    *self.expired.entry(category).or_default() += line["rows"].as_u64().unwrap_or(0);
                }
            }
        }
    }
}

/// The sums of each month with an entry of the workspace, the newest first.
pub fn months(log: &ChainedLog, workspace: Id) -> Result<Vec<MonthSums>> {
    let mut months: BTreeMap<String, MonthSums> = BTreeMap::new();
    log.for_each(|_, line| {
        let month = month_of(line);
        // The overwriting of bytes concerns all workspaces, but makes no month of its own.
        if line["workspace"].as_i64() == Some(workspace) || (line["kind"] == "bytes" && months.contains_key(&month)) {
            months.entry(month.clone()).or_insert_with(|| MonthSums { month, ..MonthSums::default() }).add(line);
        }
        Ok(())
    })?;
    Ok(months.into_values().rev().collect())
}

/// Calls `each` for everybody and everything of a month.
pub fn rows(
    log: &ChainedLog,
    workspace: Id,
    month: &str,
    mut each: impl FnMut(&DestroyedRow) -> Result<()>,
) -> Result<()> {
    log.for_each(|_, line| {
        if line["workspace"].as_i64() != Some(workspace) || month_of(line) != month {
            return Ok(());
        }
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let mut row = DestroyedRow {
            line: line["seq"].as_u64().unwrap_or(0),
            at: text("at"),
            subject: String::new(),
            categories: words(&line["categories"]).join(", "),
            reason: text("reason"),
            manner: text("manner"),
            system: text("system"),
            rows: line["rows"].as_u64(),
        };
        let subjects = words(&line["subjects"]);
        if subjects.is_empty() {
            return each(&row);
        }
        for subject in subjects {
            row.subject = subject;
            each(&row)?;
        }
        Ok(())
    })
}

/// The erasures of an address in the workspace, the oldest first. The address is compared by its digest.
pub fn find(installation: &Installation, workspace: Id, address: &Address) -> Result<Vec<ErasureReceipt>> {
    let digest = tombstone::hex(&tombstone::digest(&installation.keys.tombstone, workspace, address));
    find_subject(&installation.destruction_log, workspace, &digest)
}

/// The erasures of a pseudonymous subject in the workspace, the oldest first.
pub fn find_subject(log: &ChainedLog, workspace: Id, digest: &str) -> Result<Vec<ErasureReceipt>> {
    let mut found = Vec::new();
    log.for_each(|_, line| {
        let is_meant = |subject: &Value| subject.as_str() == Some(digest);
        if line["workspace"].as_i64() == Some(workspace)
            && line["subjects"].as_array().is_some_and(|subjects| subjects.iter().any(is_meant))
        {
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            found.push(ErasureReceipt {
                at: text("at"),
                reason: text("reason"),
                whole: is_whole(line),
                line: line["seq"].as_u64().unwrap_or(0),
                hash: text("hash"),
            });
        }
        Ok(())
    })?;
    Ok(found)
}

fn is_whole(line: &Value) -> bool {
    words(&line["categories"]).first().map(String::as_str) == CONTACT.first().copied()
}

fn words(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

fn month_of(line: &Value) -> String {
    line["at"].as_str().unwrap_or_default().chars().take(7).collect()
}
