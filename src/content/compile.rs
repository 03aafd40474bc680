//! Compiles an email: checks every tag, turns Markdown into HTML, cleans the HTML, numbers the links, derives the plain
//! text, and puts both bodies into their layout.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Map;

use super::compiled_email::CompiledEmail;
use super::email::{EmailContext, EmailSource, Format, Layout};
use super::encoded_parts::{self, PartSources};
use super::html::bounds::Exceeded;
use super::html::node::{self, Node};
use super::html::{bounds, markdown, sanitize, to_text};
use super::layout::Page;
use super::layout::element_style::{ElementStyle, split_headline};
use super::link::{self, Link};
use super::mime::body::{BodyEncodings, TransferEncoding};
use super::renderer::{EmailRenderer, MergeData, RenderError, link_template};
use super::template::bounds::{RenderLimit, STACK};
use super::template::engine::{EngineError, Templates};
use super::template::error::{EmailPart, TemplateError};
use super::template::lexer::{self, SourcePiece, TagKind};
use super::template::pieces::{self, TemplatePiece};
use super::template::placeholder::Placeholders;
use super::template::tag_check::{INTERNAL, TagChecker};
use crate::infra::error::{Error, Message, Result};
use crate::infra::panic;
use crate::infra::secret::Keyring;
use crate::infra::token::{DeliveryRef, Signer};

/// Bytes of a body.
const MAX_BODY: usize = 512 * 1024;
/// Characters of a subject or preheader, tags included.
const MAX_HEADER: usize = 1_000;
/// Bytes of the public URL: the links of a message must fit into header lines.
const MAX_PUBLIC_URL: usize = 200;

impl CompiledEmail {
    /// Checks and compiles an email.
    ///
    /// # Errors
    /// Invalid if a part is missing or too long, a tag or link is wrong, or rendering exceeds a limit.
    pub fn compile(source: &EmailSource, context: &EmailContext) -> Result<Self> {
        check_sizes(source, context)?;
        // Parsers recurse; a thread of the runtime has little stack. A panic of one of them is the error of this email.
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("compile".to_owned()).stack_size(STACK);
            let thread =
                thread.spawn_scoped(scope, || Self::compile_here(source, context)).map_err(Error::io("thread"))?;
            thread.join().unwrap_or_else(|_| Err(panic::error()))
        })
    }

    fn compile_here(source: &EmailSource, context: &EmailContext) -> Result<Self> {
        let texts = [&source.subject, &source.preheader, &source.body, &context.list_name, &brand_texts(context)];
        let mut compiler = Compiler {
            source,
            context,
            placeholders: Placeholders::new(&texts.map(String::as_str)),
            used_names: BTreeSet::new(),
            unconditional_tags: BTreeSet::new(),
        };
        let subject = compiler.replace_tags(EmailPart::Subject, &source.subject)?;
        let preheader = compiler.replace_tags(EmailPart::Preheader, &source.preheader)?;
        let body = compiler.replace_tags(EmailPart::Body, &source.body)?;
        let (html, text, links) = compiler.bodies(&body)?;
        let Compiler { placeholders, used_names, .. } = compiler;

        let mut templates = Templates::new();
        let mut add = |part: EmailPart, name: String, source: String| {
            let unreadable = |_| Message::new("template-unreadable").with("part", part).invalid();
            templates.add(name, source).map_err(unreadable)
        };
        add(EmailPart::Subject, "subject".to_owned(), placeholders.to_template(&subject))?;
        add(EmailPart::Preheader, "preheader".to_owned(), placeholders.to_template(&preheader))?;
        add(EmailPart::Body, "html".to_owned(), placeholders.to_template(&html))?;
        add(EmailPart::Body, "text".to_owned(), placeholders.to_template(&text))?;
        for link in links.iter().filter(|link| link.is_personal) {
            add(EmailPart::Body, link_template(link.position), link.destination.clone())?;
        }
        let mut renderer = EmailRenderer {
            templates,
            links,
            fields: context.fields.iter().filter(|field| used_names.contains(*field)).cloned().collect(),
            brand: Arc::new(context.brand.clone()),
            public_url: context.public_url.trim_end_matches('/').to_owned(),
            tracking: source.tracking,
            placeholder_secret: Signer::new(&Keyring::ephemeral())
                .message_secret(DeliveryRef { campaign: 0, delivery: 0 }),
            encodings: BodyEncodings {
                html: shorter_encoding(&placeholders, &html),
                text: shorter_encoding(&placeholders, &text),
            },
        };
        check_limits(&renderer)?;
        let sources = PartSources {
            placeholders: &placeholders,
            subject: &subject,
            preheader: &preheader,
            html: &html,
            text: &text,
        };
        let parts = encoded_parts::encode(&mut renderer, &sources);
        Ok(Self { renderer, parts })
    }
}

