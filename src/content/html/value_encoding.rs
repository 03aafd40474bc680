//! Encodes the values of tags where they stand: in the addresses of pictures, in `url(…)` of styles, and in `mailto:`,
//! `tel:` and `sms:` links. Tags of measured links are encoded by their own templates (`content::link`).

use super::css;
use super::node::{Node, squeeze};
use crate::content::template::placeholder::{Piece, Placeholders};

/// Attributes with the address of a file.
const SOURCES: &[&str] = &["src", "background", "poster", "srcset"];

/// Encodes the values of all tags in addresses.
pub fn encode_values(nodes: &mut [Node], placeholders: &mut Placeholders) {
    for node in nodes {
        match node {
            Node::Start { attrs, .. } => {
                for (key, value) in attrs {
                    match key.as_str() {
                        "href" if is_contact_link(value) => *value = encode_contact(value, placeholders),
                        "style" => *value = encode_css(value, placeholders, "address"),
                        key if SOURCES.contains(&key) => *value = encode_web(value, placeholders),
                        _ => {}
                    }
                }
            }
            // Text of a style sheet is not escaped.
            Node::Raw(css) => *css = encode_css(css, placeholders, "address_raw"),
            _ => {}
        }
    }
}

/// True for an address that opens a message or a call.
pub fn is_contact_link(href: &str) -> bool {
    let plain = squeeze(href);
    ["mailto:", "tel:", "sms:"].iter().any(|scheme| plain.starts_with(scheme))
}

/// A web address with its tags encoded: the first one may be a whole address or its beginning.
pub fn encode_web(value: &str, placeholders: &mut Placeholders) -> String {
    encode_address(value, placeholders, "address")
}

fn encode_address(value: &str, placeholders: &mut Placeholders, whole: &'static str) -> String {
    encode(value, placeholders, |before| match before {
        "" => whole,
        before if before.contains(['?', '#']) => "urlencode",
        _ => "urlpath",
    })
}

fn encode_css(css: &str, placeholders: &mut Placeholders, whole: &'static str) -> String {
    if !placeholders.contains_tag(css) {
        return css.to_owned();
    }
    css::replace_urls(css, |address| Some(encode_address(address, placeholders, whole)))
}

/// A `mailto:` (RFC 6068), `tel:` (RFC 3966) or `sms:` link with its tags and its own text encoded.
pub fn encode_contact(value: &str, placeholders: &mut Placeholders) -> String {
    let value = value.trim();
    let is_mail = squeeze(value).starts_with("mailto:");
    let encoded = encode(value, placeholders, |before| {
        let Some((_, query)) = before.split_once('?') else { return if is_mail { "mailpath" } else { "telnumber" } };
        let parameter = query.rsplit(['&', ';']).next().unwrap_or_default();
        let name = parameter.split('=').next().unwrap_or_default().trim();
        if name.eq_ignore_ascii_case("body") { "mailbody" } else { "mailvalue" }
    });
    encoded.chars().fold(String::with_capacity(encoded.len()), |mut out, c| {
        match c {
            ' ' | '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}' => {
                out.push_str(&format!("%{:02X}", u32::from(c)))
            }
            c if !c.is_ascii() => {
                c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| out.push_str(&format!("%{byte:02X}")))
            }
            c => out.push(c),
        }
        out
    })
}

/// Puts a filter around each tag; `filter` chooses it by the text before the tag.
fn encode(value: &str, placeholders: &mut Placeholders, filter: impl Fn(&str) -> &'static str) -> String {
    let mut parts = Vec::new();
    let mut before = String::new();
    for piece in placeholders.split(value) {
        match piece {
            Piece::Text(text) => {
                before.push_str(text);
                parts.push((text.to_owned(), None));
            }
            Piece::Tag { placeholder, template, source } => {
                let filtered = filtered(template, filter(&before)).map(|template| (template, source.to_owned()));
                parts.push((placeholder.to_owned(), filtered));
                if !piece.is_statement() {
                    before.push('_');
                }
            }
        }
    }
    let parts = parts.into_iter().map(|(text, filtered)| match filtered {
        Some((template, source)) => placeholders.hold_as(template, source),
        None => text,
    });
    parts.collect()
}

/// `{{ value }}` with one more filter; `None` for a statement.
pub fn filtered(template: &str, filter: &str) -> Option<String> {
    let inner = template.strip_prefix("{{")?.strip_suffix("}}")?;
    let (open, inner) = inner.strip_prefix('-').map_or(("{{", inner), |inner| ("{{-", inner));
    let (close, inner) = inner.strip_suffix('-').map_or(("}}", inner), |inner| ("-}}", inner));
    Some(format!("{open} ({})|{filter} {close}", inner.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::html::node;

    #[test]
    fn filters_follow_the_place_of_a_tag() {
        for (html, encoded) in [
            ("<img src=\"{{ a }}\">", "<img src=\"{{ (a)|address }}\">"),
            ("<img src=\"{{- a -}}/b\">", "<img src=\"{{- (a)|address -}}/b\">"),
            (
                "<img src=\"https://x.example/{{ a }}.png?n={{ b }}\">",
                "<img src=\"https://x.example/{{ (a)|urlpath }}.png?n={{ (b)|urlencode }}\">",
            ),
            (
                "<p style=\"color:{{ c }};background:url('{{ a }}')\">",
                "<p style=\"color:{{ c }};background:url(&#39;{{ (a)|address }}&#39;)\">",
            ),
            (
                "<style>p{b:url(https://x.example/{{ a }})}</style>",
                "<style>p{b:url(https://x.example/{{ (a)|urlpath }})}</style>",
            ),
            (
                "<a href=\"mailto:{{ m }}?subject=From {{ a }} &amp; ü&amp;body=Hi {{ b }}\">",
                "<a href=\"mailto:{{ (m)|mailpath }}?subject=From%20{{ (a)|mailvalue }}%20&amp;%20%C3%BC&amp;body=Hi%20{{ (b)|mailbody }}\">",
            ),
            ("<a href=\"tel:{{ p }}\">", "<a href=\"tel:{{ (p)|telnumber }}\">"),
            ("<a href=\"https://x.example/{{ a }}\">", "<a href=\"https://x.example/{{ a }}\">"),
            (
                "<img src=\"{% if a %}https://x.example/1{% endif %}\">",
                "<img src=\"{% if a %}https://x.example/1{% endif %}\">",
            ),
        ] {
            let mut placeholders = Placeholders::new(&[]);
            let mut masked = String::new();
            for piece in crate::content::template::lexer::split(html) {
                match piece {
                    crate::content::template::lexer::SourcePiece::Text(text) => masked.push_str(text),
                    crate::content::template::lexer::SourcePiece::Tag(tag) => {
                        masked.push_str(&placeholders.hold(tag.source))
                    }
                    crate::content::template::lexer::SourcePiece::Unreadable(..) => panic!("{html}"),
                }
            }
            let mut nodes = node::parse(&masked);
            encode_values(&mut nodes, &mut placeholders);
            assert_eq!(placeholders.to_template(&node::write(&nodes)), encoded);
        }
    }
}
