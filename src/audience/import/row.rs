//! Parses one row of the file to an [`ImportRow`], or refuses it with a reason. A row is accepted or refused as a whole.

use std::borrow::Cow;

use serde::Serialize;

use super::header::{Header, Target};
use super::import_row::ImportRow;
use super::record::Record;
use crate::audience::address::Address;
use crate::audience::field::Field;
use crate::audience::people_file;
use crate::infra::error::Message;
use crate::infra::i18n::Lang;

/// Why a row is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The reason word of reports and reject files.
    pub reason: &'static str,
    /// The index of the column, where the reason is about one.
    pub column: Option<usize>,
}

impl Refusal {
    fn of_row(reason: &'static str) -> Self {
        Self { reason, column: None }
    }

    /// The reason as a sentence, with the name of the column.
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

/// Parses a row by its header. Empty cells, and cells missing at the end, give no value. The raw text of the row is
/// kept when `keep_raw`.
pub fn parse(record: &Record<'_>, header: &Header, fields: &[Field], keep_raw: bool) -> Result<ImportRow, Refusal> {
    if let Some(reason) = record.defect {
        return Err(Refusal::of_row(reason));
    }
    if record.len() > header.targets.len() {
        return Err(Refusal::of_row("too-many-cells"));
    }
    let mut address = None;
    let mut values = Vec::with_capacity(fields.len());
    let is_own = header.schema.is_some_and(|schema| !record.cell(schema).is_empty());
    for (column, target) in header.targets.iter().enumerate() {
        let cell = record.cell(column);
        let cell = if is_own { people_file::rearm(cell) } else { cell };
        let refuse = |reason| Refusal { reason, column: Some(column) };
        match target {
            Some(Target::Email) => address = Some(Address::parse(cell).map_err(|error| refuse(error.as_str()))?),
            Some(Target::Field(index)) => {
                let field = &fields[*index];
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
    let capacity = 2 * record.raw.len() + NAME_BYTES;
    let folded = to_object(capacity, folded);
    let values = to_object(capacity, values.into_iter());
    let raw = if keep_raw { record.raw } else { "" };
    Ok(ImportRow::new(record.line, [&address.canonical(), &address.expose(), &values, &folded, raw]))
}

fn lower(text: &str) -> Cow<'_, str> {
    let is_lower = text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if is_lower { text.into() } else { text.to_lowercase().into() }
}

/// Bytes reserved for the names of the fields, beside those of the row.
const NAME_BYTES: usize = 64;

/// Writes a JSON object into one buffer of sufficient capacity: a map for each of a million rows would cost more
/// than everything else done to them.
fn to_object<'a>(capacity: usize, values: impl Iterator<Item = (&'a str, impl Serialize)>) -> String {
    let mut json = Vec::with_capacity(capacity);
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

    use super::super::decoder::DecodedText;
    use super::super::record::Records;
    use super::*;

    fn outcomes(text: &str) -> Vec<Result<String, (&'static str, Option<usize>)>> {
        let fields = [Field::declare("age", "number").expect("a field"), Field::declare("city", "text").expect("one")];
        let text = DecodedText::new(Box::new(Cursor::new(text.as_bytes().to_vec())), encoding_rs::UTF_8);
        let mut records = Records::new(text, Path::new("people.csv")).expect("a table");
        let first = records.next().expect("reads").expect("a header");
        let header = Header::read(&first, &fields, &[]).expect("a header");
        let mut outcomes = Vec::new();
        while let Some(record) = records.next().expect("reads") {
            let outcome = parse(&record, &header, &fields, false);
            outcomes
                .push(outcome.map(|row| row.values().to_owned()).map_err(|refusal| (refusal.reason, refusal.column)));
        }
        outcomes
    }

    #[test]
    fn a_row_is_accepted_or_refused_as_a_whole() {
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
