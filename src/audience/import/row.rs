//! Parses one row of the file to an [`ImportRow`], or refuses it with a reason. Only its address decides; another value
//! that does not fit is left out.

use std::borrow::Cow;

use serde::Serialize;

use super::header::Header;
use super::import_row::ImportRow;
use super::record::{MAX_CELL_BYTES, Record};
use super::standing::{Standing, StatusColumn};
use super::target::Target;
use crate::audience::address::{Address, trim_blank};
use crate::audience::cell_format::CellFormat;
use crate::audience::field::{Field, MAX_TEXT_BYTES};
use crate::audience::people_file;
use crate::infra::error::Message;
use crate::infra::i18n::Lang;

/// Why a row is refused, or a value left out.
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
        self.column.map_or_else(|| sentence.clone(), |column| format!("{}: {sentence}", header.name(column)))
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
        "value-number-unclear" => "invalid-value-number-unclear",
        "value-date" => "invalid-value-date",
        "value-flag" => "invalid-value-flag",
        "value-choice" => "invalid-value-choice",
        "too-many-cells" => "invalid-too-many-cells",
        "cell-long" => "invalid-cell-long",
        "quote-open" => "invalid-quote-open",
        "encoding" => "invalid-encoding",
        "nul" => "invalid-nul",
        "status" => "invalid-status",
        "too-young" => "invalid-too-young",
        _ => return reason.to_owned(),
    };
    lang.translate(
        &Message::new(key).with("limit", if reason == "cell-long" { MAX_CELL_BYTES } else { MAX_TEXT_BYTES }),
    )
}

/// A value of a row that does not fit its field and is left out.
pub type LeftOut = Refusal;

/// A row that was parsed.
pub struct Parsed {
    /// The row.
    pub row: ImportRow,
    /// The values that were left out.
    pub left_out: Vec<LeftOut>,
}

/// How the cells of a file are read.
pub struct Columns<'a> {
    /// The columns.
    pub header: &'a Header,
    /// The declared fields.
    pub fields: &'a [Field],
    /// The format of each column.
    pub formats: &'a [CellFormat],
    /// The field with the date of birth, and the last day on which somebody was born who is old enough.
    pub latest_birth: Option<&'a (String, String)>,
}

/// Parses a row. Empty cells, and cells missing at the end, give no value; a value that does not fit is left out. The raw
/// text of the row is kept when `keep_raw`.
pub fn parse(record: &Record<'_>, columns: &Columns<'_>, keep_raw: bool) -> Result<Parsed, Refusal> {
    let Columns { header, fields, formats, latest_birth } = columns;
    if let Some(reason) = record.defect {
        return Err(Refusal::of_row(reason));
    }
    if (header.targets.len()..record.len()).any(|column| !trim_blank(record.cell(column)).is_empty()) {
        return Err(Refusal::of_row("too-many-cells"));
    }
    let (mut address, mut left_out) = (None, Vec::new());
    let mut values = Vec::with_capacity(fields.len());
    let is_own = header.schema.is_some_and(|schema| !record.cell(schema).is_empty());
    for (column, target) in header.targets.iter().enumerate() {
        let Some(Target::Email | Target::Field(_)) = target else { continue };
        let cell = record.cell(column);
        let cell = if is_own { people_file::rearm(cell) } else { cell };
        let refuse = |reason| Refusal { reason, column: Some(column) };
        let defect = find_defect(cell);
        match target {
            Some(Target::Field(index)) => {
                let field = &fields[*index];
                match defect.map_or_else(|| field.read_as(cell, formats[column]), Err) {
                    Ok(Some(value)) if is_too_young(*latest_birth, field, &value) => return Err(refuse("too-young")),
                    Ok(Some(value)) => values.push((field.name.as_str(), value)),
                    Ok(None) => {}
                    Err(reason) => left_out.push(refuse(reason)),
                }
            }
            _ => match defect {
                Some(reason) => return Err(refuse(reason)),
                None => address = Some(Address::parse(cell).map_err(|error| refuse(error.as_str()))?),
            },
        }
    }
    let address = address.ok_or(Refusal::of_row("address-empty"))?;
    values.sort_by_key(|(name, _)| *name);
    let folded = values.iter().filter_map(|(name, value)| Some((*name, lower(value.as_str()?))));
    let capacity = 2 * record.raw.len() + NAME_BYTES;
    let folded = to_object(capacity, folded);
    let values = to_object(capacity, values.into_iter());
    let raw = if keep_raw { record.raw } else { "" };
    let standing = standing(record, header).unwrap_or(Standing::Mailable);
    let texts = [&address.canonical(), &address.expose(), &values, &folded, raw];
    Ok(Parsed { row: ImportRow::new(record.line, standing, texts), left_out })
}

