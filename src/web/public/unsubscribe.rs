//! Unsubscribe page and one-click endpoint (RFC 8058). The page asks, and only the POST unsubscribes, since mailbox
//! providers fetch every link of a message. The token is all the POST needs, so its body and its other headers are
//! ignored. It is answered after the commit, and a client that disconnects before is unsubscribed all the same.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use tokio::time::timeout;

use super::state::{PageContext, RecipientState};
use crate::infra::error::{Message, Result as Outcome};
use crate::infra::token::{DeliveryRef, TokenPurpose};
use crate::privacy::erasure::Erased;
use crate::privacy::request_journal::{RecipientRequest, RequestStatus};
use crate::usecase::Actor;
use crate::usecase::recipient::{self, Requested, TEST_DELIVERY};
use crate::web::page::within;
use crate::web::page::{Frame, Notice, PageBrand, show_branded};
use crate::web::refusal::Refusal;

/// Bytes of a body that are read, so that the client reads the answer; and how long they are waited for.
const BODY_LIMIT: usize = 64 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Template)]
#[template(path = "public/unsubscribe.html")]
struct UnsubscribePage {
    frame: Frame,
    title: String,
    question: String,
    promise: String,
    action: String,
    preferences: String,
    brand: PageBrand,
}

/// `GET /u/{token}`: asks, and changes nothing.
pub async fn ask(
    State(state): State<Arc<RecipientState>>,
    frame: Frame,
    Path(token): Path<String>,
) -> Result<Response, Refusal> {
    let delivery = state.verify(TokenPurpose::Unsubscribe, &token).ok_or_else(Refusal::link)?;
    let context = state.context(frame, delivery).await;
    if delivery.delivery == TEST_DELIVERY {
        return Ok(test_message(&context));
    }
    let PageContext { frame, list, brand } = context;
    let address = within(recipient::masked_address(&state.installation, &Actor::recipient(), delivery)).await;
    let question = match address {
        Ok(Some(address)) => {
            frame.lang.translate(&Message::new("unsubscribe-ask").with("list", &list).with("address", address))
        }
        Ok(None) => return Ok(show_branded(&not_subscribed(frame, &list).of(&brand), &brand)),
        // The button works without the database, so the page must too.
        Err(_) => frame.about("unsubscribe-ask-anyone", &list),
    };
    let page = UnsubscribePage {
        frame,
        title: frame.about("unsubscribe-title", &list),
        question,
        promise: frame.tr("unsubscribe-promise"),
        action: frame.at(&format!("/u/{token}")),
        preferences: state.preferences_path(frame, delivery),
        brand: brand.clone(),
    };
    Ok(show_branded(&page, &brand))
}

/// `POST /u/{token}`: unsubscribes, and erases the data of the list.
pub async fn unsubscribe(
    State(state): State<Arc<RecipientState>>,
    frame: Frame,
    Path(token): Path<String>,
    body: Body,
) -> Result<Response, Refusal> {
    let delivery = state.verify(TokenPurpose::Unsubscribe, &token).ok_or_else(Refusal::link)?;
    // A body that is too long or never ends does not fail the request.
    let reading = timeout(BODY_TIMEOUT, axum::body::to_bytes(body, BODY_LIMIT));
    let (result, _, context) = tokio::join!(execute(&state, delivery), reading, state.context(frame, delivery));
    let Some((status, other)) = result? else {
        return Ok(test_message(&context));
    };
    let PageContext { frame, list, brand } = context;
    let mut page = unsubscribed(frame, &list, status).of(&brand);
    if let Some(other) = other {
        page.lines.push(frame.tr("unsubscribed-other-lists"));
        page.link = Some((state.preferences_path(frame, other), frame.tr("unsubscribed-see-data")));
    }
    Ok(show_branded(&page, &brand))
}

/// Unsubscribes. Returns the status, and a delivery of another list that the contact is still subscribed to; `None` for a
/// test message.
async fn execute(
    state: &Arc<RecipientState>,
    delivery: DeliveryRef,
) -> Outcome<Option<(RequestStatus, Option<DeliveryRef>)>> {
    if delivery.delivery == TEST_DELIVERY {
        return Ok(None);
    }
    let Requested { status, contact } = state.submit(delivery, RecipientRequest::Unsubscribe).await?;
    let other = match (status, contact) {
        (RequestStatus::Done(Erased::Subscription), Some(contact)) => {
            within(recipient::find_delivery(&state.installation, &Actor::recipient(), contact)).await.ok().flatten()
        }
        _ => None,
    };
    Ok(Some((status, other)))
}

fn unsubscribed(frame: Frame, list: &str, status: RequestStatus) -> Notice {
    let text = match status {
        RequestStatus::Done(_) => "unsubscribed-done",
        RequestStatus::Recorded => "unsubscribed-recorded",
    };
    Notice::new(frame, frame.about("unsubscribed-title", list), frame.tr(text))
}

fn not_subscribed(frame: Frame, list: &str) -> Notice {
    Notice::new(frame, frame.about("not-subscribed-title", list), frame.tr("not-subscribed-text"))
}

/// The page behind every token of a test message.
pub fn test_message(context: &PageContext) -> Response {
    let PageContext { frame, list, brand } = context;
    let notice = Notice::new(*frame, frame.tr("test-message-title"), frame.about("test-message-text", list));
    show_branded(&notice.of(brand), brand)
}
