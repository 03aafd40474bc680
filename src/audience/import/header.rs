//! Header of an import file: assigns each column to the address or a field, and refuses columns without a declared
//! field. No column is ignored unless the user asks for it.

use super::address_column::{find_address, no_address};
use super::column_map::{ALL_OTHERS, find, find_mapped, target};
use super::column_names::clean;
use super::column_names::{field_name, printable, quoted};
use super::record::Shape;
use super::standing::{StatusColumn, column_of};
use super::target::Target;
use super::type_inference::TypeInference;
use crate::audience::address::trim_blank;
use crate::audience::field::Field;
use crate::audience::people_file::{ADDRESS_COLUMN, FIELD_PREFIX, OWN_COLUMNS, SCHEMA_COLUMN, STATE_COLUMN};
use crate::infra::error::{Error, Message, Result};

/// Columns that a file may have.
const MAX_COLUMNS: usize = 500;

/// The columns of a file.
#[derive(Debug)]
pub struct Header {
    /// Their names as in the file; `#1` and so on in a file without a header.
    pub names: Vec<String>,
    /// What each fills; `None` where no field of that name is declared.
    pub targets: Vec<Option<Target>>,
    /// Columns that say whether people may be mailed; some fill a field as well.
    pub statuses: Vec<(usize, StatusColumn)>,
    /// Columns left out because an earlier one has the same name and the same cells.
    pub doubled: Vec<usize>,
    /// The column that marks rows of a file that the engine wrote.
    pub schema: Option<usize>,
}

/// Columns of reject files, which an import leaves out.
pub const REJECT_COLUMNS: [&str; 2] = ["sendoff_line", "sendoff_reason"];

impl Header {
    /// Assigns columns of these names: by the user's `map` of column to field, then by the names of the declared `fields`.
    /// `sample` are some rows below: of several names that may mean an address the first column with one counts.
    pub fn read(names: &[String], sample: &[Vec<String>], fields: &[Field], map: &[(String, String)]) -> Result<Self> {
        if names.len() > MAX_COLUMNS {
            return Err(Message::new("import-columns").with("count", names.len()).with("limit", MAX_COLUMNS).invalid());
        }
        let names: Vec<String> = names.iter().map(|name| clean(name)).collect();
        let mut targets = vec![None; names.len()];
        let mut mapped = vec![false; names.len()];
        for (column, field) in map.iter().filter(|(column, _)| column.trim() != ALL_OTHERS) {
            let target = target(field, fields)?;
            for index in find_mapped(&names, column, target)? {
                targets[index] = Some(target);
                mapped[index] = true;
            }
        }
        for (name, target) in names.iter().zip(&mut targets).filter(|(_, target)| target.is_none()) {
            *target = match name.as_str() {
                "" => Some(Target::Unnamed),
                own if REJECT_COLUMNS.contains(&own) => Some(Target::Ignored),
                _ => None,
            };
        }
        let schema = find(&names, SCHEMA_COLUMN);
        let is_export = schema.is_some() && is_export(&names);
        if let Some(schema) = schema {
            targets[schema] = Some(Target::Ignored);
        }
        if is_export {
            assign_own(&names, &mut targets, fields);
        }
        if !targets.contains(&Some(Target::Email)) {
            let index = find_address(&names, &targets, sample).ok_or_else(|| no_address(&names, sample))?;
            targets[index] = Some(Target::Email);
        }
        for (name, target) in names.iter().zip(&mut targets).filter(|(_, target)| target.is_none()) {
            let wanted = [name.to_lowercase(), field_name(name)];
            let found = fields.iter().position(|field| wanted.contains(&field.name.to_lowercase()));
            *target = found.map(Target::Field);
        }
        let mut header = Self { names, targets, statuses: Vec::new(), doubled: Vec::new(), schema };
        header.leave_out_doubled(&mapped, sample)?;
        match is_export {
            true => header.find_own_status(),
            false => header.find_statuses(),
        }
        if map.iter().any(|(column, _)| column.trim() == ALL_OTHERS) {
            for (column, field) in map.iter().filter(|(column, _)| column.trim() == ALL_OTHERS) {
                if target(field, fields)? != Target::Ignored {
                    return Err(Message::new("import-map-others")
                        .with("given", format!("{column}={field}"))
                        .invalid_field("map"));
                }
            }
            header
                .targets
                .iter_mut()
                .filter(|target| target.is_none())
                .for_each(|target| *target = Some(Target::Ignored));
        }
        header.names.iter_mut().for_each(|name| *name = printable(name));
        header.refuse_duplicates()?;
        Ok(header)
    }

