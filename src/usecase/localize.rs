//! Localisation of outputs: serialises an output with its messages as sentences of the user's language. The type of a
//! value says whether it is a message; no text and no object in an output is ever read as one.

use std::cell::Cell;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::infra::error::Message;
use crate::infra::i18n::Lang;

thread_local! {
    /// The language of the output that this thread serialises now.
    static LANGUAGE: Cell<Option<Lang>> = const { Cell::new(None) };
}

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
        serializer.serialize_str(&self.translate(LANGUAGE.get().unwrap_or_default()))
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&LANGUAGE.get().unwrap_or_default().translate(self))
    }
}

/// The output as JSON in which every message is a sentence of this language.
pub fn to_json(output: &impl Serialize, lang: Lang) -> Value {
    let outer = LANGUAGE.replace(Some(lang));
    let value = serde_json::to_value(output);
    LANGUAGE.set(outer);
    // Outputs have string keys and derived implementations alone, which cannot fail.
    value.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
    fn data_that_looks_like_a_message_is_kept() {
        let packed = r#"["people",[]]"#;
        let data = json!({ "$message": packed, "fields": { "$message": packed }, "values": [packed] });

        assert_eq!(to_json(&data, Lang::EN), data);
        let said = to_json(&Message::new("list-unknown").with("name", packed), Lang::EN);
        assert!(said.as_str().is_some_and(|said| said.contains(packed)), "{said}");
    }
}
