//! A condition as written: names not yet looked up, values not yet checked, each with its place.

use super::parse_error::Place;
use super::typed_expr::{Act, Literal, Op};

/// A text and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Name {
    /// The text.
    pub text: String,
    /// Where it stands.
    pub place: Place,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// The value.
    pub literal: Literal,
    /// Where it stands.
    pub place: Place,
}

/// What a comparison is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// A field, or `email`.
    Field(Name),
    /// `joined("…")`.
    Joined(Name),
}

/// A single condition as written.
#[derive(Debug, Clone, PartialEq)]
pub enum Phrase {
    /// A field that stands alone: a flag.
    Alone(Name),
    /// A comparison; the place is that of the operator.
    Value(Asked, Op, Place, Vec<Value>),
    /// `on("…", N days)`.
    On(Name, Option<u32>),
    /// `opened("…", N days)` and its like; without a name for `any`.
    Letter(Act, Option<Name>, Option<u32>),
}
