//! Page of the relays: where messages go, with a form that sets one by its address and a button that connects to it.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::DeskState;
use super::listing::{self, Shape};
use super::visit::Visit;
use crate::infra::error::Message;
use crate::usecase::Action;
use crate::usecase::relay::{self, RelayChange, RelayView, Tested};
use crate::web::form::Form;
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "desk/relays.html")]
struct RelaysPage {
    visit: Visit,
    title: String,
    form: Form,
    relays: Vec<(RelayView, String)>,
    /// What a test found.
    tested: Option<String>,
}

/// `GET /settings/relay`
pub async fn list(State(desk): State<Arc<DeskState>>, visit: Visit, shape: Shape) -> Result<Response, Refusal> {
    if shape != Shape::Page {
        let rows = relay::list(&desk.installation, &visit.actor).await?;
        return Ok(listing::rows(&visit, shape, "relays", &rows));
    }
    let page = page(&desk, visit, Form::of([("kind", "smtps".to_owned())]), None).await?;
    Ok(page.visit.show(&page))
}

/// `POST /settings/relay/set`: a relay by host, port, user and password, or the capture inbox.
pub async fn set(State(desk): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    let target = match form.value("kind") {
        "capture" => Ok("capture".to_owned()),
        kind => relay::target(kind, form.value("host"), form.value("port"), form.value("user")),
    };
    let done = match target {
        Ok(target) => {
            let change = RelayChange {
                name: form.given("name").unwrap_or("main").to_owned(),
                target: Some(target),
                password: form.given("password").map(str::to_owned),
                ..RelayChange::default()
            };
            relay::set(&desk.installation, &visit.actor, &change).await
        }
        Err(error) => Err(error),
    };
    match done {
        Ok(_) => Ok(visit.go("settings/relay", "saved")),
        Err(error) => refused(&desk, visit, form, error).await,
    }
}

/// `POST /settings/relay/test`: connects and signs in; sends no message.
pub async fn test(State(desk): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    match relay::test(&desk.installation, &visit.actor, form.given("name")).await {
        Ok(tested) => {
            let said = match tested {
                Tested::Ready { .. } => Message::new("desk-relay-ready"),
                Tested::Answered { encrypted, signed_in, target, .. } => Message::new("desk-relay-answered")
                    .with("target", target)
                    .with("encrypted", if encrypted { "yes" } else { "no" })
                    .with("signedin", if signed_in { "yes" } else { "no" }),
            };
            let said = visit.say(&said);
            let page = page(&desk, visit, Form::default(), Some(said)).await?;
            Ok(page.visit.show(&page))
        }
        Err(error) => refused(&desk, visit, form, error).await,
    }
}

/// `POST /settings/relay/remove`
pub async fn remove(State(desk): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    match relay::remove(&desk.installation, &visit.actor, form.value("name")).await {
        Ok(_) => Ok(visit.go("settings/relay", "removed")),
        Err(error) => refused(&desk, visit, form, error).await,
    }
}

async fn refused(
    desk: &DeskState,
    visit: Visit,
    form: Form,
    error: crate::infra::error::Error,
) -> Result<Response, Refusal> {
    let form = form.refused(visit.frame.lang, error)?;
    let page = page(desk, visit, form, None).await?;
    Ok(page.visit.refuse(&page))
}

async fn page(desk: &DeskState, visit: Visit, form: Form, tested: Option<String>) -> Result<RelaysPage, Refusal> {
    let relays = relay::list(&desk.installation, &visit.actor).await?;
    let relays = relays.into_iter().map(|relay| {
        let said = visit.say(&relay.description);
        (relay, said)
    });
    Ok(RelaysPage { title: visit.tr("desk-relays"), form, relays: relays.collect(), tested, visit })
}
