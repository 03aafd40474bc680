//! An expression as rows of a form: groups of conditions, each condition with a subject, an operator and a value. What does not
//! fit into a row stays as text, so that no expression loses anything on its way to rows and back.

use super::Expression;
use super::typed_expr::{Condition, Literal, Op, Quoted, Reference, Subject, Tree, Within};
use crate::audience::field::Kind;

crate::text_enum! {
    /// How conditions are joined.
    Join {
        /// All hold.
        All = "and",
        /// At least one holds.
        Any = "or",
    }
}

/// Groups of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// How the groups are joined.
    pub join: Join,
    /// The groups.
    pub groups: Vec<Group>,
}

/// Rows that are joined alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// How the rows are joined.
    pub join: Join,
    /// The rows.
    pub rows: Vec<Row>,
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// A condition that fits into three fields.
    Condition {
        /// Whether it must not hold.
        negated: bool,
        /// `email`, or a word, a colon and a name: `field:city`, `on:News`, `joined:News`, `opened:` for any campaign.
        subject: String,
        /// The operator as in an expression; `ever` or `within` for lists and activities.
        operator: String,
        /// The value without quotes; several with commas between them; a number of days for `within`.
        value: String,
    },
    /// Any other part of an expression.
    Text(String),
}

impl Row {
    /// A row that is not filled in yet.
    pub fn blank() -> Self {
        Self::Condition { negated: false, subject: String::new(), operator: String::new(), value: String::new() }
    }

    /// Whether nothing is filled in.
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Condition { subject, .. } => subject.is_empty(),
            Self::Text(text) => text.trim().is_empty(),
        }
    }
}

/// Operators of lists and activities.
const EVER: &str = "ever";
const WITHIN: &str = "within";

impl Expression {
    /// The expression as rows.
    pub fn rows(&self) -> Rows {
        let (join, parts) = match &self.tree {
            Tree::All(parts) => (Join::All, parts.as_slice()),
            Tree::Any(parts) => (Join::Any, parts.as_slice()),
            one => (Join::All, std::slice::from_ref(one)),
        };
        let mut groups: Vec<Group> = Vec::new();
        for part in parts {
            match (part, groups.last_mut()) {
                (Tree::All(inner), _) => groups.push(Group { join: Join::All, rows: inner.iter().map(row).collect() }),
                (Tree::Any(inner), _) => groups.push(Group { join: Join::Any, rows: inner.iter().map(row).collect() }),
                (one, Some(last)) if last.join == join => last.rows.push(row(one)),
                (one, _) => groups.push(Group { join, rows: vec![row(one)] }),
            }
        }
        Rows { join, groups }
    }
}

fn row(tree: &Tree<Condition>) -> Row {
    let filled = match tree {
        Tree::Leaf(condition) => filled(condition, false),
        Tree::Not(part) => match &**part {
            Tree::Leaf(condition) => filled(condition, true),
            _ => None,
        },
        Tree::All(_) | Tree::Any(_) => None,
    };
    filled.unwrap_or_else(|| Row::Text(tree.to_string()))
}

/// A condition as three fields; `None` for one that does not fit.
fn filled(condition: &Condition, negated: bool) -> Option<Row> {
    let named = |word: &str, one: Option<&Reference>| format!("{word}:{}", one.map_or("", |one| &one.name));
    let span = |days: &Option<u32>| match days {
        None => (EVER.to_owned(), String::new()),
        Some(days) => (WITHIN.to_owned(), days.to_string()),
    };
    let (subject, (operator, value)) = match condition {
        Condition::Compare(subject, operator, values) => {
            let subject = match subject {
                Subject::Email => "email".to_owned(),
                Subject::Field(name, _) => format!("field:{name}"),
                Subject::Joined(list) => named("joined", Some(list)),
            };
            (subject, (operator.to_string(), plain(*operator, values)?))
        }
        Condition::OnList(list, days) => (named("on", Some(list)), span(days)),
        Condition::Activity(activity, campaign, days) => (named(activity.as_str(), campaign.as_ref()), span(days)),
        Condition::Reachable => return None,
    };
    Some(Row::Condition { negated, subject, operator, value })
}

/// Values without quotes; `None` where they would not be read as they were written.
fn plain(operator: Op, values: &[Literal]) -> Option<String> {
    let is_list = matches!(operator, Op::In | Op::NotIn);
    let plain = |value: &Literal| match value {
        Literal::Text(text) => {
            let is_lost = text.contains(['\n', '\r'])
                || (is_list && (text.contains(',') || text.trim() != text || text.is_empty()));
            (!is_lost).then(|| text.clone())
        }
        other => Some(other.to_string()),
    };
    let values: Option<Vec<String>> = values.iter().map(plain).collect();
    Some(values?.join(", "))
}

