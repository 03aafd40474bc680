//! First page of a workspace: its campaigns with their counts, its lists with their sizes. While a campaign runs, the page
//! reloads itself, so that progress, rate and end time stay current without scripts.

use std::sync::Arc;
use std::time::Instant;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};

use super::visit::{Visit, segment};
use super::{DeskState, notes};
use crate::campaign::model::State as CampaignState;
use crate::infra::id::Id;
use crate::report::progress::Progress;
use crate::report::rates::{Rate, Rates};
use crate::usecase::desk::{self, CampaignOverview, FirstStep};
use crate::usecase::localize::StoredMessage;
use crate::usecase::signed_in::SignedIn;
use crate::usecase::{Action, Actor, relay, workspace};
use crate::web::page::{Frame, Notice, show};
use crate::web::refusal::Refusal;

/// Seconds between reloads while a campaign runs; ten times the time of one page, where that is longer.
const RELOAD_INTERVAL: u64 = 5;

#[derive(Template)]
#[template(path = "desk/home.html")]
struct HomePage {
    visit: Visit,
    title: String,
    campaigns: Vec<CampaignView>,
    /// Why lanes are paused.
    lanes: Vec<String>,
    lists: Vec<(String, String)>,
    /// The first steps that are left and done, with the pages where they are made.
    steps: Vec<StepView>,
    /// Whether messages go to the capture inbox alone.
    is_captured: bool,
    /// Seconds until the page reloads itself.
    refresh: Option<u64>,
}

/// A first step on the page.
struct StepView {
    name: String,
    path: &'static str,
    is_done: bool,
}

/// What a first step is called, and where it is made.
fn step_view(visit: &Visit, step: FirstStep) -> StepView {
    let (key, path) = match step.name {
        "sender" => ("desk-step-sender", "settings/sender"),
        "relay" => ("desk-step-relay", "settings/relay"),
        "address" => ("desk-step-address", "settings/installation"),
        "list" => ("desk-step-list", "lists"),
        "people" => ("desk-step-people", "people/import"),
        _ => ("desk-step-campaign", "campaigns/new"),
    };
    StepView { name: visit.tr(key), path, is_done: step.is_done }
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

/// `GET /` of a workspace.
pub async fn read(State(state): State<Arc<DeskState>>, visit: Visit) -> Result<Response, Refusal> {
    let began = Instant::now();
    let (installation, actor, frame) = (&state.installation, &visit.actor, visit.frame);
    let overview = desk::overview(installation, actor, &state.counts).await?;
    let relays = relay::list(installation, actor).await?;
    let steps = desk::first_steps(installation, actor).await?;
    let is_running = overview.campaigns.iter().any(|campaign| campaign.state == CampaignState::Running);
    let refresh =
        (is_running || state.counts.is_counting()).then(|| RELOAD_INTERVAL.max(began.elapsed().as_secs() * 10));
    let lane = |(lane, reason): (String, StoredMessage)| format!("{lane}: {}", reason.translate(frame.lang));
    let page = HomePage {
        title: visit.workspace.clone(),
        campaigns: overview.campaigns.into_iter().map(|campaign| campaign_view(&state, frame, campaign)).collect(),
        lanes: overview.lanes.into_iter().map(lane).collect(),
        lists: overview.lists.into_iter().map(|(name, size)| (name, shown(frame, size))).collect(),
        steps: steps.into_iter().map(|step| step_view(&visit, step)).collect(),
        is_captured: relays.iter().all(|relay| relay.kind == "capture"),
        refresh,
        visit,
    };
    Ok(page.visit.show(&page))
}

/// `GET /` of the desk: leads to the visitor's first workspace.
pub async fn lead(
    State(state): State<Arc<DeskState>>,
    frame: Frame,
    signed_in: Option<Extension<Arc<SignedIn>>>,
) -> Result<Response, Refusal> {
    let first = match signed_in {
        Some(Extension(user)) => user.memberships.first().map(|one| one.name.clone()),
        None => workspace::list(&state.installation, &Actor::desk()).await?.workspaces.into_iter().next(),
    };
    match first {
        Some(name) => Ok(Redirect::to(&frame.at(&format!("w/{}/", segment(&name)))).into_response()),
        None => Ok(show(&Notice::new(frame, frame.tr("desk-title"), frame.tr("desk-no-workspace")))),
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
