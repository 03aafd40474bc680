//! Splits a part of an email into the pieces that the engine will write: texts and tags in turn. White space beside
//! `{%-` and `-%}` is already removed.

use super::placeholder::{Piece, Placeholders};
use crate::infra::token::TokenPurpose;

/// A piece of an email part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplatePiece {
    /// Text that the engine writes in one go.
    Text(String),
    /// A tag as the engine runs it.
    Tag(String),
}

/// A tag that prints one value.
#[derive(Debug, PartialEq, Eq)]
pub enum PrintTag<'t> {
    /// The URL of a page of the delivery.
    Page(TokenPurpose),
    /// A measured link.
    Link(usize),
    /// The tracking pixel.
    Pixel,
    /// Subject (0) or preheader (1).
    Header(usize),
    /// A field of the brand.
    Brand(&'t str),
    /// The address of the recipient.
    Address,
    /// A field, and the fallback for a recipient without a value.
    Field(&'t str, Option<&'t str>),
}

/// Splits a text with placeholders.
pub fn split(placeholders: &Placeholders, masked: &str) -> Vec<TemplatePiece> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    for piece in placeholders.split(masked) {
        match piece {
            Piece::Text(text) => literal.push_str(text),
            Piece::Tag { template, .. } => {
                push_texts(&mut pieces, &std::mem::take(&mut literal));
                pieces.push(TemplatePiece::Tag(template.to_owned()));
            }
        }
    }
    push_texts(&mut pieces, &literal);
    // The engine drops one line end at the end of a template.
    if let Some(TemplatePiece::Text(text)) = pieces.last_mut() {
        let kept = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text).len());
        text.truncate(kept.unwrap_or(text.len()));
    }
    trim(&mut pieces);
    pieces.retain(|piece| !matches!(piece, TemplatePiece::Text(text) if text.is_empty()));
    pieces
}

/// A brace that could begin a tag is printed by a tag of its own (see [`Placeholders::to_template`]).
fn push_texts(pieces: &mut Vec<TemplatePiece>, literal: &str) {
    let mut rest = literal;
    let begins = |(at, _): &(usize, &str)| matches!(literal.as_bytes().get(at + 1), None | Some(b'{' | b'%' | b'#'));
    for (at, _) in literal.match_indices('{').filter(begins) {
        let (text, brace) = rest.split_at(at - (literal.len() - rest.len()));
        pieces.extend([TemplatePiece::Text(text.to_owned()), TemplatePiece::Tag("{{ '{' }}".to_owned())]);
        rest = &brace[1..];
    }
    pieces.push(TemplatePiece::Text(rest.to_owned()));
}

/// Removes the white space beside `{%-`, `-%}`, `{{-` and `-}}`.
fn trim(pieces: &mut [TemplatePiece]) {
    for at in 0..pieces.len() {
        let TemplatePiece::Tag(tag) = &pieces[at] else { continue };
        let (before, after) = (tag.starts_with("{{-") || tag.starts_with("{%-"), dashed_end(tag));
        if let Some(TemplatePiece::Text(text)) =
            before.then(|| at.checked_sub(1)).flatten().and_then(|at| pieces.get_mut(at))
        {
            text.truncate(text.trim_end().len());
        }
        if let Some(TemplatePiece::Text(text)) = pieces.get_mut(at + 1).filter(|_| after) {
            *text = text.trim_start().to_owned();
        }
    }
}

fn dashed_end(tag: &str) -> bool {
    tag.ends_with("-}}") || tag.ends_with("-%}")
}

/// True for the tag that prints a brace.
pub fn is_brace(tag: &str) -> bool {
    tag == "{{ '{' }}"
}

