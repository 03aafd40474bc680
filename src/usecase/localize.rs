//! Localisation of outputs: turns the messages in a serialised output into sentences of the user's language.

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::infra::error::MESSAGE;
use crate::infra::i18n::Lang;

/// A message as `Message::pack` stored it in a table, e.g. the reason of a pause. It serialises like a
/// `Message`; text that is no packed message is shown as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage(pub String);

impl StoredMessage {
    /// The sentence in this language.
    pub fn translate(&self, lang: Lang) -> String {
        lang.translate_packed(&self.0)
    }
}

impl Serialize for StoredMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(MESSAGE, &self.0)])
    }
}

/// The output as JSON in which every message is a sentence of this language.
pub fn to_json(output: &impl Serialize, lang: Lang) -> Value {
    // Outputs have string keys and derived implementations alone, which cannot fail.
    localize(serde_json::to_value(output).unwrap_or_default(), lang)
}

/// Replaces every serialised message in the value with the sentence of this language.
pub fn localize(value: Value, lang: Lang) -> Value {
    match value {
        Value::Object(object) => match object.get(MESSAGE) {
            Some(Value::String(packed)) if object.len() == 1 => lang.translate_packed(packed).into(),
            _ => Value::Object(object.into_iter().map(|(key, value)| (key, localize(value, lang))).collect()),
        },
        Value::Array(values) => values.into_iter().map(|value| localize(value, lang)).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::infra::error::Message;

    #[derive(Serialize)]
    struct Output {
        name: &'static str,
        count: i64,
        reason: Option<StoredMessage>,
        notes: Vec<Message>,
        inner: Inner,
    }

    #[derive(Serialize)]
    struct Inner {
        said: Message,
        nothing: Option<Message>,
    }

    fn output() -> Output {
        let people = |count: i64| Message::new("people").with("count", count);
        Output {
            name: "autumn",
            count: 3,
            reason: Some(StoredMessage(people(25).pack())),
            notes: vec![people(1), people(3)],
            inner: Inner { said: people(2), nothing: None },
        }
    }

    #[test]
    fn messages_become_sentences_wherever_they_are() {
        assert_eq!(
            to_json(&output(), Lang::RU),
            json!({
                "name": "autumn", "count": 3, "reason": "25 человек", "notes": ["1 человек", "3 человека"],
                "inner": { "said": "2 человека", "nothing": null },
            })
        );
        assert_eq!(to_json(&output(), Lang::EN)["notes"], json!(["1 person", "3 people"]));
    }

    #[test]
    fn stored_text_that_is_no_message_is_shown_as_it_is() {
        assert_eq!(to_json(&StoredMessage("disk full".to_owned()), Lang::EN), json!("disk full"));
    }

    #[test]
    fn data_that_looks_like_a_message_among_other_keys_is_kept() {
        let value = json!({ MESSAGE: "[\"people\",[]]", "city": "Казань" });

        assert_eq!(localize(value.clone(), Lang::EN), value);
    }
}
