//! From a typed tree to SQL over a row `c` of `contact`. Text comes from here, everything else is
//! bound. Below a `not` every condition is true or false and never null, so that `not` is the exact
//! opposite; elsewhere a null counts as false and is left, because an index serves a bare comparison
//! only.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::typed_expr::{Act, Literal, Named, Op, Subject, Test, Tree};
use crate::audience::eligibility;
use crate::audience::field::Kind;
use crate::audience::indexed_field::{IndexedField, LONGEST};
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::{Db, Sql};

const RECEIVED: &str = " from delivery sent where sent.contact_id = c.id and sent.state = ";
const CAME_BACK: &str = " from event seen where seen.contact_id = c.id and seen.kind = ";

/// Writes conditions onto a statement.
pub struct Writer<'a> {
    sql: &'a mut Sql,
    position: &'static str,
    facets: &'a [IndexedField],
    now: Millis,
    /// Whether null must not come out.
    strict: bool,
}

impl<'a> Writer<'a> {
    /// A writer that uses these facets and counts time spans back from `now`.
    pub fn new(sql: &'a mut Sql, db: &Db, facets: &'a [IndexedField], now: Millis) -> Self {
        Self { sql, position: db.position(), facets, now, strict: false }
    }

    /// The condition of the whole tree.
    pub fn tree(&mut self, tree: &Tree<Test>) {
        match tree {
            Tree::All(parts) => self.group(parts, " and "),
            Tree::Any(parts) => self.group(parts, " or "),
            Tree::Not(part) => {
                let outside = std::mem::replace(&mut self.strict, true);
                self.sql.push("not (");
                self.tree(part);
                self.sql.push(")");
                self.strict = outside;
            }
            Tree::Leaf(test) => self.test(test),
        }
    }

    /// In halves and halves of halves: a chain of a thousand would be deeper than SQLite goes.
    fn group(&mut self, parts: &[Tree<Test>], word: &str) {
        if let [part] = parts {
            return self.tree(part);
        }
        let (left, right) = parts.split_at(parts.len() / 2);
        self.sql.push("(");
        self.group(left, word);
        self.sql.push(word);
        self.group(right, word);
        self.sql.push(")");
    }

    /// The condition of one test.
    pub fn test(&mut self, test: &Test) {
        match test {
            Test::Value(Subject::Joined(list), op, values) => {
                self.sql.push("exists (select 1");
                self.membership(list);
                values.iter().for_each(|value| self.joined(*op, value));
                self.sql.push(")");
            }
            Test::Value(subject, op, values) => self.value(subject, *op, values),
            Test::On(list, within) => {
                self.sql.push("exists (select 1");
                self.membership(list);
                self.since("member.joined_at", *within);
                self.sql.push(")");
            }
            Test::Letter(act @ (Act::Opened | Act::Clicked), None, within) => {
                let at = if *act == Act::Opened { "c.opened_at" } else { "c.clicked_at" };
                self.sql.push(if self.strict { "coalesce(" } else { "(" }).push(at);
                match within {
                    None => drop(self.sql.push(" is not null")),
                    Some(days) => self.bound(&[" >= "], self.now - i64::from(*days) * DAY),
                }
                self.sql.push(if self.strict { ", 1 = 0)" } else { ")" });
            }
            Test::Letter(act, campaign, within) => {
                self.sql.push("exists (select 1");
                self.letters(*act, campaign.as_ref());
                self.since(time_of(*act), *within);
                self.sql.push(")");
            }
        }
    }

    /// When what the test asks about happened last; null when it never did, or is no event.
    pub fn moment(&mut self, test: &Test) {
        match test {
            Test::Value(Subject::Joined(list), ..) | Test::On(list, _) => {
                self.sql.push("(select max(member.joined_at)");
                self.membership(list);
                self.sql.push(")");
            }
            Test::Letter(act, campaign, _) => {
                self.sql.push("(select max(").push(time_of(*act)).push(")");
                self.letters(*act, campaign.as_ref());
                self.sql.push(")");
            }
            Test::Value(..) => {
                self.sql.push("cast(null as bigint)");
            }
        }
    }

