//! Page of the own account: name, language, password, second factor, and the browsers that are signed in.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::browser::Client;
use super::gate::User;
use super::{EnteringState, go, go_signed_in, refuse};
use crate::infra::error::Error;
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::usecase::session::SessionRow;
use crate::usecase::signed_in::SignedIn;
use crate::usecase::{account, session};
use crate::web::form::Form;
use crate::web::page::{Frame, minute, show, within};
use crate::web::refusal::Refusal;

/// What can have been done just before, by its name in the address.
const DONE: &[(&str, &str)] = &[
    ("profile", "account-done-profile"),
    ("password", "account-done-password"),
    ("session", "account-done-session"),
    ("removed", "account-done-removed"),
];

#[derive(Template)]
#[template(path = "entering/account.html")]
struct AccountPage {
    frame: Frame,
    title: String,
    email: String,
    second_factor: bool,
    languages: Vec<Lang>,
    sessions: Vec<SessionView>,
    profile: Form,
    form: Form,
    done: Option<String>,
}

/// A session on the page.
struct SessionView {
    id: Id,
    browser: String,
    since: String,
    last_used: String,
    is_this: bool,
}

/// The query of the page.
#[derive(Debug, Default, Deserialize)]
pub struct AccountQuery {
    #[serde(default)]
    done: String,
}

/// `GET /account`.
pub async fn read(
    State(state): State<Arc<EnteringState>>,
    frame: Frame,
    User(user): User,
    Query(query): Query<AccountQuery>,
) -> Result<Response, Refusal> {
    let done = DONE.iter().find(|(name, _)| *name == query.done).map(|(_, key)| frame.tr(key));
    Ok(show(&page(&state, frame, &user, profile(&user), Form::default(), done).await?))
}

/// `POST /account/profile`: changes name and language.
pub async fn change_profile(
    State(state): State<Arc<EnteringState>>,
    frame: Frame,
    User(user): User,
    form: Form,
) -> Result<Response, Refusal> {
    let lang = form.value("language").parse::<Lang>().ok();
    match account::change_profile(&state.installation, &user.at_account(), form.value("name"), lang).await {
        Ok(()) => Ok(go(&frame.at("account?done=profile"))),
        Err(error) => {
            let form = form.refused(frame.lang, error)?;
            Ok(refuse(&page(&state, frame, &user, form, Form::default(), None).await?, false))
        }
    }
}

/// `POST /account/password`: changes the password, and signs out everywhere else.
pub async fn change_password(
    State(state): State<Arc<EnteringState>>,
    frame: Frame,
    User(user): User,
    client: Client,
    form: Form,
) -> Result<Response, Refusal> {
    let (current, new) = (form.value("current"), form.value("password"));
    let browser = client.browser();
    let changed = account::change_password(&state.installation, &user.at_account(), current, new, &browser).await;
    match changed {
        Ok(entered) => Ok(go_signed_in(&frame.at("account?done=password"), &entered, &client)),
        Err(error) => show_refused(&state, frame, &user, form, error).await,
    }
}

/// `POST /account/sessions/{id}/end`: signs another browser out.
pub async fn end_session(
    State(state): State<Arc<EnteringState>>,
    frame: Frame,
    User(user): User,
    Path(id): Path<Id>,
) -> Result<Response, Refusal> {
    match session::end_other(&state.installation, &user.at_account(), id).await {
        // One that has ended meanwhile is what was wanted.
        Ok(()) | Err(Error::NotFound(_)) => Ok(go(&frame.at("account?done=session"))),
        Err(error) => Err(error.into()),
    }
}

async fn show_refused(
    state: &EnteringState,
    frame: Frame,
    user: &SignedIn,
    form: Form,
    error: Error,
) -> Result<Response, Refusal> {
    let form = form.refused(frame.lang, error)?;
    let is_throttled = form.is_throttled();
    Ok(refuse(&page(state, frame, user, profile(user), form, None).await?, is_throttled))
}

fn profile(user: &SignedIn) -> Form {
    let language = user.lang.map_or("", Lang::as_str).to_owned();
    Form::of([("name", user.name.clone()), ("language", language)])
}

async fn page(
    state: &EnteringState,
    frame: Frame,
    user: &SignedIn,
    profile: Form,
    form: Form,
    done: Option<String>,
) -> Result<AccountPage, Refusal> {
    let sessions = within(session::list(&state.installation, &user.at_account())).await?;
    let view = |row: SessionRow| SessionView {
        id: row.id,
        browser: if row.browser.is_empty() { frame.tr("account-browser-unknown") } else { row.browser },
        since: minute(row.since),
        last_used: minute(row.last_used),
        is_this: row.id == user.session,
    };
    Ok(AccountPage {
        frame,
        title: frame.tr("account-title"),
        email: user.email.clone(),
        second_factor: user.second_factor,
        languages: Lang::ALL.to_vec(),
        sessions: sessions.into_iter().map(view).collect(),
        profile,
        form,
        done,
    })
}
