//! Page of an invitation to a workspace: a new user chooses name and password, one who has an account joins with it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use super::browser::Client;
use super::{EnteringState, go, go_signed_in, refuse};
use crate::infra::error::{Error, Kind, Message};
use crate::usecase::signed_in::SignedIn;
use crate::usecase::team::{self, NewAccount, OpenInvitation};
use crate::usecase::{Actor, session};
use crate::web::form::Form;
use crate::web::page::{Frame, Notice, show, within};
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "entering/invitation.html")]
struct InvitationPage {
    frame: Frame,
    title: String,
    text: String,
    token: String,
    email: String,
    /// Whether a new account is made.
    is_new: bool,
    /// The name of the user who is signed in.
    user: Option<String>,
    form: Form,
}

/// `GET /invitation/{token}`: what the invitation is to, and what to do.
pub async fn ask(
    State(state): State<Arc<EnteringState>>,
    frame: Frame,
    Path(token): Path<String>,
    client: Client,
) -> Result<Response, Refusal> {
    let Some(invitation) = within(team::open_invitation(&state.installation, &Actor::visitor(), &token)).await? else {
        return Ok(invalid(frame));
    };
    let signed_in = signed_in(&state, &client).await?;
    Ok(show(&page(frame, token, &invitation, signed_in.as_ref(), Form::default())))
}

/// `POST /invitation/{token}`: joins.
pub async fn accept(
    State(state): State<Arc<EnteringState>>,
    frame: Frame,
    Path(token): Path<String>,
    client: Client,
    form: Form,
) -> Result<Response, Refusal> {
    let visitor = Actor::visitor();
    let Some(invitation) = within(team::open_invitation(&state.installation, &visitor, &token)).await? else {
        return Ok(invalid(frame));
    };
    let signed_in = signed_in(&state, &client).await?;
    let joined = match (&signed_in, invitation.has_account) {
        (Some(user), true) => {
            team::join_as_user(&state.installation, &user.at_account(), &token).await.map(|_| go(&frame.at("./")))
        }
        (None, true) => return Ok(go(&frame.at(&format!("login?next=/invitation/{token}")))),
        (_, false) => {
            let new = NewAccount { name: form.value("name"), password: form.value("password"), lang: Some(frame.lang) };
            let joined = team::join(&state.installation, &visitor, &token, &new, &client.browser()).await;
            joined.map(|entered| go_signed_in(&frame.at("./"), &entered, &client))
        }
    };
    match joined {
        Ok(response) => Ok(response),
        Err(error) if error.kind() == Kind::Conflict => Ok(refused(frame, &error)),
        Err(error) => {
            let form = form.refused(frame.lang, error)?;
            Ok(refuse(&page(frame, token, &invitation, signed_in.as_ref(), form), false))
        }
    }
}

async fn signed_in(state: &EnteringState, client: &Client) -> Result<Option<SignedIn>, Refusal> {
    match &client.session {
        Some(token) => Ok(within(session::find(&state.installation, token)).await?),
        None => Ok(None),
    }
}

fn page(
    frame: Frame,
    token: String,
    invitation: &OpenInvitation,
    signed_in: Option<&SignedIn>,
    form: Form,
) -> InvitationPage {
    let text = Message::new("join-text")
        .with("workspace", &invitation.workspace)
        .with_message("role", Message::new(invitation.role));
    InvitationPage {
        frame,
        title: frame.lang.translate(&Message::new("join-title").with("workspace", &invitation.workspace)),
        text: frame.lang.translate(&text),
        token,
        email: invitation.email.clone(),
        is_new: !invitation.has_account,
        user: signed_in.map(|user| user.name.clone()),
        form,
    }
}

fn refused(frame: Frame, error: &Error) -> Response {
    show(&Notice::new(frame, frame.tr("join-refused"), frame.lang.translate(&error.message())))
}

fn invalid(frame: Frame) -> Response {
    show(&Notice::new(frame, frame.tr("join-refused"), frame.tr("team-invitation-invalid")))
}
