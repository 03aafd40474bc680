//! Constructs of an email that some mail programs do not show, by the data of caniemail.com (`data/client-support`): advice for the
//! preflight.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::html::node::{Node, attr};
use crate::infra::error::Message;

/// The table: how a construct is found, and the programs that lack it.
const TABLE: &str = include_str!("../../data/client-support/client-support.csv");
/// Constructs that are named.
const MAX_NAMED: usize = 12;

/// A construct of the table.
struct Construct {
    kind: &'static str,
    sign: &'static str,
    clients: &'static str,
}

fn constructs() -> &'static [Construct] {
    static PARSED: OnceLock<Vec<Construct>> = OnceLock::new();
    PARSED.get_or_init(|| {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
        let parse = |line: &'static str| {
            let mut cells = line.splitn(3, ',');
            Some(Construct { kind: cells.next()?, sign: cells.next()?, clients: cells.next()? })
        };
        lines.filter_map(parse).collect()
    })
}

/// The constructs of an email that some programs lack, each once.
pub fn advice(nodes: &[Node]) -> Vec<Message> {
    let (mut styles, mut elements, mut pictures) = (String::new(), BTreeSet::new(), String::new());
    for node in nodes {
        match node {
            Node::Start { name, attrs } => {
                elements.insert(name.as_str());
                if let Some(style) = attr(attrs, "style") {
                    push_compact(&mut styles, style);
                }
                if name == "img" {
                    let source = attr(attrs, "src").unwrap_or_default();
                    pictures.push_str(&source.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase());
                    pictures.push('\n');
                }
            }
            Node::Raw(css) => push_compact(&mut styles, css),
            _ => {}
        }
    }
    let is_used = |construct: &&Construct| match construct.kind {
        "declaration" => has_declaration(&styles, construct.sign),
        "function" | "rule" => styles.contains(construct.sign),
        "unit" => has_unit(&styles, construct.sign),
        "element" => elements.contains(construct.sign),
        "image" => pictures.lines().any(|source| source.ends_with(construct.sign)),
        _ => false,
    };
    let message = |construct: &Construct| {
        let sign = construct.sign.trim_end_matches([':', '(']);
        Message::new("lint-client").with("construct", sign).with("clients", construct.clients)
    };
    constructs().iter().filter(is_used).take(MAX_NAMED).map(message).collect()
}

/// Adds a style in lower case, without blanks beside its signs, and with `;` around it.
fn push_compact(out: &mut String, css: &str) {
    out.push(';');
    let mut last = ';';
    for c in css.chars().flat_map(char::to_lowercase) {
        let is_blank = c.is_whitespace();
        if is_blank && matches!(last, ':' | ';' | '{' | '}' | ',' | '(' | ' ') {
            continue;
        }
        if matches!(c, ':' | ';' | '{' | '}') && last == ' ' {
            out.pop();
        }
        last = if is_blank { ' ' } else { c };
        out.push(last);
    }
    out.push(';');
}

/// Whether a declaration begins with this sign, and not a longer name such as `-webkit-filter:`.
fn has_declaration(styles: &str, sign: &str) -> bool {
    // `filter: alpha(…)` is for old programs that need it.
    styles.match_indices(sign).any(|(at, _)| {
        let before = styles[..at].chars().next_back();
        let after = &styles[at + sign.len()..];
        before.is_none_or(|c| matches!(c, ';' | '{' | ' '))
            && !after.starts_with("none")
            && !after.starts_with("alpha(")
    })
}

/// Whether a number has this unit.
fn has_unit(styles: &str, unit: &str) -> bool {
    styles.match_indices(unit).any(|(at, _)| {
        let before = styles[..at].chars().next_back();
        let after = styles[at + unit.len()..].chars().next();
        before.is_some_and(|c| c.is_ascii_digit()) && !after.is_some_and(|c| c.is_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::html::node;

    fn named(html: &str) -> Vec<String> {
        advice(&node::parse(html)).iter().map(|message| message.text("construct").to_owned()).collect()
    }

    #[test]
    fn constructs_that_programs_lack_are_named_once() {
        assert_eq!(named("<div style=\"DISPLAY : grid\"><p style='display:grid'>"), ["display:grid"]);
        assert_eq!(named("<style>.a { position: absolute; top: 10vh }</style>"), ["position", "vh"]);
        assert_eq!(named("<video src=x></video><img src=\"https://a.example/B.WEBP?x=1\">"), ["video", ".webp"]);
        assert_eq!(named("<p style=\"width: calc(100% - 1px); color: var( --x )\">"), ["calc", "var"]);
        assert_eq!(named("<style>@import url(x);</style>"), ["@import"]);
        let outlook = advice(&node::parse("<p style='display:flex'>"));
        assert_eq!(outlook[0].text("clients"), "Outlook (Windows)");
    }

    #[test]
    fn what_every_program_shows_is_not_named() {
        let fine = "<table style=\"background-position:center;-webkit-filter:none;border-collapse:collapse\"><style>\
                    .display-grid { color: red } p { margin: 0 10px; filter: alpha(opacity=50) }</style>\
                    <img src=\"https://a.example/webp.png\" alt=\"5 vh\">";
        assert_eq!(named(fine), [""; 0]);
    }

    #[test]
    fn table_is_whole() {
        assert!(constructs().len() > 25);
        assert!(constructs().iter().all(|one| !one.clients.is_empty() && !one.clients.contains(',')));
    }
}
