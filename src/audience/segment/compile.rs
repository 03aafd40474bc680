//! Compiles a typed expression to an SQL condition over a row `c` of `contact`.
//!
//! The text comes from here alone; every name and value is bound. Below a `not` each condition is true or false and
//! never null, so that `not` selects exactly the others. Elsewhere null counts as false and is left as it is, because
//! an index serves a bare comparison only.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::typed_expr::{Activity, Condition, Literal, Op, Reference, Subject, Tree};
use crate::audience::eligibility;
use crate::audience::field::Kind;
use crate::audience::indexed_field::{COMPARABLE_CHARS, IndexedField};
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::{Binding, Query, Sql};

/// Compiles conditions with the columns of indexed fields; time spans are counted back from `now`.
#[derive(Clone, Copy)]
pub struct Compiler<'a> {
    indexed: &'a [IndexedField],
    now: Millis,
    /// Whether a condition must not be null: below a `not`.
    strict: bool,
}

impl<'a> Compiler<'a> {
    /// A compiler for these indexed fields and this moment.
    pub fn new(indexed: &'a [IndexedField], now: Millis) -> Self {
        Self { indexed, now, strict: false }
    }

    /// The condition of the whole expression.
    pub fn tree(self, tree: &Tree<Condition>) -> Query {
        match tree {
            Tree::All(parts) => self.group(parts, "({left} and {right})"),
            Tree::Any(parts) => self.group(parts, "({left} or {right})"),
            Tree::Not(part) => {
                let strict = Self { strict: true, ..self };
                Query::new("not ({part})").fragment("part", strict.tree(part))
            }
            Tree::Leaf(condition) => self.condition(condition),
        }
    }

    /// A balanced tree of pairs: a chain of a thousand would be deeper than SQLite allows.
    fn group(self, parts: &[Tree<Condition>], pair: &'static str) -> Query {
        if let [part] = parts {
            return self.tree(part);
        }
        let (left, right) = parts.split_at(parts.len() / 2);
        Query::new(pair).fragment("left", self.group(left, pair)).fragment("right", self.group(right, pair))
    }

    /// The SQL of one condition.
    pub fn condition(self, condition: &Condition) -> Query {
        match condition {
            Condition::Compare(Subject::Joined(list), op, values) => {
                let days = values.iter().filter_map(|value| self.day(value));
                let days: Vec<_> = days.map(|day| joined(*op, day)).collect();
                self.on_list(list, days)
            }
            Condition::Compare(Subject::Field(name, kind), op, values) => {
                self.compare(*op, &self.field(name, *kind, *op, values), values)
            }
            Condition::Compare(Subject::Email, op, values) if op.is_part() => {
                self.compare(*op, &Query::new("c.canonical"), &with_ascii_domains(values))
            }
            Condition::Compare(Subject::Email, op, values) => self.compare(*op, &Query::new("c.canonical"), values),
            Condition::Reachable => Query::new("c.reachable = 1"),
            Condition::OnList(list, within) => {
                let recent =
                    self.since(*within).map(|since| Query::new("member.joined_at >= :since").bind("since", since));
                self.on_list(list, recent.into_iter().collect())
            }
            Condition::Activity(activity @ (Activity::Opened | Activity::Clicked), None, within) => {
                let column = if *activity == Activity::Opened { "c.opened_at" } else { "c.clicked_at" };
                let condition = match self.since(*within) {
                    None => Query::new("{column} is not null"),
                    Some(since) => Query::new("{column} >= :since").bind("since", since),
                };
                self.never_null(condition.fragment("column", column))
            }
            Condition::Activity(activity, campaign, within) => {
                let recent = match self.since(*within) {
                    None => Query::new(""),
                    Some(since) => {
                        Query::new(" and {time} >= :since").fragment("time", time_of(*activity)).bind("since", since)
                    }
                };
                Query::new("exists (select 1 from {rows}{recent})")
                    .fragment("rows", rows_of(*activity, campaign.as_ref()))
                    .fragment("recent", recent)
            }
        }
    }

    /// When the thing that the condition asks about last happened; null when it never did, or is no event.
    pub fn last_time(self, condition: &Condition) -> Query {
        match condition {
            Condition::Compare(Subject::Joined(list), ..) | Condition::OnList(list, _) => {
                Query::new("(select max(member.joined_at) from {membership})").fragment("membership", membership(list))
            }
            Condition::Activity(activity, campaign, _) => Query::new("(select max({time}) from {rows})")
                .fragment("time", time_of(*activity))
                .fragment("rows", rows_of(*activity, campaign.as_ref())),
            Condition::Compare(..) | Condition::Reachable => Query::new("cast(null as bigint)"),
        }
    }

