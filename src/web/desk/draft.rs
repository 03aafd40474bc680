//! Pages of a draft: begin one, write its settings and its email with a preview beside it, and look at it as a contact would.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use serde_json::json;

use super::DeskState;
use super::visit::{Key, Params, Visit};
use crate::content::email::{Format, Layout, Tracking};
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::usecase::campaign::{Added, Saving};
use crate::usecase::campaign_form::{self, DraftForm, SETTINGS};
use crate::usecase::campaign_preview::{self, EmailPreview};
use crate::usecase::email_condition::{self, EmailCondition};
use crate::usecase::field::FieldRow;
use crate::usecase::picture::{self, PictureRow};
use crate::usecase::{Action, field, gallery, list, relay, segment};
use crate::web::form::Form;
use crate::web::page::KeptBody;
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "desk/draft_new.html")]
struct NewPage {
    visit: Visit,
    title: String,
    form: Form,
    choices: Choices,
    /// The sentence about the ready email that it begins with.
    ready: Option<String>,
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
    /// The lines of the email that a mistake is about.
    lines: Vec<(usize, String)>,
    can_overwrite: bool,
    /// Whether what was typed is kept on the server with its mistake.
    is_kept: bool,
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
    /// How it is shown: nothing for all widths, or the name of a [`VIEWS`].
    view: &'static str,
    /// The query of the frames.
    query: String,
}

impl PreviewPage {
    /// The ways to show an email, with their names.
    fn views(&self) -> Vec<(&'static str, String)> {
        VIEWS.iter().map(|(view, key, _)| (*view, self.visit.tr(key))).collect()
    }
}

/// The ways to show an email: the name in the address, the key of the words, and what the frame is asked for.
const VIEWS: &[(&str, &str, &str)] = &[
    ("", "preview-all", "part=html"),
    ("desktop", "preview-desktop", "part=html"),
    ("phone", "preview-phone", "part=html"),
    ("dark", "preview-dark", "part=html&mode=dark"),
    ("images-off", "preview-images-off", "part=html&images=off"),
    ("text", "preview-text", "part=text"),
];

impl DraftPage {
    /// How a picture is written in the email; `None` until it is described.
    fn picture_source(&self, picture: &PictureRow) -> Option<String> {
        match self.format.as_str() {
            "md" => picture.markdown(),
            "mjml" => picture.mjml(),
            _ => picture.html(),
        }
    }
}

/// Pictures that the editor offers, newest first.
const MAX_PICKED: usize = 40;

/// What can be chosen for the settings of a draft.
struct Choices {
    lists: Vec<String>,
    segments: Vec<String>,
    relays: Vec<String>,
    layouts: Vec<&'static str>,
    trackings: Vec<&'static str>,
    languages: Vec<(String, String)>,
    /// Merge tags to insert, each with a fallback.
    tags: Vec<String>,
    /// Conditions to insert, one for each field.
    conditions: Vec<String>,
    /// Conditions to insert, one for each segment that can be one.
    segment_conditions: Vec<EmailCondition>,
    /// Pictures to insert.
    pictures: Vec<PictureRow>,
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
            tags: fields.iter().map(tag_of).chain(PAGE_TAGS.iter().map(|tag| (*tag).to_owned())).collect(),
            conditions: fields.iter().map(condition_of).collect(),
            segment_conditions: email_condition::list(installation, actor).await?,
            pictures: picture::list(installation, actor).await?.into_iter().take(MAX_PICKED).collect(),
        })
    }
}

/// Tags that every workspace has.
const PAGE_TAGS: &[&str] =
    &["{{ email }}", "{{ brand.name }}", "{{ unsubscribe_url }}", "{{ preferences_url }}", "{{ view_url }}"];

/// The tag that prints a field, with a fallback for those who have no value.
fn tag_of(field: &FieldRow) -> String {
    let name = &field.name;
    match field.kind {
        "number" => format!("{{{{ {name} | thousands | default('…') }}}}"),
        "date" => format!("{{{{ {name} | date('j F') | default('…') }}}}"),
        _ => format!("{{{{ {name} | default('…') }}}}"),
    }
}

