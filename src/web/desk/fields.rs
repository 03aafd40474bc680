//! Page of the fields of contacts: all of them, and a form that declares one.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::DeskState;
use super::form::Form;
use super::visit::Visit;
use crate::usecase::Action;
use crate::usecase::field::{self, FieldRow};
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "desk/fields.html")]
struct FieldsPage {
    visit: Visit,
    title: String,
    form: Form,
    fields: Vec<FieldRow>,
}

/// `GET /settings/fields`
pub async fn list(State(desk): State<Arc<DeskState>>, visit: Visit) -> Result<Response, Refusal> {
    let page = page(&desk, visit, Form::default()).await?;
    Ok(page.visit.show(&page))
}

/// `POST /settings/fields/add`
pub async fn add(State(desk): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    let kind = match form.value("kind") {
        "choice" => format!("choice:{}", form.value("choices").trim()),
        kind => kind.to_owned(),
    };
    match field::add(&desk.installation, &visit.actor, form.value("name").trim(), &kind).await {
        Ok(_) => Ok(visit.go("settings/fields", "added")),
        Err(error) => {
            let form = form.refused(&visit, error)?;
            let page = page(&desk, visit, form).await?;
            Ok(page.visit.refuse(&page))
        }
    }
}

async fn page(desk: &DeskState, visit: Visit, form: Form) -> Result<FieldsPage, Refusal> {
    let fields = field::list(&desk.installation, &visit.actor).await?;
    Ok(FieldsPage { title: visit.tr("desk-fields"), form, fields, visit })
}
