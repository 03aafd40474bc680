//! Page of a link by which a user chooses a password. The sign-in that follows asks for the second factor.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use super::{EnteringState, go, refuse};
use crate::infra::error::{Kind, Message};
use crate::usecase::{Actor, account};
use crate::web::form::Form;
use crate::web::page::{Frame, Notice, show, within};
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "entering/password_link.html")]
struct PasswordPage {
    frame: Frame,
    title: String,
    greeting: String,
    token: String,
    form: Form,
}

/// `GET /password/{token}`: the form.
pub async fn ask(
    State(state): State<Arc<EnteringState>>,
    frame: Frame,
    Path(token): Path<String>,
) -> Result<Response, Refusal> {
    Ok(match within(account::find_by_link(&state.installation, &Actor::visitor(), &token)).await? {
        Some(name) => show(&page(frame, token, &name, Form::default())),
        None => invalid(frame),
    })
}

/// `POST /password/{token}`: chooses the password.
pub async fn choose(
    State(state): State<Arc<EnteringState>>,
    frame: Frame,
    Path(token): Path<String>,
    form: Form,
) -> Result<Response, Refusal> {
    let visitor = Actor::visitor();
    let Some(name) = within(account::find_by_link(&state.installation, &visitor, &token)).await? else {
        return Ok(invalid(frame));
    };
    match account::choose_password(&state.installation, &visitor, &token, form.value("password")).await {
        Ok(()) => Ok(go(&frame.at("login?done=password"))),
        Err(error) if error.kind() == Kind::Conflict => Ok(invalid(frame)),
        Err(error) => Ok(refuse(&page(frame, token, &name, form.refused(frame.lang, error)?), false)),
    }
}

fn page(frame: Frame, token: String, name: &str, form: Form) -> PasswordPage {
    let greeting = frame.lang.translate(&Message::new("password-link-greeting").with("name", name));
    PasswordPage { frame, title: frame.tr("password-link-title"), greeting, token, form }
}

fn invalid(frame: Frame) -> Response {
    show(&Notice::new(frame, frame.tr("password-link-title"), frame.tr("password-link-invalid")))
}
