//! Page of the contacts of a workspace: search as one types, a filter by list or segment, pages by key, and a form to add
//! one contact with the proof of its consent.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::listing::{self, Shape};
use super::visit::{Params, Visit};
use super::{DeskState, shown_value};
use crate::audience::consent::Basis;
use crate::infra::id::Id;
use crate::usecase::contact_search::{self, Addition, Contacts, USUAL_LIMIT};
use crate::usecase::field::{self, FieldRow};
use crate::usecase::{Action, list, segment, segment_preview};
use crate::web::form::Form;
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
    /// Names of the fields that the table shows.
    columns: Vec<String>,
    rows: Vec<PersonRow>,
    /// The query of the next page.
    next: Option<String>,
    /// The query of this page, for files.
    this: String,
}

/// A contact in the table.
struct PersonRow {
    id: Id,
    email: String,
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

/// Which contacts are shown.
struct Filter {
    /// Part of an address or a value; never in a URL, since it may be an address.
    query: String,
    list: String,
    segment: String,
    /// The key to continue behind.
    after: Id,
}

/// `GET /people?list=&segment=&after=`
pub async fn list(
    State(state): State<Arc<DeskState>>,
    visit: Visit,
    params: Params,
    shape: Shape,
) -> Result<Response, Refusal> {
    let filter = Filter {
        query: String::new(),
        list: params.get("list").to_owned(),
        segment: params.get("segment").to_owned(),
        after: params.get("after").parse().unwrap_or(0),
    };
    show(&state, visit, filter, shape).await
}

/// `POST /people`: a search.
pub async fn search(State(state): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    let given = |name| form.given(name).unwrap_or_default().to_owned();
    let filter = Filter { query: given("q"), list: given("list"), segment: given("segment"), after: 0 };
    show(&state, visit, filter, Shape::Page).await
}

async fn show(state: &DeskState, visit: Visit, filter: Filter, shape: Shape) -> Result<Response, Refusal> {
    let (installation, actor) = (&state.installation, &visit.actor);
    let (query, on, within, after) = (&*filter.query, &*filter.list, &*filter.segment, filter.after);
    let limit = if shape == Shape::Page { USUAL_LIMIT } else { FILE_LIMIT };
    let contacts = match (query, within) {
        ("", "") => {
            contact_search::list(installation, actor, Some(on).filter(|on| !on.is_empty()), after, limit).await?
        }
        ("", segment) => segment_preview::members(installation, actor, segment, after, limit).await?,
        (query, _) => contact_search::find(installation, actor, query, limit).await?,
    };
    if let Some(file) = listing::file(&visit, shape, "contacts", &contacts) {
        return Ok(file);
    }
    let lists = list::list(installation, actor).await?.lists;
    let segments = segment::list(installation, actor).await?.segments;
    let fields = field::list(installation, actor).await?;
    let address = |after: Id| {
        let mut query_string = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in [("list", on), ("segment", within)] {
            if !value.is_empty() {
                query_string.append_pair(name, value);
            }
        }
        if after > 0 {
            query_string.append_pair("after", &after.to_string());
        }
        query_string.finish()
    };
    let page = PeoplePage {
        title: visit.tr("desk-people"),
        query: query.to_owned(),
        list: on.to_owned(),
        segment: within.to_owned(),
        lists: lists.into_iter().filter(|list| !list.closed).map(|list| list.list).collect(),
        segments: segments.into_iter().map(|segment| segment.segment).collect(),
        next: contacts.next.filter(|_| query.is_empty()).map(address),
        this: address(after),
        rows: rows(&visit, contacts, &fields),
        columns: fields.into_iter().map(|field| field.name).collect(),
        visit,
    };
    Ok(page.visit.show(&page))
}

fn rows(visit: &Visit, contacts: Contacts, fields: &[FieldRow]) -> Vec<PersonRow> {
    let row = |contact: contact_search::ContactRow| PersonRow {
        id: contact.id,
        values: fields.iter().map(|field| shown_value(visit, field, contact.fields.get(&field.name))).collect(),
        lists: contact.lists.into_iter().map(|one| (one.list, one.state)).collect(),
        email: contact.email,
    };
    contacts.contacts.into_iter().map(row).collect()
}

/// `GET /people/add`
pub async fn ask(State(state): State<Arc<DeskState>>, visit: Visit, params: Params) -> Result<Response, Refusal> {
    let day = crate::web::page::minute(state.installation.clock.now());
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
    let lists = list::list(&state.installation, &visit.actor).await?.lists;
    Ok(AddPage {
        title: visit.tr("desk-person-add"),
        lists: lists.into_iter().filter(|list| !list.closed).map(|list| list.list).collect(),
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
    };
    Basis::ALL.iter().map(|basis| (basis.as_str(), name(basis))).collect()
}
