//! Converts MJML with placeholders to an HTML page. No font and no other file is loaded from elsewhere; `mj-include` is
//! refused.

use std::collections::HashMap;

use mrml::prelude::parser::{Error as ParseError, ParserOptions, Span};
use mrml::prelude::render::RenderOptions;

use super::bounds::{self, Exceeded};
use crate::infra::error::Message;

/// Elements inside each other: the parser recurses, and columns lie no deeper.
const MAX_NESTING: usize = 60;
/// Elements.
const MAX_ELEMENTS: usize = 5_000;

/// The elements of MJML; the parser takes others for HTML.
const ELEMENTS: &[&str] = &[
    "mj-accordion",
    "mj-accordion-element",
    "mj-accordion-text",
    "mj-accordion-title",
    "mj-all",
    "mj-attributes",
    "mj-body",
    "mj-breakpoint",
    "mj-button",
    "mj-carousel",
    "mj-carousel-image",
    "mj-class",
    "mj-column",
    "mj-divider",
    "mj-font",
    "mj-group",
    "mj-head",
    "mj-hero",
    "mj-image",
    "mj-include",
    "mj-navbar",
    "mj-navbar-link",
    "mj-preview",
    "mj-raw",
    "mj-section",
    "mj-social",
    "mj-social-element",
    "mj-spacer",
    "mj-style",
    "mj-table",
    "mj-text",
    "mj-title",
    "mj-wrapper",
    "mjml",
];

/// Why a text is no MJML that can be sent.
#[derive(Debug)]
pub struct Refused {
    /// The sentence, without its line.
    pub message: Message,
    /// Where in the text it is.
    pub at: usize,
}

/// Converts MJML to HTML.
///
/// # Errors
/// What is wrong with the text, and where. The limits are checked before it is parsed.
pub fn to_html(source: &str) -> Result<String, Refused> {
    bounds::check_xml(source, MAX_ELEMENTS, MAX_NESTING).map_err(|exceeded| {
        let Exceeded { key, limit, at } = exceeded;
        Refused { message: Message::new(key).with("limit", limit), at }
    })?;
    let start = source.len() - source.trim_start().len();
    if !source.contains("<mjml") {
        return Err(Refused { message: Message::new("mjml-root"), at: start });
    }
    check_elements(source)?;
    let parsed = mrml::parse_with_options(&source[start..], &ParserOptions::default())
        .map_err(|error| refused(&error, source, start))?;
    let options = RenderOptions { fonts: HashMap::new(), ..RenderOptions::default() };
    let broken = |_| Refused { message: Message::new("mjml-wrong").with("what", "mjml"), at: start };
    parsed.element.render(&options).map_err(broken)
}

/// Checks that every element of MJML is a known one and is closed where it has to be: the parser is forgiving.
fn check_elements(source: &str) -> Result<(), Refused> {
    let mut open: Vec<(&str, usize)> = Vec::new();
    let mut at = 0;
    while let Some(found) = source[at..].find('<') {
        let start = at + found;
        let rest = &source[start..];
        if rest.starts_with("<!--") {
            at = start + rest.find("-->").map_or(rest.len(), |end| end + 3);
            continue;
        }
        let end = tag_end(source, start + 1);
        at = end;
        let (is_end, name) = rest[1..].strip_prefix('/').map_or((false, &rest[1..]), |name| (true, name));
        let name = &name[..name.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(name.len())];
        if !name.starts_with("mj") {
            continue;
        }
        let refused = |key, what: &str, at| Refused { message: Message::new(key).with("what", what), at };
        if !ELEMENTS.contains(&name) {
            return Err(refused("mjml-element", name, start));
        }
        if is_end {
            match open.pop() {
                Some((opened, _)) if opened == name => {}
                Some((opened, begin)) => return Err(refused("mjml-open", opened, begin)),
                None => return Err(refused("mjml-wrong", name, start)),
            }
        } else if !source[..end].ends_with("/>") {
            open.push((name, start));
        }
    }
    match open.last() {
        Some((name, begin)) => Err(Refused { message: Message::new("mjml-open").with("what", name), at: *begin }),
        None => Ok(()),
    }
}

/// Behind the `>` of a tag, which may stand in the value of an attribute.
fn tag_end(source: &str, from: usize) -> usize {
    let mut quote = None;
    for (at, byte) in source.bytes().enumerate().skip(from) {
        match (quote, byte) {
            (None, b'>') => return at + 1,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if byte == open => quote = None,
            _ => {}
        }
    }
    source.len()
}

