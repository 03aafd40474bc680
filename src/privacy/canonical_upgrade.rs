//! Brings the canonical addresses of contacts that an earlier version stored to today's form: `"\anna"@example.org` was
//! another contact than `anna@example.org`.

use super::departure::Departure;
use super::erasure::{self, Reason};
use crate::audience::tombstone::EVERY_LIST;
use crate::audience::{contact, workspace};
use crate::infra::db::lock_addresses_exclusive;
use crate::infra::error::{Error, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// Updates every outdated canonical address. Where a contact with today's form exists, both are one mailbox: the outdated
/// one is removed, so that nobody gets a message twice or stays after an erasure. Does nothing in a store that accepts no
/// writes.
pub async fn run(installation: &Installation) -> Result<()> {
    for workspace in workspace::all(&mut *installation.db.read().await?).await? {
        loop {
            let outdated = contact::find_outdated(&mut *installation.db.read().await?, workspace.id).await?;
            if outdated.is_empty() {
                break;
            }
            match update(installation, workspace.id, &outdated).await {
                Err(Error::StoreClosed(_)) => return Ok(()),
                updated => updated?,
            }
        }
    }
    Ok(())
}

async fn update(installation: &Installation, workspace: Id, outdated: &[contact::Outdated]) -> Result<()> {
    let mut tx = installation.db.write().await?;
    // No other process may add one of the addresses meanwhile.
    lock_addresses_exclusive(&mut tx).await?;
    let mut removed = 0;
    for one in outdated {
        if !contact::set_canonical(&mut tx, workspace, one).await? {
            let departure = Departure::of(Reason::Erased, installation.clock.today());
            erasure::reapply(installation, &mut tx, one.id, EVERY_LIST, &departure).await?;
            removed += 1;
        }
    }
    tx.commit().await?;
    tracing::info!(count = outdated.len(), removed, "canonical addresses of an earlier version were updated");
    Ok(())
}
