//! Pages of the lists: all with their sizes, and one of them; add, rename, close with a typed number.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::growth::{self, GrowthView};
use super::listing::{self, Shape};
use super::table::Table;
use super::visit::{Key, Params, Visit};
use super::{DeskState, Progress};
use crate::infra::id::Id;
use crate::usecase::Action;
use crate::usecase::list::{self, ListRow};
use crate::web::form::Form;
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "desk/lists.html")]
struct ListsPage {
    visit: Visit,
    title: String,
    form: Form,
    lists: Vec<ListRow>,
    table: Table,
    /// Whether there are closed lists, so that they can be left out.
    has_closed: bool,
}

#[derive(Template)]
#[template(path = "desk/list.html")]
struct ListPage {
    visit: Visit,
    title: String,
    list: ListRow,
    form: Form,
    /// Its growth; none while it is counted.
    growth: Option<GrowthView>,
    is_counting: bool,
    /// How far the closing is, while the list is being closed.
    closing: Option<Progress>,
}

/// `GET /lists?state=&sort=`
pub async fn list(
    State(state): State<Arc<DeskState>>,
    visit: Visit,
    params: Params,
    shape: Shape,
) -> Result<Response, Refusal> {
    list_page(&state, visit, &params, shape, Form::default()).await
}

async fn list_page(
    state: &DeskState,
    visit: Visit,
    params: &Params,
    shape: Shape,
    form: Form,
) -> Result<Response, Refusal> {
    let table = Table::of(params, &["state"], &["name", "confirmed", "pending", "bounced", "restricted"], "name");
    let mut lists = list::list(&state.installation, &visit.actor).await?;
    let has_closed = lists.lists.iter().any(|row| row.closed);
    lists.lists.retain(|row| match params.get("state") {
        "open" => !row.closed,
        "closed" => row.closed,
        _ => true,
    });
    table.arrange(&mut lists.lists, |column, one, other| match column {
        "confirmed" => one.confirmed.cmp(&other.confirmed),
        "pending" => one.pending.cmp(&other.pending),
        "bounced" => one.bounced.cmp(&other.bounced),
        "restricted" => one.restricted.cmp(&other.restricted),
        _ => one.list.to_lowercase().cmp(&other.list.to_lowercase()),
    });
    if let Some(file) = listing::file(&visit, shape, "lists", &lists) {
        return Ok(file);
    }
    let page = ListsPage { title: visit.tr("desk-lists"), form, lists: lists.lists, table, has_closed, visit };
    Ok(if page.form.mistake().is_some() { page.visit.refuse(&page) } else { page.visit.show(&page) })
}

/// `POST /lists/add`
pub async fn add(State(state): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    match list::add(&state.installation, &visit.actor, form.value("name")).await {
        Ok(_) => Ok(visit.go("lists", "added")),
        Err(error) => {
            let form = form.refused(visit.frame.lang, error)?;
            list_page(&state, visit, &Params::default(), Shape::Page, form).await
        }
    }
}

/// `GET /lists/{id}`
pub async fn read(State(state): State<Arc<DeskState>>, visit: Visit, Key(id): Key) -> Result<Response, Refusal> {
    let page = page(&state, visit, id, Form::default()).await?;
    Ok(page.visit.show(&page))
}

/// `POST /lists/{id}/rename`
pub async fn rename(
    State(state): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let row = find(&state, &visit, id).await?;
    match list::rename(&state.installation, &visit.actor, &row.list, form.value("name")).await {
        Ok(_) => Ok(visit.go(&format!("lists/{id}"), "saved")),
        Err(error) => {
            let form = form.refused(visit.frame.lang, error)?;
            let page = page(&state, visit, id, form).await?;
            Ok(page.visit.refuse(&page))
        }
    }
}

/// `POST /lists/{id}/publish`: lets subscribers of other lists join it on their preferences page, or no longer.
pub async fn publish(
    State(state): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let row = find(&state, &visit, id).await?;
    list::set_public(&state.installation, &visit.actor, &row.list, form.is("public", "1")).await?;
    Ok(visit.go(&format!("lists/{id}"), "saved"))
}

/// `POST /lists/{id}/close`: closes the list once the number of its people was typed.
pub async fn close(
    State(state): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let row = find(&state, &visit, id).await?;
    let (installation, actor) = (state.installation.clone(), visit.actor);
    let people = form.value("people").trim().parse().ok();
    let name = row.list;
    let job = state
        .closings
        .run(id, |job| async move {
            list::close(&installation, &actor, &name, people, |done, total| job.set_progress(done, total)).await
        })
        .await;
    match job.result() {
        None => Ok(visit.go(&format!("lists/{id}"), "")),
        Some(Ok(_)) => {
            state.closings.forget(id);
            state.notify_erased();
            Ok(visit.go("lists", "closed"))
        }
        Some(Err(message)) => {
            let form = form.refused(visit.frame.lang, message.clone().conflict())?;
            state.closings.forget(id);
            let page = page(&state, visit, id, form).await?;
            Ok(page.visit.refuse(&page))
        }
    }
}

async fn find(state: &DeskState, visit: &Visit, id: Id) -> Result<ListRow, Refusal> {
    let lists = list::list(&state.installation, &visit.actor).await?.lists;
    lists.into_iter().find(|row| row.id == id).ok_or_else(Refusal::unknown)
}

async fn page(state: &DeskState, visit: Visit, id: Id, form: Form) -> Result<ListPage, Refusal> {
    let list = find(state, &visit, id).await?;
    let closing = state.closings.find(id).filter(|job| job.result().is_none());
    let growth = match closing {
        Some(_) => None,
        None => growth::view(state, &visit, id).await,
    };
    Ok(ListPage {
        title: list.list.clone(),
        is_counting: growth.is_none() && closing.is_none(),
        growth,
        closing: closing.map(|job| Progress::of(job.progress())),
        list,
        form,
        visit,
    })
}
