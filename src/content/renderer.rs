//! Renders an email for one recipient: runs its templates with the recipient's merge data.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::Map;

use super::brand::Brand;
use super::email::Tracking;
use super::link::{self, Link, LinkSettings};
use super::mime::body::{BlankLines, BodyEncodings};
use super::mime::header::HeaderText;
use super::mime::message::{PieceEnds, RenderedEmail};
use super::template::engine::{EngineError, LinkTarget, PageUrls, RenderContext, RenderedPart, Templates, field_value};
use crate::infra::error::{Error, Message, Result};
use crate::infra::token::{MessageSecret, TokenPurpose};

/// What the merge tags of one message print.
pub struct MergeData<'a> {
    /// The recipient's address as they spell it.
    pub address: &'a str,
    /// Their field values.
    pub values: &'a Map<String, serde_json::Value>,
    /// Makes the tokens of the delivery.
    pub secret: &'a MessageSecret,
    /// Whether this recipient is measured at all.
    pub tracked: bool,
    /// True for a test message: nothing is measured.
    pub inert: bool,
}

/// Why an email cannot be rendered for a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RenderError {
    /// A calculation needs this field, and the recipient has no value for it.
    MissingField(String),
    /// Any other reason.
    Failed(Message),
}

impl RenderError {
    /// The reason as a message for the marketer.
    pub fn message(&self) -> Message {
        match self {
            Self::MissingField(field) => Message::new("email-missing").with("field", field),
            Self::Failed(message) => message.clone(),
        }
    }
}

impl From<RenderError> for Error {
    fn from(error: RenderError) -> Self {
        error.message().invalid()
    }
}

/// The templates of an email and everything they need besides a recipient's merge data. Shared between threads.
pub struct EmailRenderer {
    pub(super) templates: Templates,
    pub(super) links: Vec<Link>,
    /// The declared fields that the email uses.
    pub(super) fields: Vec<String>,
    pub(super) brand: Arc<Brand>,
    pub(super) public_url: String,
    /// The day of the launch, `YYYY-MM-DD`.
    pub(super) today: String,
    pub(super) tracking: Tracking,
    /// The URL of the pixel that all recipients share; empty unless opens are counted for the campaign.
    pub(super) shared_pixel: String,
    /// What is set for all links.
    pub(super) link_settings: LinkSettings,
    /// Makes the placeholder tokens in parts that are encoded before any delivery is known.
    pub(super) placeholder_secret: MessageSecret,
    /// How the bodies of all messages are encoded.
    pub(super) encodings: BodyEncodings,
}

impl EmailRenderer {
    /// Renders the email. The same merge data always gives the same bytes.
    pub fn render(&self, data: &MergeData<'_>) -> Result<RenderedEmail, RenderError> {
        let context = Arc::new(self.context(data, true));
        let mut missing = BTreeSet::new();
        let mut render = |name: &str| {
            let part = self.templates.render(name, &context);
            let unset = context.take_missing();
            let part = part.map_err(|error| explain(&error, &unset))?;
            missing.extend(unset);
            Ok(part)
        };
        let subject = HeaderText::clean(&render("subject")?.text);
        let preheader = HeaderText::clean(&render("preheader")?.text);
        let _ = context.headers.set([subject.to_string(), preheader.to_string()]);
        self.set_link_targets(data, &context, |_| true)?;
        let html = render("html")?;
        let text = collapse_blank_lines(&render("text")?);
        let piece_ends = PieceEnds { html: html.ends, text: text.ends };
        let missing = missing.into_iter().collect();
        let encodings = self.encodings;
        Ok(RenderedEmail { subject, preheader, html: html.text, text: text.text, missing, piece_ends, encodings })
    }

    /// Sets where the links lead for this recipient. Links that `is_printed` excludes stay empty.
    pub(super) fn set_link_targets(
        &self,
        data: &MergeData<'_>,
        context: &Arc<RenderContext>,
        is_printed: impl Fn(&Link) -> bool,
    ) -> Result<(), RenderError> {
        let target = |link| match is_printed(link) {
            true => self.link_target(link, data, context),
            false => Ok(LinkTarget::default()),
        };
        let targets = self.links.iter().map(target).collect::<Result<_, _>>()?;
        let _ = context.links.set(targets);
        Ok(())
    }

