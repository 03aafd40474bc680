//! Page of the clicks of a campaign: drawn on its email, and as a table.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{Html, IntoResponse, Response};

use super::DeskState;
use super::visit::{Key, Params, Visit};
use crate::infra::error::{Kind, Message};
use crate::infra::id::Id;
use crate::usecase::Action;
use crate::usecase::click_map::{self, ClickMap};
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "desk/clicks.html")]
struct ClicksPage {
    visit: Visit,
    title: String,
    id: Id,
    found: ClickMap,
    denominator: String,
}

/// `GET /campaigns/{id}/clicks?part=html`: with the part the email alone. A campaign without anything measured leads to its page.
pub async fn read(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    params: Params,
) -> Result<Response, Refusal> {
    let found = match click_map::read(&desk.installation, &visit.actor, id).await {
        Err(error) if error.kind() == Kind::NotFound && error.message().key == "clicks-unmeasured" => {
            return Ok(visit.go(&format!("campaigns/{id}"), ""));
        }
        found => found?,
    };
    if params.get("part") == "html" {
        let policy = [(CONTENT_SECURITY_POLICY, HeaderValue::from_static(super::EMAIL_POLICY))];
        return Ok((policy, Html(found.html.unwrap_or_default())).into_response());
    }
    let title = visit.say(&Message::new("clicks-title").with("name", &found.name));
    let denominator = visit.say(&Message::new("clicks-denominator").with("count", found.messages));
    let page = ClicksPage { title, id, found, denominator, visit };
    Ok(page.visit.show(&page))
}
