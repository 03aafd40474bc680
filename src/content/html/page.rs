//! Whole HTML pages of the marketer: where a preheader and a footer are inserted, and on which colour the footer stands.

use super::node::{Node, attr};

/// True for a whole HTML page, which is not put into a layout.
pub fn is_page(html: &str) -> bool {
    let lower = html.to_lowercase();
    lower.trim_start().starts_with("<!doctype") || lower.contains("<html") || lower.contains("<body")
}

/// Inserts HTML before everything that is shown: at the beginning of the body or, in a page without one, after its head.
pub fn insert_first(nodes: &mut Vec<Node>, html: String) {
    let at = content_start(nodes);
    nodes.insert(at, Node::Generated(html));
}

/// Inserts HTML after everything that is shown.
pub fn insert_last(nodes: &mut Vec<Node>, html: String) {
    let end = |name: &str| nodes.iter().rposition(|node| node.ends(name));
    let at = end("body").or_else(|| end("html")).unwrap_or(nodes.len());
    nodes.insert(at, Node::Generated(html));
}

fn content_start(nodes: &[Node]) -> usize {
    if let Some(at) =
        nodes.iter().position(|node| node.starts("body")).or(nodes.iter().position(|node| node.ends("head")))
    {
        return at + 1;
    }
    let mut at = 0;
    while let Some(node) = nodes.get(at) {
        match node {
            Node::Doctype(_) | Node::Comment(_) | Node::Raw(_) => {}
            Node::Text(text) if text.trim().is_empty() => {}
            Node::Start { name, .. } if matches!(name.as_str(), "html" | "head" | "meta" | "link" | "style") => {}
            Node::Start { name, .. } if name == "title" => {
                at += nodes[at..].iter().position(|node| node.ends("title")).unwrap_or(0);
            }
            Node::End(name) if matches!(name.as_str(), "title" | "style" | "link" | "meta") => {}
            _ => break,
        }
        at += 1;
    }
    at
}

/// The colour behind the content of a page as `#rrggbb`: that of its body. `None` if it is not named.
pub fn background(nodes: &[Node]) -> Option<String> {
    let body = nodes.iter().find_map(|node| match node {
        Node::Start { name, attrs } if name == "body" => Some(attrs),
        _ => None,
    });
    let inline = body.and_then(|attrs| attr(attrs, "style")).and_then(declared_background);
    let sheet =
        || nodes.iter().filter_map(|node| if let Node::Raw(css) = node { body_rule(css) } else { None }).next_back();
    let old = || body.and_then(|attrs| attr(attrs, "bgcolor")).and_then(color);
    inline.or_else(sheet).or_else(old)
}

/// The background of the last rule for `body` outside of media queries.
fn body_rule(css: &str) -> Option<String> {
    let (mut found, mut rest, mut depth) = (None, css, 0_usize);
    while let Some(at) = rest.find(['{', '}']) {
        let (prelude, after) = rest.split_at(at);
        rest = &after[1..];
        if after.starts_with('}') {
            depth = depth.saturating_sub(1);
            continue;
        }
        let selector = prelude.rsplit(['}', ';', '/']).next().unwrap_or_default();
        if depth == 0 && selector.split(',').any(|one| one.trim().eq_ignore_ascii_case("body")) {
            let block = rest.split('}').next().unwrap_or_default();
            found = declared_background(block).or(found);
        }
        depth += 1;
    }
    found
}

fn declared_background(declarations: &str) -> Option<String> {
    let mut declared = declarations.split(';').filter_map(|declaration| {
        let (name, value) = declaration.split_once(':')?;
        let is_background = ["background", "background-color"].contains(&name.trim().to_ascii_lowercase().as_str());
        is_background.then(|| value.split_whitespace().find_map(color)).flatten()
    });
    declared.next_back()
}

/// A colour as `#rrggbb`; `None` for notations that need more than a look.
fn color(text: &str) -> Option<String> {
    let text = text.trim().trim_end_matches("!important").to_ascii_lowercase();
    match text.as_str() {
        "black" => return Some("#000000".to_owned()),
        "white" => return Some("#ffffff".to_owned()),
        _ => {}
    }
    let digits = text.strip_prefix('#').unwrap_or(&text);
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    match digits.len() {
        3 if text.starts_with('#') => Some(format!("#{}", digits.chars().flat_map(|c| [c, c]).collect::<String>())),
        6 => Some(format!("#{digits}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::html::node::{parse, write};

    #[test]
    fn preheader_and_footer_stand_around_what_is_shown() {
        for (page, completed) in [
            ("<html><body class=a><p>x</p></body></html>", "<html><body class=\"a\">[<p>x</p>]</body></html>"),
            (
                "<html><head><title>t</title></head><p>x</p></html>",
                "<html><head><title>t</title></head>[<p>x</p>]</html>",
            ),
            (
                "<!doctype html><meta charset=utf-8><title>t</title><style>a{}</style><p>x</p>",
                "<!doctype html><meta charset=\"utf-8\"><title>t</title><style>a{}</style>[<p>x</p>]",
            ),
            (
                "<html><!--[if mso]><body class=\"mso\"><![endif]--><!--[if !mso]><!--><body><!--<![endif]--><p>x</p>",
                "<html><!--[if mso]><body class=\"mso\"><![endif]--><!--[if !mso]><!--><body>[<!--<![endif]--><p>x</p>]",
            ),
            (
                "<html><body><p>x</p><!--[if mso]></body><![endif]--></body></html>",
                "<html><body>[<p>x</p><!--[if mso]></body><![endif]-->]</body></html>",
            ),
        ] {
            let mut nodes = parse(page);
            insert_first(&mut nodes, "[".to_owned());
            insert_last(&mut nodes, "]".to_owned());
            assert_eq!(write(&nodes), completed);
        }
    }

    #[test]
    fn background_of_the_body_is_found() {
        for (page, found) in [
            ("<body bgcolor=\"#111\">", Some("#111111")),
            ("<body bgcolor=\"101010\">", Some("#101010")),
            ("<body style=\"margin:0;background: #0B0B0C url(x.png)\">", Some("#0b0b0c")),
            ("<style>p{color:red} html, body { background-color : black }</style><body>", Some("#000000")),
            ("<style>@media{body{background:#000}}</style><body bgcolor=white>", Some("#ffffff")),
            ("<style>.body{background:#000}</style><body style=\"background:linear-gradient(#000,#fff)\">", None),
            ("<p>x</p>", None),
        ] {
            assert_eq!(background(&parse(page)).as_deref(), found, "{page}");
        }
    }
}
