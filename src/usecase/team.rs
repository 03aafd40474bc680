//! The team of a workspace, managed by its owner: who may enter and what they are there, invitations by a link, grants to the
//! support until a date.

use serde::Serialize;

use super::contact::remove_bytes;
use super::session::{self, Browser, Entered};
use super::user::erase;
use super::{Action, Actor, Role};
use crate::access::membership::{self, MembershipRow};
use crate::access::staff_invitation::{self, NewStaffInvitation};
use crate::access::user::{self, NewUser, User};
use crate::access::{SecretToken, password};
use crate::audience::address::Address;
use crate::audience::workspace;
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::{Conn, lock_configuration};
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::privacy::physical_erasure::Urgency;

/// The longest grant to the support.
const LONGEST_GRANT: Millis = 90 * DAY;

/// Who may enter a workspace, and who is invited.
#[derive(Debug)]
pub struct Team {
    /// The members, by name.
    pub members: Vec<Member>,
    /// The invitations that were not accepted yet.
    pub invitations: Vec<Invited>,
}

/// A member of a workspace.
#[derive(Debug)]
pub struct Member {
    /// The user.
    pub user: Id,
    /// The name.
    pub name: String,
    /// The full address.
    pub email: String,
    /// The role.
    pub role: Role,
    /// When a grant to the support ends, or ended.
    pub granted_until: Option<Millis>,
    /// Whether the second factor is set up.
    pub second_factor: bool,
    /// When the user last used the desk.
    pub last_seen: Option<Millis>,
}

/// An invitation that was not accepted yet.
#[derive(Debug)]
pub struct Invited {
    /// The invitation.
    pub id: Id,
    /// The full address.
    pub email: String,
    /// The role that it gives.
    pub role: Role,
    /// When a grant to the support ends.
    pub granted_until: Option<Millis>,
    /// When the link ends.
    pub expires: Millis,
}

/// An invitation that was made, with its link.
#[derive(Debug)]
pub struct InvitationLink {
    /// The address; prints masked.
    pub email: Address,
    /// The token of the link.
    pub token: SecretToken,
}

/// The invitation behind a link, as its page shows it.
#[derive(Debug, Serialize)]
pub struct OpenInvitation {
    /// The name of the workspace.
    pub workspace: String,
    /// The full address.
    pub email: String,
    /// The role, as a word.
    pub role: &'static str,
    /// Whether the address belongs to a user already, who signs in first.
    pub has_account: bool,
}

/// Somebody who accepts an invitation and has no account yet. Has no `Debug`, since it holds a password.
#[derive(Clone, Copy)]
pub struct NewAccount<'a> {
    /// The name.
    pub name: &'a str,
    /// The password.
    pub password: &'a str,
    /// The language of their pages.
    pub lang: Option<Lang>,
}

/// Lists the team of the actor's workspace.
pub async fn list(installation: &Installation, actor: &Actor) -> Result<Team> {
    let permit = actor.permit(installation, Action::ListTeam).await?;
    let mut conn = installation.db.read().await?;
    let mut members = Vec::new();
    for row in membership::of_workspace(&mut conn, permit.workspace).await? {
        let Some(user) = user::find(installation, &mut conn, row.user).await? else { continue };
        members.push(Member {
            user: user.id,
            name: user.name,
            email: user.email.expose(),
            role: row.role,
            granted_until: row.granted_until,
            second_factor: user.second_factor.is_some(),
            last_seen: user.last_seen_at,
        });
    }
    members.sort_by(|one, other| (&one.name, one.user).cmp(&(&other.name, other.user)));
    let invitations = staff_invitation::of_workspace(&mut conn, permit.workspace, installation.clock.now()).await?;
    let invited = |invitation: staff_invitation::StaffInvitation| Invited {
        id: invitation.id,
        email: invitation.email.expose(),
        role: invitation.role,
        granted_until: invitation.granted_until,
        expires: invitation.expires_at,
    };
    permit.audit(None).await;
    Ok(Team { members, invitations: invitations.into_iter().map(invited).collect() })
}

/// Invites a person to the actor's workspace by a link.
///
/// # Errors
///
/// `Invalid` for a field, also for an address that has a role there already.
pub async fn invite(
    installation: &Installation,
    actor: &Actor,
    email: &str,
    role: Role,
    granted_until: Option<Millis>,
) -> Result<InvitationLink> {
    let permit = actor.permit(installation, Action::ChangeTeam).await?.begin(installation).await?;
    let email = user::parse_email(email)?;
    let (id, now) = (installation.ids.next()?, installation.clock.now());
    check_grant(role, granted_until, now)?;
    let mut tx = installation.db.write().await?;
    if let Some(user) = user::find_id(&mut tx, &email).await? {
        let there = membership::of_user(&mut tx, user).await?;
        if there.iter().any(|row| row.workspace == permit.workspace && row.is_valid(now)) {
            return Err(Message::new("team-member-exists").with("address", &email).invalid_field("email"));
        }
    }
    let new = NewStaffInvitation { id, workspace: permit.workspace, email: &email, role, granted_until };
    let token = staff_invitation::add(&mut tx, &new, now).await?;
    tx.commit().await?;
    permit.audit(id).await;
    Ok(InvitationLink { email, token })
}

