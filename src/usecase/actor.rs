//! The actor of a use case: workspace, role and channel, and the check of its permissions.

use super::action::{Action, Scope};
use super::audit;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;

crate::text_enum! {
    /// What an actor is in the workspace.
    Role {
        /// The command line of the machine, or the engine itself: may do everything.
        Operator = "operator",
        /// Owns the workspace.
        Owner = "owner",
        /// Writes emails and runs campaigns.
        Marketer = "marketer",
        /// Reads and exports numbers.
        Analyst = "analyst",
        /// Reads everything and changes nothing.
        Auditor = "auditor",
        /// Answers contacts: shows, corrects, restricts and erases them.
        Support = "support",
        /// The recipient of a message, identified by a token of that message.
        Recipient = "recipient",
    }
}

crate::text_enum! {
    /// The interface an actor came through.
    Channel {
        /// The command line.
        CommandLine = "command_line",
        /// The pages of the staff.
        Desk = "desk",
        /// The REST API.
        Api = "api",
        /// A page or endpoint that recipients reach by a token.
        Recipient = "recipient",
        /// The engine: scheduled and automatic work.
        Engine = "engine",
    }
}

/// The workspace of an actor that works on the whole installation, or whose token names the workspace.
pub const NO_WORKSPACE: Id = 0;

/// Performs an action: a user, an API key, the operator, a recipient or the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actor {
    /// The workspace the actor works in, or [`NO_WORKSPACE`].
    pub workspace: Id,
    /// What the actor is there.
    pub role: Role,
    /// The interface the actor came through.
    pub channel: Channel,
}

impl Actor {
    /// The operator on the command line of the machine.
    pub const fn operator(workspace: Id) -> Self {
        Self { workspace, role: Role::Operator, channel: Channel::CommandLine }
    }

    /// The operator at the desk, which answers on loopback only and has no login.
    pub const fn desk() -> Self {
        Self { workspace: NO_WORKSPACE, role: Role::Operator, channel: Channel::Desk }
    }

    /// The recipient of a message, identified by its token.
    pub const fn recipient() -> Self {
        Self { workspace: NO_WORKSPACE, role: Role::Recipient, channel: Channel::Recipient }
    }

    /// Checks that the actor may perform the action. Every use case calls this first.
    ///
    /// # Errors
    ///
    /// [`Forbidden`](crate::infra::error::Kind::Forbidden) when the role may not, or when the action belongs to a
    /// workspace and the actor has none. The refusal is audited.
    pub fn permit(&self, action: Action) -> Result<Permit> {
        let has_workspace = self.workspace != NO_WORKSPACE || action.scope() != Scope::Workspace;
        if has_workspace && action.is_permitted_to(self.role) {
            return Ok(Permit { workspace: self.workspace, actor: *self, action });
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
    actor: Actor,
    action: Action,
}

impl Permit {
    /// Writes the audit entry. `subject` is the id of what the action was performed on, where it has one.
    pub fn audit(&self, subject: impl Into<Option<Id>>) {
        audit::record(&self.actor, self.action, subject.into());
    }

    /// Writes no audit entry, for a read that pages repeat by themselves or that shows nothing personal.
    pub const fn skip_audit(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::error::Kind;

    #[test]
    fn an_operator_may_do_everything_but_act_as_a_recipient() {
        for action in Action::ALL {
            let allowed = Actor::operator(7).permit(*action).is_ok();
            assert_eq!(allowed, action.scope() != Scope::Recipient, "{action}");
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
