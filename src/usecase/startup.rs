//! Start and end of an installation, around all other use cases.

use serde::Serialize;

use super::audit;
use crate::audience::{list, workspace};
use crate::infra::clock::Clock;
use crate::infra::config::Config;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::privacy::{canonical_upgrade, erasure_replay, machine_reconciliation};

/// Where an installation keeps its data.
#[derive(Debug, Serialize)]
pub struct Opened {
    /// The data folder.
    pub data: String,
    /// True when other machines may share the database (PostgreSQL).
    pub shared: bool,
}

/// Opens an installation.
///
/// # Errors
///
/// `NotFound` when the data folder holds none: nothing is created in a folder that was named by mistake.
pub async fn open(config: Config) -> Result<Installation> {
    let config = config.resolve()?;
    if !config.is_initialized() {
        return Err(Message::new("no-installation").with("data", config.data.display()).not_found());
    }
    create(config).await
}

/// Creates an installation, or opens the one that is there. Updates addresses that an earlier version stored in another
/// form, repeats erasures that a restored database has missed, writes the audit entries of actions that a killed process had begun, and ensures that there is a workspace.
pub async fn create(config: Config) -> Result<Installation> {
    let installation = Installation::open(config, Clock::system()).await?;
    canonical_upgrade::run(&installation).await?;
    erasure_replay::replay(&installation).await?;
    machine_reconciliation::run(&installation).await?;
    audit::settle(&installation).await?;
    workspace::ensure_first(&installation).await?;
    Ok(installation)
}

/// Refuses an installation that has lists already, and returns its workspace.
pub async fn require_unused(installation: &Installation) -> Result<Id> {
    if list::is_any(&mut *installation.db.read().await?).await? {
        return Err(Message::new("demo-used").with("data", installation.config.data.display()).conflict());
    }
    Ok(workspace::ensure(installation, "main").await?.id)
}

/// Returns where the installation keeps its data.
pub fn describe(installation: &Installation) -> Opened {
    Opened { data: installation.config.data.display().to_string(), shared: installation.db.is_shared() }
}

/// Closes the installation. Returns a notice when its store accepts no writes because its data are being moved.
pub async fn close(installation: &Installation) -> Option<Message> {
    let status = installation.db.store_status().await;
    installation.db.clone().close().await;
    status.ok().flatten().map(|status| status.refusal().message())
}
