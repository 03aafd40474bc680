//! A mistake in a template, with its place in the source.

use crate::infra::error::Message;

crate::text_enum! {
    /// A part of an email.
    EmailPart {
        /// The subject line.
        Subject = "subject",
        /// The line that mail programs show after the subject.
        Preheader = "preheader",
        /// The body.
        Body = "body",
    }
}

/// A mistake at a byte offset of a source.
#[derive(Debug)]
pub struct TemplateError {
    /// The message, without part, line and column.
    pub message: Message,
    /// Byte offset in the source.
    pub at: usize,
}

impl TemplateError {
    /// An error at a place.
    pub fn new(key: &'static str, at: usize) -> Self {
        Self { message: Message::new(key), at }
    }

    /// Adds a value to the message.
    pub fn with(self, name: &'static str, value: impl std::fmt::Display) -> Self {
        Self { message: self.message.with(name, value), ..self }
    }

    /// Adds part, line and column to the message. Both are counted from 1, the column in characters.
    pub fn located(self, part: EmailPart, source: &str) -> Message {
        let before = &source[..self.at.min(source.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        self.message.with("part", part).with("line", line).with("column", column)
    }
}

/// The known word that is most similar to `word`, if any is similar enough to suggest.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let similarity = |candidate: &str| strsim::normalized_damerau_levenshtein(&word, &candidate.to_lowercase());
    known
        .into_iter()
        .map(|candidate| (similarity(candidate), candidate))
        .filter(|(similarity, _)| *similarity > 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}
