//! Page of the settings of the installation, for administrators: each with its value.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::DeskState;
use super::visit::Visit;
use crate::usecase::{Action, setting};
use crate::web::form::Form;
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "desk/installation.html")]
struct InstallationPage {
    visit: Visit,
    title: String,
    form: Form,
    names: Vec<&'static str>,
}

/// `GET /settings/installation`
pub async fn read(State(desk): State<Arc<DeskState>>, visit: Visit) -> Result<Response, Refusal> {
    let rows = setting::list(&desk.installation, &visit.actor).await?.0;
    let form = Form::of(rows.iter().map(|row| (row.setting.name(), row.value.clone())));
    let names = rows.iter().map(|row| row.setting.name()).collect();
    let page = InstallationPage { title: visit.tr("desk-installation"), form, names, visit };
    Ok(page.visit.show(&page))
}

/// `POST /settings/installation/save`: saves what was changed, one setting after the other, up to the first mistake.
pub async fn save(State(desk): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    let rows = setting::list(&desk.installation, &visit.actor).await?.0;
    for row in &rows {
        let name = row.setting.name();
        if !form.has(name) || form.value(name).trim() == row.value {
            continue;
        }
        if let Err(error) = setting::set(&desk.installation, &visit.actor, name, form.value(name).trim()).await {
            let form = form.refused_at(visit.frame.lang, name, error)?;
            let names = rows.iter().map(|row| row.setting.name()).collect();
            let page = InstallationPage { title: visit.tr("desk-installation"), form, names, visit };
            return Ok(page.visit.refuse(&page));
        }
    }
    Ok(visit.go("settings/installation", "saved"))
}
