//! View in browser: the message of a recipient as a page, while the contact exists. The message is foreign content on our
//! host, so it runs in a sandbox: no scripts, no forms, an origin of its own.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{Html, IntoResponse, Response};

use super::state::{PageContext, RecipientState};
use super::unsubscribe;
use crate::infra::token::TokenPurpose;
use crate::usecase::Actor;
use crate::usecase::recipient::{self, TEST_DELIVERY};
use crate::web::page::within;
use crate::web::page::{Frame, Notice, show_branded};
use crate::web::refusal::Refusal;

const POLICY: &str = "sandbox; default-src 'none'; img-src * data:; style-src 'unsafe-inline'; form-action 'none'; \
                      frame-ancestors 'none'; base-uri 'none'";

/// `GET /v/{token}`
pub async fn read(
    State(state): State<Arc<RecipientState>>,
    frame: Frame,
    Path(token): Path<String>,
) -> Result<Response, Refusal> {
    let delivery = state.verify(TokenPurpose::View, &token).ok_or_else(Refusal::link)?;
    if delivery.delivery == TEST_DELIVERY {
        return Ok(unsubscribe::test_message(&state.context(frame, delivery).await));
    }
    let html =
        within(recipient::view_message(&state.installation, &Actor::recipient(), &state.composers, delivery)).await?;
    Ok(match html {
        Some(html) => ([(CONTENT_SECURITY_POLICY, POLICY)], Html(html)).into_response(),
        None => {
            let PageContext { frame, brand, .. } = state.context(frame, delivery).await;
            let notice = Notice::new(frame, frame.tr("view-missing-title"), frame.tr("view-missing"));
            show_branded(&notice.of(&brand), &brand)
        }
    })
}
