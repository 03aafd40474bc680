//! Page of the brand: the name, postal address, colour and logo in emails and on the pages of recipients.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::DeskState;
use super::visit::Visit;
use crate::content::brand::BrandChange;
use crate::usecase::{Action, brand};
use crate::web::form::Form;
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "desk/sender.html")]
struct SenderPage {
    visit: Visit,
    title: String,
    form: Form,
}

/// `GET /settings/sender`
pub async fn read(State(desk): State<Arc<DeskState>>, visit: Visit) -> Result<Response, Refusal> {
    let brand = brand::show(&desk.installation, &visit.actor).await?;
    let values = [("name", brand.name), ("address", brand.address), ("color", brand.color), ("logo", brand.logo)];
    let page = SenderPage { title: visit.tr("desk-sender"), form: Form::of(values), visit };
    Ok(page.visit.show(&page))
}

/// `POST /settings/sender/save`
pub async fn save(State(desk): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    let given = |name: &str| Some(form.value(name).trim().to_owned());
    let change =
        BrandChange { name: given("name"), address: given("address"), color: given("color"), logo: given("logo") };
    match brand::set(&desk.installation, &visit.actor, &change).await {
        Ok(_) => Ok(visit.go("settings/sender", "saved")),
        Err(error) => {
            let form = form.refused(visit.frame.lang, error)?;
            let page = SenderPage { title: visit.tr("desk-sender"), form, visit };
            Ok(page.visit.refuse(&page))
        }
    }
}
