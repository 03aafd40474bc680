//! Recursive-descent parser of segment expressions. It checks the grammar only; `resolve` looks up the names.
//!
//! ```text
//! any       = all { "or" all }
//! all       = one { "and" one }
//! one       = "not" one | "(" any ")" | condition
//! condition = subject [ comparison ] | on | activity
//! on        = "on" "(" TEXT [ "," N "days" ] ")"
//! activity  = ( "opened" | "clicked" | "received" ) "(" ( "any" | TEXT ) [ "," N "days" ] ")"
//! ```

use super::ast::{self, Name, Value};
use super::cursor::Cursor;
use super::lexer::{SpannedToken, Token, tokenize};
use super::parse_error::{ParseError, Span};
use super::typed_expr::{Activity, Literal, Op, Tree};

/// Conditions that an expression may have. Each is evaluated for each contact; more would make a count too
/// slow long before either database refuses.
pub const MAX_CONDITIONS: usize = 1_000;

/// Values that all `in (…)` of an expression may have together. With four values per condition beside them, and
/// those of the statement around, this stays below the 32,766 that SQLite allows.
pub const MAX_VALUES: usize = 10_000;

/// Depth to which parentheses and `not` may be nested. Groups are compiled to balanced trees, which keeps the
/// deepest statement below 500 levels; SQLite allows 1,000.
pub const MAX_DEPTH: usize = 100;

/// The longest time span, in days: a hundred years.
const MAX_SPAN_DAYS: f64 = 36_500.0;

const AND: &[&str] = &["and", "и"];
const OR: &[&str] = &["or", "или"];
const NOT: &[&str] = &["not", "не"];
const YES: &[&str] = &["yes", "true", "да"];
const NO: &[&str] = &["no", "false", "нет"];
const DAYS: &[&str] = &["days", "day"];
const FUNCTIONS: &[&str] = &["on", "joined", "opened", "clicked", "received"];

/// Parses an expression.
pub fn parse(expression: &str) -> Result<Tree<ast::Condition>, ParseError> {
    let mut parser = Parser { tokens: Cursor::new(tokenize(expression)?), depth: 0, conditions: 0, values: 0 };
    let tree = parser.any()?;
    match parser.tokens.peek().token {
        Token::End => Ok(tree),
        _ => Err(parser.tokens.error("segment-expected-end")),
    }
}

struct Parser {
    tokens: Cursor,
    depth: usize,
    conditions: usize,
    values: usize,
}

impl Parser {
    fn any(&mut self) -> Result<Tree<ast::Condition>, ParseError> {
        let first = self.all()?;
        let mut parts = vec![first];
        while self.tokens.take_word(OR) {
            parts.push(self.all()?);
        }
        Ok(group(parts, Tree::Any))
    }

    fn all(&mut self) -> Result<Tree<ast::Condition>, ParseError> {
        let first = self.one()?;
        let mut parts = vec![first];
        while self.tokens.take_word(AND) {
            parts.push(self.one()?);
        }
        Ok(group(parts, Tree::All))
    }

    fn one(&mut self) -> Result<Tree<ast::Condition>, ParseError> {
        let span = self.tokens.peek().span;
        if self.tokens.take_word(NOT) {
            self.enter_group(span)?;
            let part = self.one()?;
            self.depth -= 1;
            return Ok(Tree::Not(Box::new(part)));
        }
        if self.tokens.take_symbol("(") {
            self.enter_group(span)?;
            let inner = self.any()?;
            self.depth -= 1;
            self.tokens.expect_symbol(")")?;
            return Ok(inner);
        }
        self.conditions += 1;
        if self.conditions > MAX_CONDITIONS {
            return Err(ParseError::new(span, "segment-many-conditions").with("limit", MAX_CONDITIONS));
        }
        self.condition().map(Tree::Leaf)
    }