    /// What the rows below look like.
    pub fn shape(&self) -> Shape {
        let address = self.targets.iter().position(|target| *target == Some(Target::Email)).unwrap_or(0);
        let named = self.targets.iter().rposition(|target| *target != Some(Target::Unnamed)).map_or(0, |last| last + 1);
        Shape { columns: named.max(1), address }
    }

    /// Leaves out columns whose name and cells are those of an earlier column.
    fn leave_out_doubled(&mut self, mapped: &[bool], sample: &[Vec<String>]) -> Result<()> {
        let cell = |row: &Vec<String>, index: usize| row.get(index).map_or("", |cell| trim_blank(cell)).to_owned();
        for (index, mapped) in mapped.iter().enumerate() {
            let name = self.names[index].to_lowercase();
            let is_free = !mapped && !matches!(self.targets[index], Some(Target::Unnamed | Target::Ignored));
            let same = |other: &usize| {
                self.names[*other].to_lowercase() == name && self.targets[*other] == self.targets[index]
            };
            let Some(first) = (0..index).find(same).filter(|_| is_free) else { continue };
            let repeats = |row: &Vec<String>| ["", &cell(row, first)].contains(&&*cell(row, index));
            if !sample.iter().all(repeats) {
                return Err(Message::new("import-column-twice")
                    .with("column", printable(&self.names[index]))
                    .with("first", first + 1)
                    .with("second", index + 1)
                    .invalid());
            }
            self.targets[index] = Some(Target::Ignored);
            self.doubled.push(index);
        }
        Ok(())
    }

    /// Finds the state of people in a file that the engine wrote: who is pending or bounced there stays so elsewhere.
    fn find_own_status(&mut self) {
        let state = self.names.iter().position(|name| name == STATE_COLUMN);
        self.statuses.extend(state.map(|index| (index, StatusColumn::Words)));
    }

    /// Finds the columns that say whether people may be mailed. Leaving such a column out is no decision about the people.
    fn find_statuses(&mut self) {
        for index in 0..self.names.len() {
            let Some(kind) = column_of(&self.names[index]) else { continue };
            if matches!(self.targets[index], Some(Target::Email)) || self.doubled.contains(&index) {
                continue;
            }
            self.statuses.push((index, kind));
            if self.targets[index].is_none() {
                self.targets[index] = Some(Target::Status(kind));
            }
        }
    }

    fn refuse_duplicates(&self) -> Result<()> {
        for (index, target) in self.targets.iter().enumerate() {
            if matches!(target, Some(Target::Email | Target::Field(_)))
                && let Some(first) = self.targets[..index].iter().position(|earlier| earlier == target)
            {
                return Err(Message::new("import-field-twice")
                    .with("first", &self.names[first])
                    .with("second", &self.names[index])
                    .with("map", quoted(&format!("#{}=-", index + 1)))
                    .invalid());
            }
        }
        Ok(())
    }

    /// The name of a column, or its number where no other name tells it.
    pub fn name(&self, column: usize) -> String {
        match self.names[column].as_str() {
            "" => format!("#{}", column + 1),
            name if self.doubled.contains(&column) => format!("{name} (#{})", column + 1),
            name => name.to_owned(),
        }
    }

    /// Whether a column fills a field.
    pub fn fills_field(&self, column: usize) -> bool {
        matches!(self.targets[column], Some(Target::Field(_)))
    }

