//! Summary of an import, as shown to the user and as JSON.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::delimiter::Delimiter;
use super::first_pass::{FirstPass, LeftOutCount};
use super::import_row::ImportRow;
use super::merge::SliceCounts;
use super::standing::Standing;
use crate::infra::error::Message;
use crate::infra::id::Id;

/// Counts and settings of an import. Every row is counted once: `rows` is the sum of the counts up to `invalid`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// New contacts.
    pub new: i64,
    /// Known contacts that got other values or joined the list.
    pub updated: i64,
    /// Known contacts that stay as they were.
    pub unchanged: i64,
    /// Rows whose address an earlier row has.
    pub duplicates: i64,
    /// Addresses that a tombstone blocks.
    pub tombstoned: i64,
    /// Rows of people who left elsewhere, are blocked or have no mailbox, as the file says.
    pub suppressed: SuppressedCounts,
    /// Rows of people whose status does not allow to mail them.
    pub not_mailed: i64,
    /// Rows of people whom a file for suppression calls mailable; nothing is done with them.
    pub mailable: i64,
    /// Rejected rows by reason word.
    pub invalid: BTreeMap<&'static str, i64>,
    /// Values that were left out of rows, by column and reason word.
    pub left_out: BTreeMap<(String, &'static str), LeftOutCount>,
    /// Rows with a value that was left out.
    pub incomplete: i64,
    /// Some people as they were read.
    pub people: Vec<Value>,
    /// The first different values of each column.
    pub samples: Vec<Vec<String>>,
    /// The number under which the import can be undone.
    pub import: Option<Id>,
    /// What is to be said about the shape of the file.
    pub notices: Vec<Message>,
    /// Rows of the file that are not blank, without the header.
    pub rows: i64,
    /// The encoding of the file.
    pub encoding: String,
    /// The delimiter of its cells.
    pub delimiter: Delimiter,
    /// Its columns and what each fills: `email`, a field, or `-`.
    pub columns: Vec<(String, String)>,
    /// Whether nothing was written.
    pub dry_run: bool,
}

/// People who are kept out as a file says, by their standing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SuppressedCounts {
    /// People who left the list.
    pub left: i64,
    /// People who are mailed on no list.
    pub blocked: i64,
    /// People without a mailbox.
    pub bounced: i64,
    /// Those of them who were contacts and were unsubscribed or erased.
    pub unsubscribed: i64,
}

impl SuppressedCounts {
    /// Number of people.
    pub fn total(&self) -> i64 {
        self.left + self.blocked + self.bounced
    }

    /// Counts rows by their standing.
    pub fn count(&mut self, rows: &[ImportRow]) {
        for row in rows {
            match row.standing {
                Standing::Left => self.left += 1,
                Standing::Blocked => self.blocked += 1,
                Standing::Bounced => self.bounced += 1,
                Standing::Mailable | Standing::Unknown => {}
            }
        }
    }
}

impl Summary {
    /// The summary after the first pass, before any row is merged.
    pub(super) fn of_first_pass(first_pass: &FirstPass, dry_run: bool) -> Self {
        let counts = &first_pass.counts;
        Self {
            new: 0,
            updated: 0,
            unchanged: 0,
            duplicates: 0,
            tombstoned: 0,
            suppressed: SuppressedCounts::default(),
            not_mailed: counts.standings.get(&Standing::Unknown).copied().unwrap_or(0),
            mailable: counts.standings.get(&Standing::Mailable).copied().unwrap_or(0),
            invalid: counts.invalid.clone(),
            left_out: counts.left_out.clone(),
            incomplete: counts.incomplete,
            people: counts.people.clone(),
            samples: counts.samples.clone(),
            import: None,
            notices: first_pass.notices(),
            rows: counts.rows as i64,
            encoding: first_pass.charset.name(),
            delimiter: first_pass.delimiter(),
            columns: first_pass.columns(),
            dry_run,
        }
    }

    /// Number of rejected rows.
    pub fn invalid_total(&self) -> i64 {
        self.invalid.values().sum()
    }

    /// Number of values that were left out.
    pub fn left_out_total(&self) -> i64 {
        self.left_out.values().map(|count| count.values).sum()
    }

    /// Whether most rows were rejected or lost a value: then the file was probably not read as it was meant.
    pub fn is_mostly_wrong(&self) -> bool {
        2 * (self.invalid_total() + self.incomplete) > self.rows
    }

    /// Whether the import added people, who can be removed again for a day.
    pub fn can_be_undone(&self) -> bool {
        !self.dry_run && self.import.is_some() && self.new > 0
    }

    /// The summary as JSON.
    pub fn json(&self) -> Value {
        let columns: BTreeMap<_, _> = self.columns.iter().cloned().collect();
        let mut json = json!({
            "new": self.new,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "duplicates": self.duplicates,
            "tombstoned": self.tombstoned,
            "suppressed": self.suppressed.total(),
            "suppressed_by_standing": self.suppressed,
            "not_mailed": self.not_mailed,
            "invalid": self.invalid_total(),
            "invalid_by_reason": self.invalid,
            "left_out": self.left_out_total(),
            "left_out_values": self.left_out.iter().map(left_out).collect::<Vec<_>>(),
            "incomplete": self.incomplete,
            "rows": self.rows,
            "encoding": self.encoding,
            "delimiter": self.delimiter.as_str(),
            "columns": columns,
            "dry_run": self.dry_run,
            "people": if self.dry_run { self.people.clone() } else { Vec::new() },
        });
        if let Some(import) = self.import.filter(|_| self.can_be_undone()) {
            json["import"] = import.into();
        }
        json
    }

    /// Adds the counts of a slice.
    pub(super) fn add(&mut self, counts: SliceCounts) {
        self.new += counts.new;
        self.updated += counts.updated;
        self.unchanged += counts.unchanged;
        self.tombstoned += counts.tombstoned;
    }
}

fn left_out(((column, reason), count): (&(String, &'static str), &LeftOutCount)) -> Value {
    json!({ "column": column, "reason": reason, "values": count.values, "first_line": count.first_line })
}
