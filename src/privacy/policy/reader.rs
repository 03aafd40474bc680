//! Reads values of a TOML document and collects every mistake with its line, its column and the path of its key.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::infra::error::Message;

/// Where a key or a value stands: line and column, from 1.
pub type Place = (usize, usize);

/// A table of the document with the path of its key.
#[derive(Clone)]
pub struct Section<'d> {
    table: &'d DeTable<'d>,
    /// The path, such as `purpose[2]`; empty for the document itself.
    pub path: String,
}

impl Section<'_> {
    /// The path of a key of the section.
    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// Collects mistakes and remembers where each key stands.
pub struct Reader<'t> {
    text: &'t str,
    places: BTreeMap<String, Place>,
    mistakes: Vec<(Place, Message)>,
}

impl<'t> Reader<'t> {
    /// A reader of a document.
    pub fn new(text: &'t str) -> Self {
        Self { text, places: BTreeMap::new(), mistakes: Vec::new() }
    }

    /// The whole document. Its keys are checked.
    pub fn document<'d>(&mut self, table: &'d DeTable<'d>, known: &[&str]) -> Section<'d> {
        self.section_at(table, String::new(), known)
    }

    /// Records text that is not TOML.
    pub fn refuse_syntax(&mut self, error: &toml::de::Error) {
        let place = self.place(error.span().unwrap_or_default());
        let detail = error.message().lines().next().unwrap_or_default().to_owned();
        self.push(place, "", Message::new("policy-toml").with("detail", detail));
    }

