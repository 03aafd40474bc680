//! Page of the users of the installation, for administrators: their roles, a link to choose a new password, their sessions.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::header::HeaderMap;
use axum::response::Response;

use super::DeskState;
use super::listing::{self, Shape};
use super::visit::{Key, Visit};
use crate::infra::error::{Error, Message};
use crate::infra::id::Id;
use crate::usecase::user::{self, AddUser, UserLink, UserRow};
use crate::usecase::{Action, Role};
use crate::web::form::Form;
use crate::web::page::minute;
use crate::web::refusal::Refusal;
use crate::web::settings::SettingsCache;

#[derive(Template)]
#[template(path = "desk/users.html")]
struct UsersPage {
    visit: Visit,
    title: String,
    form: Form,
    rows: Vec<RowView>,
    /// The sentence and the link by which somebody chooses a password.
    link: Option<(String, String)>,
}

/// A user on the page.
struct RowView {
    id: Id,
    row: UserRow,
    last_seen: String,
    /// Workspaces with the roles there.
    roles: Vec<(String, String)>,
    /// The browsers that are signed in: key, name, since, last use.
    sessions: Vec<(Id, String, String, String)>,
    is_self: bool,
}

/// `GET /settings/users`
pub async fn list(State(desk): State<Arc<DeskState>>, visit: Visit, shape: Shape) -> Result<Response, Refusal> {
    if shape != Shape::Page {
        let rows = user::list(&desk.installation, &visit.actor).await?;
        return Ok(listing::rows(&visit, shape, "users", &rows));
    }
    let page = page(&desk, visit, Form::default(), None).await?;
    Ok(page.visit.show(&page))
}

/// `POST /settings/users/add`: adds somebody, with a role in this workspace or as an administrator, and shows the link once.
pub async fn add(
    State(desk): State<Arc<DeskState>>,
    State(settings): State<Arc<SettingsCache>>,
    headers: HeaderMap,
    visit: Visit,
    form: Form,
) -> Result<Response, Refusal> {
    let role = form.given("role").and_then(|role| role.parse::<Role>().ok());
    let administrator = role.is_none();
    let new = AddUser {
        email: form.value("email"),
        name: form.value("name"),
        role,
        granted_until: None,
        administrator,
        lang: None,
    };
    let added = user::add(&desk.installation, &visit.actor, &new).await;
    answer(&desk, visit, &settings, &headers, form, added).await
}

/// `POST /settings/users/{id}/reset`: a link to choose a new password; with `second-factor` the second factor is removed.
pub async fn reset(
    State(desk): State<Arc<DeskState>>,
    State(settings): State<Arc<SettingsCache>>,
    headers: HeaderMap,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let email = email_of(&desk, &visit, id).await?;
    let made = user::reset(&desk.installation, &visit.actor, &email, form.has("second-factor")).await;
    answer(&desk, visit, &settings, &headers, Form::default(), made).await
}

/// `POST /settings/users/{id}/sessions`: ends the session of the field `session`, or all sessions of a user.
pub async fn end_sessions(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let email = email_of(&desk, &visit, id).await?;
    match form.given("session") {
        Some(session) => {
            let session = session.parse().map_err(|_| Refusal::unknown())?;
            match user::end_session(&desk.installation, &visit.actor, &email, session).await {
                // One that has ended meanwhile is what was wanted.
                Ok(()) | Err(Error::NotFound(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        None => drop(user::end_sessions(&desk.installation, &visit.actor, &email).await?),
    }
    Ok(visit.go("settings/users", "saved"))
}

/// `POST /settings/users/{id}/administrator`: makes a user an administrator, or no longer.
pub async fn set_administrator(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let email = email_of(&desk, &visit, id).await?;
    let done = user::set_administrator(&desk.installation, &visit.actor, &email, form.is("is", "yes")).await;
    finish(&desk, visit, done, "saved").await
}

/// `POST /settings/users/{id}/remove`: erases a user once their address was typed.
pub async fn remove(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let email = email_of(&desk, &visit, id).await?;
    let done = match form.value("confirm").trim().eq_ignore_ascii_case(&email) {
        true => user::remove(&desk.installation, &visit.actor, &email).await.map(drop),
        false => Err(Message::new("desk-person-erase-other").conflict()),
    };
    finish(&desk, visit, done, "removed").await
}

async fn finish(
    desk: &DeskState,
    visit: Visit,
    done: Result<(), Error>,
    said: &'static str,
) -> Result<Response, Refusal> {
    match done {
        Ok(()) => Ok(visit.go("settings/users", said)),
        Err(error) => {
            let form = Form::default().refused(visit.frame.lang, error)?;
            let page = page(desk, visit, form, None).await?;
            Ok(page.visit.refuse(&page))
        }
    }
}

async fn answer(
    desk: &DeskState,
    visit: Visit,
    settings: &SettingsCache,
    headers: &HeaderMap,
    form: Form,
    made: Result<UserLink, Error>,
) -> Result<Response, Refusal> {
    match made {
        Ok(made) => {
            let url = format!("{}/password/{}", settings.desk_base(headers), made.token.expose());
            let said = visit.say(&Message::new("desk-users-link").with("address", made.email.expose()));
            let page = page(desk, visit, Form::default(), Some((said, url))).await?;
            Ok(page.visit.show(&page))
        }
        Err(error) => {
            let form = form.refused(visit.frame.lang, error)?;
            let page = page(desk, visit, form, None).await?;
            Ok(page.visit.refuse(&page))
        }
    }
}

async fn email_of(desk: &DeskState, visit: &Visit, id: Id) -> Result<String, Refusal> {
    let rows = user::list(&desk.installation, &visit.actor).await?;
    rows.into_iter().find(|row| row.id == id).map(|row| row.email).ok_or_else(Refusal::unknown)
}

async fn page(
    desk: &DeskState,
    visit: Visit,
    form: Form,
    link: Option<(String, String)>,
) -> Result<UsersPage, Refusal> {
    let own = visit.actor.user;
    let unknown = visit.tr("account-browser-unknown");
    let row = |row: UserRow| RowView {
        id: row.id,
        sessions: row
            .sessions
            .iter()
            .map(|one| {
                let browser = if one.browser.is_empty() { unknown.clone() } else { one.browser.clone() };
                (one.id, browser, minute(one.since), minute(one.last_used))
            })
            .collect(),
        last_seen: row.last_seen.map_or_else(|| "—".to_owned(), minute),
        roles: row.roles.iter().map(|role| (role.workspace.clone(), visit.tr(role.role.key()))).collect(),
        is_self: own == Some(row.id),
        row,
    };
    let rows = user::list(&desk.installation, &visit.actor).await?.into_iter().map(row).collect();
    Ok(UsersPage { title: visit.tr("desk-users"), form, rows, link, visit })
}
