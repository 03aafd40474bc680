//! Pages by which the staff enters the desk: setup, sign-in, invitations, links to choose a password, the own account; and
//! the gate in front of all pages of the desk.

pub mod account;
pub mod browser;
pub mod gate;
pub mod invitation;
pub mod login;
pub mod password_link;
pub mod provider;
pub mod qr_code;
pub mod second_factor;
pub mod setup;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use askama::Template;
use axum::Router;
use axum::http::header::{LOCATION, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use self::browser::Client;
use super::page::{KeptBody, show};
use super::session_cookie::DeskCookie;
use super::settings::SettingsCache;
use super::state::WebState;
use crate::infra::error::Result;
use crate::infra::installation::Installation;
use crate::usecase::session::Entered;
use crate::usecase::setup as setup_usecase;

/// Seconds after which a client that was refused for too many attempts may come again.
const THROTTLED_FOR: HeaderValue = HeaderValue::from_static("900");

/// State of the pages.
pub struct EnteringState {
    /// Database, keys, clock.
    pub installation: Installation,
    /// The addresses of the installation.
    pub settings: Arc<SettingsCache>,
    is_set_up: AtomicBool,
}

impl EnteringState {
    /// The state at start.
    pub fn new(installation: Installation, settings: Arc<SettingsCache>) -> Self {
        Self { installation, settings, is_set_up: AtomicBool::new(false) }
    }

    /// Whether there is an administrator. Once there is one, there always is.
    pub async fn is_set_up(&self) -> Result<bool> {
        if self.is_set_up.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let is_done = setup_usecase::is_done(&self.installation).await?;
        self.is_set_up.store(is_done, Ordering::Relaxed);
        Ok(is_done)
    }
}

/// The routes.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/setup", get(setup::ask).post(setup::complete))
        .route("/login", get(login::ask).post(login::sign_in))
        .route("/login/provider", get(provider::begin))
        .route("/login/provider/reply", get(provider::complete))
        .route("/login/provider/code", post(provider::confirm))
        .route("/logout", post(login::sign_out))
        .route("/enter/{token}", get(login::enter_by_link))
        .route("/password/{token}", get(password_link::ask).post(password_link::choose))
        .route("/invitation/{token}", get(invitation::ask).post(invitation::accept))
        .route("/account", get(account::read))
        .route("/account/profile", post(account::change_profile))
        .route("/account/password", post(account::change_password))
        .route("/account/sessions/{id}/end", post(account::end_session))
        .route("/account/second-factor", get(second_factor::begin).post(second_factor::confirm))
        .route("/account/second-factor/remove", get(second_factor::ask_remove).post(second_factor::remove))
        .route("/account/recovery-codes", get(second_factor::ask_renew).post(second_factor::renew))
}

/// Leads to another page.
pub fn go(path: &str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, path.to_owned())]).into_response()
}

/// Leads to another page, signed in.
fn go_signed_in(path: &str, entered: &Entered, client: &Client) -> Response {
    let mut response = go(path);
    for (cookie, token) in [(DeskCookie::Session, &entered.session), (DeskCookie::Client, &entered.client)] {
        response.headers_mut().append(SET_COOKIE, cookie.set(token, client.is_https));
    }
    response
}

/// Renders a page with a form that was refused.
fn refuse(page: &impl Template, is_throttled: bool) -> Response {
    let status = if is_throttled { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::UNPROCESSABLE_ENTITY };
    let mut response = (status, show(page)).into_response();
    if is_throttled {
        response.headers_mut().insert(RETRY_AFTER, THROTTLED_FOR);
    }
    response.extensions_mut().insert(KeptBody);
    response
}
