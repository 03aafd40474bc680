//! Preferences page: shows a recipient the data stored about it, unsubscribes from one list, or erases everything; the rest is in
//! [`preference_center`]. It is reached by the token of a message, or by a link that the recipient asked for. Only the POST
//! changes anything; erasing needs a confirmation on a second page.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::erasure_receipt;
use super::preference_center::{self, Acted, CenterView};
use super::state::{PageContext, RecipientState};
use super::stored_data::StoredDataView;
use super::unsubscribe;
use crate::infra::error::Message;
use crate::infra::id::Id;
use crate::infra::token::{DeliveryRef, TOKEN_LENGTH, TokenPurpose};
use crate::privacy::erasure::Erased;
use crate::privacy::request_journal::{RecipientRequest, RequestStatus};
use crate::privacy::subject_access::SubjectData;
use crate::usecase::Actor;
use crate::usecase::erasure_receipt::Draft;
use crate::usecase::preference::{self, Entry, Subject};
use crate::usecase::recipient::{self, Requested, TEST_DELIVERY};
use crate::web::form::Form;
use crate::web::page::{Frame, KeptBody, Notice, PageBrand, show_branded, within};
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "public/preferences.html")]
struct PreferencesPage {
    frame: Frame,
    title: String,
    intro: String,
    done: Option<String>,
    data: StoredDataView,
    center: CenterView,
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

/// `GET /p/{token}`: shows, and changes nothing.
pub async fn read(
    State(state): State<Arc<RecipientState>>,
    frame: Frame,
    Path(token): Path<String>,
) -> Result<Response, Refusal> {
    let Some(delivery) = state.verify(TokenPurpose::Preferences, &token) else {
        let (subject, context) = come_by_link(&state, frame, &token).await?;
        return link_page(&state, &context, subject, &token, Shown::default()).await;
    };
    let context = state.context(frame, delivery).await;
    if delivery.delivery == TEST_DELIVERY {
        return Ok(unsubscribe::test_message(&context));
    }
    match within(recipient::find(&state.installation, &Actor::recipient(), delivery)).await? {
        Some(contact) => preferences_page(&state, &context, delivery, contact, Shown::default()).await,
        None => Ok(no_data(&context)),
    }
}

/// `POST /p/{token}`: changes something, unsubscribes from a list, or erases after the confirmation.
pub async fn change(
    State(state): State<Arc<RecipientState>>,
    frame: Frame,
    Path(token): Path<String>,
    form: Form,
) -> Result<Response, Refusal> {
    let Some(delivery) = state.verify(TokenPurpose::Preferences, &token) else {
        return change_by_link(&state, frame, &token, &form).await;
    };
    let context = state.context(frame, delivery).await;
    if delivery.delivery == TEST_DELIVERY {
        return Ok(unsubscribe::test_message(&context));
    }
    match (form.value("action"), form.value("list").parse::<Id>().ok()) {
        // Pages of earlier versions post "leave".
        ("unsubscribe" | "leave", Some(list)) => unsubscribe_from(&state, &context, delivery, list).await,
        ("erase", _) if is_confirmed(&form) => {
            let draft = erasure_receipt::draft_at(&state, Entry::Delivery(delivery)).await;
            let requested = state.submit(delivery, RecipientRequest::Erase).await?;
            Ok(erased(&state, &context, requested.status, draft.as_ref()))
        }
        ("erase", _) => Ok(ask_erase(&context, &token)),
        _ => {
            let entry = Entry::Delivery(delivery);
            let found = within(preference::find(&state.installation, &Actor::recipient(), entry)).await?;
            let Some(subject) = found else { return Ok(no_data(&context)) };
            if form.is("action", "leave-all") {
                let draft = erasure_receipt::draft_of(&state, subject).await;
                preference::leave_all(&state.installation, &Actor::recipient(), subject).await?;
                state.notify_erased();
                return Ok(erased(&state, &context, RequestStatus::Done(Erased::Contact), draft.as_ref()));
            }
            match preference_center::act(&state, context.frame, subject, &form).await? {
                Acted::File(file) => Ok(file),
                acted => preferences_page(&state, &context, delivery, subject.contact, Shown::of(acted)).await,
            }
        }
    }
}

fn is_confirmed(form: &Form) -> bool {
    form.has("confirmed") || form.has("sure")
}

fn ask_erase(context: &PageContext, token: &str) -> Response {
    let PageContext { frame, brand, .. } = context;
    let (title, action) = (frame.tr("erase-title"), frame.at(&format!("/p/{token}")));
    show_branded(&ConfirmErasePage { frame: *frame, title, action, brand: brand.clone() }, brand)
}

/// The recipient behind a link that was asked for, and what their pages show.
async fn come_by_link(state: &RecipientState, frame: Frame, token: &str) -> Result<(Subject, PageContext), Refusal> {
    let actor = Actor::recipient();
    let found = preference::find(&state.installation, &actor, Entry::Link(token));
    let Some(subject) = within(found).await? else {
        let is_short = token.len() <= TOKEN_LENGTH + 1;
        return Err(if is_short { Refusal::link() } else { Refusal::new(StatusCode::BAD_REQUEST, "refusal-link-old") });
    };
    let center = within(preference::read(&state.installation, &Actor::recipient(), subject)).await?;
    let context = PageContext { frame, list: frame.tr("list-unnamed"), brand: PageBrand::from(&center.brand) };
    Ok((subject, context))
}

async fn change_by_link(
    state: &Arc<RecipientState>,
    frame: Frame,
    token: &str,
    form: &Form,
) -> Result<Response, Refusal> {
    let (subject, context) = come_by_link(state, frame, token).await?;
    let (installation, actor) = (&state.installation, Actor::recipient());
    match (form.value("action"), form.value("list").parse::<Id>().ok()) {
        ("unsubscribe", Some(list)) => {
            let draft = erasure_receipt::draft_of(state, subject).await;
            let erased = preference::unsubscribe(installation, &actor, subject, list).await?;
            state.notify_erased();
            let name = within(recipient::list_name(installation, &actor, list)).await?.unwrap_or_default();
            let done = frame.about("unsubscribed-title", &name);
            if erased == Erased::Contact {
                let link = erasure_receipt::link(state, frame, draft.as_ref());
                return Ok(notice(&context, done, frame.tr("data-last-list"), link));
            }
            let done = Some(done).filter(|_| erased != Erased::Nothing);
            link_page(state, &context, subject, token, Shown { done, ..Shown::default() }).await
        }
        ("erase", _) if is_confirmed(form) => {
            let draft = erasure_receipt::draft_of(state, subject).await;
            preference::erase(installation, &actor, subject).await?;
            state.notify_erased();
            Ok(erased(state, &context, RequestStatus::Done(Erased::Contact), draft.as_ref()))
        }
        ("erase", _) => Ok(ask_erase(&context, token)),
        ("leave-all", _) => {
            let draft = erasure_receipt::draft_of(state, subject).await;
            preference::leave_all(installation, &actor, subject).await?;
            state.notify_erased();
            Ok(erased(state, &context, RequestStatus::Done(Erased::Contact), draft.as_ref()))
        }
        _ => match preference_center::act(state, frame, subject, form).await? {
            Acted::File(file) => Ok(file),
            acted => link_page(state, &context, subject, token, Shown::of(acted)).await,
        },
    }
}

/// What is said at the top of the page, or in one of its parts.
#[derive(Default)]
struct Shown {
    done: Option<String>,
    /// The link to the receipt, for who is erased by leaving the last list.
    receipt: Option<(String, String)>,
    mistake: Option<String>,
    hand_over: Option<String>,
}

impl Shown {
    fn of(acted: Acted) -> Self {
        match acted {
            Acted::Done(done) => Self { done: Some(done), ..Self::default() },
            Acted::Mistake(mistake) => Self { mistake: Some(mistake), ..Self::default() },
            Acted::HandOver(url) => Self { hand_over: Some(url), ..Self::default() },
            Acted::File(_) => Self::default(),
        }
    }
}

async fn unsubscribe_from(
    state: &Arc<RecipientState>,
    context: &PageContext,
    delivery: DeliveryRef,
    list: Id,
) -> Result<Response, Refusal> {
    let frame = context.frame;
    let draft = erasure_receipt::draft_at(state, Entry::Delivery(delivery)).await;
    let Requested { status, contact } = state.submit(delivery, RecipientRequest::UnsubscribeFrom(list)).await?;
    match (status, contact) {
        (RequestStatus::Done(erased), Some(contact)) => {
            let name = within(recipient::list_name(&state.installation, &Actor::recipient(), list)).await?;
            let done = name.filter(|_| erased != Erased::Nothing).map(|name| frame.about("unsubscribed-title", &name));
            let receipt = erasure_receipt::link(state, frame, draft.as_ref());
            preferences_page(state, context, delivery, contact, Shown { done, receipt, ..Shown::default() }).await
        }
        (RequestStatus::Done(_), None) => Ok(no_data(context)),
        (RequestStatus::Recorded, _) => {
            Ok(notice(context, frame.tr("recorded-title"), frame.tr("recorded-text"), None))
        }
    }
}

/// The page of a contact. Its buttons use the given delivery or, when that was deleted with its list, another one.
async fn preferences_page(
    state: &RecipientState,
    context: &PageContext,
    delivery: DeliveryRef,
    contact: Id,
    shown: Shown,
) -> Result<Response, Refusal> {
    let (frame, actor) = (context.frame, Actor::recipient());
    let reading = recipient::stored_data(&state.installation, &actor, contact, delivery);
    let Some(stored) = within(reading).await? else {
        let last_list = |title| notice(context, title, frame.tr("data-last-list"), shown.receipt);
        return Ok(shown.done.map_or_else(|| no_data(context), last_list));
    };
    let subject = Subject { workspace: stored.workspace, contact };
    let path = stored.delivery.map(|delivery| state.preferences_path(frame, delivery));
    show_page(state, context, subject, &stored.data, path, shown).await
}

/// The page of a contact who came by a link that they asked for.
async fn link_page(
    state: &RecipientState,
    context: &PageContext,
    subject: Subject,
    token: &str,
    shown: Shown,
) -> Result<Response, Refusal> {
    let data = within(preference::stored(&state.installation, &Actor::recipient(), subject)).await?;
    let path = Some(context.frame.at(&format!("/p/{token}")));
    show_page(state, context, subject, &data, path, shown).await
}

async fn show_page(
    state: &RecipientState,
    context: &PageContext,
    subject: Subject,
    stored: &SubjectData,
    action: Option<String>,
    shown: Shown,
) -> Result<Response, Refusal> {
    let frame = context.frame;
    let read = within(preference::read(&state.installation, &Actor::recipient(), subject)).await?;
    let data = StoredDataView::new(frame, &read.fields, stored);
    let intro = Message::new("data-intro").with("address", &data.address).with("day", &data.since);
    let Shown { done, mistake, hand_over, receipt: _ } = shown;
    let is_refused = mistake.is_some();
    let page = PreferencesPage {
        frame,
        title: frame.tr("data-title"),
        intro: frame.lang.translate(&intro),
        done,
        data,
        center: CenterView { mistake, hand_over, ..CenterView::new(frame, &read, stored) },
        action,
        brand: context.brand.clone(),
    };
    let shown = show_branded(&page, &context.brand);
    if !is_refused {
        return Ok(shown);
    }
    let mut response = (StatusCode::UNPROCESSABLE_ENTITY, shown).into_response();
    response.extensions_mut().insert(KeptBody);
    Ok(response)
}

fn notice(context: &PageContext, title: String, line: String, link: Option<(String, String)>) -> Response {
    let notice = Notice { link, ..Notice::new(context.frame, title, line) };
    show_branded(&notice.of(&context.brand), &context.brand)
}

fn erased(state: &RecipientState, context: &PageContext, status: RequestStatus, draft: Option<&Draft>) -> Response {
    let text = match status {
        RequestStatus::Done(_) => "erased-done",
        RequestStatus::Recorded => "erased-recorded",
    };
    let link = erasure_receipt::link(state, context.frame, draft);
    notice(context, context.frame.tr("erased-title"), context.frame.tr(text), link)
}

fn no_data(context: &PageContext) -> Response {
    notice(context, context.frame.tr("data-none-title"), context.frame.tr("data-none"), None)
}
