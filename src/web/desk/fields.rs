//! Pages of the fields of contacts: all of them with a form that declares one; one with who uses it, rename, label and remove.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::DeskState;
use super::listing::{self, Shape};
use super::visit::{Params, Visit};
use crate::infra::error::Error;
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::usecase::Action;
use crate::usecase::field::{self, FieldRow};
use crate::usecase::field_change::{self, Confirmation, FieldUsage};
use crate::web::form::Form;
use crate::web::refusal::Refusal;

/// How old a count of the people of a field may be.
const OLDEST: Duration = Duration::from_secs(30);

#[derive(Template)]
#[template(path = "desk/fields.html")]
struct FieldsPage {
    visit: Visit,
    title: String,
    form: Form,
    fields: Vec<FieldRow>,
}

/// `GET /settings/fields`
pub async fn list(State(desk): State<Arc<DeskState>>, visit: Visit, shape: Shape) -> Result<Response, Refusal> {
    if shape != Shape::Page {
        let rows = field::list(&desk.installation, &visit.actor).await?;
        return Ok(listing::rows(&visit, shape, "fields", &rows));
    }
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
            let form = form.refused(visit.frame.lang, error)?;
            let page = page(&desk, visit, form).await?;
            Ok(page.visit.refuse(&page))
        }
    }
}

#[derive(Template)]
#[template(path = "desk/field.html")]
struct FieldPage {
    visit: Visit,
    title: String,
    form: Form,
    /// Who uses it; none while that is counted.
    usage: Option<FieldUsage>,
    /// Tag and name of each language, and the label in it.
    labels: Vec<(String, String, String)>,
}

/// `GET /settings/fields/edit?name=`
pub async fn read(State(desk): State<Arc<DeskState>>, visit: Visit, params: Params) -> Result<Response, Refusal> {
    let page = field_page(&desk, visit, params.get("name"), Form::default()).await?;
    Ok(page.visit.show(&page))
}

/// `POST /settings/fields/rename`
pub async fn rename(State(desk): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    let (name, new) = (form.value("name"), form.value("new"));
    let done = field_change::rename(&desk.installation, &visit.actor, name, new, |_, _| {}).await;
    answer(&desk, visit, form, done.map(drop), "saved").await
}

/// `POST /settings/fields/label`
pub async fn label(State(desk): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    let labels = Lang::ALL.iter().map(|lang| (*lang, form.value(&format!("label-{lang}")).to_owned()));
    let labels: Vec<_> = labels.collect();
    let done = field::label(&desk.installation, &visit.actor, form.value("name"), &labels).await;
    answer(&desk, visit, form, done.map(drop), "saved").await
}

/// `POST /settings/fields/remove`: removes the field once the number of people who have a value was typed.
pub async fn remove(State(desk): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    let people = form.value("people").trim().parse().ok();
    let confirmed = Confirmation { people, used: form.has("used") };
    let name = form.value("name");
    let done = field_change::remove(&desk.installation, &visit.actor, name, confirmed, |_, _| {}).await;
    if done.is_ok() {
        desk.notify_erased();
    }
    answer(&desk, visit, form, done.map(drop), "removed").await
}

async fn answer(
    desk: &DeskState,
    visit: Visit,
    form: Form,
    done: Result<(), Error>,
    said: &'static str,
) -> Result<Response, Refusal> {
    desk.field_uses.forget(key(&visit, form.value("name")));
    match done {
        Ok(()) => Ok(visit.go("settings/fields", said)),
        Err(error) => {
            let name = form.value("name").to_owned();
            let form = form.refused(visit.frame.lang, error)?;
            let page = field_page(desk, visit, &name, form).await?;
            Ok(page.visit.refuse(&page))
        }
    }
}

async fn field_page(desk: &DeskState, visit: Visit, name: &str, form: Form) -> Result<FieldPage, Refusal> {
    let (installation, actor, counted) = (desk.installation.clone(), visit.actor, name.to_owned());
    let count = || async move { field_change::usage(&installation, &actor, &counted).await };
    let usage = desk.field_uses.get(key(&visit, name), OLDEST, count).await;
    if usage.is_none() && !field::list(&desk.installation, &visit.actor).await?.iter().any(|field| field.name == name) {
        // One that is not declared any more has people while its removal was interrupted.
        field_change::usage(&desk.installation, &visit.actor, name).await?;
    }
    let fields = field::list(&desk.installation, &visit.actor).await?;
    let known = fields.into_iter().find(|field| field.name == name).map(|field| field.labels).unwrap_or_default();
    let label = |lang: &Lang| known.get(lang.as_str()).cloned().unwrap_or_default();
    let labels = Lang::ALL.iter().map(|lang| (lang.as_str().to_owned(), lang.name(), label(lang)));
    Ok(FieldPage { title: name.to_owned(), form, usage, labels: labels.collect(), visit })
}

/// A key of a field for its counts: a digest of the workspace and the name.
fn key(visit: &Visit, name: &str) -> Id {
    let mut hasher = DefaultHasher::new();
    (visit.actor.workspace, name).hash(&mut hasher);
    hasher.finish().cast_signed()
}

async fn page(desk: &DeskState, visit: Visit, form: Form) -> Result<FieldsPage, Refusal> {
    let fields = field::list(&desk.installation, &visit.actor).await?;
    Ok(FieldsPage { title: visit.tr("desk-fields"), form, fields, visit })
}
