//! Page of the campaigns of a workspace: by state, with their numbers; duplicate and remove.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::DeskState;
use super::campaign::find_name;
use super::listing::{self, Shape};
use super::visit::{Key, Params, Visit};
use crate::campaign::model::State as CampaignState;
use crate::usecase::campaign_view::CampaignRow;
use crate::usecase::{Action, campaign, campaign_draft};
use crate::web::form::Form;
use crate::web::page::minute;
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "desk/campaigns.html")]
struct CampaignsPage {
    visit: Visit,
    title: String,
    state: String,
    states: Vec<(&'static str, String, usize)>,
    rows: Vec<RowView>,
}

/// A campaign in the table.
struct RowView {
    row: CampaignRow,
    state: String,
    at: String,
}

/// `GET /campaigns?state=`
pub async fn list(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    params: Params,
    shape: Shape,
) -> Result<Response, Refusal> {
    let mut rows = campaign::list(&desk.installation, &visit.actor).await?;
    rows.sort_by_key(|row| std::cmp::Reverse(row.campaign.id));
    if let Some(file) = listing::file(&visit, shape, "campaigns", &rows) {
        return Ok(file);
    }
    let states = CampaignState::ALL.iter().map(|state| {
        let count = rows.iter().filter(|row| row.campaign.state == *state).count();
        (state.as_str(), visit.tr(state.key()), count)
    });
    let states = states.filter(|(.., count)| *count > 0).collect();
    let chosen = params.get("state");
    rows.retain(|row| chosen.is_empty() || row.state == chosen);
    let rows = rows.into_iter().map(|row| RowView {
        state: visit.tr(row.campaign.state.key()),
        at: row.campaign.launched_at.or(row.campaign.starts_at).map(minute).unwrap_or_default(),
        row,
    });
    let page = CampaignsPage {
        title: visit.tr("desk-campaigns"),
        state: chosen.to_owned(),
        states,
        rows: rows.collect(),
        visit,
    };
    Ok(page.visit.show(&page))
}

/// `POST /campaigns/{id}/duplicate`
pub async fn duplicate(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let name = find_name(&desk, &visit, id).await?;
    let added = campaign_draft::duplicate(&desk.installation, &visit.actor, &name, form.value("name")).await;
    match added {
        Ok(_) => Ok(visit.go("campaigns", "added")),
        Err(error) => super::campaign::refused(&desk, visit, id, form, error).await,
    }
}

/// `POST /campaigns/{id}/remove`
pub async fn remove(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let name = find_name(&desk, &visit, id).await?;
    match campaign_draft::remove(&desk.installation, &visit.actor, &name).await {
        Ok(_) => Ok(visit.go("campaigns", "removed")),
        Err(error) => super::campaign::refused(&desk, visit, id, form, error).await,
    }
}
