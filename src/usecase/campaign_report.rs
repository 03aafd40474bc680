//! One campaign with everything that its page at the desk shows.

use super::campaign_view::CampaignView;
use super::{Action, Actor};
use crate::audience::{list, segment};
use crate::campaign::headline::{self, Headline};
use crate::campaign::model::{self, Campaign};
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::report::progress::{self, ProgressSnapshot};

/// A campaign with everything that its page shows.
#[derive(Debug)]
pub struct CampaignReport {
    /// Name of its list.
    pub list: String,
    /// Name of its segment.
    pub segment: Option<String>,
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
/// `NotFound` when the workspace has none with this key.
pub async fn read(installation: &Installation, actor: &Actor, id: Id) -> Result<CampaignReport> {
    let permit = actor.permit(Action::ShowCampaign)?;
    let (mut conn, now) = (installation.db.read().await?, installation.clock.now());
    let campaign = find(&mut conn, permit.workspace, id).await?;
    let segment = match campaign.segment {
        Some(segment) => segment::get(&mut conn, segment).await?.map(|segment| segment.name),
        None => None,
    };
    let report = CampaignReport {
        list: list::get(&mut conn, campaign.list).await?.map(|list| list.name).unwrap_or_default(),
        segment,
        headline: headline::read(&mut conn, &campaign).await?,
        progress: progress::read(&mut conn, &campaign, now).await?,
        view: CampaignView::read(&mut conn, campaign, now).await?,
    };
    permit.skip_audit();
    Ok(report)
}

/// Reads the name of a campaign, by which the other use cases find it.
///
/// # Errors
/// `NotFound` when the workspace has none with this key.
pub async fn find_name(installation: &Installation, actor: &Actor, id: Id) -> Result<String> {
    let permit = actor.permit(Action::ShowCampaign)?;
    let campaign = find(&mut *installation.db.read().await?, permit.workspace, id).await?;
    permit.skip_audit();
    Ok(campaign.name)
}

async fn find(conn: &mut Conn, workspace: Id, id: Id) -> Result<Campaign> {
    let found = model::find(conn, id).await?.filter(|campaign| campaign.workspace == workspace);
    found.ok_or_else(|| Message::new("campaign-gone").not_found())
}
