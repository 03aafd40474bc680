//! Page of a campaign at the desk: its progress, its funnel with the denominator of each rate, its links, and the deliveries for
//! which no message was made. Read-only; it reloads itself while the campaign runs.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use super::{DeskState, notes};
use crate::campaign::model::State as CampaignState;
use crate::campaign::sender::Sender;
use crate::infra::id::Id;
use crate::report::progress::Progress;
use crate::report::summary::LinkCount;
use crate::usecase::Actor;
use crate::usecase::campaign_report::{self, CampaignReport};
use crate::web::page::{Frame, show};
use crate::web::refusal::Refusal;

/// Seconds between reloads while the campaign runs.
const RELOAD_INTERVAL: u64 = 5;

#[derive(Template)]
#[template(path = "desk/campaign.html")]
struct CampaignPage {
    frame: Frame,
    title: String,
    /// The name as an argument of a command.
    argument: String,
    workspace: String,
    list: String,
    state: String,
    subject: String,
    sender: String,
    measured: bool,
    progress: Progress,
    notes: Vec<String>,
    rates: Vec<RateView>,
    links: Vec<LinkView>,
    skipped: Vec<(String, i64)>,
    refresh: Option<u64>,
}

/// A rate on the page.
struct RateView {
    name: String,
    share: String,
    numerator: i64,
    denominator: i64,
}

/// A link on the page.
struct LinkView {
    destination: String,
    clicks: i64,
    total: i64,
}

/// `GET /campaigns/{id}` of the desk.
pub async fn read(
    State(state): State<Arc<DeskState>>,
    frame: Frame,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let id: Id = id.parse().map_err(|_| Refusal::unknown())?;
    let report = campaign_report::read(&state.installation, &Actor::desk(), id).await?;
    Ok(show(&page(&state, frame, report)))
}

fn page(state: &DeskState, frame: Frame, report: CampaignReport) -> CampaignPage {
    let (view, now) = (report.view, state.installation.clock.now());
    let progress = state.with_rate(view.campaign.id, report.progress);
    let rates = view.rates.iter().map(|rate| RateView {
        name: frame.tr(rate.key),
        share: rate.percent(frame.lang),
        numerator: rate.numerator,
        denominator: rate.denominator,
    });
    let link =
        |link: &LinkCount| LinkView { destination: link.destination.clone(), clicks: link.clicks, total: link.total };
    let skipped = view.skip_reasons.iter().map(|(reason, count)| (frame.tr(reason), *count));
    CampaignPage {
        frame,
        argument: shell_argument(&view.campaign.name),
        title: view.campaign.name.clone(),
        workspace: report.workspace,
        list: report.list,
        state: frame.tr(view.campaign.state.key()),
        subject: report.headline.as_ref().map(|headline| headline.subject.clone()).unwrap_or_default(),
        sender: report.headline.as_ref().map(|headline| sender(&headline.from)).unwrap_or_default(),
        measured: view.measured,
        notes: notes(frame, view.reason.as_ref(), &progress, now),
        rates: rates.collect(),
        links: view.summary.links.iter().map(link).collect(),
        skipped: skipped.collect(),
        refresh: (view.campaign.state == CampaignState::Running).then_some(RELOAD_INTERVAL),
        progress,
    }
}

fn sender(from: &Sender) -> String {
    if from.name.is_empty() { from.address.clone() } else { format!("{} <{}>", from.name, from.address) }
}

/// A text as one word of a shell.
fn shell_argument(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !text.starts_with('-') && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
