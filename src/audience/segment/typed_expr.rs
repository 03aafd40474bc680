//! Typed tree of a segment expression. It prints as an expression that parses to the same tree.

use std::fmt;

use jiff::civil::Date;

use crate::audience::field;
use crate::infra::id::Id;

/// Conditions joined by `and`, `or` and `not`. Groups hold two parts or more.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree<T> {
    /// All parts hold.
    All(Vec<Tree<T>>),
    /// At least one part holds.
    Any(Vec<Tree<T>>),
    /// The part does not hold.
    Not(Box<Tree<T>>),
    /// A single condition.
    Leaf(T),
}

crate::text_enum! {
    /// A comparison operator.
    Op {
        /// Equal; texts regardless of case.
        Equal = "=",
        /// Has a value, and it is another.
        Unequal = "!=",
        /// Smaller, earlier.
        Less = "<",
        /// Not greater.
        AtMost = "<=",
        /// Greater, later.
        Greater = ">",
        /// Not smaller.
        AtLeast = ">=",
        /// One of several.
        In = "in",
        /// Has a value, and it is none of several.
        NotIn = "not in",
        /// The value contains the text.
        Contains = "contains",
        /// The value begins with the text.
        StartsWith = "starts with",
        /// The value ends with the text.
        EndsWith = "ends with",
        /// Has a value.
        Set = "is set",
        /// Has no value.
        Unset = "is not set",
    }
}

impl Op {
    /// Whether the operator compares with a part of a text.
    pub const fn is_part(self) -> bool {
        matches!(self, Self::Contains | Self::StartsWith | Self::EndsWith)
    }
}

crate::text_enum! {
    /// Something that happened to a message.
    Activity {
        /// The tracking pixel was fetched.
        Opened = "opened",
        /// A link was followed.
        Clicked = "clicked",
        /// The relay accepted the message.
        Received = "received",
    }
}

/// A value in an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// A day.
    Day(Date),
    /// A number of days before today, by UTC.
    Ago(u32),
    /// Yes or no.
    Flag(bool),
}

/// A list or campaign of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Its primary key.
    pub id: Id,
    /// Its name.
    pub name: String,
}

/// The left side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The canonical address.
    Email,
    /// A declared field.
    Field(String, field::Kind),
    /// The day on which the contact joined a list.
    Joined(Reference),
}

/// A single condition. Its values fit the subject and the operator.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// A comparison with values: none for `is set`, several for `in`, otherwise one.
    Compare(Subject, Op, Vec<Literal>),
    /// Confirmed on a list; joined within the last N days when given.
    OnList(Reference, Option<u32>),
    /// An activity in one campaign, or in any; within the last N days when given.
    Activity(Activity, Option<Reference>, Option<u32>),
    /// May be mailed on at least one list: neither restricted nor suppressed after a hard bounce.
    Reachable,
}

/// The word of [`Condition::Reachable`]. A declared field of this name takes precedence.
pub const REACHABLE: &str = "reachable";

/// Words of the language. A field with such a name is written in backticks.
const KEYWORDS: &[&str] = &["и", "или", "не", "and", "or", "not", "on", "joined", "opened", "clicked", "received"];

impl<T> Tree<T> {
    /// A tree of the same shape whose leaves are mapped from left to right.
    pub fn map<U>(&self, leaf: &mut impl FnMut(&T) -> U) -> Tree<U> {
        match self {
            Self::All(parts) => Tree::All(parts.iter().map(|part| part.map(leaf)).collect()),
            Self::Any(parts) => Tree::Any(parts.iter().map(|part| part.map(leaf)).collect()),
            Self::Not(part) => Tree::Not(Box::new(part.map(leaf))),
            Self::Leaf(one) => Tree::Leaf(leaf(one)),
        }
    }

    /// Whether the whole tree holds, given which leaves hold.
    pub fn holds(&self, leaf: &impl Fn(&T) -> bool) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(leaf)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(leaf)),
            Self::Not(part) => !part.holds(leaf),
            Self::Leaf(one) => leaf(one),
        }
    }

    /// The leaves from left to right.
    pub fn leaves(&self) -> Vec<&T> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::leaves).collect(),
            Self::Not(part) => part.leaves(),
            Self::Leaf(one) => vec![one],
        }
    }
}

impl<T: fmt::Display> fmt::Display for Tree<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(parts) => join(f, parts, " and "),
            Self::Any(parts) => join(f, parts, " or "),
            Self::Not(part) => {
                f.write_str("not ")?;
                part.nested(f)
            }
            Self::Leaf(test) => test.fmt(f),
        }
    }
}

impl<T: fmt::Display> Tree<T> {
    fn nested(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(_) | Self::Any(_) => write!(f, "({self})"),
            Self::Not(_) | Self::Leaf(_) => write!(f, "{self}"),
        }
    }
}

fn join<T: fmt::Display>(f: &mut fmt::Formatter<'_>, parts: &[Tree<T>], word: &str) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(word)?;
        }
        part.nested(f)?;
    }
    Ok(())
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compare(subject, op @ (Op::Set | Op::Unset), _) => write!(f, "{subject} {op}"),
            Self::Compare(subject, op @ (Op::In | Op::NotIn), values) => {
                write!(f, "{subject} {op} (")?;
                for (index, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if index > 0 { ", " } else { "" })?;
                }
                f.write_str(")")
            }
            Self::Compare(subject, op, values) => {
                write!(f, "{subject} {op}")?;
                values.iter().try_for_each(|value| write!(f, " {value}"))
            }
            Self::Reachable => f.write_str(REACHABLE),
            Self::OnList(list, within) => write!(f, "on({}{})", Quoted(&list.name), Within(*within)),
            Self::Activity(act, None, within) => write!(f, "{act}(any{})", Within(*within)),
            Self::Activity(act, Some(campaign), within) => {
                write!(f, "{act}({}{})", Quoted(&campaign.name), Within(*within))
            }
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Email => f.write_str("email"),
            Self::Field(name, _) if KEYWORDS.contains(&name.to_lowercase().as_str()) => write!(f, "`{name}`"),
            Self::Field(name, _) => f.write_str(name),
            Self::Joined(list) => write!(f, "joined({})", Quoted(&list.name)),
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => Quoted(text).fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Day(day) => day.fmt(f),
            Self::Ago(0) => f.write_str("today"),
            Self::Ago(days) => write!(f, "{days} days ago"),
            Self::Flag(true) => f.write_str("yes"),
            Self::Flag(false) => f.write_str("no"),
        }
    }
}

/// A text in quotes.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

/// A time span behind a name.
pub(super) struct Within(pub(super) Option<u32>);

impl fmt::Display for Within {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |days| write!(f, ", {days} days"))
    }
}
