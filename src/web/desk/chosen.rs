//! Pages of what is done with people chosen in the list: put on a list, taken off one, restricted, written to a file. Each asks
//! before it acts and says what became of how many.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::DeskState;
use super::listing::{self, Shape};
use super::people::bases;
use super::visit::Visit;
use crate::infra::error::{Error, Message};
use crate::infra::id::Id;
use crate::usecase::chosen_contacts::{self as contacts, Changed, Joining};
use crate::usecase::{Action, list};
use crate::web::form::Form;
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "desk/chosen.html")]
struct ChosenPage {
    visit: Visit,
    title: String,
    /// What the button says.
    button: String,
    action: &'static str,
    form: Form,
    ids: Vec<Id>,
    lists: Vec<String>,
    bases: Vec<(&'static str, String)>,
    /// How many of them are on the list that was chosen.
    on_list: Option<usize>,
    /// What was done, by counts.
    done: Vec<String>,
}

/// What is done with the people.
#[derive(Clone, Copy)]
enum Deed {
    Join,
    Leave,
    Restrict,
}

impl Deed {
    /// The end of the path, the title and the words of the button.
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Join => ("join", "desk-chosen-join", "desk-chosen-join-button"),
            Self::Leave => ("leave", "desk-chosen-leave", "desk-chosen-leave-button"),
            Self::Restrict => ("restrict", "desk-chosen-restrict", "desk-person-restrict"),
        }
    }
}

/// `POST /people/chosen/join`
pub async fn join(State(state): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    if !form.has("confirmed") {
        return ask(&state, visit, form, Deed::Join).await;
    }
    let done = match form.value("basis").parse() {
        Ok(basis) => {
            let joining = Joining {
                list: form.value("list").to_owned(),
                source: form.value("source").to_owned(),
                basis,
                proof: form.value("proof").to_owned(),
                date: form.value("date").to_owned(),
            };
            contacts::join(&state.installation, &visit.actor, &ids(&form), &joining).await
        }
        Err(error) => Err(error),
    };
    answer(&state, visit, form, Deed::Join, done).await
}

/// `POST /people/chosen/leave`
pub async fn leave(State(state): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    if !form.has("confirmed") {
        return ask(&state, visit, form, Deed::Leave).await;
    }
    let people = form.given("people").and_then(|people| people.parse().ok());
    let (chosen, list) = (ids(&form), form.value("list"));
    let done = contacts::leave(&state.installation, &visit.actor, &chosen, list, people).await;
    if done.is_ok() {
        state.notify_erased();
    }
    answer(&state, visit, form, Deed::Leave, done).await
}

/// `POST /people/chosen/restrict`
pub async fn restrict(State(state): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    if !form.has("confirmed") {
        return ask(&state, visit, form, Deed::Restrict).await;
    }
    let done = contacts::restrict(&state.installation, &visit.actor, &ids(&form)).await;
    answer(&state, visit, form, Deed::Restrict, done).await
}

/// `POST /people/chosen.csv`
pub async fn file(
    State(state): State<Arc<DeskState>>,
    visit: Visit,
    shape: Shape,
    form: Form,
) -> Result<Response, Refusal> {
    let rows = contacts::read(&state.installation, &visit.actor, &ids(&form)).await?;
    Ok(listing::file(&visit, shape, "contacts", &rows).unwrap_or_else(|| Refusal::unknown().into_response()))
}

fn ids(form: &Form) -> Vec<Id> {
    form.all("id").filter_map(|id| id.parse().ok()).collect()
}

async fn ask(state: &DeskState, visit: Visit, form: Form, deed: Deed) -> Result<Response, Refusal> {
    if ids(&form).is_empty() {
        return Ok(visit.go("people", "none-chosen"));
    }
    let page = page(state, visit, form, deed).await?;
    Ok(page.visit.show(&page))
}

async fn answer(
    state: &DeskState,
    visit: Visit,
    form: Form,
    deed: Deed,
    done: Result<Changed, Error>,
) -> Result<Response, Refusal> {
    match done {
        Ok(changed) => {
            let counts = [
                ("desk-chosen-changed", changed.changed),
                ("desk-chosen-unchanged", changed.unchanged),
                ("desk-chosen-kept-out", changed.kept_out),
            ];
            let counts = counts.into_iter().filter(|(key, count)| *count > 0 || *key == "desk-chosen-changed");
            let done: Vec<String> =
                counts.map(|(key, count)| visit.say(&Message::new(key).with("count", count))).collect();
            let page = page(state, visit, form, deed).await?;
            let page = ChosenPage { done, ..page };
            Ok(page.visit.show(&page))
        }
        Err(error) => {
            let form = form.refused(visit.frame.lang, error)?;
            let page = page(state, visit, form, deed).await?;
            Ok(page.visit.refuse(&page))
        }
    }
}

async fn page(state: &DeskState, visit: Visit, form: Form, deed: Deed) -> Result<ChosenPage, Refusal> {
    let (action, title, button) = deed.words();
    let ids = ids(&form);
    let lists = list::names(&state.installation, &visit.actor).await?;
    let on_list = match form.given("list").filter(|list| lists.iter().any(|name| name == list)) {
        Some(list) if matches!(deed, Deed::Leave) => {
            Some(contacts::count_on_list(&state.installation, &visit.actor, &ids, list).await?)
        }
        _ => None,
    };
    Ok(ChosenPage {
        title: visit.say(&Message::new(title).with("count", ids.len())),
        button: visit.tr(button),
        action,
        form,
        ids,
        lists,
        bases: bases(&visit),
        on_list,
        done: Vec::new(),
        visit,
    })
}
