//! Page of the campaigns of a workspace: by state, with their numbers; duplicate and remove.

use std::cmp::Ordering;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::DeskState;
use super::campaign::find_name;
use super::listing::{self, Shape};
use super::table::Table;
use super::visit::{Key, Params, Visit};
use crate::campaign::model::State as CampaignState;
use crate::infra::id::Id;
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
    /// The query of the next page.
    next: Option<String>,
    table: Table,
    form: Form,
}

impl CampaignsPage {
    /// Whether there is a draft that the visitor may remove.
    fn has_drafts(&self) -> bool {
        self.visit.may(Action::RemoveCampaign) && self.rows.iter().any(|row| row.is_draft)
    }
}

/// A campaign in the table.
struct RowView {
    row: CampaignRow,
    state: String,
    at: String,
    is_draft: bool,
}

/// `GET /campaigns?state=&sort=&after=`
pub async fn list(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    params: Params,
    shape: Shape,
) -> Result<Response, Refusal> {
    list_page(&desk, visit, &params, shape, Form::default()).await
}

async fn list_page(
    desk: &DeskState,
    visit: Visit,
    params: &Params,
    shape: Shape,
    form: Form,
) -> Result<Response, Refusal> {
    let table = Table::of(params, &["state"], COLUMNS, "-time");
    let mut rows = campaign::list(&desk.installation, &visit.actor).await?;
    let states = CampaignState::ALL.iter().map(|state| {
        let count = rows.iter().filter(|row| row.campaign.state == *state).count();
        (state.as_str(), visit.tr(state.key()), count)
    });
    let states = states.filter(|(.., count)| *count > 0).collect();
    let chosen = params.get("state");
    rows.retain(|row| chosen.is_empty() || row.state == chosen);
    table.arrange(&mut rows, compare);
    if let Some(file) = listing::file(&visit, shape, "campaigns", &rows) {
        return Ok(file);
    }
    let (rows, next) = table.cut(rows, |row| row.campaign.id);
    let rows = rows.into_iter().map(|row| RowView {
        state: visit.tr(row.campaign.state.key()),
        at: row.campaign.launched_at.or(row.campaign.starts_at).map(minute).unwrap_or_default(),
        is_draft: row.campaign.state == CampaignState::Draft,
        row,
    });
    let page = CampaignsPage {
        title: visit.tr("desk-campaigns"),
        state: chosen.to_owned(),
        states,
        rows: rows.collect(),
        next: next.map(|after| table.next(after)),
        table,
        form,
        visit,
    };
    Ok(if page.form.mistake().is_some() { page.visit.refuse(&page) } else { page.visit.show(&page) })
}

/// The columns that the table can be sorted by.
const COLUMNS: &[&str] = &["name", "state", "time", "planned", "accepted", "unsubscribed"];

fn compare(column: &str, one: &CampaignRow, other: &CampaignRow) -> Ordering {
    // A draft has no time yet: it stands with the newest.
    let time = |row: &CampaignRow| row.campaign.launched_at.or(row.campaign.starts_at).unwrap_or(i64::MAX);
    let order = match column {
        "name" => one.name.to_lowercase().cmp(&other.name.to_lowercase()),
        "state" => one.state.cmp(other.state),
        "planned" => one.planned.cmp(&other.planned),
        "accepted" => one.accepted.cmp(&other.accepted),
        "unsubscribed" => one.summary.unsubscribed.cmp(&other.summary.unsubscribed),
        _ => time(one).cmp(&time(other)),
    };
    order.then(one.campaign.id.cmp(&other.campaign.id))
}

/// `POST /campaigns/remove`: removes the drafts that were chosen.
pub async fn remove_chosen(State(desk): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    let chosen: Vec<Id> = form.all("id").filter_map(|id| id.parse().ok()).collect();
    if chosen.is_empty() {
        return Ok(visit.go("campaigns", "none-chosen"));
    }
    for id in chosen {
        let name = find_name(&desk, &visit, id).await?;
        if let Err(error) = campaign_draft::remove(&desk.installation, &visit.actor, &name).await {
            let form = form.refused(visit.frame.lang, error)?;
            return list_page(&desk, visit, &Params::default(), Shape::Page, form).await;
        }
    }
    Ok(visit.go("campaigns", "removed"))
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