    /// The values that the templates can read. `needs_pages` is false if no template prints a page of the delivery.
    pub(super) fn context(&self, data: &MergeData<'_>, needs_pages: bool) -> RenderContext {
        let url = |purpose| link::page_url(&self.public_url, data.secret, purpose);
        let pages = || PageUrls {
            unsubscribe: url(TokenPurpose::Unsubscribe),
            preferences: url(TokenPurpose::Preferences),
            view: url(TokenPurpose::View),
            pixel: match self.tracking {
                Tracking::Campaign if !data.inert && !self.shared_pixel.is_empty() => Some(self.shared_pixel.clone()),
                _ => self.is_measured(data).then(|| url(TokenPurpose::Open)),
            },
        };
        RenderContext {
            values: data.values.iter().filter_map(|(name, value)| Some((name.clone(), field_value(value)?))).collect(),
            address: data.address.to_owned(),
            brand: self.brand.clone(),
            today: self.today.clone(),
            pages: if needs_pages { pages() } else { PageUrls::default() },
            headers: OnceLock::new(),
            links: OnceLock::new(),
            missing: Mutex::default(),
            value_bytes: AtomicUsize::default(),
        }
    }

    fn is_measured(&self, data: &MergeData<'_>) -> bool {
        self.tracking == Tracking::Individual && data.tracked && !data.inert
    }

    fn link_target(
        &self,
        link: &Link,
        data: &MergeData<'_>,
        context: &Arc<RenderContext>,
    ) -> Result<LinkTarget, RenderError> {
        let (destination, missing) = match link.is_personal {
            false => (link.destination.clone(), BTreeSet::new()),
            true => {
                let rendered = self.templates.render(&link_template(link.position), context);
                let unset = context.take_missing();
                let rendered = rendered.map_err(|error| explain(&error, &unset))?;
                match self.checked_destination(link, &rendered.text) {
                    // A link that lacks a value is no link yet; the message is not sent.
                    Err(_) if !unset.is_empty() => return Ok(LinkTarget { url: String::new(), missing: unset }),
                    destination => (destination?, unset),
                }
            }
        };
        let url = match (self.is_measured(data), link.is_personal) {
            (false, _) => destination,
            (true, false) => link::click_url(&self.public_url, data.secret, link.position),
            (true, true) => link::personal_click_url(&self.public_url, data.secret, link.position, &destination),
        };
        Ok(LinkTarget { url, missing })
    }
}

impl EmailRenderer {
    /// A personal destination with its parameters. If its host comes from a value, the campaign must name the host.
    fn checked_destination(&self, link: &Link, destination: &str) -> Result<String, RenderError> {
        let refuse = |key| {
            let shown = destination.chars().take(200).collect::<String>();
            RenderError::Failed(Message::new(key).with("link", shown).with("limit", link::MAX_BYTES))
        };
        let url = link::parse_destination(destination).map_err(refuse)?;
        if link.has_open_host() && !self.link_settings.allows(&url) {
            return Err(refuse("link-host-other"));
        }
        Ok(self.link_settings.with_parameters(url.as_str()))
    }
}

/// The name of the template of a personal link's destination.
pub(super) fn link_template(position: usize) -> String {
    format!("link-{position}")
}

/// A template that fails while a field has no value fails for want of that value.
fn explain(error: &EngineError, missing: &BTreeSet<String>) -> RenderError {
    match (error, missing.first()) {
        (EngineError::Invalid(_), Some(field)) => RenderError::MissingField(field.clone()),
        _ => RenderError::Failed(error.message()),
    }
}

fn collapse_blank_lines(part: &RenderedPart) -> RenderedPart {
    let (mut blank_lines, mut collapsed) = (BlankLines::default(), RenderedPart::default());
    let mut start = 0;
    for end in &part.ends {
        collapsed.text.push_str(&blank_lines.collapse(&part.text[start..*end]));
        collapsed.ends.push(collapsed.text.len());
        start = *end;
    }
    collapsed
}
