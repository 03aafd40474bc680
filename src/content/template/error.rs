//! A mistake of an author, with its place.

use crate::infra::error::{Error, Message};

crate::text_enum! {
    /// The part of a letter that something stands in.
    Part {
        /// The subject line.
        Subject = "subject",
        /// The line that mail programs show after the subject.
        Preheader = "preheader",
        /// The letter itself.
        Body = "body",
    }
}

/// What is wrong at which byte of a source.
#[derive(Debug)]
pub struct Slip {
    /// The sentence, still without its place.
    pub message: Message,
    /// Byte offset.
    pub at: usize,
}

impl Slip {
    /// A slip at a place.
    pub fn new(key: &'static str, at: usize) -> Self {
        Self { message: Message::new(key), at }
    }

    /// The same with one more value for the sentence.
    pub fn with(self, name: &'static str, value: impl std::fmt::Display) -> Self {
        Self { message: self.message.with(name, value), ..self }
    }

    /// The sentence with part, line and column, both counted from 1 in characters.
    pub fn of(self, part: Part, source: &str) -> Error {
        let before = &source[..self.at.min(source.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        self.message.with("part", part).with("line", line).with("column", column).invalid()
    }
}

/// The word of `known` that comes nearest to `word`, if any comes near.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let near = |candidate: &str| strsim::normalized_damerau_levenshtein(&word, &candidate.to_lowercase());
    known
        .into_iter()
        .map(|one| (near(one), one))
        .filter(|(near, _)| *near > 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, one)| one)
}
