//! HTML as a list of nodes: read by the tokenizer that browsers share, freed of all that acts, and
//! written again. The tree stays the author's own; a mail program mends it as a browser would.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer};

use crate::content::template::engine::escape;
use crate::content::template::placeholder::Mask;

/// A piece of HTML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// `<name key="value">`, both decoded.
    Start {
        /// In lower case.
        name: String,
        /// In order; a name stands once.
        attrs: Vec<(String, String)>,
    },
    /// `</name>`.
    End(String),
    /// Decoded text.
    Text(String),
    /// What stands in a style sheet, as is.
    Raw(String),
    /// A comment with its own text: only conditions for Outlook are kept.
    Comment(String),
    /// HTML that we made.
    Made(String),
    /// `<!doctype html>`.
    Doctype,
}

impl Node {
    /// True for the start tag of this element.
    pub fn starts(&self, wanted: &str) -> bool {
        matches!(self, Self::Start { name, .. } if name == wanted)
    }

    /// True for the end tag of this element.
    pub fn ends(&self, wanted: &str) -> bool {
        matches!(self, Self::End(name) if name == wanted)
    }
}

/// The value of an attribute.
pub fn attr<'a>(attrs: &'a [(String, String)], wanted: &str) -> Option<&'a str> {
    attrs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
}

/// Elements without an end tag (HTML §13.1.2).
pub fn is_void(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "br"
            | "col"
            | "embed"
            | "hr"
            | "img"
            | "input"
            | "link"
            | "meta"
            | "source"
            | "track"
            | "wbr"
    )
}

/// Elements that stand on lines of their own.
pub fn is_block(name: &str) -> bool {
    matches!(
        name,
        "p" | "div"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "ul"
            | "ol"
            | "li"
            | "blockquote"
            | "pre"
            | "table"
            | "thead"
            | "tbody"
            | "tfoot"
            | "tr"
            | "td"
            | "th"
            | "hr"
            | "center"
            | "section"
            | "article"
            | "header"
            | "footer"
            | "main"
            | "figure"
            | "figcaption"
            | "dl"
            | "dt"
            | "dd"
            | "address"
            | "body"
            | "html"
            | "caption"
    )
}

/// Gone with all they hold: they act, or no mail program shows them.
const GONE: &[&str] = &[
    "script", "iframe", "object", "embed", "applet", "svg", "math", "noscript", "template", "audio", "video", "select",
    "textarea", "frameset", "noframes", "noembed", "xmp",
];
/// Gone, while what they hold stays.
const UNWRAPPED: &[&str] =
    &["form", "input", "button", "fieldset", "legend", "base", "link", "frame", "option", "dialog"];

#[derive(Default)]
struct Sink(RefCell<Vec<Node>>);

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut nodes = self.0.borrow_mut();
        match token {
            Token::DoctypeToken(_) => nodes.push(Node::Doctype),
            Token::CommentToken(text) => nodes.push(Node::Comment(text.to_string())),
            Token::CharacterTokens(text) => push_text(&mut nodes, &text),
            Token::TagToken(tag) => {
                let raw = raw_kind(&tag);
                nodes.push(node(tag));
                if let Some(kind) = raw {
                    return TokenSinkResult::RawData(kind);
                }
            }
            Token::NullCharacterToken | Token::EOFToken | Token::ParseError(_) => {}
        }
        TokenSinkResult::Continue
    }
}

/// How the tokenizer reads on after a start tag, where that is not as HTML.
fn raw_kind(tag: &Tag) -> Option<RawKind> {
    match (tag.kind, &*tag.name) {
        (TagKind::EndTag, _) => None,
        (_, "title" | "textarea") => Some(RawKind::Rcdata),
        (_, "style" | "xmp" | "iframe" | "noembed" | "noframes") => Some(RawKind::Rawtext),
        (_, "script") => Some(RawKind::ScriptData),
        _ => None,
    }
}

fn node(tag: Tag) -> Node {
    let name = tag.name.to_string();
    match tag.kind {
        TagKind::EndTag => Node::End(name),
        TagKind::StartTag => {
            let attrs =
                tag.attrs.into_iter().map(|attr| (attr.name.local.to_string(), attr.value.to_string())).collect();
            Node::Start { name, attrs }
        }
    }
}

fn push_text(nodes: &mut Vec<Node>, text: &str) {
    let raw = nodes.len().checked_sub(1).is_some_and(|last| nodes[last].starts("style"));
    match nodes.last_mut() {
        Some(Node::Text(last) | Node::Raw(last)) => last.push_str(text),
        _ if raw => nodes.push(Node::Raw(text.to_owned())),
        _ => nodes.push(Node::Text(text.to_owned())),
    }
}

/// Reads HTML; nothing is an error, as in a browser.
pub fn read(html: &str) -> Vec<Node> {
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(html));
    let tokenizer = Tokenizer::new(Sink::default(), Default::default());
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    tokenizer.sink.0.into_inner()
}

