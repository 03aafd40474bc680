//! Log of destruction: hash-chained lines in `journal/destruction-….log` that say what was erased, when, why and how
//! (Roskomnadzor order 179: act and log of destruction, kept for three years). A person stands in it as the keyed digest of the
//! tombstone: whoever presents the address can be told when it was erased, and nobody can be read out of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::departure::Reason;
use super::erasure::Erased;
use super::erasure_log::ErasureRecord;
use crate::audience::tombstone::{self, Digest};
use crate::infra::chained_log::{self, Entry};
use crate::infra::clock::{DAY, Millis};
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

pub mod report;

/// How long the log is kept.
const KEPT: Millis = 3 * 366 * DAY;
/// People in one line.
const MAX_SUBJECTS: usize = 500;

/// What is deleted with a contact.
pub const CONTACT: &[&str] = &["contact", "fields", "subscriptions", "consents", "deliveries", "events"];
/// What is deleted with one subscription.
pub const SUBSCRIPTION: &[&str] = &["subscription", "consents", "deliveries", "events"];
/// How rows are destroyed.
pub const MANNER: &str = "rows deleted, their bytes overwritten";

/// People of one transaction whose data goes.
#[derive(Debug, Default)]
pub struct Destroyed(BTreeMap<(Id, Id, &'static str, bool), Vec<Digest>>);

impl Destroyed {
    /// Adds people by the records of their erasure, with what was deleted of each.
    pub fn add<'r>(&mut self, reason: Reason, people: impl IntoIterator<Item = (&'r ErasureRecord, Erased)>) {
        for (record, erased) in people {
            if erased != Erased::Nothing {
                let key = (record.workspace, record.list, reason.as_str(), erased == Erased::Contact);
                self.0.entry(key).or_default().push(record.digest);
            }
        }
    }

    /// Writes the lines. They are on disk when this returns.
    pub async fn write(self, installation: &Installation) -> Result<()> {
        let mut entries = Vec::new();
        for ((workspace, list, reason, is_contact), subjects) in self.0 {
            for some in subjects.chunks(MAX_SUBJECTS) {
                let subjects: Vec<String> = some.iter().map(tombstone::hex).collect();
                entries.push(entry(&json!({
                    "kind": "erasure",
                    "workspace": workspace,
                    "list": list,
                    "reason": reason,
                    "categories": if is_contact { CONTACT } else { SUBSCRIPTION },
                    "manner": MANNER,
                    "system": system(),
                    "subjects": subjects,
                })));
            }
        }
        if entries.is_empty() {
            return Ok(());
        }
        installation.destruction_log.append(installation.clock.now(), entries).await
    }
}

/// Writes a line about rows that were deleted because their time of storage ended. They name nobody.
pub async fn record_expired(installation: &Installation, workspace: Id, category: &str, rows: u64) -> Result<()> {
    let line = json!({
        "kind": "retention",
        "workspace": workspace,
        "reason": "expired",
        "categories": [category],
        "manner": MANNER,
        "system": system(),
        "rows": rows,
    });
    installation.destruction_log.append(installation.clock.now(), vec![entry(&line)]).await
}

/// Writes a line that says that no byte of what was erased before is left in the database and its journals.
pub fn record_overwritten(installation: &Installation) -> Result<()> {
    let line = json!({ "kind": "bytes", "manner": "unused bytes of the database overwritten", "system": system() });
    installation.destruction_log.append_blocking(installation.clock.now(), vec![entry(&line)])
}

/// Deletes files of the log whose months ended more than three years ago.
pub fn prune(installation: &Installation) -> Result<usize> {
    installation.destruction_log.prune(&chained_log::month(installation.clock.now() - KEPT))
}

/// Name and version of the program, and the host.
fn system() -> String {
    concat!("Sendoff ", env!("CARGO_PKG_VERSION")).to_owned()
}

fn entry(value: &Value) -> Entry {
    value.as_object().cloned().unwrap_or_default()
}
