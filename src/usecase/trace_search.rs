//! Trace search: every place that still holds an address.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tokio::task::spawn_blocking;

use super::{Action, Actor};
use crate::audience::address::Address;
use crate::audience::import::staging::Staging;
use crate::backup::{archive, keys, register};
use crate::infra::config::Config;
use crate::infra::error::{Error, Message, Result};
use crate::infra::installation::Installation;
use crate::privacy::physical_erasure;
use crate::privacy::trace_search::{self, TraceReport};

/// What a search found.
#[derive(Debug, Serialize)]
pub struct Searched {
    /// The places.
    #[serde(flatten)]
    pub report: TraceReport,
    /// True while bytes of contacts that were erased, or of values that were corrected, may still be stored.
    pub pending: bool,
    /// The address; prints masked.
    #[serde(skip)]
    pub address: Address,
}

/// Searches every table and file of the installation for an address, and changes nothing. `progress` is called with the
/// bytes read so far and all of them.
pub async fn search(
    installation: &Installation,
    actor: &Actor,
    address: &str,
    progress: impl FnMut(u64, u64) + Send + 'static,
) -> Result<Searched> {
    let permit = actor.permit(installation, Action::SearchTraces).await?.begin(installation).await?;
    let parsed = parse(address)?;
    let report = trace_search::search(installation, address, &parsed, progress).await?;
    let pending = physical_erasure::is_pending(installation);
    permit.audit(None).await;
    Ok(Searched { report, pending, address: parsed })
}

/// A backup that was searched.
#[derive(Debug, Serialize)]
pub struct SearchedBackup {
    /// The file.
    pub backup: String,
    /// What was found in it. A restore erases who left since, so a hit is no mistake: it says how long the backup matters.
    #[serde(flatten)]
    pub report: TraceReport,
}

/// Opens backups with their private key, aside, and searches each as [`search`] does.
///
/// # Errors
///
/// Invalid for the field `identity`, for a backup that the key does not open, and for a damaged one.
pub async fn search_backups(
    installation: &Installation,
    actor: &Actor,
    address: &str,
    backups: &[PathBuf],
    identity: &Path,
) -> Result<Vec<SearchedBackup>> {
    let permit = actor.permit(installation, Action::SearchTraces).await?.begin(installation).await?;
    let parsed = parse(address)?;
    let mut found = Vec::new();
    for file in backups {
        let identities = keys::identities(identity)?;
        let staging = Staging::claim(&installation.config.staging_dir())?;
        let (path, into) = (file.clone(), staging.folder().join("data"));
        std::fs::create_dir(&into).map_err(Error::io(into.display()))?;
        let folder = into.clone();
        let reading = spawn_blocking(move || archive::read(&path, &identities, &folder));
        reading.await.unwrap_or_else(|error| Err(Error::io("backup")(std::io::Error::other(error))))?;
        let copy = Installation::open(Config { data: into, database: None }, installation.clock.clone()).await?;
        let report = trace_search::search(&copy, address, &parsed, |_, _| {}).await;
        copy.db.close().await;
        drop(staging);
        found.push(SearchedBackup { backup: file.display().to_string(), report: report? });
    }
    permit.audit(None).await;
    Ok(found)
}

/// Backups that this installation made and whose files are still there, the oldest first.
pub async fn known_backups(installation: &Installation, actor: &Actor) -> Result<Vec<String>> {
    let permit = actor.permit(installation, Action::SearchTraces).await?;
    let all = register::before(&mut *installation.db.read().await?, i64::MAX).await?;
    permit.skip_audit();
    Ok(all.into_iter().map(|(_, path)| path).filter(|path| Path::new(path).exists()).collect())
}

fn parse(address: &str) -> Result<Address> {
    Address::parse(address).map_err(|fault| {
        Message::new("trace-address").with_message("why", Message::new(fault.key())).invalid_field("address")
    })
}

/// Removes the bytes of contacts that were erased and of values that were corrected, where any are pending. Returns what
/// is to be said when some remain.
pub async fn clean(installation: &Installation, actor: &Actor) -> Result<Option<Message>> {
    let permit = actor.permit(installation, Action::SearchTraces).await?;
    let is_complete = physical_erasure::run_if_pending(installation).await?;
    permit.audit(None).await;
    Ok((!is_complete).then(|| physical_erasure::pending_notice(installation)))
}
