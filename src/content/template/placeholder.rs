//! Placeholders: words that stand for tags while Markdown and HTML are processed.
//!
//! Each tag is replaced by a word of lower-case letters and digits that occurs nowhere else in the text, and put back
//! at the end. All other text becomes literal text of the template, whatever braces it holds.

/// Digits of a placeholder's number.
const DIGITS: usize = 6;

/// The tags that were replaced, and how their placeholders are spelled.
#[derive(Debug)]
pub struct Placeholders {
    prefix: String,
    tags: Vec<HeldTag>,
}

#[derive(Debug)]
struct HeldTag {
    /// As the engine runs it.
    template: String,
    /// As the marketer wrote it.
    source: String,
}

impl Placeholders {
    /// Chooses a spelling that occurs in none of the texts.
    pub fn new(texts: &[&str]) -> Self {
        let lower: Vec<_> = texts.iter().map(|text| text.to_lowercase()).collect();
        let is_unused = |prefix: &String| !lower.iter().any(|text| text.contains(prefix.as_str()));
        let prefix = (0_u64..).map(|number| format!("qzx{number}x")).find(is_unused);
        Self { prefix: prefix.expect("a text of finite length holds finitely many words"), tags: Vec::new() }
    }

    /// Holds a tag and returns its placeholder.
    pub fn hold(&mut self, tag: impl Into<String>) -> String {
        let tag = tag.into();
        self.hold_as(tag.clone(), tag)
    }

    /// Holds a tag that the engine runs in another form than it was written.
    pub fn hold_as(&mut self, template: impl Into<String>, source: impl Into<String>) -> String {
        self.tags.push(HeldTag { template: template.into(), source: source.into() });
        format!("{}{:0DIGITS$}", self.prefix, self.tags.len() - 1)
    }

    /// Splits a text into literal text and tags, in order.
    pub fn split<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Piece<'a>> {
        let mut rest = text;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let end = match rest.find(&self.prefix) {
                Some(0) => {
                    let end = (self.prefix.len() + DIGITS).min(rest.len());
                    let number = rest.get(self.prefix.len()..end);
                    let tag = number.and_then(|number| self.tags.get(number.parse::<usize>().ok()?));
                    let placeholder = &rest[..end];
                    rest = &rest[end..];
                    return Some(tag.map_or(Piece::Text(placeholder), |HeldTag { template, source }| Piece::Tag {
                        placeholder,
                        template,
                        source,
                    }));
                }
                Some(at) => at,
                None => rest.len(),
            };
            let text = &rest[..end];
            rest = &rest[end..];
            Some(Piece::Text(text))
        })
    }

    /// True if the text holds a tag.
    pub fn contains_tag(&self, text: &str) -> bool {
        text.contains(&self.prefix)
    }

    /// The text without its tags.
    pub fn without_tags(&self, text: &str) -> String {
        self.split(text).filter_map(|piece| if let Piece::Text(text) = piece { Some(text) } else { None }).collect()
    }

    /// The text as a template: placeholders become tags again, all else prints literally.
    pub fn to_template(&self, text: &str) -> String {
        self.split(text).fold(String::with_capacity(text.len() * 2), |mut out, piece| {
            match piece {
                Piece::Text(text) => push_literal(&mut out, text),
                Piece::Tag { template, .. } => out.push_str(template),
            }
            out
        })
    }

    /// The text with its tags as the marketer wrote them, for messages and reports.
    pub fn to_source(&self, text: &str) -> String {
        self.split(text)
            .map(|piece| match piece {
                Piece::Text(text) => text,
                Piece::Tag { source, .. } => source,
            })
            .collect()
    }
}

/// A piece of a text with placeholders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Literal text.
    Text(&'a str),
    /// A tag.
    Tag {
        /// The word that stands for it.
        placeholder: &'a str,
        /// The tag as the engine runs it.
        template: &'a str,
        /// The tag as the marketer wrote it.
        source: &'a str,
    },
}

impl Piece<'_> {
    /// True for `{% … %}`.
    pub fn is_statement(&self) -> bool {
        matches!(self, Self::Tag { template, .. } if template.starts_with("{%"))
    }
}

/// Appends text so that the engine finds no tag in it: a brace that could begin a tag is printed by a tag.
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
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tags_are_restored_and_braces_stay_literal() {
        let mut placeholders = Placeholders::new(&["qzx0x"]);
        let name = placeholders.hold_as("{{ name }}", "{{name}}");
        assert!(!name.contains("qzx0x"));

        let template = placeholders.to_template(&format!("a{{{{7*7}}}} {{{name}9 {{% x {{#"));

        assert_eq!(template, "a{{ '{' }}{7*7}} {{ '{' }}{{ name }}9 {{ '{' }}% x {{ '{' }}#");
        assert_eq!(placeholders.to_source(&format!("<{name}>")), "<{{name}}>");
        assert_eq!(placeholders.without_tags(&format!("on{name}click")), "onclick");
    }

    proptest! {
        #[test]
        fn any_text_and_tags_round_trip(texts in prop::collection::vec("(qzx[0-9]x|[0-9]|[a-z{}%]|[^q]){0,12}", 1..8)) {
            let mut placeholders = Placeholders::new(&texts.iter().map(String::as_str).collect::<Vec<_>>());
            let (mut masked, mut source) = (String::new(), String::new());
            for (number, text) in texts.iter().enumerate() {
                let tag = format!("{{{{ field_{number} }}}}");
                masked.push_str(text);
                masked.push_str(&placeholders.hold(tag.as_str()));
                source.extend([text.as_str(), &tag]);
            }
            prop_assert_eq!(placeholders.to_source(&masked), source);
            prop_assert_eq!(placeholders.without_tags(&masked), texts.concat());
        }
    }
}