    fn value(&mut self, subject: &Subject, op: Op, values: &[Literal]) {
        let facet = self.facet(subject, op, values);
        if matches!(op, Op::Set | Op::Unset) {
            self.operand(subject, facet);
            self.sql.push(if op == Op::Set { " is not null" } else { " is null" });
            return;
        }
        // A person without a value is outside every comparison. `1 = 0` is false in both databases.
        self.sql.push(if self.strict { "coalesce(" } else { "(" });
        match op {
            Op::Contains | Op::StartsWith => self.search(subject, op, values),
            Op::In | Op::NotIn => {
                self.operand(subject, facet);
                self.sql.push(if op == Op::In { " in (" } else { " not in (" });
                for (index, value) in values.iter().enumerate() {
                    self.sql.push(if index == 0 { "" } else { ", " });
                    self.literal(value);
                }
                self.sql.push(")");
            }
            _ => {
                self.operand(subject, facet);
                self.sql.push(sign(op));
                values.iter().for_each(|value| self.literal(value));
            }
        }
        self.sql.push(if self.strict { ", 1 = 0)" } else { ")" });
    }

    /// The column that a value stands in, if it does and holds enough of it for this comparison.
    fn facet(&self, subject: &Subject, op: Op, values: &[Literal]) -> Option<&'static str> {
        let Subject::Field(name, _) = subject else { return None };
        let long =
            |value: &Literal| matches!(value, Literal::Text(text) if text.to_lowercase().chars().count() > LONGEST);
        if matches!(op, Op::Contains | Op::StartsWith) || values.iter().any(long) {
            return None;
        }
        self.facets.iter().find(|facet| facet.field == *name).map(|facet| facet.place)
    }

    fn operand(&mut self, subject: &Subject, facet: Option<&str>) {
        let (before, name, after) = match (subject, facet) {
            (Subject::Email | Subject::Joined(_), _) => {
                self.sql.push("c.canonical");
                return;
            }
            (Subject::Field(..), Some(place)) => {
                self.sql.push("c.").push(place);
                return;
            }
            (Subject::Field(name, Kind::Text | Kind::Choice), None) => ("(json(c.folded) ->> ", name, ")"),
            (Subject::Field(name, Kind::Date), None) => ("(json(c.fields) ->> ", name, ")"),
            (Subject::Field(name, Kind::Number | Kind::Flag), None) => {
                ("cast(json(c.fields) ->> ", name, " as double precision)")
            }
        };
        self.sql.push(before).bind(name.clone()).push(after);
    }

    fn literal(&mut self, literal: &Literal) {
        match literal {
            Literal::Text(text) => self.sql.bind(text.to_lowercase()),
            Literal::Number(number) => self.sql.bind(*number),
            Literal::Flag(flag) => self.sql.bind(f64::from(u8::from(*flag))),
            Literal::Day(_) | Literal::Ago(_) => self.sql.bind(self.day(literal).map(|day| day.to_string())),
        };
    }

    /// The day that a literal names; `None` for those that name none.
    fn day(&self, literal: &Literal) -> Option<Date> {
        match literal {
            Literal::Day(day) => Some(*day),
            Literal::Ago(days) => Some(day_of(self.now - i64::from(*days) * DAY)),
            Literal::Text(_) | Literal::Number(_) | Literal::Flag(_) => None,
        }
    }

    fn search(&mut self, subject: &Subject, op: Op, values: &[Literal]) {
        let texts = values.iter().filter_map(|value| if let Literal::Text(text) = value { Some(text) } else { None });
        let needles: Vec<String> = texts.flat_map(|text| needles(subject, text)).collect();
        for (index, needle) in needles.into_iter().enumerate() {
            self.sql.push(if index == 0 { "" } else { " or " }).push(self.position).push("(");
            self.operand(subject, None);
            self.sql.push(", ").bind(needle).push(if op == Op::Contains { ") > 0" } else { ") = 1" });
        }
    }

    fn membership(&mut self, list: &Named) {
        self.sql.push(" from subscription member where member.contact_id = c.id and member.list_id = ");
        self.sql.bind(list.id).push(" and ").push(&eligibility::mailable("member"));
    }

    /// Days begin at midnight UTC.
    fn joined(&mut self, op: Op, value: &Literal) {
        let Some(day) = self.day(value) else { return };
        let start = day.duration_since(Date::constant(1970, 1, 1)).as_hours() * (DAY / 24);
        let end = start + DAY;
        let at = "member.joined_at";
        match op {
            Op::Less => self.bound(&[" and ", at, " < "], start),
            Op::AtMost => self.bound(&[" and ", at, " < "], end),
            Op::Greater => self.bound(&[" and ", at, " >= "], end),
            Op::AtLeast => self.bound(&[" and ", at, " >= "], start),
            Op::Unequal => {
                self.bound(&[" and (", at, " < "], start);
                self.bound(&[" or ", at, " >= "], end);
                self.sql.push(")");
            }
            _ => {
                self.bound(&[" and ", at, " >= "], start);
                self.bound(&[" and ", at, " < "], end);
            }
        }
    }

    fn bound(&mut self, words: &[&str], at: Millis) {
        words.iter().for_each(|word| {
            self.sql.push(word);
        });
        self.sql.bind(at);
    }

    /// The rows that tell of an act.
    fn letters(&mut self, act: Act, campaign: Option<&Named>) {
        let (rows, word, of) = match act {
            Act::Received => (RECEIVED, "accepted", " and sent.campaign_id = "),
            Act::Opened => (CAME_BACK, "open", " and seen.campaign_id = "),
            Act::Clicked => (CAME_BACK, "click", " and seen.campaign_id = "),
        };
        self.sql.push(rows).bind(word.to_owned());
        let Some(campaign) = campaign else { return };
        self.sql.push(of).bind(campaign.id);
        if act == Act::Received {
            // Where they are looked for by campaign, not by person: all others are no candidates.
            self.sql.push(" and sent.id >= (select first_delivery from campaign where id = ").bind(campaign.id);
            self.sql
                .push(") and sent.id <= (select last_delivery from campaign where id = ")
                .bind(campaign.id)
                .push(")");
        }
    }

    fn since(&mut self, column: &str, within: Option<u32>) {
        if let Some(days) = within {
            self.bound(&[" and ", column, " >= "], self.now - i64::from(days) * DAY);
        }
    }
}

