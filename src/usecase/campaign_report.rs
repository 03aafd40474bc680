//! One campaign with everything that its page at the desk shows.

use super::campaign_view::CampaignView;
use super::{Action, Actor};
use crate::audience::{list, segment};
use crate::campaign::headline::{self, Headline};
use crate::campaign::model::{self, Campaign, State};
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::report::progress::{self, ProgressSnapshot};
use crate::report::summary::{self, EventNumbers};

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

/// Campaigns with more messages are large: their opens and clicks are counted apart.
const LARGE: i64 = 20_000;

/// Whether a campaign has so many messages that its opens and clicks take longer to count than a page may take.
///
/// # Errors
/// `NotFound` when the workspace has none with this key.
pub async fn is_large(installation: &Installation, actor: &Actor, id: Id) -> Result<bool> {
    let permit = actor.permit(installation, Action::ShowCampaign).await?;
    let mut conn = installation.db.read().await?;
    let campaign = find(&mut conn, permit.workspace, id).await?;
    let stored = summary::read_stored(&mut conn, &[campaign]).await?;
    permit.skip_audit();
    Ok(stored.iter().any(|summary| summary.planned > LARGE))
}

/// Counts the opens and clicks of a campaign.
///
/// # Errors
/// As for [`is_large`].
pub async fn count_events(installation: &Installation, actor: &Actor, id: Id) -> Result<EventNumbers> {
    let permit = actor.permit(installation, Action::ShowCampaign).await?;
    let mut conn = installation.db.read().await?;
    let campaign = find(&mut conn, permit.workspace, id).await?;
    let summary = summary::read(&mut conn, &campaign).await?;
    permit.skip_audit();
    Ok(summary.events())
}

/// Reads a campaign. Its opens and clicks are counted unless they are known.
///
/// # Errors
/// `NotFound` when the workspace has none with this key.
pub async fn read(
    installation: &Installation,
    actor: &Actor,
    id: Id,
    events: Option<EventNumbers>,
) -> Result<CampaignReport> {
    let permit = actor.permit(installation, Action::ShowCampaign).await?;
    let (mut conn, now) = (installation.db.read().await?, installation.clock.now());
    let campaign = find(&mut conn, permit.workspace, id).await?;
    let summary = match events {
        None => summary::read(&mut conn, &campaign).await?,
        Some(events) => {
            let stored = summary::read_stored(&mut conn, std::slice::from_ref(&campaign)).await?;
            let summary = stored.into_iter().next().ok_or_else(|| Message::new("campaign-gone").not_found())?;
            summary.with_events(events)
        }
    };
    let segment = match campaign.segment {
        Some(segment) => segment::get(&mut conn, segment).await?.map(|segment| segment.name),
        None => None,
    };
    let list = list::get(&mut conn, campaign.list).await?.map(|list| list.name).unwrap_or_default();
    let headline = headline::read(&mut conn, &campaign).await?;
    let view = CampaignView::of_summary(&mut conn, campaign, summary, now).await?;
    let lanes = match view.campaign.state {
        State::Running | State::Paused => view.lane_status.clone(),
        _ => Vec::new(),
    };
    let progress = progress::with_lanes(&mut conn, &view.campaign, view.summary.clone(), lanes).await?;
    let report = CampaignReport { list, segment, headline, view, progress };
    permit.skip_audit();
    Ok(report)
}

/// Reads the name of a campaign, by which the other use cases find it.
///
/// # Errors
/// `NotFound` when the workspace has none with this key.
pub async fn find_name(installation: &Installation, actor: &Actor, id: Id) -> Result<String> {
    let permit = actor.permit(installation, Action::ShowCampaign).await?;
    let campaign = find(&mut *installation.db.read().await?, permit.workspace, id).await?;
    permit.skip_audit();
    Ok(campaign.name)
}

async fn find(conn: &mut Conn, workspace: Id, id: Id) -> Result<Campaign> {
    let found = model::find(conn, id).await?.filter(|campaign| campaign.workspace == workspace);
    found.ok_or_else(|| Message::new("campaign-gone").not_found())
}
