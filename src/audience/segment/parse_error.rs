//! Parse errors of segment expressions: a message with line and column, the text found there, and the line with
//! a caret under the mistake.

use crate::infra::error::{Error, Message};

/// A range of characters of the expression, `end` excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first character.
    pub start: usize,
    /// The one after the last; equal to `start` at the end of the expression.
    pub end: usize,
}

/// A mistake in an expression.
#[derive(Debug, Clone, PartialEq)]
pub struct ParseError {
    span: Span,
    message: Message,
}

/// Characters of a line that are shown on either side of a mistake.
const MARGIN: usize = 50;

/// Names that a message lists at most.
const LISTED: usize = 20;

/// Characters up to which a name is compared with the known ones; longer names are no typing mistakes.
const MAX_COMPARED: usize = 100;

impl ParseError {
    /// The message `key` about this span.
    pub fn new(span: Span, key: &'static str) -> Self {
        Self { span, message: Message::new(key) }
    }

    /// The same with one more value for the message.
    pub fn with(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        self.message = self.message.with(name, value);
        self
    }

    /// An unknown name: message `near` when one of `known` is similar, otherwise message `far`, which lists them.
    pub fn unknown<'a>(
        span: Span,
        name: &str,
        known: impl Iterator<Item = &'a str> + Clone,
        near: &'static str,
        far: &'static str,
    ) -> Self {
        match nearest(name, known.clone()) {
            Some(found) => Self::new(span, near).with("near", found),
            None => Self::new(span, far).with("known", listed(known)),
        }
    }

    /// The error of the library for this mistake in `expression`.
    pub fn into_error(self, expression: &str) -> Error {
        let chars: Vec<char> = expression.chars().collect();
        let at = self.span.start.min(chars.len());
        let end = self.span.end.clamp(at, chars.len());
        let start = chars[..at].iter().rposition(|c| *c == '\n').map_or(0, |newline| newline + 1);
        let line = if chars.contains(&'\n') { chars[..at].iter().filter(|c| **c == '\n').count() + 1 } else { 0 };
        self.message
            .with("line", line)
            .with("column", at - start + 1)
            .with("found", shorten(&chars[at..end].iter().collect::<String>(), 40))
            .with("ended", u8::from(at == end))
            .with("excerpt", excerpt(&chars, start, at))
            .invalid()
    }
}

/// The line that begins at `start`, or the part of it around `at`, with a caret under `at`.
fn excerpt(chars: &[char], start: usize, at: usize) -> String {
    let end = chars[start..].iter().position(|c| *c == '\n').map_or(chars.len(), |length| start + length);
    let from = start.max(at.saturating_sub(MARGIN));
    let to = end.min(at + MARGIN).max(at);
    let (before, after) = (if from > start { "…" } else { "" }, if to < end { "…" } else { "" });
    let shown: String = chars[from..to].iter().map(|c| if c.is_control() { ' ' } else { *c }).collect();
    let indent = at - from + before.chars().count();
    format!("  {before}{shown}{after}\n  {}^", " ".repeat(indent))
}

/// The text on one line, cut after `limit` characters.
pub fn shorten(text: &str, limit: usize) -> String {
    let line: String = text.chars().take(limit).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(limit).is_some() { line + "…" } else { line }
}

/// The known name that a typing mistake could have turned into `name`.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    if length > MAX_COMPARED {
        return None;
    }
    let folded = name.to_lowercase();
    let distance = |other: &str| strsim::damerau_levenshtein(&folded, &other.to_lowercase());
    known
        .filter(|other| other.chars().count() <= MAX_COMPARED)
        .map(|other| (distance(other), other))
        .filter(|(distance, _)| *distance <= (length / 3).max(1) && *distance < length)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}

/// The known names for a message, separated by commas.
pub fn listed<'a>(known: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = known.take(LISTED + 1).collect();
    match names.len() {
        0 => return "—".to_owned(),
        count if count > LISTED => names[LISTED] = "…",
        _ => {}
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infra::i18n::Lang;

    fn shown(expression: &str, at: usize) -> String {
        let error = ParseError::new(
            Span { start: at, end: expression.chars().count().min(at + 1) },
            "segment-expected-condition",
        );
        Lang::EN.translate(&error.into_error(expression).message())
    }

    #[test]
    fn the_caret_is_under_the_mistake_on_its_line() {
        let text = shown("a = 1\nи б", 8);

        assert!(text.starts_with("line 2, column 3: "), "{text}");
        assert!(text.ends_with("\n  и б\n    ^"), "{text}");
    }

    #[test]
    fn a_long_line_is_shown_around_the_mistake() {
        let text = shown(&"я".repeat(200_000), 150_000);

        assert!(text.starts_with("column 150001: "), "{text}");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1].chars().count(), 2 + 1 + 2 * MARGIN + 1);
        assert_eq!(lines[2].chars().count(), 2 + 1 + MARGIN + 1);
    }

    #[test]
    fn only_a_similar_name_is_suggested() {
        let known = ["city", "age", "birthday"];

        assert_eq!(nearest("citty", known.into_iter()), Some("city"));
        assert_eq!(nearest("City", known.into_iter()), Some("city"));
        assert_eq!(nearest("bithrday", known.into_iter()), Some("birthday"));
        assert_eq!(nearest("plan", known.into_iter()), None);
        assert_eq!(nearest("x", known.into_iter()), None);
    }
}
