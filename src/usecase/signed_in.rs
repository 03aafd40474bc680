//! Somebody who is signed in to the desk: the user, the workspaces they may enter, and the actor they are there.

use std::fmt;

use super::{Actor, NO_WORKSPACE, Role};
use crate::access::membership;
use crate::access::user::User;
use crate::audience::workspace;
use crate::infra::clock::Millis;
use crate::infra::db::Conn;
use crate::infra::error::Result;
use crate::infra::i18n::Lang;
use crate::infra::id::Id;

/// A user and their session. `Debug` prints no name and no address.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The user.
    pub user: Id,
    /// The name that colleagues see.
    pub name: String,
    /// The full address.
    pub email: String,
    /// The language of their pages, where they chose one.
    pub lang: Option<Lang>,
    /// True for an administrator of the installation, who may enter every workspace.
    pub administrator: bool,
    /// Whether the second factor is set up.
    pub second_factor: bool,
    /// The session of this browser.
    pub session: Id,
    /// The workspaces, by name.
    pub memberships: Vec<Membership>,
}

/// A workspace that a user may enter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The workspace.
    pub workspace: Id,
    /// Its name.
    pub name: String,
    /// What the user is there.
    pub role: Role,
    /// When a grant to the support ends.
    pub granted_until: Option<Millis>,
}

impl SignedIn {
    /// The user in a workspace; `None` where they may not enter it. An administrator is an operator everywhere.
    pub fn actor(&self, workspace: Id) -> Option<Actor> {
        let membership = self.memberships.iter().find(|one| one.workspace == workspace)?;
        let role = if self.administrator { Role::Operator } else { membership.role };
        Some(Actor::member(workspace, role, self.user))
    }

    /// The user at their own account.
    pub const fn at_account(&self) -> Actor {
        Actor::at_account(self.user)
    }

    /// An administrator in no workspace, for what concerns the whole installation.
    pub fn operator(&self) -> Option<Actor> {
        self.administrator.then(|| Actor::member(NO_WORKSPACE, Role::Operator, self.user))
    }

    pub(super) async fn new(conn: &mut Conn, user: User, session: Id, now: Millis) -> Result<Self> {
        let memberships = memberships(conn, &user, now).await?;
        Ok(Self {
            user: user.id,
            name: user.name,
            email: user.email.expose(),
            lang: user.lang,
            administrator: user.administrator,
            second_factor: user.second_factor.is_some(),
            session,
            memberships,
        })
    }
}

impl fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedIn").field("user", &self.user).field("memberships", &self.memberships).finish()
    }
}

/// The workspaces that a user may enter at this moment: all for an administrator, who counts as an owner where they have no
/// role of their own.
async fn memberships(conn: &mut Conn, user: &User, now: Millis) -> Result<Vec<Membership>> {
    let own = membership::of_user(conn, user.id).await?;
    let all = workspace::all(conn).await?;
    let enter = |workspace: workspace::Workspace| {
        let row = own.iter().find(|row| row.workspace == workspace.id && row.is_valid(now));
        let role = row.map(|row| row.role).or(user.administrator.then_some(Role::Owner))?;
        let granted_until = row.and_then(|row| row.granted_until).filter(|_| !user.administrator);
        Some(Membership { workspace: workspace.id, name: workspace.name, role, granted_until })
    };
    Ok(all.into_iter().filter_map(enter).collect())
}