/// The encoding in which the text between the tags takes fewer bytes: the values that tags print are short.
fn shorter_encoding(placeholders: &Placeholders, body: &str) -> TransferEncoding {
    let pieces = pieces::split(placeholders, body);
    let texts = pieces.iter().filter_map(|piece| match piece {
        TemplatePiece::Text(text) => Some(text.as_str()),
        TemplatePiece::Tag(_) => None,
    });
    TransferEncoding::shorter(texts)
}

/// Renders the email once without any values, so that an email that exceeds a limit is refused before it is launched.
fn check_limits(renderer: &EmailRenderer) -> Result<()> {
    let (values, secret) = (Map::new(), &renderer.placeholder_secret);
    let data = MergeData { address: "nobody@example.org", values: &values, secret, tracked: true, inert: false };
    match renderer.render(&data) {
        Err(RenderError::Failed(message)) if message.key == "template-limit" => Err(message.invalid()),
        _ => Ok(()),
    }
}

fn check_sizes(source: &EmailSource, context: &EmailContext) -> Result<()> {
    let too_long = |part: EmailPart, limit: usize| {
        Err(Message::new("email-long").with("part", part).with("limit", limit).invalid())
    };
    match () {
        () if source.subject.chars().count() > MAX_HEADER => too_long(EmailPart::Subject, MAX_HEADER),
        () if source.preheader.chars().count() > MAX_HEADER => too_long(EmailPart::Preheader, MAX_HEADER),
        () if source.body.len() > MAX_BODY => too_long(EmailPart::Body, MAX_BODY),
        () if source.subject.trim().is_empty() => Err(Message::new("email-no-subject").invalid()),
        () if source.body.trim().is_empty() => Err(Message::new("email-no-body").invalid()),
        () if context.public_url.len() > MAX_PUBLIC_URL => {
            Err(Message::new("email-public-url").with("limit", MAX_PUBLIC_URL).invalid())
        }
        () => Ok(()),
    }
}

fn brand_texts(context: &EmailContext) -> String {
    format!("{} {} {}", context.brand.name, context.brand.address, context.brand.logo)
}

/// The error of a part that exceeds a limit while it is rendered.
fn bound(part: EmailPart, limit: RenderLimit, line: usize) -> Error {
    let message = Message::new("template-bound").with("part", part).with("line", line);
    message.with("bound", limit.as_str()).with("limit", limit.number()).invalid()
}

struct Compiler<'a> {
    source: &'a EmailSource,
    context: &'a EmailContext,
    placeholders: Placeholders,
    /// Names that tags use.
    used_names: BTreeSet<String>,
    /// Tags outside of every condition, as the engine runs them.
    unconditional_tags: BTreeSet<String>,
}

impl<'a> Compiler<'a> {
    /// Checks the tags of a part and replaces them by placeholders.
    fn replace_tags(&mut self, part: EmailPart, source: &str) -> Result<String> {
        let mut checker = TagChecker::new(&self.context.fields);
        let replaced = self.hold_tags(&mut checker, source).map_err(|error| error.located(part, source))?;
        self.used_names.append(&mut checker.used_names);
        // Parsed before anything is moved, so that the line of an error is the marketer's.
        let mut templates = Templates::new();
        match templates.add(part.to_string(), self.placeholders.to_template(&replaced)) {
            Err(EngineError::Invalid(line)) => {
                return Err(Message::new("template-line").with("part", part).with("line", line).invalid());
            }
            Err(EngineError::Limit(limit, line)) => return Err(bound(part, limit, line)),
            Ok(()) => {}
        }
        match templates.render(&part.to_string(), &Arc::default()) {
            Err(EngineError::Limit(limit, line)) => Err(bound(part, limit, line)),
            _ => Ok(replaced),
        }
    }

    fn hold_tags(&mut self, checker: &mut TagChecker<'_>, source: &str) -> Result<String, TemplateError> {
        let mut out = String::with_capacity(source.len());
        for piece in lexer::split(source)? {
            match piece {
                SourcePiece::Text(text) => out.push_str(text),
                SourcePiece::Tag(tag) => {
                    let template = checker.check(&tag)?;
                    if tag.kind == TagKind::Print && checker.is_unconditional() {
                        self.unconditional_tags.insert(template.clone());
                    }
                    if tag.kind != TagKind::Comment {
                        out.push_str(&self.placeholders.hold_as(template, tag.source));
                    }
                }
            }
        }
        checker.finish()?;
        Ok(out)
    }

