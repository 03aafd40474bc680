//! A part of a letter as its engine will write it: texts and tags in turn. Each text is what the
//! engine writes in one go, white space around `{%-` and `-%}` already gone.

use crate::content::template::placeholder::{Mask, Part};
use crate::infra::token::TokenPurpose;

/// A piece of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// Text.
    Text(String),
    /// A tag as it runs.
    Tag(String),
}

/// What a tag that only prints stands for.
#[derive(Debug, PartialEq, Eq)]
pub enum Print<'t> {
    /// A page of the delivery.
    Page(TokenPurpose),
    /// A measured link.
    Link(usize),
    /// The picture that tells of an opening.
    Pixel,
    /// Subject (0) or preheader (1).
    Head(usize),
    /// A word about the sender.
    Brand(&'t str),
    /// The address of the reader.
    Email,
    /// A field, and what stands for one without a value.
    Field(&'t str, Option<&'t str>),
}

/// Reads a masked part.
pub fn read(mask: &Mask, masked: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let mut literal = String::new();
    for part in mask.parts(masked) {
        match part {
            Part::Text(text) => literal.push_str(text),
            Part::Tag { tag, .. } => {
                push_texts(&mut items, &std::mem::take(&mut literal));
                items.push(Item::Tag(tag.to_owned()));
            }
        }
    }
    push_texts(&mut items, &literal);
    // The engine drops one line end at the end of a template.
    if let Some(Item::Text(text)) = items.last_mut() {
        let kept = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text).len());
        text.truncate(kept.unwrap_or(text.len()));
    }
    trim(&mut items);
    items.retain(|item| !matches!(item, Item::Text(text) if text.is_empty()));
    items
}

/// A brace that could begin a tag is printed by a tag of its own (see [`Mask::lift`]).
fn push_texts(items: &mut Vec<Item>, literal: &str) {
    let mut rest = literal;
    let begins = |(at, _): &(usize, &str)| matches!(literal.as_bytes().get(at + 1), None | Some(b'{' | b'%' | b'#'));
    for (at, _) in literal.match_indices('{').filter(begins) {
        let (text, brace) = rest.split_at(at - (literal.len() - rest.len()));
        items.extend([Item::Text(text.to_owned()), Item::Tag("{{ '{' }}".to_owned())]);
        rest = &brace[1..];
    }
    items.push(Item::Text(rest.to_owned()));
}

/// Drops the white space that dashes in tags ask to drop.
fn trim(items: &mut [Item]) {
    for at in 0..items.len() {
        let Item::Tag(tag) = &items[at] else { continue };
        let (before, after) = (tag.starts_with("{{-") || tag.starts_with("{%-"), dashed_end(tag));
        if let Some(Item::Text(text)) = before.then(|| at.checked_sub(1)).flatten().and_then(|at| items.get_mut(at)) {
            text.truncate(text.trim_end().len());
        }
        if let Some(Item::Text(text)) = items.get_mut(at + 1).filter(|_| after) {
            *text = text.trim_start().to_owned();
        }
    }
}

fn dashed_end(tag: &str) -> bool {
    tag.ends_with("-}}") || tag.ends_with("-%}")
}

/// The tag that prints a brace.
pub fn is_brace(tag: &str) -> bool {
    tag == "{{ '{' }}"
}

/// What a tag prints, where that can be told without the engine. Whether a name is a field's is for
/// the caller to ask.
pub fn print(tag: &str) -> Option<Print<'_>> {
    let inner = tag.strip_prefix("{{")?.strip_suffix("}}")?;
    let inner = inner.trim_start_matches(['-', '+']).trim_end_matches(['-', '+']).trim();
    match inner {
        "unsubscribe_url" => return Some(Print::Page(TokenPurpose::Unsubscribe)),
        "preferences_url" => return Some(Print::Page(TokenPurpose::Preferences)),
        "view_url" => return Some(Print::Page(TokenPurpose::View)),
        "sendoff.pixel" => return Some(Print::Pixel),
        "sendoff.subject" => return Some(Print::Head(0)),
        "sendoff.preheader" => return Some(Print::Head(1)),
        "email" => return Some(Print::Email),
        _ => {}
    }
    if let Some(position) = inner.strip_prefix("sendoff.link_") {
        return position.parse().ok().map(Print::Link);
    }
    if let Some(name) = inner.strip_prefix("brand.").filter(|name| name.bytes().all(|c| c.is_ascii_lowercase())) {
        return Some(Print::Brand(name));
    }
    let (name, rest) = inner.trim_start_matches('(').split_once('|')?;
    let name = name.trim();
    if inner == format!("({name}|needed(\"{name}\"))") {
        return Some(Print::Field(name, None));
    }
    let call = rest.trim().strip_prefix("default").or(rest.trim().strip_prefix('d'))?;
    let text = call.trim().strip_prefix('(')?.strip_suffix(')')?.trim();
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let text = text.strip_prefix(quote)?.strip_suffix(quote)?;
    (!inner.starts_with('(') && !text.contains([quote, '\\'])).then_some(Print::Field(name, Some(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_goes_where_dashes_say_so() {
        let mut mask = Mask::new(&[]);
        let [a, b, c] = ["{%- if x -%}", "{{ y }}", "{%- endif %}"].map(|tag| mask.hold(tag));
        let items = read(&mask, &format!("one {a} two {{{b} {{{{{c} end\n"));

        let texts: Vec<_> = items
            .iter()
            .map(|item| match item {
                Item::Text(text) => text.clone(),
                Item::Tag(tag) => format!("<{tag}>"),
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
    fn simple_prints_are_told_from_the_rest() {
        for (tag, expected) in [
            ("{{ (city|needed(\"city\")) }}", Some(Print::Field("city", None))),
            ("{{- (имя|needed(\"имя\")) -}}", Some(Print::Field("имя", None))),
            ("{{ city | default('nowhere') }}", Some(Print::Field("city", Some("nowhere")))),
            ("{{city|d(\"\")}}", Some(Print::Field("city", Some("")))),
            ("{{ email }}", Some(Print::Email)),
            ("{{ sendoff.link_12 }}", Some(Print::Link(12))),
            ("{{ brand.name }}", Some(Print::Brand("name"))),
            ("{{ (city|needed(\"city\")) | upper }}", None),
            ("{{ (city|needed(\"city\")) ~ (city|needed(\"city\")) }}", None),
            ("{{ city | default('a') | upper | d('b') }}", None),
            ("{{ city | default('a' ~ 'b') }}", None),
            ("{{ city | default('a\\'b') }}", None),
            ("{{ city | default('a', true) }}", None),
            ("{% if city %}", None),
        ] {
            assert_eq!(print(tag), expected, "{tag}");
        }
    }
}
