//! Pages of a draft: begin one, write its settings and its email with a preview beside it, and look at it as a contact would.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{Html, IntoResponse, Response};

use super::DeskState;
use super::visit::{Key, Params, Visit};
use crate::content::email::{Format, Layout, Tracking};
use crate::infra::error::Message;
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::usecase::campaign_form::{self, DraftForm, SETTINGS};
use crate::usecase::campaign_preview::{self, EmailPreview};
use crate::usecase::{Action, field, list, relay, segment};
use crate::web::form::Form;
use crate::web::refusal::Refusal;

/// The policy of an email in a frame: its own styles, pictures of the web, no script, no form.
const EMAIL_POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; \
                            frame-ancestors 'self'; base-uri 'none'; form-action 'none'";

#[derive(Template)]
#[template(path = "desk/draft_new.html")]
struct NewPage {
    visit: Visit,
    title: String,
    form: Form,
    choices: Choices,
}

#[derive(Template)]
#[template(path = "desk/draft.html")]
struct DraftPage {
    visit: Visit,
    title: String,
    id: Id,
    form: Form,
    format: String,
    choices: Choices,
    warnings: Vec<String>,
    can_overwrite: bool,
}

#[derive(Template)]
#[template(path = "desk/preview.html")]
struct PreviewPage {
    visit: Visit,
    title: String,
    id: Id,
    subject: String,
    problem: Option<String>,
    found: EmailPreview,
    after: Id,
}

/// What can be chosen for the settings of a draft.
struct Choices {
    lists: Vec<String>,
    segments: Vec<String>,
    relays: Vec<String>,
    layouts: Vec<&'static str>,
    trackings: Vec<&'static str>,
    languages: Vec<(String, String)>,
    /// Merge tags that can be copied.
    tags: Vec<String>,
}

impl Choices {
    async fn read(desk: &DeskState, visit: &Visit) -> Result<Self, Refusal> {
        let (installation, actor) = (&desk.installation, &visit.actor);
        let lists = list::list(installation, actor).await?.lists;
        let segments = segment::list(installation, actor).await?.segments;
        let fields = field::list(installation, actor).await?;
        Ok(Self {
            lists: lists.into_iter().filter(|list| !list.closed).map(|list| list.list).collect(),
            segments: segments.into_iter().map(|segment| segment.segment).collect(),
            relays: relay::list(installation, actor).await?.into_iter().map(|relay| relay.name).collect(),
            layouts: Layout::ALL.iter().map(|layout| layout.as_str()).collect(),
            trackings: Tracking::ALL.iter().map(|tracking| tracking.as_str()).collect(),
            languages: Lang::ALL.iter().map(|lang| (lang.as_str().to_owned(), lang.name())).collect(),
            tags: fields.into_iter().map(|field| format!("{{{{ {} }}}}", field.name)).collect(),
        })
    }
}

/// `GET /campaigns/new`
pub async fn begin(State(desk): State<Arc<DeskState>>, visit: Visit, params: Params) -> Result<Response, Refusal> {
    let from = campaign_form::last_sender(&desk.installation, &visit.actor).await?;
    let values = [("from", from), ("format", "md".to_owned()), ("layout", "newsletter".to_owned())];
    let links = [("list", params.get("list").to_owned()), ("segment", params.get("segment").to_owned())];
    let form = Form::of(values.into_iter().chain(links));
    let choices = Choices::read(&desk, &visit).await?;
    let page = NewPage { title: visit.tr("desk-draft-new"), form, choices, visit };
    Ok(page.visit.show(&page))
}

/// `POST /campaigns/new`
pub async fn add(State(desk): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    let format = if form.is("format", "html") { Format::Html } else { Format::Md };
    let mut given = given(&form);
    let body = visit.tr(if format == Format::Html { "desk-draft-html" } else { "desk-draft-text" });
    given.push(("body", &body));
    match campaign_form::add(&desk.installation, &visit.actor, format, &given).await {
        Ok(id) => Ok(visit.go(&format!("campaigns/{id}/email"), "added")),
        Err(error) => {
            let form = form.refused(visit.frame.lang, error)?;
            let choices = Choices::read(&desk, &visit).await?;
            let page = NewPage { title: visit.tr("desk-draft-new"), form, choices, visit };
            Ok(page.visit.refuse(&page))
        }
    }
}