    /// The names of the columns and what each fills: `email`, a field, or `-`.
    pub fn describe(&self, fields: &[Field]) -> Vec<(String, String)> {
        let filled = |target: &Option<Target>| match target {
            Some(Target::Email) => "email".to_owned(),
            Some(Target::Field(index)) => fields[*index].name.clone(),
            Some(Target::Ignored | Target::Unnamed | Target::Status(_)) | None => "-".to_owned(),
        };
        let columns = self.targets.iter().enumerate().filter(|(_, target)| **target != Some(Target::Unnamed));
        columns.map(|(index, target)| (self.name(index), filled(target))).collect()
    }

    /// The fields that the columns fill.
    pub fn filled<'f>(&self, fields: &'f [Field]) -> Vec<&'f str> {
        let name = |target: &Option<Target>| match target {
            Some(Target::Field(index)) => Some(fields[*index].name.as_str()),
            _ => None,
        };
        self.targets.iter().filter_map(name).collect()
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
            .with("others", "'*=-'")
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

/// Whether a file that the engine wrote is an export, or the rejects of one; other rejects have the columns of their file.
fn is_export(names: &[String]) -> bool {
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    !has(REJECT_COLUMNS[0]) || has(ADDRESS_COLUMN) && (has("list") || has("lists") || has("state"))
}

