//! Limits of the templates of an email. They are checked when the email is compiled, and again for each message while it
//! is rendered.

use minijinja::{Error, ErrorKind};

/// Tags of one part of an email.
pub const MAX_TAGS: usize = 5_000;
/// `if`s inside each other.
pub const MAX_NESTING: usize = 30;
/// Loops inside each other.
pub const MAX_LOOPS: usize = 2;
/// `elif`s and `else`s of one `if`, together with those of the `if`s around it. The parser of the engine needs stack for
/// each.
pub const MAX_BRANCHES: usize = 200;
/// Instructions that one template may run.
pub const MAX_STEPS: u64 = 50_000;
/// Bytes of one rendered part.
pub const MAX_OUTPUT: usize = 1 << 20;
/// Bytes of one value: what a variable holds, and what a filter takes and returns.
pub const MAX_VALUE: usize = 100_000;
/// Bytes of all values that the tags of one part read and make.
pub const MAX_VALUES: usize = 8 << 20;
/// Stack of the thread that compiles an email: enough for the nesting that the limits allow, in a debug build too.
pub const STACK: usize = 64 << 20;

/// A limit that rendering exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenderLimit {
    /// [`MAX_STEPS`].
    Steps,
    /// [`MAX_OUTPUT`].
    Output,
    /// [`MAX_VALUE`].
    Value,
    /// [`MAX_VALUES`].
    Values,
}

impl RenderLimit {
    /// The word of the limit in the sentence `template-bound`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Steps => "steps",
            Self::Output => "output",
            Self::Value => "value",
            Self::Values => "values",
        }
    }

    /// Its number.
    pub const fn number(self) -> u64 {
        match self {
            Self::Steps => MAX_STEPS,
            Self::Output => MAX_OUTPUT as u64,
            Self::Value => MAX_VALUE as u64,
            Self::Values => MAX_VALUES as u64,
        }
    }

    /// The error of the engine for it.
    pub fn error(self) -> Error {
        Error::new(ErrorKind::WriteFailure, self.as_str())
    }

    /// The limit of an error of the engine; `None` for any other error.
    pub fn of(error: &Error) -> Option<Self> {
        match (error.kind(), error.detail()) {
            (ErrorKind::OutOfFuel, _) => Some(Self::Steps),
            (ErrorKind::WriteFailure, Some("value")) => Some(Self::Value),
            (ErrorKind::WriteFailure, Some("values")) => Some(Self::Values),
            (ErrorKind::WriteFailure, _) => Some(Self::Output),
            _ => None,
        }
    }
}
