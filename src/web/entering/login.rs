//! Sign-in page, signing out, and the link that signs in to a demo.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::Method;
use axum::http::header::SET_COOKIE;
use axum::response::Response;
use serde::Deserialize;
use url::form_urlencoded::byte_serialize;

use super::browser::Client;
use super::{EnteringState, go, go_signed_in, refuse};
use crate::infra::error::{Kind, Message};
use crate::usecase::session::{self, Attempt};
use crate::usecase::{Actor, account, provider_sign_in};
use crate::web::form::Form;
use crate::web::page::{Frame, Notice, show, within};
use crate::web::refusal::Refusal;
use crate::web::session_cookie::DeskCookie;

#[derive(Template)]
#[template(path = "entering/login.html")]
struct LoginPage {
    frame: Frame,
    title: String,
    form: Form,
    done: Option<String>,
    /// What the button that leads to the identity provider says, and where it leads.
    provider: Option<(String, String)>,
}

impl LoginPage {
    /// The page. Without an answer of the database it has no button of the provider.
    async fn new(state: &EnteringState, frame: Frame, form: Form, done: Option<String>) -> Self {
        let label = within(provider_sign_in::label(&state.installation)).await.ok().flatten();
        let provider = label.map(|label| {
            let next: String = byte_serialize(form.value("next").as_bytes()).collect();
            let said = frame.lang.translate(&Message::new("provider-button").with("label", label));
            (said, frame.at(&format!("login/provider?next={next}")))
        });
        Self { frame, title: frame.tr("login-title"), form, done, provider }
    }
}

/// The query of the page.
#[derive(Debug, Default, Deserialize)]
pub struct LoginQuery {
    /// The page that was wanted.
    #[serde(default)]
    next: String,
    /// What was done just before.
    #[serde(default)]
    done: String,
}

/// `GET /login`: the form.
pub async fn ask(
    State(state): State<Arc<EnteringState>>,
    frame: Frame,
    Query(query): Query<LoginQuery>,
    client: Client,
) -> Result<Response, Refusal> {
    if !within(state.is_set_up()).await? {
        return Ok(show(&Notice::new(frame, frame.tr("login-title"), frame.tr("login-no-setup"))));
    }
    if let Some(token) = &client.session
        && within(session::find(&state.installation, token)).await?.is_some()
    {
        return Ok(go(&frame.at(&local_path(&query.next))));
    }
    let done = match query.done.as_str() {
        "password" => Some(frame.tr("login-password-chosen")),
        "out" => Some(frame.tr("login-signed-out")),
        _ => None,
    };
    let form = Form::of([("next", query.next)]);
    Ok(show(&LoginPage::new(&state, frame, form, done).await))
}

/// `POST /login`: signs in.
pub async fn sign_in(
    State(state): State<Arc<EnteringState>>,
    frame: Frame,
    client: Client,
    form: Form,
) -> Result<Response, Refusal> {
    let attempt = Attempt {
        email: form.value("email"),
        password: form.value("password"),
        code: form.value("code"),
        browser: client.browser(),
    };
    match session::sign_in(&state.installation, &Actor::visitor(), &attempt).await {
        Ok(entered) => Ok(go_signed_in(&frame.at(&local_path(form.value("next"))), &entered, &client)),
        Err(error) => {
            let form = form.refused(frame.lang, error)?;
            let is_throttled = form.is_throttled();
            Ok(refuse(&LoginPage::new(&state, frame, form, None).await, is_throttled))
        }
    }
}

/// `POST /logout`: signs out in this browser.
pub async fn sign_out(
    State(state): State<Arc<EnteringState>>,
    frame: Frame,
    client: Client,
) -> Result<Response, Refusal> {
    if let Some(token) = &client.session {
        session::end(&state.installation, token).await?;
    }
    let mut response = go(&frame.at("login?done=out"));
    response.headers_mut().append(SET_COOKIE, DeskCookie::Session.clear(client.is_https));
    Ok(response)
}

/// `GET /enter/{token}`: signs in to a demo.
pub async fn enter_by_link(
    State(state): State<Arc<EnteringState>>,
    frame: Frame,
    method: Method,
    Path(token): Path<String>,
    client: Client,
) -> Result<Response, Refusal> {
    // Programs that look at links send HEAD.
    if method != Method::GET {
        return Ok(go(&frame.at("./")));
    }
    match account::enter_by_link(&state.installation, &Actor::visitor(), &token, &client.browser()).await {
        Ok(entered) => Ok(go_signed_in(&frame.at("./"), &entered, &client)),
        Err(error) if error.kind() == Kind::Conflict => {
            let line = frame.lang.translate(&error.message());
            Ok(show(&Notice::new(frame, frame.tr("login-title"), line)))
        }
        Err(error) => Err(error.into()),
    }
}

/// The page that was wanted, when it is one of ours: a path from the root. Otherwise the first page of the desk.
pub(super) fn local_path(wanted: &str) -> String {
    let is_local = wanted.starts_with('/')
        && wanted != "/"
        && !wanted.starts_with("//")
        && !wanted.starts_with("/login")
        && wanted.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_local { wanted.to_owned() } else { "./".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_our_own_are_followed() {
        for own in ["/w/main/people?q=a%20b", "/account"] {
            assert_eq!(local_path(own), own);
        }
        for foreign in
            ["", "/", "https://evil.example", "//evil.example", "/\\evil.example", "people", "/a\r\nb", "/login"]
        {
            assert_eq!(local_path(foreign), "./", "{foreign}");
        }
    }
}
