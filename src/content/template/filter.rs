//! The filters and tests that a template may use. A filter returns a missing value for a missing value, so that the
//! fallback of `{{ city | upper | default("…") }}` applies. No filter takes or makes a text of more than [`MAX_VALUE`]
//! bytes.

mod address;
mod locale;

use std::sync::Arc;

use jiff::civil::Date;
use minijinja::value::{Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, Value, filters, tests};

use crate::content::template::bounds::{MAX_VALUE, RenderLimit};
use crate::content::template::render_context::spend;

pub use self::address::percent_encode;
pub use self::locale::Locale;

/// Items of a list that a loop goes through.
const MAX_ITEMS: usize = 200;

/// The names of the filters.
pub const FILTERS: &[&str] = &[
    "default",
    "d",
    "upper",
    "lower",
    "title",
    "capitalize",
    "trim",
    "replace",
    "round",
    "int",
    "float",
    "length",
    "join",
    "first",
    "last",
    "date",
    "plural",
    "urlencode",
    "thousands",
    "money",
    "split",
];

/// The names of the tests.
pub const TESTS: &[&str] = &["defined", "undefined", "none", "odd", "even", "number", "string", "in"];

/// Adds the filters and tests to an engine.
pub fn register(engine: &mut Environment<'_>, locale: Arc<Locale>) {
    let words = locale.clone();
    engine.add_filter("date", move |state: &State<'_, '_>, value: &Value, form: Option<&str>| {
        date(state, value, form, &words)
    });
    let signs = locale.clone();
    engine.add_filter("thousands", move |value: &Value| number(value, |number| Value::from(signs.number(number))));
    engine.add_filter("money", move |value: &Value, currency: Option<&str>| {
        number(value, |number| Value::from(locale.money(number, currency.unwrap_or_default())))
    });
    engine.add_filter("split", split);
    engine.add_filter("listed", listed);
    engine.add_filter("default", filters::default);
    engine.add_filter("d", filters::default);
    for (name, change) in CHANGES {
        engine.add_filter(*name, move |state: &State<'_, '_>, value: &Value| text(state, value, change));
    }
    engine.add_filter("replace", replace);
    engine.add_filter("round", round);
    engine.add_filter("int", |value: &Value| number(value, |number| Value::from(number.trunc() as i64)));
    engine.add_filter("float", |value: &Value| number(value, Value::from));
    engine.add_filter("length", length);
    engine.add_filter("join", join);
    engine.add_filter("plural", plural);
    for (name, encode) in address::ENCODINGS {
        engine.add_filter(*name, move |state: &State<'_, '_>, value: &Value| {
            let encoded = text(state, value, encode)?;
            let Some(text) = encoded.as_str().filter(|_| *name != "address") else { return Ok::<_, Error>(encoded) };
            Ok(Value::from_safe_string(text.to_owned()))
        });
    }
    engine.add_filter("bounded", bounded);
    engine.add_filter("missing_last", missing_last);
    engine.add_test("defined", |value: &Value| !is_missing(value));
    engine.add_test("undefined", is_missing);
    engine.add_test("none", is_missing);
    engine.add_test("odd", tests::is_odd);
    engine.add_test("even", tests::is_even);
    engine.add_test("number", tests::is_number);
    engine.add_test("string", tests::is_string);
    engine.add_test("in", tests::is_in);
}

/// A filter that changes a text on its own, with its name.
type Change = (&'static str, fn(&str) -> String);

const CHANGES: &[Change] = &[
    ("upper", str::to_uppercase),
    ("lower", str::to_lowercase),
    ("title", title),
    ("capitalize", capitalize),
    ("trim", |text| text.trim().to_owned()),
    ("first", |text| text.chars().take(1).collect()),
    ("last", |text| text.chars().next_back().into_iter().collect()),
];

/// True for a missing value.
pub fn is_missing(value: &Value) -> bool {
    value.is_undefined() || value.is_none()
}

/// Bytes that a value takes as text, about: those of its texts, and a few for any other value in it.
pub fn weight(value: &Value) -> usize {
    const OTHER: usize = 24;
    match value.kind() {
        ValueKind::String => value.as_str().map_or(OTHER, str::len),
        ValueKind::Seq | ValueKind::Iterable => {
            value.try_iter().map_or(OTHER, |items| items.map(|item| weight(&item)).sum())
        }
        _ => OTHER,
    }
}

/// Changes a text; its length is checked before and after.
fn text(state: &State<'_, '_>, value: &Value, change: impl Fn(&str) -> String) -> Result<Value, Error> {
    if is_missing(value) {
        return Ok(Value::UNDEFINED);
    }
    if weight(value) > MAX_VALUE {
        return Err(RenderLimit::Value.error());
    }
    let changed = match value.as_str() {
        Some(text) => change(text),
        None => change(&value.to_string()),
    };
    made(state, changed)
}

/// A text that a filter has made, if it is not too long.
fn made(state: &State<'_, '_>, text: String) -> Result<Value, Error> {
    if text.len() > MAX_VALUE {
        return Err(RenderLimit::Value.error());
    }
    spend(state, text.len())?;
    Ok(Value::from(text))
}

fn number(value: &Value, change: impl Fn(f64) -> Value) -> Value {
    let number = match value.as_str() {
        Some(text) => text.split_whitespace().collect::<String>().replace(',', ".").parse().ok(),
        None => f64::try_from(value.clone()).ok(),
    };
    number.filter(|number: &f64| number.is_finite()).map_or(Value::UNDEFINED, change)
}

fn title(text: &str) -> String {
    let mut inside = false;
    text.chars()
        .flat_map(|c| {
            let changed: Vec<char> = if inside { c.to_lowercase().collect() } else { c.to_uppercase().collect() };
            inside = c.is_alphanumeric() || c == '\'';
            changed
        })
        .collect()
}

fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars.as_str().to_lowercase().chars()).collect())
}

