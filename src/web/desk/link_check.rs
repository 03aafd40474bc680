//! Page with what became of the links of a campaign's email when they were asked.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::DeskState;
use super::visit::{Key, Visit};
use crate::infra::error::Message;
use crate::infra::id::Id;
use crate::usecase::Action;
use crate::usecase::link_check::{self, CheckedLinks};
use crate::web::form::Form;
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "desk/link_check.html")]
struct LinksPage {
    visit: Visit,
    title: String,
    id: Id,
    checked: CheckedLinks,
    unchecked: Option<String>,
}

/// `POST /campaigns/{id}/links`
pub async fn check(State(desk): State<Arc<DeskState>>, visit: Visit, Key(id): Key) -> Result<Response, Refusal> {
    let checked = match link_check::check(&desk.installation, &visit.actor, id).await {
        Ok(checked) => checked,
        Err(error) => return super::campaign::refused(&desk, visit, id, Form::default(), error).await,
    };
    let title = visit.say(&Message::new("links-title").with("name", &checked.name));
    let unchecked = Message::new("links-unchecked").with("count", checked.unchecked);
    let unchecked = (checked.unchecked > 0).then(|| visit.say(&unchecked));
    let page = LinksPage { title, id, checked, unchecked, visit };
    Ok(page.visit.show(&page))
}
