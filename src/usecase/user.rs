//! Users of the installation, managed by the operator: add, list, remove, let choose a new password, list and end sessions.

use serde::Serialize;

use super::contact::remove_bytes;
use super::output::{optional_time, time};
use super::session::SessionRow;
use super::{Action, Actor, NO_WORKSPACE, Role};
use crate::access::membership::{self, MembershipRow};
use crate::access::setup_link::{self, LinkPurpose};
use crate::access::user::{self, NewUser, User};
use crate::access::{SecretToken, known_client, session, staff_invitation};
use crate::audience::workspace;
use crate::campaign::revision;
use crate::infra::clock::Millis;
use crate::infra::db::{Conn, lock_configuration};
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::setting::{self, Setting};
use crate::privacy::correction_log;
use crate::privacy::physical_erasure::Urgency;

/// Where `serve` shows the desk unless it is told otherwise.
const USUAL_DESK: &str = "http://127.0.0.1:8025";

/// A user to be added.
#[derive(Debug)]
pub struct AddUser<'a> {
    /// The address.
    pub email: &'a str,
    /// The name.
    pub name: &'a str,
    /// The role in the workspace of the actor; none for an administrator without one.
    pub role: Option<Role>,
    /// When a grant to the support ends.
    pub granted_until: Option<Millis>,
    /// True for an administrator of the installation.
    pub administrator: bool,
    /// The language of their pages.
    pub lang: Option<Lang>,
}

/// A user who was added, or may choose a new password.
#[derive(Debug)]
pub struct UserLink {
    /// The user.
    pub user: Id,
    /// The address; prints masked.
    pub email: crate::audience::address::Address,
    /// The token of the link by which they choose a password.
    pub token: SecretToken,
    /// When the link ends.
    pub expires: Millis,
}

/// A user, as the operator sees them.
#[derive(Debug, Serialize)]
pub struct UserRow {
    /// The user, for pages.
    #[serde(skip)]
    pub id: Id,
    /// The full address.
    pub email: String,
    /// The name.
    pub name: String,
    /// True for an administrator of the installation.
    pub administrator: bool,
    /// True once a password was chosen.
    pub active: bool,
    /// Whether the second factor is set up.
    pub second_factor: bool,
    /// The roles.
    pub roles: Vec<RoleRow>,
    /// The browsers in which they are signed in, for pages.
    #[serde(skip)]
    pub sessions: Vec<SessionRow>,
    /// When the user last used the desk.
    #[serde(serialize_with = "optional_time")]
    pub last_seen: Option<Millis>,
    /// When the user was added.
    #[serde(serialize_with = "time")]
    pub added: Millis,
}

/// A role of a user.
#[derive(Debug, Serialize)]
pub struct RoleRow {
    /// The name of the workspace.
    pub workspace: String,
    /// The role.
    #[serde(serialize_with = "role")]
    pub role: Role,
    /// When a grant to the support ends.
    #[serde(serialize_with = "optional_time")]
    pub until: Option<Millis>,
}

fn role<S: serde::Serializer>(role: &Role, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(role.as_str())
}

/// A user who was removed.
#[derive(Debug, Serialize)]
pub struct RemovedUser {
    /// Always true.
    pub removed: bool,
    /// False when bytes of the row may still be in free pages of the database; the next run removes them.
    pub scrubbed: bool,
    /// What is to be said about them.
    #[serde(skip)]
    pub pending: Option<Message>,
    /// The address; prints masked.
    #[serde(skip)]
    pub email: crate::audience::address::Address,
}

