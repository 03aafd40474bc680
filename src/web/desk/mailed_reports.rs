//! Page of the reports that a user gets by mail: how often, and one to look at now.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::DeskState;
use super::visit::Visit;
use crate::infra::error::Error;
use crate::usecase::Action;
use crate::usecase::mailed_report::{self, Period};
use crate::web::form::Form;
use crate::web::page::minute;
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "desk/mailed_reports.html")]
struct ReportsPage {
    visit: Visit,
    title: String,
    form: Form,
    period: &'static str,
    /// When the next one is sent.
    next: Option<String>,
}

/// `GET /settings/reports`
pub async fn read(State(desk): State<Arc<DeskState>>, visit: Visit) -> Result<Response, Refusal> {
    let page = page(&desk, visit, Form::default()).await?;
    Ok(page.visit.show(&page))
}

/// `POST /settings/reports/save`
pub async fn save(State(desk): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    let done = mailed_report::set(&desk.installation, &visit.actor, form.value("period").parse().ok()).await;
    answer(&desk, visit, form, done, "saved").await
}

/// `POST /settings/reports/send`: sends the report of the last period to the visitor.
pub async fn send(State(desk): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    let period = form.value("period").parse().unwrap_or(Period::Weekly);
    let done = mailed_report::send_now(&desk.installation, &visit.actor, period).await;
    answer(&desk, visit, form, done, "tested").await
}

async fn answer(
    desk: &DeskState,
    visit: Visit,
    form: Form,
    done: Result<(), Error>,
    said: &'static str,
) -> Result<Response, Refusal> {
    match done {
        Ok(()) => Ok(visit.go("settings/reports", said)),
        Err(error) => {
            let form = form.refused(visit.frame.lang, error)?;
            let page = page(desk, visit, form).await?;
            Ok(page.visit.refuse(&page))
        }
    }
}

async fn page(desk: &DeskState, visit: Visit, form: Form) -> Result<ReportsPage, Refusal> {
    let period = mailed_report::read(&desk.installation, &visit.actor).await?;
    let next = period.and_then(|period| mailed_report::next_at(period, desk.installation.clock.now()));
    Ok(ReportsPage {
        title: visit.tr("desk-mailed-reports"),
        form,
        period: period.map_or("", Period::as_str),
        next: next.map(minute),
        visit,
    })
}
