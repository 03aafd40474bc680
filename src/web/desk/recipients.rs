//! Page of the people behind a number of a campaign.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::DeskState;
use super::campaign::find_name;
use super::listing::{self, Shape};
use super::table::Table;
use super::visit::{Key, Params, Visit};
use crate::campaign::delivery::recipients::Group;
use crate::infra::id::Id;
use crate::usecase::Action;
use crate::usecase::campaign_recipients::{self, Details};
use crate::web::page::minute;
use crate::web::refusal::Refusal;

/// Rows in a file; a page has fewer.
const FILE_LIMIT: i64 = 10_000;

#[derive(Template)]
#[template(path = "desk/recipients.html")]
struct RecipientsPage {
    visit: Visit,
    title: String,
    id: Id,
    groups: Vec<(&'static str, String)>,
    table: Table,
    rows: Vec<RowView>,
    next: Option<String>,
}

/// A recipient in the table.
struct RowView {
    contact: Id,
    email: String,
    state: String,
    at: String,
    details: String,
}

/// `GET /campaigns/{id}/recipients?state=&after=`
pub async fn list(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    params: Params,
    shape: Shape,
) -> Result<Response, Refusal> {
    let table = Table::of(&params, &["state"], &[], "");
    let group = params.get("state").parse().unwrap_or(Group::Planned);
    let limit = (shape != Shape::Page).then_some(FILE_LIMIT);
    let found = campaign_recipients::list(&desk.installation, &visit.actor, id, group, table.after, limit).await?;
    if let Some(file) = listing::file(&visit, shape, "recipients", &found) {
        return Ok(file);
    }
    let rows = found.recipients.into_iter().map(|row| RowView {
        contact: row.contact,
        email: row.email,
        state: row.state,
        at: minute(row.changed),
        details: match row.details {
            Details::Reason(reason) => reason.translate(visit.frame.lang),
            Details::Reply(reply) => reply,
        },
    });
    let page = RecipientsPage {
        title: find_name(&desk, &visit, id).await?,
        id,
        groups: Group::ALL.iter().map(|group| (group.as_str(), visit.tr(name(*group)))).collect(),
        rows: rows.collect(),
        next: found.next.map(|after| table.next(after)),
        table,
        visit,
    };
    Ok(page.visit.show(&page))
}

/// The catalogue key of the name of a group.
const fn name(group: Group) -> &'static str {
    match group {
        Group::Planned => "desk-planned",
        Group::Accepted => "desk-accepted",
        Group::Rejected => "desk-rejected",
        Group::Uncertain => "desk-uncertain-count",
        Group::Suppressed => "desk-suppressed",
        Group::Skipped => "desk-skipped",
        Group::Pending => "desk-waiting",
        Group::Opened => "desk-opens",
        Group::Clicked => "desk-clicks",
    }
}
