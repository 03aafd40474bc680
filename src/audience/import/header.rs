//! Header of an import file: assigns each column to the address or a field, and refuses columns without a declared
//! field. No column is ignored unless the user asks for it.

use super::record::Record;
use super::type_inference::TypeInference;
use crate::audience::field::Field;
use crate::audience::people_file::{ADDRESS_COLUMN, FIELD_PREFIX, OWN_COLUMNS, SCHEMA_COLUMN};
use crate::infra::error::{Error, Message, Result};

/// Columns that a file may have.
const MAX_COLUMNS: usize = 500;

/// Columns that a refusal names.
const MAX_LISTED: usize = 30;

/// Names of a column of addresses, the most certain first.
const ADDRESS_NAMES: [&str; 17] = [
    "email",
    "e-mail",
    "e_mail",
    "email address",
    "e-mail address",
    "электронная почта",
    "эл. почта",
    "эл.почта",
    "адрес электронной почты",
    "электронный адрес",
    "e-mail адрес",
    "email адрес",
    "емейл",
    "имейл",
    "mail",
    "почта",
    "адрес",
];

/// What a column fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The address.
    Email,
    /// A field, by its index among the declared ones.
    Field(usize),
    /// Ignored on request.
    Ignored,
    /// A column without a name at the end of the header; its cells must be empty.
    Unnamed,
}

/// The columns of a file.
#[derive(Debug)]
pub struct Header {
    /// Their names as in the file.
    pub names: Vec<String>,
    /// What each fills; `None` where no field of that name is declared.
    pub targets: Vec<Option<Target>>,
    /// The column that marks rows of a file that the engine wrote.
    pub schema: Option<usize>,
}

impl Header {
    /// Parses the first row and assigns its columns: by the user's `map` of column to field, then by the names of the
    /// declared `fields`.
    pub fn read(record: &Record<'_>, fields: &[Field], map: &[(String, String)]) -> Result<Self> {
        if record.len() > MAX_COLUMNS {
            return Err(Message::new("import-columns")
                .with("count", record.len())
                .with("limit", MAX_COLUMNS)
                .invalid());
        }
        let mut names: Vec<String> = record.iter().map(|name| name.trim().to_owned()).collect();
        let named = names.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
        refuse_ambiguous(&names[..named])?;
        let mut targets = vec![None; named];
        for (column, field) in map {
            let index = find(&names, column).ok_or_else(|| {
                Message::new("import-map-column")
                    .with("column", printable(column))
                    .with("known", listed(&names[..named]))
                    .invalid_field("map")
            })?;
            targets[index] = Some(target(field, fields)?);
        }
        let schema = find(&names[..named], SCHEMA_COLUMN);
        if schema.is_some() {
            assign_own(&names, &mut targets, fields);
        }
        if !targets.contains(&Some(Target::Email)) {
            let free = |index: &usize| targets[*index].is_none();
            let index = ADDRESS_NAMES.iter().find_map(|word| find(&names, word).filter(free));
            let index = index
                .ok_or_else(|| Message::new("import-no-address").with("known", listed(&names[..named])).invalid())?;
            targets[index] = Some(Target::Email);
        }
        for (name, target) in names.iter().zip(&mut targets).filter(|(_, target)| target.is_none()) {
            let wanted = [name.to_lowercase(), field_name(name)];
            let found = fields.iter().position(|field| wanted.contains(&field.name.to_lowercase()));
            *target = found.map(Target::Field);
        }
        targets.resize(names.len(), Some(Target::Unnamed));
        names.iter_mut().for_each(|name| *name = printable(name));
        refuse_duplicates(&names, &targets)?;
        Ok(Self { names, targets, schema })
    }

    /// The names of the columns and what each fills: `email`, a field, or `-`.
    pub fn describe(&self, fields: &[Field]) -> Vec<(String, String)> {
        let filled = |target: &Option<Target>| match target {
            Some(Target::Email) => "email".to_owned(),
            Some(Target::Field(index)) => fields[*index].name.clone(),
            Some(Target::Ignored | Target::Unnamed) | None => "-".to_owned(),
        };
        let named = self.names.iter().zip(&self.targets).filter(|(_, target)| **target != Some(Target::Unnamed));
        named.map(|(name, target)| (name.clone(), filled(target))).collect()
    }

