//! The letter in a browser, for whom it was sent to and while they are there. It is foreign content
//! on our host, so it runs in a sandbox: no scripts, no forms, an origin of its own.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{Html, IntoResponse, Response};

use super::page::{Frame, Notice, Refusal, show};
use super::state::WebState;
use super::{personal_data, unsubscribe};
use crate::campaign::launch;
use crate::infra::token::TokenPurpose;

const POLICY: &str = "sandbox; default-src 'none'; img-src * data:; style-src 'unsafe-inline'; form-action 'none'; \
                      frame-ancestors 'none'; base-uri 'none'";

/// `GET /v/{token}`
pub async fn read(
    State(app): State<Arc<WebState>>,
    frame: Frame,
    Path(token): Path<String>,
) -> Result<Response, Refusal> {
    let claim = app.installation.signer.verify(TokenPurpose::View, &token).ok_or_else(Refusal::link)?;
    if claim.delivery == personal_data::TEST {
        return Ok(unsubscribe::test_letter(frame, &unsubscribe::list_name(&app, frame, claim).await));
    }
    Ok(match app.wait(launch::view_in_browser(&app.installation, claim.campaign, claim.delivery)).await? {
        Some(html) => ([(CONTENT_SECURITY_POLICY, POLICY)], Html(html)).into_response(),
        None => show(&Notice::new(frame, frame.tr("view-gone-title"), frame.tr("view-gone"))),
    })
}