    fn enter_group(&mut self, span: Span) -> Result<(), ParseError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ParseError::new(span, "segment-deep").with("limit", MAX_DEPTH));
        }
        Ok(())
    }

    fn condition(&mut self) -> Result<ast::Condition, ParseError> {
        let SpannedToken { token, span } = self.tokens.peek().clone();
        let called = self.tokens.is_followed_by("(");
        match token {
            Token::Name(text) => {
                self.tokens.advance();
                self.comparison(ast::Subject::Field(Name { text, span }))
            }
            Token::Word(word) => {
                let folded = word.to_lowercase();
                if is_connective(&folded) {
                    return Err(self.tokens.error("segment-expected-condition"));
                }
                if called || FUNCTIONS.contains(&folded.as_str()) {
                    return self.function(&folded);
                }
                self.tokens.advance();
                self.comparison(ast::Subject::Field(Name { text: word, span }))
            }
            _ => Err(self.tokens.error("segment-expected-condition")),
        }
    }

    fn function(&mut self, name: &str) -> Result<ast::Condition, ParseError> {
        if !FUNCTIONS.contains(&name) {
            let (near, far) = ("segment-no-function-near", "segment-no-function");
            return Err(ParseError::unknown(self.tokens.peek().span, name, FUNCTIONS.iter().copied(), near, far));
        }
        self.tokens.advance();
        self.tokens.expect_symbol("(")?;
        let condition = match name {
            "on" => ast::Condition::OnList(self.name("segment-expected-list")?, self.time_span()?),
            "joined" => {
                let list = self.name("segment-expected-list")?;
                self.tokens.expect_symbol(")")?;
                return self.comparison(ast::Subject::Joined(list));
            }
            "opened" => self.activity(Activity::Opened)?,
            "clicked" => self.activity(Activity::Clicked)?,
            _ => self.activity(Activity::Received)?,
        };
        self.tokens.expect_symbol(")")?;
        Ok(condition)
    }

    fn activity(&mut self, activity: Activity) -> Result<ast::Condition, ParseError> {
        let campaign =
            if self.tokens.take_word(&["any"]) { None } else { Some(self.name("segment-expected-campaign")?) };
        Ok(ast::Condition::Activity(activity, campaign, self.time_span()?))
    }

    fn name(&mut self, key: &'static str) -> Result<Name, ParseError> {
        let SpannedToken { token: Token::Text(text), span } = self.tokens.peek().clone() else {
            return Err(self.tokens.error(key));
        };
        self.tokens.advance();
        Ok(Name { text, span })
    }

    /// `, N days`, if it is there.
    fn time_span(&mut self) -> Result<Option<u32>, ParseError> {
        if !self.tokens.take_symbol(",") {
            return Ok(None);
        }
        let SpannedToken { token: Token::Number(number), span } = *self.tokens.peek() else {
            return Err(self.tokens.error("segment-expected-days"));
        };
        self.tokens.advance();
        if !self.tokens.take_word(DAYS) {
            return Err(self.tokens.error("segment-expected-days"));
        }
        whole_days(number, span).map(Some)
    }

    fn comparison(&mut self, subject: ast::Subject) -> Result<ast::Condition, ParseError> {
        let span = self.tokens.peek().span;
        let Some(op) = self.operator()? else {
            return match (subject, &self.tokens.peek().token) {
                (ast::Subject::Field(name), Token::End | Token::Symbol(")")) => Ok(ast::Condition::Flag(name)),
                (ast::Subject::Field(name), Token::Word(word)) if is_connective(word) => Ok(ast::Condition::Flag(name)),
                _ => Err(self.tokens.error("segment-expected-comparison")),
            };
        };
        let span = Span { start: span.start, end: self.tokens.previous_span().end };
        let values = match op {
            Op::Set | Op::Unset => Vec::new(),
            Op::In | Op::NotIn => self.values()?,
            _ => vec![self.value()?],
        };
        Ok(ast::Condition::Compare(subject, op, span, values))
    }

    fn operator(&mut self) -> Result<Option<Op>, ParseError> {
        if let Token::Symbol(sign) = self.tokens.peek().token {
            let found = Op::ALL.iter().copied().find(|op| op.as_str() == sign);
            if found.is_some() {
                self.tokens.advance();
            }
            return Ok(found);
        }
        Ok(Some(if self.tokens.take_word(&["in"]) {
            Op::In
        } else if self.tokens.take_word(NOT) {
            self.tokens.expect_word("in")?;
            Op::NotIn
        } else if self.tokens.take_word(&["contains"]) {
            Op::Contains
        } else if self.tokens.take_word(&["starts"]) {
            self.tokens.expect_word("with")?;
            Op::StartsWith
        } else if self.tokens.take_word(&["ends"]) {
            self.tokens.expect_word("with")?;
            Op::EndsWith
        } else if self.tokens.take_word(&["is"]) {
            let op = if self.tokens.take_word(NOT) { Op::Unset } else { Op::Set };
            self.tokens.expect_word("set")?;
            op
        } else {
            return Ok(None);
        }))
    }

    fn values(&mut self) -> Result<Vec<Value>, ParseError> {
        self.tokens.expect_symbol("(")?;
        let mut values = Vec::new();
        loop {
            let value = self.value()?;
            self.values += 1;
            if self.values > MAX_VALUES {
                return Err(ParseError::new(value.span, "segment-many-values").with("limit", MAX_VALUES));
            }
            values.push(value);
            if !self.tokens.take_symbol(",") {
                break;
            }
        }
        self.tokens.expect_symbol(")")?;
        Ok(values)
    }

    fn value(&mut self) -> Result<Value, ParseError> {
        let SpannedToken { token, span } = self.tokens.peek().clone();
        let literal = match token {
            Token::Text(text) => Literal::Text(text),
            Token::Number(number) => Literal::Number(number),
            Token::Day(day) => Literal::Day(day),
            Token::Word(word) => match word.to_lowercase().as_str() {
                yes if YES.contains(&yes) => Literal::Flag(true),
                no if NO.contains(&no) => Literal::Flag(false),
                "today" => Literal::Ago(0),
                _ => return Err(self.tokens.error("segment-unquoted")),
            },
            _ => return Err(self.tokens.error("segment-expected-value")),
        };
        self.tokens.advance();
        if let Literal::Number(number) = literal
            && self.tokens.take_word(DAYS)
        {
            self.tokens.expect_word("ago")?;
            let span = Span { start: span.start, end: self.tokens.previous_span().end };
            return Ok(Value { literal: Literal::Ago(whole_days(number, span)?), span });
        }
        Ok(Value { literal, span })
    }
}

