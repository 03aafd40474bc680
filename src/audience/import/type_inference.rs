//! Infers the type of an undeclared column from its cells, for the command that would declare it.

use std::collections::BTreeMap;

use crate::audience::cell_format::{CellFormat, DateOrder, NumberStyle};
use crate::audience::field::{Field, Kind};

/// The types that fit all cells observed so far.
#[derive(Debug)]
pub struct TypeInference {
    fits: Vec<Field>,
    has_values: bool,
}

impl Default for TypeInference {
    fn default() -> Self {
        let fits = [Kind::Flag, Kind::Number, Kind::Date]
            .map(|kind| Field { name: String::new(), kind, choices: Vec::new(), labels: BTreeMap::new() })
            .to_vec();
        Self { fits, has_values: false }
    }
}

impl TypeInference {
    /// Narrows the types by one more cell.
    pub fn observe(&mut self, cell: &str) {
        if !cell.trim().is_empty() {
            self.has_values = true;
            self.fits.retain(|field| fits(field, cell) && !(field.kind == Kind::Number && is_code(cell.trim())));
        }
    }

    /// The narrowest type that fits; text when every cell was empty.
    pub fn kind(&self) -> Kind {
        self.fits.first().filter(|_| self.has_values).map_or(Kind::Text, |field| field.kind)
    }
}

/// Whether a cell fits in any format.
fn fits(field: &Field, cell: &str) -> bool {
    let fits_as = |order, style| {
        let format = CellFormat { dates: Some(order), years: Some(1930), numbers: Some(style), day_numbers: false };
        field.read_as(cell, format).is_ok()
    };
    field.read(cell).is_ok()
        || fits_as(DateOrder::DayFirst, NumberStyle::Point)
        || fits_as(DateOrder::MonthFirst, NumberStyle::Comma)
}

/// Whether it is a telephone number or a code: as a number it would lose its plus, zeros or last digits.
fn is_code(cell: &str) -> bool {
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).count();
    cell.starts_with('+') || (cell.starts_with('0') && digits(cell) > 1) || digits(cell) > 15
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inferred_type_fits_all_cells() {
        let inference = |cells: &[&str]| {
            let mut inference = TypeInference::default();
            cells.iter().for_each(|cell| inference.observe(cell));
            inference.kind()
        };

        assert_eq!(inference(&["да", "", "нет"]), Kind::Flag);
        assert_eq!(inference(&["1", "0", "25"]), Kind::Number);
        assert_eq!(inference(&["0", "0,5", "-3"]), Kind::Number);
        for code in ["+79001234567", "007", "4276380012345678"] {
            assert_eq!(inference(&["25", code]), Kind::Text, "{code}");
        }
        assert_eq!(inference(&["2026-01-31", "31.01.2026"]), Kind::Date);
        assert_eq!(inference(&["12/31/1990", "07/04/1985"]), Kind::Date);
        assert_eq!(inference(&["1,200", "$1,200.50", "1.234,5"]), Kind::Number);
        assert_eq!(inference(&["1", "Казань"]), Kind::Text);
        assert_eq!(inference(&["", " "]), Kind::Text);
    }
}
