//! Correction log: `journal/corrections.log`, one line for each correction of a contact, so that the old bytes are
//! removed even when the process ends after the commit. A line names the old address by the digest of a tombstone, or
//! nothing when the address stayed. Lines have the format of the erasure log.

use std::path::PathBuf;

use super::erasure_log::{self, ErasureRecord};
use crate::audience::address::Address;
use crate::audience::tombstone::{self, EVERY_LIST};
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// The reason of every line.
const CORRECTED: &str = "corrected";
/// The digest of no address.
const NO_ADDRESS: tombstone::Digest = [0; 32];

/// Records a correction before it is committed. `old` is the address that the contact no longer has. Durable when this
/// returns.
pub async fn append(installation: &Installation, workspace: Id, old: Option<&Address>) -> Result<()> {
    let digest = old.map_or(NO_ADDRESS, |old| tombstone::digest(&installation.keys.tombstone, workspace, old));
    let (day, reason) = (installation.clock.today(), CORRECTED.to_owned());
    let record = ErasureRecord { workspace, list: EVERY_LIST, digest, day, reason };
    erasure_log::append_to(path(installation), vec![record]).await
}

/// Reads the corrections behind byte `from` of the log.
pub(super) fn read_from(installation: &Installation, from: u64) -> Result<Vec<ErasureRecord>> {
    Ok(erasure_log::read_file(&path(installation), from)?.0)
}

/// The length of the log in bytes.
pub(super) fn length(installation: &Installation) -> u64 {
    std::fs::metadata(path(installation)).map_or(0, |found| found.len())
}

fn path(installation: &Installation) -> PathBuf {
    installation.config.journal_dir().join("corrections.log")
}
