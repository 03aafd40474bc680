//! The first row: which column is the address, which fills which field, and a refusal for what is
//! left over. Nothing in a file is dropped unless someone asked for it.

use super::record::Record;
use super::type_inference::Guess;
use crate::audience::field::Field;
use crate::infra::error::{Error, Message, Result};

/// Columns that a file may have.
const COLUMNS: usize = 500;

/// Columns that a refusal names.
const LISTED: usize = 30;

/// Names of a column of addresses, the surest first.
const ADDRESS: [&str; 17] = [
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

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The address.
    Email,
    /// A field, by its place among the declared ones.
    Field(usize),
    /// Left out on request.
    Ignored,
    /// A column without a name at the end of the header; its cells must be empty.
    Unnamed,
}

/// The columns of a file.
#[derive(Debug)]
pub struct Header {
    /// Their names as they stand.
    pub names: Vec<String>,
    /// What each is for; `None` where no field of that name is declared.
    pub targets: Vec<Option<Target>>,
}

impl Header {
    /// Reads the first row and settles its columns by the user's `map` (column, field), then by
    /// the names of the declared `fields`.
    pub fn read(record: &Record<'_>, fields: &[Field], map: &[(String, String)]) -> Result<Self> {
        if record.len() > COLUMNS {
            return Err(Message::new("import-columns").with("count", record.len()).with("limit", COLUMNS).invalid());
        }
        let mut names: Vec<String> = record.iter().map(|name| name.trim().to_owned()).collect();
        let named = names.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
        refuse_unclear(&names[..named])?;
        let mut targets = vec![None; named];
        for (column, field) in map {
            let place = find(&names, column).ok_or_else(|| {
                Message::new("import-map-column")
                    .with("column", shown(column))
                    .with("known", listed(&names[..named]))
                    .invalid_field("map")
            })?;
            targets[place] = Some(target(field, fields)?);
        }
        if !targets.contains(&Some(Target::Email)) {
            let free = |place: &usize| targets[*place].is_none();
            let place = ADDRESS.iter().find_map(|word| find(&names, word).filter(free));
            let place = place
                .ok_or_else(|| Message::new("import-no-address").with("known", listed(&names[..named])).invalid())?;
            targets[place] = Some(Target::Email);
        }
        for (name, target) in names.iter().zip(&mut targets).filter(|(_, target)| target.is_none()) {
            let wanted = [name.to_lowercase(), field_name(name)];
            let found = fields.iter().position(|field| wanted.contains(&field.name.to_lowercase()));
            *target = found.map(Target::Field);
        }
        targets.resize(names.len(), Some(Target::Unnamed));
        names.iter_mut().for_each(|name| *name = shown(name));
        refuse_doubled(&names, &targets)?;
        Ok(Self { names, targets })
    }

    /// The names of the columns and what each fills: `email`, a field, or `-`.
    pub fn describe(&self, fields: &[Field]) -> Vec<(String, String)> {
        let filled = |target: &Option<Target>| match target {
            Some(Target::Email) => "email".to_owned(),
            Some(Target::Field(place)) => fields[*place].name.clone(),
            Some(Target::Ignored | Target::Unnamed) | None => "-".to_owned(),
        };
        let named = self.names.iter().zip(&self.targets).filter(|(_, target)| **target != Some(Target::Unnamed));
        named.map(|(name, target)| (name.clone(), filled(target))).collect()
    }

    /// Places of the columns that no declared field takes.
    pub fn undeclared(&self) -> Vec<usize> {
        (0..self.targets.len()).filter(|place| self.targets[*place].is_none()).collect()
    }

    /// The refusal of undeclared columns, with the commands that would declare them as the types
    /// guessed from some rows.
    pub fn refuse(&self, guesses: &[(usize, Guess)]) -> Error {
        let names: Vec<_> = guesses.iter().map(|(place, _)| self.names[*place].as_str()).collect();
        let commands: Vec<_> = guesses.iter().map(|(place, guess)| self.command(*place, guess)).collect();
        Message::new("import-undeclared")
            .with("columns", names.join(", "))
            .with("commands", commands.join("\n"))
            .with("column", quoted(&format!("{}=-", names[0])))
            .invalid()
    }

    fn command(&self, place: usize, guess: &Guess) -> String {
        let name = &self.names[place];
        let kind = guess.kind();
        let fits = |name: &str| Field::declare(name, kind.as_str()).is_ok();
        match field_name(name) {
            field if fits(&field) => format!("  sendoff field add {field} {kind}"),
            _ => {
                let field = format!("field_{}", place + 1);
                format!("  sendoff field add {field} {kind}   --map {}", quoted(&format!("{name}={field}")))
            }
        }
    }
}

fn find(names: &[String], wanted: &str) -> Option<usize> {
    let wanted = wanted.trim().to_lowercase();
    names.iter().position(|name| name.to_lowercase() == wanted)
}

