//! Overview page of the desk: campaigns with their counts, lists with their sizes. Read-only. While a campaign runs, the
//! page reloads itself, so that progress, rate and end time stay current without scripts.

use std::sync::Arc;
use std::time::Instant;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::{DeskState, notes};
use crate::campaign::model::State as CampaignState;
use crate::infra::id::Id;
use crate::report::progress::Progress;
use crate::report::rates::{Rate, Rates};
use crate::usecase::Actor;
use crate::usecase::desk::{self, CampaignOverview, WorkspaceOverview};
use crate::usecase::localize::StoredMessage;
use crate::web::page::{Frame, show};
use crate::web::refusal::Refusal;

/// Seconds between reloads while a campaign runs; ten times the time of one page, where that is longer.
const RELOAD_INTERVAL: u64 = 5;

#[derive(Template)]
#[template(path = "desk/overview.html")]
struct OverviewPage {
    frame: Frame,
    title: String,
    workspaces: Vec<WorkspaceView>,
    /// Seconds until the page reloads itself.
    refresh: Option<u64>,
}

/// A workspace on the page.
struct WorkspaceView {
    name: String,
    campaigns: Vec<CampaignView>,
    /// Why lanes are paused.
    lanes: Vec<String>,
    lists: Vec<(String, String)>,
}

/// A campaign on the page.
struct CampaignView {
    id: Id,
    name: String,
    state: String,
    progress: Progress,
    /// Each rate with its denominator, and its share.
    rates: Vec<(String, String)>,
    /// Opens and clicks, or that they are being counted.
    opens: String,
    clicks: String,
    /// Rate, end time and reasons.
    notes: Vec<String>,
}

/// `GET /` of the desk.
pub async fn read(State(state): State<Arc<DeskState>>, frame: Frame) -> Result<Response, Refusal> {
    let began = Instant::now();
    let overview = desk::overview(&state.installation, &Actor::desk(), &state.counts).await?;
    let campaigns = || overview.iter().flat_map(|workspace| &workspace.campaigns);
    let is_running = campaigns().any(|campaign| campaign.state == CampaignState::Running);
    let workspaces = overview.into_iter().map(|workspace| workspace_view(&state, frame, workspace)).collect();
    let refresh =
        (is_running || state.counts.is_counting()).then(|| RELOAD_INTERVAL.max(began.elapsed().as_secs() * 10));
    Ok(show(&OverviewPage { frame, title: frame.tr("desk-title"), workspaces, refresh }))
}

fn workspace_view(state: &DeskState, frame: Frame, workspace: WorkspaceOverview) -> WorkspaceView {
    let lane = |(lane, reason): (String, StoredMessage)| format!("{lane}: {}", reason.translate(frame.lang));
    WorkspaceView {
        name: workspace.name,
        campaigns: workspace.campaigns.into_iter().map(|campaign| campaign_view(state, frame, campaign)).collect(),
        lanes: workspace.lanes.into_iter().map(lane).collect(),
        lists: workspace.lists.into_iter().map(|(name, size)| (name, shown(frame, size))).collect(),
    }
}

fn campaign_view(state: &DeskState, frame: Frame, campaign: CampaignOverview) -> CampaignView {
    let progress = state.with_rate(campaign.id, campaign.progress);
    let now = state.installation.clock.now();
    let rates = Rates::of(&progress.numbers, campaign.events.is_some_and(|events| events.measured));
    let counted = |number: i64| campaign.events.map(|_| number);
    let row = |rate: &Rate| (frame.tr(rate.key), rate.percent(frame.lang));
    CampaignView {
        rates: rates.iter().filter(|rate| rate.share().is_some()).map(row).collect(),
        id: campaign.id,
        name: campaign.name,
        state: frame.tr(campaign.state.key()),
        opens: shown(frame, counted(progress.numbers.opens)),
        clicks: shown(frame, counted(progress.numbers.clicks)),
        notes: notes(frame, campaign.reason.as_ref(), &progress, now),
        progress,
    }
}

/// A number, or that it is being counted.
fn shown(frame: Frame, count: Option<i64>) -> String {
    count.map_or_else(|| frame.tr("desk-counting"), |count| count.to_string())
}
