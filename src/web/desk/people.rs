//! Page of the contacts of a workspace: search as one types, a filter by list or segment, pages by key, and a form to add
//! one contact with the proof of its consent.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::listing::{self, Shape};
use super::table::Table;
use super::visit::{Params, Visit};
use super::{DeskState, shown_value};
use crate::audience::consent::Basis;
use crate::audience::contact::Order;
use crate::audience::subscription::State as Subscribed;
use crate::infra::id::Id;
use crate::usecase::contact_search::{self, Addition, Browse, Contacts, USUAL_LIMIT};
use crate::usecase::field::{self, FieldRow};
use crate::usecase::{Action, list, segment, segment_preview};
use crate::web::form::Form;
use crate::web::page::minute;
use crate::web::refusal::Refusal;

/// Rows in a file; a page has fewer.
const FILE_LIMIT: i64 = 10_000;

#[derive(Template)]
#[template(path = "desk/people.html")]
struct PeoplePage {
    visit: Visit,
    title: String,
    query: String,
    list: String,
    segment: String,
    lists: Vec<String>,
    segments: Vec<String>,
    /// The states of a subscription with their names.
    states: Vec<(&'static str, String)>,
    table: Table,
    /// Names of the fields that the table shows.
    columns: Vec<String>,
    rows: Vec<PersonRow>,
    /// The query of the next page.
    next: Option<String>,
}

impl PeoplePage {
    /// Whether the contacts can be filtered by the state of their subscription: those of one list.
    fn has_states(&self) -> bool {
        self.query.is_empty() && self.segment.is_empty() && !self.list.is_empty()
    }

    /// Whether the order can be chosen. What a search or a segment finds has one order.
    fn is_sortable(&self) -> bool {
        self.query.is_empty() && self.segment.is_empty()
    }

