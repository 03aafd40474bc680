//! Limits of the HTML of an email, checked before it is parsed: the parser compares each attribute of a tag with all
//! others, and a page of very many or very deeply nested elements is shown by no mail program.

use crate::content::html::node::is_void;

/// Elements.
pub const MAX_ELEMENTS: usize = 20_000;
/// Elements inside each other.
pub const MAX_NESTING: usize = 200;
/// Attributes of one element.
pub const MAX_ATTRIBUTES: usize = 200;

/// Elements that need no end tag, so that a missing one is no deeper nesting (HTML §13.1.2.4).
const OPTIONAL_END: &[&str] =
    &["p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option", "colgroup", "head", "body", "html"];

/// A limit that HTML exceeds, at a byte offset.
#[derive(Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// The catalogue key.
    pub key: &'static str,
    /// The limit.
    pub limit: usize,
    /// Where the tag begins that exceeds it.
    pub at: usize,
}

/// Checks HTML against the limits, in one pass.
pub fn check(html: &str) -> Result<(), Exceeded> {
    check_tags(html, false, MAX_ELEMENTS, MAX_NESTING)
}

/// Checks XML, in which every element ends, against these limits, in one pass.
pub fn check_xml(xml: &str, max_elements: usize, max_nesting: usize) -> Result<(), Exceeded> {
    check_tags(xml, true, max_elements, max_nesting)
}

fn check_tags(html: &str, is_xml: bool, max_elements: usize, max_nesting: usize) -> Result<(), Exceeded> {
    let (mut elements, mut open) = (0_usize, Vec::new());
    let mut at = 0;
    while let Some(found) = html[at..].find('<') {
        let start = at + found;
        let exceeded = |key, limit| Err(Exceeded { key, limit, at: start });
        let rest = &html[start + 1..];
        let (is_end, rest) = rest.strip_prefix('/').map_or((false, rest), |rest| (true, rest));
        at = start + 1;
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        let length = rest.find(|c: char| c.is_whitespace() || matches!(c, '/' | '>')).unwrap_or(rest.len());
        let name = rest[..length].to_ascii_lowercase();
        let begin = html.len() - rest.len() + length;
        let (attributes, end) = attributes(html.as_bytes(), begin);
        at = end;
        if attributes > MAX_ATTRIBUTES {
            return exceeded("html-attributes", MAX_ATTRIBUTES);
        }
        if is_end {
            if let Some(index) = open.iter().rposition(|known| *known == name) {
                open.truncate(index);
            }
            continue;
        }
        elements += 1;
        if elements > max_elements {
            return exceeded("html-elements", max_elements);
        }
        let is_open = match is_xml {
            true => !html[..end].ends_with("/>"),
            false => !OPTIONAL_END.contains(&name.as_str()),
        };
        if is_open && !is_void(&name) {
            open.push(name);
        }
        if open.len() > max_nesting {
            return exceeded("html-nesting", max_nesting);
        }
    }
    Ok(())
}

/// Checks that no line of Markdown begins with very many quotes and lists inside each other, which takes the parser a
/// time that grows with their square.
pub fn check_markdown(source: &str) -> Result<(), Exceeded> {
    let mut at = 0;
    for line in source.split_inclusive('\n') {
        let mut rest = line.trim_start();
        let mut depth = 0;
        while let Some(inner) = rest.strip_prefix('>').or_else(|| list_item(rest)) {
            depth += 1;
            rest = inner.trim_start();
        }
        if depth > MAX_NESTING {
            return Err(Exceeded { key: "html-nesting", limit: MAX_NESTING, at });
        }
        at += line.len();
    }
    Ok(())
}

/// What follows the marker of a list item.
fn list_item(line: &str) -> Option<&str> {
    let digits = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let rest = match digits.len() < line.len() {
        true => digits.strip_prefix(['.', ')']),
        false => line.strip_prefix(['-', '*', '+']),
    };
    rest.filter(|rest| rest.starts_with([' ', '\t']))
}

/// Counts the attributes of a tag, whose name ends at `at`, as the tokenizer of HTML finds them. Returns also where the
/// tag ends.
fn attributes(html: &[u8], mut at: usize) -> (usize, usize) {
    let skip = |mut at: usize, fits: fn(u8) -> bool| {
        while html.get(at).is_some_and(|byte| fits(*byte)) {
            at += 1;
        }
        at
    };
    let mut count = 0;
    loop {
        at = skip(at, |byte| byte.is_ascii_whitespace() || byte == b'/');
        match html.get(at) {
            None => return (count, html.len()),
            Some(b'>') => return (count, at + 1),
            Some(_) => count += 1,
        }
        // A name may begin with `=`.
        at = skip(at + 1, |byte| !byte.is_ascii_whitespace() && !matches!(byte, b'/' | b'>' | b'='));
        let equals = skip(at, |byte| byte.is_ascii_whitespace());
        if html.get(equals) != Some(&b'=') {
            continue;
        }
        at = skip(equals + 1, |byte| byte.is_ascii_whitespace());
        at = match html.get(at) {
            Some(b'"') => skip(at + 1, |byte| byte != b'"') + 1,
            Some(b'\'') => skip(at + 1, |byte| byte != b'\'') + 1,
            _ => skip(at, |byte| !byte.is_ascii_whitespace() && byte != b'>'),
        }
        .min(html.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(html: &str) -> Option<(&'static str, usize)> {
        check(html).err().map(|exceeded| (exceeded.key, exceeded.at))
    }

    #[test]
    fn usual_html_is_within_the_limits() {
        let rows = "<tr><td class=a>x<td style='a>b'>y".repeat(4_000);
        assert_eq!(key(&format!("<!doctype html><html><body><table>{rows}</table></body></html>")), None);
        assert_eq!(key(&"<p>a<br><img src=\"x>y\" alt=''>".repeat(3_000)), None);
        assert_eq!(key("a < b <3 </ > <"), None);
        assert_eq!(key("<div a=\"b"), None);
        assert_eq!(key(&format!("{}{}", "<div>".repeat(200), "</div>".repeat(200))), None);
    }

    #[test]
    fn html_beyond_a_limit_is_refused_where_it_exceeds_it() {
        assert_eq!(key(&"<div>".repeat(100_000)), Some(("html-nesting", 5 * MAX_NESTING)));
        assert_eq!(key(&"<p><b></b>".repeat(20_000)), Some(("html-elements", 10 * MAX_ELEMENTS / 2)));
        let names: String = (0..50_000).map(|number| format!(" a{number}")).collect();
        assert_eq!(key(&format!("<p>x</p><p{names}>")), Some(("html-attributes", 8)));
        assert_eq!(key(&format!("<p{}", "/a=b c='>' =d".repeat(100))), Some(("html-attributes", 0)));
        assert_eq!(key(&format!("</p{names}>")), Some(("html-attributes", 0)));
    }

    #[test]
    fn deep_quotes_and_lists_of_markdown_are_refused() {
        let at = |source: &str| check_markdown(source).err().map(|exceeded| exceeded.at);
        assert_eq!(at(&format!("a\n{}x", ">".repeat(100_000))), Some(2));
        assert_eq!(at(&"- ".repeat(201)), Some(0));
        assert_eq!(at(&"> 1. * ".repeat(70)), Some(0));
        assert_eq!(at(&format!("{}\n{}", ">".repeat(200), "- - -\n***\n2026-01-01\n1.5\n".repeat(9))), None);
    }
}
