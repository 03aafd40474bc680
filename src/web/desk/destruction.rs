//! Pages of the log of destruction: the months, the act of a month to print and sign, the log of a month as a file, and the
//! erasures of an address.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::DeskState;
use super::exports::body;
use super::listing::{self, Shape};
use super::visit::Visit;
use crate::privacy::departure::reason_key;
use crate::privacy::destruction::report::MonthSums;
use crate::usecase::Action;
use crate::usecase::destruction::{self, Act};
use crate::web::form::Form;
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "desk/destruction.html")]
struct DestructionPage {
    visit: Visit,
    title: String,
    months: Vec<MonthSums>,
    form: Form,
    found: Option<FoundView>,
}

/// The erasures of an address.
struct FoundView {
    /// The address, masked.
    address: String,
    /// When, why, line and hash.
    rows: Vec<(String, String, u64, String)>,
}

#[derive(Template)]
#[template(path = "desk/act.html")]
struct ActPage {
    visit: Visit,
    title: String,
    act: Act,
    medium: String,
    /// Reasons of whole erasures and of single subscriptions, with counts.
    people: Vec<(String, u64)>,
    subscriptions: Vec<(String, u64)>,
}

/// `GET /privacy/destruction`
pub async fn list(State(desk): State<Arc<DeskState>>, visit: Visit, shape: Shape) -> Result<Response, Refusal> {
    if shape != Shape::Page {
        let months = destruction::months(&desk.installation, &visit.actor).await?;
        return Ok(listing::rows(&visit, shape, "months", &months));
    }
    let page = page(&desk, visit, Form::default()).await?;
    Ok(page.visit.show(&page))
}

/// `POST /privacy/destruction`: the erasures of an address. It is posted, so that the address stands in no URL.
pub async fn find(State(desk): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    match destruction::receipt(&desk.installation, &visit.actor, form.value("address")).await {
        Ok(receipts) => {
            let rows = receipts.erasures.into_iter();
            let rows = rows.map(|one| (minute(&one.at), visit.tr(reason_key(&one.reason)), one.line, one.hash));
            let found = Some(FoundView { address: receipts.address.to_string(), rows: rows.collect() });
            let page = DestructionPage { found, ..page(&desk, visit, Form::default()).await? };
            Ok(page.visit.show(&page))
        }
        Err(error) => {
            let form = form.refused_at(visit.frame.lang, "address", error)?;
            let page = page(&desk, visit, form).await?;
            Ok(page.visit.refuse(&page))
        }
    }
}

/// `GET /privacy/destruction/{month}`: the act.
pub async fn act(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Path((_, month)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let act = destruction::act(&desk.installation, &visit.actor, &month).await?;
    let named = |sums: &std::collections::BTreeMap<String, u64>| {
        sums.iter().map(|(reason, count)| (visit.tr(reason_key(reason)), *count)).collect::<Vec<_>>()
    };
    let page = ActPage {
        title: visit.tr("act-title"),
        medium: visit.tr(act.medium),
        people: named(&act.sums.people),
        subscriptions: named(&act.sums.subscriptions),
        act,
        visit,
    };
    Ok(page.visit.show(&page))
}

/// `GET /privacy/destruction/{month}/log.csv`
pub async fn log(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Path((_, month)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let file = destruction::to_download(&desk.installation, &visit.actor, &month).await?;
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"destruction-{month}.csv\"")),
    ];
    Ok((headers, body(file)).into_response())
}

async fn page(desk: &DeskState, visit: Visit, form: Form) -> Result<DestructionPage, Refusal> {
    let months = destruction::months(&desk.installation, &visit.actor).await?;
    Ok(DestructionPage { title: visit.tr("desk-destruction"), months, form, found: None, visit })
}

impl ActPage {
    fn minute(at: &str) -> String {
        format!("{} UTC", minute(at))
    }
}

/// A time of the log without seconds.
fn minute(at: &str) -> String {
    at.chars().take(16).collect::<String>().replace('T', " ")
}
