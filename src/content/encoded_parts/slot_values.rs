//! What one reader fills the slots of a letter with.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::content::email;
use crate::content::mime::header::HeaderText;
use crate::content::template::engine::Reading;

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
    pub values: Vec<Option<Cow<'a, str>>>,
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
/// cannot be read. What JSON spells plainly is borrowed from it.
pub fn pick<'a>(fields: &'a str, names: &[String]) -> Option<Vec<Option<Cow<'a, str>>>> {
    let mut reader = serde_json::Deserializer::from_str(fields);
    let picked = Pick(names).deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(picked)
}

struct Pick<'n>(&'n [String]);

impl<'de> DeserializeSeed<'de> for Pick<'_> {
    type Value = Vec<Option<Cow<'de, str>>>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Pick<'_> {
    type Value = Vec<Option<Cow<'de, str>>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("field values by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = vec![None; self.0.len()];
        while let Some(Name(name)) = map.next_key()? {
            match self.0.iter().position(|wanted| *wanted == name) {
                Some(at) => values[at] = map.next_value_seed(Print)?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(values)
    }
}

/// A name that is copied only where JSON spells it with escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// One value as a template prints it; what is empty counts as missing.
struct Print;

impl<'de> DeserializeSeed<'de> for Print {
    type Value = Option<Cow<'de, str>>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl Print {
    fn of<'de>(value: impl Into<serde_json::Value>) -> Option<Cow<'de, str>> {
        email::plain(&value.into()).map(|value| Cow::Owned(value.to_string()))
    }
}

impl<'de> Visitor<'de> for Print {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        match text.contains(char::is_control) {
            true => Ok(Self::of(text)),
            false => Ok(Some(Cow::Borrowed(text)).filter(|text| !text.trim().is_empty())),
        }
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Self::of(text))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Self::of(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Self::of(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Self::of(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Self::of(number))
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
    fn values_are_picked_as_they_print() {
        let names = ["a", "b", "c", "d", "e", "f", "имя"].map(str::to_owned);
        let fields = r#"{"x": [{}], "b": 1.5, "\u0061": "q\u0000\n", "c": true, "d": " ", "e": [1, {"a": 2}], "имя": "Анна", "f": 3}"#;
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
