//! Page of one contact: fields, lists with the receipts of consent, messages and events; correct, restrict and erase.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::visit::{Key, Visit};
use super::{DeskState, shown_value};
use crate::infra::id::Id;
use crate::privacy::subject_access::SubjectData;
use crate::usecase::contact::{self, Correction, Urgency};
use crate::usecase::field::{self, FieldRow};
use crate::usecase::localize::{StoredMessage, to_json};
use crate::usecase::{Action, contact_view};
use crate::web::form::Form;
use crate::web::page::minute;
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "desk/person.html")]
struct PersonPage {
    visit: Visit,
    title: String,
    id: Id,
    form: Form,
    fields: Vec<FieldRow>,
    data: SubjectData,
    is_restricted: bool,
    deliveries: Vec<(String, String, String, String)>,
    events: Vec<(String, String, String, String)>,
}

#[derive(Template)]
#[template(path = "desk/person_erase.html")]
struct ErasePage {
    visit: Visit,
    title: String,
    id: Id,
    address: String,
    form: Form,
    lists: Vec<String>,
    messages: usize,
}

/// `GET /people/{id}`
pub async fn read(State(state): State<Arc<DeskState>>, visit: Visit, Key(id): Key) -> Result<Response, Refusal> {
    let data = contact_view::read(&state.installation, &visit.actor, id).await?;
    let fields = field::list(&state.installation, &visit.actor).await?;
    let shown = |field: &FieldRow| shown_value(&visit, field, data.fields.get(&field.name));
    let values: Vec<_> = fields.iter().map(|field| (format!("field-{}", field.name), shown(field))).collect();
    let filled = values.iter().map(|(name, value)| (name.as_str(), value.clone()));
    let form = Form::of(filled.chain([("address", data.address.expose())]));
    let page = page(&state, visit, id, data, form).await?;
    Ok(page.visit.show(&page))
}

/// `GET /people/{id}/data.json`: everything that is stored, for the person who asks for it.
pub async fn data(State(state): State<Arc<DeskState>>, visit: Visit, Key(id): Key) -> Result<Response, Refusal> {
    let data = contact_view::read(&state.installation, &visit.actor, id).await?;
    let json = serde_json::to_string_pretty(&to_json(&data, visit.frame.lang)).unwrap_or_default();
    let headers = [(CONTENT_TYPE, "application/json"), (CONTENT_DISPOSITION, "attachment; filename=\"data.json\"")];
    Ok((headers, json).into_response())
}

/// `POST /people/{id}/correct`
pub async fn correct(
    State(state): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let data = contact_view::read(&state.installation, &visit.actor, id).await?;
    let before = data.address.expose();
    let address = form.given("address").filter(|address| *address != before).map(str::to_owned);
    let mut set = Vec::new();
    for field in field::list(&state.installation, &visit.actor).await? {
        let name = format!("field-{}", field.name);
        let typed = form.value(&name);
        if form.has(&name) && typed.trim() != shown_value(&visit, &field, data.fields.get(&field.name)) {
            set.push((field.name, typed.to_owned()));
        }
    }
    match contact::correct(&state.installation, &visit.actor, &before, &Correction { set, address }).await {
        Ok(_) => Ok(visit.go(&format!("people/{id}"), "saved")),
        Err(error) => {
            let form = form.refused(visit.frame.lang, error)?;
            let page = page(&state, visit, id, data, form).await?;
            Ok(page.visit.refuse(&page))
        }
    }
}

/// `POST /people/{id}/restrict`
pub async fn restrict(State(state): State<Arc<DeskState>>, visit: Visit, Key(id): Key) -> Result<Response, Refusal> {
    let data = contact_view::read(&state.installation, &visit.actor, id).await?;
    contact::restrict(&state.installation, &visit.actor, &data.address.expose()).await?;
    Ok(visit.go(&format!("people/{id}"), "restricted"))
}

/// `POST /people/{id}/unrestrict`
pub async fn unrestrict(State(state): State<Arc<DeskState>>, visit: Visit, Key(id): Key) -> Result<Response, Refusal> {
    let data = contact_view::read(&state.installation, &visit.actor, id).await?;
    contact::unrestrict(&state.installation, &visit.actor, &data.address.expose()).await?;
    Ok(visit.go(&format!("people/{id}"), "unrestricted"))
}

/// `POST /people/{id}/unsuppress`
pub async fn unsuppress(State(state): State<Arc<DeskState>>, visit: Visit, Key(id): Key) -> Result<Response, Refusal> {
    let data = contact_view::read(&state.installation, &visit.actor, id).await?;
    contact::unsuppress(&state.installation, &visit.actor, &data.address.expose()).await?;
    Ok(visit.go(&format!("people/{id}"), "saved"))
}

/// `GET /people/{id}/erase`: what would be erased.
pub async fn ask_erase(State(state): State<Arc<DeskState>>, visit: Visit, Key(id): Key) -> Result<Response, Refusal> {
    let data = contact_view::read(&state.installation, &visit.actor, id).await?;
    let page = erase_page(visit, id, &data, Form::default());
    Ok(page.visit.show(&page))
}

/// `POST /people/{id}/erase`: erases the contact once its address was typed.
pub async fn erase(
    State(state): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let data = contact_view::read(&state.installation, &visit.actor, id).await?;
    let address = data.address.expose();
    let confirmed = contact_view::confirm(&address, form.value("confirm"));
    if let Err(error) = confirmed {
        let form = form.refused(visit.frame.lang, error)?;
        let page = erase_page(visit, id, &data, form);
        return Ok(page.visit.refuse(&page));
    }
    contact::erase(&state.installation, &visit.actor, &address, Urgency::Usual).await?;
    state.notify_erased();
    Ok(visit.go("people", "erased"))
}

fn erase_page(visit: Visit, id: Id, data: &SubjectData, form: Form) -> ErasePage {
    ErasePage {
        title: visit.tr("desk-person-erase"),
        id,
        address: data.address.expose(),
        form,
        lists: data.subscriptions.iter().map(|one| one.list.clone()).collect(),
        messages: data.deliveries.len(),
        visit,
    }
}

async fn page(state: &DeskState, visit: Visit, id: Id, data: SubjectData, form: Form) -> Result<PersonPage, Refusal> {
    let reason = |packed: &Option<String>| {
        packed.as_ref().map(|packed| StoredMessage(packed.clone()).translate(visit.frame.lang)).unwrap_or_default()
    };
    let deliveries = data.deliveries.iter().rev().map(|one| {
        let details = if one.reason.is_some() { reason(&one.reason) } else { one.reply.clone().unwrap_or_default() };
        (one.campaign.clone(), one.state.clone(), minute(one.changed_at), details)
    });
    let events = data.events.iter().rev().map(|one| {
        (one.campaign.clone(), one.kind.clone(), minute(one.at), one.destination.clone().unwrap_or_default())
    });
    Ok(PersonPage {
        title: data.address.expose(),
        id,
        form,
        fields: field::list(&state.installation, &visit.actor).await?,
        is_restricted: contact_view::is_restricted(&data),
        deliveries: deliveries.collect(),
        events: events.collect(),
        data,
        visit,
    })
}
