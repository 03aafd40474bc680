//! A sentence of the catalogues with its values, not yet in any language, and the same as text in a table. Values are data:
//! only a value of the kind [`Argument::Messages`] is translated, whatever a name or a reply looks like.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::infra::error::Error;

/// Names of the values that held sentences as text in rows of earlier versions; see [`StoredMessage::parse`].
const FORMERLY_SENTENCES: [&str; 3] = ["why", "reason", "problems"];

/// A sentence of the catalogues, not yet in any language.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Message {
    /// The key in `locales/*/*.ftl`.
    pub key: &'static str,
    /// Values for the placeables of the sentence.
    pub args: Vec<(&'static str, Argument)>,
}

/// A value of a sentence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Argument {
    /// A name, a number or any other text, shown as it is.
    Text(String),
    /// Sentences, shown in the language of the sentence around them.
    Messages(Vec<Message>),
}

impl Message {
    /// A sentence without values.
    pub fn new(key: &'static str) -> Self {
        Self { key, args: Vec::new() }
    }

    /// The same sentence with one more value.
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.args.push((name, Argument::Text(value.to_string())));
        self
    }

    /// The same sentence with a sentence as one more value.
    pub fn with_message(self, name: &'static str, value: Self) -> Self {
        self.with_list(name, vec![value])
    }

    /// The same sentence with a list of sentences as one more value.
    pub fn with_list(mut self, name: &'static str, values: Vec<Self>) -> Self {
        self.args.push((name, Argument::Messages(values)));
        self
    }

    /// A value that is text; empty without one of this name.
    pub fn text(&self, name: &str) -> &str {
        match self.args.iter().find(|(own, _)| *own == name) {
            Some((_, Argument::Text(text))) => text,
            _ => "",
        }
    }

    /// The message as text that can be stored and shown later in any language; see `Lang::translate_packed`.
    pub fn pack(&self) -> String {
        self.to_value().to_string()
    }

    /// `[key, []]` or `[key, {name: value}]`; a value is text, or a list of messages.
    fn to_value(&self) -> Value {
        if self.args.is_empty() {
            return json!([self.key, []]);
        }
        let value = |argument: &Argument| match argument {
            Argument::Text(text) => json!(text),
            Argument::Messages(messages) => messages.iter().map(Self::to_value).collect(),
        };
        let args: Map<_, _> = self.args.iter().map(|(name, argument)| ((*name).to_owned(), value(argument))).collect();
        json!([self.key, args])
    }

    /// Refuses a request that is wrong in itself.
    pub fn invalid(self) -> Error {
        Error::Invalid { message: self, field: None }
    }

    /// Refuses a request because of the value of one of its fields.
    pub fn invalid_field(self, field: impl Into<String>) -> Error {
        Error::Invalid { message: self, field: Some(field.into()) }
    }

    /// Refuses a request that names a thing that does not exist.
    pub fn not_found(self) -> Error {
        Error::NotFound(self)
    }

    /// Refuses a request that does not fit the present state.
    pub fn conflict(self) -> Error {
        Error::Conflict(self)
    }

    /// Refuses a request that this actor may not make.
    pub fn forbidden(self) -> Error {
        Error::Forbidden(self)
    }

    /// Reports that the request cannot be carried out now and may succeed later.
    pub fn unavailable(self) -> Error {
        Error::Unavailable(self)
    }

    /// Reports a failure that no change of the request would mend.
    pub fn internal(self) -> Error {
        Error::Internal(self)
    }
}

/// A message as [`Message::pack`] stored it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// The key in the catalogues; that of an earlier version may be unknown.
    pub key: String,
    /// The values.
    pub args: Vec<(String, StoredArgument)>,
}

/// An [`Argument`] as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredArgument {
    /// Text, shown as it is.
    Text(String),
    /// Sentences.
    Messages(Vec<StoredMessage>),
}

impl StoredMessage {
    /// Reads what [`Message::pack`] returned; `None` for any other text.
    ///
    /// Earlier versions stored `[key, [[name, value]]]`, where a sentence as a value was text as well. There the sentences
    /// are told by the names of their values, which no name of a user ever had.
    pub fn parse(packed: &str) -> Option<Self> {
        Self::read(serde_json::from_str(packed).ok()?)
    }

