//! Page of privacy: who is kept out, as counts, and for administrators the search of every table and file for an address.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::listing::{self, Shape};
use super::visit::{Key, Visit};
use super::{DeskState, Progress};
use crate::usecase::Action;
use crate::usecase::consent::{self, Proof};
use crate::usecase::privacy_overview::{self, PrivacyOverview};
use crate::usecase::request;
use crate::usecase::trace_search::{self, Searched};
use crate::web::form::Form;
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "desk/privacy.html")]
struct PrivacyPage {
    visit: Visit,
    title: String,
    overview: PrivacyOverview,
    /// Open requests of people, and those that are due soon.
    requests: (usize, usize),
    /// The reasons with their names and counts.
    reasons: Vec<(String, i64)>,
    form: Form,
    /// The address as typed, with what was sealed.
    proof: Option<(String, Proof)>,
    working: Option<Progress>,
    found: Option<FoundView>,
}

/// What a search found.
struct FoundView {
    /// The address, masked.
    address: String,
    hits: u64,
    /// Place, encoding and number.
    places: Vec<(String, &'static str, u64)>,
    unreachable: Vec<String>,
    pending: bool,
}

impl From<&Searched> for FoundView {
    fn from(searched: &Searched) -> Self {
        let report = &searched.report;
        let place = |trace: &crate::privacy::trace_search::Trace| (trace.place.clone(), trace.form, trace.count);
        Self {
            address: searched.address.to_string(),
            hits: report.hits,
            places: report.traces.iter().map(place).collect(),
            unreachable: report.unreachable.clone(),
            pending: searched.pending,
        }
    }
}

/// `GET /privacy`
pub async fn read(State(desk): State<Arc<DeskState>>, visit: Visit, shape: Shape) -> Result<Response, Refusal> {
    if shape != Shape::Page {
        let overview = privacy_overview::read(&desk.installation, &visit.actor).await?;
        let row = |(reason, count): (String, i64)| json!({ "reason": reason, "count": count });
        let rows: Vec<_> = overview.kept_out.into_iter().map(row).collect();
        return Ok(listing::rows(&visit, shape, "kept_out", &rows));
    }
    let page = page(&desk, visit, Form::default()).await?;
    Ok(page.visit.show(&page))
}

/// `POST /privacy/search`: searches for an address. It is posted, and the page of the result has a number, so that the address
/// stands in no URL.
pub async fn search(State(desk): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    let id = desk.installation.ids.next()?;
    let (installation, actor, address) = (desk.installation.clone(), visit.actor, form.value("address").to_owned());
    let job = desk.searches.run(id, |job| async move {
        let progress = move |done, total| job.set_progress(done, total);
        trace_search::search(&installation, &actor, &address, progress).await
    });
    if let Some(Err(message)) = job.await.result() {
        let form = form.refused_at(visit.frame.lang, "address", message.clone().invalid())?;
        desk.searches.forget(id);
        let page = page(&desk, visit, form).await?;
        return Ok(page.visit.refuse(&page));
    }
    Ok(visit.go(&format!("privacy/search/{id}"), ""))
}

/// `POST /privacy/consent`: what an erased address had consented to. It is posted, so that the address stands in no URL.
pub async fn prove(State(desk): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    match consent::prove(&desk.installation, &visit.actor, form.value("consent-address")).await {
        Ok(proof) => {
            let address = form.value("consent-address").trim().to_owned();
            let page = PrivacyPage { proof: Some((address, proof)), ..page(&desk, visit, form).await? };
            Ok(page.visit.show(&page))
        }
        Err(error) => {
            let form = form.refused_at(visit.frame.lang, "consent-address", error)?;
            let page = page(&desk, visit, form).await?;
            Ok(page.visit.refuse(&page))
        }
    }
}

/// `GET /privacy/search/{id}`: how far a search is, or what it found. The result is forgotten when the program ends.
pub async fn found(State(desk): State<Arc<DeskState>>, visit: Visit, Key(id): Key) -> Result<Response, Refusal> {
    let job = desk.searches.find(id).ok_or_else(Refusal::unknown)?;
    let page = page(&desk, visit, Form::default()).await?;
    let page = match job.result() {
        None => PrivacyPage { working: Some(Progress::of(job.progress())), ..page },
        Some(Ok(searched)) => PrivacyPage { found: Some(searched.into()), ..page },
        Some(Err(message)) => return Err(message.clone().conflict().into()),
    };
    Ok(page.visit.show(&page))
}

async fn page(desk: &DeskState, visit: Visit, form: Form) -> Result<PrivacyPage, Refusal> {
    let overview = privacy_overview::read(&desk.installation, &visit.actor).await?;
    let name = |reason: &str| match reason {
        "left" => visit.tr("desk-privacy-left"),
        "erased" => visit.tr("desk-privacy-erased"),
        "closed" => visit.tr("desk-privacy-closed"),
        "bounced" => visit.tr("desk-privacy-bounced"),
        "expired" => visit.tr("act-reason-expired"),
        "ended" => visit.tr("act-reason-ended"),
        _ => visit.tr("desk-privacy-other"),
    };
    Ok(PrivacyPage {
        title: visit.tr("desk-privacy"),
        reasons: overview.kept_out.iter().map(|(reason, count)| (name(reason), *count)).collect(),
        overview,
        requests: request::count_open(&desk.installation, &visit.actor).await?,
        form,
        proof: None,
        working: None,
        found: None,
        visit,
    })
}