/// Adds a user, who chooses a password by the link that this returns.
///
/// # Errors
///
/// `Invalid` for a field, also for an address that another user has.
pub async fn add(installation: &Installation, actor: &Actor, new: &AddUser<'_>) -> Result<UserLink> {
    let permit = actor.permit(installation, Action::AddUser).await?.begin(installation).await?;
    let name = user::check_name(new.name)?;
    let email = user::parse_email(new.email)?;
    let (id, now) = (installation.ids.next()?, installation.clock.now());
    let mut tx = installation.db.write().await?;
    let row = NewUser { id, email: &email, name, password: "", administrator: new.administrator, lang: new.lang };
    user::insert(&mut tx, &row, now).await?;
    if let Some(role) = new.role
        && permit.workspace != NO_WORKSPACE
    {
        super::team::check_grant(role, new.granted_until, now)?;
        let row = MembershipRow { user: id, workspace: permit.workspace, role, granted_until: new.granted_until };
        membership::set(&mut tx, &row, now).await?;
    }
    let token = setup_link::add(&mut tx, LinkPurpose::Password, Some(id), now).await?;
    tx.commit().await?;
    permit.audit(id).await;
    Ok(UserLink { user: id, email, token, expires: now + LinkPurpose::Password.term() })
}

/// All users with their roles.
pub async fn list(installation: &Installation, actor: &Actor) -> Result<Vec<UserRow>> {
    let permit = actor.permit(installation, Action::ListUsers).await?;
    let mut conn = installation.db.read().await?;
    let workspaces = workspace::all(&mut conn).await?;
    let mut rows = Vec::new();
    for user in user::all(installation, &mut conn).await? {
        let memberships = membership::of_user(&mut conn, user.id).await?;
        let sessions = session::of_user(&mut conn, user.id, installation.clock.now()).await?;
        let role_of = |workspace: &workspace::Workspace| {
            let row = memberships.iter().find(|row| row.workspace == workspace.id)?;
            Some(RoleRow { workspace: workspace.name.clone(), role: row.role, until: row.granted_until })
        };
        rows.push(UserRow {
            id: user.id,
            email: user.email.expose(),
            name: user.name,
            administrator: user.administrator,
            active: !user.password.is_empty(),
            second_factor: user.second_factor.is_some(),
            roles: workspaces.iter().filter_map(role_of).collect(),
            sessions: sessions.into_iter().map(SessionRow::from).collect(),
            last_seen: user.last_seen_at,
            added: user.created_at,
        });
    }
    permit.audit(None).await;
    Ok(rows)
}

/// Makes a user an administrator of the installation, or no longer.
///
/// # Errors
///
/// `Conflict` for the last administrator.
pub async fn set_administrator(installation: &Installation, actor: &Actor, email: &str, is_one: bool) -> Result<()> {
    let permit = actor.permit(installation, Action::AddUser).await?.begin(installation).await?;
    let mut tx = installation.db.write().await?;
    let user = need(installation, &mut tx, email).await?;
    if !is_one {
        ensure_other_administrator(&mut tx, &user).await?;
    }
    user::set_administrator(&mut tx, user.id, is_one).await?;
    tx.commit().await?;
    permit.audit(user.id).await;
    Ok(())
}

/// Removes a user: nothing of them is kept but the ids in the audit log.
///
/// # Errors
///
/// `Conflict` for the last administrator.
pub async fn remove(installation: &Installation, actor: &Actor, email: &str) -> Result<RemovedUser> {
    let permit = actor.permit(installation, Action::RemoveUser).await?.begin(installation).await?;
    let mut tx = installation.db.write().await?;
    let user = need(installation, &mut tx, email).await?;
    ensure_other_administrator(&mut tx, &user).await?;
    erase(installation, &mut tx, &user).await?;
    tx.commit().await?;
    let pending = remove_bytes(installation, Urgency::Usual).await;
    permit.audit(user.id).await;
    Ok(RemovedUser { removed: true, scrubbed: pending.is_none(), pending, email: user.email })
}

