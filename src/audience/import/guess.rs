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
            self.fits.retain(|field| field.read(cell).is_ok());
        }
    }

    /// The narrowest type that fits; text when there was nothing to see.
    pub fn kind(&self) -> Kind {
        self.fits.first().filter(|_| self.seen).map_or(Kind::Text, |field| field.kind)
    }
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
        assert_eq!(guess(&["2026-01-31", "31.01.2026"]), Kind::Date);
        assert_eq!(guess(&["1", "Казань"]), Kind::Text);
        assert_eq!(guess(&["", " "]), Kind::Text);
    }
}
