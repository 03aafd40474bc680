//! From a draft to a compiled letter: every tag read, Markdown turned into HTML, HTML freed of what
//! acts, links numbered, the text part derived, both put into their frame.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Map;

use super::email::{CompiledEmail, EmailContext, EmailSource, Format, MergeData, RenderError, link_name};
use super::encoded_parts::{self, Masked};
use super::html::node::{self, Node};
use super::layout::{Layout, Look, Page, split_headline};
use super::link;
use super::template::engine::{Failure, Templates};
use super::template::error::{Part, Slip};
use super::template::lexer::{self, Kind, Piece};
use super::template::placeholder::Mask;
use super::template::tag_check::{Grammar, INNER};
use super::{html::markdown, html::to_text};
use crate::infra::error::{Message, Result};
use crate::infra::secret::Keyring;
use crate::infra::token::{DeliveryRef, Signer};

/// Bytes a body may have.
const BODY: usize = 512 * 1024;
/// Characters a subject or preheader may have before its tags are filled in.
const HEAD: usize = 1_000;
/// Bytes of the public URL, so that the links of a letter fit into header lines.
const PUBLIC_URL: usize = 200;

impl CompiledEmail {
    /// Checks a draft whole and compiles it.
    pub fn compile(draft: &EmailSource, frame: &EmailContext) -> Result<Self> {
        check_sizes(draft, frame)?;
        let mut work = Work {
            draft,
            frame,
            mask: Mask::new(&[&draft.subject, &draft.preheader, &draft.body, &frame.list_name, &signature(frame)]),
            used: BTreeSet::new(),
            certain: BTreeSet::new(),
        };
        let subject = work.take(Part::Subject, &draft.subject)?;
        let preheader = work.take(Part::Preheader, &draft.preheader)?;
        let body = work.take(Part::Body, &draft.body)?;
        let (html, text, links) = work.body(&body)?;

        let mut templates = Templates::new();
        let mut add = |part: Part, name: String, source: String| {
            templates.add(name, source).map_err(|_| Message::new("template-unreadable").with("part", part).invalid())
        };
        add(Part::Subject, "subject".to_owned(), work.mask.lift(&subject))?;
        add(Part::Preheader, "preheader".to_owned(), work.mask.lift(&preheader))?;
        add(Part::Body, "html".to_owned(), work.mask.lift(&html))?;
        add(Part::Body, "text".to_owned(), work.mask.lift(&text))?;
        for link in links.iter().filter(|link| link.personal) {
            add(Part::Body, link_name(link.position), link.destination.clone())?;
        }
        let placeholder_secret =
            Signer::new(&Keyring::ephemeral()).message_secret(DeliveryRef { campaign: 0, delivery: 0 });
        let mut compiled = Self {
            templates,
            links,
            fields: frame.fields.iter().filter(|field| work.used.contains(*field)).cloned().collect(),
            brand: Arc::new(frame.brand.clone()),
            public_url: frame.public_url.trim_end_matches('/').to_owned(),
            tracking: draft.tracking,
            forms: None,
            placeholder_secret,
        };
        compiled.try_out()?;
        let masked = Masked { mask: &work.mask, subject: &subject, preheader: &preheader, html: &html, text: &text };
        compiled.forms = encoded_parts::make(&mut compiled, &masked);
        Ok(compiled)
    }

    /// Renders once for nobody: a letter that meets a limit meets it now.
    fn try_out(&self) -> Result<()> {
        let (values, secret) = (Map::new(), &self.placeholder_secret);
        let nobody = MergeData { address: "nobody@example.org", values: &values, secret, tracked: true, inert: false };
        match self.render(&nobody) {
            Err(RenderError::Broken(message)) if message.key == "template-limit" => Err(message.invalid()),
            _ => Ok(()),
        }
    }
}

fn check_sizes(draft: &EmailSource, frame: &EmailContext) -> Result<()> {
    let long =
        |part: Part, limit: usize| Err(Message::new("letter-long").with("part", part).with("limit", limit).invalid());
    match () {
        () if draft.subject.chars().count() > HEAD => long(Part::Subject, HEAD),
        () if draft.preheader.chars().count() > HEAD => long(Part::Preheader, HEAD),
        () if draft.body.len() > BODY => long(Part::Body, BODY),
        () if draft.subject.trim().is_empty() => Err(Message::new("letter-no-subject").invalid()),
        () if draft.body.trim().is_empty() => Err(Message::new("letter-no-body").invalid()),
        () if frame.public_url.len() > PUBLIC_URL => {
            Err(Message::new("letter-public-url").with("limit", PUBLIC_URL).invalid())
        }
        () => Ok(()),
    }
}

fn signature(frame: &EmailContext) -> String {
    format!("{} {} {}", frame.brand.name, frame.brand.address, frame.brand.logo)
}

/// A letter under construction.
struct Work<'a> {
    draft: &'a EmailSource,
    frame: &'a EmailContext,
    mask: Mask,
    /// Names that tags use.
    used: BTreeSet<String>,
    /// Tags that print for every reader.
    certain: BTreeSet<String>,
}