fn refused(error: &ParseError, source: &str, start: usize) -> Refused {
    let at = |position: &Span| (start + position.start).min(source.len());
    let named = |key, position: &Span| {
        let what: String = source.get(at(position)..).unwrap_or_default().chars().take(30).collect();
        let what = what.split(['\n', '>']).next().unwrap_or_default().trim().to_owned();
        Refused { message: Message::new(key).with("what", what), at: at(position) }
    };
    match error {
        ParseError::UnexpectedElement { position, .. } => named("mjml-element", position),
        ParseError::MissingAttribute { name, position, .. } => {
            Refused { message: Message::new("mjml-attribute").with("what", name), at: at(position) }
        }
        ParseError::IncludeLoaderError { position, .. } => named("mjml-include", position),
        ParseError::UnexpectedToken { position, .. }
        | ParseError::InvalidAttribute { position, .. }
        | ParseError::InvalidFormat { position, .. } => named("mjml-wrong", position),
        ParseError::ParserError { source: cause, .. } => {
            let above = source[start..].split_inclusive('\n').take(cause.pos().row.saturating_sub(1) as usize);
            let at = start + above.map(str::len).sum::<usize>();
            Refused { message: Message::new("mjml-wrong").with("what", "<"), at }
        }
        ParseError::NoRootNode => Refused { message: Message::new("mjml-root"), at: start },
        ParseError::EndOfStream { .. } | ParseError::SizeLimit { .. } => {
            Refused { message: Message::new("mjml-end"), at: source.len() }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(source: &str) -> (&'static str, usize) {
        let refused = to_html(source).expect_err("refused");
        (refused.message.key, source[..refused.at].matches('\n').count() + 1)
    }

    fn page(inner: &str) -> String {
        format!(
            "<mjml>\n<mj-body>\n<mj-section>\n<mj-column>\n{inner}\n</mj-column>\n</mj-section>\n</mj-body>\n</mjml>"
        )
    }

    #[test]
    fn mjml_becomes_a_page_that_loads_nothing() {
        let html =
            to_html(&page("<mj-text font-family=\"Roboto\">Hello qzx0x</mj-text>\n<mj-divider />")).expect("HTML");
        assert!(html.contains("Hello qzx0x") && html.to_lowercase().starts_with("<!doctype html"), "{html}");
        assert!(!html.contains("googleapis") && !html.contains("<link"), "{html}");
    }

    #[test]
    fn mistakes_are_found_at_their_line() {
        assert_eq!(key(&page("<mj-include path=\"/etc/passwd\" />")).0, "mjml-include");
        assert_eq!(key("<mjml>\n<mj-body>\n<mj-section>\n</mj-body></mjml>"), ("mjml-open", 3));
        assert_eq!(key(&page("<mj-textt>a</mj-textt>")), ("mjml-element", 5));
        assert_eq!(key(&page("</mj-text>")), ("mjml-open", 4));
        assert!(to_html(&page("<mj-text title=\"a > b\">x<br>y <!-- <mj-x> --></mj-text>")).is_ok());
        assert_eq!(key("\n\n<p>a</p>").0, "mjml-root");
        assert!(to_html("").is_err() && to_html("<mjml").is_err() && to_html("<mjml><mj-body>").is_err());
        let deep = "<mj-wrapper>".repeat(10_000);
        assert_eq!(key(&page(&deep)).0, "html-nesting");
        assert_eq!(key(&page(&"<mj-divider />".repeat(6_000))).0, "html-elements");
    }

    proptest! {
        #[test]
        fn nothing_makes_the_parser_panic(parts in proptest::collection::vec(prop_oneof![
            Just("<mjml>"), Just("</mjml>"), Just("<mj-body>"), Just("</mj-body>"), Just("<mj-section"), Just(">"), Just("/>"),
            Just("<mj-column width=\"50%\">"), Just("</mj-column>"), Just("<mj-text>"), Just("</mj-text>"), Just("<!--"),
            Just("-->"), Just("<mj-head>"), Just("<mj-attributes>"), Just("&amp;"), Just("é"), Just("\""), Just("<mj-raw>"),
            Just("<![CDATA["), Just("<mj-image src=\"x\"/>"), Just("<mj-style>"), Just("a b='c"),
        ], 0..40)) {
            let _ = to_html(&parts.concat());
        }
    }
}
