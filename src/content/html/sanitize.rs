//! Sanitizes HTML: removes everything that acts when a recipient opens the message, keeps all else, and records what was
//! left out or changed.

use super::changes::Changes;
use super::css;
use super::node::{Node, attr, is_void, squeeze};
use crate::content::template::placeholder::{Piece, Placeholders};

/// Removed with their content: they run code, or no mail program shows them.
const REMOVED: &[&str] = &[
    "script", "iframe", "object", "embed", "applet", "svg", "math", "template", "select", "textarea", "frameset",
    "noframes", "noembed", "xmp",
];
/// Removed without their content.
const UNWRAPPED: &[&str] =
    &["form", "fieldset", "legend", "base", "frame", "option", "optgroup", "dialog", "noscript", "portal"];
/// The inputs that send nothing: pages use them to open menus without code.
const PASSIVE_INPUTS: &[&str] = &["checkbox", "radio"];
/// The links to other files that are harmless: style sheets, usually of fonts.
const PASSIVE_LINKS: &[&str] = &["stylesheet", "preconnect", "dns-prefetch"];
/// Attributes of the style sheet of AMP that hides the page until its script has run.
const AMP_BOILERPLATE: &[&str] = &["amp4email-boilerplate", "amp-boilerplate"];
/// Attributes that load a file.
const SOURCES: &[&str] = &["src", "background", "poster", "cite", "longdesc", "data"];

/// Removes everything active: scripts, frames, forms, event handlers and URLs that run code.
pub fn sanitize(nodes: Vec<Node>, placeholders: &Placeholders, changes: &mut Changes) -> Vec<Node> {
    let mut sanitizer = Sanitizer { placeholders, changes, removed: None };
    nodes.into_iter().filter_map(|node| sanitizer.node(node)).collect()
}

struct Sanitizer<'a> {
    placeholders: &'a Placeholders,
    changes: &'a mut Changes,
    /// The element that is being removed, and its depth.
    removed: Option<(String, usize)>,
}