/// A condition on a field.
fn condition_of(field: &FieldRow) -> String {
    let name = &field.name;
    let test = match field.kind {
        "flag" => name.clone(),
        "number" => format!("{name} >= 10"),
        "date" => format!("{name} >= \"2026-01-01\""),
        _ => format!("{name} == \"{}\"", field.choices.first().map_or("…", String::as_str)),
    };
    format!("{{% if {test} %}}…{{% else %}}…{{% endif %}}")
}

/// `GET /campaigns/new`
pub async fn begin(State(desk): State<Arc<DeskState>>, visit: Visit, params: Params) -> Result<Response, Refusal> {
    let from = campaign_form::last_sender(&desk.installation, &visit.actor).await?;
    let values = [("from", from), ("format", "md".to_owned()), ("layout", "newsletter".to_owned())];
    let links = [("list", params.get("list").to_owned()), ("segment", params.get("segment").to_owned())];
    let mut all: Vec<_> = values.into_iter().chain(links).collect();
    if !params.get("template").is_empty() {
        let lang = super::gallery::language(&visit, &params);
        let found = gallery::find(&desk.installation, &visit.actor, params.get("template"), lang).await?;
        all.retain(|(key, _)| *key != "layout");
        all.push(("template", found.occasion.as_str().to_owned()));
        all.push(("language", found.lang.as_str().to_owned()));
        all.push(("layout", found.layout.as_str().to_owned()));
        all.extend([("subject", found.subject), ("preheader", found.preheader)]);
    }
    let page = new_page(&desk, visit, Form::of(all)).await?;
    Ok(page.visit.show(&page))
}

async fn new_page(desk: &DeskState, visit: Visit, form: Form) -> Result<NewPage, Refusal> {
    let choices = Choices::read(desk, &visit).await?;
    let occasion = form.given("template").and_then(|name| gallery::occasion(name).ok());
    let named = |name| visit.say(&Message::new("gallery-used").with("name", visit.tr(name)));
    let ready = occasion.map(|occasion| named(occasion.key()));
    Ok(NewPage { title: visit.tr("desk-draft-new"), form, choices, ready, visit })
}