/// The rows as an expression; empty without a row that is filled in. `kind` says what a field holds.
pub fn compose(rows: &Rows, kind: impl Fn(&str) -> Option<Kind>) -> String {
    let filled = |group: &Group| {
        let rows: Vec<String> = group.rows.iter().filter(|row| !row.is_blank()).map(|row| text(row, &kind)).collect();
        Some((group.join, rows)).filter(|(_, rows)| !rows.is_empty())
    };
    let groups: Vec<(Join, Vec<String>)> = rows.groups.iter().filter_map(filled).collect();
    let is_alone = groups.len() == 1;
    let written = |(join, texts): &(Join, Vec<String>)| {
        let joined = texts.join(&format!(" {join} "));
        let is_plain = is_alone || texts.len() == 1 || *join == rows.join;
        if is_plain { joined } else { format!("({joined})") }
    };
    groups.iter().map(written).collect::<Vec<_>>().join(&format!(" {} ", rows.join))
}

fn text(row: &Row, kind: &impl Fn(&str) -> Option<Kind>) -> String {
    match row {
        Row::Text(text) => format!("({})", text.trim()),
        Row::Condition { negated, subject, operator, value } => {
            let condition = condition(subject, operator, value, kind);
            if *negated { format!("not {condition}") } else { condition }
        }
    }
}

fn condition(subject: &str, operator: &str, value: &str, kind: &impl Fn(&str) -> Option<Kind>) -> String {
    let (word, name) = subject.split_once(':').unwrap_or((subject, ""));
    let days = value.trim().parse().ok().filter(|_| operator != EVER);
    match word {
        "on" => format!("on({}{})", Quoted(name), Within(days)),
        "opened" | "clicked" | "received" if name.is_empty() => format!("{word}(any{})", Within(days)),
        "opened" | "clicked" | "received" => format!("{word}({}{})", Quoted(name), Within(days)),
        "joined" => comparison(&format!("joined({})", Quoted(name)), Kind::Date, operator, value),
        "field" => {
            let kind = kind(name).unwrap_or(Kind::Text);
            comparison(&Subject::Field(name.to_owned(), kind).to_string(), kind, operator, value)
        }
        _ => comparison("email", Kind::Text, operator, value),
    }
}

fn comparison(subject: &str, kind: Kind, operator: &str, value: &str) -> String {
    match (operator, operator.parse()) {
        (EVER, _) | (_, Ok(Op::Set)) => format!("{subject} is set"),
        (_, Ok(Op::Unset)) => format!("{subject} is not set"),
        (WITHIN, _) => format!("{subject} >= {} days ago", value.trim()),
        (_, Ok(operator @ (Op::In | Op::NotIn))) => {
            let values: Vec<String> = value.split(',').map(|value| literal(kind, value.trim())).collect();
            format!("{subject} {operator} ({})", values.join(", "))
        }
        (_, operator) => format!("{subject} {} {}", operator.unwrap_or(Op::Equal), literal(kind, value)),
    }
}

/// A value as it stands in an expression. Numbers, days and flags are not quoted; what is none of these is, so that the mistake
/// is named at its place.
fn literal(kind: Kind, value: &str) -> String {
    let is_bare = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | ' ');
    let value_in_words = value.trim();
    let is_quoted = match kind {
        Kind::Text | Kind::Choice => true,
        Kind::Number | Kind::Date | Kind::Flag => value_in_words.is_empty() || !value_in_words.chars().all(is_bare),
    };
    if is_quoted { Quoted(value).to_string() } else { value_in_words.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(name: &str) -> Option<Kind> {
        match name {
            "age" => Some(Kind::Number),
            "born" => Some(Kind::Date),
            "vip" => Some(Kind::Flag),
            _ => Some(Kind::Text),
        }
    }

    fn field(name: &str, operator: &str, value: &str) -> Row {
        Row::Condition {
            negated: false,
            subject: format!("field:{name}"),
            operator: operator.to_owned(),
            value: value.to_owned(),
        }
    }

    fn one(row: Row) -> String {
        compose(&Rows { join: Join::All, groups: vec![Group { join: Join::All, rows: vec![row] }] }, kind)
    }

    #[test]
    fn rows_are_written_as_the_language_wants_them() {
        for (row, written) in [
            (field("city", "=", "Nizhny \"N\""), "city = \"Nizhny \\\"N\\\"\""),
            (field("age", ">=", "3"), "age >= 3"),
            (field("vip", "=", "yes"), "vip = yes"),
            (field("city", "is set", "ignored"), "city is set"),
            (field("city", "in", "Омск, Тверь"), "city in (\"Омск\", \"Тверь\")"),
            (field("born", "within", "30"), "born >= 30 days ago"),
            (field("age", "=", "3\" or 1"), "age = \"3\\\" or 1\""),
            (field("и", "is set", ""), "`и` is set"),
        ] {
            assert_eq!(one(row), written);
        }
    }

    #[test]
    fn blank_rows_say_nothing() {
        let rows = Rows {
            join: Join::Any,
            groups: vec![
                Group { join: Join::All, rows: vec![Row::blank(), field("a", "is set", ""), field("b", "is set", "")] },
                Group { join: Join::All, rows: vec![Row::blank()] },
                Group { join: Join::Any, rows: vec![field("c", "is set", ""), Row::Text("d or e".to_owned())] },
            ],
        };
        assert_eq!(compose(&rows, kind), "(a is set and b is set) or c is set or (d or e)");
        assert_eq!(one(Row::blank()), "");
    }
}