impl Sanitizer<'_> {
    fn node(&mut self, node: Node) -> Option<Node> {
        if let Some((name, depth)) = &mut self.removed {
            *depth = match () {
                () if node.starts(name) => *depth + 1,
                () if node.ends(name) => *depth - 1,
                () => *depth,
            };
            if *depth == 0 {
                self.removed = None;
            }
            return None;
        }
        match node {
            Node::Start { name, attrs } => self.start(name, attrs),
            Node::End(name) if REMOVED.contains(&name.as_str()) || UNWRAPPED.contains(&name.as_str()) => None,
            Node::Comment(text) if !is_condition(&text) => self.comment(&text),
            Node::Raw(css) => Some(Node::Raw(self.css(&css))),
            other => Some(other),
        }
    }

    fn start(&mut self, name: String, attrs: Vec<(String, String)>) -> Option<Node> {
        let needle = format!("<{name}");
        if REMOVED.contains(&name.as_str()) {
            self.changes.add("change-element", &name, needle);
            self.removed = (!is_void(&name)).then_some((name, 1));
            return None;
        }
        if self.placeholders.contains_tag(&name) {
            self.changes.add("change-element-tag", self.placeholders.to_source(&name), "");
            return None;
        }
        let lists = |key, known: &[&str]| {
            let value = attr(&attrs, key).unwrap_or_default().to_ascii_lowercase();
            !value.trim().is_empty() && value.split_ascii_whitespace().all(|word| known.contains(&word))
        };
        let is_unwrapped = match name.as_str() {
            "input" => !lists("type", PASSIVE_INPUTS),
            "link" => !lists("rel", PASSIVE_LINKS),
            name => UNWRAPPED.contains(&name),
        };
        if is_unwrapped {
            self.changes.add("change-tag", &name, needle);
            return None;
        }
        if name == "meta" {
            return self.meta(attrs);
        }
        if name == "style" && attrs.iter().any(|(key, _)| AMP_BOILERPLATE.contains(&key.as_str())) {
            self.changes.add("change-amp-style", "", "boilerplate");
            self.removed = Some((name, 1));
            return None;
        }
        if name.starts_with("amp-") {
            self.changes.add("change-amp", &name, needle);
        }
        let attrs = attrs.into_iter().filter_map(|(key, value)| self.attribute(&name, key, value)).collect();
        Some(Node::Start { name, attrs })
    }

    /// Keeps metadata. The message is UTF-8 whatever the page was, and a refresh would load another page.
    fn meta(&mut self, mut attrs: Vec<(String, String)>) -> Option<Node> {
        let kind = attr(&attrs, "http-equiv").map(str::to_ascii_lowercase);
        if kind.as_deref().is_some_and(|kind| !matches!(kind, "x-ua-compatible" | "content-type" | "content-language"))
        {
            self.changes.add(
                "change-tag",
                format!("meta http-equiv=\"{}\"", kind.unwrap_or_default()),
                "<meta http-equiv",
            );
            return None;
        }
        let is_type = kind.as_deref() == Some("content-type");
        for (key, value) in &mut attrs {
            let plain = squeeze(value);
            let (named, wanted) = match key.as_str() {
                "charset" => (plain.as_str(), "utf-8"),
                "content" if is_type => {
                    (plain.split_once("charset=").map_or("", |(_, charset)| charset), "text/html; charset=utf-8")
                }
                _ => continue,
            };
            if !matches!(named, "utf-8" | "utf8") {
                self.changes.add("change-charset", value.as_str(), "charset=");
                *value = wanted.to_owned();
            }
        }
        let harmless = attrs.into_iter().filter_map(|(key, value)| self.attribute("meta", key, value)).collect();
        Some(Node::Start { name: "meta".to_owned(), attrs: harmless })
    }

    /// Leaves a comment out. Statements in it are kept: their `endif` may be in another one.
    fn comment(&mut self, text: &str) -> Option<Node> {
        self.changes.add("change-comment", "", "<!--");
        let statements = self.placeholders.split(text).filter(Piece::is_statement);
        let kept: String = statements
            .filter_map(|piece| if let Piece::Tag { placeholder, .. } = piece { Some(placeholder) } else { None })
            .collect();
        (!kept.is_empty()).then_some(Node::Text(kept))
    }

    fn attribute(&mut self, element: &str, key: String, value: String) -> Option<(String, String)> {
        let plain = self.placeholders.without_tags(&key);
        let plain = plain.rsplit(':').next().unwrap_or_default();
        let is_named = plain.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        if !is_named
            || plain.starts_with("on")
            || matches!(plain, "action" | "formaction" | "ping" | "srcdoc" | "nonce")
        {
            let shown = self.placeholders.to_source(&key);
            self.changes.add("change-attribute", shown.as_str(), shown.as_str());
            return None;
        }
        match plain {
            "style" => {
                let kept = self.css(&value);
                (value.trim().is_empty() || !kept.trim().is_empty()).then_some((key, kept))
            }
            "srcset" => Some((key, self.source_set(&value))),
            _ if SOURCES.contains(&plain) || (element == "link" && plain == "href") => {
                Some((key, self.source(&value)?))
            }
            _ => Some((key, value)),
        }
    }

    /// The address of a file; `None` if no mail program can load it.
    fn source(&mut self, value: &str) -> Option<String> {
        let plain = squeeze(value);
        let shown = self.placeholders.to_source(value.trim());
        let begins = |words: &[&str]| words.iter().any(|word| plain.starts_with(word));
        let begins_with_tag =
            self.placeholders.split(value).next().is_some_and(|piece| matches!(piece, Piece::Tag { .. }));
        let mut tell = |key| self.changes.add(key, shown.as_str(), shown.as_str());
        match () {
            () if plain.is_empty() || begins_with_tag || begins(&["http://", "https://"]) => {}
            () if plain.starts_with("//") => {
                tell("change-source-https");
                return Some(format!("https:{}", value.trim()));
            }
            () if plain.starts_with("cid:") => tell("change-source-cid"),
            () if plain.starts_with("data:image/") => tell("change-source-data"),
            () => {
                let scheme = plain.split(['/', '?', '#']).next().unwrap_or_default();
                tell(if scheme.contains(':') { "change-source-scheme" } else { "change-source-relative" });
                return None;
            }
        }
        Some(value.to_owned())
    }

    /// The candidates of a responsive image (HTML §4.8.4.2.1) that can be loaded.
    fn source_set(&mut self, value: &str) -> String {
        if squeeze(value).contains("data:") {
            return value.to_owned();
        }
        let candidates = value.split(", ").filter_map(|candidate| {
            let candidate = candidate.trim().trim_end_matches(',');
            let (address, size) = candidate.split_once(char::is_whitespace).unwrap_or((candidate, ""));
            Some(format!("{} {size}", self.source(address)?).trim_end().to_owned())
        });
        candidates.collect::<Vec<_>>().join(", ")
    }

    /// A style sheet or style attribute without what runs code.
    fn css(&mut self, css: &str) -> String {
        let (kept, removed) = css::remove_active(css);
        for declaration in removed {
            let shown = self.placeholders.to_source(&declaration);
            self.changes.add("change-css", shown.as_str(), shown.as_str());
        }
        css::replace_urls(&kept, |address| {
            let plain = squeeze(address);
            if plain.starts_with('#') {
                return None;
            }
            // A relative address stays: it does no harm, and the declaration may hold a fallback.
            let changed = self.source(address)?;
            (changed != address).then_some(changed)
        })
    }
}

