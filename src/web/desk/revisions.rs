//! Page of the revisions of a campaign's email: list, comparison by lines, restore.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::DeskState;
use super::visit::{Key, Params, Visit};
use crate::infra::error::Message;
use crate::infra::id::Id;
use crate::usecase::campaign_revision::{self, Revisions};
use crate::usecase::line_diff::Line;
use crate::usecase::{Action, line_diff};
use crate::web::form::Form;
use crate::web::page::minute;
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "desk/revisions.html")]
struct RevisionsPage {
    visit: Visit,
    title: String,
    id: Id,
    form: Form,
    name: String,
    editable: bool,
    rows: Vec<RowView>,
    /// The comparison, with its title.
    compared: Option<(String, Vec<LineView>)>,
}

/// A revision in the table.
struct RowView {
    id: Id,
    saved: String,
    by: String,
    automatic: bool,
    current: bool,
    /// The revision before it.
    before: Option<Id>,
}

/// A line of the comparison.
struct LineView {
    kind: &'static str,
    sign: &'static str,
    text: String,
}

impl LineView {
    fn new(visit: &Visit, line: Line) -> Self {
        use line_diff::Kind;
        let (sign, text) = match line.kind {
            Kind::Same => (" ", line.text),
            Kind::Added => ("+", line.text),
            Kind::Removed => ("−", line.text),
            Kind::Skipped => ("", visit.say(&Message::new("revisions-skipped").with("count", &line.text))),
        };
        Self { kind: line.kind.as_str(), sign, text }
    }
}

/// `GET /campaigns/{id}/revisions?from=&to=`: with `to` or `from` their comparison; without `to` it is with what the campaign is
/// now, without `from` with nothing.
pub async fn list(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    params: Params,
) -> Result<Response, Refusal> {
    let page = page(&desk, visit, id, &params, Form::default()).await?;
    Ok(page.visit.show(&page))
}

/// `POST /campaigns/{id}/revisions/restore`
pub async fn restore(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let revision = form.value("revision").parse().map_err(|_| Refusal::unknown())?;
    match campaign_revision::restore(&desk.installation, &visit.actor, id, revision).await {
        Ok(_) => Ok(visit.go(&format!("campaigns/{id}/email"), "restored")),
        Err(error) => {
            let form = form.refused(visit.frame.lang, error)?;
            let page = page(&desk, visit, id, &Params::default(), form).await?;
            Ok(page.visit.refuse(&page))
        }
    }
}

async fn page(desk: &DeskState, visit: Visit, id: Id, params: &Params, form: Form) -> Result<RevisionsPage, Refusal> {
    let (installation, actor) = (&desk.installation, &visit.actor);
    let Revisions { name, revisions, editable } = campaign_revision::list(installation, actor, id).await?;
    let key = |name: &str| params.get(name).parse::<Id>().ok();
    let compared = match (key("from"), key("to")) {
        (None, None) => None,
        (from, to) => {
            let lines = campaign_revision::compare(installation, actor, id, from, to).await?;
            let at = |key: Id| revisions.iter().find(|one| one.revision == key).map(|one| minute(one.saved));
            let from = from.and_then(at).unwrap_or_else(|| "—".to_owned());
            let to = to.and_then(at).unwrap_or_else(|| visit.tr("revisions-now"));
            let title = visit.say(&Message::new("revisions-compared").with("from", from).with("to", to));
            Some((title, lines.into_iter().map(|line| LineView::new(&visit, line)).collect()))
        }
    };
    let before: Vec<Option<Id>> = (1..=revisions.len()).map(|at| revisions.get(at).map(|one| one.revision)).collect();
    let rows = revisions.into_iter().zip(before).map(|(row, before)| RowView {
        id: row.revision,
        saved: minute(row.saved),
        by: row.by.unwrap_or_else(|| "—".to_owned()),
        automatic: row.automatic,
        current: row.current,
        before,
    });
    let (rows, title) = (rows.collect(), visit.say(&Message::new("revisions-title").with("name", &name)));
    Ok(RevisionsPage { title, id, form, name, editable, rows, compared, visit })
}
