//! The columns that `--map` names, and what they fill.

use super::column_names::{clean, listed, printable};
use super::target::Target;
use crate::audience::field::Field;
use crate::infra::error::{Message, Result};

/// The column of `--map` that stands for all that nothing else assigns.
pub const ALL_OTHERS: &str = "*";

/// The column of this name, in any case.
pub fn find(names: &[String], wanted: &str) -> Option<usize> {
    let wanted = clean(wanted).to_lowercase();
    names.iter().position(|name| name.to_lowercase() == wanted)
}

/// The columns that `--map` names: by name, by number (`#3`), or all without a name. What fills something is one column.
pub fn find_mapped(names: &[String], column: &str, target: Target) -> Result<Vec<usize>> {
    let wanted = clean(column).to_lowercase();
    let mut found: Vec<usize> = (0..names.len()).filter(|index| names[*index].to_lowercase() == wanted).collect();
    if found.is_empty() {
        let number = wanted.strip_prefix('#').and_then(|number| number.parse::<usize>().ok());
        found.extend(number.and_then(|number| number.checked_sub(1)).filter(|index| *index < names.len()));
    }
    if target != Target::Ignored {
        found.truncate(1);
    }
    if found.is_empty() && !wanted.is_empty() {
        return Err(Message::new("import-map-column")
            .with("column", printable(column))
            .with("known", listed(names))
            .invalid_field("map"));
    }
    Ok(found)
}

/// What `--map` says that a column fills.
pub fn target(field: &str, fields: &[Field]) -> Result<Target> {
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
