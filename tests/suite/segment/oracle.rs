//! Oracle of the segment tests: random contacts and expressions, evaluated in plain Rust without parser or SQL.

use rand::RngExt;
use rand::rngs::StdRng;
use sendoff::audience::contact::Values;
use sendoff::infra::clock::DAY;

use crate::fixture::NOW;

pub const LISTS: [&str; 2] = ["News", "Скидки \"до\" 50%"];
pub const CAMPAIGNS: [&str; 2] = ["autumn", "winter\\sale"];
/// The last three differ around the length of an indexed column (`indexed_field::INDEXED_CHARS`).
const TEXTS: [&str; 10] = [
    "Казань",
    "казань-2",
    "ЁЛКА",
    "O'Hara",
    "'); drop table contact; --",
    "100%_\\",
    "🙂 \"quoted\"",
    "жжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжж",
    "жжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжз",
    "жжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжз, и дальше",
];
const NUMBERS: [f64; 5] = [-1.5, 0.0, 17.0, 18.0, 1e15];
const WORDS: [&str; 2] = ["Free", "Про"];
const ORDER: [&str; 8] = ["=", "!=", "<", "<=", ">", ">=", "in", "not in"];
const SAME: [&str; 4] = ["=", "<>", "in", "not in"];

/// A contact as the test knows it.
pub struct Person {
    pub email: String,
    pub values: Values,
    /// Lists, and when the contact joined each.
    pub lists: Vec<(usize, i64)>,
    /// Activity, campaign and time.
    pub activities: Vec<(&'static str, usize, i64)>,
}

fn pick<T: Copy>(rng: &mut StdRng, from: &[T]) -> T {
    from[rng.random_range(0..from.len())]
}

/// A time in the last hundred days, sometimes at the start of a day.
fn random_time(rng: &mut StdRng) -> i64 {
    let at = NOW - rng.random_range(0..100) * DAY;
    if rng.random_bool(0.3) { at.div_euclid(DAY) * DAY } else { at - rng.random_range(0..DAY) }
}

fn day(days: i64) -> String {
    let date = jiff::civil::Date::constant(1970, 1, 1).checked_add(jiff::Span::new().days(days));
    date.expect("a day").to_string()
}

impl Person {
    pub fn random(rng: &mut StdRng, number: usize) -> Self {
        let mut values = Values::new();
        let mut set = |rng: &mut StdRng, name: &str, value: serde_json::Value| {
            if rng.random_bool(0.7) {
                values.insert(name.to_owned(), value);
            }
        };
        let city = pick(rng, &TEXTS);
        let city = if rng.random_bool(0.5) { city.to_uppercase() } else { city.to_owned() };
        set(rng, "city", city.into());
        let age = pick(rng, &NUMBERS);
        set(rng, "age", if age.fract() == 0.0 { (age as i64).into() } else { age.into() });
        let birthday = day(random_time(rng) / DAY);
        set(rng, "birthday", birthday.into());
        let vip = rng.random_range(0..2);
        set(rng, "vip", vip.into());
        let plan = pick(rng, &WORDS);
        set(rng, "plan", plan.into());
        let lists = (0..LISTS.len()).filter(|_| rng.random_bool(0.6)).collect::<Vec<_>>();
        let activities = (0..rng.random_range(0..4)).map(|_| {
            let activity = pick(rng, &["opened", "clicked", "received"]);
            (activity, rng.random_range(0..CAMPAIGNS.len()), random_time(rng))
        });
        // The table has one delivery per contact and campaign.
        let mut activities: Vec<_> = activities.collect();
        activities.sort_by_key(|(activity, campaign, _)| (*activity, *campaign));
        activities.dedup_by_key(|(activity, campaign, _)| (*activity, *campaign));
        let lists = lists.into_iter().map(|list| (list, random_time(rng))).collect();
        let email = format!("P{number}@{}", pick(rng, &["mail.ru", "почта.рф", "example.org"]));
        Self { email, values, lists, activities }
    }
}

/// A condition as the test knows it.
pub enum ExpectedCondition {
    All(Vec<ExpectedCondition>),
    Any(Vec<ExpectedCondition>),
    Not(Box<ExpectedCondition>),
    Text(&'static str, &'static str, Vec<&'static str>),
    Part(&'static str, &'static str, &'static str),
    Number(&'static str, Vec<f64>),
    Day(&'static str, Vec<i64>),
    Flag(bool),
    Has(&'static str, bool),
    Email(&'static str),
    On(usize, Option<i64>),
    Joined(usize, &'static str, i64),
    Activity(&'static str, Option<usize>, Option<i64>),
}

impl ExpectedCondition {
    pub fn random(rng: &mut StdRng, depth: usize) -> Self {
        let parts = |rng: &mut StdRng| (0..rng.random_range(2..4)).map(|_| Self::random(rng, depth - 1)).collect();
        let within = |rng: &mut StdRng| rng.random_bool(0.7).then(|| rng.random_range(1..100));
        let several = |op: &str, rng: &mut StdRng| if op.ends_with("in") { rng.random_range(1..4) } else { 1 };
        match rng.random_range(if depth == 0 { 3 } else { 0 }..13) {
            0 => Self::All(parts(rng)),
            1 => Self::Any(parts(rng)),
            2 => Self::Not(Box::new(Self::random(rng, depth - 1))),
            3 => {
                let op = pick(rng, &SAME);
                Self::Text("city", op, (0..several(op, rng)).map(|_| pick(rng, &TEXTS)).collect())
            }
            4 => {
                let op = pick(rng, &SAME);
                Self::Text("plan", op, (0..several(op, rng)).map(|_| pick(rng, &WORDS)).collect())
            }
            5 => Self::Part(
                "city",
                pick(rng, &["contains", "starts with", "ends with"]),
                pick(rng, &["каз", "'", "%", "\\", "К", "нь"]),
            ),
            6 => {
                let op = pick(rng, &ORDER);
                Self::Number(op, (0..several(op, rng)).map(|_| pick(rng, &NUMBERS)).collect())
            }
            7 => {
                let op = pick(rng, &ORDER);
                Self::Day(op, (0..several(op, rng)).map(|_| random_time(rng) / DAY).collect())
            }
            8 => Self::Flag(rng.random_bool(0.5)),
            9 => Self::Has(pick(rng, &["city", "age", "birthday", "vip", "plan"]), rng.random_bool(0.5)),
            10 => Self::Email(pick(rng, &["@mail.ru", "@почта.рф", "P1@", "p2"])),
            11 if rng.random_bool(0.5) => Self::On(rng.random_range(0..LISTS.len()), within(rng)),
            11 => Self::Joined(rng.random_range(0..LISTS.len()), pick(rng, &ORDER[..6]), random_time(rng) / DAY),
            _ => {
                let campaign = rng.random_bool(0.6).then(|| rng.random_range(0..CAMPAIGNS.len()));
                Self::Activity(pick(rng, &["opened", "clicked", "received"]), campaign, within(rng))
            }
        }
    }

    pub fn text(&self) -> String {
        let join = |parts: &[Self], word: &str| {
            parts.iter().map(|part| format!("({})", part.text())).collect::<Vec<_>>().join(word)
        };
        let span = |within: &Option<i64>| within.map_or(String::new(), |days| format!(", {days} days"));
        let today = NOW.div_euclid(DAY);
        match self {
            Self::All(parts) => join(parts, " and "),
            Self::Any(parts) => join(parts, " or "),
            Self::Not(part) => format!("not ({})", part.text()),
            Self::Text(field, op, texts) => compare(field, op, texts.iter().map(|text| quote(text))),
            Self::Part(field, op, text) => format!("{field} {op} {}", quote(text)),
            Self::Number(op, numbers) => compare("age", op, numbers.iter().map(f64::to_string)),
            Self::Day(op, days) => compare("birthday", op, days.iter().map(|at| day(*at))),
            Self::Flag(true) => "vip".to_owned(),
            Self::Flag(false) => "vip = no".to_owned(),
            Self::Has(field, true) => format!("{field} is set"),
            Self::Has(field, false) => format!("{field} is not set"),
            Self::Email(text) => format!("email contains {}", quote(text)),
            Self::On(list, within) => format!("on({}{})", quote(LISTS[*list]), span(within)),
            Self::Joined(list, op, at) => format!("joined({}) {op} {} days ago", quote(LISTS[*list]), today - at),
            Self::Activity(activity, None, within) => format!("{activity}(any{})", span(within)),
            Self::Activity(activity, Some(campaign), within) => {
                format!("{activity}({}{})", quote(CAMPAIGNS[*campaign]), span(within))
            }
        }
        .replace(" 0 days ago", " today")
    }

    pub fn holds(&self, person: &Person) -> bool {
        let text = |field: &str| person.values.get(field).and_then(|value| value.as_str()).map(str::to_lowercase);
        let recent = |at: i64, within: &Option<i64>| within.is_none_or(|days| at >= NOW - days * DAY);
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(person)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(person)),
            Self::Not(part) => !part.holds(person),
            Self::Text(field, op, texts) => {
                meets(text(field), op, &texts.iter().map(|text| text.to_lowercase()).collect::<Vec<_>>())
            }
            Self::Part(field, "contains", part) => text(field).is_some_and(|text| text.contains(&part.to_lowercase())),
            Self::Part(field, "ends with", part) => {
                text(field).is_some_and(|text| text.ends_with(&part.to_lowercase()))
            }
            Self::Part(field, _, part) => text(field).is_some_and(|text| text.starts_with(&part.to_lowercase())),
            Self::Number(op, numbers) => meets(person.values.get("age").and_then(|age| age.as_f64()), op, numbers),
            Self::Day(op, days) => meets(text("birthday"), op, &days.iter().map(|at| day(*at)).collect::<Vec<_>>()),
            Self::Flag(wanted) => person.values.get("vip").is_some_and(|vip| (vip == 1) == *wanted),
            Self::Has(field, wanted) => person.values.contains_key(*field) == *wanted,
            Self::Email(part) => person.email.to_lowercase().contains(&part.to_lowercase()),
            Self::On(list, within) => person.lists.iter().any(|(on, at)| on == list && recent(*at, within)),
            Self::Joined(list, op, day) => {
                let joined = person.lists.iter().find(|(on, _)| on == list).map(|(_, at)| at.div_euclid(DAY));
                meets(joined, op, &[*day])
            }
            Self::Activity(activity, campaign, within) => person.activities.iter().any(|(what, which, at)| {
                what == activity && campaign.is_none_or(|campaign| campaign == *which) && recent(*at, within)
            }),
        }
    }
}

fn compare(field: &str, op: &str, values: impl Iterator<Item = String>) -> String {
    let values = values.collect::<Vec<_>>().join(", ");
    if op.ends_with("in") { format!("{field} {op} ({values})") } else { format!("{field} {op} {values}") }
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A contact without a value meets no comparison.
fn meets<T: PartialOrd>(value: Option<T>, op: &str, given: &[T]) -> bool {
    value.is_some_and(|value| match op {
        "=" => value == given[0],
        "!=" | "<>" => value != given[0],
        "<" => value < given[0],
        "<=" => value <= given[0],
        ">" => value > given[0],
        ">=" => value >= given[0],
        "in" => given.contains(&value),
        _ => !given.contains(&value),
    })
}
