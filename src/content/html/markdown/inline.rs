//! Links and attributes in the text of Markdown: bare addresses become links, and `{width=300}` after a picture or
//! `{.button}` after a link sets an attribute.

use std::sync::LazyLock;

use linkify::{LinkFinder, LinkKind};
use pulldown_cmark::{CowStr, Event, Tag, TagEnd};
use regex_lite::Regex;

use crate::content::template::escape::escape_html;

/// `{width=300}`, `{: .button}`.
static ATTRIBUTES: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\{:?\s*([^{}\n]+)\}").expect("a pattern of ours"));
static ATTRIBUTE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"^(?:\.([A-Za-z][\w-]*)|(width|height)=["']?(\d{1,4})(px|%)?["']?)$"#).expect("a pattern of ours")
});

/// Adds links to bare addresses, and the attributes after pictures and links.
pub fn add_links_and_attributes<'e>(events: impl Iterator<Item = Event<'e>>) -> Vec<Event<'e>> {
    let mut out: Vec<Event<'e>> = Vec::new();
    // Where the last link or picture began and ended in `out`.
    let (mut starts, mut ended) = (Vec::new(), None);
    let (mut code_blocks, mut html_links) = (0_usize, 0_usize);
    for event in events {
        let closed = ended.take();
        match event {
            Event::Text(text) => {
                let rest = match closed.and_then(|start| attributes(&text).map(|found| (start, found))) {
                    Some((start, (attributes, length))) => {
                        rewrite(&mut out, start, &attributes);
                        &text[length..]
                    }
                    None => &*text,
                };
                match code_blocks == 0 && html_links == 0 && starts.is_empty() {
                    true => push_linked(&mut out, rest),
                    false => out.push(Event::Text(rest.to_owned().into())),
                }
                continue;
            }
            Event::Start(Tag::Link { .. } | Tag::Image { .. }) => starts.push(out.len()),
            Event::End(TagEnd::Link | TagEnd::Image) => ended = starts.pop(),
            Event::Start(Tag::CodeBlock(_)) => code_blocks += 1,
            Event::End(TagEnd::CodeBlock) => code_blocks = code_blocks.saturating_sub(1),
            Event::InlineHtml(ref html) => {
                let lower = html.to_ascii_lowercase();
                if lower.starts_with("<a ") || lower == "<a>" {
                    html_links += 1;
                } else if lower.starts_with("</a") {
                    html_links = html_links.saturating_sub(1);
                }
            }
            _ => {}
        }
        out.push(event);
    }
    out
}

/// The attributes that a text begins with, as HTML, and their bytes in the text.
fn attributes(text: &str) -> Option<(String, usize)> {
    let found = ATTRIBUTES.captures(text)?;
    let (mut html, mut style) = (String::new(), String::new());
    for word in found.get(1)?.as_str().split_whitespace() {
        let parts = ATTRIBUTE.captures(word)?;
        match (parts.get(1), parts.get(2), parts.get(3)) {
            (Some(class), ..) => html.push_str(&format!(" class=\"{}\"", class.as_str())),
            (None, Some(name), Some(number)) => {
                let (name, number) = (name.as_str(), number.as_str());
                let is_share = parts.get(4).is_some_and(|unit| unit.as_str() == "%");
                html.push_str(&format!(" {name}=\"{number}{}\"", if is_share { "%" } else { "" }));
                style.push_str(&format!("{name}:{number}{};", if is_share { "%" } else { "px" }));
            }
            _ => return None,
        }
    }
    if !style.is_empty() {
        html.push_str(&format!(" style=\"{}\"", style.trim_end_matches(';')));
    }
    Some((html, found.get(0)?.len()))
}

/// Writes the link or picture that begins at `start` with more attributes.
fn rewrite(out: &mut Vec<Event<'_>>, start: usize, attributes: &str) {
    let title = |title: &CowStr<'_>| match title.is_empty() {
        true => String::new(),
        false => format!(" title=\"{}\"", escape_html(title)),
    };
    let html = match &out[start] {
        Event::Start(Tag::Link { dest_url, title: text, .. }) => {
            let html = format!("<a href=\"{}\"{}{attributes}>", escape_html(dest_url), title(text));
            let last = out.len() - 1;
            out[last] = Event::InlineHtml("</a>".into());
            out[start] = Event::InlineHtml(html.into());
            return;
        }
        Event::Start(Tag::Image { dest_url, title: text, .. }) => {
            let alt: String = out[start..].iter().filter_map(alternative).collect();
            format!("<img src=\"{}\" alt=\"{}\"{}{attributes}>", escape_html(dest_url), escape_html(&alt), title(text))
        }
        _ => return,
    };
    out.truncate(start);
    out.push(Event::InlineHtml(html.into()));
}

fn alternative<'e>(event: &'e Event<'_>) -> Option<&'e str> {
    match event {
        Event::Text(text) | Event::Code(text) => Some(text),
        Event::SoftBreak | Event::HardBreak => Some(" "),
        _ => None,
    }
}

/// Pushes text with its bare web and mail addresses as links.
fn push_linked(out: &mut Vec<Event<'_>>, text: &str) {
    let mut finder = LinkFinder::new();
    finder.url_must_have_scheme(false);
    for span in finder.spans(text) {
        let words = span.as_str();
        let lower = words.to_ascii_lowercase();
        let href = match span.kind() {
            Some(LinkKind::Email) => Some(format!("mailto:{words}")),
            Some(LinkKind::Url) if lower.starts_with("http://") || lower.starts_with("https://") => {
                Some(words.to_owned())
            }
            Some(LinkKind::Url) if lower.starts_with("www.") => Some(format!("https://{words}")),
            _ => None,
        };
        match href {
            Some(href) => {
                out.push(Event::InlineHtml(format!("<a href=\"{}\">", escape_html(&href)).into()));
                out.push(Event::Text(words.to_owned().into()));
                out.push(Event::InlineHtml("</a>".into()));
            }
            None => out.push(Event::Text(words.to_owned().into())),
        }
    }
}
