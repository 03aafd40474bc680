//! Pages of the sign-up forms: all with their numbers; one with its preview, the code to embed it and its counts by day; add,
//! change, remove.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::DeskState;
use super::listing::{self, Shape};
use super::visit::{Key, Visit};
use crate::infra::i18n::Lang;
use crate::usecase::Action;
use crate::usecase::field::{self, FieldRow};
use crate::usecase::form::{self, FormDetails, FormInput, FormRow, PROCESSING};
use crate::usecase::list;
use crate::web::form::Form;
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "desk/forms.html")]
struct FormsPage {
    visit: Visit,
    title: String,
    forms: Vec<FormRow>,
    form: Form,
    choices: Choices,
}

#[derive(Template)]
#[template(path = "desk/form.html")]
struct FormPage {
    visit: Visit,
    title: String,
    details: FormDetails,
    form: Form,
    choices: Choices,
}

/// What can be chosen for a form.
struct Choices {
    lists: Vec<String>,
    fields: Vec<FieldRow>,
    /// Tag and name of each language.
    languages: Vec<(String, String)>,
}

async fn choices(desk: &DeskState, visit: &Visit) -> Result<Choices, Refusal> {
    Ok(Choices {
        lists: list::names(&desk.installation, &visit.actor).await?,
        fields: field::list(&desk.installation, &visit.actor).await?,
        languages: Lang::ALL.iter().map(|lang| (lang.as_str().to_owned(), lang.name())).collect(),
    })
}

/// `GET /forms`
pub async fn list(State(desk): State<Arc<DeskState>>, visit: Visit, shape: Shape) -> Result<Response, Refusal> {
    let forms = form::list(&desk.installation, &visit.actor).await?;
    if let Some(file) = listing::file(&visit, shape, "forms", &forms) {
        return Ok(file);
    }
    let page = forms_page(&desk, visit, Form::default()).await?;
    Ok(page.visit.show(&page))
}

async fn forms_page(desk: &DeskState, visit: Visit, form: Form) -> Result<FormsPage, Refusal> {
    let forms = form::list(&desk.installation, &visit.actor).await?.forms;
    let choices = choices(desk, &visit).await?;
    Ok(FormsPage { title: visit.tr("desk-forms"), forms, form, choices, visit })
}

/// `POST /forms/add`
pub async fn add(State(desk): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    match form::add(&desk.installation, &visit.actor, form.value("name"), &input(&form)).await {
        Ok(added) => Ok(visit.go(&format!("forms/{}", added.row.id), "added")),
        Err(error) => {
            let form = form.refused(visit.frame.lang, error)?;
            let page = forms_page(&desk, visit, form).await?;
            Ok(page.visit.refuse(&page))
        }
    }
}

fn input(form: &Form) -> FormInput {
    let lists = form.all("list").map(|name| (name.to_owned(), form.value(&format!("text-{name}")).to_owned()));
    let mut purposes = Vec::new();
    if form.has("processing") {
        purposes.push((PROCESSING.to_owned(), form.value("processing-text").to_owned()));
    }
    if let Some(purpose) = form.given("purpose") {
        purposes.push((purpose.to_owned(), form.value("purpose-text").to_owned()));
    }
    FormInput {
        title: form.value("title").to_owned(),
        intro: form.value("intro").to_owned(),
        language: form.value("language").to_owned(),
        from: form.value("from").to_owned(),
        relay: form.given("relay").map(str::to_owned),
        lists: lists.collect(),
        purposes,
        fields: form.all("field").map(str::to_owned).collect(),
    }
}

/// `GET /forms/{id}`
pub async fn read(State(desk): State<Arc<DeskState>>, visit: Visit, Key(id): Key) -> Result<Response, Refusal> {
    let details = form::show(&desk.installation, &visit.actor, &id.to_string()).await?;
    let texts = form::box_texts(&desk.installation, &visit.actor, &details.definition).await?;
    let definition = &details.definition;
    let mut values = vec![
        ("title".to_owned(), definition.title.clone()),
        ("intro".to_owned(), definition.intro.clone()),
        ("language".to_owned(), definition.language.clone()),
        ("from".to_owned(), definition.from.clone()),
        ("relay".to_owned(), definition.relay.clone().unwrap_or_default()),
    ];
    values.extend(definition.fields.iter().map(|name| ("field".to_owned(), name.clone())));
    for (list, purpose, text) in texts {
        match list {
            Some(list) => values.extend([(format!("text-{list}"), text), ("list".to_owned(), list)]),
            None if purpose == PROCESSING => {
                values.extend([("processing".to_owned(), "1".to_owned()), ("processing-text".to_owned(), text)]);
            }
            None => values.extend([("purpose".to_owned(), purpose), ("purpose-text".to_owned(), text)]),
        }
    }
    let form = Form::of(values.iter().map(|(name, value)| (name.as_str(), value.clone())));
    let page = form_page(&desk, visit, details, form).await?;
    Ok(page.visit.show(&page))
}

async fn form_page(desk: &DeskState, visit: Visit, details: FormDetails, form: Form) -> Result<FormPage, Refusal> {
    let choices = choices(desk, &visit).await?;
    Ok(FormPage { title: details.row.form.clone(), details, form, choices, visit })
}

/// `POST /forms/{id}/change`
pub async fn change(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    match form::change(&desk.installation, &visit.actor, &id.to_string(), &input(&form)).await {
        Ok(_) => Ok(visit.go(&format!("forms/{id}"), "saved")),
        Err(error) => {
            let form = form.refused(visit.frame.lang, error)?;
            let details = form::show(&desk.installation, &visit.actor, &id.to_string()).await?;
            let page = form_page(&desk, visit, details, form).await?;
            Ok(page.visit.refuse(&page))
        }
    }
}

/// `POST /forms/{id}/remove`
pub async fn remove(State(desk): State<Arc<DeskState>>, visit: Visit, Key(id): Key) -> Result<Response, Refusal> {
    form::remove(&desk.installation, &visit.actor, &id.to_string()).await?;
    Ok(visit.go("forms", "removed"))
}

/// Whether one of the values of a field is this one.
fn has_value(form: &Form, name: &str, value: &str) -> bool {
    form.all(name).any(|one| one == value)
}
