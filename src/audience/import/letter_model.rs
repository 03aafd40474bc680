//! How likely letters are in each language: by that the reading of a file in one encoding is compared with another.
//!
//! The shares are measured (`letters.txt`). They are compared as natural logarithms; what no language has costs
//! [`RARE`].

use std::collections::HashMap;

use super::script::{Script, script};

/// Letters by language with their shares, measured.
const LETTERS: &str = include_str!("letters.txt");

/// Logarithm of the share of a letter that a language does not have.
const RARE: f64 = -9.0;
/// A sign that stands in texts, such as `№`, and one that word processors put for quotes and dashes.
const SIGN: f64 = -7.0;
const QUOTE: f64 = -5.5;
/// A character that stands in no text, such as `¬`.
const ODD: f64 = -11.0;
/// A byte that the encoding does not have.
pub const UNDEFINED: f64 = -25.0;
/// Letters of two scripts in one word; a capital behind a small letter; an odd character beside a letter.
const MIXED: f64 = -7.0;
const CAPITAL_INSIDE: f64 = -5.0;
const ODD_INSIDE: f64 = -5.0;

/// A family of languages that the same encodings are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Western,
    Central,
    Turkish,
    Baltic,
    Cyrillic,
    Greek,
    Hebrew,
    Arabic,
    Thai,
}

impl Family {
    const fn languages(self) -> &'static [&'static str] {
        match self {
            Self::Western => &["fr", "de", "es", "pt", "it", "da", "no", "sv", "fi", "is", "nl"],
            Self::Central => &["pl", "cs", "sk", "hu", "ro", "hr", "sl", "de"],
            Self::Turkish => &["tr", "de"],
            Self::Baltic => &["lt", "lv", "et", "de"],
            Self::Cyrillic => &["ru", "uk", "bg"],
            Self::Greek => &["el"],
            Self::Hebrew => &["he"],
            Self::Arabic => &["ar", "fa"],
            Self::Thai => &["th"],
        }
    }
}

/// The logarithms of the shares of letters.
pub type Model = HashMap<char, f64>;

/// The model of one language.
pub fn language(name: &str) -> Model {
    let line = LETTERS.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let letter = |entry: &str| {
        let mut chars = entry.chars();
        let letter = chars.next()?;
        let share: f64 = chars.as_str().parse().ok()?;
        Some((letter, (share / 100_000.0).ln()))
    };
    line.unwrap_or_default().split(' ').filter_map(letter).collect()
}

/// The models of a family, one for each language and a mixture of all for files with people of several countries, each
/// with its score before anything is read.
pub fn family(family: Family) -> Vec<(Model, f64)> {
    let mut models: Vec<(Model, f64)> = family.languages().iter().map(|name| (language(name), 0.0)).collect();
    if models.len() > 1 {
        let mut shares: HashMap<char, f64> = HashMap::new();
        for (letter, log) in models.iter().flat_map(|(model, _)| model) {
            *shares.entry(*letter).or_default() += log.exp() / models.len() as f64;
        }
        models.push((shares.into_iter().map(|(letter, share)| (letter, share.ln())).collect(), -2.0));
    }
    models
}

/// A character of a reading, with what decides whether it fits beside another.
#[derive(Debug, Clone, Copy)]
pub struct Letter {
    c: char,
    small: char,
    script: Option<Script>,
    is_sign: bool,
}

impl Letter {
    /// The character of a byte.
    pub fn new(c: char) -> Self {
        let is_control = c.is_control() && !c.is_ascii();
        let c = if is_control { char::REPLACEMENT_CHARACTER } else { c };
        let is_sign = "«»“”„‘’‚–—…№€\u{a0}ªº´`·°•™®©§¡¿".contains(c);
        Self { c, small: c.to_lowercase().next().unwrap_or(c), script: script(c), is_sign }
    }

    /// The character.
    pub fn char(self) -> char {
        self.c
    }

    /// How likely the character is by itself.
    pub fn score(self, model: &Model) -> f64 {
        match model.get(&self.small) {
            _ if self.c == char::REPLACEMENT_CHARACTER => UNDEFINED,
            Some(log) => *log,
            None if "’“”–‘„…\u{a0}".contains(self.c) => QUOTE,
            None if self.is_sign => SIGN,
            None if self.script.is_some() => RARE,
            None => ODD,
        }
    }

    /// How likely it is that this character follows `before`.
    pub fn score_after(self, before: Self) -> f64 {
        let is_odd = |letter: Self| letter.script.is_none() && !letter.is_sign && !letter.c.is_ascii();
        match (before.script, self.script) {
            (Some(one), Some(other)) => {
                let mixed = if one == other { 0.0 } else { MIXED };
                let capital = if before.c.is_lowercase() && self.c.is_uppercase() { CAPITAL_INSIDE } else { 0.0 };
                // The small sigma at the end of words.
                mixed + capital + if before.c == 'ς' { MIXED } else { 0.0 }
            }
            (Some(_), None) if is_odd(self) => ODD_INSIDE,
            (None, Some(_)) if is_odd(before) => ODD_INSIDE,
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_letters_whose_shares_add_up() {
        let families = [
            Family::Western,
            Family::Central,
            Family::Turkish,
            Family::Baltic,
            Family::Cyrillic,
            Family::Greek,
            Family::Hebrew,
            Family::Arabic,
            Family::Thai,
        ];
        let names = families.iter().flat_map(|family| family.languages()).chain(&["zh", "zht", "ko", "ja"]);
        for name in names {
            let sum: f64 = language(name).values().map(|log| log.exp()).sum();
            assert!((0.5..=1.001).contains(&sum), "{name}: {sum}");
        }
    }
}
