//! Drafts of campaigns: remove one, copy one under another name, and read its file for editing.

use serde::Serialize;

use super::campaign::{self, Added, Source};
use super::{Action, Actor};
use crate::campaign::model::{self, content};
use crate::campaign::{file_edit, launch_count, revision, series, unfinished_draft};
use crate::content::email::Format;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// A campaign that was removed.
#[derive(Debug, Serialize)]
pub struct Removed {
    /// Its name.
    pub removed: String,
}

/// The file of a campaign.
#[derive(Debug, Serialize)]
pub struct StoredFile {
    /// The campaign.
    pub name: String,
    /// `md` or `html`.
    pub format: String,
    /// The text.
    pub text: String,
    /// The key of the campaign, for the name of a temporary file.
    #[serde(skip)]
    pub id: Id,
    /// Whether it may be changed.
    pub editable: bool,
}

impl StoredFile {
    /// The file as it is added.
    pub fn source(&self, text: String) -> Source {
        Source { text, format: self.format.parse().unwrap_or(Format::Md) }
    }
}

/// Removes a campaign that was never launched.
///
/// # Errors
/// `Conflict` for a campaign whose messages were sent, and for the draft of a series that runs.
pub async fn remove(installation: &Installation, actor: &Actor, name: &str) -> Result<Removed> {
    let permit = actor.permit(installation, Action::RemoveCampaign).await?;
    let mut tx = installation.db.write().await?;
    let campaign = model::find_by_name(&mut tx, permit.workspace, name).await?;
    series::remove_stopped(&mut tx, &campaign).await?;
    model::remove(&mut tx, &campaign).await?;
    launch_count::remove(&mut tx, campaign.id).await?;
    revision::remove(&mut tx, campaign.id).await?;
    unfinished_draft::remove(&mut tx, campaign.id).await?;
    tx.commit().await?;
    permit.audit(campaign.id).await;
    Ok(Removed { removed: campaign.name })
}

/// Saves a copy of a campaign's file as a draft under another name.
///
/// # Errors
/// `Conflict` when a campaign of that name exists.
pub async fn duplicate(installation: &Installation, actor: &Actor, name: &str, new: &str) -> Result<Added> {
    let permit = actor.permit(installation, Action::AddCampaign).await?;
    let stored = read_file(installation, actor, name).await?;
    let known = model::list(&mut *installation.db.read().await?, permit.workspace).await?;
    if known.iter().any(|campaign| campaign.name == new.trim()) {
        return Err(Message::new("campaign-exists").with("name", new.trim()).conflict());
    }
    let text = file_edit::set(&stored.text, &[("name", Some(new.trim()))])?;
    // Adding it is audited.
    permit.skip_audit();
    campaign::add(installation, actor, &stored.source(text)).await
}

/// Reads the file of a campaign as it was added.
pub async fn read_file(installation: &Installation, actor: &Actor, name: &str) -> Result<StoredFile> {
    let permit = actor.permit(installation, Action::ShowCampaign).await?;
    let mut conn = installation.db.read().await?;
    let campaign = model::find_by_name(&mut conn, permit.workspace, name).await?;
    let source = content::read_source(&mut conn, campaign.id).await?;
    permit.audit(campaign.id).await;
    let editable = campaign.is_startable();
    Ok(StoredFile { name: campaign.name, format: source.format, text: source.text, id: campaign.id, editable })
}
