//! Resolves a parsed expression: looks up its names in the workspace and checks that operators and values fit the
//! types.

use super::ast::{self, Name, Value};
use super::lexer::day;
use super::parse_error::{ParseError, Span};
use super::typed_expr::{Condition, Literal, Op, REACHABLE, Reference, Subject, Tree};
use crate::audience::address::Address;
use crate::audience::field::{self, Field, Kind};
use crate::audience::list;
use crate::infra::db::{Cells, Conn, Query, read_each};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// The names that an expression may use: all of one workspace, so that nothing of another can be named.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// The declared fields.
    pub fields: Vec<Field>,
    /// The lists, closed ones too: a segment outlives a list, which then has no subscriber.
    pub lists: Vec<Reference>,
    /// The campaigns.
    pub campaigns: Vec<Reference>,
}

impl Names {
    /// The names of a workspace.
    pub async fn load(conn: &mut Conn, workspace: Id) -> Result<Self> {
        let fields = field::all(conn, workspace).await?;
        let lists = list::all(conn, workspace).await?;
        let query = Query::new(
            "select id, name
               from campaign
              where workspace_id = :workspace
              order by name{bytewise}",
        );
        let rows = query.bind("workspace", workspace).fetch_all(conn).await?;
        Ok(Self {
            fields,
            lists: lists.into_iter().map(|list| Reference { id: list.id, name: list.name }).collect(),
            campaigns: read_each("campaign", &rows, |row| Ok(Reference { id: row.cell(0)?, name: row.cell(1)? })),
        })
    }

    /// The typed form of a parsed expression.
    pub fn resolve(&self, tree: Tree<ast::Condition>) -> Result<Tree<Condition>, ParseError> {
        let each = |parts: Vec<Tree<ast::Condition>>| {
            parts.into_iter().map(|part| self.resolve(part)).collect::<Result<_, _>>()
        };
        Ok(match tree {
            Tree::All(parts) => Tree::All(each(parts)?),
            Tree::Any(parts) => Tree::Any(each(parts)?),
            Tree::Not(part) => Tree::Not(Box::new(self.resolve(*part)?)),
            Tree::Leaf(condition) => Tree::Leaf(self.condition(condition)?),
        })
    }

    fn condition(&self, condition: ast::Condition) -> Result<Condition, ParseError> {
        Ok(match condition {
            ast::Condition::Flag(name)
                if self.field(&name.text).is_none() && name.text.eq_ignore_ascii_case(REACHABLE) =>
            {
                Condition::Reachable
            }
            ast::Condition::Flag(name) => {
                let subject = self.subject(&name)?;
                match subject {
                    Subject::Field(_, Kind::Flag) => Condition::Compare(subject, Op::Equal, vec![Literal::Flag(true)]),
                    _ => {
                        let error = ParseError::new(name.span, "segment-alone").with("kind", kind(&subject));
                        return Err(error);
                    }
                }
            }
            ast::Condition::Compare(subject, op, span, values) => {
                let subject = match subject {
                    ast::Subject::Field(name) => self.subject(&name)?,
                    ast::Subject::Joined(name) => Subject::Joined(self.list(&name)?),
                };
                check_operator(&subject, op, span)?;
                let values = values.into_iter().map(|value| self.literal(&subject, op, value));
                let values = values.collect::<Result<_, _>>()?;
                Condition::Compare(subject, op, values)
            }
            ast::Condition::OnList(name, within) => Condition::OnList(self.list(&name)?, within),
            ast::Condition::Activity(activity, name, within) => {
                let campaign = name.map(|name| self.campaign(&name)).transpose()?;
                Condition::Activity(activity, campaign, within)
            }
        })
    }

    fn subject(&self, name: &Name) -> Result<Subject, ParseError> {
        if let Some(field) = self.field(&name.text) {
            return Ok(Subject::Field(field.name.clone(), field.kind));
        }
        if name.text.to_lowercase() == "email" {
            return Ok(Subject::Email);
        }
        let known = self.fields.iter().map(|field| field.name.as_str()).chain(["email"]);
        Err(ParseError::unknown(name.span, &name.text, known, "segment-no-field-near", "segment-no-field"))
    }

    fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    fn list(&self, name: &Name) -> Result<Reference, ParseError> {
        find(&self.lists, name, "segment-no-list-near", "segment-no-list")
    }

    fn campaign(&self, name: &Name) -> Result<Reference, ParseError> {
        find(&self.campaigns, name, "segment-no-campaign-near", "segment-no-campaign")
    }

