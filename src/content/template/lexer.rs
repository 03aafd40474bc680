//! Lexer of merge tags: splits a source into text and the tags `{{ field | filter }}`, `{% if … %}` and `{# comment
//! #}`.
//!
//! Tags are read here before the engine sees them. So only the operators listed here ever run, and a mistake is
//! reported with its line and a suggestion. There is no `*`, a loop goes through a few items, and a variable holds one
//! short value: an email cannot grow far beyond its source.

use crate::content::template::error::TemplateError;

/// The kind of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagKind {
    /// `{{ … }}` prints a value.
    Print,
    /// `{% … %}`: a condition or a variable.
    Statement,
    /// `{# … #}`, which prints nothing.
    Comment,
}

impl TagKind {
    const fn close(self) -> &'static str {
        match self {
            Self::Print => "}}",
            Self::Statement => "%}",
            Self::Comment => "#}",
        }
    }
}

/// A tag of the source.
#[derive(Debug)]
pub struct Tag<'a> {
    /// Its kind.
    pub kind: TagKind,
    /// Its text, with the braces.
    pub source: &'a str,
    /// Byte offset in the whole source.
    pub at: usize,
    /// The tokens between the braces; empty in a comment.
    pub tokens: Vec<Token<'a>>,
}

/// A token of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// Its kind.
    pub kind: TokenKind,
    /// As written.
    pub text: &'a str,
    /// Byte offset in the whole source.
    pub at: usize,
}

/// The kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A field, a filter, or a keyword.
    Name,
    /// A text in quotes.
    Text,
    /// A number.
    Number,
    /// An operator or a bracket.
    Operator,
}

/// A piece of a source.
#[derive(Debug)]
pub enum SourcePiece<'a> {
    /// Literal text.
    Text(&'a str),
    /// A tag.
    Tag(Tag<'a>),
    /// A tag that cannot be read: its text as far as it goes, and its mistake.
    Unreadable(&'a str, TemplateError),
}

/// Tokens of one tag.
const MAX_TOKENS: usize = 100;

const OPERATORS: &[&str] =
    &["==", "!=", ">=", "<=", "//", "|", ".", ",", "(", ")", "[", "]", "~", "+", "-", "/", "%", "<", ">", "="];

/// Splits a source into its texts and tags. After a tag that cannot be read the rest is read all the same.
pub fn split(source: &str) -> Vec<SourcePiece<'_>> {
    let mut pieces = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(found) = source[at..].find('{') {
        at += found;
        let Some(kind) = tag_kind(&source[at..]) else {
            at += 1;
            continue;
        };
        if start < at {
            pieces.push(SourcePiece::Text(&source[start..at]));
        }
        let piece = match read_tag(source, at, kind) {
            Ok(tag) => {
                at += tag.source.len();
                SourcePiece::Tag(tag)
            }
            Err(error) => {
                let begin = at;
                at += unreadable_length(&source[at..], kind);
                SourcePiece::Unreadable(&source[begin..at], error)
            }
        };
        start = at;
        pieces.push(piece);
    }
    if start < source.len() {
        pieces.push(SourcePiece::Text(&source[start..]));
    }
    pieces
}

/// Bytes of a tag that cannot be read: up to its end if that is on the same line, else the opening braces.
fn unreadable_length(text: &str, kind: TagKind) -> usize {
    let line = text.lines().next().unwrap_or_default();
    let close = kind.close();
    line.get(2..).and_then(|rest| rest.find(close)).map_or(2, |end| 2 + end + close.len())
}

/// The kind of tag that a text begins with. A comment needs white space after `{#`, because `{#id{…}` begins a rule of
/// a style sheet.
fn tag_kind(text: &str) -> Option<TagKind> {
    let mut chars = text.chars().skip(1);
    match chars.next()? {
        '{' => Some(TagKind::Print),
        '%' => Some(TagKind::Statement),
        '#' if chars.next().is_some_and(char::is_whitespace) => Some(TagKind::Comment),
        _ => None,
    }
}

fn read_tag(source: &str, start: usize, kind: TagKind) -> Result<Tag<'_>, TemplateError> {
    let close = kind.close();
    let open = || TemplateError::new("tag-open", start).with("close", close);
    let tag = |tokens, end: usize| Tag { kind, source: &source[start..end], at: start, tokens };
    if kind == TagKind::Comment {
        let end = source[start..].find(close).ok_or_else(open)?;
        return Ok(tag(Vec::new(), start + end + close.len()));
    }
    let mut at = start + 2;
    if source[at..].starts_with(['-', '+']) {
        at += 1;
    }
    let mut tokens = Vec::new();
    loop {
        at += source[at..].len() - source[at..].trim_start().len();
        let rest = &source[at..];
        let trimmed = rest.strip_prefix(['-', '+']).filter(|rest| rest.starts_with(close));
        if rest.starts_with(close) || trimmed.is_some() {
            return Ok(tag(tokens, at + close.len() + usize::from(trimmed.is_some())));
        }
        let (token_kind, length) = next_token(rest).ok_or_else(|| match rest.chars().next() {
            None | Some('\'' | '"') => open(),
            Some(sign) => TemplateError::new("tag-sign", at).with("sign", sign),
        })?;
        tokens.push(Token { kind: token_kind, text: &rest[..length], at });
        if tokens.len() > MAX_TOKENS {
            return Err(TemplateError::new("tag-long", start).with("limit", MAX_TOKENS));
        }
        at += length;
    }
}