fn target(field: &str, fields: &[Field]) -> Result<Target> {
    let field = field.trim();
    match field {
        "-" => Ok(Target::Ignored),
        _ if field.eq_ignore_ascii_case("email") => Ok(Target::Email),
        _ => {
            let place = fields.iter().position(|known| known.name.to_lowercase() == field.to_lowercase());
            place
                .map(Target::Field)
                .ok_or_else(|| Message::new("import-map-field").with("field", shown(field)).invalid_field("map"))
        }
    }
}

fn refuse_unclear(names: &[String]) -> Result<()> {
    for (place, name) in names.iter().enumerate() {
        if name.is_empty() {
            return Err(Message::new("import-column-unnamed").with("number", place + 1).invalid());
        }
        if find(&names[..place], name).is_some() {
            return Err(Message::new("import-column-twice").with("column", shown(name)).invalid());
        }
    }
    Ok(())
}

fn refuse_doubled(names: &[String], targets: &[Option<Target>]) -> Result<()> {
    for (place, target) in targets.iter().enumerate() {
        if matches!(target, Some(Target::Email | Target::Field(_)))
            && let Some(first) = targets[..place].iter().position(|earlier| earlier == target)
        {
            return Err(Message::new("import-field-twice")
                .with("first", &names[first])
                .with("second", &names[place])
                .invalid());
        }
    }
    Ok(())
}

/// A column's name as the name of a field: small letters, other signs as underscores.
fn field_name(column: &str) -> String {
    let plain: String = column.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    plain.to_lowercase().trim_matches('_').to_owned()
}

/// A name from a file as it may stand in a sentence: no control characters, no endless text.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !crate::audience::address::is_hidden(*c)).take(60).collect()
}

fn listed(names: &[String]) -> String {
    let more = if names.len() > LISTED { ", …" } else { "" };
    names.iter().take(LISTED).map(|name| shown(name)).collect::<Vec<_>>().join(", ") + more
}

/// A word for a POSIX shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::path::Path;

    use super::super::decoder::Text;
    use super::super::record::Records;
    use super::*;

    fn header(line: &str, map: &[(&str, &str)]) -> Result<Header> {
        let fields: Vec<_> = [("city", "text"), ("first_name", "text"), ("возраст", "number")]
            .map(|(name, kind)| Field::declare(name, kind).expect("a field"))
            .to_vec();
        let map: Vec<_> = map.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let text = Text::new(Box::new(Cursor::new(line.as_bytes().to_vec())), encoding_rs::UTF_8);
        let mut records = Records::new(text, Path::new("people.csv"))?;
        let record = records.next()?.expect("a row");
        Header::read(&record, &fields, &map)
    }

    fn refusal(line: &str, map: &[(&str, &str)]) -> &'static str {
        header(line, map).expect_err(line).message().key
    }

    #[test]
    fn columns_find_their_fields_by_name() {
        use Target::{Email, Field, Ignored, Unnamed};
        let settled = |line, map: &[_]| header(line, map).expect(line).targets;

        assert_eq!(settled(" E-Mail ;City;First Name;Возраст\n", &[]), [Email, Field(0), Field(1), Field(2)].map(Some));
        assert_eq!(settled("Почта,город,x\n", &[("город", "city"), ("X", "-")]), [Email, Field(0), Ignored].map(Some));
        assert_eq!(settled("адрес,Почта\n", &[("адрес", "city")]), [Field(0), Email].map(Some));
        assert_eq!(settled("who,email\n", &[("who", "email"), ("email", "-")]), [Email, Ignored].map(Some));
        assert_eq!(settled("email;city;;\n", &[]), [Email, Field(0), Unnamed, Unnamed].map(Some));
        assert_eq!(settled("email,street\n", &[]), [Some(Email), None]);
    }

    #[test]
    fn unclear_headers_are_refused() {
        assert_eq!(refusal("name,city\n", &[]), "import-no-address");
        assert_eq!(refusal("email,city,City\n", &[]), "import-column-twice");
        assert_eq!(refusal("email,,city\n", &[]), "import-column-unnamed");
        assert_eq!(refusal("email,city,town\n", &[("town", "city")]), "import-field-twice");
        assert_eq!(refusal("email\n", &[("town", "city")]), "import-map-column");
        assert_eq!(refusal("email,town\n", &[("town", "place")]), "import-map-field");
        assert_eq!(refusal(&vec!["a"; COLUMNS + 1].join(","), &[]), "import-columns");
    }

    #[test]
    fn the_refusal_of_undeclared_columns_says_what_to_type() {
        let header = header("email,Last Visit,Любимый цвет,1st,set\n", &[]).expect("a header");
        let mut date = Guess::default();
        date.see("31.12.2025");
        let guesses = [(1, date), (2, Guess::default()), (3, Guess::default()), (4, Guess::default())];
        let message = header.refuse(&guesses).message();

        assert_eq!(header.undeclared(), [1, 2, 3, 4]);
        assert_eq!(
            message.args[1].1,
            "  sendoff field add last_visit date\n  sendoff field add любимый_цвет text\n  \
             sendoff field add field_4 text   --map '1st=field_4'\n  \
             sendoff field add field_5 text   --map 'set=field_5'"
        );
        assert_eq!(message.args[2].1, "'Last Visit=-'");
    }
}
