//! What a column of a file of people fills.

use super::standing::StatusColumn;

/// What a column fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The address.
    Email,
    /// A field, by its index among the declared ones.
    Field(usize),
    /// Ignored on request.
    Ignored,
    /// A column without a name: left out.
    Unnamed,
    /// A column that says whether people may be mailed.
    Status(StatusColumn),
}
