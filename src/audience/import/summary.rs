//! Summary of an import, as shown to the user and as JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::delimiter::Delimiter;
use super::first_pass::{self, FirstPass};
use super::merge::SliceCounts;

/// SliceCounts and settings of an import. Every row is counted once: `rows` is the sum of the six counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// People who were not known.
    pub new: i64,
    /// Known people who got other values or joined the list.
    pub updated: i64,
    /// Known people for whom nothing changed.
    pub unchanged: i64,
    /// Rows whose address an earlier row has.
    pub duplicates: i64,
    /// People who left and stay away.
    pub tombstoned: i64,
    /// Rows refused, by reason word.
    pub invalid: BTreeMap<&'static str, i64>,
    /// Rows in the file that are not blank, without the header.
    pub rows: i64,
    /// What the file was decoded from.
    pub encoding: String,
    /// What stands between its cells.
    pub delimiter: Delimiter,
    /// Its columns, and what each fills: `email`, a field, or `-`.
    pub columns: Vec<(String, String)>,
    /// Whether nothing was written.
    pub dry_run: bool,
}

impl Summary {
    /// What the first pass came to; nobody has met the database yet.
    pub(super) fn of_first_pass(first_pass: &FirstPass, dry_run: bool) -> Self {
        Self {
            new: 0,
            updated: 0,
            unchanged: 0,
            duplicates: 0,
            tombstoned: 0,
            invalid: first_pass.invalid.clone(),
            rows: first_pass.rows as i64,
            encoding: first_pass::name(first_pass.encoding),
            delimiter: first_pass.delimiter(),
            columns: first_pass.columns(),
            dry_run,
        }
    }

    /// Rows refused for any reason.
    pub fn invalid_total(&self) -> i64 {
        self.invalid.values().sum()
    }

    /// The outcome for programs.
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

    /// Adds what a slice came to.
    pub(super) fn add(&mut self, counts: SliceCounts) {
        self.new += counts.new;
        self.updated += counts.updated;
        self.unchanged += counts.unchanged;
        self.tombstoned += counts.tombstoned;
    }
}
