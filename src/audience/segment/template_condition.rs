//! A segment expression as a condition of an email, where it asks for nothing but values of the contact that an email knows too.

use super::typed_expr::{Condition, Literal, Op, Subject, Tree};
use crate::audience::field::Kind;

/// The condition of a tree; `None` where one of its leaves needs more than fields.
pub(super) fn of(tree: &Tree<Condition>) -> Option<String> {
    let joined = |parts: &[Tree<Condition>], word: &str| {
        let parts: Option<Vec<String>> = parts.iter().map(of).collect();
        Some(format!("({})", parts?.join(&format!(" {word} "))))
    };
    match tree {
        Tree::All(parts) => joined(parts, "and"),
        Tree::Any(parts) => joined(parts, "or"),
        Tree::Not(part) => Some(format!("not ({})", of(part)?)),
        Tree::Leaf(leaf) => leaf_condition(leaf),
    }
}

fn leaf_condition(leaf: &Condition) -> Option<String> {
    let Condition::Compare(Subject::Field(name, kind), op, values) = leaf else { return None };
    // Texts are compared regardless of case, in segments as here.
    let left = match kind {
        Kind::Text | Kind::Choice => format!("({name} | lower)"),
        Kind::Number | Kind::Flag => name.clone(),
        Kind::Date => return None,
    };
    let equals = |value: &Literal| match value {
        Literal::Flag(true) => Some(name.clone()),
        Literal::Flag(false) => Some(format!("({name} is defined and not {name})")),
        value => Some(format!("{left} == {}", written(value)?)),
    };
    let any = |values: &[Literal]| {
        let parts: Option<Vec<String>> = values.iter().map(equals).collect();
        let parts = parts?;
        Some(if parts.len() == 1 { parts[0].clone() } else { format!("({})", parts.join(" or ")) })
    };
    let compared = |sign: &str| match (kind, values.as_slice()) {
        (Kind::Number, [value]) => Some(format!("{left} {sign} {}", written(value)?)),
        _ => None,
    };
    match op {
        Op::Equal | Op::In => any(values),
        Op::Unequal | Op::NotIn => Some(format!("({name} is defined and not {})", any(values)?)),
        Op::Less => compared("<"),
        Op::AtMost => compared("<="),
        Op::Greater => compared(">"),
        Op::AtLeast => compared(">="),
        Op::Set => Some(format!("{name} is defined")),
        Op::Unset => Some(format!("{name} is not defined")),
        Op::Contains | Op::StartsWith | Op::EndsWith => None,
    }
}

/// A value as an email writes it; `None` for a text that it cannot quote.
fn written(value: &Literal) -> Option<String> {
    match value {
        Literal::Text(text) if text.contains(['"', '\\', '{', '}', '%', '\n']) => None,
        Literal::Text(text) => Some(format!("\"{}\"", text.to_lowercase())),
        Literal::Number(number) => Some(number.to_string()),
        Literal::Flag(_) | Literal::Day(_) | Literal::Ago(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(name: &str, kind: Kind, op: Op, values: &[Literal]) -> Tree<Condition> {
        Tree::Leaf(Condition::Compare(Subject::Field(name.to_owned(), kind), op, values.to_vec()))
    }

    #[test]
    fn fields_are_compared_and_everything_else_is_left_to_the_segment() {
        let text = |text: &str| Literal::Text(text.to_owned());
        let city = compare("city", Kind::Text, Op::In, &[text("Казань"), text("Омск")]);
        let age = compare("age", Kind::Number, Op::AtLeast, &[Literal::Number(18.0)]);
        let vip = compare("vip", Kind::Flag, Op::Equal, &[Literal::Flag(true)]);
        let tree = Tree::All(vec![city.clone(), age, Tree::Not(Box::new(vip))]);
        let expected = "(((city | lower) == \"казань\" or (city | lower) == \"омск\") and age >= 18 and not (vip))";
        assert_eq!(of(&tree).as_deref(), Some(expected));
        let other = compare("city", Kind::Text, Op::Unequal, &[text("Омск")]);
        assert_eq!(of(&other).as_deref(), Some("(city is defined and not (city | lower) == \"омск\")"));
        assert_eq!(of(&Tree::Any(vec![city, Tree::Leaf(Condition::Reachable)])), None);
        assert_eq!(of(&compare("city", Kind::Text, Op::Equal, &[text("a\"b")])), None);
        assert_eq!(of(&compare("born", Kind::Date, Op::Set, &[])), None);
    }
}
