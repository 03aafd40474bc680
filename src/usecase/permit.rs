//! The check of an actor's permission for an action, and the audit entry that follows.

use super::action::{Action, Scope};
use super::actor::{Actor, NO_WORKSPACE};
use super::audit;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;

impl Actor {
    /// Checks that the actor may perform the action. Every use case calls this first.
    ///
    /// # Errors
    ///
    /// [`Forbidden`](crate::infra::error::Kind::Forbidden) when the role may not, or when the action belongs to a
    /// workspace and the actor has none. The refusal is audited.
    pub fn permit(&self, action: Action) -> Result<Permit> {
        let has_workspace = self.workspace != NO_WORKSPACE || action.scope() != Scope::Workspace;
        if has_workspace && action.is_permitted_to(self.role) {
            return Ok(Permit { workspace: self.workspace, user: self.user, actor: *self, action });
        }
        audit::record_refusal(self, action);
        Err(Message::new("forbidden").with("role", self.role).with("action", action).forbidden())
    }
}

/// Proof that the actor may perform the action.
#[derive(Debug)]
#[must_use = "a use case ends with `audit`"]
pub struct Permit {
    /// The workspace of the action; [`NO_WORKSPACE`] for one that concerns the installation.
    pub workspace: Id,
    /// The user who acts, where one is signed in.
    pub user: Option<Id>,
    actor: Actor,
    action: Action,
}

impl Permit {
    /// Writes the audit entry. `subject` is the id of what the action was performed on, where it has one.
    pub fn audit(&self, subject: impl Into<Option<Id>>) {
        audit::record(&self.actor, self.action, subject.into());
    }

    /// Writes the audit entry of an attempt that was refused. `subject` as for [`Permit::audit`].
    pub fn audit_refusal(&self, subject: impl Into<Option<Id>>) {
        audit::record_refused_attempt(&self.actor, self.action, subject.into());
    }

    /// Writes no audit entry, for a read that pages repeat by themselves or that shows nothing personal.
    pub const fn skip_audit(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::error::Kind;

    #[test]
    fn an_operator_may_do_everything_but_act_as_a_recipient_or_at_an_account() {
        for action in Action::ALL {
            let allowed = Actor::operator(7).permit(*action).is_ok();
            assert_eq!(allowed, !matches!(action.scope(), Scope::Recipient | Scope::Account), "{action}");
        }
    }

    #[test]
    fn an_action_of_a_workspace_needs_one() {
        let error = Actor::operator(NO_WORKSPACE).permit(Action::AddField).expect_err("no workspace");

        assert_eq!((error.kind(), error.exit_code()), (Kind::Forbidden, 2));
        assert!(Actor::operator(NO_WORKSPACE).permit(Action::AddWorkspace).is_ok());
        assert!(Actor::recipient().permit(Action::Unsubscribe).is_ok());
    }
}