/// True for the conditional comments of Outlook.
fn is_condition(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with("[if") || text.starts_with("<![endif]") || text.starts_with("[endif")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::html::node;

    fn cleaned(html: &str) -> String {
        node::write(&sanitize(node::parse(html), &Placeholders::new(&[html]), &mut Changes::default()))
    }

    fn told(html: &str) -> Vec<(&'static str, String)> {
        let mut changes = Changes::default();
        sanitize(node::parse(html), &Placeholders::new(&[html]), &mut changes);
        changes.messages(html).into_iter().map(|message| (message.key, message.text("what").to_owned())).collect()
    }

    #[test]
    fn harmless_html_is_unchanged() {
        for html in [
            "<!doctype html><html lang=\"ru\"><head><title>A &amp; B</title><style>@media{#a{b:c > d}}</style></head></html>",
            "<p class=\"a\" style=\"color:red\">a &lt; b &amp; \"c\"<br>d&nbsp;e</p>",
            "<!--[if mso]><table><tr><td><![endif]--><img src=\"https://a.example/x.png\" alt=\"\">",
            "<!--[if !mso]><!--><b>x</b><!--<![endif]-->",
            "<![if !mso]><p>a</p><![endif]>",
            "<!--[if !mso]><!-- --><p>a</p><![endif]-->",
            "<!--[if gte mso 9]>a<![endif]--><!--[if !mso]>-->b<!--<![endif]-->",
            "<!doctype html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\" \"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\"><p>a</p>",
            "<style>html{scroll-behavior:smooth}@font-face{src:url(https://f.example/a.woff)}</style>",
            "<link href=\"https://fonts.example/css?a=b&amp;c=d\" rel=\"stylesheet\">",
            "<input type=\"checkbox\" id=\"menu\" style=\"display:none\"><label for=\"menu\">Menu</label>",
            "<button style=\"color:red\">Buy</button><video src=\"https://v.example/a.mp4\"><img src=\"https://v.example/a.png\" alt=\"a\"></video>",
            "<meta charset=\"utf-8\"><meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\">",
            "<img srcset=\"https://a.example/1.png 1x, https://a.example/2.png 2x\" alt=\"\">",
        ] {
            assert_eq!(cleaned(html), html);
        }
    }

    #[test]
    fn what_only_amp_shows_is_named_and_what_hides_the_page_is_left_out() {
        let html = "<style amp4email-boilerplate>body{visibility:hidden}</style><amp-img src=\"https://a.example/x.png\"></amp-img>a";
        assert_eq!(cleaned(html), "<amp-img src=\"https://a.example/x.png\"></amp-img>a");
        assert_eq!(
            told(html).iter().map(|(key, what)| (*key, what.as_str())).collect::<Vec<_>>(),
            [("change-amp-style", ""), ("change-amp", "amp-img")]
        );
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
            ("<style>a{x:expression(1)}</style>", "<style>a{}</style>"),
            ("<p style=\"background:url(JavaScript:x)\">a</p>", "<p>a</p>"),
            ("<noscript><p>a</p></noscript>b", "<p>a</p>b"),
            ("<input type=\"checkbox text\"><input type=password>a", "a"),
            ("<link rel=\"import\" href=\"https://x.example\"><link rel=\"stylesheet prefetch\" href=x>a", "a"),
            ("<link rel=stylesheet href=\"javascript:x\">", "<link rel=\"stylesheet\">"),
            ("<p style=\"color:red;behavior:url(x)\">a</p>", "<p style=\"color:red;\">a</p>"),
            ("<style>a{b:c;behavior:url(x)}d{e:f}</style>", "<style>a{b:c;}d{e:f}</style>"),
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
        let cleaned = sanitize(node::parse(&html), &placeholders, &mut Changes::default());
        assert_eq!(node::write(&cleaned), "<p>a</p>");
    }

    #[test]
    fn statements_in_a_comment_are_kept() {
        let mut placeholders = Placeholders::new(&[]);
        let [open, close] = ["{% if a %}", "{% endif %}"].map(|tag| placeholders.hold(tag));
        let html = format!("<!-- vip {open} --><p>a</p><!--{close}-->");
        let cleaned = sanitize(node::parse(&html), &placeholders, &mut Changes::default());
        assert_eq!(placeholders.to_source(&node::write(&cleaned)), "{% if a %}<p>a</p>{% endif %}");
    }

    #[test]
    fn what_is_left_out_or_changed_is_told() {
        for (html, key, what) in [
            ("<img src=\"images/logo.png\" alt=\"Logo\">", "change-source-relative", "images/logo.png"),
            ("<td background=\"/bg.png\">", "change-source-relative", "/bg.png"),
            ("<img src=\"//cdn.example/x.png\">", "change-source-https", "//cdn.example/x.png"),
            ("<p style=\"background:url('//cdn.example/x.png')\">", "change-source-https", "//cdn.example/x.png"),
            ("<style>a{b:url(x.png)}</style>", "change-source-relative", "x.png"),
            ("<img src=\"data:image/png;base64,AA\">", "change-source-data", "data:image/png;base64,AA"),
            ("<img src=\"cid:logo\">", "change-source-cid", "cid:logo"),
            ("<img src=\"file:///c:/x.png\">", "change-source-scheme", "file:///c:/x.png"),
            ("<svg><path/></svg>", "change-element", "svg"),
            ("<form>", "change-tag", "form"),
            ("<input type=text>", "change-tag", "input"),
            ("<p onclick=x>", "change-attribute", "onclick"),
            ("<p style=\"behavior:url(x)\">", "change-css", "behavior:url(x)"),
            ("<meta charset=windows-1251>", "change-charset", "windows-1251"),
            ("<meta http-equiv=refresh content=0>", "change-tag", "meta http-equiv=\"refresh\""),
            ("<!-- note -->", "change-comment", ""),
        ] {
            assert_eq!(told(html), [(key, what.to_owned())], "{html}");
        }
        assert!(told("<p style=\"scroll-behavior:smooth\">a</p><img src=\"https://a.example/x.png\">").is_empty());
    }
}
