//! What was left out of an email or changed in it while it was compiled, for the preflight: nothing is dropped without a
//! word.

use crate::infra::error::Message;

/// Characters of a text that a message shows.
const MAX_SHOWN: usize = 80;

/// Everything that was left out or changed, each kind once.
#[derive(Debug, Default)]
pub struct Changes(Vec<Change>);

#[derive(Debug)]
struct Change {
    /// The catalogue key.
    key: &'static str,
    /// What was left out or changed, as the marketer wrote it.
    what: String,
    /// Text by which its first line is found in the source.
    needle: String,
    count: usize,
}

impl Changes {
    /// Records a change. `needle` is a text by which its first place is found in the source; it may be empty.
    pub fn add(&mut self, key: &'static str, what: impl Into<String>, needle: impl Into<String>) {
        let what = what.into();
        match self.0.iter_mut().find(|change| change.key == key && change.what == what) {
            Some(known) => known.count += 1,
            None => self.0.push(Change { key, what, needle: needle.into(), count: 1 }),
        }
    }

    /// The messages, with the lines of the source where the changes begin.
    pub fn messages(&self, source: &str) -> Vec<Message> {
        let lower = source.to_ascii_lowercase();
        let message = |change: &Change| {
            let mut shown: String = change.what.chars().take(MAX_SHOWN).collect();
            if shown.len() < change.what.len() {
                shown.push('…');
            }
            let line = line_of(&lower, &change.needle).unwrap_or(0);
            Message::new(change.key).with("what", shown).with("count", change.count).with("line", line)
        };
        self.0.iter().map(message).collect()
    }
}

/// The line on which a text first stands, counted from 1. `lower` is in lower case.
pub fn line_of(lower: &str, needle: &str) -> Option<usize> {
    let needle = needle.to_ascii_lowercase();
    let found = || lower.find(&needle).or_else(|| lower.find(&needle.replace('&', "&amp;")));
    let at = if needle.is_empty() { None } else { found() }?;
    Some(lower[..at].matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_changes_are_counted_and_placed() {
        let mut changes = Changes::default();
        for what in ["svg", "form", "svg"] {
            changes.add("change-element", what, format!("<{what}"));
        }
        let messages = changes.messages("a\n<SVG>\n\n<form><svg>");
        let text = |at: usize, name| messages[at].text(name).to_owned();
        assert_eq!([text(0, "what"), text(0, "count"), text(0, "line")], ["svg", "2", "2"]);
        assert_eq!([text(1, "what"), text(1, "count"), text(1, "line")], ["form", "1", "4"]);
        assert_eq!(line_of("a\n?x=1&amp;y", "?x=1&y"), Some(2));
    }
}
