//! Compiles an email: checks every tag, turns Markdown into HTML, cleans the HTML, numbers the links, derives the plain
//! text, and puts both bodies into their layout.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Map;

use super::compiled_email::CompiledEmail;
use super::email::{EmailContext, EmailSource, Format, Layout};
use super::encoded_parts::{self, PartSources};
use super::foreign_tag;
use super::html::bounds::Exceeded;
use super::html::changes::{Changes, line_of};
use super::html::node::{self, Node};
use super::html::value_encoding::encode_values;
use super::html::{bounds, markdown, mjml, page, sanitize, to_text};
use super::layout::Page;
use super::layout::element_style::{ElementStyle, split_headline};
use super::link::{Link, LinkNumbering};
use super::mime::body::{BodyEncodings, TransferEncoding};
use super::renderer::{EmailRenderer, MergeData, RenderError, link_template};
use super::template::bounds::{RenderLimit, STACK};
use super::template::engine::{EngineError, Templates};
use super::template::error::{EmailPart, TemplateError};
use super::template::lexer::{self, SourcePiece, TagKind};
use super::template::pieces::{self, TemplatePiece};
use super::template::placeholder::Placeholders;
use super::template::render_context::INTERNAL;
use super::template::tag_check::TagChecker;
use crate::infra::error::{Error, Message, Result};
use crate::infra::panic;
use crate::infra::secret::Keyring;
use crate::infra::token::{DeliveryRef, Signer};

/// Bytes of a body.
const MAX_BODY: usize = 512 * 1024;
/// Characters of a subject or preheader, tags included.
const MAX_HEADER: usize = 1_000;
/// Mistakes that one error names.
const MAX_PROBLEMS: usize = 50;
/// Mistakes after which reading a part ends.
const LIMITS: [&str; 3] = ["tag-many", "tag-nesting", "tag-branches"];
/// Bytes of the public URL: the links of a message must fit into header lines.
const MAX_PUBLIC_URL: usize = 200;

impl CompiledEmail {
    /// Checks and compiles an email.
    ///
    /// # Errors
    /// Invalid if a part is missing or too long, a tag or link is wrong, or rendering exceeds a limit.
    pub fn compile(source: &EmailSource, context: &EmailContext) -> Result<Self> {
        Self::compile_with_pixel(source, context, "")
    }

    /// The same; with tracking `campaign` every message loads the pixel of this URL.
    ///
    /// # Errors
    /// As [`compile`](Self::compile).
    pub fn compile_with_pixel(source: &EmailSource, context: &EmailContext, pixel: &str) -> Result<Self> {
        check_sizes(source, context)?;
        // Parsers recurse; a thread of the runtime has little stack. A panic of one of them is the error of this email.
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("compile".to_owned()).stack_size(STACK);
            let thread = thread
                .spawn_scoped(scope, || Self::compile_here(source, context, pixel))
                .map_err(Error::io("thread"))?;
            thread.join().unwrap_or_else(|_| Err(panic::error()))
        })
    }

    fn compile_here(source: &EmailSource, context: &EmailContext, pixel: &str) -> Result<Self> {
        let texts = [&source.subject, &source.preheader, &source.body, &context.list_name, &brand_texts(context)];
        let mut compiler = Compiler {
            source,
            context,
            placeholders: Placeholders::new(&texts.map(String::as_str)),
            used_names: BTreeSet::new(),
            unconditional_tags: BTreeSet::new(),
            changes: Changes::default(),
            problems: Vec::new(),
        };
        let subject = compiler.replace_tags(EmailPart::Subject, &source.subject);
        let preheader = compiler.replace_tags(EmailPart::Preheader, &source.preheader);
        let body = compiler.replace_tags(EmailPart::Body, &source.body);
        let bodies = compiler.bodies(&body);
        let Compiler { placeholders, used_names, changes, mut problems, .. } = compiler;
        let (html, text, links) = match bodies {
            Ok(bodies) if problems.is_empty() => bodies,
            Ok(_) => return Err(all(problems)),
            Err(error) if !error.is_user_error() => return Err(error),
            Err(error) => {
                problems.push(error.message());
                return Err(all(problems));
            }
        };

        let mut templates = Templates::for_language(context.lang);
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
            today: context.today.clone(),
            tracking: source.tracking,
            shared_pixel: pixel.to_owned(),
            link_settings: source.links.clone(),
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
        Ok(Self { renderer, parts, changes: changes.messages(&source.body) })
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
    let too_long = |part: EmailPart, limit: usize| Message::new("email-long").with("part", part).with("limit", limit);
    let found = [
        (source.subject.chars().count() > MAX_HEADER).then(|| too_long(EmailPart::Subject, MAX_HEADER)),
        (source.preheader.chars().count() > MAX_HEADER).then(|| too_long(EmailPart::Preheader, MAX_HEADER)),
        (source.body.len() > MAX_BODY).then(|| too_long(EmailPart::Body, MAX_BODY)),
        source.subject.trim().is_empty().then(|| Message::new("email-no-subject")),
        source.body.trim().is_empty().then(|| Message::new("email-no-body")),
        (context.public_url.len() > MAX_PUBLIC_URL)
            .then(|| Message::new("email-public-url").with("limit", MAX_PUBLIC_URL)),
    ];
    let found: Vec<_> = found.into_iter().flatten().collect();
    if found.is_empty() { Ok(()) } else { Err(all(found)) }
}