    /// A mailable subscription to the list that meets the further conditions.
    fn on_list(self, list: &Reference, further: Vec<Query>) -> Query {
        let further = further.into_iter().fold(Query::new(""), |before, condition| {
            Query::new("{before} and {condition}").fragment("before", before).fragment("condition", condition)
        });
        Query::new("exists (select 1 from {membership}{further})")
            .fragment("membership", membership(list))
            .fragment("further", further)
    }

    /// A comparison of a column or JSON value with values. A contact without a value is outside every comparison.
    fn compare(self, op: Op, operand: &Query, values: &[Literal]) -> Query {
        let comparison = match op {
            Op::Set => return Query::new("{operand} is not null").fragment("operand", operand.clone()),
            Op::Unset => return Query::new("{operand} is null").fragment("operand", operand.clone()),
            Op::Contains => self.any_of(operand, "{position}({operand}, :value) > 0", values),
            Op::StartsWith => self.any_of(operand, "{position}({operand}, :value) = 1", values),
            Op::EndsWith => self.any_of(operand, ENDS_WITH, values),
            Op::In => Query::new("{operand} in ({values})").fragment("values", self.list(values)),
            Op::NotIn => Query::new("{operand} not in ({values})").fragment("values", self.list(values)),
            Op::Equal => Query::new("{operand} = {values}").fragment("values", self.list(values)),
            Op::Unequal => Query::new("{operand} <> {values}").fragment("values", self.list(values)),
            Op::Less => Query::new("{operand} < {values}").fragment("values", self.list(values)),
            Op::AtMost => Query::new("{operand} <= {values}").fragment("values", self.list(values)),
            Op::Greater => Query::new("{operand} > {values}").fragment("values", self.list(values)),
            Op::AtLeast => Query::new("{operand} >= {values}").fragment("values", self.list(values)),
        };
        self.never_null(match op {
            op if op.is_part() => comparison,
            _ => comparison.fragment("operand", operand.clone()),
        })
    }

    /// `1 = 0` is false on both databases.
    fn never_null(self, condition: Query) -> Query {
        let text = if self.strict { "coalesce({condition}, 1 = 0)" } else { "({condition})" };
        Query::new(text).fragment("condition", condition)
    }

    /// Values separated by commas.
    fn list(self, values: &[Literal]) -> Sql {
        let mut list = Sql::default();
        for (index, value) in values.iter().enumerate() {
            list.push(if index == 0 { "" } else { ", " }).bind(self.binding(value));
        }
        list
    }

    fn any_of(self, operand: &Query, text: &'static str, values: &[Literal]) -> Query {
        let each = values
            .iter()
            .map(|value| Query::new(text).fragment("operand", operand.clone()).bind("value", self.binding(value)));
        each.reduce(|left, right| Query::new("{left} or {right}").fragment("left", left).fragment("right", right))
            .unwrap_or_else(|| Query::new("1 = 0"))
    }

    /// The value of a field: its indexed column, if the column keeps enough of it for this comparison, or the JSON.
    fn field(self, name: &str, kind: Kind, op: Op, values: &[Literal]) -> Query {
        let fits = can_use_column(op, values);
        let indexed = self.indexed.iter().find(|indexed| fits && indexed.field == name);
        match (indexed, kind) {
            (Some(indexed), _) => Query::new(format!("c.{}", indexed.column)),
            (None, Kind::Text | Kind::Choice) => Query::new("(json(c.folded) ->> :name)").bind("name", name),
            (None, Kind::Date) => Query::new("(json(c.fields) ->> :name)").bind("name", name),
            (None, Kind::Number | Kind::Flag) => {
                Query::new("cast(json(c.fields) ->> :name as double precision)").bind("name", name)
            }
        }
    }

    fn binding(self, literal: &Literal) -> Binding {
        match literal {
            Literal::Text(text) => text.to_lowercase().into(),
            Literal::Number(number) => (*number).into(),
            Literal::Flag(flag) => f64::from(u8::from(*flag)).into(),
            Literal::Day(_) | Literal::Ago(_) => self.day(literal).map(|day| day.to_string()).into(),
        }
    }

    /// The day that a literal names; `None` for literals of other types.
    fn day(self, literal: &Literal) -> Option<Date> {
        match literal {
            Literal::Day(day) => Some(*day),
            Literal::Ago(days) => Some(day_of(self.now - i64::from(*days) * DAY)),
            Literal::Text(_) | Literal::Number(_) | Literal::Flag(_) => None,
        }
    }