/// Whether a value is the date of birth of somebody whom the policy does not allow.
fn is_too_young(latest_birth: Option<&(String, String)>, field: &Field, value: &serde_json::Value) -> bool {
    latest_birth
        .is_some_and(|(name, latest)| *name == field.name && value.as_str().is_some_and(|day| day > latest.as_str()))
}

/// What a row says about its person; `None` where it says nothing.
pub fn standing(record: &Record<'_>, header: &Header) -> Option<Standing> {
    let read = |(column, kind): &(usize, StatusColumn)| {
        let standing = kind.read(record.cell(*column))?;
        // A field of this name may hold words of its own.
        let is_own_word = *kind == StatusColumn::Words && header.fills_field(*column) && standing == Standing::Unknown;
        (!is_own_word).then_some(standing)
    };
    header.statuses.iter().filter_map(read).max()
}

/// The reason why a cell cannot be read, if any.
fn find_defect(cell: &str) -> Option<&'static str> {
    if cell.len() > MAX_CELL_BYTES {
        return Some("cell-long");
    }
    if cell.is_ascii() {
        return memchr::memchr(0, cell.as_bytes()).map(|_| "nul");
    }
    if cell.contains('\u{fffd}') {
        return Some("encoding");
    }
    cell.contains('\0').then_some("nul")
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

    type Outcome = Result<(String, Vec<&'static str>), (&'static str, Option<usize>)>;

    fn outcomes(text: &str) -> Vec<Outcome> {
        let fields = [Field::declare("age", "number").expect("a field"), Field::declare("city", "text").expect("one")];
        let text = DecodedText::utf_8(Box::new(Cursor::new(text.as_bytes().to_vec())));
        let mut records = Records::new(text, Path::new("people.csv")).expect("a table");
        let first = records.next().expect("reads").expect("a header");
        let names: Vec<_> = first.iter().map(str::to_owned).collect();
        let header = Header::read(&names, &[], &fields, &[("notes".to_owned(), "-".to_owned())]).expect("a header");
        let formats = vec![CellFormat::default(); names.len()];
        let columns = Columns { header: &header, fields: &fields, formats: &formats, latest_birth: None };
        let mut outcomes = Vec::new();
        while let Some(record) = records.next().expect("reads") {
            let outcome = parse(&record, &columns, false);
            let read = |parsed: Parsed| {
                (parsed.row.values().to_owned(), parsed.left_out.iter().map(|value| value.reason).collect())
            };
            outcomes.push(outcome.map(read).map_err(|refusal| (refusal.reason, refusal.column)));
        }
        outcomes
    }

    #[test]
    fn a_row_is_refused_for_its_address_and_other_values_are_left_out() {
        let long = "x".repeat(MAX_CELL_BYTES + 1);
        let taken = |values: &str, left_out: &[&'static str]| Ok((values.to_owned(), left_out.to_vec()));
        assert_eq!(
            outcomes(&format!(
                "email,age,city,,notes\na@b.cd,30,Казань\nb@b.cd\nc@b.cd,many,x\nd@,1\ne@b.cd,1,x,,,,\n\
                 f@b.cd,1,x,y,\ng@b.cd,,,,,z\n,7\nh@b.cd,1,a\0b\ni@b.cd,,\u{fffd}\nj\0@b.cd\nk@b.cd,,{long},,{long}\nl@b.cd,2,,,{long}\n"
            )),
            [
                taken(r#"{"age":30,"city":"Казань"}"#, &[]),
                taken("{}", &[]),
                taken(r#"{"city":"x"}"#, &["value-number"]),
                Err(("address-domain", Some(0))),
                taken(r#"{"age":1,"city":"x"}"#, &[]),
                taken(r#"{"age":1,"city":"x"}"#, &[]),
                Err(("too-many-cells", None)),
                Err(("address-empty", Some(0))),
                taken(r#"{"age":1}"#, &["nul"]),
                taken("{}", &["encoding"]),
                Err(("nul", Some(0))),
                taken("{}", &["cell-long"]),
                taken(r#"{"age":2}"#, &[]),
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