    /// Indexes of the columns without a declared field.
    pub fn undeclared(&self) -> Vec<usize> {
        (0..self.targets.len()).filter(|index| self.targets[*index].is_none()).collect()
    }

    /// The refusal of undeclared columns, with the commands that would declare them with the types inferred from some
    /// rows.
    pub fn refuse(&self, inferred: &[(usize, TypeInference)]) -> Error {
        let names: Vec<_> = inferred.iter().map(|(index, _)| self.names[*index].as_str()).collect();
        let commands: Vec<_> =
            inferred.iter().map(|(index, inferred_type)| self.command(*index, inferred_type)).collect();
        Message::new("import-undeclared")
            .with("columns", names.join(", "))
            .with("commands", commands.join("\n"))
            .with("column", quoted(&format!("{}=-", names[0])))
            .invalid()
    }

    fn command(&self, index: usize, inferred_type: &TypeInference) -> String {
        let name = &self.names[index];
        let kind = inferred_type.kind();
        let fits = |name: &str| Field::declare(name, kind.as_str()).is_ok();
        match field_name(name) {
            field if fits(&field) => format!("  sendoff field add {field} {kind}"),
            _ => {
                let field = format!("field_{}", index + 1);
                format!("  sendoff field add {field} {kind}   --map {}", quoted(&format!("{name}={field}")))
            }
        }
    }
}

fn find(names: &[String], wanted: &str) -> Option<usize> {
    let wanted = wanted.trim().to_lowercase();
    names.iter().position(|name| name.to_lowercase() == wanted)
}

/// Assigns the columns of a file that the engine wrote: the address, and fields that share their name with another column;
/// what the file says of each person beside them is left out.
fn assign_own(names: &[String], targets: &mut [Option<Target>], fields: &[Field]) {
    let has_address = targets.contains(&Some(Target::Email));
    for (name, target) in names.iter().zip(targets).filter(|(_, target)| target.is_none()) {
        let shared = name.strip_prefix(FIELD_PREFIX).filter(|field| OWN_COLUMNS.contains(field));
        *target = match name.as_str() {
            ADDRESS_COLUMN if !has_address => Some(Target::Email),
            SCHEMA_COLUMN => Some(Target::Ignored),
            own if OWN_COLUMNS.contains(&own) => Some(Target::Ignored),
            _ => shared.and_then(|name| fields.iter().position(|field| field.name == name)).map(Target::Field),
        };
    }
}

fn target(field: &str, fields: &[Field]) -> Result<Target> {
    let field = field.trim();
    match field {
        "-" => Ok(Target::Ignored),
        _ if field.eq_ignore_ascii_case("email") => Ok(Target::Email),
        _ => {
            let index = fields.iter().position(|known| known.name.to_lowercase() == field.to_lowercase());
            index
                .map(Target::Field)
                .ok_or_else(|| Message::new("import-map-field").with("field", printable(field)).invalid_field("map"))
        }
    }
}

fn refuse_ambiguous(names: &[String]) -> Result<()> {
    for (index, name) in names.iter().enumerate() {
        if name.is_empty() {
            return Err(Message::new("import-column-unnamed").with("number", index + 1).invalid());
        }
        if find(&names[..index], name).is_some() {
            return Err(Message::new("import-column-twice").with("column", printable(name)).invalid());
        }
    }
    Ok(())
}

fn refuse_duplicates(names: &[String], targets: &[Option<Target>]) -> Result<()> {
    for (index, target) in targets.iter().enumerate() {
        if matches!(target, Some(Target::Email | Target::Field(_)))
            && let Some(first) = targets[..index].iter().position(|earlier| earlier == target)
        {
            return Err(Message::new("import-field-twice")
                .with("first", &names[first])
                .with("second", &names[index])
                .invalid());
        }
    }
    Ok(())
}

