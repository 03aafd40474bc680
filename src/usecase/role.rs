//! Roles of actors in a workspace.

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
