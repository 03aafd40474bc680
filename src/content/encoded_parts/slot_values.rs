//! The values that one recipient puts into the slots of an email.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::content::mime::header::HeaderText;
use crate::content::template::engine::{RenderContext, field_value};

/// A place in an email whose text differs from recipient to recipient.
#[derive(Debug)]
pub enum Slot {
    /// A field, by its index among those that slots use, and its fallback.
    Field(usize, Option<String>),
    /// The address.
    Address,
    /// The URL of a link whose destination differs.
    Link(usize),
    /// Subject (0) or preheader (1).
    Header(usize),
}

/// The values of one recipient.
pub struct SlotValues<'a> {
    /// The values of the fields that slots use.
    pub fields: Vec<Option<Cow<'a, str>>>,
    /// The address as its owner spells it.
    pub address: &'a str,
    /// Subject and preheader.
    pub headers: [Cow<'a, HeaderText>; 2],
    /// The values that templates read, if the engine is needed.
    pub context: Option<Arc<RenderContext>>,
    /// Fields printed without a value.
    pub missing: BTreeSet<String>,
}

impl SlotValues<'_> {
    /// The text of a slot. Fields that a link prints without a value are recorded.
    pub fn get<'t>(&'t self, slot: &'t Slot) -> &'t str {
        match slot {
            Slot::Field(at, fallback) => self.fields[*at].as_deref().or(fallback.as_deref()).unwrap_or_default(),
            Slot::Address => self.address,
            Slot::Header(at) => self.headers[*at].as_str(),
            Slot::Link(position) => {
                self.context.as_ref().and_then(|context| context.link_url(*position)).unwrap_or_default()
            }
        }
    }

    /// Moves the fields that templates recorded as missing into [`SlotValues::missing`].
    pub fn take_missing(&mut self) {
        if let Some(context) = &self.context {
            self.missing.append(&mut context.take_missing());
        }
    }
}

/// Reads the values of the named fields, as they print, from the JSON of all values; `None` if it is not an object. A
/// text without escapes is borrowed.
pub fn pick_values<'a>(fields: &'a str, names: &[String]) -> Option<Vec<Option<Cow<'a, str>>>> {
    let mut reader = serde_json::Deserializer::from_str(fields);
    let picked = PickNamed(names).deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(picked)
}

struct PickNamed<'n>(&'n [String]);

impl<'de> DeserializeSeed<'de> for PickNamed<'_> {
    type Value = Vec<Option<Cow<'de, str>>>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for PickNamed<'_> {
    type Value = Vec<Option<Cow<'de, str>>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("field values by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = vec![None; self.0.len()];
        while let Some(Name(name)) = map.next_key()? {
            match self.0.iter().position(|wanted| *wanted == name) {
                Some(at) => values[at] = map.next_value_seed(PrintedValue)?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(values)
    }
}

/// A name, copied only if JSON escapes it.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Deserialises one value as a template prints it; an empty value counts as missing.
struct PrintedValue;

impl<'de> DeserializeSeed<'de> for PrintedValue {
    type Value = Option<Cow<'de, str>>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl PrintedValue {
    fn print<'de>(value: impl Into<serde_json::Value>) -> Option<Cow<'de, str>> {
        field_value(&value.into()).map(|value| Cow::Owned(value.to_string()))
    }
}

impl<'de> Visitor<'de> for PrintedValue {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        match text.contains(char::is_control) {
            true => Ok(Self::print(text)),
            false => Ok(Some(Cow::Borrowed(text)).filter(|text| !text.trim().is_empty())),
        }
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Self::print(text))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Self::print(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Self::print(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Self::print(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Self::print(number))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_templates_print_them() {
        let names = ["a", "b", "c", "d", "e", "f", "имя"].map(str::to_owned);
        let fields = r#"{"x": [{}], "b": 1.5, "\u0061": "q\u0000\n", "c": true, "d": " ", "e": [1, {"a": 2}], "имя": "Анна", "f": 3}"#;
        let picked = pick_values(fields, &names).expect("an object");
        assert_eq!(
            picked.iter().map(Option::as_deref).collect::<Vec<_>>(),
            [Some("q\n"), Some("1.5"), Some("True"), None, None, Some("3"), Some("Анна")]
        );
        for broken in ["", "[]", "{", "{} x"] {
            assert_eq!(pick_values(broken, &names), None, "{broken}");
        }
    }
}