fn replace(state: &State<'_, '_>, value: &Value, from: &str, to: &str) -> Result<Value, Error> {
    let whole = text(state, value, str::to_owned)?;
    let length = whole.as_str().map_or(0, |text| text.len() + text.matches(from).count() * to.len());
    if length > MAX_VALUE {
        return Err(RenderLimit::Value.error());
    }
    text(state, &whole, |text| text.replace(from, to))
}

fn round(value: &Value, places: Option<u32>) -> Value {
    let places = places.unwrap_or(0).min(9);
    let scale = 10_f64.powi(i32::try_from(places).unwrap_or(0));
    number(value, |number| match (number * scale).round() / scale {
        whole if places == 0 => Value::from(whole as i64),
        part => Value::from(part),
    })
}

fn length(value: &Value) -> Result<Value, Error> {
    let is_text = value.kind() != ValueKind::Seq && !is_missing(value);
    if is_text && weight(value) > MAX_VALUE {
        return Err(RenderLimit::Value.error());
    }
    Ok(length_of(value))
}

fn length_of(value: &Value) -> Value {
    match value.kind() {
        _ if is_missing(value) => Value::UNDEFINED,
        ValueKind::Seq => Value::from(value.len().unwrap_or(0)),
        _ => Value::from(value.to_string().chars().count()),
    }
}

/// Joins the parts of a list, or the characters of a text.
fn join(state: &State<'_, '_>, value: &Value, separator: Option<&str>) -> Result<Value, Error> {
    let separator = separator.unwrap_or_default();
    let (mut joined, mut is_first) = (String::new(), true);
    for part in value.try_iter()?.filter(|part| !is_missing(part)) {
        let part = bounded(&part)?.to_string();
        if joined.len() + separator.len() + part.len() > MAX_VALUE {
            return Err(RenderLimit::Value.error());
        }
        if !std::mem::take(&mut is_first) {
            joined.push_str(separator);
        }
        joined.push_str(&part);
    }
    made(state, joined)
}

/// Formats a date `YYYY-MM-DD` (see [`Locale::date`]).
fn date(state: &State<'_, '_>, value: &Value, form: Option<&str>, locale: &Locale) -> Result<Value, Error> {
    // The name of a month takes many times the room of its letter.
    if form.is_some_and(|form| form.len() > MAX_VALUE / 20) {
        return Err(RenderLimit::Value.error());
    }
    text(state, value, |day| match day.get(..10).and_then(|day| day.parse::<Date>().ok()) {
        Some(day) => locale.date(day, form.unwrap_or("d.m.Y")),
        None => day.to_owned(),
    })
}

/// Splits a text into its parts, without blanks around them; without a separator at line breaks, else `;`, else `,`.
fn split(value: &Value, separator: Option<&str>) -> Result<Value, Error> {
    let Some(text) = value.as_str() else { return Ok(items(value)) };
    let found = ["\n", ";", ","].into_iter().find(|separator| text.contains(separator)).unwrap_or(",");
    let separator = separator.filter(|separator| !separator.is_empty()).unwrap_or(found);
    let parts: Vec<Value> = text
        .split(separator)
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .take(MAX_ITEMS + 1)
        .map(Value::from)
        .collect();
    if parts.len() > MAX_ITEMS { Err(RenderLimit::Steps.error()) } else { Ok(Value::from(parts)) }
}

/// What a loop goes through: the parts of a list-like text, a list, or nothing for a missing value.
fn listed(value: &Value) -> Result<Value, Error> {
    if value.as_str().is_some() { split(value, None) } else { Ok(items(value)) }
}

