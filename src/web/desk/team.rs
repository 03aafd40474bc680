//! Page of the team: who may enter the workspace and what they are there, invitations by a link, grants to the support.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::header::HeaderMap;
use axum::response::Response;

use super::DeskState;
use super::visit::{Key, Visit};
use crate::infra::clock::Millis;
use crate::infra::error::{Error, Message};
use crate::infra::id::Id;
use crate::usecase::team::{self, Invited, Member};
use crate::usecase::{Action, Role};
use crate::web::form::Form;
use crate::web::page::minute;
use crate::web::refusal::Refusal;
use crate::web::settings::SettingsCache;

#[derive(Template)]
#[template(path = "desk/team.html")]
struct TeamPage {
    visit: Visit,
    title: String,
    form: Form,
    roles: &'static [Role],
    members: Vec<MemberRow>,
    invitations: Vec<InvitationRow>,
    /// The sentence and the link of an invitation that was just made.
    invited: Option<(String, String)>,
}

struct MemberRow {
    id: Id,
    name: String,
    email: String,
    role: Role,
    /// The last day of a grant to the support.
    until: String,
    second_factor: bool,
    last_seen: String,
    is_self: bool,
}

struct InvitationRow {
    id: Id,
    email: String,
    role: String,
    expires: String,
}

/// `GET /settings/team`
pub async fn list(State(desk): State<Arc<DeskState>>, visit: Visit) -> Result<Response, Refusal> {
    let page = page(&desk, visit, Form::default(), None).await?;
    Ok(page.visit.show(&page))
}

/// `POST /settings/team/invite`: makes the link of an invitation and shows it, once.
pub async fn invite(
    State(desk): State<Arc<DeskState>>,
    State(settings): State<Arc<SettingsCache>>,
    headers: HeaderMap,
    visit: Visit,
    form: Form,
) -> Result<Response, Refusal> {
    let invited = match role_of(&form) {
        Ok((role, until)) => team::invite(&desk.installation, &visit.actor, form.value("email"), role, until).await,
        Err(error) => Err(error),
    };
    match invited {
        Ok(invited) => {
            let url = format!("{}/invitation/{}", settings.desk_base(&headers), invited.token.expose());
            let said = visit.say(&Message::new("team-invited").with("address", form.value("email").trim()));
            let page = page(&desk, visit, Form::default(), Some((said, url))).await?;
            Ok(page.visit.show(&page))
        }
        Err(error) => refused(&desk, visit, form, error).await,
    }
}

/// `POST /settings/team/invitations/{id}/withdraw`
pub async fn withdraw(State(desk): State<Arc<DeskState>>, visit: Visit, Key(id): Key) -> Result<Response, Refusal> {
    team::withdraw(&desk.installation, &visit.actor, id).await?;
    Ok(visit.go("settings/team", "removed"))
}

/// `POST /settings/team/{id}/role`
pub async fn set_role(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let changed = match role_of(&form) {
        Ok((role, until)) => team::set_role(&desk.installation, &visit.actor, id, role, until).await,
        Err(error) => Err(error),
    };
    match changed {
        Ok(()) => Ok(visit.go("settings/team", "saved")),
        Err(error) => refused(&desk, visit, Form::default(), error).await,
    }
}

/// `POST /settings/team/{id}/remove`
pub async fn remove(State(desk): State<Arc<DeskState>>, visit: Visit, Key(id): Key) -> Result<Response, Refusal> {
    match team::remove(&desk.installation, &visit.actor, id).await {
        Ok(()) => {
            desk.notify_erased();
            Ok(visit.go("settings/team", "removed"))
        }
        Err(error) => refused(&desk, visit, Form::default(), error).await,
    }
}

async fn refused(desk: &DeskState, visit: Visit, form: Form, error: Error) -> Result<Response, Refusal> {
    if matches!(error, Error::NotFound(_)) {
        return Err(error.into());
    }
    let form = form.refused(visit.frame.lang, error)?;
    let page = page(desk, visit, form, None).await?;
    Ok(page.visit.refuse(&page))
}

/// The role of a form, and the end of a grant to the support.
fn role_of(form: &Form) -> Result<(Role, Option<Millis>), Error> {
    let role = Role::parse_member(form.value("role"))?;
    // The field of the day stands beside every role; it counts for one.
    let day = form.given("until").filter(|_| role == Role::Support);
    Ok((role, day.map(team::parse_until).transpose()?))
}

async fn page(
    desk: &DeskState,
    visit: Visit,
    form: Form,
    invited: Option<(String, String)>,
) -> Result<TeamPage, Refusal> {
    let team = team::list(&desk.installation, &visit.actor).await?;
    let own = visit.actor.user;
    let member = |one: Member| MemberRow {
        id: one.user,
        name: one.name,
        email: one.email,
        role: one.role,
        until: one.granted_until.map(last_day).unwrap_or_default(),
        second_factor: one.second_factor,
        last_seen: one.last_seen.map_or_else(|| "–".to_owned(), minute),
        is_self: own == Some(one.user),
    };
    let invitation = |one: Invited| InvitationRow {
        id: one.id,
        email: one.email,
        role: visit.tr(one.role.key()),
        expires: minute(one.expires),
    };
    let invitations = team.invitations.into_iter().map(invitation).collect();
    let members = team.members.into_iter().map(member).collect();
    let title = visit.tr("team-title");
    Ok(TeamPage { title, form, roles: Role::OF_MEMBERS, members, invitations, invited, visit })
}

/// The last whole day before the end of a grant.
fn last_day(until: Millis) -> String {
    minute(until - 1).chars().take(10).collect()
}
