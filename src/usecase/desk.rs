//! The overview of the desk: campaigns with their progress, paused lanes, and lists with their sizes.

use super::localize::StoredMessage;
use super::{Action, Actor};
use url::Url;

use crate::audience::{contact, list, subscription};
use crate::campaign::model::{self, State};
use crate::content::brand;
use crate::infra::db::Conn;
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::setting::{self, Setting};
use crate::mailer::limits::lane_backoff;
use crate::mailer::relay::{self, RelayKind};
use crate::report::progress::{self, ProgressSnapshot};
use crate::report::slow_counts::{self, EventCounts, SlowCounts};
use crate::report::{lanes, summary};

/// A workspace.
#[derive(Debug)]
pub struct WorkspaceOverview {
    /// Its campaigns: those that have not ended, and the newest of the others.
    pub campaigns: Vec<CampaignOverview>,
    /// Lanes that are paused or slowed down, with the reason.
    pub lanes: Vec<(String, StoredMessage)>,
    /// Names of its open lists, with the number of contacts; `None` while a large one has not been counted.
    pub lists: Vec<(String, Option<i64>)>,
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
    /// Its counts; opens and clicks are complete once `events` are known.
    pub progress: ProgressSnapshot,
    /// Opens and clicks without those of erased contacts; `None` while those of a large campaign have not been counted.
    pub events: Option<EventCounts>,
    /// Why it is paused or failed.
    pub reason: Option<StoredMessage>,
}

/// A first step of a workspace, and whether it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstStep {
    /// Its name.
    pub name: &'static str,
    /// Whether it is done.
    pub is_done: bool,
}

/// The first steps of a workspace; none once a campaign was launched.
pub async fn first_steps(installation: &Installation, actor: &Actor) -> Result<Vec<FirstStep>> {
    let permit = actor.permit(installation, Action::ReadOverview).await?;
    let mut conn = installation.db.read().await?;
    permit.skip_audit();
    let campaigns = model::list(&mut conn, permit.workspace).await?;
    if campaigns.iter().any(|campaign| campaign.is_launched()) {
        return Ok(Vec::new());
    }
    let brand = brand::get(&mut conn, permit.workspace).await?;
    let relays = relay::list(installation, &mut conn, permit.workspace).await?;
    let public_url = setting::get(&mut conn, Setting::PublicUrl).await?;
    let lists = list::all(&mut conn, permit.workspace).await?;
    let has_people = contact::list_page(&mut conn, permit.workspace, None, 0, 1).await?.len() == 1;
    let step = |name, is_done| FirstStep { name, is_done };
    Ok(vec![
        step("sender", !brand.name.is_empty() && !brand.address.is_empty()),
        step("relay", relays.iter().any(|relay| !matches!(relay.kind, RelayKind::Capture))),
        step("address", Url::parse(&public_url).is_ok_and(|url| url.scheme() == "https")),
        step("list", lists.iter().any(|list| !list.closed)),
        step("people", has_people),
        step("campaign", !campaigns.is_empty()),
    ])
}

/// Ended campaigns on the overview.
const ENDED_CAMPAIGNS: usize = 5;

/// Campaigns and lists with at most so many rows in all are counted at once, the newest first; the others in the background.
const COUNTED_AT_ONCE: i64 = 20_000;

/// Reads the overview of the workspace. What takes long to count comes from `counts`.
pub async fn overview(installation: &Installation, actor: &Actor, counts: &SlowCounts) -> Result<WorkspaceOverview> {
    let permit = actor.permit(installation, Action::ReadOverview).await?;
    let mut conn = installation.db.read().await?;
    let mut budget = COUNTED_AT_ONCE;
    let overview = WorkspaceOverview {
        campaigns: campaigns(&mut conn, installation, permit.workspace, counts, &mut budget).await?,
        lanes: paused_lanes(&mut conn, permit.workspace).await?,
        lists: list_sizes(&mut conn, installation, permit.workspace, counts, &mut budget).await?,
    };
    permit.skip_audit();
    Ok(overview)
}

async fn campaigns(
    conn: &mut Conn,
    installation: &Installation,
    workspace: Id,
    counts: &SlowCounts,
    budget: &mut i64,
) -> Result<Vec<CampaignOverview>> {
    let now = installation.clock.now();
    let mut all = model::list(conn, workspace).await?;
    all.sort_by_key(|campaign| std::cmp::Reverse(campaign.id));
    let mut ended = 0;
    all.retain(|campaign| {
        let has_ended = matches!(campaign.state, State::Finished | State::Cancelled);
        ended += usize::from(has_ended);
        !has_ended || ended <= ENDED_CAMPAIGNS
    });
    let summaries = summary::read_stored(conn, &all).await?;
    let mut campaigns = Vec::with_capacity(all.len());
    for (campaign, mut summary) in all.into_iter().zip(summaries) {
        // The content of a campaign is read too, which costs as much as some hundred rows.
        let rows = summary.planned.max(500);
        let is_small = campaign.is_launched() && rows <= *budget;
        let events = match campaign.is_launched() {
            true if is_small => {
                *budget -= rows;
                Some(slow_counts::count_events(conn, &campaign).await?)
            }
            true => counts.events(installation, campaign.id),
            false => Some(EventCounts::default()),
        };
        if let Some(events) = events {
            summary.opens += events.opens;
            summary.clicks += events.clicks;
        }
        let lanes = match campaign.state {
            State::Running | State::Paused if is_small => lanes::list(conn, &campaign, now).await?,
            State::Running | State::Paused => counts.lanes(installation, campaign.id),
            _ => Vec::new(),
        };
        campaigns.push(CampaignOverview {
            progress: progress::with_lanes(conn, &campaign, summary, lanes).await?,
            events,
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

async fn list_sizes(
    conn: &mut Conn,
    installation: &Installation,
    workspace: Id,
    counts: &SlowCounts,
    budget: &mut i64,
) -> Result<Vec<(String, Option<i64>)>> {
    let mut sizes = Vec::new();
    for list in list::all(conn, workspace).await?.into_iter().filter(|list| !list.closed) {
        let counted = subscription::count_up_to(conn, list.id, *budget + 1).await?;
        let size = match counted <= *budget {
            true => {
                *budget -= counted;
                Some(counted)
            }
            false => counts.list(installation, list.id),
        };
        sizes.push((list.name, size));
    }
    Ok(sizes)
}
