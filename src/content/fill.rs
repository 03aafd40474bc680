//! What one reader fills the slots of a letter with.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::header::HeaderText;
use super::letter;
use super::template::Reading;

/// A place in a letter that differs from reader to reader.
#[derive(Debug)]
pub enum Slot {
    /// A field by its number among those that slots use, and what stands for one without a value.
    Field(usize, Option<String>),
    /// The address.
    Email,
    /// A link whose destination differs.
    Link(usize),
    /// Subject (0) or preheader (1).
    Head(usize),
}

/// The values of one reader.
pub struct Fill<'a> {
    /// Of the fields that slots use.
    pub values: Vec<Option<String>>,
    /// The address as its owner spells it.
    pub email: &'a str,
    /// Subject and preheader.
    pub heads: [Cow<'a, HeaderText>; 2],
    /// What the engine sees, where it is needed.
    pub reading: Option<Arc<Reading>>,
    /// Fields that were printed without a value.
    pub missing: BTreeSet<String>,
}

impl Fill<'_> {
    /// What stands in a slot. A link that prints a field without a value leaves a note.
    pub fn text<'t>(&'t self, slot: &'t Slot) -> &'t str {
        match slot {
            Slot::Field(at, fallback) => self.values[*at].as_deref().or(fallback.as_deref()).unwrap_or_default(),
            Slot::Email => self.email,
            Slot::Head(at) => self.heads[*at].as_str(),
            Slot::Link(position) => {
                self.reading.as_ref().and_then(|reading| reading.link(*position)).unwrap_or_default()
            }
        }
    }

    /// Takes the notes that printing left.
    pub fn take_notes(&mut self) {
        if let Some(reading) = &self.reading {
            self.missing.append(&mut reading.take_notes());
        }
    }
}

/// The values of the named fields, as they print, from the JSON of all of them; `None` when it
/// cannot be read.
pub fn pick(fields: &str, names: &[String]) -> Option<Vec<Option<String>>> {
    let mut reader = serde_json::Deserializer::from_str(fields);
    let picked = Pick(names).deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(picked)
}

struct Pick<'n>(&'n [String]);

impl<'de> DeserializeSeed<'de> for Pick<'_> {
    type Value = Vec<Option<String>>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Pick<'_> {
    type Value = Vec<Option<String>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("field values by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = vec![None; self.0.len()];
        while let Some(Name(name)) = map.next_key()? {
            match self.0.iter().position(|wanted| *wanted == name) {
                Some(at) => values[at] = printed(map.next_value()?),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(values)
    }
}

/// A name that is copied only where JSON spells it with escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// A value as a template prints it; what is empty counts as missing.
fn printed(value: serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) if !text.contains(char::is_control) => {
            Some(text).filter(|text| !text.trim().is_empty())
        }
        other => letter::plain(&other).map(|value| value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_picked_as_they_print() {
        let names = ["a", "b", "c", "d", "e", "f", "имя"].map(str::to_owned);
        let fields =
            r#"{"x": [{}], "b": 1.5, "\u0061": "q\u0000\n", "c": true, "d": " ", "e": null, "имя": "Анна", "f": 3}"#;
        let picked = pick(fields, &names).expect("an object");
        assert_eq!(
            picked.iter().map(Option::as_deref).collect::<Vec<_>>(),
            [Some("q\n"), Some("1.5"), Some("True"), None, None, Some("3"), Some("Анна")]
        );
        for broken in ["", "[]", "{", "{} x"] {
            assert_eq!(pick(broken, &names), None, "{broken}");
        }
    }
}
