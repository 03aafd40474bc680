//! Sanitizes HTML: removes everything that acts when a recipient opens the message.

use super::node::{Node, attr, is_void, squeeze};
use crate::content::template::placeholder::{Piece, Placeholders};

/// Removed with their content: they run code, or no mail program shows them.
const REMOVED: &[&str] = &[
    "script", "iframe", "object", "embed", "applet", "svg", "math", "noscript", "template", "audio", "video", "select",
    "textarea", "frameset", "noframes", "noembed", "xmp",
];
/// Removed without their content.
const UNWRAPPED: &[&str] =
    &["form", "input", "button", "fieldset", "legend", "base", "link", "frame", "option", "dialog"];

/// Removes everything active: scripts, frames, forms, event handlers and URLs that run code.
pub fn sanitize(nodes: Vec<Node>, placeholders: &Placeholders) -> Vec<Node> {
    let mut kept = Vec::with_capacity(nodes.len());
    let mut removed: Option<(String, usize)> = None;
    for node in nodes {
        if let Some((name, depth)) = &mut removed {
            *depth = match () {
                () if node.starts(name) => *depth + 1,
                () if node.ends(name) => *depth - 1,
                () => *depth,
            };
            if *depth == 0 {
                removed = None;
            }
            continue;
        }
        match node {
            Node::Start { name, .. } if REMOVED.contains(&name.as_str()) => {
                removed = (!is_void(&name)).then_some((name, 1));
            }
            Node::End(name) if REMOVED.contains(&name.as_str()) || UNWRAPPED.contains(&name.as_str()) => {}
            Node::Start { name, .. } if UNWRAPPED.contains(&name.as_str()) || placeholders.contains_tag(&name) => {}
            Node::Start { name, attrs } if name == "meta" && !is_harmless_meta(&attrs) => {}
            Node::Comment(text) if !is_condition(&text) => {}
            Node::Start { name, attrs } => {
                let attrs = attrs.into_iter().filter(|(key, value)| is_harmless(key, value, placeholders)).collect();
                kept.push(Node::Start { name, attrs });
            }
            Node::Raw(css) => kept.push(Node::Raw(if runs_code(&css) { String::new() } else { css })),
            other => kept.push(other),
        }
    }
    kept
}

/// The charset is given in the header of the MIME part, and a refresh would load another page.
fn is_harmless_meta(attrs: &[(String, String)]) -> bool {
    attr(attrs, "charset").is_none()
        && attr(attrs, "http-equiv").is_none_or(|value| value.eq_ignore_ascii_case("x-ua-compatible"))
}

/// True for the conditional comments of Outlook.
fn is_condition(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with("[if") || text.starts_with("<![endif]") || text.starts_with("[endif")
}

fn is_harmless(key: &str, value: &str, placeholders: &Placeholders) -> bool {
    let key = placeholders.without_tags(key);
    let key = key.rsplit(':').next().unwrap_or_default();
    if key.starts_with("on") || matches!(key, "action" | "formaction" | "ping" | "srcdoc" | "nonce") {
        return false;
    }
    if !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        return false;
    }
    match key {
        "style" => !runs_code(value),
        "src" | "background" | "poster" | "cite" | "longdesc" | "data" => {
            let plain = squeeze(value);
            ["http://", "https://", "cid:", "data:image/"].iter().any(|scheme| plain.starts_with(scheme))
                || placeholders.split(value).next().is_some_and(|piece| matches!(piece, Piece::Tag { .. }))
        }
        _ => true,
    }
}

/// True for a style that runs code in an old mail program.
fn runs_code(css: &str) -> bool {
    let css = squeeze(css).replace('\\', "");
    ["javascript:", "vbscript:", "expression(", "behavior:", "-moz-binding"].iter().any(|word| css.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::html::node;

    fn cleaned(html: &str) -> String {
        node::write(&sanitize(node::parse(html), &Placeholders::new(&[html])))
    }

    #[test]
    fn harmless_html_is_unchanged() {
        for html in [
            "<!doctype html><html lang=\"ru\"><head><title>A &amp; B</title><style>@media{#a{b:c > d}}</style></head></html>",
            "<p class=\"a\" style=\"color:red\">a &lt; b &amp; \"c\"<br>d&nbsp;e</p>",
            "<!--[if mso]><table><tr><td><![endif]--><img src=\"https://a.example/x.png\" alt=\"\">",
            "<!--[if !mso]><!--><b>x</b><!--<![endif]-->",
        ] {
            assert_eq!(cleaned(html), html);
        }
    }

    #[test]
    fn active_content_is_removed() {
        for (html, kept) in [
            ("a<script>alert('</p>')</script>b", "ab"),
            ("a<SCRIPT src=x></SCRIPT >b", "ab"),
            ("<p onclick=\"x()\" OnLoad=y>a</p>", "<p>a</p>"),
            ("<iframe src=\"https://x.example\">z</iframe>a", "a"),
            ("<object data=x><embed src=y>fallback</object>a", "a"),
            ("<form action=\"/x\"><input name=a>b</form>", "b"),
            ("<img src=\"java\nscript:alert(1)\" alt=\"a\">", "<img alt=\"a\">"),
            ("<svg onload=x><a>1</a></svg>b", "b"),
            ("<style>a{x:expression(1)}</style>", "<style></style>"),
            ("<p style=\"background:url(JavaScript:x)\">a</p>", "<p>a</p>"),
            ("<meta http-equiv=refresh content=\"0;url=//x\"><base href=\"//x\">a", "a"),
            ("<!-- secret -->a", "a"),
            ("a<math><mi>x</mi></math>b", "ab"),
        ] {
            assert_eq!(cleaned(html), kept, "{html}");
        }
    }

    #[test]
    fn event_handler_behind_a_tag_is_removed() {
        let mut placeholders = Placeholders::new(&[]);
        let html = format!("<p {}onclick=x>a</p>", placeholders.hold("{% if a %}"));
        assert_eq!(node::write(&sanitize(node::parse(&html), &placeholders)), "<p>a</p>");
    }
}
