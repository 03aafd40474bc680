//! The receipt of an erasure: the link on the page that says somebody is erased, and the file behind it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use super::state::RecipientState;
use crate::usecase::Actor;
use crate::usecase::erasure_receipt::{self, Draft};
use crate::usecase::preference::{self, Entry, Subject};
use crate::web::page::{Frame, within};
use crate::web::refusal::Refusal;

/// How long an erasure waits for what its receipt names. It goes on without a receipt then.
const DRAFT_TIMEOUT: Duration = Duration::from_millis(500);

/// What the receipt of somebody who is about to be erased names.
pub async fn draft_of(state: &RecipientState, subject: Subject) -> Option<Draft> {
    let actor = Actor::recipient();
    let draft = erasure_receipt::draft(&state.installation, &actor, subject);
    timeout(DRAFT_TIMEOUT, draft).await.ok()?.ok()?
}

/// [`draft_of`] the person who came by the token of a message.
pub async fn draft_at(state: &RecipientState, entry: Entry<'_>) -> Option<Draft> {
    let actor = Actor::recipient();
    let find = preference::find(&state.installation, &actor, entry);
    let subject = timeout(DRAFT_TIMEOUT, find).await.ok()?.ok()??;
    draft_of(state, subject).await
}

/// Path and label of the link to the receipt.
pub fn link(state: &RecipientState, frame: Frame, draft: Option<&Draft>) -> Option<(String, String)> {
    let number = erasure_receipt::number(&state.installation, draft?);
    Some((frame.at(&format!("/e/{number}")), frame.tr("erasure-receipt-link")))
}

/// `GET /e/{number}`: the receipt as a text file.
pub async fn download(
    State(state): State<Arc<RecipientState>>,
    frame: Frame,
    Path(number): Path<String>,
) -> Result<Response, Refusal> {
    let actor = Actor::recipient();
    let text = erasure_receipt::read(&state.installation, &actor, &number, frame.lang);
    let text = within(text).await?.ok_or_else(Refusal::link)?;
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"erasure-receipt.txt\""),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, text).into_response())
}
