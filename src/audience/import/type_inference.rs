//! The type that a column seems to have, for the command that would declare it.

use crate::audience::field::{Field, Kind};

/// The type that all cells of a column seen so far would fit.
#[derive(Debug)]
pub struct Guess {
    fits: Vec<Field>,
    seen: bool,
}

impl Default for Guess {
    fn default() -> Self {
        let fits = [Kind::Flag, Kind::Number, Kind::Date]
            .map(|kind| Field { name: String::new(), kind, choices: Vec::new() })
            .to_vec();
        Self { fits, seen: false }
    }
}

impl Guess {
    /// Takes one more cell into account.
    pub fn see(&mut self, cell: &str) {
        if !cell.trim().is_empty() {
            self.seen = true;
            self.fits.retain(|field| field.read(cell).is_ok() && !(field.kind == Kind::Number && is_code(cell.trim())));
        }
    }

    /// The narrowest type that fits; text when there was nothing to see.
    pub fn kind(&self) -> Kind {
        self.fits.first().filter(|_| self.seen).map_or(Kind::Text, |field| field.kind)
    }
}

/// A telephone number or a code: as a number it would lose its plus, its zeros or its last digits.
fn is_code(cell: &str) -> bool {
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).count();
    cell.starts_with('+') || (cell.starts_with('0') && digits(cell) > 1) || digits(cell) > 15
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_guessed_from_what_all_cells_fit() {
        let guess = |cells: &[&str]| {
            let mut guess = Guess::default();
            cells.iter().for_each(|cell| guess.see(cell));
            guess.kind()
        };

        assert_eq!(guess(&["да", "", "нет"]), Kind::Flag);
        assert_eq!(guess(&["1", "0", "25"]), Kind::Number);
        assert_eq!(guess(&["0", "0,5", "-3"]), Kind::Number);
        for code in ["+79001234567", "007", "4276380012345678"] {
            assert_eq!(guess(&["25", code]), Kind::Text, "{code}");
        }
        assert_eq!(guess(&["2026-01-31", "31.01.2026"]), Kind::Date);
        assert_eq!(guess(&["1", "Казань"]), Kind::Text);
        assert_eq!(guess(&["", " "]), Kind::Text);
    }
}
