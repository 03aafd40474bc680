//! The tags of a letter: `{{ field | filter }}`, `{% if … %}` and `{# note #}`. Every tag is read
//! before the engine sees it, so that only what is offered here ever runs, a slip is told with its
//! line and a suggestion, and each field that is printed without a fallback is known.
//!
//! Variables hold one short value, there are no loops, and `*` is not offered: a letter cannot be
//! made to grow beyond what was written.

use crate::content::template::error::Slip;

/// What a tag does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `{{ … }}` prints a value.
    Print,
    /// `{% … %}` decides.
    Statement,
    /// `{# … #}` says something to the next author.
    Note,
}

/// A tag as it stands in the source.
#[derive(Debug)]
pub struct Tag<'a> {
    /// What it does.
    pub kind: Kind,
    /// With its braces.
    pub source: &'a str,
    /// Byte offset in the whole source.
    pub at: usize,
    /// What stands between the braces; empty in a note.
    pub words: Vec<Word<'a>>,
}

/// A word of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word<'a> {
    /// What it is.
    pub sort: Sort,
    /// As written.
    pub text: &'a str,
    /// Byte offset in the whole source.
    pub at: usize,
}

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// A field, a filter, `if`.
    Name,
    /// A text in quotes.
    Text,
    /// A number.
    Number,
    /// An operator or a bracket.
    Sign,
}

/// A piece of a source.
#[derive(Debug)]
pub enum Piece<'a> {
    /// Anything but a tag.
    Text(&'a str),
    /// A tag.
    Tag(Tag<'a>),
}

/// Words in one tag; more is no sentence a reader could check.
const WORDS: usize = 100;

const SIGNS: &[&str] =
    &["==", "!=", ">=", "<=", "//", "|", ".", ",", "(", ")", "[", "]", "~", "+", "-", "/", "%", "<", ">", "="];

/// Splits a source into its texts and tags.
pub fn split(source: &str) -> Result<Vec<Piece<'_>>, Slip> {
    let mut pieces = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(found) = source[at..].find('{') {
        at += found;
        let Some(kind) = opening(&source[at..]) else {
            at += 1;
            continue;
        };
        if start < at {
            pieces.push(Piece::Text(&source[start..at]));
        }
        let tag = read(source, at, kind)?;
        at += tag.source.len();
        start = at;
        pieces.push(Piece::Tag(tag));
    }
    if start < source.len() {
        pieces.push(Piece::Text(&source[start..]));
    }
    Ok(pieces)
}

/// A note needs white space after its sign: `{#id{…}` is how style sheets begin a rule.
fn opening(text: &str) -> Option<Kind> {
    let mut chars = text.chars().skip(1);
    match chars.next()? {
        '{' => Some(Kind::Print),
        '%' => Some(Kind::Statement),
        '#' if chars.next().is_some_and(char::is_whitespace) => Some(Kind::Note),
        _ => None,
    }
}

fn read(source: &str, start: usize, kind: Kind) -> Result<Tag<'_>, Slip> {
    let close = match kind {
        Kind::Print => "}}",
        Kind::Statement => "%}",
        Kind::Note => "#}",
    };
    let open = || Slip::new("tag-open", start).with("close", close);
    let tag = |words, end: usize| Tag { kind, source: &source[start..end], at: start, words };
    if kind == Kind::Note {
        let end = source[start..].find(close).ok_or_else(open)?;
        return Ok(tag(Vec::new(), start + end + close.len()));
    }
    let mut at = start + 2;
    if source[at..].starts_with(['-', '+']) {
        at += 1;
    }
    let mut words = Vec::new();
    loop {
        at += source[at..].len() - source[at..].trim_start().len();
        let rest = &source[at..];
        let trimmed = rest.strip_prefix(['-', '+']).filter(|rest| rest.starts_with(close));
        if rest.starts_with(close) || trimmed.is_some() {
            return Ok(tag(words, at + close.len() + usize::from(trimmed.is_some())));
        }
        let (sort, length) = word(rest).ok_or_else(|| match rest.chars().next() {
            None | Some('\'' | '"') => open(),
            Some(sign) => Slip::new("tag-sign", at).with("sign", sign),
        })?;
        words.push(Word { sort, text: &rest[..length], at });
        if words.len() > WORDS {
            return Err(Slip::new("tag-long", start).with("limit", WORDS));
        }
        at += length;
    }
}

/// The word that a text begins with, and its length in bytes.
fn word(text: &str) -> Option<(Sort, usize)> {
    let first = text.chars().next()?;
    let run = |fits: fn(char) -> bool| text.find(|c: char| !fits(c)).unwrap_or(text.len());
    if first.is_alphabetic() || first == '_' {
        return Some((Sort::Name, run(|c| c.is_alphanumeric() || c == '_')));
    }
    if first.is_ascii_digit() {
        return Some((Sort::Number, run(|c| c.is_ascii_alphanumeric() || c == '.')));
    }
    if matches!(first, '\'' | '"') {
        let mut escaped = false;
        for (at, c) in text.char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if c == first => return Some((Sort::Text, at + 1)),
                _ => {}
            }
        }
        return None;
    }
    SIGNS.iter().find(|sign| text.starts_with(**sign)).map(|sign| (Sort::Sign, sign.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(source: &str) -> Vec<String> {
        let pieces = split(source).expect(source);
        pieces
            .iter()
            .filter_map(|piece| if let Piece::Tag(tag) = piece { Some(tag.source.to_owned()) } else { None })
            .collect()
    }

    #[test]
    fn tags_are_found_with_their_quotes() {
        assert_eq!(
            tags("a {{ b | d('}}') }} c {%- if x -%}{# note #}"),
            ["{{ b | d('}}') }}", "{%- if x -%}", "{# note #}"]
        );
        assert_eq!(tags("Цена {{цена}}"), ["{{цена}}"]);
        assert!(tags("@media{#outlook a{padding:0}} .a{b:c}").is_empty());
    }

    #[test]
    fn slips_are_told_with_their_place() {
        for (source, key, at) in [
            ("ab {{ name", "tag-open", 3),
            ("{{ 'name }}", "tag-open", 0),
            ("{% if x", "tag-open", 0),
            ("{# note", "tag-open", 0),
            ("{{ “a” }}", "tag-sign", 3),
            ("{{ a * 2 }}", "tag-sign", 5),
            ("{{ {} }}", "tag-sign", 3),
        ] {
            let slip = split(source).expect_err(source);
            assert_eq!((slip.message.key, slip.at), (key, at), "{source}");
        }
        assert_eq!(split(&format!("{{{{ {} }}}}", "a ~ ".repeat(100))).expect_err("long").message.key, "tag-long");
    }
}