fn items(value: &Value) -> Value {
    match value.kind() {
        _ if is_missing(value) => Value::from(Vec::<Value>::new()),
        ValueKind::Seq => value.clone(),
        _ => Value::from(vec![value.clone()]),
    }
}

/// Chooses the plural form for a number: of two forms by the rule of English, of three by that of Russian (CLDR).
fn plural(value: &Value, forms: Rest<String>) -> Result<Value, Error> {
    let wanted = || Error::new(ErrorKind::InvalidOperation, "plural takes two or three forms");
    Ok(number(value, |number| {
        let whole = number.abs() as u64;
        let form = match forms.len() {
            3 => match (number.fract() != 0.0, whole % 10, whole % 100) {
                (true, ..) => 1,
                (_, 1, last) if last != 11 => 0,
                (_, 2..=4, last) if !(12..=14).contains(&last) => 1,
                _ => 2,
            },
            _ => usize::from(whole != 1 || number.fract() != 0.0),
        };
        forms.get(form).map_or(Value::UNDEFINED, |form| Value::from(form.as_str()))
    }))
    .and_then(|value| if matches!(forms.len(), 2 | 3) { Ok(value) } else { Err(wanted()) })
}

/// Filter around the value of a variable: passes one text or number of at most [`MAX_VALUE`].
fn bounded(value: &Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::String if value.as_str().is_some_and(|text| text.len() > MAX_VALUE) => {
            Err(RenderLimit::Value.error())
        }
        ValueKind::String | ValueKind::Number | ValueKind::Bool | ValueKind::Undefined | ValueKind::None => {
            Ok(value.clone())
        }
        _ => Err(Error::new(ErrorKind::InvalidOperation, "one text or number is wanted")),
    }
}

/// Filter around the smaller side of a comparison: a missing value becomes one that is ordered after every text and
/// number.
fn missing_last(value: &Value) -> Value {
    if is_missing(value) { Value::from_pairs(std::iter::empty::<(&str, Value)>()) } else { value.clone() }
}

#[cfg(test)]
mod unit_tests {
    use super::*;
    use crate::infra::i18n::Lang;

    fn print(source: &str) -> String {
        let mut engine = Environment::empty();
        register(&mut engine, Locale::of(Lang::RU));
        let context = minijinja::context! { name => "иван ПЕТРОВ", born => "2001-02-03", price => 1234.5 };
        engine.render_str(source, context).expect(source)
    }

    #[test]
    fn filters_change_text_numbers_and_dates() {
        for (source, text) in [
            ("{{ name | title }}", "Иван Петров"),
            ("{{ name | capitalize }}", "Иван петров"),
            ("{{ name | upper | replace('ИВАН', 'П.') }}", "П. ПЕТРОВ"),
            ("{{ name | first | upper }}", "И"),
            ("{{ born | date }}", "03.02.2001"),
            ("{{ born | date('j/n y') }}", "3/2 01"),
            ("{{ name | date }}", "иван ПЕТРОВ"),
            ("{{ price | round }}", "1235"),
            ("{{ price | int }}", "1234"),
            ("{{ '7,5' | float }}", "7.5"),
            ("{{ name | length }}", "11"),
            ("{{ ['a', nothing, 1] | join(', ') }}", "a, 1"),
            ("{{ name | urlencode }}", "%D0%B8%D0%B2%D0%B0%D0%BD%20%D0%9F%D0%95%D0%A2%D0%A0%D0%9E%D0%92"),
            ("{{ born | date('j F Y') }}", "3 февраля 2001"),
            ("{{ price | money('RUB') }} {{ '1 500' | money('EUR') }}", "1\u{a0}234,50\u{a0}₽ 1\u{a0}500\u{a0}€"),
            ("{{ '1234567' | thousands }}", "1\u{a0}234\u{a0}567"),
            ("{{ 'a; b;; c' | split | join('+') }} {{ 'a-b' | split('-') | join }}", "a+b+c ab"),
            ("{{ nothing | split | join }}{{ nothing | money('RUB') }}{{ nothing | thousands }}", ""),
            ("{{ nothing | upper | default('-') }}", "-"),
            ("{{ nothing | urlencode }}{{ nothing | round }}{{ nothing | date }}", ""),
        ] {
            assert_eq!(print(source), text, "{source}");
        }
    }

    #[test]
    fn plural_form_follows_the_number() {
        let days = |n: &str| print(&format!("{{{{ {n} | plural('день', 'дня', 'дней') }}}}"));
        assert_eq!(
            ["1", "2", "5", "11", "14", "21", "1.5"].map(days),
            ["день", "дня", "дней", "дней", "дней", "день", "дня"]
        );
        assert_eq!(print("{{ 1 | plural('day', 'days') }} {{ 2 | plural('day', 'days') }}"), "day days");
    }
}
