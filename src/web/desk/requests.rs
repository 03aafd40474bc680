//! Pages of people's requests: the queue with what is due next; one request with its identity check, extension and outcome.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::DeskState;
use super::listing::{self, Shape};
use super::visit::{Key, Visit};
use crate::infra::error::Error;
use crate::infra::id::Id;
use crate::usecase::Action;
use crate::usecase::request::{self, Law, NewRequest, RequestDetails, RequestKind, RequestRow, State as Outcome};
use crate::usecase::request_identity;
use crate::web::form::Form;
use crate::web::page::minute;
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "desk/requests.html")]
struct RequestsPage {
    visit: Visit,
    title: String,
    requests: Vec<RequestRow>,
    form: Form,
    /// Words and names of the kinds.
    kinds: Vec<(&'static str, String)>,
}

#[derive(Template)]
#[template(path = "desk/request.html")]
struct RequestPage {
    visit: Visit,
    title: String,
    request: RequestDetails,
    form: Form,
}

/// The name of a kind.
pub fn kind_name(visit: &Visit, kind: &str) -> String {
    let key = match kind {
        "access" => "request-kind-access",
        "copy" => "request-kind-copy",
        "correction" => "request-kind-correction",
        "objection" => "request-kind-objection",
        "erasure" => "request-kind-erasure",
        "restriction" => "request-kind-restriction",
        "portability" => "request-kind-portability",
        "withdrawal" => "request-kind-withdrawal",
        _ => "request-kind-complaint",
    };
    visit.tr(key)
}

fn state_name(visit: &Visit, state: &str) -> String {
    visit.tr(match state {
        "open" => "request-state-open",
        "done" => "request-state-done",
        _ => "request-state-refused",
    })
}

fn identity_name(visit: &Visit, identity: &str) -> String {
    visit.tr(match identity {
        "link" => "request-identity-link",
        "noted" => "request-identity-noted",
        _ => "request-identity-unknown",
    })
}

/// `GET /requests`
pub async fn list(State(desk): State<Arc<DeskState>>, visit: Visit, shape: Shape) -> Result<Response, Refusal> {
    let found = request::list(&desk.installation, &visit.actor).await?;
    if let Some(file) = listing::file(&visit, shape, "requests", &found) {
        return Ok(file);
    }
    let page = queue(visit, found.requests, Form::default());
    Ok(page.visit.show(&page))
}

fn queue(visit: Visit, requests: Vec<RequestRow>, form: Form) -> RequestsPage {
    let kinds = RequestKind::ALL.iter().map(|kind| (kind.as_str(), kind_name(&visit, kind.as_str()))).collect();
    RequestsPage { title: visit.tr("desk-requests"), requests, form, kinds, visit }
}

/// `POST /requests/add`
pub async fn add(State(desk): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    let text = |name: &str| form.value(name).to_owned();
    let added = match form.value("kind").parse::<RequestKind>() {
        Ok(kind) => {
            let new = NewRequest {
                address: text("address"),
                kind,
                channel: text("channel"),
                note: text("note"),
                checked: Some(text("checked")),
                law: form.value("law").parse::<Law>().ok(),
                received: Some(text("received")),
            };
            request::add(&desk.installation, &visit.actor, &new).await
        }
        Err(error) => Err(error),
    };
    match added {
        Ok(added) => Ok(visit.go(&format!("requests/{}", added.row.request), "added")),
        Err(error) => {
            let form = form.refused(visit.frame.lang, error)?;
            let found = request::list(&desk.installation, &visit.actor).await?;
            let page = queue(visit, found.requests, form);
            Ok(page.visit.refuse(&page))
        }
    }
}

/// `GET /requests/{id}`
pub async fn read(State(desk): State<Arc<DeskState>>, visit: Visit, Key(id): Key) -> Result<Response, Refusal> {
    let page = page(&desk, visit, id, Form::default()).await?;
    Ok(page.visit.show(&page))
}

async fn page(desk: &DeskState, visit: Visit, id: Id, form: Form) -> Result<RequestPage, Refusal> {
    let request = request::show(&desk.installation, &visit.actor, id).await?;
    Ok(RequestPage { title: kind_name(&visit, request.row.kind), request, form, visit })
}

/// `POST /requests/{id}/check`: notes how it was checked who asks, or sends the link.
pub async fn check(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let done = request_identity::check(&desk.installation, &visit.actor, id, form.given("note")).await;
    answer(&desk, visit, id, form, done.map(drop)).await
}

/// `POST /requests/{id}/extend`
pub async fn extend(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let done = request::extend(&desk.installation, &visit.actor, id, form.value("reason")).await;
    answer(&desk, visit, id, form, done.map(drop)).await
}

/// `POST /requests/{id}/close`
pub async fn close(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let state = if form.is("state", "refused") { Outcome::Refused } else { Outcome::Done };
    let done = request::close(&desk.installation, &visit.actor, id, state, form.value("outcome")).await;
    answer(&desk, visit, id, form, done.map(drop)).await
}

async fn answer(
    desk: &DeskState,
    visit: Visit,
    id: Id,
    form: Form,
    done: Result<(), Error>,
) -> Result<Response, Refusal> {
    match done {
        Ok(()) => Ok(visit.go(&format!("requests/{id}"), "saved")),
        Err(error) => {
            let form = form.refused(visit.frame.lang, error)?;
            let page = page(desk, visit, id, form).await?;
            Ok(page.visit.refuse(&page))
        }
    }
}
