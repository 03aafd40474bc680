//! Summary of an import, as shown to the user and as JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::delimiter::Delimiter;
use super::first_pass::{self, FirstPass};
use super::merge::SliceCounts;

/// Counts and settings of an import. Every row is counted once: `rows` is the sum of the six counts.
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
    /// Rejected rows by reason word.
    pub invalid: BTreeMap<&'static str, i64>,
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

impl Summary {
    /// The summary after the first pass, before any row is merged.
    pub(super) fn of_first_pass(first_pass: &FirstPass, dry_run: bool) -> Self {
        Self {
            new: 0,
            updated: 0,
            unchanged: 0,
            duplicates: 0,
            tombstoned: 0,
            invalid: first_pass.invalid.clone(),
            rows: first_pass.rows as i64,
            encoding: first_pass::encoding_name(first_pass.encoding),
            delimiter: first_pass.delimiter(),
            columns: first_pass.columns(),
            dry_run,
        }
    }

    /// Number of rejected rows.
    pub fn invalid_total(&self) -> i64 {
        self.invalid.values().sum()
    }

    /// The summary as JSON.
    pub fn json(&self) -> Value {
        let columns: BTreeMap<_, _> = self.columns.iter().cloned().collect();
        json!({
            "new": self.new,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "duplicates": self.duplicates,
            "tombstoned": self.tombstoned,
            "invalid": self.invalid_total(),
            "invalid_by_reason": self.invalid,
            "rows": self.rows,
            "encoding": self.encoding,
            "delimiter": self.delimiter.as_str(),
            "columns": columns,
            "dry_run": self.dry_run,
        })
    }

    /// Adds the counts of a slice.
    pub(super) fn add(&mut self, counts: SliceCounts) {
        self.new += counts.new;
        self.updated += counts.updated;
        self.unchanged += counts.unchanged;
        self.tombstoned += counts.tombstoned;
    }
}
