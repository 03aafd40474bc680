//! Page of an invitation: asks whether an address that was erased shall be subscribed again. Only the POST does it, since
//! mailbox providers fetch every link of a message.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use super::state::RecipientState;
use crate::infra::error::Message;
use crate::usecase::Actor;
use crate::usecase::invitation::{self, Invitation};
use crate::web::page::within;
use crate::web::page::{Frame, Notice, PageBrand, show, show_branded};
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "public/invitation.html")]
struct InvitationPage {
    frame: Frame,
    title: String,
    question: String,
    action: String,
    brand: PageBrand,
}

/// `GET /i/{token}`: asks, and changes nothing.
pub async fn ask(
    State(state): State<Arc<RecipientState>>,
    frame: Frame,
    Path(token): Path<String>,
) -> Result<Response, Refusal> {
    let opened = within(invitation::open(&state.installation, &Actor::recipient(), &token)).await?;
    let Some(invitation) = opened else { return Ok(expired(frame)) };
    let brand = PageBrand::from(&invitation.brand);
    let page = InvitationPage {
        frame,
        title: frame.about("invitation-title", &invitation.list.name),
        question: question(frame, &invitation),
        action: frame.at(&format!("/i/{token}")),
        brand: brand.clone(),
    };
    Ok(show_branded(&page, &brand))
}

/// `POST /i/{token}`: subscribes the address again.
pub async fn accept(
    State(state): State<Arc<RecipientState>>,
    frame: Frame,
    Path(token): Path<String>,
) -> Result<Response, Refusal> {
    let opened = within(invitation::open(&state.installation, &Actor::recipient(), &token)).await?;
    let Some(invitation) = opened else { return Ok(expired(frame)) };
    let wording = frame.about("invitation-wording", &invitation.list.name);
    // In a task of its own: a client that disconnects does not stop it half way.
    let accepting =
        tokio::spawn(
            async move { invitation::accept(&state.installation, &Actor::recipient(), &token, &wording).await },
        );
    match accepting.await.map_err(|_| Refusal::broken())?? {
        Some(invitation) => {
            let (list, brand) = (&invitation.list.name, PageBrand::from(&invitation.brand));
            let notice = Notice::new(frame, frame.about("invited-title", list), frame.about("invited-text", list));
            Ok(show_branded(&notice.of(&brand), &brand))
        }
        None => Ok(expired(frame)),
    }
}

fn question(frame: Frame, invitation: &Invitation) -> String {
    let question =
        Message::new("invitation-ask").with("list", &invitation.list.name).with("address", &invitation.address);
    frame.lang.translate(&question)
}

fn expired(frame: Frame) -> Response {
    show(&Notice::new(frame, frame.tr("invitation-expired-title"), frame.tr("invitation-expired-text")))
}
