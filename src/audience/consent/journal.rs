//! Journal of consent: the hash-chained log `journal/consent-….log` holds a commitment to each single receipt and to each evidence,
//! so that one that is put into the database later, or changed there with its digest, is found.
//!
//! A commitment is `SHA-256(salt ‖ digest)` with the random salt of the row. The salt goes with the person, and then nothing leads
//! from the journal to anybody.

use std::collections::HashSet;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::infra::chained_log::Entry;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::{Error, Result};
use crate::infra::hex;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// What a check of the journal found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Receipts and evidence with a digest.
    pub rows: usize,
    /// Those of them that this machine's journal does not know.
    pub unknown: usize,
}

/// Writes a commitment. Durable when this returns.
pub(super) async fn commit(installation: &Installation, salt: &[u8], digest: &[u8]) -> Result<()> {
    let mut entry = Entry::new();
    entry.insert("commitment".to_owned(), commitment(salt, digest).into());
    installation.consent_log.append(installation.clock.now(), vec![entry]).await
}

fn commitment(salt: &[u8], digest: &[u8]) -> String {
    hex::encode(&Sha256::new().chain_update(salt).chain_update(digest).finalize())
}

/// Looks for the commitment of each single receipt and each evidence of a workspace. Rows that an earlier version wrote have no
/// salt and are left out.
pub async fn check(installation: &Installation, conn: &mut Conn, workspace: Id) -> Result<Checked> {
    let mut known = HashSet::new();
    for file in installation.consent_log.files()? {
        let text = std::fs::read_to_string(&file).map_err(Error::io(file.display()))?;
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        known.extend(lines.filter_map(|line| line["commitment"].as_str().map(str::to_owned)));
    }
    let (mut rows, mut unknown) = (0, 0);
    for select in [
        "select salt, digest from evidence where workspace_id = :workspace and salt is not null",
        "select salt, digest from consent where workspace_id = :workspace and salt is not null and digest is not null",
    ] {
        for row in Query::new(select).bind("workspace", workspace).fetch_all(conn).await? {
            rows += 1;
            let found = commitment(&row.cell::<Vec<u8>>(0)?, &row.cell::<Vec<u8>>(1)?);
            unknown += usize::from(!known.contains(&found));
        }
    }
    Ok(Checked { rows, unknown })
}