    /// Whether the visitor may do anything with people that they choose.
    fn has_deeds(&self) -> bool {
        self.visit.may(Action::AddContact) || self.visit.may(Action::ExportContacts)
    }
}

/// A contact in the table.
struct PersonRow {
    id: Id,
    email: String,
    added: String,
    values: Vec<String>,
    lists: Vec<(String, &'static str)>,
}

#[derive(Template)]
#[template(path = "desk/person_add.html")]
struct AddPage {
    visit: Visit,
    title: String,
    form: Form,
    lists: Vec<String>,
    fields: Vec<FieldRow>,
    bases: Vec<(&'static str, String)>,
}

/// `GET /people?list=&state=&segment=&sort=&after=`
pub async fn list(
    State(state): State<Arc<DeskState>>,
    visit: Visit,
    params: Params,
    shape: Shape,
) -> Result<Response, Refusal> {
    show(&state, visit, String::new(), &params, shape).await
}

/// `POST /people`: a search. What is searched for stands in no URL, since it may be an address.
pub async fn search(State(state): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    let query = form.given("q").unwrap_or_default().to_owned();
    let filters = [("list", form.value("list").to_owned()), ("segment", form.value("segment").to_owned())];
    show(&state, visit, query, &Params::of(filters), Shape::Page).await
}

async fn show(
    state: &DeskState,
    visit: Visit,
    query: String,
    params: &Params,
    shape: Shape,
) -> Result<Response, Refusal> {
    let (installation, actor) = (&state.installation, &visit.actor);
    let table = Table::of(params, &["list", "state", "segment"], &["address", "added"], "added");
    let (on, within, after) = (params.get("list"), params.get("segment"), table.after);
    let limit = if shape == Shape::Page { USUAL_LIMIT } else { FILE_LIMIT };
    let contacts = match (&*query, within) {
        ("", "") => {
            let browse = Browse {
                list: Some(on).filter(|on| !on.is_empty()),
                state: params.get("state").parse().ok(),
                order: table.sort().parse().unwrap_or(Order::Oldest),
                after,
                limit,
            };
            contact_search::browse(installation, actor, &browse).await?
        }
        ("", segment) => segment_preview::members(installation, actor, segment, after, limit).await?,
        (query, _) => contact_search::find(installation, actor, query, limit).await?,
    };
    if let Some(file) = listing::file(&visit, shape, "contacts", &contacts) {
        return Ok(file);
    }
    let segments = segment::list(installation, actor).await?.segments;
    let fields = field::list(installation, actor).await?;
    let page = PeoplePage {
        title: visit.tr("desk-people"),
        list: on.to_owned(),
        segment: within.to_owned(),
        lists: list::names(installation, actor).await?,
        segments: segments.into_iter().map(|segment| segment.segment).collect(),
        states: states(&visit),
        next: contacts.next.filter(|_| query.is_empty()).map(|after| table.next(after)),
        query,
        table,
        rows: rows(&visit, contacts, &fields),
        columns: fields.into_iter().map(|field| field.name).collect(),
        visit,
    };
    Ok(page.visit.show(&page))
}

/// The states of a subscription with their names.
fn states(visit: &Visit) -> Vec<(&'static str, String)> {
    let name = |state: &Subscribed| match state {
        Subscribed::Confirmed => visit.tr("desk-confirmed"),
        Subscribed::Pending => visit.tr("desk-pending"),
        Subscribed::Bounced => visit.tr("desk-bounced"),
        Subscribed::Restricted => visit.tr("desk-restricted"),
    };
    Subscribed::ALL.iter().map(|state| (state.as_str(), name(state))).collect()
}

fn rows(visit: &Visit, contacts: Contacts, fields: &[FieldRow]) -> Vec<PersonRow> {
    let row = |contact: contact_search::ContactRow| PersonRow {
        id: contact.id,
        values: fields.iter().map(|field| shown_value(visit, field, contact.fields.get(&field.name))).collect(),
        lists: contact.lists.into_iter().map(|one| (one.list, one.state)).collect(),
        added: minute(contact.added_at),
        email: contact.email,
    };
    contacts.contacts.into_iter().map(row).collect()
}

/// `GET /people/add`
pub async fn ask(State(state): State<Arc<DeskState>>, visit: Visit, params: Params) -> Result<Response, Refusal> {
    let day = minute(state.installation.clock.now());
    let form = Form::of([
        ("list", params.get("list").to_owned()),
        ("basis", Basis::Consent.as_str().to_owned()),
        ("date", day.split(' ').next().unwrap_or_default().to_owned()),
    ]);
    let page = add_page(&state, visit, form).await?;
    Ok(page.visit.show(&page))
}

/// `POST /people/add`
pub async fn add(State(state): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    let added = match form.value("basis").parse() {
        Ok(basis) => {
            let addition = Addition {
                address: form.value("address").to_owned(),
                list: form.value("list").to_owned(),
                set: filled_fields(&form),
                source: form.value("source").to_owned(),
                basis,
                proof: form.value("proof").to_owned(),
                date: form.value("date").to_owned(),
            };
            contact_search::add(&state.installation, &visit.actor, &addition).await
        }
        Err(error) => Err(error),
    };
    match added {
        Ok(added) => {
            let list = url::form_urlencoded::byte_serialize(added.list.as_bytes()).collect::<String>();
            Ok(visit.go(&format!("people?list={list}"), "added"))
        }
        Err(error) => {
            let form = form.refused(visit.frame.lang, error)?;
            let page = add_page(&state, visit, form).await?;
            Ok(page.visit.refuse(&page))
        }
    }
}

/// The fields that have a value.
fn filled_fields(form: &Form) -> Vec<(String, String)> {
    let filled = form.with_prefix("field-").filter(|(_, value)| !value.trim().is_empty());
    filled.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

async fn add_page(state: &DeskState, visit: Visit, form: Form) -> Result<AddPage, Refusal> {
    Ok(AddPage {
        title: visit.tr("desk-person-add"),
        lists: list::names(&state.installation, &visit.actor).await?,
        fields: field::list(&state.installation, &visit.actor).await?,
        bases: bases(&visit),
        form,
        visit,
    })
}

/// The legal bases with their names.
pub fn bases(visit: &Visit) -> Vec<(&'static str, String)> {
    let name = |basis: &Basis| match basis {
        Basis::Consent => visit.tr("desk-basis-consent"),
        Basis::Contract => visit.tr("desk-basis-contract"),
        Basis::Interest => visit.tr("desk-basis-interest"),
        Basis::LegalDuty => visit.tr("desk-basis-legal-duty"),
    };
    Basis::ALL.iter().map(|basis| (basis.as_str(), name(basis))).collect()
}
