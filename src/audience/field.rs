//! Fields: the attributes that contacts of a workspace may have, and the values that fit them. An undeclared attribute
//! cannot be imported, used in a segment or merged into an email. They are stored in table `field` (`field/table.rs`).

use std::collections::BTreeMap;

use memchr::memchr2;
use serde_json::Value;

use super::address::trim_blank;
use super::cell_format::{self, CellFormat, read_number};
use crate::infra::error::{Message, Result};

mod table;

pub use table::{add, all, all_locked, check_new_name, lock_all, need, remove, rename, set_labels};

crate::text_enum! {
    /// The type of a field.
    Kind {
        /// Any line of text.
        Text = "text",
        /// A number, whole or not.
        Number = "number",
        /// A date, stored as `YYYY-MM-DD`.
        Date = "date",
        /// Yes or no, stored as 1 or 0.
        Flag = "flag",
        /// One of a declared set of values.
        Choice = "choice",
    }
}

/// A declared attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name in files, segments and merge tags.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// The allowed values of a choice; empty otherwise.
    pub choices: Vec<String>,
    /// What recipients' pages call it, by tag of a language.
    pub labels: BTreeMap<String, String>,
}

/// Bytes that a text may have.
pub const MAX_TEXT_BYTES: usize = 10_000;

/// Bytes that a name may have.
const MAX_NAME_BYTES: usize = 64;

/// Names that emails and segments use for something else.
const RESERVED: &[&str] = &[
    "email",
    "unsubscribe_url",
    "preferences_url",
    "view_url",
    "and",
    "or",
    "not",
    "in",
    "is",
    "set",
    "contains",
    "starts",
    "ends",
    "with",
    "on",
    "joined",
    "opened",
    "clicked",
    "received",
    "any",
    "days",
    "true",
    "false",
    "none",
    "if",
    "else",
    "elif",
    "endif",
    "for",
    "endfor",
    "loop",
    "brand",
    "today",
    "sendoff",
];

impl Field {
    /// Reads `NAME` and `TYPE` as typed on the command line; a choice is `choice:one,two`.
    pub fn declare(name: &str, kind: &str) -> Result<Self> {
        let name = check_name(name)?;
        let (word, words) = kind.split_once(':').unwrap_or((kind, ""));
        let kind: Kind = word.parse()?;
        let mut choices: Vec<String> = Vec::new();
        for word in words.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            if !choices.iter().any(|known| known.to_lowercase() == word.to_lowercase()) {
                choices.push(word.to_owned());
            }
        }
        if (kind == Kind::Choice) == choices.is_empty() {
            return Err(Message::new("field-choices").with("name", name).invalid_field("type"));
        }
        Ok(Self { name: name.to_owned(), kind, choices, labels: BTreeMap::new() })
    }

    /// Parses a value as typed, or one cell of a file: [`Field::read_as`] in the usual spelling.
    pub fn read(&self, cell: &str) -> Result<Option<Value>, &'static str> {
        self.read_as(cell, CellFormat::default())
    }

    /// Parses a cell of a column in this format. `Ok(None)` is an empty cell; `Err` is the reason word of a value that does
    /// not fit. Flags are in English or Russian.
    pub fn read_as(&self, cell: &str, format: CellFormat) -> Result<Option<Value>, &'static str> {
        let cell = trim_blank(cell);
        if cell.is_empty() {
            return Ok(None);
        }
        let value = match self.kind {
            Kind::Text if cell.len() > MAX_TEXT_BYTES => return Err("value-long"),
            Kind::Text if memchr2(b'\r', b'\0', cell.as_bytes()).is_none() => Value::from(cell),
            Kind::Text => Value::from(cell.replace(['\r', '\0'], "")),
            Kind::Number => read_number(cell, format.numbers)?,
            Kind::Date => Value::from(cell_format::read_date(cell, format).ok_or("value-date")?),
            Kind::Flag => Value::from(read_flag(cell).ok_or("value-flag")?),
            Kind::Choice => {
                let found = self.choices.iter().find(|choice| *choice == cell).or_else(|| {
                    let folded = cell.to_lowercase();
                    self.choices.iter().find(|choice| choice.to_lowercase() == folded)
                });
                Value::from(found.ok_or("value-choice")?.as_str())
            }
        };
        Ok(Some(value))
    }
}

/// A name as typed, without the spaces around it.
fn check_name(name: &str) -> Result<&str> {
    let name = name.trim();
    let starts = name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
    if !starts || name.len() > MAX_NAME_BYTES || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
        let message = Message::new("field-name").with("name", name).with("limit", MAX_NAME_BYTES);
        return Err(message.invalid_field("name"));
    }
    if RESERVED.contains(&name.to_lowercase().as_str()) {
        return Err(Message::new("field-reserved").with("name", name).invalid_field("name"));
    }
    Ok(name)
}

/// Parses a date in any accepted spelling and returns it as `YYYY-MM-DD`; where both are possible the day is first.
pub fn read_date(cell: &str) -> Option<String> {
    cell_format::read_date(cell, CellFormat::default())
}

/// Parses yes or no in English or Russian to 1 or 0.
pub fn read_flag(cell: &str) -> Option<i64> {
    match cell.to_lowercase().as_str() {
        "1" | "true" | "yes" | "y" | "on" | "x" | "да" | "д" | "истина" | "вкл" | "+" => Some(1),
        "0" | "false" | "no" | "n" | "off" | "нет" | "н" | "ложь" | "выкл" | "-" => Some(0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: &str, cell: &str) -> Result<Option<Value>, &'static str> {
        Field::declare("f", kind).expect("a field").read(cell)
    }

    #[test]
    fn a_cell_is_parsed_by_the_type_of_its_field() {
        assert_eq!(read("text", "  Казань "), Ok(Some("Казань".into())));
        assert_eq!(read("number", "1 234,5"), Ok(Some(1234.5.into())));
        assert_eq!(read("number", "42"), Ok(Some(42.into())));
        assert_eq!(read("number", "1,200"), Err("value-number-unclear"));
        assert_eq!(read("number", "NaN"), Err("value-number"));
        assert_eq!(read("date", "31.12.2026"), Ok(Some("2026-12-31".into())));
        assert_eq!(read("date", "2026-12-31 10:00:00"), Ok(Some("2026-12-31".into())));
        assert_eq!(read("date", "31.02.2026"), Err("value-date"));
        assert_eq!(read("flag", "Да"), Ok(Some(1.into())));
        assert_eq!(read("flag", "maybe"), Err("value-flag"));
        assert_eq!(read("choice:Free,Pro", "pro"), Ok(Some("Pro".into())));
        assert_eq!(read("choice:Free,Pro", "gold"), Err("value-choice"));
        assert_eq!(read("number", " "), Ok(None));
    }

    #[test]
    fn a_name_with_another_meaning_is_refused() {
        for name in ["email", "and", "1st", "first name", "", "unsubscribe_url", "a-b"] {
            assert!(Field::declare(name, "text").is_err(), "{name}");
        }
        assert!(Field::declare("имя", "text").is_ok());
        assert!(Field::declare("plan", "choice").is_err());
        assert!(Field::declare("plan", "text:a").is_err());
        assert_eq!(Field::declare("plan", "choice: Free, free,,Pro").expect("a field").choices, ["Free", "Pro"]);
    }
}
