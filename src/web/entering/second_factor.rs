//! Pages of the second factor: set it up, renew its recovery codes, remove it.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::gate::User;
use super::qr_code;
use super::{EnteringState, go, refuse};
use crate::usecase::account::{self, PendingFactor};
use crate::web::form::Form;
use crate::web::page::{Frame, show, within};
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "entering/second_factor.html")]
struct FactorPage {
    frame: Frame,
    title: String,
    pending: PendingFactor,
    /// The QR code: the length of its side and its path.
    qr: Option<(i32, String)>,
    form: Form,
}

#[derive(Template)]
#[template(path = "entering/recovery_codes.html")]
struct CodesPage {
    frame: Frame,
    title: String,
    codes: Vec<String>,
}

/// Asks for password and code before something is done.
#[derive(Template)]
#[template(path = "entering/confirm.html")]
struct ConfirmPage {
    frame: Frame,
    title: String,
    text: String,
    action: &'static str,
    button: String,
    form: Form,
}

/// `GET /account/second-factor`: a new secret.
pub async fn begin(
    State(state): State<Arc<EnteringState>>,
    frame: Frame,
    User(user): User,
) -> Result<Response, Refusal> {
    if user.second_factor {
        return Ok(go(&frame.at("account")));
    }
    let pending = within(account::begin_second_factor(&state.installation, &user.at_account())).await?;
    Ok(show(&factor_page(frame, pending, Form::default())))
}

/// `POST /account/second-factor`: sets it up, and shows the recovery codes.
pub async fn confirm(
    State(state): State<Arc<EnteringState>>,
    frame: Frame,
    User(user): User,
    form: Form,
) -> Result<Response, Refusal> {
    let (installation, actor, sealed) = (&state.installation, user.at_account(), form.value("sealed"));
    let confirmed =
        account::confirm_second_factor(installation, &actor, sealed, form.value("current"), form.value("code")).await;
    match confirmed {
        Ok(codes) => Ok(show(&codes_page(frame, codes))),
        Err(error) => {
            let pending = within(account::reopen_second_factor(installation, &actor, sealed)).await?;
            let form = form.refused(frame.lang, error)?;
            let is_throttled = form.is_throttled();
            Ok(refuse(&factor_page(frame, pending, form), is_throttled))
        }
    }
}

/// `GET /account/second-factor/remove`: asks.
pub async fn ask_remove(frame: Frame, User(_): User) -> Response {
    show(&remove_page(frame, Form::default()))
}

/// `POST /account/second-factor/remove`: removes it.
pub async fn remove(
    State(state): State<Arc<EnteringState>>,
    frame: Frame,
    User(user): User,
    form: Form,
) -> Result<Response, Refusal> {
    let (current, code) = (form.value("current"), form.value("code"));
    let actor = user.at_account();
    match account::remove_second_factor(&state.installation, &actor, current, code).await {
        Ok(()) => Ok(go(&frame.at("account?done=removed"))),
        Err(error) => {
            let form = form.refused(frame.lang, error)?;
            let is_throttled = form.is_throttled();
            Ok(refuse(&remove_page(frame, form), is_throttled))
        }
    }
}

/// `GET /account/recovery-codes`: asks.
pub async fn ask_renew(frame: Frame, User(_): User) -> Response {
    show(&renew_page(frame, Form::default()))
}

/// `POST /account/recovery-codes`: makes new ones, and shows them.
pub async fn renew(
    State(state): State<Arc<EnteringState>>,
    frame: Frame,
    User(user): User,
    form: Form,
) -> Result<Response, Refusal> {
    let (current, code) = (form.value("current"), form.value("code"));
    let actor = user.at_account();
    match account::renew_recovery_codes(&state.installation, &actor, current, code).await {
        Ok(codes) => Ok(show(&codes_page(frame, codes))),
        Err(error) => {
            let form = form.refused(frame.lang, error)?;
            let is_throttled = form.is_throttled();
            Ok(refuse(&renew_page(frame, form), is_throttled))
        }
    }
}

fn factor_page(frame: Frame, pending: PendingFactor, form: Form) -> FactorPage {
    let qr = qr_code::path(&pending.uri);
    FactorPage { frame, title: frame.tr("second-factor-title"), pending, qr, form }
}

fn codes_page(frame: Frame, codes: Vec<String>) -> CodesPage {
    CodesPage { frame, title: frame.tr("recovery-codes-title"), codes }
}

fn remove_page(frame: Frame, form: Form) -> ConfirmPage {
    ConfirmPage {
        frame,
        title: frame.tr("second-factor-remove-title"),
        text: frame.tr("second-factor-remove-text"),
        action: "account/second-factor/remove",
        button: frame.tr("second-factor-remove-title"),
        form,
    }
}

fn renew_page(frame: Frame, form: Form) -> ConfirmPage {
    ConfirmPage {
        frame,
        title: frame.tr("recovery-codes-renew-title"),
        text: frame.tr("recovery-codes-renew-text"),
        action: "account/recovery-codes",
        button: frame.tr("recovery-codes-renew-title"),
        form,
    }
}
