//! Pages of the segments: all of them, and the removal of one, which says who depends on it.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::DeskState;
use super::listing::{self, Shape};
use super::table::Table;
use super::visit::{Params, Visit};
use crate::infra::id::Id;
use crate::usecase::Action;
use crate::usecase::segment::{self, SegmentRow};
use crate::usecase::segment_rows::{self, Use};
use crate::web::form::Form;
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "desk/segments.html")]
struct SegmentsPage {
    visit: Visit,
    title: String,
    segments: Vec<SegmentRow>,
    table: Table,
}

#[derive(Template)]
#[template(path = "desk/segment_remove.html")]
struct RemovePage {
    visit: Visit,
    title: String,
    form: Form,
    /// The campaigns that go to the segment: key, name and state.
    uses: Vec<(Id, String, String)>,
}

/// `GET /segments?sort=`
pub async fn list(
    State(state): State<Arc<DeskState>>,
    visit: Visit,
    params: Params,
    shape: Shape,
) -> Result<Response, Refusal> {
    let table = Table::of(&params, &[], &["name", "expression"], "name");
    let mut segments = segment::list(&state.installation, &visit.actor).await?;
    table.arrange(&mut segments.segments, |column, one, other| match column {
        "expression" => one.expression.cmp(&other.expression),
        _ => one.segment.to_lowercase().cmp(&other.segment.to_lowercase()),
    });
    if let Some(file) = listing::file(&visit, shape, "segments", &segments) {
        return Ok(file);
    }
    let page = SegmentsPage { title: visit.tr("desk-segments"), segments: segments.segments, table, visit };
    Ok(page.visit.show(&page))
}

/// `GET /segments/remove?name=`: which campaigns go to the segment.
pub async fn ask_remove(
    State(state): State<Arc<DeskState>>,
    visit: Visit,
    params: Params,
) -> Result<Response, Refusal> {
    let form = Form::of([("name", params.get("name").to_owned())]);
    let page = remove_page(&state, visit, form).await?;
    Ok(page.visit.show(&page))
}

async fn remove_page(state: &DeskState, visit: Visit, form: Form) -> Result<RemovePage, Refusal> {
    let uses = segment_rows::list_uses(&state.installation, &visit.actor, form.value("name")).await?;
    let shown = |one: Use| (one.id, one.campaign, visit.tr(one.state.key()));
    let uses = uses.into_iter().map(shown).collect();
    Ok(RemovePage { title: visit.tr("desk-segment-remove"), uses, form, visit })
}

/// `POST /segments/remove`
pub async fn remove(State(state): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    match segment::remove(&state.installation, &visit.actor, form.value("name")).await {
        Ok(_) => Ok(visit.go("segments", "removed")),
        Err(error) => {
            let form = form.refused(visit.frame.lang, error)?;
            let page = remove_page(&state, visit, form).await?;
            Ok(page.visit.refuse(&page))
        }
    }
}
