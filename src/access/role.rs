//! Roles of actors in a workspace.

use crate::infra::error::{Message, Result};

crate::text_enum! {
    /// What an actor is in the workspace.
    Role {
        /// The command line of the machine, an administrator, or the engine itself: may do everything.
        Operator = "operator",
        /// Owns the workspace.
        Owner = "owner",
        /// Writes emails and runs campaigns.
        Marketer = "marketer",
        /// Reads and exports numbers.
        Analyst = "analyst",
        /// Reads everything and changes nothing.
        Auditor = "auditor",
        /// Helps the owner with a problem: reads, for a limited time.
        Support = "support",
        /// The recipient of a message, identified by a token of that message.
        Recipient = "recipient",
        /// Somebody outside every workspace: at the sign-in page, or at their own account.
        Visitor = "visitor",
    }
}

impl Role {
    /// The roles that a membership can give.
    pub const OF_MEMBERS: &'static [Self] = &[Self::Owner, Self::Marketer, Self::Analyst, Self::Auditor, Self::Support];

    /// Parses the role of a member.
    ///
    /// # Errors
    ///
    /// `Invalid` for another word; the error lists the roles.
    pub fn parse_member(text: &str) -> Result<Self> {
        Self::OF_MEMBERS.iter().copied().find(|role| role.as_str() == text).ok_or_else(|| {
            let known: Vec<_> = Self::OF_MEMBERS.iter().map(|role| role.as_str()).collect();
            Message::new("role-unknown").with("role", text).with("known", known.join(", ")).invalid_field("role")
        })
    }

    /// The catalogue key of the name of a member's role.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Operator => "role-operator",
            Self::Owner => "role-owner",
            Self::Marketer => "role-marketer",
            Self::Analyst => "role-analyst",
            Self::Auditor => "role-auditor",
            Self::Support => "role-support",
            Self::Recipient => "role-recipient",
            Self::Visitor => "role-visitor",
        }
    }
}
