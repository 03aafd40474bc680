//! Inline styles of the elements of a body, and links of an announcement as buttons.

use super::Layout;
use super::color::Colors;
use super::panel;
use crate::content::brand::Brand;
use crate::content::html::node::{Node, attr};

/// The inline styles of a layout.
#[derive(Debug)]
pub struct ElementStyle {
    layout: Layout,
    colors: Colors,
    /// True for Markdown; tables, images and code of the marketer's own HTML get no style.
    is_markdown: bool,
}

impl ElementStyle {
    /// The styles of a layout in the colours of a brand.
    pub fn new(layout: Layout, brand: &Brand, is_markdown: bool) -> Self {
        Self { layout, colors: Colors::of(&brand.color), is_markdown }
    }

    /// Adds the style of each element; the marketer's own style or class has priority.
    pub fn apply(&self, nodes: Vec<Node>) -> Vec<Node> {
        let nodes = self.wrap_tables(self.buttons(nodes));
        let nodes = if self.is_markdown { panel::to_boxes(nodes) } else { nodes };
        let mut quotes = 0_usize;
        nodes
            .into_iter()
            .map(|node| match node {
                Node::Start { name, mut attrs } => {
                    quotes += usize::from(name == "blockquote");
                    if name == "a" && self.is_button(&attrs) && attr(&attrs, "style").is_none() {
                        let Colors { brand, on_brand, .. } = &self.colors;
                        let style = format!(
                            "display:inline-block;padding:8px 18px;border-radius:8px;background-color:{brand};\
                             color:{on_brand};font-weight:700;text-decoration:none"
                        );
                        attrs.push(("style".to_owned(), style));
                    }
                    if attr(&attrs, "class").is_none()
                        && let Some(style) = self.style(&name, quotes > 0)
                    {
                        match attrs.iter_mut().find(|(key, _)| key == "style") {
                            Some((_, own)) if self.is_markdown => *own = format!("{style};{own}"),
                            Some(_) => {}
                            None => attrs.push(("style".to_owned(), style)),
                        }
                    }
                    Node::Start { name, attrs }
                }
                other => {
                    quotes = quotes.saturating_sub(usize::from(other.ends("blockquote")));
                    other
                }
            })
            .collect()
    }

    /// Styles the links in the headline of an announcement, which is on the brand's colour.
    pub fn apply_to_headline(&self, nodes: Vec<Node>) -> Vec<Node> {
        let style = format!("color:{};text-decoration:underline", self.colors.on_brand);
        nodes
            .into_iter()
            .map(|node| match node {
                Node::Start { name, mut attrs } if name == "a" => {
                    attrs.retain(|(key, _)| key != "style");
                    attrs.push(("style".to_owned(), style.clone()));
                    Node::Start { name, attrs }
                }
                other => other,
            })
            .collect()
    }

    fn style(&self, name: &str, quoted: bool) -> Option<String> {
        let Colors { brand, on_light, .. } = &self.colors;
        Some(match name {
            "p" if quoted => "margin:6px 0".to_owned(),
            "p" => "margin:0 0 16px".to_owned(),
            "h1" => "margin:0 0 16px;font-size:26px;line-height:1.25;font-weight:700;color:#111827".to_owned(),
            "h2" => "margin:28px 0 12px;font-size:20px;line-height:1.3;font-weight:700;color:#111827".to_owned(),
            "h3" | "h4" => "margin:24px 0 8px;font-size:17px;line-height:1.35;font-weight:700;color:#111827".to_owned(),
            "a" => format!("color:{on_light};text-decoration:underline"),
            "ul" | "ol" => "margin:0 0 16px;padding:0 0 0 24px".to_owned(),
            "li" => "margin:0 0 6px".to_owned(),
            "blockquote" => {
                format!("margin:0 0 16px;padding:2px 0 2px 16px;border-left:3px solid {brand};color:#4b5563")
            }
            "hr" => "border:0;border-top:1px solid #e5e7eb;margin:28px 0".to_owned(),
            "img" if self.is_markdown => "max-width:100%;height:auto;border:0".to_owned(),
            "table" if self.is_markdown => {
                "border-collapse:collapse;width:100%;margin:0 0 16px;font-size:15px".to_owned()
            }
            "th" | "td" if self.is_markdown => {
                // Columns are as wide as their longest word; a table that is too wide scrolls.
                "padding:8px 12px 8px 0;border-bottom:1px solid #e5e7eb;text-align:left;vertical-align:top;\
                 overflow-wrap:break-word;word-break:normal"
                    .to_owned()
            }
            "pre" if self.is_markdown => {
                "margin:0 0 16px;padding:12px;background-color:#f3f4f6;border-radius:6px;white-space:pre-wrap;\
                 overflow-wrap:anywhere;word-break:break-word"
                    .to_owned()
            }
            "code" if self.is_markdown => {
                "font-family:Consolas,Menlo,monospace;font-size:14px;background-color:#f3f4f6".to_owned()
            }
            _ => return None,
        })
    }

