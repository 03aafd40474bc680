//! Page of the undo of an import: how many people it would remove, a field for that number, and what was removed.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::visit::{Key, Visit};
use super::{DeskState, Progress};
use crate::infra::id::Id;
use crate::usecase::Action;
use crate::usecase::import_undo::{self, Undoable, Undone};
use crate::web::form::Form;
use crate::web::page::minute;
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "desk/import_undo.html")]
struct UndoPage {
    visit: Visit,
    title: String,
    id: Id,
    form: Form,
    /// How far the counting or the undo is.
    working: Option<Progress>,
    counted: Option<Undoable>,
    /// Until when it can be undone.
    until: String,
    undone: Option<u64>,
}

/// `GET /imports/{id}/undo`
pub async fn ask(State(desk): State<Arc<DeskState>>, visit: Visit, Key(id): Key) -> Result<Response, Refusal> {
    let undone = desk.undos.find(id);
    let page = match undone.as_ref().map(|job| (job.result(), job.progress())) {
        Some((None, progress)) => UndoPage { working: Some(Progress::of(progress)), ..empty(visit, id) },
        Some((Some(Ok(undone)), _)) => shown(visit, id, undone),
        Some((Some(Err(_)), _)) | None => counted(&desk, visit, id, Form::default()).await?,
    };
    Ok(page.visit.show(&page))
}

/// `POST /imports/{id}/undo`: undoes the import once the number of its people was typed.
pub async fn undo(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let people = form.given("people").and_then(|people| people.parse().ok());
    let (installation, actor) = (desk.installation.clone(), visit.actor);
    let job = desk.undos.run(id, |job| async move {
        import_undo::undo(&installation, &actor, id, people, |done, total| job.set_progress(done, total)).await
    });
    match job.await.result() {
        None => Ok(visit.go(&format!("imports/{id}/undo"), "")),
        Some(Ok(undone)) => {
            desk.notify_erased();
            desk.undo_counts.forget(id);
            let page = shown(visit, id, undone);
            Ok(page.visit.show(&page))
        }
        Some(Err(message)) => {
            let error = message.clone().conflict();
            desk.undos.forget(id);
            desk.undo_counts.forget(id);
            let form = form.refused(visit.frame.lang, error)?;
            let page = counted(&desk, visit, id, form).await?;
            Ok(page.visit.refuse(&page))
        }
    }
}

fn empty(visit: Visit, id: Id) -> UndoPage {
    UndoPage {
        title: visit.tr("desk-import-undo"),
        id,
        form: Form::default(),
        working: None,
        counted: None,
        until: String::new(),
        undone: None,
        visit,
    }
}

fn shown(visit: Visit, id: Id, undone: &Undone) -> UndoPage {
    UndoPage { undone: Some(undone.removed), ..empty(visit, id) }
}

/// The page with the number of people, or with the progress of counting them.
async fn counted(desk: &DeskState, visit: Visit, id: Id, form: Form) -> Result<UndoPage, Refusal> {
    let (installation, actor) = (desk.installation.clone(), visit.actor);
    // Somebody may have been written to since the last count.
    let job = desk.undo_counts.find(id).filter(|job| job.result().is_none());
    let job = match job {
        Some(job) => job,
        None => desk.undo_counts.run(id, |_| async move { import_undo::count(&installation, &actor, id).await }).await,
    };
    match job.result() {
        None => Ok(UndoPage { working: Some(Progress::of(job.progress())), form, ..empty(visit, id) }),
        Some(Ok(found)) => {
            let until = minute(found.until);
            Ok(UndoPage { counted: Some(found.clone()), until, form, ..empty(visit, id) })
        }
        Some(Err(message)) => Err(message.clone().not_found().into()),
    }
}
