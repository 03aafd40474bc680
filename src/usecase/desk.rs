//! The overview of the desk: campaigns with their progress, paused lanes, and lists with their sizes.

use super::localize::StoredMessage;
use super::{Action, Actor};
use crate::audience::{list, subscription, workspace};
use crate::campaign::headline;
use crate::campaign::model::{self, State};
use crate::infra::db::Conn;
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::mailer::limits::lane_backoff;
use crate::report::progress::{self, ProgressSnapshot};

/// A workspace.
#[derive(Debug)]
pub struct WorkspaceOverview {
    /// Its name.
    pub name: String,
    /// Its campaigns.
    pub campaigns: Vec<CampaignOverview>,
    /// Lanes that are paused or slowed down, with the reason.
    pub lanes: Vec<(String, StoredMessage)>,
    /// Names of its open lists, with the number of contacts.
    pub lists: Vec<(String, i64)>,
}

/// A campaign.
#[derive(Debug)]
pub struct CampaignOverview {
    /// The campaign.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: State,
    /// Its counts.
    pub progress: ProgressSnapshot,
    /// Whether opens and clicks are measured.
    pub measured: bool,
    /// Why it is paused or failed.
    pub reason: Option<StoredMessage>,
}

/// Reads the overview of all workspaces.
pub async fn overview(installation: &Installation, actor: &Actor) -> Result<Vec<WorkspaceOverview>> {
    let permit = actor.permit(Action::ReadOverview)?;
    let mut conn = installation.db.read().await?;
    let mut workspaces = Vec::new();
    for workspace in workspace::all(&mut conn).await? {
        workspaces.push(WorkspaceOverview {
            campaigns: campaigns(&mut conn, installation, workspace.id).await?,
            lanes: paused_lanes(&mut conn, workspace.id).await?,
            lists: list_sizes(&mut conn, workspace.id).await?,
            name: workspace.name,
        });
    }
    permit.skip_audit();
    Ok(workspaces)
}

async fn campaigns(conn: &mut Conn, installation: &Installation, workspace: Id) -> Result<Vec<CampaignOverview>> {
    let now = installation.clock.now();
    let mut campaigns = Vec::new();
    for campaign in model::list(conn, workspace).await? {
        campaigns.push(CampaignOverview {
            progress: progress::read(conn, &campaign, now).await?,
            measured: headline::read(conn, &campaign).await?.is_some_and(|headline| headline.measured),
            id: campaign.id,
            name: campaign.name,
            state: campaign.state,
            reason: campaign.reason.map(StoredMessage),
        });
    }
    Ok(campaigns)
}

async fn paused_lanes(conn: &mut Conn, workspace: Id) -> Result<Vec<(String, StoredMessage)>> {
    let lanes = lane_backoff::list(conn, workspace).await?.into_iter();
    Ok(lanes.filter_map(|(lane, backoff)| Some((lane, StoredMessage(backoff.reason?)))).collect())
}

async fn list_sizes(conn: &mut Conn, workspace: Id) -> Result<Vec<(String, i64)>> {
    let mut sizes = Vec::new();
    for list in list::all(conn, workspace).await?.into_iter().filter(|list| !list.closed) {
        let contacts = subscription::count(conn, list.id).await?.into_iter().map(|(_, count)| count).sum();
        sizes.push((list.name, contacts));
    }
    Ok(sizes)
}