/// The error of an email with these mistakes: all are named at once.
fn all(mut problems: Vec<Message>) -> Error {
    if problems.len() == 1 {
        return problems.remove(0).invalid();
    }
    let count = problems.len();
    let items = problems.into_iter().take(MAX_PROBLEMS);
    let items = items.map(|problem| Message::new("list-item").with_message("text", problem));
    Message::new("email-problems").with("count", count).with_list("problems", items.collect()).invalid()
}

fn brand_texts(context: &EmailContext) -> String {
    format!("{} {} {}", context.brand.name, context.brand.address, context.brand.logo)
}

/// The mistake of a part that exceeds a limit while it is rendered.
fn bound(part: EmailPart, limit: RenderLimit, line: usize) -> Message {
    let message = Message::new("template-bound").with("part", part).with("line", line);
    message.with("bound", limit.as_str()).with("limit", limit.number())
}

struct Compiler<'a> {
    source: &'a EmailSource,
    context: &'a EmailContext,
    placeholders: Placeholders,
    /// Names that tags use.
    used_names: BTreeSet<String>,
    /// Tags outside of every condition, as the engine runs them.
    unconditional_tags: BTreeSet<String>,
    /// What was left out or changed.
    changes: Changes,
    /// The mistakes so far.
    problems: Vec<Message>,
}

impl<'a> Compiler<'a> {
    /// Checks the tags of a part and replaces them by placeholders. Records every mistake.
    fn replace_tags(&mut self, part: EmailPart, source: &str) -> String {
        let mut checker = TagChecker::new(&self.context.fields);
        let mistakes = self.problems.len();
        let replaced = self.hold_tags(&mut checker, part, source);
        self.used_names.append(&mut checker.used_names);
        if self.problems.len() > mistakes {
            return replaced;
        }
        // Parsed before anything is moved, so that the line of an error is the marketer's.
        let mut templates = Templates::new();
        match templates.add(part.to_string(), self.placeholders.to_template(&replaced)) {
            Err(EngineError::Invalid(line)) => {
                self.problems.push(Message::new("template-line").with("part", part).with("line", line));
            }
            Err(EngineError::Limit(limit, line)) => self.problems.push(bound(part, limit, line)),
            Ok(()) => {
                if let Err(EngineError::Limit(limit, line)) = templates.render(&part.to_string(), &Arc::default()) {
                    self.problems.push(bound(part, limit, line));
                }
            }
        }
        replaced
    }

    fn hold_tags(&mut self, checker: &mut TagChecker<'_>, part: EmailPart, source: &str) -> String {
        let mut out = String::with_capacity(source.len());
        for piece in lexer::split(source) {
            match piece {
                SourcePiece::Text(text) => out.push_str(text),
                SourcePiece::Unreadable(text, error) => {
                    checker.skip_unreadable(text, error.at);
                    self.refuse_tag(text, error, part, source);
                }
                SourcePiece::Tag(tag) => match checker.check(&tag) {
                    Err(error) => self.refuse_tag(tag.source, error, part, source),
                    Ok(_) if tag.kind == TagKind::Comment => {}
                    Ok(template) => {
                        if tag.kind == TagKind::Print && checker.is_unconditional() {
                            self.unconditional_tags.insert(template.clone());
                        }
                        out.push_str(&self.placeholders.hold_as(template, tag.source));
                    }
                },
            }
            // Beyond a limit, or this many mistakes, the rest is not worth reading.
            let is_limit = self.problems.last().is_some_and(|problem| LIMITS.contains(&problem.key));
            if is_limit || self.problems.len() >= MAX_PROBLEMS {
                return out;
            }
        }
        if let Err(error) = checker.finish() {
            self.problems.push(error.located(part, source));
        }
        out
    }

