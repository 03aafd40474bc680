//! Page of the gallery: ready emails as small pictures, from each of which a draft is begun.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{Html, IntoResponse, Response};

use super::DeskState;
use super::visit::{Params, Visit};
use crate::infra::i18n::Lang;
use crate::usecase::{Action, gallery};
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "desk/gallery.html")]
struct GalleryPage {
    visit: Visit,
    title: String,
    language: &'static str,
    languages: Vec<(&'static str, String)>,
    cards: Vec<Card>,
}

/// A ready email on the page.
struct Card {
    template: &'static str,
    name: String,
    subject: String,
}

/// The language that the page is asked for; that of the reader by default.
pub fn language(visit: &Visit, params: &Params) -> Lang {
    params.get("language").parse().unwrap_or(visit.frame.lang)
}

/// `GET /emails?language=`
pub async fn list(State(state): State<Arc<DeskState>>, visit: Visit, params: Params) -> Result<Response, Refusal> {
    let lang = language(&visit, &params);
    let rows = gallery::list(&state.installation, &visit.actor, lang).await?;
    let card =
        |row: gallery::GalleryRow| Card { template: row.template, name: visit.say(&row.name), subject: row.subject };
    let page = GalleryPage {
        title: visit.tr("gallery-title"),
        language: lang.as_str(),
        languages: Lang::ALL.iter().map(|lang| (lang.as_str(), lang.name())).collect(),
        cards: rows.into_iter().map(card).collect(),
        visit,
    };
    Ok(page.visit.show(&page))
}

/// `GET /emails/preview?template=&language=`: the email alone, for a frame.
pub async fn preview(State(desk): State<Arc<DeskState>>, visit: Visit, params: Params) -> Result<Response, Refusal> {
    let template = Some(params.get("template")).filter(|name| !name.is_empty()).unwrap_or("welcome");
    let html = gallery::render(&desk.installation, &visit.actor, template, language(&visit, &params)).await?;
    let policy = [(CONTENT_SECURITY_POLICY, HeaderValue::from_static(super::EMAIL_POLICY))];
    Ok((policy, Html(html)).into_response())
}
