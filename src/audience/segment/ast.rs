//! Abstract syntax of a segment expression as written: names are not looked up and values not checked yet. Each
//! has its span, for error messages.

use super::parse_error::Span;
use super::typed_expr::{Activity, Literal, Op};

/// A name with its span.
#[derive(Debug, Clone, PartialEq)]
pub struct Name {
    /// The name.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// A value with its span.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// The value.
    pub literal: Literal,
    /// Where it stands.
    pub span: Span,
}

/// The left side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// A field, or `email`.
    Field(Name),
    /// `joined("…")`.
    Joined(Name),
}

/// A single condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// A field without a comparison: a flag.
    Flag(Name),
    /// A comparison; the span is that of the operator.
    Compare(Subject, Op, Span, Vec<Value>),
    /// `on("…", N days)`.
    OnList(Name, Option<u32>),
    /// `opened("…", N days)`, `clicked(…)` or `received(…)`; without a name for `any`.
    Activity(Activity, Option<Name>, Option<u32>),
}