/// Withdraws an invitation.
///
/// # Errors
///
/// `NotFound` when there is none.
pub async fn withdraw(installation: &Installation, actor: &Actor, id: Id) -> Result<()> {
    let permit = actor.permit(installation, Action::ChangeTeam).await?.begin(installation).await?;
    let mut tx = installation.db.write().await?;
    if !staff_invitation::withdraw(&mut tx, permit.workspace, id).await? {
        return Err(Message::new("team-invitation-unknown").not_found());
    }
    tx.commit().await?;
    permit.audit(id).await;
    Ok(())
}

/// Changes what a member is in the actor's workspace.
///
/// # Errors
///
/// `NotFound` for a user who is no member, `Conflict` for the last owner.
pub async fn set_role(
    installation: &Installation,
    actor: &Actor,
    user: Id,
    role: Role,
    granted_until: Option<Millis>,
) -> Result<()> {
    let permit = actor.permit(installation, Action::ChangeTeam).await?.begin(installation).await?;
    let now = installation.clock.now();
    check_grant(role, granted_until, now)?;
    let mut tx = installation.db.write().await?;
    need_member(&mut tx, actor, user, role == Role::Owner).await?;
    let row = MembershipRow { user, workspace: permit.workspace, role, granted_until };
    membership::set(&mut tx, &row, now).await?;
    tx.commit().await?;
    permit.audit(user).await;
    Ok(())
}

/// Gives the user of this address a role in the actor's workspace, whether they had one or not; for the operator.
///
/// # Errors
///
/// `NotFound` for an unknown address.
pub async fn give_role(
    installation: &Installation,
    actor: &Actor,
    email: &str,
    role: Role,
    granted_until: Option<Millis>,
) -> Result<Address> {
    let permit = actor.permit(installation, Action::AddUser).await?.begin(installation).await?;
    let now = installation.clock.now();
    check_grant(role, granted_until, now)?;
    let mut tx = installation.db.write().await?;
    let user = super::user::need(installation, &mut tx, email).await?;
    let row = MembershipRow { user: user.id, workspace: permit.workspace, role, granted_until };
    membership::set(&mut tx, &row, now).await?;
    tx.commit().await?;
    permit.audit(user.id).await;
    Ok(user.email)
}

/// Ends a member's access to the actor's workspace. A user who may then enter none is erased.
///
/// # Errors
///
/// `NotFound` for a user who is no member, `Conflict` for the last owner.
pub async fn remove(installation: &Installation, actor: &Actor, user: Id) -> Result<()> {
    let permit = actor.permit(installation, Action::ChangeTeam).await?.begin(installation).await?;
    let mut tx = installation.db.write().await?;
    need_member(&mut tx, actor, user, false).await?;
    membership::end(&mut tx, user, permit.workspace).await?;
    let mut is_erased = false;
    if let Some(found) = user::find_locked(installation, &mut tx, user).await?
        && !found.administrator
        && membership::of_user(&mut tx, user).await?.is_empty()
    {
        erase(installation, &mut tx, &found).await?;
        is_erased = true;
    }
    tx.commit().await?;
    if is_erased {
        remove_bytes(installation, Urgency::Usual).await;
    }
    permit.audit(user).await;
    Ok(())
}

/// The invitation behind a link; `None` for one that is not valid.
pub async fn open_invitation(
    installation: &Installation,
    actor: &Actor,
    token: &str,
) -> Result<Option<OpenInvitation>> {
    let permit = actor.permit(installation, Action::JoinWorkspace).await?;
    let Some(token) = SecretToken::parse(token) else { return Ok(None) };
    let mut conn = installation.db.read().await?;
    let found = staff_invitation::find(&mut conn, &token, installation.clock.now()).await?;
    permit.skip_audit();
    let Some(found) = found else { return Ok(None) };
    Ok(Some(OpenInvitation {
        workspace: workspace::name_of(&mut conn, found.workspace).await?,
        has_account: user::find_id(&mut conn, &found.email).await?.is_some(),
        email: found.email.expose(),
        role: found.role.key(),
    }))
}

