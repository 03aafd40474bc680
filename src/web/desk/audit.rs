//! Page of the audit log: who did what in the workspace.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde_json::Value;

use super::DeskState;
use super::listing::{self, Shape};
use super::visit::{Params, Visit};
use crate::usecase::audit::Outcome;
use crate::usecase::audit_log::{self, Filter};
use crate::usecase::{Action, Role};
use crate::web::refusal::Refusal;

/// Entries in a file; a page has fewer.
const FILE_LIMIT: usize = 10_000;

#[derive(Template)]
#[template(path = "desk/audit.html")]
struct AuditPageView {
    visit: Visit,
    title: String,
    /// Words and names of the actions, by name.
    actions: Vec<(&'static str, String)>,
    action: String,
    rows: Vec<RowView>,
    /// The number that the next page begins before.
    next: Option<u64>,
}

/// An entry.
struct RowView {
    at: String,
    who: String,
    action: String,
    subject: Option<i64>,
    /// How it ended, where it was not done.
    outcome: Option<String>,
}

/// `GET /privacy/audit?action=&before=`
pub async fn list(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    params: Params,
    shape: Shape,
) -> Result<Response, Refusal> {
    let action = params.get("action").to_owned();
    let filter = Filter {
        action: Some(action.clone()).filter(|action| !action.is_empty()),
        before: params.get("before").parse().ok(),
        limit: if shape == Shape::Page { audit_log::PAGE } else { FILE_LIMIT },
        ..Filter::default()
    };
    let page = audit_log::list(&desk.installation, &visit.actor, &filter).await?;
    if shape != Shape::Page {
        return Ok(listing::rows(&visit, shape, "entries", &page.entries));
    }
    let next = page.entries.last().filter(|_| page.more).and_then(|entry| entry["seq"].as_u64());
    let mut actions: Vec<_> = Action::ALL.iter().map(|action| (action.as_str(), visit.tr(action.key()))).collect();
    actions.sort_by(|one, other| one.1.cmp(&other.1));
    let rows = page.entries.iter().map(|entry| row(&visit, entry)).collect();
    let view = AuditPageView { title: visit.tr("desk-audit"), actions, action, rows, next, visit };
    Ok(view.visit.show(&view))
}

fn row(visit: &Visit, entry: &Value) -> RowView {
    let text = |name: &str| entry[name].as_str().unwrap_or_default();
    let role = text("role").parse::<Role>();
    let who = match (entry["user_name"].as_str(), entry["user"].as_i64()) {
        (Some(name), _) => name.to_owned(),
        (None, Some(_)) => visit.tr("desk-audit-user-gone"),
        (None, None) => match (text("channel"), &role) {
            ("engine", _) => visit.tr("desk-audit-engine"),
            (_, Ok(Role::Recipient)) => visit.tr("desk-audit-recipient"),
            (_, Ok(Role::Visitor)) => visit.tr("desk-audit-visitor"),
            _ => visit.tr("desk-audit-operator"),
        },
    };
    let who = match role {
        Ok(role @ (Role::Owner | Role::Marketer | Role::Analyst | Role::Auditor | Role::Support)) => {
            format!("{who} · {}", visit.tr(role.key()))
        }
        _ => who,
    };
    RowView {
        at: text("at").chars().take(19).collect::<String>().replace('T', " "),
        who,
        action: text("action").parse::<Action>().map_or_else(|_| text("action").to_owned(), |one| visit.tr(one.key())),
        subject: entry["subject"].as_i64(),
        outcome: match text("outcome").parse::<Outcome>() {
            Ok(Outcome::Done) | Err(_) => None,
            Ok(outcome) => Some(visit.tr(outcome.key())),
        },
    }
}