/// The settings of a form that it has, and the email.
fn given(form: &Form) -> Vec<(&'static str, &str)> {
    SETTINGS.iter().chain(&["body"]).filter(|key| form.has(key)).map(|key| (*key, form.value(key))).collect()
}

/// `GET /campaigns/{id}/email`
pub async fn read(State(desk): State<Arc<DeskState>>, visit: Visit, Key(id): Key) -> Result<Response, Refusal> {
    let stored = campaign_form::read(&desk.installation, &visit.actor, id).await?;
    if !stored.editable {
        return Ok(visit.go(&format!("campaigns/{id}"), ""));
    }
    let (format, form) = (stored.format.clone(), filled(stored));
    let page = page(&desk, visit, id, form, format, Vec::new(), false).await?;
    Ok(page.visit.show(&page))
}

fn filled(stored: DraftForm) -> Form {
    Form::of(stored.values.into_iter().chain([("version", stored.version)]))
}

/// `POST /campaigns/{id}/email`: saves the draft. With `then` the page that follows is the campaign.
pub async fn save(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let version = form.given("version").filter(|_| !form.has("overwrite"));
    let saved = campaign_form::save(&desk.installation, &visit.actor, id, &given(&form), version).await;
    match saved {
        Ok(_) if form.has("then") => Ok(visit.go(&format!("campaigns/{id}"), "saved")),
        Ok(added) => {
            let stored = campaign_form::read(&desk.installation, &visit.actor, id).await?;
            let warnings = added.warnings.iter().map(|warning| visit.say(warning)).collect();
            let (format, form) = (stored.format.clone(), filled(stored));
            let page = page(&desk, visit, id, form, format, warnings, false).await?;
            Ok(page.visit.show(&page))
        }
        Err(error) => {
            let can_overwrite = error.message().key == "campaign-changed-meanwhile";
            let stored = campaign_form::read(&desk.installation, &visit.actor, id).await?;
            let form = form.refused(visit.frame.lang, error)?;
            let page = page(&desk, visit, id, form, stored.format, Vec::new(), can_overwrite).await?;
            Ok(page.visit.refuse(&page))
        }
    }
}

async fn page(
    desk: &DeskState,
    visit: Visit,
    id: Id,
    form: Form,
    format: String,
    warnings: Vec<String>,
    can_overwrite: bool,
) -> Result<DraftPage, Refusal> {
    let title = visit.say(&Message::new("desk-draft-title").with("name", form.value("name")));
    let choices = Choices::read(desk, &visit).await?;
    Ok(DraftPage { title, id, form, format, choices, warnings, can_overwrite, visit })
}

/// `GET /campaigns/{id}/preview?part=html|text&after=`: with a part the email alone, else a page with it in frames of several
/// widths. `after` shows the next contact behind this key.
pub async fn preview(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    params: Params,
) -> Result<Response, Refusal> {
    let after: Option<Id> = params.get("after").parse().ok();
    let found = campaign_preview::read(&desk.installation, &visit.actor, id, after).await?;
    match params.get("part") {
        "html" => {
            let policy = [(CONTENT_SECURITY_POLICY, HeaderValue::from_static(EMAIL_POLICY))];
            let html = found.message.and_then(|message| message.html);
            let problem = found.problem.map(|problem| visit.say(&problem)).unwrap_or_default();
            Ok((policy, Html(html.unwrap_or_else(|| escaped(&problem)))).into_response())
        }
        _ => {
            let subject = found.message.as_ref().map(|message| message.subject.clone()).unwrap_or_default();
            let title = visit.say(&Message::new("desk-preview-title").with("subject", &subject));
            let problem = found.problem.as_ref().map(|problem| visit.say(problem));
            let page = PreviewPage { title, id, subject, problem, found, after: after.unwrap_or(-1), visit };
            Ok(page.visit.show(&page))
        }
    }
}

/// A sentence as HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