/// Accepts an invitation as a new user, who is signed in at once.
///
/// # Errors
///
/// `Conflict` when the link is not valid, or its address has an account already; `Invalid` for a field.
pub async fn join(
    installation: &Installation,
    actor: &Actor,
    token: &str,
    new: &NewAccount<'_>,
    browser: &Browser<'_>,
) -> Result<Entered> {
    let permit = actor.permit(installation, Action::JoinWorkspace).await?;
    let token = SecretToken::parse(token).ok_or_else(invalid_link)?;
    let (id, now) = (installation.ids.next()?, installation.clock.now());
    let found = staff_invitation::find(&mut *installation.db.read().await?, &token, now).await?;
    let email = found.ok_or_else(invalid_link)?.email;
    let permit = permit.begin(installation).await?;
    let name = user::check_name(new.name)?;
    password::check(new.password, &[name, &email.expose()])?;
    let hash = password::hash(new.password, password::Queue::Unknown).await?;
    let mut tx = installation.db.write().await?;
    let invitation = staff_invitation::spend(&mut tx, &token, now).await?.ok_or_else(invalid_link)?;
    if user::find_id(&mut tx, &email).await?.is_some() {
        return Err(Message::new("team-sign-in-first").conflict());
    }
    let row = NewUser { id, email: &email, name, password: &hash, administrator: false, lang: new.lang };
    user::insert(&mut tx, &row, now).await?;
    let row = membership_of(&invitation, id);
    membership::set(&mut tx, &row, now).await?;
    let entered = session::enter(installation, &mut tx, id, browser, now).await?;
    tx.commit().await?;
    permit.audit(id).await;
    Ok(entered)
}

/// Accepts an invitation as the user who is signed in. Returns the workspace.
///
/// # Errors
///
/// `Conflict` when the link is not valid, or belongs to another address.
pub async fn join_as_user(installation: &Installation, actor: &Actor, token: &str) -> Result<Id> {
    let permit = actor.permit(installation, Action::JoinWorkspace).await?;
    let id = permit.user.ok_or_else(session::signed_out)?;
    let token = SecretToken::parse(token).ok_or_else(invalid_link)?;
    let permit = permit.begin(installation).await?;
    let now = installation.clock.now();
    let mut tx = installation.db.write().await?;
    let invitation = staff_invitation::spend(&mut tx, &token, now).await?.ok_or_else(invalid_link)?;
    let user: Option<User> = user::find_locked(installation, &mut tx, id).await?;
    let is_theirs = user.is_some_and(|user| user.email.canonical() == invitation.email.canonical());
    if !is_theirs {
        return Err(Message::new("team-other-address").with("address", &invitation.email).conflict());
    }
    membership::set(&mut tx, &membership_of(&invitation, id), now).await?;
    tx.commit().await?;
    permit.audit(invitation.workspace).await;
    Ok(invitation.workspace)
}

/// The moment at which a grant until this day ends: the day is `2026-12-31`, and the whole of it counts, in UTC.
///
/// # Errors
///
/// `Invalid` for the field `until`.
pub fn parse_until(day: &str) -> Result<Millis> {
    let wrong = || Message::new("team-grant-day").with("text", day).invalid_field("until");
    let day: jiff::civil::Date = day.trim().parse().map_err(|_| wrong())?;
    let end = day.tomorrow().and_then(|next| next.to_zoned(jiff::tz::TimeZone::UTC)).map_err(|_| wrong())?;
    Ok(end.timestamp().as_millisecond())
}

/// A grant to the support has an end, within three months; no other role has one.
pub(super) fn check_grant(role: Role, granted_until: Option<Millis>, now: Millis) -> Result<()> {
    let refuse = |key| Err(Message::new(key).with("days", LONGEST_GRANT / DAY).invalid_field("until"));
    match (role, granted_until) {
        (Role::Support, None) => refuse("team-grant-needed"),
        (Role::Support, Some(until)) if until <= now || until > now + LONGEST_GRANT => refuse("team-grant-term"),
        (Role::Support, Some(_)) | (_, None) => Ok(()),
        (_, Some(_)) => refuse("team-grant-role"),
    }
}

/// Requires that the user is a member, and that a workspace keeps an owner unless the operator decides otherwise.
async fn need_member(conn: &mut Conn, actor: &Actor, user: Id, stays_owner: bool) -> Result<()> {
    lock_configuration(conn).await?;
    let rows = membership::of_workspace(conn, actor.workspace).await?;
    let row = rows.iter().find(|row| row.user == user);
    let row = row.ok_or_else(|| Message::new("team-member-unknown").not_found())?;
    let owners = rows.iter().filter(|row| row.role == Role::Owner).count();
    if row.role == Role::Owner && !stays_owner && owners < 2 && actor.role != Role::Operator {
        return Err(Message::new("team-last-owner").conflict());
    }
    Ok(())
}

const fn membership_of(invitation: &staff_invitation::StaffInvitation, user: Id) -> MembershipRow {
    MembershipRow {
        user,
        workspace: invitation.workspace,
        role: invitation.role,
        granted_until: invitation.granted_until,
    }
}

fn invalid_link() -> Error {
    Message::new("team-invitation-invalid").conflict()
}