impl<'a> Work<'a> {
    /// Reads the tags of a part and masks them.
    fn take(&mut self, part: Part, source: &str) -> Result<String> {
        let mut grammar = Grammar::new(&self.frame.fields);
        let masked = self.mask_tags(&mut grammar, source).map_err(|slip| slip.of(part, source))?;
        self.used.append(&mut grammar.used);
        // Tried before anything is moved, so that the line is the author's.
        match Templates::new().add(part.to_string(), self.mask.lift(&masked)) {
            Err(Failure::Broken(line)) => {
                Err(Message::new("template-line").with("part", part).with("line", line).invalid())
            }
            _ => Ok(masked),
        }
    }

    fn mask_tags(&mut self, grammar: &mut Grammar<'_>, source: &str) -> Result<String, Slip> {
        let mut out = String::with_capacity(source.len());
        for piece in lexer::split(source)? {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Tag(tag) => {
                    let run = grammar.read(&tag)?;
                    if tag.kind == Kind::Print && grammar.is_certain() {
                        self.certain.insert(run.clone());
                    }
                    if tag.kind != Kind::Note {
                        out.push_str(&self.mask.hold_as(run, tag.source));
                    }
                }
            }
        }
        grammar.finish()?;
        Ok(out)
    }

    /// Both parts, still masked, and the measured links.
    fn body(&mut self, masked: &str) -> Result<(String, String, Vec<link::Link>)> {
        let is_page = self.draft.format == Format::Html && is_page(masked);
        let html = match self.draft.format {
            Format::Md => markdown::render(masked, &self.mask),
            Format::Html => masked.to_owned(),
        };
        let mut nodes = node::clean(node::read(&html), &self.mask);
        let links = link::number(&mut nodes, &mut self.mask).map_err(|(message, shown)| {
            let body = &self.draft.body;
            let at = body.find(&shown).or_else(|| body.find(&shown.replace('&', "&amp;")));
            let line = at.map_or(1, |at| body[..at].matches('\n').count() + 1);
            message.with("line", line).invalid()
        })?;
        let text = to_text::write(&nodes, &self.mask);
        if text.trim().is_empty() {
            return Err(Message::new("letter-no-body").invalid());
        }
        let page = self.page();
        let (html, text) = match is_page {
            true => self.own_page(&page, &nodes, text),
            false => {
                let foot = page.text_footer(false, false);
                (self.framed(page, nodes)?, text + &foot)
            }
        };
        Ok((html, text, links))
    }

    /// The frame around the content, its changing parts masked.
    fn page(&mut self) -> Page<'a> {
        let mut inner = |name: &str| self.mask.hold(format!("{{{{ {INNER}.{name} }}}}"));
        let (subject, pixel) = (inner("subject"), inner("pixel"));
        let preheader = if self.draft.preheader.trim().is_empty() { String::new() } else { inner("preheader") };
        let mut own = |name: &str| self.mask.hold(format!("{{{{ {name} }}}}"));
        Page {
            lang: self.frame.lang,
            brand: &self.frame.brand,
            subject,
            preheader,
            hero: String::new(),
            body: String::new(),
            list_name: &self.frame.list_name,
            unsubscribe_url: own("unsubscribe_url"),
            preferences_url: own("preferences_url"),
            view_url: own("view_url"),
            pixel,
        }
    }

    /// The body in its layout.
    fn framed(&self, page: Page<'_>, nodes: Vec<Node>) -> Result<String> {
        let layout = self.draft.layout;
        let (hero, nodes) = if layout == Layout::Announcement { split_headline(nodes) } else { (Vec::new(), nodes) };
        let look = Look::new(layout, &self.frame.brand, self.draft.format == Format::Md);
        let (hero, body) = (node::write(&look.dress_headline(hero)), node::write(&look.dress(nodes)));
        Page { hero, body, ..page }.render(layout)
    }

    /// A page of the author's own, with what the law wants and the author left out.
    fn own_page(&self, page: &Page<'_>, nodes: &[Node], text: String) -> (String, String) {
        let shown = self.mask.show(&text);
        let has = |name: &str| self.certain.iter().any(|tag| tag.contains(name)) && shown.contains(name);
        let leave = has("unsubscribe_url");
        let address = has("brand.address") || holds(&shown, &self.frame.brand.address);
        let foot = page.html_footer(leave, address) + &page.pixel;
        let mut html = node::write(nodes);
        let end = html.rfind("</body>").or_else(|| html.rfind("</html>")).unwrap_or(html.len());
        html.insert_str(end, &foot);
        if !page.preheader.is_empty()
            && let Some(begin) = html.find("<body").and_then(|at| html[at..].find('>').map(|end| at + end + 1))
        {
            html.insert_str(
                begin,
                &format!(
                    "<div style=\"display:none;max-height:0;overflow:hidden;mso-hide:all\">{}</div>",
                    page.preheader
                ),
            );
        }
        (html, text + &page.text_footer(leave, address))
    }
}

/// A whole HTML page, which keeps its own frame.
fn is_page(html: &str) -> bool {
    let lower = html.to_lowercase();
    lower.trim_start().starts_with("<!doctype") || lower.contains("<html") || lower.contains("<body")
}

/// Whether the text says the postal address, however its lines are broken.
fn holds(text: &str, address: &str) -> bool {
    !address.is_empty() && node::squeeze(text).contains(&node::squeeze(address))
}
