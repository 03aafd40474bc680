//! One row as a person, or the reason why not. A row is taken whole or refused whole.

use std::borrow::Cow;

use serde::Serialize;

use super::header::{Header, Target};
use super::record::Record;
use crate::audience::address::Address;
use crate::audience::field::Field;
use crate::infra::error::Message;
use crate::infra::i18n::Lang;

/// Why a row is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The word that stands in reports and reject files.
    pub reason: &'static str,
    /// The place of the column it is about, where it is about one.
    pub column: Option<usize>,
}

impl Refusal {
    fn of_row(reason: &'static str) -> Self {
        Self { reason, column: None }
    }

    /// The reason as a sentence, with the column it is about.
    pub fn explain(&self, header: &Header, lang: Lang) -> String {
        let sentence = explain(self.reason, lang);
        self.column.map_or_else(|| sentence.clone(), |column| format!("{}: {sentence}", header.names[column]))
    }
}

/// A reason word as a sentence.
pub fn explain(reason: &str, lang: Lang) -> String {
    let key = match reason {
        "address-empty" => "invalid-address-empty",
        "address-control" => "invalid-address-control",
        "address-around" => "invalid-address-around",
        "address-shape" => "invalid-address-shape",
        "address-local" => "invalid-address-local",
        "address-domain" => "invalid-address-domain",
        "value-long" => "invalid-value-long",
        "value-number" => "invalid-value-number",
        "value-date" => "invalid-value-date",
        "value-flag" => "invalid-value-flag",
        "value-choice" => "invalid-value-choice",
        "too-many-cells" => "invalid-too-many-cells",
        "cell-long" => "invalid-cell-long",
        "quote-open" => "invalid-quote-open",
        "encoding" => "invalid-encoding",
        "nul" => "invalid-nul",
        _ => return reason.to_owned(),
    };
    lang.translate(&Message::new(key))
}

/// A person as a row tells of them.
pub struct Told {
    /// Their address.
    pub address: Address,
    /// Their field values as JSON, in the order of the names.
    pub values: String,
    /// The texts among them in lower case, likewise.
    pub folded: String,
}

/// Reads a row by its header. Cells that are missing at the end, or empty, give no value.
pub fn read(record: &Record<'_>, header: &Header, fields: &[Field]) -> Result<Told, Refusal> {
    if let Some(reason) = record.fault {
        return Err(Refusal::of_row(reason));
    }
    if record.len() > header.targets.len() {
        return Err(Refusal::of_row("too-many-cells"));
    }
    let mut address = None;
    let mut values = Vec::with_capacity(fields.len());
    for (column, target) in header.targets.iter().enumerate() {
        let cell = record.cell(column);
        let refuse = |reason| Refusal { reason, column: Some(column) };
        match target {
            Some(Target::Email) => address = Some(Address::parse(cell).map_err(|fault| refuse(fault.as_str()))?),
            Some(Target::Field(place)) => {
                let field = &fields[*place];
                if let Some(value) = field.read(cell).map_err(refuse)? {
                    values.push((field.name.as_str(), value));
                }
            }
            Some(Target::Unnamed) if !cell.is_empty() => return Err(Refusal::of_row("too-many-cells")),
            Some(Target::Unnamed | Target::Ignored) | None => {}
        }
    }
    let address = address.ok_or(Refusal::of_row("address-empty"))?;
    values.sort_by_key(|(name, _)| *name);
    let folded = values.iter().filter_map(|(name, value)| Some((*name, lower(value.as_str()?))));
    let room = 2 * record.raw.len() + ROOM;
    let folded = object(room, folded);
    Ok(Told { address, values: object(room, values.into_iter()), folded })
}

fn lower(text: &str) -> Cow<'_, str> {
    let is_lower = text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if is_lower { text.into() } else { text.to_lowercase().into() }
}

/// Bytes beside those of a row that its fields may take by their names.
const ROOM: usize = 64;

/// Written at once, without growing: a map for each of a million rows would cost more than all else that is
/// done to them.
fn object<'a>(room: usize, values: impl Iterator<Item = (&'a str, impl Serialize)>) -> String {
    let mut json = Vec::with_capacity(room);
    json.push(b'{');
    for (name, value) in values {
        if json.len() > 1 {
            json.push(b',');
        }
        serde_json::to_writer(&mut json, name).expect("memory takes everything");
        json.push(b':');
        serde_json::to_writer(&mut json, &value).expect("memory takes everything");
    }
    json.push(b'}');
    String::from_utf8(json).expect("JSON is UTF-8")
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::path::Path;

    use super::super::decoder::Text;
    use super::super::record::Records;
    use super::*;

    fn outcomes(text: &str) -> Vec<Result<String, (&'static str, Option<usize>)>> {
        let fields = [Field::declare("age", "number").expect("a field"), Field::declare("city", "text").expect("one")];
        let text = Text::new(Box::new(Cursor::new(text.as_bytes().to_vec())), encoding_rs::UTF_8);
        let mut records = Records::new(text, Path::new("people.csv")).expect("a table");
        let first = records.next().expect("reads").expect("a header");
        let header = Header::read(&first, &fields, &[]).expect("a header");
        let mut outcomes = Vec::new();
        while let Some(record) = records.next().expect("reads") {
            let outcome = read(&record, &header, &fields);
            outcomes.push(outcome.map(|told| told.values).map_err(|refusal| (refusal.reason, refusal.column)));
        }
        outcomes
    }

    #[test]
    fn a_row_is_taken_whole_or_refused_whole() {
        assert_eq!(
            outcomes("email,age,city,,\na@b.cd,30,Казань\nb@b.cd\nc@b.cd,many\nd@,1\ne@b.cd,1,x,,\nf@b.cd,1,x,y\n,7\n"),
            [
                Ok(r#"{"age":30,"city":"Казань"}"#.to_owned()),
                Ok("{}".to_owned()),
                Err(("value-number", Some(1))),
                Err(("address-domain", Some(0))),
                Ok(r#"{"age":1,"city":"x"}"#.to_owned()),
                Err(("too-many-cells", None)),
                Err(("address-empty", Some(0))),
            ]
        );
    }

    #[test]
    fn every_reason_has_a_sentence_in_both_languages() {
        for reason in [
            "address-empty",
            "address-around",
            "value-choice",
            "too-many-cells",
            "cell-long",
            "quote-open",
            "encoding",
            "nul",
        ] {
            for lang in [Lang::EN, Lang::RU] {
                let sentence = explain(reason, lang);
                assert!(sentence != reason && !sentence.starts_with("invalid-"), "{sentence}");
            }
        }
    }
}