    /// A section of this name.
    pub fn section<'d>(&mut self, of: &Section<'d>, key: &str, known: &[&str]) -> Option<Section<'d>> {
        let value = self.value(of, key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some(self.section_at(table, of.path_of(key), known)),
            _ => self.refuse_type(of, key, "table"),
        }
    }

    /// The sections `[[key]]`.
    pub fn sections<'d>(&mut self, of: &Section<'d>, key: &str, known: &[&str]) -> Vec<Section<'d>> {
        let Some(value) = self.value(of, key) else { return Vec::new() };
        let DeValue::Array(values) = value.get_ref() else {
            return self.refuse_type(of, key, "tables").unwrap_or_default();
        };
        let mut sections = Vec::new();
        for (index, value) in values.iter().enumerate() {
            let path = format!("{}[{}]", of.path_of(key), index + 1);
            self.places.insert(path.clone(), self.place(value.span()));
            match value.get_ref() {
                DeValue::Table(table) => sections.push(self.section_at(table, path, known)),
                _ => drop(self.refuse_type::<()>(of, key, "tables")),
            }
        }
        sections
    }

    /// A text; empty without one.
    pub fn text(&mut self, of: &Section<'_>, key: &str) -> String {
        self.optional_text(of, key).unwrap_or_default()
    }

    /// A text that may be missing.
    pub fn optional_text(&mut self, of: &Section<'_>, key: &str) -> Option<String> {
        match self.value(of, key)?.get_ref() {
            DeValue::String(text) => Some(text.trim().to_owned()),
            _ => self.refuse_type(of, key, "text"),
        }
    }

    /// A text that must be there.
    pub fn needed_text(&mut self, of: &Section<'_>, key: &str) -> String {
        let is_there = of.table.get(key).is_some();
        let text = self.text(of, key);
        if !is_there || (text.is_empty() && matches!(of.table.get(key).map(Spanned::get_ref), Some(DeValue::String(_))))
        {
            self.refuse(&of.path_of(key), Message::new("policy-missing").with("key", key));
        }
        text
    }

    /// A list of texts; empty without one.
    pub fn texts(&mut self, of: &Section<'_>, key: &str) -> Vec<String> {
        let Some(value) = self.value(of, key) else { return Vec::new() };
        let DeValue::Array(values) = value.get_ref() else {
            return self.refuse_type(of, key, "texts").unwrap_or_default();
        };
        let mut texts = Vec::new();
        for (index, value) in values.iter().enumerate() {
            self.places.insert(format!("{}[{}]", of.path_of(key), index + 1), self.place(value.span()));
            match value.get_ref() {
                DeValue::String(text) => texts.push(text.trim().to_owned()),
                _ => drop(self.refuse_type::<()>(of, key, "texts")),
            }
        }
        texts
    }

    /// A whole number from 1 to `most`.
    pub fn number(&mut self, of: &Section<'_>, key: &str, most: u32) -> Option<u32> {
        let value = self.value(of, key)?;
        let number = match value.get_ref() {
            DeValue::Integer(number) => u32::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        let number = number.filter(|number| (1..=most).contains(number));
        if number.is_none() {
            self.refuse(&of.path_of(key), Message::new("policy-number").with("most", most));
        }
        number
    }

    /// Yes or no.
    pub fn flag(&mut self, of: &Section<'_>, key: &str) -> Option<bool> {
        match self.value(of, key)?.get_ref() {
            DeValue::Boolean(flag) => Some(*flag),
            _ => self.refuse_type(of, key, "flag"),
        }
    }

    /// A day, written with quotes or without.
    pub fn day<T: std::str::FromStr>(&mut self, of: &Section<'_>, key: &str) -> Option<T> {
        let text = match self.value(of, key)?.get_ref() {
            DeValue::Datetime(day) => day.to_string(),
            DeValue::String(text) => text.trim().to_owned(),
            _ => return self.refuse_type(of, key, "day"),
        };
        let day = Some(text).filter(|text| text.len() == 10).and_then(|text| text.parse().ok());
        day.or_else(|| self.refuse_type(of, key, "day"))
    }

    /// One of a few words.
    pub fn word<T: std::str::FromStr<Err = crate::infra::error::Error>>(
        &mut self,
        of: &Section<'_>,
        key: &str,
    ) -> Option<T> {
        let text = self.optional_text(of, key)?;
        let parsed = text.parse::<T>();
        if let Err(error) = &parsed {
            let known = error.message().text("known").to_owned();
            let message = Message::new("policy-word").with("word", &text).with("known", known);
            self.refuse(&of.path_of(key), message);
        }
        parsed.ok()
    }

    /// The keys of a section with what they hold, for those that are names of the user.
    pub fn entries<'d>(&mut self, of: &Section<'d>) -> Vec<(String, &'d Spanned<DeValue<'d>>)> {
        of.table.iter().map(|(key, value)| (key.get_ref().to_string(), value)).collect()
    }

    /// Whether a section has a key.
    pub fn has(&self, of: &Section<'_>, key: &str) -> bool {
        of.table.get(key).is_some()
    }

    /// Records a mistake at a path; where nothing stands there, at the nearest path above.
    pub fn refuse(&mut self, path: &str, message: Message) {
        let mut at = path;
        let place = loop {
            match self.places.get(at) {
                Some(place) => break *place,
                None if at.is_empty() => break (1, 1),
                None => at = at.rfind(['.', '[']).map_or("", |end| &at[..end]),
            }
        };
        self.push(place, path, message);
    }

    /// The mistakes in the order of the file.
    pub fn finish(mut self) -> Vec<Message> {
        self.mistakes.sort_by_key(|(place, _)| *place);
        self.mistakes.dedup();
        self.mistakes.into_iter().map(|(_, message)| message).collect()
    }

    /// Whether there is no mistake so far.
    pub fn is_clean(&self) -> bool {
        self.mistakes.is_empty()
    }

    fn push(&mut self, place: Place, path: &str, what: Message) {
        let message = Message::new(if path.is_empty() { "policy-mistake-line" } else { "policy-mistake" });
        let message = message.with("line", place.0).with("column", place.1).with("path", path);
        self.mistakes.push((place, message.with_message("what", what)));
    }

    fn section_at<'d>(&mut self, table: &'d DeTable<'d>, path: String, known: &[&str]) -> Section<'d> {
        let section = Section { table, path };
        for (key, _) in table {
            let (name, place) = (key.get_ref().as_ref(), self.place(key.span()));
            let path = section.path_of(name);
            self.places.insert(path.clone(), place);
            if known.is_empty() || known.contains(&name) {
                continue;
            }
            let near = known.iter().max_by(|a, b| strsim::jaro(a, name).total_cmp(&strsim::jaro(b, name)));
            let message = Message::new("policy-unknown-key").with("key", name);
            self.push(place, &path, message.with("near", near.unwrap_or(&"")));
        }
        section
    }

    fn value<'d>(&mut self, of: &Section<'d>, key: &str) -> Option<&'d Spanned<DeValue<'d>>> {
        of.table.get(key)
    }

    /// Records a value of another type than `wanted`, a word of the sentence.
    pub fn refuse_type<T>(&mut self, of: &Section<'_>, key: &str, wanted: &'static str) -> Option<T> {
        self.refuse(&of.path_of(key), Message::new("policy-type").with("key", key).with("wanted", wanted));
        None
    }

    fn place(&self, span: Range<usize>) -> Place {
        let before = self.text.get(..span.start.min(self.text.len())).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }
}