/// `POST /campaigns/new`: with `template` the email is that of the gallery.
pub async fn add(State(desk): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    let format = form.value("format").parse().unwrap_or(Format::Md);
    let mut given = given(&form);
    let body = match form.given("template") {
        Some(template) => {
            let lang = form.value("language").parse().unwrap_or(visit.frame.lang);
            gallery::find(&desk.installation, &visit.actor, template, lang).await?.body
        }
        None => visit.tr(match format {
            Format::Md => "desk-draft-text",
            Format::Html => "desk-draft-html",
            Format::Mjml => "draft-mjml",
        }),
    };
    given.push(("body", &body));
    match campaign_form::add(&desk.installation, &visit.actor, format, &given).await {
        Ok((_, id)) => Ok(visit.go(&format!("campaigns/{id}/email"), "added")),
        Err(error) => {
            let form = form.refused(visit.frame.lang, error)?;
            let page = new_page(&desk, visit, form).await?;
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
    let (format, mistake) = (stored.format.clone(), stored.mistake.clone());
    let mut form = filled(stored);
    let lines = mistake.as_ref().map(|mistake| campaign_form::kept_lines(mistake, form.value("body")));
    if let Some(mistake) = mistake {
        form = form.with_mistake(visit.frame.lang.translate_packed(&mistake));
    }
    let is_kept = lines.is_some();
    let page = page(&desk, visit, id, form, format, Vec::new()).await?;
    let page = DraftPage { lines: lines.unwrap_or_default(), is_kept, ..page };
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
    let saving = if form.has("autosave") { Saving::Automatic } else { Saving::ByHand };
    let saved = campaign_form::save(&desk.installation, &visit.actor, id, &given(&form), version, saving).await;
    match saved {
        saved if saving == Saving::Automatic => autosaved(&desk, &visit, id, saved).await,
        Ok(_) if form.has("then") => Ok(visit.go(&format!("campaigns/{id}"), "saved")),
        Ok(added) => {
            let stored = campaign_form::read(&desk.installation, &visit.actor, id).await?;
            let warnings = added.warnings.iter().map(|warning| visit.say(warning)).collect();
            let (format, form) = (stored.format.clone(), filled(stored));
            let page = page(&desk, visit, id, form, format, warnings).await?;
            Ok(page.visit.show(&page))
        }
        Err(error) => {
            let can_overwrite = error.message().key == "campaign-changed-meanwhile";
            let lines = campaign_form::mistaken_lines(&error.message(), form.value("body"));
            let stored = campaign_form::read(&desk.installation, &visit.actor, id).await?;
            let is_kept = stored.mistake.is_some() && !can_overwrite;
            let form = if is_kept { form.with("version", stored.version) } else { form };
            let form = form.refused(visit.frame.lang, error)?;
            let page = page(&desk, visit, id, form, stored.format, Vec::new()).await?;
            let page = DraftPage { lines, can_overwrite, is_kept, ..page };
            Ok(page.visit.refuse(&page))
        }
    }
}

/// What the page's own saving came to, as JSON: the new version, or why nothing was saved.
async fn autosaved(desk: &DeskState, visit: &Visit, id: Id, saved: Result<Added>) -> Result<Response, Refusal> {
    match saved {
        Ok(added) => {
            let version = campaign_form::read(&desk.installation, &visit.actor, id).await?.version;
            let warnings: Vec<_> = added.warnings.iter().map(|warning| visit.say(warning)).collect();
            Ok(Json(json!({ "version": version, "warnings": warnings })).into_response())
        }
        Err(error) if error.is_user_error() => {
            let message = error.message();
            let is_conflict = message.key == "campaign-changed-meanwhile";
            let stored = campaign_form::read(&desk.installation, &visit.actor, id).await?;
            let version = stored.mistake.filter(|_| !is_conflict).map(|_| stored.version);
            let answer = json!({ "conflict": is_conflict, "problem": visit.say(&message), "version": version });
            let status = if is_conflict { StatusCode::CONFLICT } else { StatusCode::UNPROCESSABLE_ENTITY };
            let mut response = (status, Json(answer)).into_response();
            response.extensions_mut().insert(KeptBody);
            Ok(response)
        }
        Err(error) => Err(error.into()),
    }
}

async fn page(
    desk: &DeskState,
    visit: Visit,
    id: Id,
    form: Form,
    format: String,
    warnings: Vec<String>,
) -> Result<DraftPage, Refusal> {
    let title = visit.say(&Message::new("desk-draft-title").with("name", form.value("name")));
    let choices = Choices::read(desk, &visit).await?;
    Ok(DraftPage {
        title,
        id,
        form,
        format,
        choices,
        warnings,
        lines: Vec::new(),
        can_overwrite: false,
        is_kept: false,
        visit,
    })
}

/// `GET /campaigns/{id}/preview?part=html|text&mode=dark&images=off&after=`: with a part the email alone, else a page with it in
/// frames of several widths. `after` shows the next contact behind this key.
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
            let html = found.message.and_then(|message| message.html);
            let problem = found.problem.map(|problem| visit.say(&problem)).unwrap_or_default();
            let html = html.unwrap_or_else(|| escaped(&problem));
            let html = campaign_preview::in_mode(&html, params.get("mode") == "dark");
            Ok(email_response(html, params.get("images") != "off"))
        }
        "text" => {
            let text = found.message.and_then(|message| message.text);
            let problem = found.problem.map(|problem| visit.say(&problem)).unwrap_or_default();
            let text = escaped(&text.unwrap_or(problem));
            Ok(email_response(format!("<pre style=\"white-space:pre-wrap\">{text}</pre>"), false))
        }
        _ => {
            let subject = found.message.as_ref().map(|message| message.subject.clone()).unwrap_or_default();
            let title = visit.say(&Message::new("desk-preview-title").with("subject", &subject));
            let problem = found.problem.as_ref().map(|problem| visit.say(problem));
            let chosen = VIEWS.iter().find(|(name, ..)| *name == params.get("view"));
            let (view, _, query) = chosen.copied().unwrap_or(("", "", "part=html"));
            let next = after.map(|after| format!("{query}&after={after}"));
            let query = next.unwrap_or_else(|| query.to_owned());
            let after = after.unwrap_or(-1);
            let page = PreviewPage { title, id, subject, problem, found, after, view, query, visit };
            Ok(page.visit.show(&page))
        }
    }
}

/// An email alone, for a frame.
fn email_response(html: String, has_images: bool) -> Response {
    let policy = if has_images { super::EMAIL_POLICY } else { super::EMAIL_WITHOUT_IMAGES };
    ([(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy))], Html(html)).into_response()
}

/// A sentence as HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
