//! Keeps tags out of the way of Markdown and HTML: each is replaced by a word of lower-case letters
//! and digits that stands nowhere else, and put back at the end. What is not a tag then becomes
//! literal text of the template, whatever braces it holds.

/// Digits of the number in a mask.
const DIGITS: usize = 6;

/// The tags that were taken out.
#[derive(Debug)]
pub struct Mask {
    prefix: String,
    /// Each as the engine runs it and as its author wrote it.
    tags: Vec<(String, String)>,
}

impl Mask {
    /// A mask whose words stand in none of the texts.
    pub fn new(texts: &[&str]) -> Self {
        let lower: Vec<_> = texts.iter().map(|text| text.to_lowercase()).collect();
        let free = |prefix: &String| !lower.iter().any(|text| text.contains(prefix.as_str()));
        let prefix = (0_u64..).map(|number| format!("qzx{number}x")).find(free);
        Self { prefix: prefix.expect("a text of finite length holds finitely many words"), tags: Vec::new() }
    }

    /// Takes a tag and returns the word that stands for it.
    pub fn hold(&mut self, tag: impl Into<String>) -> String {
        let tag = tag.into();
        self.hold_as(tag.clone(), tag)
    }

    /// The same for a tag that does not run as it was written.
    pub fn hold_as(&mut self, run: impl Into<String>, written: impl Into<String>) -> String {
        self.tags.push((run.into(), written.into()));
        format!("{}{:0DIGITS$}", self.prefix, self.tags.len() - 1)
    }

    /// Splits a text into literals and tags, in order.
    pub fn parts<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Part<'a>> {
        let mut rest = text;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let end = match rest.find(&self.prefix) {
                Some(0) => {
                    let end = (self.prefix.len() + DIGITS).min(rest.len());
                    let tag = rest
                        .get(self.prefix.len()..end)
                        .and_then(|number| self.tags.get(number.parse::<usize>().ok()?));
                    let word = &rest[..end];
                    rest = &rest[end..];
                    return Some(tag.map_or(Part::Text(word), |(tag, written)| Part::Tag { word, tag, written }));
                }
                Some(at) => at,
                None => rest.len(),
            };
            let text = &rest[..end];
            rest = &rest[end..];
            Some(Part::Text(text))
        })
    }

    /// True when the text holds a tag.
    pub fn is_in(&self, text: &str) -> bool {
        text.contains(&self.prefix)
    }

    /// The text without its tags.
    pub fn strip(&self, text: &str) -> String {
        self.parts(text).filter_map(|part| if let Part::Text(text) = part { Some(text) } else { None }).collect()
    }

    /// The text as a template: tags are tags again, all else prints as it stands.
    pub fn lift(&self, text: &str) -> String {
        self.parts(text).fold(String::with_capacity(text.len() * 2), |mut out, part| {
            match part {
                Part::Text(text) => push_literal(&mut out, text),
                Part::Tag { tag, .. } => out.push_str(tag),
            }
            out
        })
    }

    /// The text with its tags as the author wrote them, for messages and reports.
    pub fn show(&self, text: &str) -> String {
        self.parts(text)
            .map(|part| match part {
                Part::Text(text) => text,
                Part::Tag { written, .. } => written,
            })
            .collect()
    }
}

/// A piece of a masked text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// Literal text.
    Text(&'a str),
    /// A tag, and the word that stands for it.
    Tag {
        /// The word.
        word: &'a str,
        /// The tag as it runs.
        tag: &'a str,
        /// The tag as its author wrote it.
        written: &'a str,
    },
}

impl Part<'_> {
    /// True for `{% … %}`.
    pub fn is_statement(&self) -> bool {
        matches!(self, Self::Tag { tag, .. } if tag.starts_with("{%"))
    }
}

/// Appends text so that no engine reads a tag in it: a brace that could begin one is printed by a tag.
fn push_literal(out: &mut String, text: &str) {
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('{', None | Some('{' | '%' | '#')) => out.push_str("{{ '{' }}"),
            _ => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_back_and_braces_stay_literal() {
        let mut mask = Mask::new(&["qzx0x"]);
        let name = mask.hold_as("{{ name }}", "{{name}}");
        assert!(!name.contains("qzx0x"));

        let lifted = mask.lift(&format!("a{{{{7*7}}}} {{{name}9 {{% x {{#"));

        assert_eq!(lifted, "a{{ '{' }}{7*7}} {{ '{' }}{{ name }}9 {{ '{' }}% x {{ '{' }}#");
        assert_eq!(mask.show(&format!("<{name}>")), "<{{name}}>");
        assert_eq!(mask.strip(&format!("on{name}click")), "onclick");
    }
}
