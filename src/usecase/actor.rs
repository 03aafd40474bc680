//! The actor of a use case: workspace, role, channel and, where it is known, the user.

use crate::access::Role;
use crate::infra::id::Id;

crate::text_enum! {
    /// The interface an actor came through.
    Channel keyed "audit-channel-" {
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
    /// The user, for somebody who is signed in.
    pub user: Option<Id>,
}

impl Actor {
    /// The operator on the command line of the machine.
    pub const fn operator(workspace: Id) -> Self {
        Self { workspace, role: Role::Operator, channel: Channel::CommandLine, user: None }
    }

    /// The engine, which does by itself what is due.
    pub const fn engine(workspace: Id) -> Self {
        Self { workspace, role: Role::Operator, channel: Channel::Engine, user: None }
    }

    /// The operator at the desk, which answers on loopback only and has no login.
    pub const fn desk() -> Self {
        Self { workspace: NO_WORKSPACE, role: Role::Operator, channel: Channel::Desk, user: None }
    }

    /// A user of the desk in a workspace.
    pub const fn member(workspace: Id, role: Role, user: Id) -> Self {
        Self { workspace, role, channel: Channel::Desk, user: Some(user) }
    }

    /// Somebody at the sign-in page, or at a page that a link of the staff leads to.
    pub const fn visitor() -> Self {
        Self { workspace: NO_WORKSPACE, role: Role::Visitor, channel: Channel::Desk, user: None }
    }

    /// A user at their own account, outside every workspace.
    pub const fn at_account(user: Id) -> Self {
        Self { workspace: NO_WORKSPACE, role: Role::Visitor, channel: Channel::Desk, user: Some(user) }
    }

    /// The recipient of a message, identified by its token.
    pub const fn recipient() -> Self {
        Self { workspace: NO_WORKSPACE, role: Role::Recipient, channel: Channel::Recipient, user: None }
    }
}
