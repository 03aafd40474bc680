//! Conditional comments of Outlook: finds the addresses in their VML and HTML, so that links are measured and values are
//! encoded as outside of them. All else stays as the marketer wrote it.

use std::ops::Range;

use super::node::{Node, attr, parse};
use crate::content::template::escape::escape_html;

/// An address in a conditional comment.
#[derive(Debug, PartialEq, Eq)]
pub struct Address {
    /// The element, in lower case, such as `v:roundrect`.
    pub element: String,
    /// The attribute, in lower case, such as `href`.
    pub key: String,
    /// The value, decoded.
    pub value: String,
    /// Where the value stands in the comment, without quotes.
    at: Range<usize>,
}

/// The attributes that hold addresses.
const KEYS: &[&str] = &["href", "src", "background"];

/// True for a comment whose content Outlook parses.
pub fn is_condition(comment: &str) -> bool {
    comment.trim_start().starts_with("[if")
}

/// The addresses in a conditional comment, in order.
pub fn addresses(comment: &str) -> Vec<Address> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = comment[at..].find('<') {
        at += open + 1;
        let name = length(&comment[at..], |c| !c.is_whitespace() && !matches!(c, '/' | '>'));
        let element = comment[at..at + name].to_ascii_lowercase();
        if !element.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        at += name;
        while let Some((key, value, end)) = attribute(comment, at) {
            at = end;
            if KEYS.contains(&key.as_str()) {
                let decoded = decode(&comment[value.clone()]);
                found.push(Address { element: element.clone(), key, value: decoded, at: value });
            }
        }
    }
    found
}

/// The comment with the values of some addresses replaced; `None` keeps one.
pub fn replace(comment: &str, changes: Vec<(Address, Option<String>)>) -> String {
    let mut out = String::with_capacity(comment.len());
    let mut done = 0;
    for (address, changed) in changes {
        if let Some(changed) = changed {
            out.push_str(&comment[done..address.at.start]);
            out.push_str(&escape_html(&changed));
            done = address.at.end;
        }
    }
    out + &comment[done..]
}

fn length(text: &str, fits: impl Fn(char) -> bool) -> usize {
    text.find(|c: char| !fits(c)).unwrap_or(text.len())
}

/// The attribute at an offset within a tag: its name in lower case, where its value stands, and where it ends. `None` at
/// the end of the tag.
fn attribute(text: &str, at: usize) -> Option<(String, Range<usize>, usize)> {
    let at = at + length(&text[at..], |c| c.is_whitespace() || c == '/');
    let key_length = length(&text[at..], |c| !c.is_whitespace() && !matches!(c, '/' | '>' | '=' | '<'));
    if key_length == 0 {
        return None;
    }
    let key = text[at..at + key_length].to_ascii_lowercase();
    let after = at + key_length;
    let equals = after + length(&text[after..], char::is_whitespace);
    if !text[equals..].starts_with('=') {
        return Some((key, after..after, after));
    }
    let start = equals + 1 + length(&text[equals + 1..], char::is_whitespace);
    match text[start..].chars().next().filter(|c| matches!(c, '"' | '\'')) {
        Some(quote) => {
            let end = start + 1 + length(&text[start + 1..], |c| c != quote);
            Some((key, start + 1..end, (end + 1).min(text.len())))
        }
        None => {
            let end = start + length(&text[start..], |c| !c.is_whitespace() && c != '>');
            Some((key, start..end, end))
        }
    }
}

fn decode(value: &str) -> String {
    let quoted = value.replace('"', "&quot;");
    match parse(&format!("<a href=\"{quoted}\">")).first() {
        Some(Node::Start { attrs, .. }) => attr(attrs, "href").unwrap_or_default().to_owned(),
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_vml_are_found_and_replaced() {
        let comment = "[if mso]><v:roundrect xmlns:v=\"urn:x\" href=\"https://a.example/?x=1&amp;y=2\" style='b:c' arcsize=\"8%\"/>\
                       <v:fill type=tile SRC='b.png'/><a href=c>d < e</a><w:anchorlock/><![endif]";
        let found = addresses(comment);
        let shown: Vec<_> = found.iter().map(|it| (it.element.as_str(), it.key.as_str(), it.value.as_str())).collect();
        assert_eq!(
            shown,
            [("v:roundrect", "href", "https://a.example/?x=1&y=2"), ("v:fill", "src", "b.png"), ("a", "href", "c")]
        );
        let changes = found.into_iter().map(|address| match address.value.as_str() {
            "b.png" => (address, None),
            _ => (address, Some("q&r".to_owned())),
        });
        assert_eq!(
            replace(comment, changes.collect()),
            comment.replace("https://a.example/?x=1&amp;y=2", "q&amp;r").replace("href=c>", "href=q&amp;r>")
        );
        for odd in
            ["[if mso]>", "[if mso]><", "[if mso]><a href=", "[if mso]><a href=\"x", "[if mso]><a =\"\"", "<я href=x"]
        {
            let _ = addresses(odd);
        }
    }
}
