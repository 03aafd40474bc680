//! The frames of a letter: three layouts around a body, and a small footer for letters that bring a
//! whole HTML page of their own. Styles stand in the elements, since some mail programs read no
//! style sheet; the sheet adds narrow screens and the dark.

mod color;

use askama::Template;

use super::brand::Brand;
use super::html::node::{self, Node};
use super::layout::color::{Colors, SHADES, Shades};
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;

crate::text_enum! {
    /// The frame around the content.
    Layout {
        /// Looks like a letter from a person.
        Plain = "plain",
        /// A card with the brand at its head.
        Newsletter = "newsletter",
        /// A band in the brand's colour with the first headline, and links as buttons.
        Announcement = "announcement",
    }
}

/// A letter in its frame, before it becomes HTML. Texts may be masked tags.
#[derive(Debug)]
pub struct Page<'a> {
    /// The language of the footer and of the page.
    pub lang: Lang,
    /// Who signs.
    pub brand: &'a Brand,
    /// The title of the page.
    pub subject: String,
    /// The line that is shown after the subject; empty without one.
    pub preheader: String,
    /// The first headline of an announcement, as HTML.
    pub hero: String,
    /// The content as HTML.
    pub body: String,
    /// The list the reader is on.
    pub list_name: &'a str,
    /// Where to leave.
    pub unsubscribe_url: String,
    /// Where to see what is held.
    pub preferences_url: String,
    /// Where to read in a browser.
    pub view_url: String,
    /// The picture that tells of an opening.
    pub pixel: String,
}

/// The words and colours that the templates fill in.
struct View<'a> {
    lang: Lang,
    brand: &'a Brand,
    colors: Colors,
    shades: Shades,
    font: &'static str,
    subject: &'a str,
    preheader: &'a str,
    hero: &'a str,
    body: &'a str,
    pixel: &'a str,
    unsubscribe_url: &'a str,
    preferences_url: &'a str,
    view_url: &'a str,
    why: String,
    unsubscribe: String,
    preferences: String,
    view: String,
    signature: Vec<&'a str>,
}

impl View<'_> {
    fn has_head(&self) -> bool {
        !self.brand.name.is_empty() || !self.brand.logo.is_empty()
    }
}

#[derive(Template)]
#[template(path = "layout/plain.html")]
struct Plain<'a> {
    page: View<'a>,
}

#[derive(Template)]
#[template(path = "layout/newsletter.html")]
struct Newsletter<'a> {
    page: View<'a>,
}

#[derive(Template)]
#[template(path = "layout/announcement.html")]
struct Announcement<'a> {
    page: View<'a>,
}

const FONT: &str = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";

impl Page<'_> {
    /// The letter as an HTML document.
    pub fn render(&self, layout: Layout) -> Result<String> {
        let page = self.view();
        let html = match layout {
            Layout::Plain => Plain { page }.render(),
            Layout::Newsletter => Newsletter { page }.render(),
            Layout::Announcement => Announcement { page }.render(),
        };
        html.map_err(|_| Message::new("layout-failed").internal())
    }

    fn view(&self) -> View<'_> {
        View {
            lang: self.lang,
            brand: self.brand,
            colors: Colors::of(&self.brand.color),
            shades: SHADES,
            font: FONT,
            subject: &self.subject,
            preheader: &self.preheader,
            hero: &self.hero,
            body: &self.body,
            pixel: &self.pixel,
            unsubscribe_url: &self.unsubscribe_url,
            preferences_url: &self.preferences_url,
            view_url: &self.view_url,
            why: why(self.lang, self.list_name),
            unsubscribe: self.lang.tr("letter-unsubscribe"),
            preferences: self.lang.tr("letter-preferences"),
            view: self.lang.tr("letter-view"),
            signature: signature(self.brand),
        }
    }

    /// The foot of the text part; `whole` adds the pages to who signs.
    pub fn text_footer(&self, has_leave: bool, has_address: bool) -> String {
        let line = |key, url: &str| format!("{}: {url}", self.lang.tr(key));
        let mut lines = Vec::new();
        if !has_leave {
            lines.push(why(self.lang, self.list_name));
            lines.push(line("letter-unsubscribe", &self.unsubscribe_url));
            lines.push(line("letter-preferences", &self.preferences_url));
            lines.push(line("letter-view", &self.view_url));
        }
        if !has_address {
            let signature = signature(self.brand);
            if !lines.is_empty() && !signature.is_empty() {
                lines.push(String::new());
            }
            lines.extend(signature.into_iter().map(str::to_owned));
        }
        if lines.is_empty() { String::new() } else { format!("\n-- \n{}\n", lines.join("\n")) }
    }

    /// The same foot for a page of the author's own.
    pub fn html_footer(&self, has_leave: bool, has_address: bool) -> String {
        let mut lines = Vec::new();
        if !has_leave {
            let link = |key, url: &str| format!("<a href=\"{url}\" style=\"color:#4b5563\">{}</a>", self.lang.tr(key));
            lines.push(super::template::engine::escape(&why(self.lang, self.list_name)));
            lines.push(format!(
                "{} &nbsp;·&nbsp; {}",
                link("letter-unsubscribe", &self.unsubscribe_url),
                link("letter-preferences", &self.preferences_url)
            ));
        }
        if !has_address {
            lines.extend(signature(self.brand).into_iter().map(super::template::engine::escape));
        }
        if lines.is_empty() {
            return String::new();
        }
        format!(
            "<div style=\"padding:24px 16px;font-family:{FONT};font-size:13px;line-height:1.5;color:#5b6472;\
             text-align:center\">{}</div>",
            lines.join("<br>")
        )
    }
}

