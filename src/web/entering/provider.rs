//! Sign-in at the identity provider: the way there, the way back, and the code of the second factor.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::header::{HeaderMap, SET_COOKIE};
use axum::response::Response;
use serde::Deserialize;

use super::browser::Client;
use super::login::local_path;
use super::{EnteringState, go, go_signed_in, refuse};
use crate::infra::error::{Error, Kind};
use crate::usecase::Actor;
use crate::usecase::provider_sign_in::{self, Came, Reply};
use crate::web::form::Form;
use crate::web::page::{Frame, Notice, show};
use crate::web::refusal::Refusal;
use crate::web::session_cookie::DeskCookie;

#[derive(Template)]
#[template(path = "entering/provider_code.html")]
struct CodePage {
    frame: Frame,
    title: String,
    form: Form,
}

/// The query of the way there.
#[derive(Default, Deserialize)]
pub struct BeginQuery {
    /// The page that was wanted.
    #[serde(default)]
    next: String,
}

/// The query of the way back.
#[derive(Default, Deserialize)]
pub struct ReplyQuery {
    #[serde(default)]
    state: String,
    #[serde(default)]
    code: String,
    iss: Option<String>,
}

/// `GET /login/provider`: leads to the provider.
pub async fn begin(
    State(state): State<Arc<EnteringState>>,
    frame: Frame,
    headers: HeaderMap,
    client: Client,
    Query(query): Query<BeginQuery>,
) -> Result<Response, Refusal> {
    let redirect = redirect(&state, &headers);
    let begun = provider_sign_in::begin(&state.installation, &Actor::visitor(), &redirect, &query.next).await;
    match begun {
        Ok(begun) => {
            let mut response = go(&begun.url);
            let cookie = DeskCookie::Provider.set(&begun.token, client.is_https);
            response.headers_mut().append(SET_COOKIE, cookie);
            Ok(response)
        }
        Err(error) => refused(frame, error),
    }
}

/// `GET /login/provider/reply`: comes back with a code.
pub async fn complete(
    State(state): State<Arc<EnteringState>>,
    frame: Frame,
    headers: HeaderMap,
    client: Client,
    Query(query): Query<ReplyQuery>,
) -> Result<Response, Refusal> {
    let token = DeskCookie::Provider.read(&headers, client.is_https);
    let redirect = redirect(&state, &headers);
    let reply = Reply {
        token: token.as_deref(),
        state: &query.state,
        code: &query.code,
        issuer: query.iss.as_deref(),
        redirect: &redirect,
    };
    let came = provider_sign_in::complete(&state.installation, &Actor::visitor(), &reply, &client.browser()).await;
    let mut response = match came {
        Ok(Came::In(entered, next)) => go_signed_in(&frame.at(&local_path(&next)), &entered, &client),
        Ok(Came::CodeWanted(token, next)) => {
            let form = Form::of([("token", token.expose().to_owned()), ("next", next)]);
            show(&CodePage { frame, title: frame.tr("login-title"), form })
        }
        Err(error) => refused(frame, error)?,
    };
    response.headers_mut().append(SET_COOKIE, DeskCookie::Provider.clear(client.is_https));
    Ok(response)
}

/// `POST /login/provider/code`: the code of the second factor.
pub async fn confirm(
    State(state): State<Arc<EnteringState>>,
    frame: Frame,
    client: Client,
    form: Form,
) -> Result<Response, Refusal> {
    let (token, code) = (form.value("token"), form.value("code"));
    let confirmed =
        provider_sign_in::confirm(&state.installation, &Actor::visitor(), token, code, &client.browser()).await;
    match confirmed {
        Ok(entered) => Ok(go_signed_in(&frame.at(&local_path(form.value("next"))), &entered, &client)),
        Err(error) if error.kind() == Kind::Conflict => refused(frame, error),
        Err(error) => {
            let form = form.refused(frame.lang, error)?;
            let is_throttled = form.is_throttled();
            Ok(refuse(&CodePage { frame, title: frame.tr("login-title"), form }, is_throttled))
        }
    }
}

fn redirect(state: &EnteringState, headers: &HeaderMap) -> String {
    format!("{}/login/provider/reply", state.settings.desk_base(headers))
}

/// A page that says why, with the way back to the sign-in page.
fn refused(frame: Frame, error: Error) -> Result<Response, Refusal> {
    if !matches!(error.kind(), Kind::Conflict | Kind::NotFound) {
        return Err(error.into());
    }
    let line = frame.lang.translate(&error.message());
    let link = Some((frame.at("login"), frame.tr("provider-back")));
    Ok(refuse(&Notice { link, ..Notice::new(frame, frame.tr("login-title"), line) }, false))
}