/// The column that tells when an act happened.
fn time_of(act: Act) -> &'static str {
    match act {
        Act::Received => "sent.changed_at",
        Act::Opened | Act::Clicked => "seen.at",
    }
}

fn sign(op: Op) -> &'static str {
    match op {
        Op::Unequal => " <> ",
        Op::Less => " < ",
        Op::AtMost => " <= ",
        Op::Greater => " > ",
        Op::AtLeast => " >= ",
        _ => " = ",
    }
}

/// What to look for. Domains are kept as A-labels, so that `@почта.рф` is also looked for as
/// `@xn--80a1acny.xn--p1ai`: whole labels are found, parts of them cannot be.
fn needles(subject: &Subject, text: &str) -> Vec<String> {
    let folded = text.to_lowercase();
    let (local, domain) = folded.split_at(folded.rfind('@').map_or(0, |at| at + 1));
    let ascii = idna::domain_to_ascii(domain).ok().map(|domain| format!("{local}{domain}"));
    let ascii = ascii.filter(|ascii| *subject == Subject::Email && !domain.is_ascii() && *ascii != folded);
    std::iter::once(folded.clone()).chain(ascii).collect()
}

/// The day of a moment, by UTC.
pub fn day_of(at: Millis) -> Date {
    Timestamp::from_millisecond(at).unwrap_or_default().to_zoned(TimeZone::UTC).date()
}
