//! Page of the setup: makes the first administrator, by the link that `serve` prints.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::Uri;
use axum::http::header::{HeaderMap, HeaderValue, SET_COOKIE};
use axum::response::Response;

use super::browser::Client;
use super::{EnteringState, go, go_signed_in, refuse};
use crate::access::SecretToken;
use crate::infra::error::{Kind, Result};
use crate::usecase::Actor;
use crate::usecase::setup::{self, FirstUser};
use crate::web::form::Form;
use crate::web::page::{Frame, Notice, show, within};
use crate::web::refusal::Refusal;
use crate::web::session_cookie;

/// The cookie that keeps the token of the link while the form is filled in.
const COOKIE: &str = "setup";

#[derive(Template)]
#[template(path = "entering/setup.html")]
struct SetupPage {
    frame: Frame,
    title: String,
    token: String,
    form: Form,
}

/// `GET /setup?token=…`: the form.
pub async fn ask(State(state): State<Arc<EnteringState>>, frame: Frame, uri: Uri) -> Result<Response, Refusal> {
    if within(state.is_set_up()).await? {
        return Ok(go(&frame.at("login")));
    }
    let token = token_of(&uri);
    if !within(setup::is_valid(&state.installation, &Actor::visitor(), &token)).await? {
        return Ok(invalid(frame));
    }
    let cookie = format!("{COOKIE}={token}; Path=/; Max-Age=3600; HttpOnly; SameSite=Strict");
    let mut response = show(&page(frame, token, Form::default()));
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// `POST /setup`: makes the administrator, who is signed in.
pub async fn complete(
    State(state): State<Arc<EnteringState>>,
    frame: Frame,
    uri: Uri,
    headers: HeaderMap,
    client: Client,
    form: Form,
) -> Result<Response, Refusal> {
    let kept = session_cookie::read(&headers, COOKIE).unwrap_or_default();
    let tokens = [form.value("token").to_owned(), token_of(&uri), kept];
    let token = tokens.into_iter().find(|token| SecretToken::parse(token).is_some()).unwrap_or_default();
    let first = FirstUser {
        name: form.value("name"),
        email: form.value("email"),
        password: form.value("password"),
        lang: Some(frame.lang),
    };
    match setup::complete(&state.installation, &Actor::visitor(), &token, &first, &client.browser()).await {
        Ok(entered) => Ok(go_signed_in(&frame.at("./"), &entered, &client)),
        // Also a form that was sent twice.
        Err(error) if error.kind() == Kind::Conflict => match within(state.is_set_up()).await? {
            true => Ok(go(&frame.at("login"))),
            false => Ok(invalid(frame)),
        },
        Err(error) => Ok(refuse(&page(frame, token, form.refused(frame.lang, error)?), false)),
    }
}

fn page(frame: Frame, token: String, form: Form) -> SetupPage {
    SetupPage { frame, title: frame.tr("setup-title"), token, form }
}

fn invalid(frame: Frame) -> Response {
    show(&Notice::new(frame, frame.tr("setup-title"), frame.tr("setup-link-invalid")))
}

fn token_of(uri: &Uri) -> String {
    let mut pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    pairs.find(|(name, _)| name == "token").map(|(_, value)| value.into_owned()).unwrap_or_default()
}
