//! Page of retention: what is due to be deleted, the runs so far, and the end of the workspace.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::DeskState;
use super::listing::{self, Shape};
use super::visit::Visit;
use crate::infra::error::{Error, Message};
use crate::usecase::Action;
use crate::usecase::retention;
use crate::usecase::workspace_end::{self, EndRequest};
use crate::web::form::Form;
use crate::web::page::{day, minute};
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "desk/retention.html")]
struct RetentionPage {
    visit: Visit,
    title: String,
    has_policy: bool,
    rows: u64,
    /// Name, days and rows of what is due.
    due: Vec<(String, String, u64)>,
    /// When, name and rows of the runs.
    runs: Vec<(String, String, i64)>,
    /// Sentences about the end of the workspace.
    end: Vec<String>,
    ends: bool,
    erased: bool,
    form: Form,
}

/// `GET /privacy/retention`
pub async fn read(State(desk): State<Arc<DeskState>>, visit: Visit, shape: Shape) -> Result<Response, Refusal> {
    if shape != Shape::Page {
        let plan = retention::plan(&desk.installation, &visit.actor).await?;
        return Ok(listing::rows(&visit, shape, "due", &plan.due));
    }
    let page = page(&desk, visit, Form::default()).await?;
    Ok(page.visit.show(&page))
}

/// `POST /privacy/retention`: deletes what is due now.
pub async fn run(State(desk): State<Arc<DeskState>>, visit: Visit) -> Result<Response, Refusal> {
    let (installation, actor) = (desk.installation.clone(), visit.actor);
    // It goes on when the browser leaves; each run is a row of the page.
    let running = tokio::spawn(async move { retention::run(&installation, &actor, &mut |_| {}).await });
    let waited = tokio::time::timeout(std::time::Duration::from_secs(5), running).await;
    match waited {
        Ok(Ok(Err(error))) => {
            let form = Form::default().refused(visit.frame.lang, error)?;
            let page = page(&desk, visit, form).await?;
            Ok(page.visit.refuse(&page))
        }
        _ => Ok(visit.go("privacy/retention", "saved")),
    }
}

/// `POST /privacy/end`: sets the end of the workspace, or takes it back.
pub async fn end(State(desk): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    let set = match read_end(&visit, &form) {
        Ok(request) => workspace_end::set(&desk.installation, &visit.actor, request.as_ref()).await,
        Err(error) => Err(error),
    };
    match set {
        Ok(_) => Ok(visit.go("privacy/retention", "saved")),
        Err(error) => {
            let form = form.refused(visit.frame.lang, error)?;
            let page = page(&desk, visit, form).await?;
            Ok(page.visit.refuse(&page))
        }
    }
}

/// The end as the form has it; `None` to go on.
fn read_end(visit: &Visit, form: &Form) -> Result<Option<EndRequest>, Error> {
    if form.is("end", "no") {
        return Ok(None);
    }
    if form.value("confirm") != visit.workspace {
        return Err(Message::new("workspace-end-confirm").with("name", &visit.workspace).invalid_field("confirm"));
    }
    let days = |name: &str, usual: u32| match form.given(name) {
        None => Ok(usual),
        Some(text) => {
            let wrong = |_| Message::new("workspace-end-days").with("text", text).invalid_field(name);
            text.trim().parse().map_err(wrong)
        }
    };
    Ok(Some(EndRequest {
        on: form.value("on").to_owned(),
        erase_after: days("erase_after", workspace_end::ERASE_AFTER)?,
        backups_after: days("backups_after", workspace_end::BACKUPS_AFTER)?,
    }))
}

async fn page(desk: &DeskState, visit: Visit, form: Form) -> Result<RetentionPage, Refusal> {
    let plan = retention::plan(&desk.installation, &visit.actor).await?;
    let view = workspace_end::show(&desk.installation, &visit.actor).await?;
    let named = |name: String, purpose: &str| if purpose.is_empty() { name } else { format!("{name} ({purpose})") };
    let due = plan.due.iter().map(|one| {
        let days = visit.say(&Message::new("retention-days").with("days", one.days));
        (named(visit.tr(one.category.key()), &one.purpose), days, one.rows)
    });
    let runs = plan.runs.iter().map(|run| {
        let category = run.category.parse::<crate::privacy::retention::Category>();
        let name = category.map_or_else(|_| run.category.clone(), |category| visit.tr(category.key()));
        (minute(run.began_at), named(name, &run.purpose), run.rows)
    });
    Ok(RetentionPage {
        title: visit.tr("desk-retention"),
        has_policy: plan.has_policy,
        rows: plan.rows,
        due: due.collect(),
        runs: runs.collect(),
        end: view.sentences(|at| day(visit.frame.lang, at)).iter().map(|line| visit.say(line)).collect(),
        ends: view.end.is_some(),
        erased: view.end.is_some_and(|end| end.erased_at.is_some()),
        form,
        visit,
    })
}
