//! Page of the series: the drafts from which campaigns are made at set times; stop and resume.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::DeskState;
use super::campaign::find_name;
use super::listing::{self, Shape};
use super::visit::{Key, Visit};
use crate::campaign::series::State as SeriesState;
use crate::campaign::zoned_time::format_in_zone;
use crate::infra::error::Error;
use crate::usecase::Action;
use crate::usecase::series::{self, SeriesRow};
use crate::web::form::Form;
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "desk/series.html")]
struct SeriesPage {
    visit: Visit,
    title: String,
    form: Form,
    rows: Vec<RowView>,
}

/// A series in the table.
struct RowView {
    row: SeriesRow,
    next: String,
    reason: String,
}

/// `GET /series`
pub async fn list(State(desk): State<Arc<DeskState>>, visit: Visit, shape: Shape) -> Result<Response, Refusal> {
    if shape != Shape::Page {
        let rows = series::list(&desk.installation, &visit.actor).await?;
        return Ok(listing::rows(&visit, shape, "series", &rows));
    }
    let page = page(&desk, visit, Form::default()).await?;
    Ok(page.visit.show(&page))
}

/// `POST /series/{id}/stop`: makes no more campaigns; those it made go on.
pub async fn stop(State(desk): State<Arc<DeskState>>, visit: Visit, Key(id): Key) -> Result<Response, Refusal> {
    let name = find_name(&desk, &visit, id).await?;
    let done = series::stop(&desk.installation, &visit.actor, &name).await;
    answer(&desk, visit, Form::default(), done, "saved").await
}

/// `POST /series/{id}/resume`: goes on with the next time, or with the one that was missed.
pub async fn resume(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let name = find_name(&desk, &visit, id).await?;
    let done = series::resume(&desk.installation, &visit.actor, &name, form.has("missed")).await;
    answer(&desk, visit, form, done, "resumed").await
}

async fn answer(
    desk: &DeskState,
    visit: Visit,
    form: Form,
    done: Result<Vec<SeriesRow>, Error>,
    said: &'static str,
) -> Result<Response, Refusal> {
    match done {
        Ok(_) => Ok(visit.go("series", said)),
        Err(error) => {
            let form = form.refused(visit.frame.lang, error)?;
            let page = page(desk, visit, form).await?;
            Ok(page.visit.refuse(&page))
        }
    }
}

async fn page(desk: &DeskState, visit: Visit, form: Form) -> Result<SeriesPage, Refusal> {
    let rows = series::list(&desk.installation, &visit.actor).await?.into_iter().map(|row| RowView {
        next: row.next.map(|at| format_in_zone(at, &row.zone)).unwrap_or_default(),
        reason: row.reason.as_ref().map(|reason| reason.translate(visit.frame.lang)).unwrap_or_default(),
        row,
    });
    Ok(SeriesPage { title: visit.tr("desk-series"), form, rows: rows.collect(), visit })
}