/// The token that a text begins with, and its length in bytes.
fn next_token(text: &str) -> Option<(TokenKind, usize)> {
    let first = text.chars().next()?;
    let span = |fits: fn(char) -> bool| text.find(|c: char| !fits(c)).unwrap_or(text.len());
    if first.is_alphabetic() || first == '_' {
        return Some((TokenKind::Name, span(|c| c.is_alphanumeric() || c == '_')));
    }
    if first.is_ascii_digit() {
        return Some((TokenKind::Number, span(|c| c.is_ascii_alphanumeric() || c == '.')));
    }
    if matches!(first, '\'' | '"') {
        let mut escaped = false;
        for (at, c) in text.char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if c == first => return Some((TokenKind::Text, at + 1)),
                _ => {}
            }
        }
        return None;
    }
    OPERATORS.iter().find(|operator| text.starts_with(**operator)).map(|operator| (TokenKind::Operator, operator.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(source: &str) -> Vec<String> {
        let pieces = split(source);
        pieces
            .iter()
            .filter_map(|piece| if let SourcePiece::Tag(tag) = piece { Some(tag.source.to_owned()) } else { None })
            .collect()
    }

    #[test]
    fn tags_are_found_around_quoted_braces() {
        assert_eq!(
            tags("a {{ b | d('}}') }} c {%- if x -%}{# note #}"),
            ["{{ b | d('}}') }}", "{%- if x -%}", "{# note #}"]
        );
        assert_eq!(tags("Цена {{цена}}"), ["{{цена}}"]);
        assert!(tags("@media{#outlook a{padding:0}} .a{b:c}").is_empty());
    }

    fn errors(source: &str) -> Vec<(&'static str, usize)> {
        let of = |piece| {
            if let SourcePiece::Unreadable(_, error) = piece { Some((error.message.key, error.at)) } else { None }
        };
        split(source).into_iter().filter_map(of).collect()
    }

    #[test]
    fn the_rest_is_read_after_a_mistake() {
        let source = "{{ a * b }} x {{ ok }} {% if “y” %}{{ {} }}";
        assert_eq!(errors(source), [("tag-sign", 5), ("tag-sign", 29), ("tag-sign", 42)]);
        assert_eq!(tags(source), ["{{ ok }}"]);
    }

    #[test]
    fn lexical_errors_have_a_place() {
        for (source, key, at) in [
            ("ab {{ name", "tag-open", 3),
            ("{{ 'name }}", "tag-open", 0),
            ("{% if x", "tag-open", 0),
            ("{# note", "tag-open", 0),
            ("{{ “a” }}", "tag-sign", 3),
            ("{{ a * 2 }}", "tag-sign", 5),
            ("{{ {} }}", "tag-sign", 3),
        ] {
            assert_eq!(errors(source).first(), Some(&(key, at)), "{source}");
        }
        assert_eq!(errors(&format!("{{{{ {} }}}}", "a ~ ".repeat(100))), [("tag-long", 0)]);
    }
}