    /// The value as the database stores such values, before case folding.
    fn literal(&self, subject: &Subject, op: Op, value: Value) -> Result<Literal, ParseError> {
        let span = value.span;
        let wrong_type = || ParseError::new(span, "segment-value").with("kind", kind(subject)).with("subject", subject);
        match (subject, value.literal) {
            (_, Literal::Text(text)) if text.is_empty() => {
                Err(ParseError::new(span, "segment-empty").with("subject", subject))
            }
            (Subject::Email, Literal::Text(text)) => match op {
                op if op.is_part() => Ok(Literal::Text(text)),
                _ => match Address::parse(&text) {
                    Ok(address) => Ok(Literal::Text(address.canonical())),
                    Err(_) => Err(ParseError::new(span, "segment-no-address")),
                },
            },
            (Subject::Field(name, Kind::Choice), Literal::Text(text)) => match op {
                op if op.is_part() => Ok(Literal::Text(text)),
                _ => self.choice(name, &text, span),
            },
            (Subject::Field(_, Kind::Text), literal @ Literal::Text(_))
            | (Subject::Field(_, Kind::Number), literal @ Literal::Number(_))
            | (Subject::Field(_, Kind::Flag), literal @ Literal::Flag(_))
            | (Subject::Field(_, Kind::Date) | Subject::Joined(_), literal @ (Literal::Day(_) | Literal::Ago(_))) => {
                Ok(literal)
            }
            (Subject::Field(_, Kind::Date) | Subject::Joined(_), Literal::Text(text)) => {
                day(&text).map(Literal::Day).ok_or_else(wrong_type)
            }
            _ => Err(wrong_type()),
        }
    }

    fn choice(&self, name: &str, text: &str, span: Span) -> Result<Literal, ParseError> {
        let words = self.field(name).map_or(&[][..], |field| &field.choices);
        let folded = text.to_lowercase();
        match words.iter().find(|word| word.to_lowercase() == folded) {
            Some(word) => Ok(Literal::Text(word.clone())),
            None => {
                let words = words.iter().map(String::as_str);
                let error = ParseError::unknown(span, text, words, "segment-no-choice-near", "segment-no-choice");
                Err(error.with("subject", name))
            }
        }
    }
}

fn find(known: &[Reference], name: &Name, near: &'static str, far: &'static str) -> Result<Reference, ParseError> {
    known.iter().find(|one| one.name == name.text).cloned().ok_or_else(|| {
        let names = known.iter().map(|one| one.name.as_str());
        ParseError::unknown(name.span, &name.text, names, near, far)
    })
}

/// The type word of a subject, by which messages choose their wording.
fn kind(subject: &Subject) -> &'static str {
    match subject {
        Subject::Email => Kind::Text.as_str(),
        Subject::Field(_, kind) => kind.as_str(),
        Subject::Joined(_) => Kind::Date.as_str(),
    }
}

const TEXT_OPERATORS: &[Op] =
    &[Op::Equal, Op::Unequal, Op::In, Op::NotIn, Op::Contains, Op::StartsWith, Op::EndsWith, Op::Set, Op::Unset];
const ORDER_OPERATORS: &[Op] = &[Op::Equal, Op::Unequal, Op::Less, Op::AtMost, Op::Greater, Op::AtLeast];
const SCALE_OPERATORS: &[Op] =
    &[Op::Equal, Op::Unequal, Op::Less, Op::AtMost, Op::Greater, Op::AtLeast, Op::In, Op::NotIn, Op::Set, Op::Unset];
const FLAG_OPERATORS: &[Op] = &[Op::Equal, Op::Unequal, Op::Set, Op::Unset];

