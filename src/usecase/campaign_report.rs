//! One campaign of any workspace with everything that its page at the desk shows.

use super::campaign_view::CampaignView;
use super::{Action, Actor};
use crate::audience::{list, workspace};
use crate::campaign::headline::{self, Headline};
use crate::campaign::model;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::report::progress::{self, ProgressSnapshot};

/// A campaign with everything that its page shows.
#[derive(Debug)]
pub struct CampaignReport {
    /// Name of its workspace.
    pub workspace: String,
    /// Name of its list.
    pub list: String,
    /// Subject and sender; `None` while its file cannot be read.
    pub headline: Option<Headline>,
    /// Its numbers, times and reasons.
    pub view: CampaignView,
    /// How far it is.
    pub progress: ProgressSnapshot,
}

/// Reads a campaign.
///
/// # Errors
/// `NotFound` when there is none with this id.
pub async fn read(installation: &Installation, actor: &Actor, id: Id) -> Result<CampaignReport> {
    let permit = actor.permit(Action::ReadOverview)?;
    let (mut conn, now) = (installation.db.read().await?, installation.clock.now());
    let unknown = || Message::new("campaign-gone").not_found();
    let campaign = model::find(&mut conn, id).await?.ok_or_else(unknown)?;
    let workspaces = workspace::all(&mut conn).await?;
    let workspace = workspaces.into_iter().find(|workspace| workspace.id == campaign.workspace).ok_or_else(unknown)?;
    let lists = list::all(&mut conn, workspace.id).await?;
    let report = CampaignReport {
        workspace: workspace.name,
        list: lists.into_iter().find(|list| list.id == campaign.list).map(|list| list.name).unwrap_or_default(),
        headline: headline::read(&mut conn, &campaign).await?,
        progress: progress::read(&mut conn, &campaign, now).await?,
        view: CampaignView::read(&mut conn, campaign, now).await?,
    };
    permit.skip_audit();
    Ok(report)
}