    /// The HTML and the plain text, with placeholders, and the measured links.
    fn bodies(&mut self, body: &str) -> Result<(String, String, Vec<Link>)> {
        let is_page = self.source.format == Format::Html && is_page(body);
        let refuse = |exceeded: Exceeded, at: usize| {
            let line = body[..at].matches('\n').count() + 1;
            Message::new(exceeded.key).with("limit", exceeded.limit).with("line", line).invalid()
        };
        let html = match self.source.format {
            Format::Md => {
                bounds::check_markdown(body).map_err(|exceeded| {
                    let at = exceeded.at;
                    refuse(exceeded, at)
                })?;
                markdown::to_html(body, &self.placeholders)
            }
            Format::Html => body.to_owned(),
        };
        bounds::check(&html).map_err(|exceeded| {
            let start = html[exceeded.at..].chars().take(20).collect::<String>();
            let at = if self.source.format == Format::Html { Some(exceeded.at) } else { body.find(&start) };
            refuse(exceeded, at.unwrap_or(0))
        })?;
        let mut nodes = sanitize::sanitize(node::parse(&html), &self.placeholders);
        let links = link::number_links(&mut nodes, &mut self.placeholders).map_err(|(message, shown)| {
            let body = &self.source.body;
            let at = body.find(&shown).or_else(|| body.find(&shown.replace('&', "&amp;")));
            let line = at.map_or(1, |at| body[..at].matches('\n').count() + 1);
            message.with("line", line).invalid()
        })?;
        let text = to_text::to_text(&nodes, &self.placeholders);
        if text.trim().is_empty() {
            return Err(Message::new("email-no-body").invalid());
        }
        let page = self.page();
        let (html, text) = match is_page {
            true => self.complete_page(&page, &nodes, text),
            false => {
                let footer = page.text_footer(false, false);
                (self.in_layout(page, nodes)?, text + &footer)
            }
        };
        Ok((html, text, links))
    }

    /// The content of the layout except for the body, with placeholders for values.
    fn page(&mut self) -> Page<'a> {
        let mut internal = |name: &str| self.placeholders.hold(format!("{{{{ {INTERNAL}.{name} }}}}"));
        let (subject, pixel) = (internal("subject"), internal("pixel"));
        let preheader = match self.source.preheader.trim().is_empty() {
            true => String::new(),
            false => internal("preheader"),
        };
        let mut page_url = |name: &str| self.placeholders.hold(format!("{{{{ {name} }}}}"));
        Page {
            lang: self.context.lang,
            brand: &self.context.brand,
            subject,
            preheader,
            hero: String::new(),
            body: String::new(),
            list_name: &self.context.list_name,
            unsubscribe_url: page_url("unsubscribe_url"),
            preferences_url: page_url("preferences_url"),
            view_url: page_url("view_url"),
            pixel,
        }
    }

    fn in_layout(&self, page: Page<'_>, nodes: Vec<Node>) -> Result<String> {
        let layout = self.source.layout;
        let (hero, nodes) = if layout == Layout::Announcement { split_headline(nodes) } else { (Vec::new(), nodes) };
        let style = ElementStyle::new(layout, &self.context.brand, self.source.format == Format::Md);
        let (hero, body) = (node::write(&style.apply_to_headline(hero)), node::write(&style.apply(nodes)));
        Page { hero, body, ..page }.render(layout)
    }

    /// The marketer's own HTML page. What it lacks of unsubscribe link, postal address, preheader and pixel is added.
    fn complete_page(&self, page: &Page<'_>, nodes: &[Node], text: String) -> (String, String) {
        let shown = self.placeholders.to_source(&text);
        let has = |name: &str| self.unconditional_tags.iter().any(|tag| tag.contains(name)) && shown.contains(name);
        let has_unsubscribe = has("unsubscribe_url");
        let has_address = has("brand.address") || contains_address(&shown, &self.context.brand.address);
        let footer = page.html_footer(has_unsubscribe, has_address) + &page.pixel;
        let mut html = node::write(nodes);
        let end = html.rfind("</body>").or_else(|| html.rfind("</html>")).unwrap_or(html.len());
        html.insert_str(end, &footer);
        if !page.preheader.is_empty()
            && let Some(begin) = html.find("<body").and_then(|at| html[at..].find('>').map(|end| at + end + 1))
        {
            let style = "display:none;max-height:0;overflow:hidden;mso-hide:all";
            html.insert_str(begin, &format!("<div style=\"{style}\">{}</div>", page.preheader));
        }
        (html, text + &page.text_footer(has_unsubscribe, has_address))
    }
}

/// True for a whole HTML page, which is not put into a layout.
fn is_page(html: &str) -> bool {
    let lower = html.to_lowercase();
    lower.trim_start().starts_with("<!doctype") || lower.contains("<html") || lower.contains("<body")
}

/// Whether a text contains the postal address, however its lines are broken.
fn contains_address(text: &str, address: &str) -> bool {
    !address.is_empty() && node::squeeze(text).contains(&node::squeeze(address))
}
