//! Preferences page: shows a recipient the data stored about it, unsubscribes from one list, or erases everything. Only the
//! POST changes anything; erasing needs a confirmation on a second page.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::state::{PageContext, RecipientState};
use super::stored_data::StoredDataView;
use super::unsubscribe;
use crate::infra::error::Message;
use crate::infra::id::Id;
use crate::infra::token::{DeliveryRef, TokenPurpose};
use crate::privacy::erasure::Erased;
use crate::privacy::request_journal::{RecipientRequest, RequestStatus};
use crate::usecase::Actor;
use crate::usecase::recipient::{self, Requested, TEST_DELIVERY};
use crate::web::page::within;
use crate::web::page::{Frame, Notice, PageBrand, show_branded};
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "public/preferences.html")]
struct PreferencesPage {
    frame: Frame,
    title: String,
    intro: String,
    done: Option<String>,
    data: StoredDataView,
    /// Where the buttons post to; `None` when no delivery with a token is stored.
    action: Option<String>,
    brand: PageBrand,
}

#[derive(Template)]
#[template(path = "public/erase.html")]
struct ConfirmErasePage {
    frame: Frame,
    title: String,
    action: String,
    brand: PageBrand,
}

/// The form of a button of the page.
#[derive(Debug, Deserialize)]
pub struct PreferencesForm {
    action: String,
    list: Option<Id>,
    #[serde(alias = "sure")]
    confirmed: Option<String>,
}

/// `GET /p/{token}`: shows, and changes nothing.
pub async fn read(
    State(state): State<Arc<RecipientState>>,
    frame: Frame,
    Path(token): Path<String>,
) -> Result<Response, Refusal> {
    let delivery = state.verify(TokenPurpose::Preferences, &token).ok_or_else(Refusal::link)?;
    let context = state.context(frame, delivery).await;
    if delivery.delivery == TEST_DELIVERY {
        return Ok(unsubscribe::test_message(&context));
    }
    match within(recipient::find(&state.installation, &Actor::recipient(), delivery)).await? {
        Some(contact) => preferences_page(&state, &context, delivery, contact, None).await,
        None => Ok(no_data(&context)),
    }
}

/// `POST /p/{token}`: unsubscribes from a list, or erases after the confirmation.
pub async fn change(
    State(state): State<Arc<RecipientState>>,
    frame: Frame,
    Path(token): Path<String>,
    Form(form): Form<PreferencesForm>,
) -> Result<Response, Refusal> {
    let delivery = state.verify(TokenPurpose::Preferences, &token).ok_or_else(Refusal::link)?;
    let context = state.context(frame, delivery).await;
    if delivery.delivery == TEST_DELIVERY {
        return Ok(unsubscribe::test_message(&context));
    }
    match (form.action.as_str(), form.list) {
        // Pages of earlier versions post "leave".
        ("unsubscribe" | "leave", Some(list)) => unsubscribe_from(&state, &context, delivery, list).await,
        ("erase", _) if form.confirmed.is_some() => {
            let requested = state.submit(delivery, RecipientRequest::Erase).await?;
            Ok(erased(&context, requested.status))
        }
        ("erase", _) => {
            let PageContext { frame, brand, .. } = &context;
            let (title, action) = (frame.tr("erase-title"), frame.at(&format!("/p/{token}")));
            Ok(show_branded(&ConfirmErasePage { frame: *frame, title, action, brand: brand.clone() }, brand))
        }
        _ => Err(Refusal::new(StatusCode::BAD_REQUEST, "refusal-request")),
    }
}

async fn unsubscribe_from(
    state: &Arc<RecipientState>,
    context: &PageContext,
    delivery: DeliveryRef,
    list: Id,
) -> Result<Response, Refusal> {
    let frame = context.frame;
    let Requested { status, contact } = state.submit(delivery, RecipientRequest::UnsubscribeFrom(list)).await?;
    match (status, contact) {
        (RequestStatus::Done(erased), Some(contact)) => {
            let name = within(recipient::list_name(&state.installation, &Actor::recipient(), list)).await?;
            let done = name.filter(|_| erased != Erased::Nothing).map(|name| frame.about("unsubscribed-title", &name));
            preferences_page(state, context, delivery, contact, done).await
        }
        (RequestStatus::Done(_), None) => Ok(no_data(context)),
        (RequestStatus::Recorded, _) => Ok(notice(context, frame.tr("recorded-title"), frame.tr("recorded-text"))),
    }
}

/// The page of a contact. Its buttons use the given delivery or, when that was deleted with its list, another one.
async fn preferences_page(
    state: &RecipientState,
    context: &PageContext,
    delivery: DeliveryRef,
    contact: Id,
    done: Option<String>,
) -> Result<Response, Refusal> {
    let (frame, actor) = (context.frame, Actor::recipient());
    let reading = recipient::stored_data(&state.installation, &actor, contact, delivery);
    let Some(stored) = within(reading).await? else {
        let last_list = |title| notice(context, title, frame.tr("data-last-list"));
        return Ok(done.map_or_else(|| no_data(context), last_list));
    };
    let data = StoredDataView::new(frame, &stored);
    let intro = Message::new("data-intro").with("address", &data.address).with("day", &data.since);
    let page = PreferencesPage {
        frame,
        title: frame.tr("data-title"),
        intro: frame.lang.translate(&intro),
        done,
        data,
        action: stored.delivery.map(|delivery| state.preferences_path(frame, delivery)),
        brand: context.brand.clone(),
    };
    Ok(show_branded(&page, &context.brand))
}

fn notice(context: &PageContext, title: String, line: String) -> Response {
    show_branded(&Notice::new(context.frame, title, line).of(&context.brand), &context.brand)
}

fn erased(context: &PageContext, status: RequestStatus) -> Response {
    let text = match status {
        RequestStatus::Done(_) => "erased-done",
        RequestStatus::Recorded => "erased-recorded",
    };
    notice(context, context.frame.tr("erased-title"), context.frame.tr(text))
}

fn no_data(context: &PageContext) -> Response {
    notice(context, context.frame.tr("data-none-title"), context.frame.tr("data-none"))
}
