//! Page behind the link that checks who makes a request about their data: its button proves that the request comes from the owner
//! of the address. Only the POST changes anything.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use super::state::RecipientState;
use crate::usecase::Actor;
use crate::usecase::request_identity as request;
use crate::web::page::{Frame, Notice, PageBrand, show, within};
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "public/prove.html")]
struct ProvePage {
    frame: Frame,
    title: String,
    action: String,
    brand: PageBrand,
}

/// `GET /r/{token}`: asks, and changes nothing.
pub async fn ask(
    State(state): State<Arc<RecipientState>>,
    frame: Frame,
    Path(token): Path<String>,
) -> Result<Response, Refusal> {
    if !within(request::is_check_valid(&state.installation, &Actor::recipient(), &token)).await? {
        return Ok(used(frame));
    }
    let (title, action) = (frame.tr("prove-title"), frame.at(&format!("/r/{token}")));
    Ok(show(&ProvePage { frame, title, action, brand: PageBrand::default() }))
}

/// `POST /r/{token}`
pub async fn prove(
    State(state): State<Arc<RecipientState>>,
    frame: Frame,
    Path(token): Path<String>,
) -> Result<Response, Refusal> {
    match request::prove(&state.installation, &Actor::recipient(), &token).await? {
        true => Ok(show(&Notice::new(frame, frame.tr("proved-title"), frame.tr("proved-text")))),
        false => Ok(used(frame)),
    }
}

fn used(frame: Frame) -> Response {
    show(&Notice::new(frame, frame.tr("form-expired-title"), frame.tr("prove-used")))
}