    fn read(value: Value) -> Option<Self> {
        let (key, args) = pair(value)?;
        let Value::String(key) = key else { return None };
        let args = match args {
            Value::Object(args) => args
                .into_iter()
                .map(|(name, value)| Some((name, StoredArgument::read(value)?)))
                .collect::<Option<_>>()?,
            Value::Array(args) => args.into_iter().map(read_former).collect::<Option<_>>()?,
            _ => return None,
        };
        Some(Self { key, args })
    }

    fn read_list(value: Value) -> Option<Vec<Self>> {
        let Value::Array(values) = value else { return None };
        values.into_iter().map(Self::read).collect()
    }
}

impl StoredArgument {
    fn read(value: Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(text)),
            list => StoredMessage::read_list(list).map(Self::Messages),
        }
    }
}

/// A value of a message that an earlier version stored.
fn read_former(value: Value) -> Option<(String, StoredArgument)> {
    let (Value::String(name), Value::String(text)) = pair(value)? else { return None };
    let sentences = || {
        let value: Value = serde_json::from_str(&text).ok()?;
        StoredMessage::read(value.clone()).map(|message| vec![message]).or_else(|| StoredMessage::read_list(value))
    };
    let sentences = FORMERLY_SENTENCES.contains(&name.as_str()).then(sentences).flatten();
    Some((name, sentences.map_or(StoredArgument::Text(text), StoredArgument::Messages)))
}

fn pair(value: Value) -> Option<(Value, Value)> {
    let Value::Array(values) = value else { return None };
    let [first, second]: [Value; 2] = values.try_into().ok()?;
    Some((first, second))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stored(message: &Message) -> StoredMessage {
        let argument = |argument: &Argument| match argument {
            Argument::Text(text) => StoredArgument::Text(text.clone()),
            Argument::Messages(messages) => StoredArgument::Messages(messages.iter().map(stored).collect()),
        };
        let args = message.args.iter().map(|(name, value)| ((*name).to_owned(), argument(value))).collect();
        StoredMessage { key: message.key.to_owned(), args }
    }

    proptest! {
        #[test]
        fn a_stored_message_is_read_as_it_was_whatever_its_values_are(
            text in prop_oneof![any::<String>(), Just("[\"people\",[]]".to_owned()), Just("[[\"people\",{}]]".to_owned())],
            names in proptest::sample::subsequence(vec!["list", "problems", "reason", "why"], 0..=4),
        ) {
            let plain = names.iter().fold(Message::new("people"), |message, name| message.with(name, &text));
            let nested = Message::new("lane-paused").with_list("why", vec![plain.clone(), plain.clone()]);
            prop_assert_eq!(StoredMessage::parse(&plain.pack()), Some(stored(&plain)));
            prop_assert_eq!(StoredMessage::parse(&nested.pack()), Some(stored(&nested)));
        }
    }

    #[test]
    fn rows_of_earlier_versions_are_read_and_their_names_stay_names() {
        let row = r#"["lane-paused",[["lane","[\"people\",[]]"],["why","[\"fault-content\",[[\"lane\",\"x\"]]]"]]]"#;
        let why = Message::new("fault-content").with("lane", "x");
        let meant = Message::new("lane-paused").with("lane", r#"["people",[]]"#).with_message("why", why);
        assert_eq!(StoredMessage::parse(row), Some(stored(&meant)));

        let row = r#"["preflight-refused",[["problems","[[\"a\",[]],[\"b\",[[\"count\",\"2\"]]]]"]]]"#;
        let problems = vec![Message::new("a"), Message::new("b").with("count", 2)];
        let meant = Message::new("preflight-refused").with_list("problems", problems);
        assert_eq!(StoredMessage::parse(row), Some(stored(&meant)));
        assert_eq!(StoredMessage::parse("disk full"), None);
        assert_eq!(StoredMessage::parse(r#"["people"]"#), None);
    }
}