    /// Records the mistake of a tag. A tag of another tool is shown with the spelling that means the same here.
    fn refuse_tag(&mut self, tag: &str, error: TemplateError, part: EmailPart, source: &str) {
        let ours = foreign_tag::translate(tag, &self.context.fields);
        let error = match ours.filter(|_| !LIMITS.contains(&error.message.key)) {
            Some(ours) => TemplateError::new("tag-foreign", error.at).with("tag", tag).with("ours", ours),
            None => error,
        };
        self.problems.push(error.located(part, source));
    }

    /// The HTML and the plain text, with placeholders, and the measured links.
    fn bodies(&mut self, body: &str) -> Result<(String, String, Vec<Link>)> {
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
                    .map_err(|found| Message::new("markdown-condition-table").with("line", found.line).invalid())?
            }
            Format::Html => body.to_owned(),
            Format::Mjml => mjml::to_html(body)
                .map_err(|refused| {
                    let line = body[..refused.at].matches('\n').count() + 1;
                    refused.message.with("line", line).invalid()
                })?
                // The converter knows no language.
                .replace("lang=\"und\"", &format!("lang=\"{}\"", self.context.lang)),
        };
        let is_page = self.source.format != Format::Md && page::is_page(&html);
        bounds::check(&html).map_err(|exceeded| {
            let start = html[exceeded.at..].chars().take(20).collect::<String>();
            let at = if self.source.format == Format::Html { Some(exceeded.at) } else { body.find(&start) };
            refuse(exceeded, at.unwrap_or(0))
        })?;
        let mut nodes = sanitize::sanitize(node::parse(&html), &self.placeholders, &mut self.changes);
        encode_values(&mut nodes, &mut self.placeholders);
        let mut numbering = LinkNumbering {
            placeholders: &mut self.placeholders,
            changes: &mut self.changes,
            settings: &self.source.links,
            links: Vec::new(),
            refused: Vec::new(),
        };
        numbering.number(&mut nodes);
        let LinkNumbering { links, refused, .. } = numbering;
        let lower = self.source.body.to_ascii_lowercase();
        for (message, shown) in refused {
            let foreign = foreign_tag::find(&shown, &self.context.fields).into_iter().next();
            let message = foreign.map_or(message, |tag| {
                Message::new("link-foreign-tag").with("link", &shown).with("tag", tag.text).with("ours", tag.ours)
            });
            self.problems.push(message.with("line", line_of(&lower, &shown).unwrap_or(1)));
        }
        let text = to_text::to_text(&nodes, &self.placeholders);
        if text.trim().is_empty() && self.problems.is_empty() {
            return Err(Message::new("email-no-body").invalid());
        }
        let page = self.page();
        let (html, text) = match is_page {
            true => self.complete_page(&page, nodes, text),
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
    fn complete_page(&self, page: &Page<'_>, mut nodes: Vec<Node>, text: String) -> (String, String) {
        let shown = self.placeholders.to_source(&text);
        let has = |name: &str| self.unconditional_tags.iter().any(|tag| tag.contains(name)) && shown.contains(name);
        let has_unsubscribe = has("unsubscribe_url");
        let has_address = has("brand.address") || contains_address(&shown, &self.context.brand.address);
        let background = page::background(&nodes).unwrap_or_else(|| "#ffffff".to_owned());
        page::insert_last(&mut nodes, page.html_footer(has_unsubscribe, has_address, &background) + &page.pixel);
        if !page.preheader.is_empty() {
            let style = "display:none;max-height:0;overflow:hidden;mso-hide:all";
            page::insert_first(&mut nodes, format!("<div style=\"{style}\">{}</div>", page.preheader));
        }
        (node::write(&nodes), text + &page.text_footer(has_unsubscribe, has_address))
    }
}

/// Whether a text contains the postal address, however its lines are broken.
fn contains_address(text: &str, address: &str) -> bool {
    !address.is_empty() && node::squeeze(text).contains(&node::squeeze(address))
}
