//! Pictures of emails for the mail programs of recipients: cached without end, since a picture never changes.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use axum::response::{IntoResponse, Response};

use super::state::RecipientState;
use crate::usecase::picture;
use crate::web::page::within;
use crate::web::refusal::Refusal;

/// Lets pages of web mail show the picture.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// `GET /m/{path}`
pub async fn read(State(state): State<Arc<RecipientState>>, Path(path): Path<String>) -> Result<Response, Refusal> {
    let (kind, bytes) = within(picture::read(&state.installation, &path)).await?;
    let headers = [
        (CONTENT_TYPE, kind.media_type()),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (RESOURCE_POLICY, "cross-origin"),
    ];
    Ok((headers, bytes).into_response())
}