/// A column's name as a field name: lower case, with underscores for other characters.
fn field_name(column: &str) -> String {
    let plain: String = column.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    plain.to_lowercase().trim_matches('_').to_owned()
}

/// A name from a file for a message: without control characters, and cut to 60 characters.
fn printable(name: &str) -> String {
    name.chars().filter(|c| !crate::audience::address::is_hidden(*c)).take(60).collect()
}

fn listed(names: &[String]) -> String {
    let more = if names.len() > MAX_LISTED { ", …" } else { "" };
    names.iter().take(MAX_LISTED).map(|name| printable(name)).collect::<Vec<_>>().join(", ") + more
}

/// A quoted word for a POSIX shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::path::Path;

    use super::super::decoder::DecodedText;
    use super::super::record::Records;
    use super::*;

    fn header(line: &str, map: &[(&str, &str)]) -> Result<Header> {
        let fields: Vec<_> = [("city", "text"), ("first_name", "text"), ("возраст", "number")]
            .map(|(name, kind)| Field::declare(name, kind).expect("a field"))
            .to_vec();
        let map: Vec<_> = map.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let text = DecodedText::new(Box::new(Cursor::new(line.as_bytes().to_vec())), encoding_rs::UTF_8);
        let mut records = Records::new(text, Path::new("people.csv"))?;
        let record = records.next()?.expect("a row");
        Header::read(&record, &fields, &map)
    }

    fn refusal(line: &str, map: &[(&str, &str)]) -> &'static str {
        header(line, map).expect_err(line).message().key
    }

    #[test]
    fn columns_are_matched_to_fields_by_name() {
        use Target::{Email, Field, Ignored, Unnamed};
        let targets = |line, map: &[_]| header(line, map).expect(line).targets;

        assert_eq!(targets(" E-Mail ;City;First Name;Возраст\n", &[]), [Email, Field(0), Field(1), Field(2)].map(Some));
        assert_eq!(targets("Почта,город,x\n", &[("город", "city"), ("X", "-")]), [Email, Field(0), Ignored].map(Some));
        assert_eq!(targets("адрес,Почта\n", &[("адрес", "city")]), [Field(0), Email].map(Some));
        assert_eq!(targets("who,email\n", &[("who", "email"), ("email", "-")]), [Email, Ignored].map(Some));
        assert_eq!(targets("email;city;;\n", &[]), [Email, Field(0), Unnamed, Unnamed].map(Some));
        assert_eq!(targets("email,street\n", &[]), [Some(Email), None]);
    }

    #[test]
    fn an_ambiguous_header_is_refused() {
        assert_eq!(refusal("name,city\n", &[]), "import-no-address");
        assert_eq!(refusal("email,city,City\n", &[]), "import-column-twice");
        assert_eq!(refusal("email,,city\n", &[]), "import-column-unnamed");
        assert_eq!(refusal("email,city,town\n", &[("town", "city")]), "import-field-twice");
        assert_eq!(refusal("email\n", &[("town", "city")]), "import-map-column");
        assert_eq!(refusal("email,town\n", &[("town", "index")]), "import-map-field");
        assert_eq!(refusal(&vec!["a"; MAX_COLUMNS + 1].join(","), &[]), "import-columns");
    }

    #[test]
    fn an_undeclared_column_is_refused_with_the_command_that_declares_it() {
        let header = header("email,Last Visit,Любимый цвет,1st,set\n", &[]).expect("a header");
        let mut date = TypeInference::default();
        date.observe("31.12.2025");
        let inferred =
            [(1, date), (2, TypeInference::default()), (3, TypeInference::default()), (4, TypeInference::default())];
        let message = header.refuse(&inferred).message();

        assert_eq!(header.undeclared(), [1, 2, 3, 4]);
        assert_eq!(
            message.text("commands"),
            "  sendoff field add last_visit date\n  sendoff field add любимый_цвет text\n  \
             sendoff field add field_4 text   --map '1st=field_4'\n  \
             sendoff field add field_5 text   --map 'set=field_5'"
        );
        assert_eq!(message.text("column"), "'Last Visit=-'");
    }
}