fn check_operator(subject: &Subject, op: Op, span: Span) -> Result<(), ParseError> {
    let fitting = match subject {
        Subject::Email | Subject::Field(_, Kind::Text | Kind::Choice) => TEXT_OPERATORS,
        Subject::Field(_, Kind::Number | Kind::Date) => SCALE_OPERATORS,
        Subject::Field(_, Kind::Flag) => FLAG_OPERATORS,
        Subject::Joined(_) => ORDER_OPERATORS,
    };
    if fitting.contains(&op) {
        return Ok(());
    }
    let fitting: Vec<_> = fitting.iter().map(|op| op.as_str()).collect();
    Err(ParseError::new(span, "segment-operator")
        .with("subject", subject)
        .with("kind", kind(subject))
        .with("fitting", fitting.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::*;
    use crate::infra::i18n::Lang;

    fn names() -> Names {
        let field = |name, kind| Field::declare(name, kind).expect(name);
        let named = |id, name: &str| Reference { id, name: name.to_owned() };
        Names {
            fields: vec![
                field("city", "text"),
                field("age", "number"),
                field("birthday", "date"),
                field("vip", "flag"),
                field("plan", "choice:Free,Pro"),
                field("не", "text"),
            ],
            lists: vec![named(1, "News"), named(2, "Скидки \"до\"")],
            campaigns: vec![named(3, "autumn")],
        }
    }

    fn resolve(expression: &str) -> Result<Tree<Condition>, ParseError> {
        parse(expression).and_then(|tree| names().resolve(tree))
    }

    fn mistake(lang: Lang, expression: &str) -> String {
        lang.translate(&resolve(expression).expect_err(expression).into_error(expression).message())
    }

    #[test]
    fn an_expression_prints_as_one_of_the_same_meaning() {
        for expression in [
            r#"city in ("Москва", "Казань") and age >= 18 and not opened(any, 90 days) and on("News")"#,
            r#"(vip = yes or not (age < -1.5 and plan = "Pro")) and not not `не` is not set"#,
            r#"birthday > 30 days ago or birthday not in (2026-01-31, today) or joined("News") != 2026-01-01"#,
            r#"on("Скидки \"до\"", 7 days) or clicked("autumn") or received("autumn", 1 days)"#,
            r#"email contains "@mail.ru" or email = "иван@xn--80a1acny.xn--p1ai" or city starts with "К\\" or city ends with "нь""#,
        ] {
            let tree = resolve(expression).expect(expression);

            assert_eq!(tree.to_string(), expression);
            assert_eq!(resolve(&tree.to_string()).expect("reads back"), tree);
        }
    }

    #[test]
    fn spellings_become_one_form() {
        for (expression, form) in [
            ("vip", "vip = yes"),
            ("((vip))", "vip = yes"),
            ("plan == \"pro\"", "plan = \"Pro\""),
            ("birthday = '31.01.2026'", "birthday = 2026-01-31"),
            ("EMAIL = «Иван@Почта.РФ»", "email = \"иван@xn--80a1acny.xn--p1ai\""),
            ("`city` <> “a”", "city != \"a\""),
        ] {
            assert_eq!(resolve(expression).expect(expression).to_string(), form);
        }
    }

    #[test]
    fn mistakes_point_at_the_place_and_suggest() {
        assert_eq!(
            mistake(Lang::EN, "age >= 18 or citty = \"Казань\""),
            "column 14: no field `citty`; did you mean `city`?\n  age >= 18 or citty = \"Казань\"\n               ^"
        );
        assert_eq!(
            mistake(Lang::RU, "vip and\non(\"New\")"),
            "строка 2, позиция 4: нет списка \"New\"; может быть, \"News\"?\n  on(\"New\")\n     ^"
        );
    }

    #[test]
    fn a_value_or_operator_of_the_wrong_type_is_refused() {
        for (expression, expected) in [
            ("city < \"К\"", "column 6: `<` cannot be used with `city`, which is a text; use: =, !=, in,"),
            ("age contains \"1\"", "column 5: `contains` cannot be used with `age`, which is a number;"),
            ("joined(\"News\") is set", "column 16: `is set` cannot be used with `joined(\"News\")`, which is a date;"),
            ("age = \"18\"", "column 7: `age` is a number, and \"18\" is not; write a number without quotes."),
            ("city in (\"a\", 5)", "column 15: `city` is a text, and 5 is not; write a text in quotes."),
            ("birthday > \"soon\"", "column 12: `birthday` is a date, and \"soon\" is not; write a day such as"),
            ("vip = 1", "column 7: `vip` is a flag, and 1 is not; write yes or no."),
            ("city and vip", "column 1: `city` is a text and cannot stand alone;"),
            ("plan = \"prro\"", "column 8: \"prro\" is not a value of `plan`; did you mean \"Pro\"?"),
            ("plan = \"gold\"", "column 8: \"gold\" is not a value of `plan`; the values are: Free, Pro."),
            ("opened(\"autunm\")", "column 8: no campaign \"autunm\"; did you mean \"autumn\"?"),
            ("email = \"mail.ru\"", "column 9: \"mail.ru\" is not an e-mail address;"),
            ("city = \"\"", "column 8: a value is never an empty text; write: city is not set"),
            ("secret = 1", "column 1: no field `secret`; there are: city, age, birthday, vip, plan, не, email."),
        ] {
            let text = mistake(Lang::EN, expression);
            assert!(text.starts_with(expected), "{expression}: {text}");
        }
    }
}
