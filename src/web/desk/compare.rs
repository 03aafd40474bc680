//! Page that compares campaigns: their rates side by side, each with the numbers it is made from.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::DeskState;
use super::listing::{self, Shape};
use super::visit::{Params, Visit};
use crate::usecase::comparison::{self, ComparedCampaign};
use crate::usecase::{Action, campaign};
use crate::web::refusal::Refusal;

/// Campaigns that are compared when none are chosen: the newest launched ones.
const NEWEST: usize = 5;

#[derive(Template)]
#[template(path = "desk/compare.html")]
struct ComparePage {
    visit: Visit,
    title: String,
    names: Vec<String>,
    chosen: Vec<String>,
    compared: Vec<ComparedCampaign>,
    /// Name of a rate, and its share and numbers for each campaign.
    rates: Vec<(String, Vec<(String, String)>)>,
}

/// `GET /reports/compare?c=NAME&c=NAME`
pub async fn read(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    params: Params,
    shape: Shape,
) -> Result<Response, Refusal> {
    let mut rows = campaign::list(&desk.installation, &visit.actor).await?;
    rows.retain(|row| row.campaign.is_launched());
    rows.sort_by_key(|row| std::cmp::Reverse(row.campaign.launched_at));
    let names: Vec<String> = rows.into_iter().map(|row| row.name).collect();
    let mut chosen: Vec<String> = params.all("c").map(str::to_owned).collect();
    if chosen.is_empty() {
        chosen = names.iter().take(NEWEST).cloned().collect();
    }
    let compared = comparison::compare(&desk.installation, &visit.actor, &chosen).await?;
    if let Some(file) = listing::file(&visit, shape, "campaigns", &compared) {
        return Ok(file);
    }
    let mut rates: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for one in &compared {
        for (at, rate) in one.rates.iter().enumerate() {
            if rates.len() == at {
                rates.push((visit.tr(rate.key), Vec::new()));
            }
            let numbers = format!("{} / {}", rate.numerator, rate.denominator);
            rates[at].1.push((rate.percent(visit.frame.lang), numbers));
        }
    }
    let page = ComparePage { title: visit.tr("desk-compare"), names, chosen, compared, rates, visit };
    Ok(page.visit.show(&page))
}