fn why(lang: Lang, list_name: &str) -> String {
    lang.translate(&Message::new("letter-why").with("list", list_name))
}

/// Name and postal address, line by line.
fn signature(brand: &Brand) -> Vec<&str> {
    std::iter::once(brand.name.as_str()).chain(brand.address.lines()).filter(|line| !line.is_empty()).collect()
}

/// How the elements of a body look.
#[derive(Debug)]
pub struct Look {
    layout: Layout,
    colors: Colors,
    /// False for HTML of an author's own, whose tables and pictures are left alone.
    whole: bool,
}

impl Look {
    /// The look of a layout in the colours of a brand.
    pub fn new(layout: Layout, brand: &Brand, whole: bool) -> Self {
        Self { layout, colors: Colors::of(&brand.color), whole }
    }

    /// Gives each element its style; what an author styled stays as it is.
    pub fn dress(&self, nodes: Vec<Node>) -> Vec<Node> {
        let nodes = if self.layout == Layout::Announcement { self.buttons(nodes) } else { nodes };
        let mut quotes = 0_usize;
        nodes
            .into_iter()
            .map(|node| match node {
                Node::Start { name, mut attrs } => {
                    quotes += usize::from(name == "blockquote");
                    if node::attr(&attrs, "class").is_none()
                        && let Some(style) = self.style(&name, quotes > 0)
                    {
                        match attrs.iter_mut().find(|(key, _)| key == "style") {
                            Some((_, own)) if self.whole => *own = format!("{style};{own}"),
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

    /// Links in the headline of an announcement stand on the brand's colour.
    pub fn dress_headline(&self, nodes: Vec<Node>) -> Vec<Node> {
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
            "img" if self.whole => "max-width:100%;height:auto;border:0".to_owned(),
            "table" if self.whole => "border-collapse:collapse;width:100%;margin:0 0 16px;font-size:15px".to_owned(),
            "th" | "td" if self.whole => {
                "padding:8px 12px 8px 0;border-bottom:1px solid #e5e7eb;text-align:left;vertical-align:top".to_owned()
            }
            "pre" if self.whole => {
                "margin:0 0 16px;padding:12px;background-color:#f3f4f6;border-radius:6px;white-space:pre-wrap"
                    .to_owned()
            }
            "code" if self.whole => {
                "font-family:Consolas,Menlo,monospace;font-size:14px;background-color:#f3f4f6".to_owned()
            }
            _ => return None,
        })
    }

    /// A paragraph that is a single link becomes a button that Outlook draws as well.
    fn buttons(&self, nodes: Vec<Node>) -> Vec<Node> {
        let mut out = Vec::with_capacity(nodes.len());
        let mut at = 0;
        while at < nodes.len() {
            match button(&nodes[at..]) {
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

    fn push_button(&self, out: &mut Vec<Node>, link: &[Node]) {
        let Colors { brand, on_brand, .. } = &self.colors;
        out.push(Node::Made(format!(
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
                    let ours = [("class".to_owned(), "button".to_owned()), ("style".to_owned(), style)];
                    out.push(Node::Start { name: name.clone(), attrs: kept.chain(ours).collect() });
                }
                node => out.push(node.clone()),
            }
        }
        out.push(Node::Made("</td></tr></table>".to_owned()));
    }
}

/// `<p><a>…</a></p>`: the link, and how many nodes the paragraph takes.
fn button(nodes: &[Node]) -> Option<(&[Node], usize)> {
    let [paragraph, link, ..] = nodes else { return None };
    let end = nodes.iter().position(|node| node.ends("p"))?;
    let inner = nodes.get(1..end)?;
    let links = inner.iter().filter(|node| node.starts("a")).count();
    let single = paragraph.starts("p") && link.starts("a") && links == 1 && inner.last()?.ends("a");
    single.then_some((inner, end + 1))
}

/// Takes the headline that a body begins with: its inner nodes, and what is left.
pub fn split_headline(nodes: Vec<Node>) -> (Vec<Node>, Vec<Node>) {
    let blank = |node: &Node| matches!(node, Node::Text(text) if text.trim().is_empty());
    let begin = nodes.iter().position(|node| !blank(node)).unwrap_or(0);
    let end = nodes.iter().position(|node| node.ends("h1")).unwrap_or(0);
    if end <= begin || !nodes[begin].starts("h1") {
        return (Vec::new(), nodes);
    }
    (nodes[begin + 1..end].to_vec(), nodes[end + 1..].to_vec())
}