/// Parses a tag that prints one value; `None` for any other tag. The caller checks whether the name of a field is
/// declared.
pub fn parse_print_tag(tag: &str) -> Option<PrintTag<'_>> {
    let inner = tag.strip_prefix("{{")?.strip_suffix("}}")?;
    let inner = inner.trim_start_matches(['-', '+']).trim_end_matches(['-', '+']).trim();
    match inner {
        "unsubscribe_url" => return Some(PrintTag::Page(TokenPurpose::Unsubscribe)),
        "preferences_url" => return Some(PrintTag::Page(TokenPurpose::Preferences)),
        "view_url" => return Some(PrintTag::Page(TokenPurpose::View)),
        "sendoff.pixel" => return Some(PrintTag::Pixel),
        "sendoff.subject" => return Some(PrintTag::Header(0)),
        "sendoff.preheader" => return Some(PrintTag::Header(1)),
        "email" => return Some(PrintTag::Address),
        _ => {}
    }
    if let Some(position) = inner.strip_prefix("sendoff.link_") {
        return position.parse().ok().map(PrintTag::Link);
    }
    if let Some(name) = inner.strip_prefix("brand.").filter(|name| name.bytes().all(|c| c.is_ascii_lowercase())) {
        return Some(PrintTag::Brand(name));
    }
    let (name, rest) = inner.trim_start_matches('(').split_once('|')?;
    let name = name.trim();
    if inner == format!("({name}|needed(\"{name}\"))") {
        return Some(PrintTag::Field(name, None));
    }
    let call = rest.trim().strip_prefix("default").or(rest.trim().strip_prefix('d'))?;
    let text = call.trim().strip_prefix('(')?.strip_suffix(')')?.trim();
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let text = text.strip_prefix(quote)?.strip_suffix(quote)?;
    (!inner.starts_with('(') && !text.contains([quote, '\\'])).then_some(PrintTag::Field(name, Some(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_beside_dashes_is_removed() {
        let mut placeholders = Placeholders::new(&[]);
        let [a, b, c] = ["{%- if x -%}", "{{ y }}", "{%- endif %}"].map(|tag| placeholders.hold(tag));
        let pieces = split(&placeholders, &format!("one {a} two {{{b} {{{{{c} end\n"));

        let texts: Vec<_> = pieces
            .iter()
            .map(|piece| match piece {
                TemplatePiece::Text(text) => text.clone(),
                TemplatePiece::Tag(tag) => format!("<{tag}>"),
            })
            .collect();
        assert_eq!(
            texts,
            [
                "one",
                "<{%- if x -%}>",
                "two ",
                "<{{ '{' }}>",
                "<{{ y }}>",
                " ",
                "<{{ '{' }}>",
                "<{{ '{' }}>",
                "<{%- endif %}>",
                " end"
            ]
        );
    }

    #[test]
    fn only_tags_that_print_one_value_are_parsed() {
        for (tag, expected) in [
            ("{{ (city|needed(\"city\")) }}", Some(PrintTag::Field("city", None))),
            ("{{- (имя|needed(\"имя\")) -}}", Some(PrintTag::Field("имя", None))),
            ("{{ city | default('nowhere') }}", Some(PrintTag::Field("city", Some("nowhere")))),
            ("{{city|d(\"\")}}", Some(PrintTag::Field("city", Some("")))),
            ("{{ email }}", Some(PrintTag::Address)),
            ("{{ sendoff.link_12 }}", Some(PrintTag::Link(12))),
            ("{{ brand.name }}", Some(PrintTag::Brand("name"))),
            ("{{ (city|needed(\"city\")) | upper }}", None),
            ("{{ (city|needed(\"city\")) ~ (city|needed(\"city\")) }}", None),
            ("{{ city | default('a') | upper | d('b') }}", None),
            ("{{ city | default('a' ~ 'b') }}", None),
            ("{{ city | default('a\\'b') }}", None),
            ("{{ city | default('a', true) }}", None),
            ("{% if city %}", None),
        ] {
            assert_eq!(parse_print_tag(tag), expected, "{tag}");
        }
    }
}