/// Assigns the columns of a file that the engine wrote: the address, and fields that share their name with another column;
/// what the file says of each person beside them is left out.
fn assign_own(names: &[String], targets: &mut [Option<Target>], fields: &[Field]) {
    let has_address = targets.contains(&Some(Target::Email));
    for (name, target) in names.iter().zip(targets).filter(|(_, target)| target.is_none()) {
        let shared = name.strip_prefix(FIELD_PREFIX).filter(|field| OWN_COLUMNS.contains(field));
        *target = match name.as_str() {
            ADDRESS_COLUMN if !has_address => Some(Target::Email),
            own if OWN_COLUMNS.contains(&own) => Some(Target::Ignored),
            _ => shared.and_then(|name| fields.iter().position(|field| field.name == name)).map(Target::Field),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str, rows: &[&str], map: &[(&str, &str)]) -> Result<Header> {
        let fields: Vec<_> = [("city", "text"), ("first_name", "text"), ("возраст", "number")]
            .map(|(name, kind)| Field::declare(name, kind).expect("a field"))
            .to_vec();
        let map: Vec<_> = map.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let cells = |line: &&str| line.split([',', ';']).map(str::to_owned).collect::<Vec<_>>();
        Header::read(&cells(&line), &rows.iter().map(cells).collect::<Vec<_>>(), &fields, &map)
    }

    fn header(line: &str, map: &[(&str, &str)]) -> Result<Header> {
        read(line, &[], map)
    }

    fn refusal(line: &str, map: &[(&str, &str)]) -> &'static str {
        header(line, map).expect_err(line).message().key
    }

    #[test]
    fn columns_are_matched_to_fields_by_name() {
        use Target::{Email, Field, Ignored, Unnamed};
        let targets = |line, map: &[_]| header(line, map).expect(line).targets;

        assert_eq!(targets(" E-Mail ;City;First Name;Возраст", &[]), [Email, Field(0), Field(1), Field(2)].map(Some));
        assert_eq!(targets("Почта,город,x", &[("город", "city"), ("X", "-")]), [Email, Field(0), Ignored].map(Some));
        assert_eq!(targets("адрес,Почта", &[("адрес", "city")]), [Field(0), Email].map(Some));
        assert_eq!(targets("who,email", &[("who", "email"), ("email", "-")]), [Email, Ignored].map(Some));
        assert_eq!(targets("email;city;;", &[]), [Email, Field(0), Unnamed, Unnamed].map(Some));
        assert_eq!(targets(";email;;city", &[("", "-")]), [Ignored, Email, Ignored, Field(0)].map(Some));
        assert_eq!(targets("em\u{200b}ail,\u{feff}city", &[]), [Email, Field(0)].map(Some));
        assert_eq!(targets("email,street", &[]), [Some(Email), None]);
        assert_eq!(targets("email,street,city,x", &[("*", "-")]), [Email, Ignored, Field(0), Ignored].map(Some));
        assert_eq!(
            targets("email,street,street", &[("#2", "city"), ("street", "-")]),
            [Email, Ignored, Ignored].map(Some)
        );
        assert_eq!(targets("email,a,a", &[("a", "-"), ("#3", "city")]), [Email, Ignored, Field(0)].map(Some));
        assert_eq!(
            targets("sendoff_line,sendoff_reason,sendoff_schema,email,city", &[]),
            [Ignored, Ignored, Ignored, Email, Field(0)].map(Some)
        );
    }

    #[test]
    fn the_column_of_addresses_is_the_one_that_has_some() {
        let address = |line: &str, row: &str| {
            let header = read(line, &[row], &[("*", "-")]).expect(line);
            header.targets.iter().position(|target| *target == Some(Target::Email))
        };
        assert_eq!(address("Name,E-mail 1 - Label,E-mail 1 - Value", "Ann,Home,ann@x.test"), Some(2));
        assert_eq!(address("Address,CustomerEmail", "1 Main Street,ann@x.test"), Some(1));
        assert_eq!(address("Email,E-mail 2", "yes,ann@x.test"), Some(1));
        assert_eq!(address("Email,Name", ",Ann"), Some(0));
        let refused = read("Contact,Name", &["ann@x.test,Ann"], &[]).expect_err("no name").message();
        assert_eq!((refused.key, refused.text("map")), ("import-no-address", "'Contact=email'"));
    }

    #[test]
    fn a_doubled_column_is_left_out_if_it_says_nothing_new() {
        let line = "email,city,City,notes,notes";
        let header = read(line, &["a@x.test,Rome,Rome,x,", "b@x.test,Oslo,,,"], &[]).expect("a header");
        assert_eq!((header.doubled.as_slice(), header.undeclared()), (&[2, 4][..], vec![3]));
        let refused = read(line, &["a@x.test,Rome,Oslo"], &[]).expect_err("two cities").message();
        assert_eq!((refused.key, refused.text("second")), ("import-column-twice", "3"));
        assert!(read(line, &["a@x.test,Rome,Oslo"], &[("#3", "-"), ("notes", "-")]).is_ok());
    }

    #[test]
    fn a_status_column_is_no_undeclared_one_and_stays_one_when_it_is_left_out() {
        let statuses = |map: &[_]| header("email,Status,CLEAN_TIME,city", map).expect("a header").statuses.len();
        assert_eq!((statuses(&[]), statuses(&[("Status", "-")]), statuses(&[("*", "-")])), (2, 2, 2));
        let own = header("list,address,state,field_state,sendoff_schema", &[("field_state", "-")]).expect("a header");
        assert_eq!(own.statuses, [(2, StatusColumn::Words)], "our own exports say who is pending");
        assert!(header("email,Status", &[]).expect("a header").undeclared().is_empty());
    }

    #[test]
    fn an_ambiguous_header_is_refused() {
        assert_eq!(refusal("name,city", &[]), "import-no-address");
        assert_eq!(refusal("email,city,town", &[("town", "city")]), "import-field-twice");
        assert_eq!(refusal("email", &[("town", "city")]), "import-map-column");
        assert_eq!(refusal("email", &[("#2", "-")]), "import-map-column");
        assert_eq!(refusal("email,town", &[("town", "index")]), "import-map-field");
        assert_eq!(refusal("email,town", &[("*", "city")]), "import-map-others");
        assert_eq!(refusal(&vec!["a"; MAX_COLUMNS + 1].join(","), &[]), "import-columns");
    }

    #[test]
    fn an_undeclared_column_is_refused_with_the_command_that_declares_it() {
        let header = header("email,Last Visit,Любимый цвет,1st,set", &[]).expect("a header");
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