/// Makes a link by which a user chooses a new password. What they have stays until then; with `second_factor` the second
/// factor is removed at once, for somebody who lost their phone and their recovery codes.
pub async fn reset(installation: &Installation, actor: &Actor, email: &str, second_factor: bool) -> Result<UserLink> {
    let permit = actor.permit(installation, Action::ResetUser).await?.begin(installation).await?;
    let now = installation.clock.now();
    let mut tx = installation.db.write().await?;
    let user = need(installation, &mut tx, email).await?;
    if second_factor {
        user::set_second_factor(installation, &mut tx, user.id, None).await?;
        session::forget(&mut tx, user.id).await?;
    }
    setup_link::forget(&mut tx, user.id).await?;
    let token = setup_link::add(&mut tx, LinkPurpose::Password, Some(user.id), now).await?;
    tx.commit().await?;
    permit.audit(user.id).await;
    Ok(UserLink { user: user.id, email: user.email, token, expires: now + LinkPurpose::Password.term() })
}

/// The sessions of a user.
pub async fn sessions(installation: &Installation, actor: &Actor, email: &str) -> Result<Vec<SessionRow>> {
    let permit = actor.permit(installation, Action::ManageSessions).await?.begin(installation).await?;
    let mut conn = installation.db.read().await?;
    let user = need(installation, &mut conn, email).await?;
    let sessions = session::of_user(&mut conn, user.id, installation.clock.now()).await?;
    permit.audit(user.id).await;
    Ok(sessions.into_iter().map(SessionRow::from).collect())
}

/// Ends one session of a user.
///
/// # Errors
///
/// `NotFound` when there is none.
pub async fn end_session(installation: &Installation, actor: &Actor, email: &str, id: Id) -> Result<()> {
    let permit = actor.permit(installation, Action::ManageSessions).await?.begin(installation).await?;
    let mut tx = installation.db.write().await?;
    let user = need(installation, &mut tx, email).await?;
    if !session::end_of_user(&mut tx, user.id, id).await? {
        return Err(Message::new("session-unknown").not_found());
    }
    tx.commit().await?;
    permit.audit(user.id).await;
    Ok(())
}

/// Ends all sessions of a user. Returns how many there were.
pub async fn end_sessions(installation: &Installation, actor: &Actor, email: &str) -> Result<u64> {
    let permit = actor.permit(installation, Action::ManageSessions).await?.begin(installation).await?;
    let mut tx = installation.db.write().await?;
    let user = need(installation, &mut tx, email).await?;
    let ended = session::forget(&mut tx, user.id).await?;
    known_client::forget(&mut tx, user.id).await?;
    tx.commit().await?;
    permit.audit(user.id).await;
    Ok(ended)
}

/// The base of links to the desk, without a slash at the end, for an interface that is not the desk itself.
pub async fn desk_url(installation: &Installation) -> Result<String> {
    let set = setting::get(&mut *installation.db.read().await?, Setting::DeskUrl).await?;
    Ok(if set.is_empty() { USUAL_DESK.to_owned() } else { set })
}

/// Deletes a user and everything that belongs to them. The bytes are removed after the commit.
pub(super) async fn erase(installation: &Installation, conn: &mut Conn, user: &User) -> Result<()> {
    session::forget(conn, user.id).await?;
    known_client::forget(conn, user.id).await?;
    setup_link::forget(conn, user.id).await?;
    membership::forget(conn, user.id).await?;
    revision::forget_user(conn, user.id).await?;
    staff_invitation::forget(conn, &user.email).await?;
    user::delete(conn, user.id).await?;
    correction_log::record(installation, conn, NO_WORKSPACE, None).await
}

/// The user with this address.
pub(super) async fn need(installation: &Installation, conn: &mut Conn, email: &str) -> Result<User> {
    let address = user::parse_email(email)?;
    let found = user::find_by_email(installation, conn, &address.canonical()).await?;
    found.ok_or_else(|| Message::new("user-unknown").with("address", &address).not_found())
}

async fn ensure_other_administrator(conn: &mut Conn, user: &User) -> Result<()> {
    lock_configuration(conn).await?;
    let is_active = user.administrator && !user.password.is_empty();
    if is_active && user::count_administrators(conn).await? < 2 {
        return Err(last_administrator());
    }
    Ok(())
}

fn last_administrator() -> Error {
    Message::new("user-last-administrator").conflict()
}