    /// True for a link that Markdown marks as a button: `[Buy](https://…){.button}`.
    fn is_button(&self, attrs: &[(String, String)]) -> bool {
        self.is_markdown && attr(attrs, "class") == Some("button")
    }

    /// Puts each table of Markdown into a box that scrolls, so that a wide one does not widen the page on a phone.
    fn wrap_tables(&self, nodes: Vec<Node>) -> Vec<Node> {
        if !self.is_markdown {
            return nodes;
        }
        let mut out = Vec::with_capacity(nodes.len());
        for node in nodes {
            let ends = node.ends("table");
            if node.starts("table") {
                out.push(Node::Generated("<div class=\"scroll\" style=\"max-width:100%;overflow-x:auto\">".to_owned()));
            }
            out.push(node);
            if ends {
                out.push(Node::Generated("</div>".to_owned()));
            }
        }
        out
    }

    /// Turns each paragraph that is a single link into a button that Outlook shows as well: in an announcement any such
    /// paragraph, in the other layouts one whose link is marked.
    fn buttons(&self, nodes: Vec<Node>) -> Vec<Node> {
        let mut out = Vec::with_capacity(nodes.len());
        let mut at = 0;
        while at < nodes.len() {
            match button(&nodes[at..]).filter(|(link, _)| self.layout == Layout::Announcement || self.is_marked(link)) {
                Some((link, length)) => {
                    self.push_button(&mut out, link);
                    at += length;
                }
                None => {
                    out.push(nodes[at].clone());
                    at += 1;
                }
            }
        }
        out
    }

    fn is_marked(&self, link: &[Node]) -> bool {
        matches!(link.first(), Some(Node::Start { attrs, .. }) if self.is_button(attrs))
    }

    fn push_button(&self, out: &mut Vec<Node>, link: &[Node]) {
        let Colors { brand, on_brand, .. } = &self.colors;
        out.push(Node::Generated(format!(
            "<table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"margin:8px 0 24px\"><tr>\
             <td bgcolor=\"{brand}\" style=\"border:0;border-radius:10px;background-color:{brand}\">"
        )));
        for node in link {
            match node {
                Node::Start { name, attrs } if name == "a" => {
                    let style = format!(
                        "display:inline-block;padding:14px 28px;border-radius:10px;font-size:17px;font-weight:700;\
                         line-height:1.25;color:{on_brand};text-decoration:none"
                    );
                    let kept = attrs.iter().filter(|(key, _)| !matches!(key.as_str(), "class" | "style")).cloned();
                    let own = [("class".to_owned(), "button".to_owned()), ("style".to_owned(), style)];
                    out.push(Node::Start { name: name.clone(), attrs: kept.chain(own).collect() });
                }
                node => out.push(node.clone()),
            }
        }
        out.push(Node::Generated("</td></tr></table>".to_owned()));
    }
}

/// Parses `<p><a>…</a></p>`: the link, and how many nodes the paragraph has.
fn button(nodes: &[Node]) -> Option<(&[Node], usize)> {
    let [paragraph, link, ..] = nodes else { return None };
    let end = nodes.iter().position(|node| node.ends("p"))?;
    let inner = nodes.get(1..end)?;
    let links = inner.iter().filter(|node| node.starts("a")).count();
    // A picture that is a link is no button.
    let is_picture = inner.iter().any(|node| node.starts("img"));
    let single = paragraph.starts("p") && link.starts("a") && links == 1 && inner.last()?.ends("a") && !is_picture;
    single.then_some((inner, end + 1))
}

/// Splits off the headline that a body begins with: its inner nodes, and the rest.
pub fn split_headline(nodes: Vec<Node>) -> (Vec<Node>, Vec<Node>) {
    let blank = |node: &Node| matches!(node, Node::Text(text) if text.trim().is_empty());
    let begin = nodes.iter().position(|node| !blank(node)).unwrap_or(0);
    let end = nodes.iter().position(|node| node.ends("h1")).unwrap_or(0);
    if end <= begin || !nodes[begin].starts("h1") {
        return (Vec::new(), nodes);
    }
    (nodes[begin + 1..end].to_vec(), nodes[end + 1..].to_vec())
}