/// A group, unless it has one part only.
fn group(
    mut parts: Vec<Tree<ast::Condition>>,
    of: fn(Vec<Tree<ast::Condition>>) -> Tree<ast::Condition>,
) -> Tree<ast::Condition> {
    if parts.len() == 1 { parts.remove(0) } else { of(parts) }
}

/// `and` or `or`, in either language.
fn is_connective(word: &str) -> bool {
    let folded = word.to_lowercase();
    AND.contains(&folded.as_str()) || OR.contains(&folded.as_str())
}

fn whole_days(number: f64, span: Span) -> Result<u32, ParseError> {
    if number.fract() == 0.0 && (1.0..=MAX_SPAN_DAYS).contains(&number) {
        Ok(number as u32)
    } else {
        Err(ParseError::new(span, "segment-days").with("limit", MAX_SPAN_DAYS))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::infra::i18n::Lang;

    fn message(expression: &str) -> String {
        let error = parse(expression).expect_err(expression);
        let text = Lang::EN.translate(&error.into_error(expression).message());
        text.lines().next().unwrap_or_default().to_owned()
    }

    #[test]
    fn not_binds_closer_than_and_and_and_closer_than_or() {
        let Ok(Tree::Any(parts)) = parse("a or not b and c or (d)") else { panic!("an or") };

        assert!(matches!(&parts[0], Tree::Leaf(ast::Condition::Flag(name)) if name.text == "a"));
        assert!(matches!(&parts[1], Tree::All(both) if matches!(both[..], [Tree::Not(_), Tree::Leaf(_)])));
        assert!(matches!(&parts[2], Tree::Leaf(ast::Condition::Flag(name)) if name.text == "d"));
    }

    #[test]
    fn keywords_are_accepted_in_any_case_and_in_russian() {
        assert!(matches!(parse("a И НЕ b"), Ok(Tree::All(_))));
        assert!(matches!(parse("a Или b"), Ok(Tree::Any(_))));
        assert!(matches!(parse("`не` IS NOT SET"), Ok(Tree::Leaf(ast::Condition::Compare(_, Op::Unset, _, _)))));
        assert!(matches!(
            parse("OPENED(ANY, 1 Day)"),
            Ok(Tree::Leaf(ast::Condition::Activity(Activity::Opened, None, Some(1))))
        ));
    }

    #[test]
    fn an_error_names_the_mistake_and_its_column() {
        for (expression, expected) in [
            ("", "column 1: expected a condition such as age >= 18, found the end."),
            ("a = 1 and", "column 10: expected a condition such as age >= 18, found the end."),
            ("a = 1 and and b", "column 11: expected a condition such as age >= 18, found `and`."),
            ("(a = 1 and b", "column 13: expected `)`, found the end."),
            ("a = 1)", "column 6: expected `and`, `or` or the end, found `)`."),
            ("city Казань", "column 6: expected a comparison such as = or in (\"…\"), found `Казань`."),
            ("city = Казань", "column 8: texts are written in quotes: \"Казань\"."),
            ("city in Казань", "column 9: expected `(`, found `Казань`."),
            ("city starts \"К\"", "column 13: expected `with`, found `\"К\"`."),
            ("opened(autumn)", "column 8: expected `any` or the name of a campaign in quotes, found `autumn`."),
            ("opend(any)", "column 1: no function `opend`; did you mean `opened`?"),
            ("on(\"News\", 0 days)", "column 12: a time span is a whole number of days from 1 to 36500."),
            ("opened(any, 90)", "column 15: expected a time span such as 90 days, found `)`."),
            ("joined(\"News\")", "column 15: expected a comparison such as = or in (\"…\"), found the end."),
            ("a = \"b", "column 5: this quotation mark is never closed."),
            (
                "a = 1 && b",
                "column 7: unexpected `&`; an expression has names, texts in quotes, numbers, comparisons and parentheses.",
            ),
        ] {
            assert_eq!(message(expression), expected, "{expression}");
        }
    }

    #[test]
    fn an_expression_beyond_a_limit_is_refused_with_the_limit() {
        let chain = |count: usize| vec!["a = 1"; count].join(" or ");
        let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
        let several = |count: usize| format!("a in ({})", vec!["1"; count].join(","));

        assert!(parse(&chain(MAX_CONDITIONS)).is_ok());
        assert!(message(&chain(10_000)).contains("at most 1000 conditions"));
        assert!(parse(&nested(MAX_DEPTH)).is_ok());
        assert!(message(&nested(100_000)).contains("at most 100 deep"));
        assert!(message(&"not ".repeat(60_000)).contains("at most 100 deep"));
        assert!(parse(&several(MAX_VALUES)).is_ok());
        assert!(message(&several(MAX_VALUES + 1)).contains("at most 10000 values"));
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "\\PC*") {
            if let Err(error) = parse(&text) {
                Lang::RU.translate(&error.into_error(&text).message());
            }
        }

        #[test]
        fn any_order_of_tokens_is_parsed_or_refused(words in prop::collection::vec(prop::sample::select(vec![
            "a", "имя", "`x`", "and", "or", "not", "in", "is", "set", "starts", "ends", "with", "contains", "on", "joined",
            "opened", "any", "days", "ago", "today", "yes", "(", ")", ",", "=", "<>", ">=", "1", "-2.5", "2026-01-31",
            "\"t\"", "«т»", "\n",
        ]), 0..24)) {
            let text = words.join(" ");
            if let Err(error) = parse(&text) {
                let message = error.into_error(&text).message();
                prop_assert!(!Lang::EN.translate(&message).contains('{'), "{message:?}");
                prop_assert!(!Lang::RU.translate(&message).contains('{'), "{message:?}");
            }
        }
    }
}