    fn since(self, within: Option<u32>) -> Option<Millis> {
        within.map(|days| self.now - i64::from(days) * DAY)
    }
}

/// True when a comparison can be made with the column of an indexed field: not for a part of a text, nor for a text that the
/// column cuts off.
pub fn can_use_column(op: Op, values: &[Literal]) -> bool {
    let is_long = |value: &Literal| matches!(value, Literal::Text(text) if text.to_lowercase().chars().count() > COMPARABLE_CHARS);
    !op.is_part() && !values.iter().any(is_long)
}

/// The mailable subscription `member` of the contact to a list.
fn membership(list: &Reference) -> Query {
    Query::new("subscription member where member.contact_id = c.id and member.list_id = :list and {mailable}")
        .bind("list", list.id)
        .fragment("mailable", eligibility::mailable("member"))
}

/// The rows that record an activity of the contact.
fn rows_of(activity: Activity, campaign: Option<&Reference>) -> Query {
    let rows = match (activity, campaign) {
        (Activity::Received, None) => {
            Query::new("delivery sent where sent.contact_id = c.id and sent.state = 'accepted'")
        }
        // The range of the campaign's deliveries lets the planner search by campaign instead of by contact.
        (Activity::Received, Some(_)) => Query::new(
            "delivery sent where sent.contact_id = c.id and sent.state = 'accepted' and sent.campaign_id = :campaign \
             and sent.id >= (select first_delivery from campaign where id = :campaign) \
             and sent.id <= (select last_delivery from campaign where id = :campaign)",
        ),
        (Activity::Opened, None) => Query::new("event seen where seen.contact_id = c.id and seen.kind = 'open'"),
        (Activity::Opened, Some(_)) => Query::new(
            "event seen where seen.contact_id = c.id and seen.kind = 'open' and seen.campaign_id = :campaign",
        ),
        (Activity::Clicked, None) => Query::new("event seen where seen.contact_id = c.id and seen.kind = 'click'"),
        (Activity::Clicked, Some(_)) => Query::new(
            "event seen where seen.contact_id = c.id and seen.kind = 'click' and seen.campaign_id = :campaign",
        ),
    };
    match campaign {
        Some(campaign) => rows.bind("campaign", campaign.id),
        None => rows,
    }
}

/// The column that says when an activity happened.
fn time_of(activity: Activity) -> &'static str {
    match activity {
        Activity::Received => "sent.changed_at",
        Activity::Opened | Activity::Clicked => "seen.at",
    }
}

/// The condition that a subscription began before, on or after a day, which begins at midnight UTC.
fn joined(op: Op, day: Date) -> Query {
    let start = day.duration_since(Date::constant(1970, 1, 1)).as_hours() * (DAY / 24);
    let end = start + DAY;
    let with_start = |text| Query::new(text).bind("start", start);
    let with_end = |text| Query::new(text).bind("end", end);
    match op {
        Op::Less => with_start("member.joined_at < :start"),
        Op::AtMost => with_end("member.joined_at < :end"),
        Op::Greater => with_end("member.joined_at >= :end"),
        Op::AtLeast => with_start("member.joined_at >= :start"),
        Op::Unequal => with_start("(member.joined_at < :start or member.joined_at >= :end)").bind("end", end),
        _ => with_start("member.joined_at >= :start and member.joined_at < :end").bind("end", end),
    }
}

/// The texts to look for in an address. Domains are stored as A-labels, so that `@почта.рф` is also looked for as
/// `@xn--80a1acny.xn--p1ai`: whole labels are found, parts of them cannot be.
fn with_ascii_domains(values: &[Literal]) -> Vec<Literal> {
    let mut texts = Vec::new();
    for value in values {
        texts.push(value.clone());
        let Literal::Text(text) = value else { continue };
        let folded = text.to_lowercase();
        let (local, domain) = folded.split_at(folded.rfind('@').map_or(0, |at| at + 1));
        if !domain.is_ascii()
            && let Ok(ascii) = idna::domain_to_ascii(domain)
        {
            texts.push(Literal::Text(format!("{local}{ascii}")));
        }
    }
    texts
}

/// `substr` from a position before the first character means something else on each database.
const ENDS_WITH: &str = "(length({operand}) >= length(:value)
                  and substr({operand}, length({operand}) - length(:value) + 1) = :value)";

/// The day of a moment, by UTC.
pub fn day_of(at: Millis) -> Date {
    Timestamp::from_millisecond(at).unwrap_or_default().to_zoned(TimeZone::UTC).date()
}