/// Leaves out all that acts in a reader's hands: scripts, frames, forms, event handlers, addresses
/// that run code.
pub fn clean(nodes: Vec<Node>, mask: &Mask) -> Vec<Node> {
    let mut kept = Vec::with_capacity(nodes.len());
    let mut gone: Option<(String, usize)> = None;
    for node in nodes {
        if let Some((name, depth)) = &mut gone {
            *depth = match () {
                () if node.starts(name) => *depth + 1,
                () if node.ends(name) => *depth - 1,
                () => *depth,
            };
            if *depth == 0 {
                gone = None;
            }
            continue;
        }
        match node {
            Node::Start { name, .. } if GONE.contains(&name.as_str()) => {
                gone = (!is_void(&name)).then_some((name, 1));
            }
            Node::End(name) if GONE.contains(&name.as_str()) || UNWRAPPED.contains(&name.as_str()) => {}
            Node::Start { name, .. } if UNWRAPPED.contains(&name.as_str()) || mask.is_in(&name) => {}
            Node::Start { name, attrs } if name == "meta" && !is_harmless_meta(&attrs) => {}
            Node::Comment(text) if !is_condition(&text) => {}
            Node::Start { name, attrs } => {
                let attrs = attrs.into_iter().filter(|(key, value)| is_harmless(key, value, mask)).collect();
                kept.push(Node::Start { name, attrs });
            }
            Node::Raw(css) => kept.push(Node::Raw(if acts(&css) { String::new() } else { css })),
            other => kept.push(other),
        }
    }
    kept
}

/// The charset is UTF-8 and is said in the header of the part; a refresh would lead away.
fn is_harmless_meta(attrs: &[(String, String)]) -> bool {
    attr(attrs, "charset").is_none()
        && attr(attrs, "http-equiv").is_none_or(|value| value.eq_ignore_ascii_case("x-ua-compatible"))
}

/// Conditions by which Outlook reads its own text.
fn is_condition(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with("[if") || text.starts_with("<![endif]") || text.starts_with("[endif")
}

fn is_harmless(key: &str, value: &str, mask: &Mask) -> bool {
    let key = mask.strip(key);
    let key = key.rsplit(':').next().unwrap_or_default();
    if key.starts_with("on") || matches!(key, "action" | "formaction" | "ping" | "srcdoc" | "nonce") {
        return false;
    }
    if !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        return false;
    }
    match key {
        "style" => !acts(value),
        "src" | "background" | "poster" | "cite" | "longdesc" | "data" => {
            let plain = squeeze(value);
            ["http://", "https://", "cid:", "data:image/"].iter().any(|scheme| plain.starts_with(scheme))
                || mask
                    .parts(value)
                    .next()
                    .is_some_and(|part| matches!(part, crate::content::template::placeholder::Part::Tag { .. }))
        }
        _ => true,
    }
}

/// Style that runs code in an old reader.
fn acts(css: &str) -> bool {
    let css = squeeze(css).replace('\\', "");
    ["javascript:", "vbscript:", "expression(", "behavior:", "-moz-binding"].iter().any(|word| css.contains(word))
}

/// Lower case, without the white space and controls that readers skip inside a scheme.
pub fn squeeze(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !c.is_control()).flat_map(char::to_lowercase).collect()
}

/// Writes nodes as HTML.
pub fn write(nodes: &[Node]) -> String {
    nodes.iter().fold(String::new(), |mut out, node| {
        push(&mut out, node);
        out
    })
}

fn push(out: &mut String, node: &Node) {
    match node {
        Node::Doctype => out.push_str("<!doctype html>"),
        Node::Made(html) | Node::Raw(html) => out.push_str(html),
        Node::Text(text) => out.push_str(&escape_text(text)),
        Node::Comment(text) => out.extend(["<!--", text, "-->"]),
        Node::End(name) => out.extend(["</", name, ">"]),
        Node::Start { name, attrs } => {
            out.extend(["<", name]);
            for (key, value) in attrs {
                match value.is_empty() && key != "alt" && key != "href" {
                    true => out.extend([" ", key]),
                    false => out.extend([" ", key, "=\"", &escape(value), "\""]),
                }
            }
            out.push('>');
        }
    }
}

/// Quotes need no escape in text, and no-break spaces must stay visible to the eye of an author.
fn escape_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\u{a0}', "&nbsp;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(html: &str) -> String {
        write(&clean(read(html), &Mask::new(&[html])))
    }

    #[test]
    fn what_is_harmless_stays_as_it_was() {
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
    fn what_acts_is_left_out() {
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
    fn a_handler_behind_a_condition_is_still_a_handler() {
        let mut mask = Mask::new(&[]);
        let html = format!("<p {}onclick=x>a</p>", mask.hold("{% if a %}"));
        assert_eq!(write(&clean(read(&html), &mask)), "<p>a</p>");
    }
}
