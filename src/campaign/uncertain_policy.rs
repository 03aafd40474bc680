//! What a campaign does with deliveries whose relay reply was lost: hold or resend.

crate::text_enum! {
    /// What a campaign does with deliveries whose reply was lost. `uncertain` in a campaign file.
    UncertainPolicy {
        /// They stay uncertain: each recipient gets at most one message.
        Hold = "hold",
        /// They are sent again: each recipient gets at least one message.
        Resend = "resend",
    }
}
